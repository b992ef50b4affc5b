"""`optcli explain`: what a name or an idea is, and what happens in a model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from optcli.cli import options
from optcli.core.errors import Fault, InvalidInput

EXAMPLES = (
    "optcli explain learning rate",
    "optcli explain layers runs/iris --plot",
)
PASSES = ("forward", "backward")


def command(
    words: Annotated[
        list[str],
        options.argument(
            "NAME...", "Loss, optimizer, idea, ...; forward|backward CONFIG; layers RUN"
        ),
    ],
    plot: Annotated[
        bool,
        options.option("Also draw it: a loss, activation, schedule, optimizer, layers", "--plot"),
    ] = False,
    output: Annotated[
        str | None,
        options.option(
            "Picture to write: .png, .svg or .pdf (default: NAME.png)",
            "--output",
            "-o",
            metavar="FILE",
        ),
    ] = None,
    row: Annotated[
        int | None,
        options.option("Show the numbers of one training row, from 1", "--row", metavar="N"),
    ] = None,
    set_: options.Set = None,
    seed: options.Seed = None,
    plugin: options.Plugin = None,
    json: options.Json = False,
    debug: options.Debug = False,
) -> int:
    """Explain a name or an idea, or show what happens in a model.

    For a name, show formula, gradient, hyperparameters with ranges, and reference; for an idea
    what it is, why, when to use it, what goes wrong, and a command that shows it. For forward
    or backward and a config, show one batch layer by layer through its model, or with --row
    the numbers of one training row. For layers and a run (or a config), train it again and
    show activations, gradients and dead units of each layer over the epochs.
    """
    from optcli.api import explain
    from optcli.display import explain as display

    options.load(plugin, quiet=False)
    if words[0] in PASSES and len(words) == 2 and words[1] != "pass":
        _passes(words, options.overrides(set_, seed), row, json=json)
        return 0
    if row is not None:
        raise InvalidInput(
            Fault("is for forward and backward with a config; leave it out", "--row")
        )
    if words[0] == "layers" and len(words) <= 2:
        if len(words) == 1:
            raise InvalidInput(Fault("is missing; name a run folder, or a config", parameter="RUN"))
        drawn = output or ("layers.png" if plot else None)
        _layers(words[1], options.overrides(set_, seed), drawn, json=json)
        return 0
    name = " ".join(words)
    pages = explain.pages(name)
    if drawn := output or (f"{pages[0].name}.png" if plot else None):
        _draw(name, drawn)
    display.pages(pages, json=json, stream=sys.stdout)
    if drawn:
        from optcli.display.picture import plotted

        plotted(drawn, sys.stdout, json=json)
    return 0


def _passes(words: list[str], overrides: list[str], row: int | None, *, json: bool) -> None:
    from optcli.api import passes
    from optcli.api.check import check
    from optcli.display import explain as display

    backward, cohort = words[0] == "backward", check(Path(words[1]), overrides).cohort
    if row is None:
        found = passes.passes(cohort)
        display.passes(found, backward=backward, json=json, stream=sys.stdout)
    else:
        numbers = passes.sample(cohort, row)
        display.sample(numbers, backward=backward, json=json, stream=sys.stdout)


def _layers(of: str, overrides: list[str], output: str | None, *, json: bool) -> None:
    from optcli.api.layer_history import layer_history
    from optcli.display.explain import layers
    from optcli.display.faults import say
    from optcli.display.picture import plotted
    from optcli.plots import render
    from optcli.storage import outputs

    kind = outputs.check_picture(output) if output else ""
    found = layer_history(of, overrides, say=say(quiet=json, stream=sys.stderr))
    layers(found, json=json, stream=sys.stdout)
    if output:
        outputs.write(output, render(found.plot(), kind))
        plotted(output, sys.stdout, json=json)


def _draw(name: str, output: str) -> None:
    from optcli.api.pictures import picture
    from optcli.plots import render
    from optcli.storage import outputs

    kind = outputs.check_picture(output)
    outputs.write(output, render(picture(name), kind))
