"""`optcli predict`: what a trained run makes of new rows."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from optcli.cli import options

NAME = "predict"

File = Annotated[
    str | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        help="Write a file: .csv, .csv.gz, .tsv, .parquet, .ndjson; - is standard output.",
    ),
]


def command(
    run: options.Run,
    data: options.Data,
    output: File = None,
    plugin: options.Plugin = None,
    quiet: options.Quiet = False,
    json: options.Json = False,
    debug: options.Debug = False,
) -> int:
    """Predict new rows with a trained run.

    Prints CSV: each prediction and, for classes, the probabilities. Columns that
    the run does not know are left out.
    """
    from optcli import display
    from optcli.api.predict import load as load_run
    from optcli.storage import outputs

    options.load(plugin, quiet=quiet)
    stdout = output is not None and outputs.is_stdout(output)
    if output is not None and not stdout:
        outputs.check(output, [data])
        form = outputs.suffix(output, display.FORMS)
    done, say = load_run(run), display.say(quiet=quiet, stream=sys.stderr)
    if output is None or stdout:
        found = done.predictions(data, say)
        display.predictions(found, None, quiet=quiet and not stdout, json=json, stream=sys.stdout)
        return 0
    outputs.check(output, done.table_paths(), "a table that the run was trained on")
    found = done.predictions(data, say)
    outputs.write(output, display.packed(found, form))
    display.predictions(found, output, quiet=quiet, json=json, stream=sys.stdout)
    return 0
