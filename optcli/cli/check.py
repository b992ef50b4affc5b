"""`optcli check`: say what would be trained, without training."""

from __future__ import annotations

import sys

from optcli.cli import options

NAME = "check"


def command(
    config: options.Config,
    set_: options.Set = None,
    seed: options.Seed = None,
    cache: options.Cache = None,
    plugin: options.Plugin = None,
    quiet: options.Quiet = False,
    json: options.Json = False,
    debug: options.Debug = False,
) -> int:
    """Validate a config without training.

    Shows rows, columns, classes, shapes, parameters and memory.
    """
    from optcli import display
    from optcli.api.check import check

    options.load(plugin, quiet=quiet)
    plan = check(config, options.overrides(set_, seed, cache))
    display.plan(plan.describe(), quiet=quiet, json=json, stream=sys.stdout)
    return 0
