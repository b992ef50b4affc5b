"""A learning-rate range test: the loss by rate, the suggestion, and where training diverged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from optcli.plots import ticks
from optcli.plots.style import (
    COLOURS,
    FAINT,
    INK,
    SMALL,
    TEXT,
    WIDTH,
    add_axes,
    add_text,
    add_title,
    new_figure,
    picture,
    text_width,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from optcli.training.range_test import RangeTest

HEIGHT, TOP, BOTTOM, RIGHT = 3.5, 0.74, 0.5, 0.16
ABOVE = 0.25  # of the largest fall: what is shown above the starting loss


@picture
def range_test(test: RangeTest, title: str = "") -> Figure:
    """The median of the smoothed losses with the band of all seeds, and each step's loss as dots.

    Lines mark the suggested rate, a band its interval; crosses at the top the rates at which
    seeds diverged.
    """
    low = float(min(test.smooth.min(), test.median.min()))
    high = test.start + ABOVE * max(test.start - low, 0.01 * abs(test.start), 1e-12)
    values = np.array([low, high])
    log = low > 0 and high > 30 * low
    scale = ticks.scale(values, count=4, log=log)
    left = 0.44 + max((text_width(label, SMALL) for label in scale.labels), default=0.0)
    width, height = WIDTH - left - RIGHT, HEIGHT - TOP - BOTTOM
    figure = new_figure(WIDTH, HEIGHT)
    add_title(figure, left, title)
    axes = add_axes(figure, left, BOTTOM, width, height)
    scale.apply(axes.yaxis)
    ticks.scale(test.lr, count=5, log=True, margin=0.01).apply(axes.xaxis)
    axes.grid(axis="y", color="#E6E6E6", linewidth=0.6)
    axes.set_axisbelow(True)
    lr = np.broadcast_to(test.lr[:, None], test.losses.shape)
    seen = np.isfinite(test.losses) & (test.losses < ticks.LARGEST)
    dots: dict[str, Any] = {
        "marker": ".",
        "linestyle": "",
        "markersize": 2.5,
        "color": FAINT,
        "alpha": 0.4,
    }
    axes.plot(lr[seen], test.losses[seen], **dots)
    ends = np.array([each for each in test.diverged if each is not None])
    band = test.lr <= (np.inf if None in test.diverged else 1.5 * ends.max())
    edges = test.smooth.min(axis=1)[band], test.smooth.max(axis=1)[band]
    axes.fill_between(test.lr[band], *edges, color=COLOURS[0], alpha=0.2, linewidth=0)
    axes.plot(test.lr, test.median, color=COLOURS[0], linewidth=1.8)
    foot = axes.get_xaxis_transform()
    words = ["line, band: median, all seeds", "dots: single steps"]
    found = test.suggestion
    if found is not None:
        axes.axvspan(found.low, found.high, color=COLOURS[2], alpha=0.12, linewidth=0)
        axes.axvline(found.lr, color=COLOURS[2], linewidth=1.4)
        look: dict[str, Any] = {
            "transform": foot,
            "color": INK,
            "size": TEXT,
            "ha": "center",
            "va": "bottom",
        }
        axes.text(found.lr, 1.015, f"{found.lr:g}", **look)
        words.append("green: suggested rate and interval")
    if len(ends):
        cross: dict[str, Any] = {
            "marker": "x",
            "markersize": 5,
            "linestyle": "",
            "color": COLOURS[1],
        }
        axes.plot(ends, np.full(len(ends), 0.97), transform=foot, **cross)
        words.append("crosses: diverged")
    axes.set_xlabel("learning rate (log)")
    axes.set_ylabel(scale.named("loss"))
    axes.yaxis.set_label_coords(-(left - 0.18) / width, 0.5)
    add_text(figure, left, HEIGHT - 0.34, "; ".join(words), size=SMALL, color=FAINT, va="top")
    return figure
