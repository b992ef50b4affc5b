"""The large step beside its floor: 784-1024-1024-10, batch 512, Adam.

The floor is what no way of writing it avoids: the matrix products of the forward and the backward
pass through np.matmul into arrays that are there, and the bytes that Adam, the activations and the
batch move, at the bandwidth of np.copyto.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks import training
from tests.benchmarks.data import classes
from tests.benchmarks.processes import Bench, pinned, run
from tests.benchmarks.results import Row

FLOOR = Path(__file__).with_name("floor.py")


def rows(bench: Bench) -> Iterator[Row]:
    case, out = training.LARGE, bench.folder / "large"
    table, _ = classes(bench.folder, case.rows, case.columns, case.kinds)
    path = training.config(bench, case, table)

    def ours() -> float:
        bench.optcli("train", path, "--quiet", "--no-plots", out=out)
        return min(training.epochs(out)[0]) / (case.rows / case.batch)

    sides = {"step": ours, "floor": lambda: run([sys.executable, FLOOR], pinned(1)).said}
    found = bench.turns(sides)
    products = [1e3 * each["products"] for each in found["floor"]]
    whole = [1e3 * (each["products"] + each["bytes"]) for each in found["floor"]]
    step = [1e3 * each for each in found["step"]]
    yield Row(case.name, step, "the products alone", products, "ms", most=1.35)
    yield Row(case.name, step, "the floor: products and bytes", whole, "ms", most=1.05)
