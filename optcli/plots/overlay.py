"""Several runs over one another: one quantity of each, by epoch, step, time or rows."""

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

TOP, FREE, BOTTOM, HEIGHT, LINE = 0.4, 0.15, 0.52, 3.2, 0.19
LONGEST = 2.2  # inches of a name beside the frame
FEW = 25  # points that are marked one by one


@dataclass(frozen=True)
class Line:
    """One run: its name, and x and y (N,) in their order; y may have gaps (NaN).

    limit: (N,), a line to hold y against, thin and in the same colour.
    """

    name: str
    x: Array
    y: Array
    limit: Array | None = None


@picture
def overlay(
    lines: Sequence[Line], across: str, quantity: str, title: str = "", log: bool | None = None
) -> Figure:
    """The lines in one frame, their names beside it in the order of their ends.

    across, quantity: what the axes are called. log: whether the vertical axis is logarithmic;
    None: where all values are positive and span more than 1.5 decades. Values that are not
    finite are gaps; on a logarithmic axis, so are those that are not positive.
    """
    drawn = [own for line in lines for own in (line.y, line.limit) if own is not None]
    values = np.concatenate([np.empty(0), *map(ticks.usable, drawn)])
    log = ticks.wants_log(values) if log is None else log
    if log:
        values = values[values > 0]
        scale = ticks.scale(values, count=5, log=True)
    else:
        scale = ticks.scale(ticks.without_outliers(values), count=5)
    names = [elided(line.name, LONGEST, TEXT) for line in lines]
    left = 0.44 + max((text_width(each, SMALL) for each in scale.labels), default=0.0)
    right = 0.42 + max(text_width(name, TEXT) for name in names)
    height = max(HEIGHT, LINE * len(lines))
    width = WIDTH - left - right
    figure = new_figure(WIDTH, (TOP if title else FREE) + height + BOTTOM)
    add_title(figure, left, title)
    axes = add_axes(figure, left, BOTTOM, width, height)
    scale.apply(axes.yaxis)
    axes.grid(axis="y", color="#E6E6E6", linewidth=0.6)
    axes.set_axisbelow(True)
    low, high = _reach(lines)
    free = 0.5 if low == high else 0.015 * (high - low)
    ticks.linear(low - free, high + free, count=5).apply(axes.xaxis)
    for place, line in enumerate(lines):
        y = np.where(np.abs(line.y) < ticks.LARGEST, line.y, np.nan)
        y = np.where(y > 0, y, np.nan) if log else y
        axes.plot(line.x, y, **_look(place, len(y)))
        if line.limit is not None:
            thin = {"color": PALETTE[place % len(PALETTE)], "linewidth": 0.8}
            axes.plot(line.x, line.limit, linestyle=(0, (4, 2)), **thin)
    axes.set_xlabel(across)
    axes.set_ylabel(elided(f"{quantity} (log)" if log else quantity, height, TEXT))
    axes.yaxis.set_label_coords(-(left - 0.18) / width, 0.5)
    order = sorted(range(len(lines)), key=lambda place: -_end(lines[place].y))
    for row, place in enumerate(order):
        y_place = BOTTOM + height - LINE * (row + 0.5)
        look = _look(place, FEW + 1)
        key = add_axes(figure, left + width + 0.08, y_place - 0.05, 0.24, 0.1)
        key.axis("off")
        key.plot([0, 1], [0, 0], **look)
        where = left + width + 0.38
        add_text(figure, where, y_place, names[place], size=TEXT, color=INK, va="center")
    return figure


def _reach(lines: Sequence[Line]) -> tuple[float, float]:
    x = np.concatenate([line.x for line in lines])
    x = x[np.isfinite(x)]
    return (float(x.min()), float(x.max())) if x.size else (0.0, 1.0)


def _end(y: Array) -> float:
    """The last finite value; what has none comes last."""
    finite = y[np.isfinite(y)]
    return float(finite[-1]) if finite.size else -np.inf


def _look(place: int, points: int) -> dict[str, Any]:
    look = {"color": PALETTE[place % len(PALETTE)], "linewidth": 1.5}
    look["linestyle"] = DASHES[(place + place // len(PALETTE)) % len(DASHES)]
    if points <= FEW:
        look |= {"marker": "o", "markersize": 3}
    return look
