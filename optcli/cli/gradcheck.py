"""`optcli gradcheck`: check analytic against numerical gradients."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from optcli.cli import options

NAME = "gradcheck"


def command(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="Losses, layers, models, …; by default all."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="CONFIG", help="Check the model and loss of a config, on its data."
        ),
    ] = None,
    set_: options.Set = None,
    fast: Annotated[
        bool, typer.Option("--fast", help="Check along random directions; for large models.")
    ] = False,
    rtol: Annotated[
        float,
        typer.Option(min=0, metavar="X", help="Relative error that passes."),
    ] = 1e-6,
    atol: Annotated[
        float, typer.Option(min=0, metavar="X", help="Absolute error that passes, beyond rounding.")
    ] = 0.0,
    seed: Annotated[
        int, typer.Option("--seed", min=0, metavar="N", help="Seed of the points and data.")
    ] = 0,
    plots: Annotated[bool, typer.Option("--plots", help="Draw error against step size.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="Folder for the picture of --plots; must be new or empty."
        ),
    ] = None,
    overwrite: options.Overwrite = False,
    plugin: options.Plugin = None,
    quiet: options.Quiet = False,
    json: options.Json = False,
    debug: options.Debug = False,
) -> int:
    """Check analytic against numerical gradients.

    By default all that optcli has; else what is named, or the parts of a config.
    Exits with 1 where one is wrong or could not be checked.
    """
    from optcli.api import gradcheck
    from optcli.display.gradcheck import pick

    options.load(plugin, quiet=quiet)
    chosen = gradcheck.checks(
        names or [],
        config,
        options.overrides(set_, None),
        fast=fast,
        rtol=rtol,
        atol=atol,
        seed=seed,
        plots=plots,
        out=out,
        overwrite=overwrite,
    )
    show = pick(chosen.case_sets, json=json, quiet=quiet, stream=sys.stdout)
    found = gradcheck.gradcheck(chosen, show.add)
    show.finish(found.seconds, found.notes)
    return 0 if found.ok else 1
