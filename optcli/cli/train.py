"""`optcli train`: train one model."""

from __future__ import annotations

import sys

from optcli.cli import options

NAME = "train"


def command(
    config: options.Config,
    set_: options.Set = None,
    seed: options.Seed = None,
    out: options.Out = None,
    overwrite: options.Overwrite = False,
    plugin: options.Plugin = None,
    quiet: options.Quiet = False,
    json: options.Json = False,
    no_plots: options.NoPlots = False,
    debug: options.Debug = False,
) -> int:
    """Train one model; live loss table; run folder with plots."""
    from optcli import display, run
    from optcli.plugins import load

    load(plugin or [])
    listener = display.pick(quiet, json, sys.stdout)
    try:
        done = run.train(
            config,
            options.overrides(set_, seed),
            out=out,
            overwrite=overwrite,
            plots=not no_plots,
            listeners=[listener],
        )
        listener.finish(done.summary, done.folder, done.notes)
    finally:
        listener.close()
    return 1 if done.summary["outcome"] == "diverged" else 0
