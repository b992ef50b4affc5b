"""`optcli lr-find`: a learning-rate range test."""

from __future__ import annotations

import sys
from typing import Annotated

from optcli.cli import options

EXAMPLES = (
    "optcli lr-find configs/iris.yaml --plot",
    "optcli lr-find config.yaml --write",
)


def command(
    config: options.Config,
    min_lr: Annotated[
        float, options.option("Learning rate of the first step", "--min-lr", metavar="LR")
    ] = 1e-6,
    max_lr: Annotated[
        float, options.option("Learning rate of the last step", "--max-lr", metavar="LR")
    ] = 100.0,
    steps: Annotated[
        int, options.option("Number of steps, 20 to 10,000", "--steps", metavar="N")
    ] = 200,
    seeds: Annotated[int, options.option("Number of seeds, 1 to 100", "--seeds", metavar="N")] = 5,
    write: Annotated[
        bool, options.option("Set optimizer.lr in the config to the suggestion", "--write")
    ] = False,
    plot: Annotated[bool, options.option("Also draw the losses", "--plot")] = False,
    output: Annotated[
        str | None,
        options.option(
            "Picture to write: .png, .svg or .pdf (default: lr-find-CONFIG.png)",
            "--output",
            "-o",
            metavar="FILE",
        ),
    ] = None,
    set_: options.Set = None,
    seed: options.Seed = None,
    cache: options.Cache = None,
    plugin: options.Plugin = None,
    quiet: options.Quiet = False,
    json: options.Json = False,
    debug: options.Debug = False,
) -> int:
    """Find a learning rate by a range test.

    Train for a few steps with a learning rate that grows geometrically from step to step, from
    several seeds at once. Show the median loss by rate and where training diverges, and suggest
    a rate and an interval. The config's schedule is left out of the test. Exit with 1 if the loss
    did not fall at any rate.
    """
    from optcli.api import lr_find
    from optcli.display import lr_find as display
    from optcli.storage import outputs

    options.load(plugin, quiet=quiet)
    drawn = output or (f"lr-find-{config.stem}.png" if plot else None)
    if drawn is not None:
        kind = outputs.check_picture(drawn, [config], "the config itself")
    found = lr_find.lr_find(
        config,
        options.overrides(set_, seed, cache),
        min_lr=min_lr,
        max_lr=max_lr,
        steps=steps,
        seeds=seeds,
        write=write,
    )
    if drawn is not None:
        from optcli.plots import render

        outputs.write(drawn, render(found.plot(), kind))
    summary = lr_find.summary(found)
    display.show(summary, found.test, drawn, quiet=quiet, json=json, stream=sys.stdout)
    return 0 if found.suggestion else 1
