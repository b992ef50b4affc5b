"""`optcli evaluate`: how good a trained run is on labelled rows."""

from __future__ import annotations

import sys
from typing import Annotated

from optcli.cli import options
from optcli.cli.help import CONFIG

EXAMPLES = (
    "optcli evaluate runs/iris configs/data/iris.csv",
    "optcli evaluate runs/iris configs/data/iris.csv --importance --out evaluation",
)

Importance = Annotated[
    bool,
    options.option("Permute each column to see how much worse the predictions get", "--importance"),
]
Repeats = Annotated[
    int,
    options.option("Permutations of each column, 1 to 1,000", "--repeats", metavar="N"),
]
Resamples = Annotated[
    int,
    options.option(
        "Bootstrap resamples for the intervals, 0 to 100,000; 0: no intervals",
        "--resamples",
        metavar="N",
    ),
]
Bins = Annotated[
    int, options.option("Bins of the reliability diagram, 2 to 100", "--bins", metavar="N")
]
Seed = Annotated[
    int | None,
    options.option(
        "Seed of resamples and permutations (default: the run's)",
        "--seed",
        metavar="N",
        rich_help_panel=CONFIG,
    ),
]


def command(
    run: options.Run,
    data: options.Data,
    importance: Importance = False,
    repeats: Repeats = 10,
    resamples: Resamples = 1000,
    bins: Bins = 10,
    seed: Seed = None,
    out: options.Out = None,
    overwrite: options.Overwrite = False,
    plugin: options.Plugin = None,
    quiet: options.Quiet = False,
    json: options.Json = False,
    no_plots: options.NoPlots = False,
    debug: options.Debug = False,
) -> int:
    """Evaluate a trained run on labelled data.

    Print the loss and the metrics with 95 % intervals, and what suits the task: precision,
    recall and F1 of each class, the confusion matrix, calibration, thresholds; errors of
    each target. Nothing is written unless --out names a folder for tables and plots.
    """
    from optcli.api import evaluate
    from optcli.display.evaluate import evaluation
    from optcli.display.faults import say

    options.load(plugin, quiet=quiet)
    found = evaluate.evaluate(
        run,
        data,
        resamples=resamples,
        bins=bins,
        importance=importance,
        repeats=repeats,
        seed=seed,
        out=out,
        overwrite=overwrite,
        plots=not no_plots,
        say=say(quiet=quiet, stream=sys.stderr),
    )
    evaluation(found, quiet=quiet, json=json, stream=sys.stdout)
    return 0
