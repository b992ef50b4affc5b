"""`optcli train`: train one model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

from optcli.cli import options
from optcli.core.errors import Fault, InvalidInput

EXAMPLES = (
    "optcli train configs/iris.yaml",
    "optcli train configs/iris.yaml --set optimizer.lr=0.003",
)

Config = Annotated[Path | None, options.argument("CONFIG", "Config file (YAML)")]
Resume = Annotated[Path | None, options.option("Resume a run in place", "--resume", metavar="RUN")]
Divergence = Annotated[
    str | None,
    options.option(
        "Stop or continue when training diverges (default: stop)",
        "--on-divergence",
        metavar="stop|continue",
    ),
]


def command(
    config: Config = None,
    resume: Resume = None,
    on_divergence: Divergence = None,
    set_: options.Set = None,
    seed: options.Seed = None,
    cache: options.Cache = None,
    plugin: options.Plugin = None,
    out: options.Out = None,
    overwrite: options.Overwrite = False,
    plots: options.Plots = None,
    no_plots: options.NoPlots = False,
    quiet: options.Quiet = False,
    json: options.Json = False,
    debug: options.Debug = False,
) -> int:
    """Train a model and save the run.

    Show the loss during training, then write a run folder with the model, the history and
    plots. Exit with 1 if training diverged or ended with a far higher loss than it began with.
    """
    from optcli.display.train import listener as listener_of

    options.load(plugin, quiet=quiet)
    listener = listener_of(quiet, json, sys.stdout)
    overrides = options.overrides(set_, seed, cache)
    if on_divergence not in (None, "stop", "continue"):
        message = f"is '{on_divergence}'; must be stop or continue"
        raise InvalidInput(Fault(message, "--on-divergence"))
    if on_divergence is not None:
        overrides.append(f"training.on_divergence={on_divergence}")
    rest: dict[str, Any] = {"plots": options.plots(plots, no_plots), "listeners": [listener]}
    try:
        if resume is not None:
            if config is not None or out is not None:
                message = f"cannot be combined with {config or '--out'}"
                raise InvalidInput(Fault(message, "--resume"))
            from optcli.api.resume import resume as resumed

            done = resumed(resume, overrides, **rest)
        elif config is None:
            raise InvalidInput(Fault("is missing; name a YAML file, or --resume RUN", "CONFIG"))
        else:
            from optcli.api.train import train

            done = train(config, overrides, out=out, overwrite=overwrite, **rest)
        listener.finish(done.summary, done.folder, done.notes)
    finally:
        listener.close()
    if done.signal is not None:
        return 128 + done.signal
    failed = done.summary["outcome"] == "diverged" or done.summary.get("failed_to_train")
    return 1 if failed else 0
