"""Whole processes: from the table to the written run with its plots.

Beside it a torch script that does the same by hand: reads the table, prepares it, trains for as
many epochs, keeps the best epoch, writes model and history, and draws the loss curves and the
confusion matrix. Without plots also beside such a script with scikit-learn.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.benchmarks.processes import CONFIGS, Bench
from tests.benchmarks.results import Row, agree

TABLES = {"iris": "iris.csv", "penguins": "penguins.csv", "digits": "digits.csv.gz"}
WANTED = {"iris": 3.2, "penguins": 3.6, "digits": 2.5}


def rows(bench: Bench) -> Iterator[Row]:
    for name, table in TABLES.items():
        yield from whole(bench, name, str(CONFIGS / "data" / table))


def whole(bench: Bench, name: str, table: str) -> Iterator[Row]:
    out = bench.folder / name
    summary = {}

    def ours(*more: str) -> float:
        ran = bench.optcli("train", CONFIGS / f"{name}.yaml", "--quiet", *more, out=out)
        summary.update(json.loads((out / "summary.json").read_text()))
        losses["optcli"] = summary["best"]["validation_loss"]
        return ran.seconds

    losses: dict[str, float] = {}
    ours()  # says how many epochs it takes

    def script(peer: str, plots: bool) -> float:
        given = {"name": name, "data": table, "epochs": summary["epochs"], "plots": plots}
        ran = bench.peer(f"{peer}_whole", out=bench.folder / peer, **given)
        if peer == "torch":
            losses["torch"] = ran.said["best"]
        return ran.seconds

    sides = {
        "plots": ours,
        "plain": lambda: ours("--no-plots"),
        "torch, plots": lambda: script("torch", True),
        "torch": lambda: script("torch", False),
    }
    if name != "digits":
        sides["sklearn"] = lambda: script("sklearn", False)
    found = bench.turns(sides)
    note = agree(losses, 2, small=0.05) + f" (best of {summary['epochs']} epochs)"
    with_plots = f"{name}, with plots"
    yield Row(
        with_plots,
        found["plots"],
        "torch, two plots",
        found["torch, plots"],
        "s",
        WANTED[name],
        note,
    )
    yield Row(f"{name}, no plots", found["plain"], "torch", found["torch"])
    if "sklearn" in found:
        yield Row(f"{name}, no plots", found["plain"], "scikit-learn", found["sklearn"])
