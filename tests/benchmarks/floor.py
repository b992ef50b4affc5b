"""Seconds of the matrix products of a step of 784-1024-1024-10, batch 512, and of its bytes."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Sequence

import numpy as np

SIZES, BATCH = (784, 1024, 1024, 10), 512
REPEATS = 15


def shortest(work: Callable[[], object]) -> float:
    """Seconds of the fastest of several repeats."""
    found = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return min(found)


def random(shapes: Sequence[tuple[int, ...]]) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape, np.float32) for shape in shapes]


def main() -> None:
    layers = list(itertools.pairwise(SIZES))
    weights, slopes = random(layers), random(layers)
    values, wanted = (random([(BATCH, size) for size in SIZES]) for _ in range(2))

    def products() -> None:
        for i, w in enumerate(weights):
            np.matmul(values[i], w, out=values[i + 1])
        for i in reversed(range(len(weights))):
            np.matmul(values[i].T, wanted[i + 1], out=slopes[i])
            if i:
                np.matmul(wanted[i + 1], weights[i].T, out=wanted[i])

    parameters = sum(a * b + b for a, b in layers)
    # Adam reads x, g, m, v and writes x, m, v; each hidden layer's values and gradients are
    # written and read twice; a batch is read from the table and written.
    moved = 4 * (7 * parameters + 8 * BATCH * sum(SIZES[1:-1]) + 2 * BATCH * SIZES[0])
    source = np.ones(16_000_000, np.float32)
    target = np.empty_like(source)
    bandwidth = 2 * source.nbytes / shortest(lambda: np.copyto(target, source))
    print(json.dumps({"products": shortest(products), "bytes": moved / bandwidth}))


if __name__ == "__main__":
    main()
