"""`optcli train`: train one model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from optcli.cli import options
from optcli.core.errors import Fault, InvalidInput

NAME = "train"

Config = Annotated[
    Path | None, typer.Argument(metavar="CONFIG", help="A YAML file.", show_default=False)
]
Resume = Annotated[
    Path | None, typer.Option("--resume", metavar="RUN", help="Go on with a run, in its folder.")
]
Divergence = Annotated[
    str | None,
    typer.Option(
        "--on-divergence", metavar="stop|continue", help="What to do when training diverges."
    ),
]


def command(
    config: Config = None,
    resume: Resume = None,
    set_: options.Set = None,
    on_divergence: Divergence = None,
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
    """Train one model, and keep the run.

    Shows the loss while it falls; leaves a folder with model, history and plots. Exits with
    1 when training diverged, or ended far above where it began.
    """
    from optcli import display
    from optcli.api.resume import resume as resumed
    from optcli.api.train import train

    options.load(plugin, quiet=quiet)
    listener = display.pick(quiet, json, sys.stdout)
    overrides = options.overrides(set_, seed, cache)
    if on_divergence not in (None, "stop", "continue"):
        message = f"is '{on_divergence}'; must be stop or continue"
        raise InvalidInput(Fault(message, "--on-divergence"))
    if on_divergence is not None:
        overrides.append(f"training.on_divergence={on_divergence}")
    rest: dict[str, Any] = {"plots": not no_plots, "listeners": [listener]}
    try:
        if resume is not None:
            if config is not None or out is not None:
                message = f"{resume} stands beside {config or '--out'}; give it alone"
                raise InvalidInput(Fault(message, "--resume"))
            done = resumed(resume, overrides, **rest)
        elif config is None:
            raise InvalidInput(Fault("is missing; name a YAML file, or --resume RUN", "CONFIG"))
        else:
            done = train(config, overrides, out=out, overwrite=overwrite, **rest)
        listener.finish(done.summary, done.folder, done.notes)
    finally:
        listener.close()
    if done.signal is not None:
        return 128 + done.signal
    failed = done.summary["outcome"] == "diverged" or done.summary.get("failed_to_train")
    return 1 if failed else 0
