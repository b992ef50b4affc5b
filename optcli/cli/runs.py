"""`optcli runs`: list, show, plot, compare, verify, merge and remove what was trained."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from optcli.cli import help as pages
from optcli.cli import options
from optcli.cli.compare import Jobs
from optcli.cli.help import OUTPUT
from optcli.core.errors import OptcliError

app = pages.group(
    "List, show, plot, diff, verify, merge and remove runs.",
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


@app.command(cls=pages.Command, epilog="optcli runs plot runs/iris runs/other --x seconds --log")
def plot(
    run: Annotated[list[Path], options.argument("RUN...", "Run folders")],
    output: Annotated[
        str,
        options.option("Picture to write: .png, .svg or .pdf", "--output", "-o", metavar="FILE"),
    ] = "runs.png",
    x: Annotated[
        str, options.option("Horizontal axis", "--x", metavar="epoch|step|seconds|rows")
    ] = "epoch",
    y: Annotated[
        str,
        options.option(
            "Loss, a metric, or a column of history.csv such as train_loss", "--y", metavar="NAME"
        ),
    ] = "loss",
    log: Annotated[
        bool | None,
        options.option(
            "Logarithmic vertical axis or not (default: by the values)", "--log/--linear"
        ),
    ] = None,
    json: options.Json = False,
) -> int:
    """Plot several runs over one another."""
    from optcli.api.overlay import overlay
    from optcli.display.picture import plotted
    from optcli.plots import render
    from optcli.storage import outputs

    kind = outputs.check_picture(output)
    outputs.write(output, render(overlay(run, x, y, log), kind))
    plotted(output, sys.stdout, json=json)
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


@app.command(cls=pages.Command, epilog="optcli runs merge shards/1 shards/2 --out runs/whole")
def merge(
    shards: Annotated[list[Path], options.argument("SHARD...", "Folders of all shards")],
    out: Annotated[
        Path | None,
        options.option(
            "Write to this folder, new or empty", "--out", metavar="DIR", rich_help_panel=OUTPUT
        ),
    ] = None,
    mixed: Annotated[
        bool,
        options.option("Merge shards of machines whose bits may differ", "--mixed"),
    ] = False,
    jobs: Jobs = None,
    set_: Moved = None,
    plugin: options.Plugin = None,
    overwrite: options.Overwrite = False,
    plots: options.Plots = None,
    no_plots: options.NoPlots = False,
    quiet: options.Quiet = False,
    json: options.Json = False,
) -> int:
    """Merge the shards of a comparison or a search.

    The folder is that of the whole, to the bit, but for times. Of a comparison nothing is trained
    but what the relative time of a step takes; of a search, the rounds that no shard has done, and
    the model. Exit with 1 if a condition of --fail-unless or --fail-if failed, or if every setting
    diverged.
    """
    from optcli.api.merge import merge as merged
    from optcli.api.tune import SavedSearch
    from optcli.comparison.gate import failures
    from optcli.display import compare, tune
    from optcli.storage import kinds

    options.load(plugin, quiet=quiet)
    search = kinds.guessed(shards[0]) == kinds.TUNE_SHARD
    listener = (tune if search else compare).listener(quiet, json, sys.stdout)
    try:
        found = merged(
            shards,
            out,
            set_ or [],
            mixed=mixed,
            overwrite=overwrite,
            plots=options.plots(plots, no_plots),
            listener=listener,
            jobs=jobs,
        )
    finally:
        listener.close()
    if isinstance(found, SavedSearch):
        return 0
    if failed := failures(found.summaries):
        raise OptcliError(*failed)
    return 0


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
