"""`optcli compare`: a fair comparison of optimizers, or of whole configs."""

from __future__ import annotations

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
        help="Optimizers, as adam, adam:lr=0.01,beta1=0.8 or sgd:lr=0.1|0.01; or configs.",
        show_default=False,
    ),
]
Configs = Annotated[
    list[Path] | None,
    typer.Option("--config", "-c", metavar="FILE", help="What they train; repeatable."),
]
Tune = Annotated[int, typer.Option("--tune", metavar="N", help="Learning rates for each.")]
Budget = Annotated[
    int | None,
    typer.Option("--budget", metavar="N", help="Settings of all hyperparameters instead."),
]
TuneSeeds = Annotated[int, typer.Option("--tune-seeds", metavar="N", help="Seeds of tuning.")]
Seeds = Annotated[
    int | None, typer.Option("--seeds", metavar="N", help="Seeds that count; 10, 15 or 20.")
]
Metric = Annotated[
    str | None, typer.Option("--metric", metavar="NAME", help="What counts; validation loss.")
]
Target = Annotated[
    float | None, typer.Option("--target", metavar="X", help="What is to be reached.")
]
Fixed = Annotated[bool, typer.Option("--fixed-split", help="The config's split for all seeds.")]
Jobs = Annotated[
    int | None, typer.Option("--jobs", "-j", metavar="N", help="Processes; as is fastest.")
]
Backend = Annotated[
    str | None,
    typer.Option("--backend", metavar="dask[://HOST:PORT]", help="A cluster of dask."),
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
    """Compare optimizers, tuned with equal budgets, over seeds; or whole configs.

    Without --config on a built-in problem. --out of a comparison goes on with it.
    """
    from optcli import contest
    from optcli.display import comparison
    from optcli.plugins import load

    load(plugin or [])
    listener = comparison.pick(quiet, json, sys.stdout)
    terms = contest.Terms(
        tune, budget, tune_seeds, seeds, metric, target, fixed_split, jobs, backend
    )
    try:
        contest.compare(
            entries,
            config[0] if config and len(config) == 1 else config,
            options.overrides(set_, seed, cache),
            terms=terms,
            out=out,
            overwrite=overwrite,
            plots=not no_plots,
            listener=listener,
        )
    finally:
        listener.close()
    return 0
