"""Memory of a large model: the peak of its training over that of a tiny one.

Beside it what cannot be done without: parameters, gradients and Adam's two moments, and a batch.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from tests.benchmarks.data import classes
from tests.benchmarks.processes import Bench
from tests.benchmarks.results import Row

COLUMNS, KINDS, BATCH = 64, 10, 64
HIDDEN = [2048, 2048, 2048]


def rows(bench: Bench) -> Iterator[Row]:
    table, _ = classes(bench.folder, 640, COLUMNS, KINDS)

    def peak(hidden: list[int]) -> float:
        path = bench.config(
            "memory",
            f"""\
dataset: {{name: csv, path: {table}, target: y}}
model: {{name: mlp, hidden: {hidden}}}
loss: cross_entropy
optimizer: adam
training: {{epochs: 2, batch_size: {BATCH}}}
""",
        )
        out = bench.folder / "memory"
        return bench.optcli("train", path, "--quiet", "--no-plots", out=out).peak

    found = bench.turns(
        {"large": lambda: peak(HIDDEN), "tiny": lambda: peak([2])}, min(bench.rounds, 3)
    )
    over = [a - b for a, b in zip(found["large"], found["tiny"], strict=True)]
    sizes = [COLUMNS, *HIDDEN, KINDS]
    parameters = sum(a * b + b for a, b in itertools.pairwise(sizes))
    least = 4 * (4 * parameters + BATCH * COLUMNS) / 2**20
    note = f"{parameters:,} parameters"
    yield Row("peak", over, "what is needed", [least] * len(over), "MB", note=note, most=1.6)
