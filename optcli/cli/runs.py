"""`optcli runs`: list, show, compare, verify and remove what was trained."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from optcli.cli import options

NAME = "runs"

app = typer.Typer(help="List, show, diff, verify and remove runs.", add_completion=False)

Moved = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="dataset.path=FILE: where the table is now."),
]
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the runs.")]


@app.command("list")
def list_(folder: Folder = Path("runs"), json: options.Json = False) -> int:
    """List runs, one a line; damaged ones are marked."""
    from optcli.api import runs
    from optcli.display import runs as display

    display.listed(runs.entries(folder), json=json, stream=sys.stdout)
    return 0


@app.command()
def show(run: options.Run, json: options.Json = False) -> int:
    """Show the results of a run, and its config."""
    from optcli.api import runs
    from optcli.display import runs as display

    found = runs.opened(run)
    display.shown(found, runs.settings(run), runs.measures(found), sys.stdout, json=json)
    return 0


@app.command()
def diff(run: options.Run, other: options.Run, json: options.Json = False) -> int:
    """Show how two runs differ in config and results."""
    from optcli.api import runs
    from optcli.display import runs as display

    display.differing(runs.diff(run, other), sys.stdout, json=json)
    return 0


@app.command()
def verify(
    run: options.Run,
    epochs: Annotated[
        int | None, typer.Option("--epochs", metavar="N", min=1, help="Only the first N epochs.")
    ] = None,
    set_: Moved = None,
    plugin: options.Plugin = None,
    json: options.Json = False,
) -> int:
    """Train a run again, and compare the bits.

    Exits with 1 where they do not agree.
    """
    from optcli.api.verify import verify as verified
    from optcli.display import runs as display

    options.load(plugin, quiet=False)
    found = verified(run, epochs, set_ or [])
    display.verified(found, sys.stdout, json=json)
    return 0 if found.agrees else 1


@app.command()
def remove(
    run: Annotated[list[Path], typer.Argument(metavar="RUN", help="Run folders.")],
) -> int:
    """Delete run folders.

    A folder that holds other things is left alone.
    """
    from optcli.api import runs

    for each in run:
        runs.remove(each)
    return 0
