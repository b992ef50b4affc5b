"""`optcli landscape`: the loss around what runs have found."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from optcli.cli import options

EXAMPLES = (
    "optcli landscape runs/iris",
    "optcli landscape runs/compare-iris --plane path --animate",
)

Runs = Annotated[
    list[Path],
    options.argument("RUN...", "Run folders of one model, or the folder of a comparison"),
]
Plane = Annotated[
    str | None,
    options.option(
        "Directions of the map (default: random for one run, else ends)",
        "--plane",
        metavar="random|ends|path",
    ),
]
Radius = Annotated[
    float | None,
    options.option(
        "Half the width of the map: of random directions in units of the filters' norms, "
        "else of the default width (default: 1)",
        "--radius",
        metavar="X",
    ),
]
Points = Annotated[
    int, options.option("Points of the grid along each side, 3 to 501", "--points", metavar="N")
]
Rows = Annotated[
    int,
    options.option("Rows of each part of the data to measure, at most", "--rows", metavar="N"),
]
Probes = Annotated[
    int,
    options.option("Random vectors for the trace of the Hessian, 2 to 10,000", metavar="N"),
]
NoCurvature = Annotated[
    bool, options.option("Do not estimate the curvature at the solutions", "--no-curvature")
]
Seed = Annotated[
    int,
    options.option("Seed of the random directions and vectors, at least 0", "--seed", metavar="N"),
]
Animate = Annotated[bool, options.option("Also write an animation, landscape.gif", "--animate")]


def command(
    run: Runs,
    plane: Plane = None,
    radius: Radius = None,
    points: Points = 41,
    rows: Rows = 10_000,
    probes: Probes = 64,
    no_curvature: NoCurvature = False,
    animate: Animate = False,
    seed: Seed = 0,
    set_: options.Set = None,
    out: options.Out = None,
    overwrite: options.Overwrite = False,
    plugin: options.Plugin = None,
    quiet: options.Quiet = False,
    json: options.Json = False,
    plots: options.Plots = None,
    no_plots: options.NoPlots = False,
    debug: options.Debug = False,
) -> int:
    """Map the loss around what runs have found.

    Show the training and the validation loss on a plane through the solution, cuts along lines,
    and how sharp the minimum is: the largest and smallest eigenvalue of the Hessian and its
    trace. `random`: filter-normalized random directions. `ends`: through the ends of several
    runs. `path`: principal components of the paths. For the last two, runs are trained again to
    record their paths, as folders do not keep them.
    """
    from optcli.api import landscape
    from optcli.display.faults import say
    from optcli.display.landscape import InterruptedLandscape, listener
    from optcli.storage import interruption
    from optcli.surface.stored import summary

    show = listener(quiet, json, sys.stdout)
    options.load(plugin, quiet=quiet)
    try:
        found = landscape.landscape(
            list(run),
            plane=plane,
            radius=radius,
            points=points,
            rows=rows,
            probes=probes,
            curvature=not no_curvature,
            seed=seed,
            overrides=options.overrides(set_, None),
            out=out,
            overwrite=overwrite,
            plots=options.plots(plots, no_plots),
            animate=animate,
            say=say(quiet=quiet, stream=sys.stderr),
        )
    except KeyboardInterrupt:
        show(InterruptedLandscape())
        return interruption.code()
    show.finish(summary(found), folder=found.folder)
    return 0
