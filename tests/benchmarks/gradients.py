"""gradcheck: every parameter of a network, 32 rows, float64, beside torch.autograd.gradcheck.

Inside the process, from the first evaluation to the verdict, and the whole process. torch's slow
mode perturbs every parameter, as optcli does; its fast mode is one random direction, as --fast.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.benchmarks.data import classes
from tests.benchmarks.processes import Bench
from tests.benchmarks.results import Row

CASES = {"2,000": ([20, 40, 24, 7], 10.0), "20,000": ([64, 128, 80, 10], 6.0)}


def rows(bench: Bench) -> Iterator[Row]:
    for name, (sizes, wanted) in CASES.items():
        yield from check(bench, name, sizes, wanted)


def check(bench: Bench, name: str, sizes: list[int], wanted: float) -> Iterator[Row]:
    table, _ = classes(bench.folder, 600, sizes[0], sizes[-1])
    path = bench.config(
        f"gradients-{sizes[0]}",
        f"""\
dataset: {{name: csv, path: {table}, target: y, standardize: false}}
model: {{name: mlp, hidden: {sizes[1:-1]}}}
loss: cross_entropy
optimizer: adam
""",
    )
    entries = []

    def ours(*more: str) -> tuple[float, float]:
        ran = bench.optcli("gradcheck", "--config", path, "--json", *more)
        if not more:
            entries.append(ran.said["entries"])
        return ran.said["seconds"], ran.seconds

    def torch(fast: bool) -> tuple[float, float]:
        ran = bench.peer("torch_gradcheck", sizes=sizes, rows=32, fast=fast)
        if not ran.said["right"]:
            raise SystemExit("torch finds its own gradient wrong")
        return ran.said["seconds"], ran.seconds

    found = bench.turns(
        {
            "all": ours,
            "torch": lambda: torch(fast=False),
            "fast": lambda: ours("--fast"),
            "torch, fast": lambda: torch(fast=True),
        },
        min(bench.rounds, 3),
    )
    note = f"{entries[-1]:,} entries of the gradient"
    for side, peer, what in (("all", "torch", "slow"), ("fast", "torch, fast", "fast")):
        for part, where in enumerate(("inside", "whole process")):
            own, other = ([each[part] for each in found[one]] for one in (side, peer))
            bar = wanted if (side, part) == ("all", 0) else None
            work = f"{name} parameters{', --fast' * (side == 'fast')}, {where}"
            yield Row(work, own, f"torch, {what} mode", other, "s", bar, note)
            note = ""
