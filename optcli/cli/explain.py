"""`optcli explain`: what a name stands for, and what happens in a model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from optcli.cli import options
from optcli.core.errors import Fault, InvalidInput

NAME = "explain"


def command(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="A loss, an optimizer, …; or forward, backward."),
    ],
    config: Annotated[
        Path | None,
        typer.Argument(metavar="CONFIG", help="The model to follow, with forward or backward."),
    ] = None,
    set_: options.Set = None,
    seed: options.Seed = None,
    plugin: options.Plugin = None,
    json: options.Json = False,
    debug: options.Debug = False,
) -> int:
    """Explain a name, or a model's passes.

    Of a name: formula, gradient, hyperparameters with ranges, reference. With
    forward or backward: one batch on its way through the model of CONFIG.
    """
    from optcli import display
    from optcli.api import explain
    from optcli.api.check import check

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
