"""One Adam step, float32: of one array of parameters, and of 100 models of 1,251 parameters each.

The shortest step of each process. The 100 models are 2-32-32-3 networks; torch steps six stacked
tensors, or 600.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.processes import Bench, pinned, run
from tests.benchmarks.results import Row

OWN = Path(__file__).with_name("own_step.py")
CASES = {
    "1 x 10,000": ("foreach", "fused"),
    "1 x 1,000,000": ("foreach", "fused"),
    "1 x 10,000,000": ("foreach", "fused"),
    "100 x 1,251": ("foreach, stacked", "fused, stacked", "foreach, 100 models"),
}


def rows(bench: Bench) -> Iterator[Row]:
    sides = {
        "optcli": lambda: run([sys.executable, OWN], pinned(1)).said,
        "torch": lambda: bench.peer("torch_adam").said,
    }
    found = bench.turns(sides, min(bench.rounds, 3))
    for case, kinds in CASES.items():
        ours = [1e6 * each[case] for each in found["optcli"]]
        for kind in kinds:
            theirs = [1e6 * each[f"{case} {kind}"] for each in found["torch"]]
            yield Row(f"Adam, {case}", ours, f"torch, {kind}", theirs, "µs")
