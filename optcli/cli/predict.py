"""`optcli predict`: what a trained run makes of new rows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from optcli.cli import options

NAME = "predict"

File = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write a CSV file instead.")
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
    from optcli import display, files, runs
    from optcli.plugins import load

    load(plugin or [])
    found = runs.load(run).predictions(data)
    if output is not None:
        files.write(output, display.as_csv(found).encode())
    display.predictions(found, output, quiet=quiet, json=json, stream=sys.stdout)
    return 0
