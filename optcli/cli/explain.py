"""`optcli explain`: what a name stands for, and what happens in a model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from optcli.cli import options
from optcli.core.errors import Fault, InvalidInput

EXAMPLES = ("optcli explain adam", "optcli explain backward configs/digits.yaml")


def command(
    name: Annotated[
        str,
        options.argument("NAME", "Loss, optimizer, ...; or forward, backward"),
    ],
    config: Annotated[
        Path | None,
        options.argument("CONFIG", "Config with the model, for forward and backward"),
    ] = None,
    set_: options.Set = None,
    seed: options.Seed = None,
    plugin: options.Plugin = None,
    json: options.Json = False,
    debug: options.Debug = False,
) -> int:
    """Explain a name, or show a model's forward or backward pass.

    For a name, show formula, gradient, hyperparameters with ranges, and reference. For
    forward or backward, show one batch layer by layer through the model of CONFIG.
    """
    from optcli.api import explain
    from optcli.api.check import check
    from optcli.display import explain as display

    options.load(plugin, quiet=False)
    if name in ("forward", "backward"):
        if config is None:
            message = f"is missing; name a YAML file: optcli explain {name} configs/iris.yaml"
            raise InvalidInput(Fault(message, "CONFIG"))
        plan = check(config, options.overrides(set_, seed))
        display.passes(
            explain.passes(plan.cohort),
            backward=name == "backward",
            json=json,
            stream=sys.stdout,
        )
        return 0
    if config is not None:
        message = f"is '{name}', which takes no config; forward and backward do"
        raise InvalidInput(Fault(message, "NAME"))
    display.pages(explain.pages(name), json=json, stream=sys.stdout)
    return 0
