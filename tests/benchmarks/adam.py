"""The time of one Adam step in float32 on one thread, beside torch's.

    python -m tests.benchmarks.adam

Of one array of 10,000,000 parameters, and of 100 models of 1,251 (a 2-32-32-3 network):
for torch once as 100 models of six tensors each, and once as six stacked tensors. All take
turns; each one's shortest time counts.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch

from optcli.optimizers.adam import Adam
from optcli.optimizers.stepper import Stepper

SHAPES = [(2, 32), (32,), (32, 32), (32,), (32, 3), (3,)]
SIZE = sum(map(math.prod, SHAPES))


def ours(replicas: int, size: int) -> Callable[[], object]:
    """A step of optcli's Adam."""
    x, g = np.random.default_rng(0).standard_normal((2, replicas, size), np.float32)
    stepper = Stepper([Adam()] * replicas, x, g)
    stepper.plan(1, 1)
    return lambda: stepper.step(0)


def theirs(shapes: Sequence[tuple[int, ...]], **kind: bool) -> Callable[[], object]:
    """A step of torch's Adam, of the kind that `foreach` or `fused` says."""
    parameters = [torch.randn(*shape).requires_grad_() for shape in shapes]
    for each in parameters:
        each.grad = torch.randn_like(each)
    return torch.optim.Adam(parameters, **kind).step


def measure(steps: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """The shortest time of each, in seconds."""
    shortest = dict.fromkeys(steps, math.inf)
    for _ in range(repeats):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            shortest[name] = min(shortest[name], time.perf_counter() - start)
    return shortest


def show(title: str, size: int, times: dict[str, float]) -> None:
    """Print each one's time, and optcli's over it."""
    print(title)
    for name, seconds in times.items():
        ratio = times["optcli"] / seconds
        print(f"  {name:24} {seconds / size * 1e9:6.2f} ns a parameter, ratio {ratio:.2f}")


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    many = 10_000_000
    steps = {
        "optcli": ours(1, many),
        "torch foreach (default)": theirs([(many,)], foreach=True),
        "torch fused": theirs([(many,)], fused=True),
    }
    show(f"1 x {many:,}", many, measure(steps, 20))
    stacked = [(100, *shape) for shape in SHAPES]
    steps = {
        "optcli": ours(100, SIZE),
        "torch foreach, stacked": theirs(stacked, foreach=True),
        "torch fused, stacked": theirs(stacked, fused=True),
        "torch foreach, 100 models": theirs(SHAPES * 100, foreach=True),
    }
    show(f"100 x {SIZE:,}", 100 * SIZE, measure(steps, 300))


if __name__ == "__main__":
    main()
