"""`optcli tune`: search the keys that a config names, train the best, test it once."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

from optcli.cli import options
from optcli.cli.compare import Backend, Jobs, SchedulerFile, ShardOf
from optcli.cli.help import OUTPUT
from optcli.cli.options import option

EXAMPLES = (
    "optcli tune configs/iris.yaml",
    "optcli tune configs/iris.yaml --budget 20 "
    "--set 'tune.optimizer.lr={from: 1e-4, to: 1, log: true}'",
)

Budget = Annotated[
    int, option("Number of settings to try, 1 to 10,000", "--budget", "-n", metavar="N")
]
Repeats = Annotated[
    int,
    option(
        "Train each setting N times, with other validation rows each time, 1 to 1,000; folds of "
        "the config take their place",
        "--repeats",
        metavar="N",
    ),
]
Metric = Annotated[
    str | None, option("Metric to tune for (default: loss)", "--metric", metavar="NAME")
]
Out = Annotated[
    Path | None,
    option(
        "Write to this folder: new, empty, or a search to continue",
        "--out",
        metavar="DIR",
        rich_help_panel=OUTPUT,
    ),
]


def command(
    config: options.Config,
    budget: Budget = 40,
    repeats: Repeats = 3,
    metric: Metric = None,
    jobs: Jobs = None,
    backend: Backend = None,
    scheduler_file: SchedulerFile = None,
    shard: ShardOf = None,
    set_: options.Set = None,
    seed: options.Seed = None,
    cache: options.Cache = None,
    plugin: options.Plugin = None,
    out: Out = None,
    overwrite: options.Overwrite = False,
    plots: options.Plots = None,
    no_plots: options.NoPlots = False,
    quiet: options.Quiet = False,
    json: options.Json = False,
    debug: options.Debug = False,
) -> int:
    """Search for the best values of some config keys.

    The config's section tune names the keys, as in optimizer.lr: {from: 1e-4, to: 1e-1, log: true}
    or model.hidden: {values: [[32], [64, 64]]}; without one, search the learning rate. Score
    settings on validation rows or folds, train the best on all but the test rows, and test it
    once. With --out and the folder of a search, continue that one. Exit with 1 if every setting
    diverged.
    """
    from optcli.api import runs
    from optcli.api.tune import tune
    from optcli.display.tune import InterruptedSearch
    from optcli.display.tune import listener as listener_of
    from optcli.storage import interruption
    from optcli.tuning.settings import TuneSettings

    listener = listener_of(quiet, json, sys.stdout)
    command = shlex.join(["optcli", *sys.argv[1:]])
    settings = TuneSettings(
        budget=budget,
        repeats=repeats,
        metric=metric,
        jobs=jobs,
        backend=backend,
        scheduler_file=scheduler_file,
        command=command,
    )
    try:
        options.load(plugin, quiet=quiet)
        tune(
            config,
            options.overrides(set_, seed, cache),
            settings=settings,
            out=out,
            overwrite=overwrite,
            plots=options.plots(plots, no_plots),
            listener=listener,
            shard=shard,
        )
    except KeyboardInterrupt:
        listener(InterruptedSearch(lambda folder: runs.going_on(command, folder)))
        return interruption.code()
    finally:
        listener.close()
    return 0
