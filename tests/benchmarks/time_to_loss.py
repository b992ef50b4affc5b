"""Time to the validation loss that torch's and scikit-learn's defaults reach in 30 epochs.

A network with hidden layers of 64 and 32, the same training and validation rows. The peer trains
with the defaults of its Adam (scikit-learn in batches of 200, its own default, torch of 32) for
30 epochs; optcli with its defaults until its validation loss is as low. Where it is not in 200
epochs, its time is infinite. Each row is the median over six tables: of whole processes, of the
same without imports (from the table to be read to the model), and of the steps that were taken.
"""

from __future__ import annotations

import csv
import math
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.data import classes
from tests.benchmarks.processes import Bench, pinned, run
from tests.benchmarks.results import Row

# Rows, columns and classes.
TABLES = ((600, 6, 2), (1500, 12, 3), (3000, 20, 4), (6000, 30, 5), (10000, 16, 2), (20000, 40, 8))
WANTED = {"torch": (4, 2, 1), "sklearn": (2, 1.5, 1)}
WHAT = (("whole process", "s"), ("without imports", "s"), ("steps", ""))
PEERS = {"torch": "torch", "sklearn": "scikit-learn"}
BATCH = {"torch": 32, "sklearn": 200}
EPOCHS, MOST = 30, 200
# What a process of each imports; it is subtracted as a process that does nothing else.
IMPORTS = {
    "optcli": "import optcli.cli.commands, optcli.api.train, optcli.display.train",
    "torch": "import numpy, pandas, torch",
    "sklearn": "import numpy, pandas\nfrom sklearn import metrics, neural_network, preprocessing",
}


def rows(bench: Bench) -> Iterator[Row]:
    for peer, wanted in WANTED.items():
        pairs = [on_table(bench, peer, *table) for table in TABLES]
        for part, ((what, unit), bar) in enumerate(zip(WHAT, wanted, strict=True)):
            ours, theirs = ([side[part] for side in sides] for sides in zip(*pairs, strict=True))
            ratios = ", ".join(f"{b / a:.1f}" for a, b in zip(ours, theirs, strict=True))
            note = f"ratios of the tables: {ratios}"
            yield Row(f"{what}, {len(TABLES)} tables", ours, PEERS[peer], theirs, unit, bar, note)


def halves(bench: Bench, count: int, columns: int, kinds: int) -> tuple[Path, Path]:
    """A table in two files: four fifths to train on, the rest to validate."""
    table, _ = classes(bench.folder, count, columns, kinds)
    head, *lines = table.read_text().splitlines(keepends=True)
    parts = (table.with_suffix(".train.csv"), table.with_suffix(".validation.csv"))
    cut = len(lines) * 4 // 5
    for path, own in zip(parts, (lines[:cut], lines[cut:]), strict=True):
        path.write_text("".join([head, *own]))
    return parts


def on_table(
    bench: Bench, peer: str, count: int, columns: int, kinds: int
) -> tuple[list[float], list[float]]:
    """What optcli and the peer took of each of WHAT."""
    train, validation = halves(bench, count, columns, kinds)
    out, batch, used = bench.folder / "time", BATCH[peer], count * 4 // 5

    def by_peer(epochs: int) -> tuple[list[float], list[float]]:
        given = {"train": train, "validation": validation, "batch": batch, "epochs": epochs}
        ran = bench.peer(f"{peer}_time", **given)
        steps = epochs * -(-used // batch)
        loaded = run([bench.peers, "-c", IMPORTS[peer]], pinned(1)).seconds
        return [ran.seconds, ran.seconds - loaded, steps], ran.said["losses"]

    def ours(epochs: int) -> tuple[list[float], list[float]]:
        path = bench.config(
            "time",
            f"""\
dataset: {{name: csv, path: {train}, target: y}}
split: {{validation: {validation}}}
model: {{name: mlp, hidden: [64, 32]}}
loss: cross_entropy
optimizer: adam
training: {{epochs: {epochs}}}
""",
        )
        ran = bench.optcli("train", path, "--quiet", "--no-plots", out=out)
        loaded = run([sys.executable, "-c", IMPORTS["optcli"]], pinned(1)).seconds
        with (out / "history.csv").open() as file:
            losses = [float(row["validation_loss"]) for row in csv.DictReader(file)]
        return [ran.seconds, ran.seconds - loaded, epochs * -(-used // 32)], losses

    _, losses = by_peer(EPOCHS)
    low = [epoch for epoch, loss in enumerate(ours(MOST)[1], 1) if loss <= losses[-1]]
    found = bench.turns(
        {
            "ours": lambda: ours(low[0])[0] if low else [math.inf] * len(WHAT),
            "peer": lambda: by_peer(EPOCHS)[0],
        },
        min(bench.rounds, 3),
    )
    own, other = (
        [statistics.median(part) for part in zip(*found[side], strict=True)]
        for side in ("ours", "peer")
    )
    return own, other
