"""`optcli evaluate`: how good a trained run is on labelled rows."""

from __future__ import annotations

import sys

from optcli.cli import options

EXAMPLES = ("optcli evaluate runs/iris configs/data/iris.csv",)


def command(
    run: options.Run,
    data: options.Data,
    plugin: options.Plugin = None,
    quiet: options.Quiet = False,
    json: options.Json = False,
    debug: options.Debug = False,
) -> int:
    """Evaluate a trained run on labelled data.

    Print the loss and the metrics of its config.
    """
    from optcli.api.predict import load as load_run
    from optcli.display.evaluate import evaluation
    from optcli.display.faults import say

    options.load(plugin, quiet=quiet)
    found = load_run(run).evaluate(data, say(quiet=quiet, stream=sys.stderr))
    evaluation(found, quiet=quiet, json=json, stream=sys.stdout)
    return 0
