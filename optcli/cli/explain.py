"""`optcli explain`: what a name or an idea is, and what happens in a model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from optcli.cli import options

EXAMPLES = (
    "optcli explain learning rate",
    "optcli explain backward configs/digits.yaml",
)
PASSES = ("forward", "backward")


def command(
    words: Annotated[
        list[str],
        options.argument("NAME...", "Loss, optimizer, idea, ...; or forward|backward CONFIG"),
    ],
    set_: options.Set = None,
    seed: options.Seed = None,
    plugin: options.Plugin = None,
    json: options.Json = False,
    debug: options.Debug = False,
) -> int:
    """Explain a name or an idea, or show a model's forward or backward pass.

    For a name, show formula, gradient, hyperparameters with ranges, and reference; for an idea
    what it is, why, when to use it, what goes wrong, and a command that shows it. For forward
    or backward and a config, show one batch layer by layer through its model.
    """
    from optcli.api import explain
    from optcli.api.check import check
    from optcli.display import explain as display

    options.load(plugin, quiet=False)
    if words[0] in PASSES and len(words) == 2 and words[1] != "pass":
        plan = check(Path(words[1]), options.overrides(set_, seed))
        display.passes(
            explain.passes(plan.cohort),
            backward=words[0] == "backward",
            json=json,
            stream=sys.stdout,
        )
        return 0
    display.pages(explain.pages(" ".join(words)), json=json, stream=sys.stdout)
    return 0
