"""A function of one number, or several of a kind, above their derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from optcli.core.arrays import Array
from optcli.plots import ticks
from optcli.plots.looks import DASHES, PALETTE
from optcli.plots.style import (
    INK,
    SMALL,
    TEXT,
    WIDTH,
    add_axes,
    add_text,
    add_title,
    elided,
    new_figure,
    picture,
    text_width,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TOP, BOTTOM, ABOVE, BELOW, BETWEEN, LINE = 0.4, 0.52, 2.5, 1.9, 0.2, 0.19
LONGEST = 2.2  # inches of a name beside the frame


@dataclass(frozen=True)
class Slope:
    """A function: its name, and x, y and dy/dx (N,)."""

    name: str
    x: Array
    y: Array
    slope: Array


@picture
def slopes(lines: Sequence[Slope], across: str, quantity: str, slope: str, title: str) -> Figure:
    """The functions in one frame, their derivatives in another below it, names at the right."""
    frames = [
        (ticks.scale(ticks.without_outliers(np.concatenate([each.y for each in lines])), count=5)),
        (ticks.scale(ticks.without_outliers(np.concatenate([e.slope for e in lines])), count=4)),
    ]
    names = [elided(line.name, LONGEST, TEXT) for line in lines]
    labels = [label for scale in frames for label in scale.labels]
    left = 0.44 + max((text_width(each, SMALL) for each in labels), default=0.0)
    width = WIDTH - left - 0.42 - max(text_width(name, TEXT) for name in names)
    figure = new_figure(WIDTH, TOP + ABOVE + BETWEEN + BELOW + BOTTOM)
    add_title(figure, left, title)
    low, high = float(lines[0].x.min()), float(lines[0].x.max())
    for place, (scale, name) in enumerate(zip(frames, (quantity, slope), strict=True)):
        bottom, height = (BOTTOM, BELOW) if place else (BOTTOM + BELOW + BETWEEN, ABOVE)
        axes = add_axes(figure, left, bottom, width, height)
        scale.apply(axes.yaxis)
        ticks.linear(low, high, count=7).apply(axes.xaxis)
        axes.grid(color="#E6E6E6", linewidth=0.6)
        axes.set_axisbelow(True)
        for number, line in enumerate(lines):
            axes.plot(line.x, line.slope if place else line.y, **_look(number))
        axes.set_ylabel(elided(name, height, TEXT))
        axes.yaxis.set_label_coords(-(left - 0.18) / width, 0.5)
        if place:
            axes.set_xlabel(across)
        else:
            axes.tick_params(labelbottom=False)
    top = BOTTOM + BELOW + BETWEEN + ABOVE
    for number, name in enumerate(names):
        y = top - LINE * (number + 0.5)
        key = add_axes(figure, left + width + 0.08, y - 0.05, 0.24, 0.1)
        key.axis("off")
        key.plot([0, 1], [0, 0], **_look(number))
        add_text(figure, left + width + 0.38, y, name, size=TEXT, color=INK, va="center")
    return figure


def _look(number: int) -> dict[str, Any]:
    dash = DASHES[number % len(DASHES)]
    return {"color": PALETTE[number % len(PALETTE)], "linestyle": dash, "linewidth": 1.6}
