"""Predictions of 1,000,000 rows of 28 columns, from CSV to CSV: whole processes and peak memory."""

from __future__ import annotations

from collections.abc import Iterator

from tests.benchmarks.data import two_classes
from tests.benchmarks.processes import Bench, Ran
from tests.benchmarks.results import Row

ROWS, COLUMNS = 1_000_000, 28
BOUND = 250.0  # MB


def rows(bench: Bench) -> Iterator[Row]:
    table, few = two_classes(bench.folder, ROWS, COLUMNS), two_classes(bench.folder, 5000, COLUMNS)
    run, model = bench.folder / "predicting", bench.folder / "few.joblib"
    path = bench.config(
        "predicting",
        f"""\
dataset: {{name: csv, path: {few}, target: y}}
model: linear
loss: binary_cross_entropy
optimizer: adam
training: {{epochs: 2}}
""",
    )
    bench.optcli("train", path, "--quiet", "--no-plots", out=run)
    bench.peer("sklearn_table", data=few, reader="polars", passes=3, model=model)
    out = bench.folder / "predicted.csv"

    def ours() -> Ran:
        out.unlink(missing_ok=True)
        return bench.optcli("predict", run, table, "-o", out)

    def sklearn(reader: str) -> Ran:
        return bench.peer("sklearn_predict", data=table, model=model, reader=reader, out=out)

    found = bench.turns(
        {
            "ours": ours,
            "polars": lambda: sklearn("polars"),
            "pandas": lambda: sklearn("pandas"),
        },
        min(bench.rounds, 3),
    )
    for reader, wanted in (("polars", 1.4), ("pandas", None)):
        ours_, theirs = ([each.seconds for each in found[side]] for side in ("ours", reader))
        yield Row("predict", ours_, f"scikit-learn, {reader}", theirs, "s", wanted)
    ours_, theirs = ([each.peak for each in found[side]] for side in ("ours", "polars"))
    yield Row("peak memory", ours_, "scikit-learn, polars", theirs, "MB")
    yield Row("peak memory", ours_, "the bound", [BOUND] * len(ours_), "MB", most=1)
