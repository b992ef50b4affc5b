"""`optcli compare`: a fair comparison of optimizers, or of whole configs."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from optcli.cli import options

NAME = "compare"

Entries = Annotated[
    list[str],
    typer.Argument(
        metavar="ENTRY...",
        help="Optimizers: adam, adam:lr=0.01,beta1=0.8, sgd:lr=0.1|0.01; or config files.",
        show_default=False,
    ),
]
Configs = Annotated[
    list[Path] | None,
    typer.Option("--config", "-c", metavar="FILE", help="Config to train; repeatable."),
]
Tune = Annotated[
    int, typer.Option("--tune", metavar="N", help="Learning rates tried for each optimizer.")
]
Budget = Annotated[
    int | None,
    typer.Option("--budget", metavar="N", help="Try N settings of all hyperparameters instead."),
]
TuneSeeds = Annotated[int, typer.Option("--tune-seeds", metavar="N", help="Seeds used for tuning.")]
Seeds = Annotated[
    int | None,
    typer.Option("--seeds", metavar="N", help="Fresh seeds for the result; by default 10 to 20."),
]
Metric = Annotated[
    str | None,
    typer.Option("--metric", metavar="NAME", help="What decides; by default validation loss."),
]
Target = Annotated[
    float | None,
    typer.Option("--target", metavar="X", help="Loss or metric to which steps are counted."),
]
Fixed = Annotated[
    bool, typer.Option("--fixed-split", help="Use the config's split for every seed.")
]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", "-j", metavar="N", help="Processes; by default what is fastest."),
]
Backend = Annotated[
    str | None,
    typer.Option("--backend", metavar="dask[://HOST:PORT]", help="Train on a dask cluster."),
]


def command(
    entries: Entries,
    config: Configs = None,
    tune: Tune = 9,
    budget: Budget = None,
    tune_seeds: TuneSeeds = 3,
    seeds: Seeds = None,
    metric: Metric = None,
    target: Target = None,
    fixed_split: Fixed = False,
    jobs: Jobs = None,
    backend: Backend = None,
    set_: options.Set = None,
    seed: options.Seed = None,
    out: options.Out = None,
    overwrite: options.Overwrite = False,
    cache: options.Cache = None,
    plugin: options.Plugin = None,
    quiet: options.Quiet = False,
    json: options.Json = False,
    no_plots: options.NoPlots = False,
    debug: options.Debug = False,
) -> int:
    """Compare optimizers, or configs, fairly.

    Each is tuned with an equal budget, then run on fresh seeds. Without --config
    the problem is a built-in one. With --out of a comparison that one goes on.
    """
    from optcli.api import runs
    from optcli.api.compare import compare
    from optcli.comparison.settings import ComparisonSettings
    from optcli.display.compare import pick
    from optcli.storage import run_folder

    options.load(plugin, quiet=quiet)
    listener = pick(quiet, json, sys.stdout)
    settings = ComparisonSettings(
        tune,
        budget,
        tune_seeds,
        seeds,
        metric,
        target,
        fixed_split,
        jobs,
        backend,
        shlex.join(["optcli", *sys.argv[1:]]),
    )
    try:
        compare(
            entries,
            config[0] if config and len(config) == 1 else config,
            options.overrides(set_, seed, cache),
            settings=settings,
            out=out,
            overwrite=overwrite,
            plots=not no_plots,
            listener=listener,
        )
    except KeyboardInterrupt:
        listener.interrupted(
            run_folder.whole_of, lambda folder: runs.going_on(settings.command or "", folder)
        )
        raise
    finally:
        listener.close()
    return 0
