"""`optcli predict`: what a trained run makes of new rows."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from typing import Annotated

from optcli.cli import options
from optcli.cli.help import OUTPUT
from optcli.core.errors import Fault, InvalidInput

EXAMPLES = (
    "optcli predict runs/iris configs/data/iris.csv",
    "optcli predict runs/iris configs/data/iris.csv --keep all -o out.csv",
)

File = Annotated[
    str | None,
    options.option(
        "Write a .csv, .tsv, .ndjson, .parquet or .arrow file; - is standard output",
        "-o",
        "--output",
        metavar="FILE",
        rich_help_panel=OUTPUT,
    ),
]
Keep = Annotated[
    list[str] | None,
    options.option(
        "Write these columns of DATA before the predictions, or all; repeatable",
        "--keep",
        metavar="COLUMN,...",
        rich_help_panel=OUTPUT,
    ),
]
Threshold = Annotated[
    float | None,
    options.option(
        "Predict the positive class, or a label, above this probability",
        "--threshold",
        metavar="P",
    ),
]
SafeCsv = Annotated[
    bool,
    options.option(
        "In CSV and TSV, put ' before texts that spreadsheets take for formulas (= + - @)",
        "--safe-csv",
        rich_help_panel=OUTPUT,
    ),
]


def command(
    run: options.Run,
    data: options.Data,
    output: File = None,
    keep: Keep = None,
    threshold: Threshold = None,
    safe_csv: SafeCsv = False,
    plugin: options.Plugin = None,
    quiet: options.Quiet = False,
    json: options.Json = False,
    debug: options.Debug = False,
) -> int:
    """Predict new rows with a trained run.

    Print CSV with the predictions and, for classes, their probabilities. Ignore columns that
    the run was not trained on.
    """
    from optcli.api.predict import load as load_run
    from optcli.data.targets import check_probability
    from optcli.display import predict as display
    from optcli.display.faults import say as said
    from optcli.storage import outputs

    options.load(plugin, quiet=quiet)
    stdout = output is not None and outputs.is_stdout(output)
    if output is not None and not stdout:
        outputs.check(output, [data])
        form = outputs.suffix(output, display.FORMS)
    if safe_csv and (json or (form if output and not stdout else ".csv") not in display.TEXTS):
        raise InvalidInput(Fault("is for CSV and TSV; leave it out", "--safe-csv"))
    check_probability(threshold)
    kept = _columns(keep or [])
    done, say = load_run(run), said(quiet=quiet, stream=sys.stderr)
    done.check_threshold(threshold)
    if output is None or stdout:
        found = done.predictions(data, say, keep=kept, threshold=threshold)
        quiet = quiet and not stdout
        display.predictions(found, quiet=quiet, json=json, stream=sys.stdout, safe=safe_csv)
        return 0
    outputs.check(output, done.table_paths(), "a table that the run was trained on")
    rows = done.predict_to(data, output, say, keep=kept, threshold=threshold, safe_csv=safe_csv)
    display.written(rows, output, quiet=quiet, json=json, stream=sys.stdout)
    return 0


def _columns(keep: list[str]) -> Sequence[str]:
    """The names of columns to keep, or `all`; a name with a comma is quoted, as in CSV."""
    if keep == ["all"]:
        return "all"
    return [name for row in csv.reader(keep, skipinitialspace=True) for name in row if name]
