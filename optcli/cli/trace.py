"""`optcli trace`: paths of optimizers on a test function."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

from optcli.cli import options

EXAMPLES = (
    "optcli trace ravine 'sgd:lr=0.1|0.9|1.05' --html",
    "optcli trace himmelblau sgd adam:lr=0.1 --start 0,-1",
)

Objective = Annotated[
    str,
    options.argument("OBJECTIVE", "Test function: rosenbrock, quadratic:condition=50, ..."),
]
Optimizers = Annotated[
    list[str],
    options.argument("OPTIMIZER...", "Optimizers: adam:lr=0.01,beta1=0.8, sgd:lr=0.1|1, ..."),
]
Start = Annotated[
    str | None,
    options.option(
        "Starting point of all optimizers (default: the function's own)", "--start", metavar="X,Y"
    ),
]
Steps = Annotated[int, options.option("Number of steps, 1 to 100,000", "--steps", metavar="N")]
Tune = Annotated[bool, options.option("Tune the learning rates first", "--tune")]
Html = Annotated[
    bool, options.option("Also write a page that plays the paths, report.html", "--html")
]
Animate = Annotated[bool, options.option("Also write an animation, trace.gif", "--animate")]


def command(
    objective: Objective,
    optimizers: Optimizers,
    steps: Steps = 1000,
    start: Start = None,
    tune: Tune = False,
    animate: Animate = False,
    html: Html = False,
    seed: Annotated[
        int, options.option("Seed of random optimizers, at least 0", "--seed", metavar="N")
    ] = 0,
    out: options.Out = None,
    overwrite: options.Overwrite = False,
    plugin: options.Plugin = None,
    quiet: options.Quiet = False,
    json: options.Json = False,
    plots: options.Plots = None,
    no_plots: options.NoPlots = False,
    debug: options.Debug = False,
) -> int:
    """Trace optimizers on a test function.

    Show how close each optimizer gets to the nearest minimum and in how many steps, and plot
    all paths. Outcomes: `converged`, within 0.01 of a minimum at the end, with noisy gradients
    for the last fifth of the steps; `escaped to another minimum`, the same, but steepest descent
    in short steps from the start ends at another one; `stuck`, moved by at most 0.001 in the last
    fifth of the steps, at a gradient below 1 % of that at the start, and not at a minimum;
    `oscillates`, net movement in the last fifth less than a tenth of the path length, and the
    loss not 1 % lower; `diverged`, not finite, or 1,000 times as high as at the start. Exit with
    1 if all optimizers diverged.
    """
    from optcli.api import trace
    from optcli.display.trace import InterruptedTrace, Tuned, listener
    from optcli.storage import interruption, kinds
    from optcli.training.trace import TracedOptimizer

    show = listener(quiet, json, sys.stdout)

    def tuned(entries: Sequence[TracedOptimizer]) -> None:
        show(Tuned({entry.label: entry.optimizer.lr for entry in entries}))

    try:
        options.load(plugin, quiet=quiet)
        done = trace.trace(
            objective,
            optimizers,
            steps=steps,
            start=options.numbers("--start", start),
            tune=tune,
            seed=seed,
            out=out,
            overwrite=overwrite,
            plots=options.plots(plots, no_plots),
            animate=animate,
            tuned=tuned,
        )
    except KeyboardInterrupt:
        show(InterruptedTrace())
        return interruption.code()
    if html:
        from optcli.api.report import report

        report(done.folder)
    none = not tune and all(path.reached is None for path in done.paths)
    hint = "no optimizer converged; --tune finds the best learning rate of each" if none else ""
    page = done.folder / kinds.REPORT if html else None
    show.finish(trace.summary(done), folder=done.folder, hint=done.fault or hint, page=page)
    return 1 if done.diverged else 0
