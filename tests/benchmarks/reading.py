"""A table of 1,000,000 rows and 28 columns: from the CSV to a written model, three passes.

A logistic regression by mini-batches of 256; scikit-learn's SGDClassifier and Vowpal Wabbit go
sample by sample. Whole processes, and their peak memory.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace

from tests.benchmarks.data import for_wabbit, two_classes
from tests.benchmarks.processes import Bench, Ran
from tests.benchmarks.results import Row, agree

ROWS, COLUMNS = 1_000_000, 28
BOUND = 200.0  # MB, of the streamed way


def rows(bench: Bench) -> Iterator[Row]:
    table = two_classes(bench.folder, ROWS, COLUMNS)
    wabbit = for_wabbit(table)
    cache, out = bench.folder / "cache", bench.folder / "reading"
    path = bench.config(
        "reading",
        f"""\
dataset: {{name: csv, path: {table}, target: y}}
split: {{validation: 0, test: 0}}
model: {{name: linear, init: zeros}}
loss: binary_cross_entropy
optimizer: {{name: sgd, lr: 0.1}}
schedule: cosine
training: {{epochs: 3, batch_size: 256}}
""",
    )
    losses: dict[str, float] = {}

    def ours(*more: str, again: bool = False) -> Ran:
        if not again:
            shutil.rmtree(cache, ignore_errors=True)
        words = ("train", path, "--quiet", "--no-plots", "--cache", cache, *more)
        ran = bench.optcli(*words, out=out)
        losses["optcli"] = json.loads((out / "summary.json").read_text())["final"]["train_loss"]
        return ran

    def sklearn(reader: str) -> Ran:
        model = bench.folder / "model.joblib"
        ran = bench.peer("sklearn_table", data=table, reader=reader, passes=3, model=model)
        losses["scikit-learn"] = ran.said["loss"]
        return replace(ran, seconds=ran.seconds - ran.said["aside"])  # to measure the loss

    found = bench.turns(
        {
            "first": ours,
            "again": lambda: ours(again=True),
            "streamed": lambda: ours("--set", "dataset.stream=true"),
            "pandas": lambda: sklearn("pandas"),
            "polars": lambda: sklearn("polars"),
            "wabbit": lambda: bench.peer("vw_table", data=wabbit, passes=3, folder=bench.folder),
        },
        min(bench.rounds, 3),
    )
    seconds = {name: [each.seconds for each in ran] for name, ran in found.items()}
    note = agree(losses, 1.1)
    peers = {
        "pandas": "scikit-learn, read by pandas",
        "polars": "scikit-learn, read by polars",
        "wabbit": "Vowpal Wabbit, from its own format",
    }
    for side, what, wanted in (("first", "first time", 1.25), ("again", "again", 1.8)):
        for key, peer in peers.items():
            if (key, side) == ("wabbit", "again"):  # it reads the text each time
                continue
            bar = wanted if key == "pandas" else None
            yield Row(f"table, {what}", seconds[side], peer, seconds[key], "s", bar, note)
            note = ""
    for side in ("first", "streamed"):
        peak, pandas = ([each.peak for each in found[name]] for name in (side, "pandas"))
        yield Row(f"peak memory, {side}", peak, peers["pandas"], pandas, "MB")
    bound = [BOUND] * len(peak)
    yield Row("peak memory, streamed", peak, "the bound", bound, "MB", most=1)
