"""Permutation importance of columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

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
    elided,
    new_figure,
    picture,
    text_width,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from optcli.evaluation.importance import Drop, Importance

MOST_COLUMNS = 30
LONGEST, PITCH, TOP, BOTTOM, GAP = 1.9, 0.24, 0.5, 0.72, 0.25
GREY = "#5A5A5A"


@picture
def permutation_importance(found: Importance, title: str = "") -> Figure:
    """How much worse the loss, and the first metric, get without each column; 95 % intervals.

    The most important column is on top; of more than 30 the first are drawn.
    """
    columns = found.columns[:MOST_COLUMNS]
    names = [elided(each.name, LONGEST, SMALL) for each in columns]
    left = 0.25 + max(text_width(name, SMALL) for name in names)
    tall = PITCH * len(columns) + 0.1
    figure = new_figure(WIDTH, TOP + tall + BOTTOM)
    add_title(figure, 0.15, title)
    metrics = [each.metric for each in columns if each.metric is not None]
    panels: list[tuple[str, Sequence[Drop]]] = [
        ("rise of the loss", [each.loss for each in columns])
    ]
    if metrics:
        panels.append((f"{found.metric}: how much worse", metrics))
    wide = (WIDTH - left - 0.2 - GAP * (len(panels) - 1)) / len(panels)
    for number, (what, drops) in enumerate(panels):
        axes = add_axes(figure, left + number * (wide + GAP), BOTTOM, wide, tall)
        ends = [end for each in drops for end in (each.value, *(each.interval or ()))]
        ticks.scale(np.array([*ends, 0.0]), count=3 if metrics else 5).apply(axes.xaxis)
        axes.set_ylim(len(columns) - 0.5, -0.5)
        axes.set_yticks(range(len(columns)), names if number == 0 else [])
        axes.tick_params(axis="y", length=0)
        axes.axvline(0, color=FAINT, linewidth=0.9)
        axes.grid(axis="x", color="#EEEEEE", linewidth=0.6)
        axes.set_axisbelow(True)
        bar = {"linewidth": 4.5, "alpha": 0.7, "solid_capstyle": "butt"}
        for row, each in enumerate(drops):
            axes.plot([0, each.value], [row, row], color=COLOURS[5], **bar)
            if each.interval is not None:
                axes.plot(each.interval, [row, row], color=COLOURS[0], linewidth=1.2)
            axes.plot([each.value], [row], color=COLOURS[0], marker="o", markersize=4)
        axes.set_xlabel(elided(what, wide, TEXT), color=INK)
    said = f"{found.repeats} permutations of {found.rows:,} rows; lines: 95 % intervals"
    if found.correlated is not None:
        a, b, r = found.correlated
        said += f"; {a} and {b} are correlated (r = {r:.2f})"
    shown = elided(said, WIDTH - 0.3, SMALL - 1)
    add_text(figure, 0.15, 0.1, shown, size=SMALL - 1, color=GREY)
    return figure
