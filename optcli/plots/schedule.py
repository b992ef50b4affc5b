"""The schedule: the learning rate by step, as it was planned and as far as it was used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from optcli.core.arrays import Array
from optcli.plots import ticks
from optcli.plots.style import (
    COLOURS,
    FAINT,
    SMALL,
    TEXT,
    WIDTH,
    add_axes,
    add_title,
    elided,
    new_figure,
    picture,
    text_width,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEIGHT, TOP, BOTTOM, RIGHT = 2.4, 0.42, 0.5, 0.16


@picture
def schedule_curve(
    steps: Array, values: Array, used: float, per_epoch: int, title: str = "", what: str = "lr"
) -> Figure:
    """The value at each of some steps, against the epoch.

    steps, values: (K,). used: the last step taken; what comes after it is drawn grey.
    per_epoch: steps of an epoch. what: the name of the value. Logarithmic where a fifth of
    the values or more are below a hundredth of the highest, and none is 0.
    """
    epochs = np.asarray(steps, float) / per_epoch
    low = (values < 0.0101 * values.max()).mean()
    log = bool((values > 0).all() and low >= 0.2)
    scale = ticks.scale(values if log else np.append(values, 0.0), count=4, log=log)
    widest = max((text_width(label, SMALL) for label in scale.labels), default=0.0)
    left = 0.44 + widest
    width = WIDTH - left - RIGHT
    figure = new_figure(WIDTH, HEIGHT)
    add_title(figure, left, title)
    axes = add_axes(figure, left, BOTTOM, width, HEIGHT - TOP - BOTTOM)
    scale.apply(axes.yaxis)
    free = 0.015 * (epochs[-1] - epochs[0]) or 0.5
    ticks.linear(epochs[0] - free, epochs[-1] + free, count=5).apply(axes.xaxis)
    axes.grid(axis="y", color="#E6E6E6", linewidth=0.6)
    axes.set_axisbelow(True)
    taken = steps <= used
    axes.plot(epochs, values, color=FAINT, linewidth=1.0, alpha=0.6)
    axes.plot(epochs[taken], values[taken], color=COLOURS[0], linewidth=1.6)
    axes.set_xlabel("epoch" + ("" if taken.all() else "   (grey: not reached)"))
    axes.set_ylabel(elided(f"{what} (log)" if log else what, HEIGHT - TOP - BOTTOM, TEXT))
    axes.yaxis.set_label_coords(-(left - 0.18) / width, 0.5)
    return figure
