"""`optcli predict`: what a trained run makes of new rows."""

from __future__ import annotations

import sys
from typing import Annotated

from optcli.cli import options
from optcli.cli.help import OUTPUT
from optcli.core.errors import Fault, InvalidInput

EXAMPLES = (
    "optcli predict runs/iris configs/data/iris.csv",
    "optcli predict runs/iris configs/data/iris.csv -o out.csv",
)

File = Annotated[
    str | None,
    options.option(
        "Write a .csv, .csv.gz, .tsv, .parquet or .ndjson file; - is standard output",
        "-o",
        "--output",
        metavar="FILE",
        rich_help_panel=OUTPUT,
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
    done, say = load_run(run), said(quiet=quiet, stream=sys.stderr)
    if output is None or stdout:
        found = done.predictions(data, say)
        quiet = quiet and not stdout
        display.predictions(found, None, quiet=quiet, json=json, stream=sys.stdout, safe=safe_csv)
        return 0
    outputs.check(output, done.table_paths(), "a table that the run was trained on")
    found = done.predictions(data, say)
    outputs.write(output, display.packed(found, form, safe=safe_csv))
    display.predictions(found, output, quiet=quiet, json=json, stream=sys.stdout)
    return 0
