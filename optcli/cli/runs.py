"""`optcli runs`: list, show, compare, verify and remove what was trained."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from optcli.cli import help as pages
from optcli.cli import options

app = pages.group(
    "List, show, diff, verify and remove runs.",
    "optcli runs list",
    "optcli runs show runs/iris",
)

Moved = Annotated[
    list[str] | None,
    options.option(
        "New path of a table that has moved: dataset.path=FILE", "--set", metavar="KEY=VALUE"
    ),
]
Folder = Annotated[Path, options.argument("DIR", "Folder with the runs (default: runs)")]


@app.command("list", cls=pages.Command, epilog="optcli runs list")
def list_(folder: Folder = Path("runs"), json: options.Json = False) -> int:
    """List runs, one per line, and mark damaged ones."""
    from optcli.api import runs
    from optcli.display import runs as display

    display.listed(runs.entries(folder), json=json, stream=sys.stdout)
    return 0


@app.command(cls=pages.Command, epilog="optcli runs show runs/iris")
def show(run: options.Run, json: options.Json = False) -> int:
    """Show the results and the config of a run."""
    from optcli.api import runs
    from optcli.display import runs as display

    found = runs.opened(run)
    display.shown(found, runs.settings(run), runs.measures(found), sys.stdout, json=json)
    return 0


@app.command(cls=pages.Command, epilog="optcli runs diff runs/iris runs/other")
def diff(run: options.Run, other: options.Run, json: options.Json = False) -> int:
    """Show how two runs differ in config and results."""
    from optcli.api import runs
    from optcli.display import runs as display

    display.differing(runs.diff(run, other), sys.stdout, json=json)
    return 0


@app.command(cls=pages.Command, epilog="optcli runs verify runs/iris --epochs 5")
def verify(
    run: options.Run,
    epochs: Annotated[
        int | None,
        options.option(
            "Verify only the first N epochs, at least 1", "--epochs", metavar="N", min=1
        ),
    ] = None,
    set_: Moved = None,
    plugin: options.Plugin = None,
    json: options.Json = False,
) -> int:
    """Train a run again and compare the results bit for bit.

    Exit with 1 if they differ.
    """
    from optcli.api.verify import verify as verified
    from optcli.display import runs as display

    options.load(plugin, quiet=False)
    found = verified(run, epochs, set_ or [])
    display.verified(found, sys.stdout, json=json)
    return 0 if found.agrees else 1


@app.command(cls=pages.Command, epilog="optcli runs remove runs/other")
def remove(
    run: Annotated[list[Path], options.argument("RUN...", "Run folders")],
) -> int:
    """Delete run folders.

    Refuse to delete a folder that holds files of other programs.
    """
    from optcli.api import runs

    for each in run:
        runs.remove(each)
    return 0
