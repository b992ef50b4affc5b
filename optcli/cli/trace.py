"""`optcli trace`: paths of optimizers on a test function."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from optcli.cli import options

NAME = "trace"

Objective = Annotated[
    str,
    typer.Argument(metavar="OBJECTIVE", help="rosenbrock, quadratic:condition=50, …"),
]
Optimizers = Annotated[
    list[str],
    typer.Argument(metavar="OPTIMIZER...", help="sgd, adam:lr=0.01,beta1=0.8, …"),
]
Start = Annotated[
    str | None,
    typer.Option(
        "--start", metavar="X,Y", help="Where all paths start; by default the usual place."
    ),
]
Steps = Annotated[int, typer.Option("--steps", metavar="N", help="Steps of each path.")]
Tune = Annotated[bool, typer.Option("--tune", help="First find the best learning rate of each.")]
Animate = Annotated[bool, typer.Option("--animate", help="Also write an animation, trace.gif.")]


def command(
    objective: Objective,
    optimizers: Optimizers,
    steps: Steps = 1000,
    start: Start = None,
    tune: Tune = False,
    animate: Animate = False,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Seed of what is random.")] = 0,
    out: options.Out = None,
    overwrite: options.Overwrite = False,
    plugin: options.Plugin = None,
    quiet: options.Quiet = False,
    json: options.Json = False,
    no_plots: options.NoPlots = False,
    debug: options.Debug = False,
) -> int:
    """Draw paths of optimizers on a function.

    Says how near each came, and in how many steps. `oscillating` is one that in the last fifth
    of its steps came less than a tenth as far as it went, and no lower. Exits with 1 when every
    one of them diverged.
    """
    from optcli.api import trace
    from optcli.display.trace import TraceLines, TraceTable
    from optcli.training.trace import Entry

    options.load(plugin, quiet=quiet)
    show = TraceLines(sys.stdout) if json else None if quiet else TraceTable(sys.stdout)

    def tuned(entries: Sequence[Entry]) -> None:
        if show:
            show.tuned([(entry.label, entry.optimizer.lr) for entry in entries])

    try:
        done = trace.trace(
            objective,
            optimizers,
            steps=steps,
            start=options.numbers("--start", start),
            tune=tune,
            seed=seed,
            out=out,
            overwrite=overwrite,
            plots=not no_plots,
            animate=animate,
            tuned=tuned,
        )
    except KeyboardInterrupt:
        if show:
            show.interrupted()
        raise
    if show:
        none = not tune and all(path.reached is None for path in done.paths)
        hint = "none came to a minimum; --tune finds each its best learning rate" if none else ""
        hint = done.fault or hint
        show.paths(trace.summary(done), folder=done.folder, hint=hint)
    return 1 if done.diverged else 0
