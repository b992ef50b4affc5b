"""`optcli explain`: what a name or an idea is, and what happens in a model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from optcli.cli import options
from optcli.core.errors import Fault, InvalidInput

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
    plot: Annotated[
        bool, options.option("Also draw it: a loss, activation, schedule or optimizer", "--plot")
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
    """Explain a name or an idea, or show a model's forward or backward pass.

    For a name, show formula, gradient, hyperparameters with ranges, and reference; for an idea
    what it is, why, when to use it, what goes wrong, and a command that shows it. For forward
    or backward and a config, show one batch layer by layer through its model, or with --row
    the numbers of one training row.
    """
    from optcli.api import explain
    from optcli.api.check import check
    from optcli.display import explain as display
    from optcli.display.picture import plotted

    options.load(plugin, quiet=False)
    if words[0] in PASSES and len(words) == 2 and words[1] != "pass":
        plan = check(Path(words[1]), options.overrides(set_, seed))
        if row is not None:
            display.sample(
                explain.sample(plan.cohort, row),
                backward=words[0] == "backward",
                json=json,
                stream=sys.stdout,
            )
            return 0
        display.passes(
            explain.passes(plan.cohort),
            backward=words[0] == "backward",
            json=json,
            stream=sys.stdout,
        )
        return 0
    if row is not None:
        raise InvalidInput(
            Fault("is for forward and backward with a config; leave it out", "--row")
        )
    name = " ".join(words)
    pages = explain.pages(name)
    if drawn := output or (f"{pages[0].name}.png" if plot else None):
        _draw(name, drawn)
    display.pages(pages, json=json, stream=sys.stdout)
    if drawn:
        plotted(drawn, sys.stdout, json=json)
    return 0


def _draw(name: str, output: str) -> None:
    from optcli.api.pictures import picture
    from optcli.plots import render
    from optcli.storage import outputs

    kind = outputs.suffix(output, (".png", ".svg", ".pdf"))
    outputs.check(output)
    outputs.write(output, render(picture(name), kind.removeprefix(".")))
