"""`optcli check`: say what would be trained, without training."""

from __future__ import annotations

import sys

from optcli.cli import options

EXAMPLES = ("optcli check configs/penguins.yaml",)


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

    Show rows, columns, classes, shapes, parameters and memory.
    """
    from optcli.api.check import check
    from optcli.display.check import plan as show

    options.load(plugin, quiet=quiet)
    setup = check(config, options.overrides(set_, seed, cache))
    show(setup.describe(), quiet=quiet, json=json, stream=sys.stdout)
    return 0
