"""`optcli compare`: a fair comparison of optimizers, or of whole configs."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

from optcli.cli import options
from optcli.cli.help import OUTPUT
from optcli.cli.options import option
from optcli.core.errors import Fault, InvalidInput, OptcliError

EXAMPLES = (
    "optcli compare sgd adam",
    "optcli compare sgd momentum --tune 3 --seeds 6",
)

Entries = Annotated[
    list[str],
    options.argument(
        "ENTRY...",
        "Optimizers (adam, adam:lr=0.01,beta1=0.8, 'sgd:lr=0.1|0.01', all) or config files",
    ),
]
Configs = Annotated[
    list[Path] | None,
    option("Config to train the optimizers on; repeatable", "--config", "-c", metavar="FILE"),
]
Suite = Annotated[
    str | None,
    option(
        "Set of problems: small, full or a folder of configs (optcli list suites)",
        "--suite",
        metavar="NAME",
    ),
]
Tune = Annotated[
    int | None,
    option(
        "Try N learning rates for each optimizer, 1 to 1,000 (default: 9)", "--tune", metavar="N"
    ),
]
Budget = Annotated[
    int | None,
    option(
        "Try N random settings of all hyperparameters instead, 1 to 10,000", "--budget", metavar="N"
    ),
]
TuneSeeds = Annotated[
    int,
    option(
        "Number of seeds in the first round of tuning, 1 to 10,000", "--tune-seeds", metavar="N"
    ),
]
Seeds = Annotated[
    int | None,
    option(
        "Number of evaluation seeds, 1 to 10,000 (default: 10 for two entries, 15 for up to "
        "four, else 20)",
        "--seeds",
        metavar="N",
    ),
]
Finalists = Annotated[
    int,
    option(
        "Number of best settings that a rival must beat, 1 to 100; 1 compares settings, not "
        "tuned optimizers",
        "--finalists",
        metavar="N",
    ),
]
Metric = Annotated[
    str | None,
    option("Metric to compare (default: loss)", "--metric", metavar="NAME"),
]
At = Annotated[
    str,
    option(
        "Measure each run at its best epoch (lowest validation loss) or its last (default: best)",
        "--at",
        metavar="best|last",
    ),
]
Target = Annotated[
    float | None,
    option("Count steps to this value of the loss or metric", "--target", metavar="X"),
]
Axis = Annotated[
    str, option("Horizontal axis of the curves: steps, gradients or seconds", "--x", metavar="UNIT")
]
Fixed = Annotated[bool, option("Use the config's split for every seed", "--fixed-split")]
Keep = Annotated[
    bool,
    option(
        "Keep the models of all final runs at the chosen settings, for predict and evaluate",
        "--keep",
        rich_help_panel=OUTPUT,
    ),
]
FailUnless = Annotated[
    list[str] | None,
    option(
        "Exit with 1 unless the comparison finds that A beats B; repeatable",
        "--fail-unless",
        metavar="'A beats B'",
    ),
]
FailIf = Annotated[
    list[str] | None,
    option(
        "Exit with 1 unless the 95 % interval excludes that A is worse than B by D or more; with "
        "'A beats B', if the comparison finds that; repeatable",
        "--fail-if",
        metavar="'A worse than B by D'",
    ),
]
Out = Annotated[
    Path | None,
    option(
        "Write to this folder: new, empty, or a comparison to continue",
        "--out",
        metavar="DIR",
        rich_help_panel=OUTPUT,
    ),
]
Jobs = Annotated[
    int | None,
    option(
        "Maximum number of worker processes, 1 to 1,024 (default: one per core)",
        "--jobs",
        "-j",
        metavar="N",
    ),
]
Backend = Annotated[
    str | None,
    option(
        "Train on a Dask cluster: that of DASK_SCHEDULER_ADDRESS or Dask's configuration (else "
        "one on this machine), or of an address, dask://HOST:PORT or tls://HOST:PORT",
        "--backend",
        metavar="dask[://HOST:PORT]",
    ),
]
ShardOf = Annotated[
    str | None,
    option(
        "Train every N-th job from the K-th on, in a folder of its own: a task of a job array. "
        "optcli runs merge joins all N",
        "--shard",
        metavar="K/N",
    ),
]
SchedulerFile = Annotated[
    Path | None,
    option(
        "Train on the Dask cluster whose scheduler writes this file",
        "--scheduler-file",
        metavar="FILE",
    ),
]


def command(
    entries: Entries,
    config: Configs = None,
    suite: Suite = None,
    tune: Tune = None,
    budget: Budget = None,
    tune_seeds: TuneSeeds = 3,
    finalists: Finalists = 3,
    seeds: Seeds = None,
    metric: Metric = None,
    at: At = "best",
    target: Target = None,
    fixed_split: Fixed = False,
    fail_unless: FailUnless = None,
    fail_if: FailIf = None,
    x: Axis = "steps",
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
    keep: Keep = False,
    plots: options.Plots = None,
    no_plots: options.NoPlots = False,
    quiet: options.Quiet = False,
    json: options.Json = False,
    debug: options.Debug = False,
) -> int:
    """Compare optimizers or whole configs.

    Tune each entry with the same budget, then train it with fresh seeds and measure it on
    held-out rows. Without --config, use a built-in problem. With --out and the folder of a
    comparison, continue that one. Exit with 1 if a condition of --fail-unless or --fail-if
    failed; with several configs each must pass on all.
    """
    from optcli.api import runs
    from optcli.api.compare import FinishedShard, compare
    from optcli.comparison.gate import failures
    from optcli.comparison.settings import ComparisonSettings
    from optcli.display.compare import InterruptedComparison
    from optcli.display.compare import listener as listener_of
    from optcli.storage import interruption, run_folder

    if tune is not None and budget is not None:
        raise InvalidInput(Fault("cannot be combined with --budget; give one of the two", "--tune"))
    listener = listener_of(quiet, json, sys.stdout)
    settings = ComparisonSettings(
        tune=9 if tune is None else tune,
        budget=budget,
        tune_seeds=tune_seeds,
        finalists=finalists,
        seeds=seeds,
        metric=metric,
        at=at,
        target=target,
        fixed_split=fixed_split,
        keep=keep,
        fail_unless=tuple(fail_unless or ()),
        fail_if=tuple(fail_if or ()),
        x=x,
        jobs=jobs,
        backend=backend,
        scheduler_file=scheduler_file,
        command=shlex.join(["optcli", *sys.argv[1:]]),
    )
    try:
        options.load(plugin, quiet=quiet)
        found = compare(
            entries,
            config[0] if config and len(config) == 1 else config,
            options.overrides(set_, seed, cache),
            settings=settings,
            out=out,
            overwrite=overwrite,
            plots=options.plots(plots, no_plots),
            listener=listener,
            suite=suite,
            shard=shard,
        )
    except KeyboardInterrupt:
        command = settings.command or ""
        listener(
            InterruptedComparison(
                run_folder.whole_of, lambda folder: runs.going_on(command, folder)
            )
        )
        return interruption.code()
    finally:
        listener.close()
    if isinstance(found, FinishedShard):
        return 0
    if failed := failures(found.summaries):
        raise OptcliError(*failed)
    return 0
