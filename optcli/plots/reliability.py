"""The reliability diagram: probabilities against what came true."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from optcli.evaluation.calibration import Calibration
from optcli.plots import ticks
from optcli.plots.style import (
    COLOURS,
    FAINT,
    SMALL,
    WIDTH,
    add_axes,
    add_text,
    add_title,
    elided,
    new_figure,
    picture,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIDE, TOP, BOTTOM, LEFT, COUNTS = 3.5, 0.5, 0.52, 0.75, 0.9
GREY = "#5A5A5A"


@picture
def reliability(found: Calibration, title: str = "") -> Figure:
    """The share that came true by the mean probability of each bin, with its 95 % interval.

    Points on the grey diagonal are calibrated; below it the model is too sure. The bars below
    count the rows of each bin.
    """
    figure = new_figure(WIDTH, TOP + SIDE + COUNTS + BOTTOM)
    add_title(figure, LEFT, title)
    axes = add_axes(figure, LEFT, BOTTOM + COUNTS, SIDE + 0.4, SIDE)
    for axis in (axes.xaxis, axes.yaxis):
        ticks.linear(-0.02, 1.02, count=5).apply(axis)
    axes.tick_params(axis="x", labelbottom=False)
    share = "accuracy" if found.of is None else f"share of {found.event}"
    axes.set_ylabel(elided(share, SIDE, 9.0))
    axes.grid(color="#EEEEEE", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.9)
    x = [each.confidence for each in found.bins]
    y = [each.accuracy for each in found.bins]
    low = [max(0.0, each.accuracy - each.ci_low) for each in found.bins]
    high = [max(0.0, each.ci_high - each.accuracy) for each in found.bins]
    look = {"color": COLOURS[0], "linewidth": 0.9, "elinewidth": 1.0, "capsize": 2.5}
    axes.errorbar(x, y, yerr=[low, high], marker="o", markersize=4.5, **look)

    below = add_axes(figure, LEFT, BOTTOM, SIDE + 0.4, COUNTS - 0.15)
    ticks.linear(-0.02, 1.02, count=5).apply(below.xaxis)
    rows = np.array([each.rows for each in found.bins])
    middles = [(each.low + each.high) / 2 for each in found.bins]
    below.bar(middles, rows, width=0.9 / found.count, color=COLOURS[5])
    most = int(rows.max()) if rows.size else 1
    below.set(ylim=(0, 1.08 * most))
    below.set_yticks([0, most], ["0", f"{most:,}"])
    below.set_ylabel("rows")
    below.set_xlabel(elided(f"probability of {found.event}", SIDE, 9.0))

    left, top = LEFT + SIDE + 0.6, BOTTOM + COUNTS + SIDE
    for line, colour in (
        ("calibration error", GREY),
        (f"{found.error:.4f}", "#222222"),
        ("expected if calibrated", GREY),
        (f"{found.expected:.4f}", "#222222"),
        (f"{found.count} bins of equal width", GREY),
        ("bars: 95 % intervals", GREY),
    ):
        shown = elided(line, WIDTH - left - 0.05, SMALL)
        add_text(figure, left, top, shown, size=SMALL, va="top", color=colour)
        top -= 0.19 if colour == GREY else 0.28
    return figure
