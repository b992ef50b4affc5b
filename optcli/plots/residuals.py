"""Residuals: what predictions of numbers leave unexplained."""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING, Any

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
    add_text,
    add_title,
    elided,
    new_figure,
    picture,
    text_width,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TALL, LOW, TOP, BOTTOM, BETWEEN = 2.6, 1.9, 0.5, 0.52, 0.62
MOST_POINTS = 5000
QUANTILES = 500
WINDOWS = 20  # of the running mean
GREY = "#5A5A5A"


@picture
def residuals(predicted: Array, true: Array, name: str = "", title: str = "") -> Figure:
    """Residuals (true − predicted) against predictions, their histogram and normal Q-Q plot.

    predicted, true: (N,) in the data's own units. The orange line is the mean residual of
    20 equal groups of rows by prediction: where it leaves 0, the model is wrong by rule.
    Rows that are not finite are left out; of more than 5000 some are drawn.
    """
    predicted, true = np.asarray(predicted, float), np.asarray(true, float)
    fine = (np.abs(predicted) < ticks.LARGEST) & (np.abs(true) < ticks.LARGEST)
    x, r = predicted[fine], (true - predicted)[fine]
    scale = ticks.scale(np.append(r, 0.0), count=4)
    left = 0.55 + max((text_width(text, SMALL) for text in scale.labels), default=0.0)
    height = TOP + TALL + BETWEEN + LOW + BOTTOM
    figure = new_figure(WIDTH, height)
    add_title(figure, left, title)
    wide = WIDTH - left - 0.2
    axes = add_axes(figure, left, BOTTOM + LOW + BETWEEN, wide, TALL)
    scale.apply(axes.yaxis)
    ticks.scale(x, count=5).apply(axes.xaxis)
    axes.set_xlabel(elided(f"predicted {name}", wide, TEXT))
    axes.set_ylabel("residual (true − predicted)")
    axes.yaxis.set_label_coords(-(left - 0.2) / wide, 0.5)
    axes.axhline(0, color=FAINT, linewidth=0.9)
    chosen = np.unique(np.linspace(0, len(x) - 1, min(len(x), MOST_POINTS)).astype(int))
    many = len(x) > 500
    points = {"color": COLOURS[0], "markeredgewidth": 0, "linestyle": "", "marker": "o"}
    axes.plot(
        x[chosen], r[chosen], markersize=2.6 if many else 4, alpha=0.35 if many else 0.7, **points
    )
    if len(x) >= 3 * WINDOWS:
        groups = np.array_split(np.argsort(x, kind="stable"), WINDOWS)
        middle = [float(x[group].mean()) for group in groups]
        mean = [float(r[group].mean()) for group in groups]
        axes.plot(middle, mean, color=COLOURS[1], linewidth=1.5)
        place = {"ha": "right", "va": "bottom", "size": SMALL, "color": COLOURS[1]}
        axes.text(
            1.0, 1.01, f"mean of {WINDOWS} groups by prediction", transform=axes.transAxes, **place
        )

    half = (wide - 0.75) / 2
    _histogram(add_axes(figure, left, BOTTOM, half, LOW), r, scale, half)
    _normal(add_axes(figure, left + half + 0.75, BOTTOM, half, LOW), r, scale)
    lost = int((~fine).sum())
    if lost:
        text = f"{lost:,} rows are not finite and not shown"
        add_text(figure, left, 0.05, text, size=SMALL - 1, color=GREY)
    return figure


def _histogram(axes: Any, r: Array, scale: ticks.Scale, width: float) -> None:
    """How many rows have which residual."""
    count = int(np.clip(np.sqrt(len(r)), 5, 50))
    axes.hist(r, bins=count, range=(scale.low, scale.high), color=COLOURS[5])
    fitting = ticks.linear(scale.low, scale.high, count=3)
    fitting.apply(axes.xaxis)
    axes.axvline(0, color=FAINT, linewidth=0.9)
    axes.set_xlabel("residual")
    axes.set_ylabel("rows")
    top = axes.get_ylim()[1] or 1
    axes.set_yticks([0, int(top)], ["0", f"{int(top):,}"])


def _normal(axes: Any, r: Array, scale: ticks.Scale) -> None:
    """Quantiles of the residuals against those of the normal distribution."""
    if len(r) < 2:
        axes.set_axis_off()
        return
    levels = (np.arange(min(len(r), QUANTILES)) + 0.5) / min(len(r), QUANTILES)
    normal = np.array([NormalDist().inv_cdf(level) for level in levels.tolist()])
    scale.apply(axes.yaxis)
    ticks.scale(normal, count=4).apply(axes.xaxis)
    ends = np.array([normal[0], normal[-1]])
    axes.plot(ends, r.mean() + r.std() * ends, color=FAINT, linewidth=0.9)
    look = {"linestyle": "", "marker": "o", "markersize": 2.6, "markeredgewidth": 0}
    axes.plot(normal, np.quantile(r, levels), color=COLOURS[0], **look)
    axes.set_xlabel("normal quantile")
    axes.set_ylabel("residual")
