"""`optcli gradcheck`: check analytic against numerical gradients."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from optcli.cli import options
from optcli.cli.help import OUTPUT

EXAMPLES = (
    "optcli gradcheck softmax relu",
    "optcli gradcheck --config configs/iris.yaml",
)


def command(
    names: Annotated[
        list[str] | None,
        options.argument("NAME...", "Losses, layers, models, ... (default: all)"),
    ] = None,
    config: Annotated[
        Path | None,
        options.option(
            "Check the model and the loss of a config on its data", "--config", metavar="CONFIG"
        ),
    ] = None,
    set_: options.Set = None,
    fast: Annotated[
        bool, options.option("Check along random directions only, for large models", "--fast")
    ] = False,
    rtol: Annotated[
        float,
        options.option("Relative tolerance, at least 0", min=0, metavar="X"),
    ] = 1e-6,
    atol: Annotated[
        float,
        options.option(
            "Absolute tolerance in addition to rounding, at least 0", min=0, metavar="X"
        ),
    ] = 0.0,
    seed: Annotated[
        int, options.option("Seed of points and data, at least 0", "--seed", min=0, metavar="N")
    ] = 0,
    plots: Annotated[bool, options.option("Plot error against step size", "--plots")] = False,
    out: Annotated[
        Path | None,
        options.option(
            "Write the plot to this folder, which must be new or empty",
            "--out",
            metavar="DIR",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    overwrite: options.Overwrite = False,
    plugin: options.Plugin = None,
    quiet: options.Quiet = False,
    json: options.Json = False,
    debug: options.Debug = False,
) -> int:
    """Check analytic gradients against numerical ones.

    Check everything registered, the names given, or the model and loss of a config.
    Exit with 1 if a gradient is wrong or could not be checked.
    """
    from optcli.api import gradcheck
    from optcli.display.gradcheck import listener

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
    show = listener(chosen.case_sets, quiet, json, sys.stdout)
    found = gradcheck.gradcheck(chosen, lambda *checked: show(checked))
    show.finish(found.seconds, found.notes)
    return 0 if found.ok else 1
