"""`optcli evaluate`: how good a trained run is on labelled rows."""

from __future__ import annotations

import sys

from optcli.cli import options

NAME = "evaluate"


def command(
    run: options.Run,
    data: options.Data,
    plugin: options.Plugin = None,
    quiet: options.Quiet = False,
    json: options.Json = False,
    debug: options.Debug = False,
) -> int:
    """Measure a trained run on labelled rows.

    Prints the loss and the metrics of its config.
    """
    from optcli import display
    from optcli.api.predict import load as load_run

    options.load(plugin, quiet=quiet)
    found = load_run(run).evaluate(data, display.say(quiet=quiet, stream=sys.stderr))
    display.evaluation(found, quiet=quiet, json=json, stream=sys.stdout)
    return 0
