"""Predictions against the truth, for numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from optcli.core.arrays import Array
from optcli.plots import ticks
from optcli.plots.style import (
    COLOURS,
    FAINT,
    MARKERS,
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

SIDE, TOP, BOTTOM = 3.9, 0.5, 0.52
MOST_POINTS = 5000
WORDS = {"train": "training", "validation": "validation", "test": "test"}


@picture
def predicted_against_true(
    predicted: Array,
    true: Array,
    name: str = "",
    parts: Sequence[str] | None = None,
    title: str = "",
) -> Figure:
    """Each row as a point, with the line of perfect prediction and R² and RMSE in words.

    predicted, true: (N,) in the data's own units. name: of the target, unit included.
    parts: (N,) the part each row belongs to, such as `train` or `validation`; each has
    its colour, R² and RMSE. Rows with a value that is not finite are left out, and
    counted; more than 5000 of a part are thinned evenly.
    """
    predicted, true = np.asarray(predicted, float).ravel(), np.asarray(true, float).ravel()
    labels = np.asarray(["" for _ in true] if parts is None else parts)
    fine = (np.abs(predicted) < ticks.LARGEST) & (np.abs(true) < ticks.LARGEST)
    scale = ticks.scale(np.concatenate([predicted[fine], true[fine]]), count=4)
    left = 0.55 + max((text_width(t, SMALL) for t in scale.labels), default=0.0)

    figure = new_figure(WIDTH, TOP + SIDE + BOTTOM)
    add_title(figure, left, title)
    axes = add_axes(figure, left, BOTTOM, SIDE, SIDE)
    for axis, word in ((axes.xaxis, "true"), (axes.yaxis, "predicted")):
        scale.apply(axis)
        axis.set_label_text(elided(f"{word} {name}", SIDE, TEXT))
    axes.yaxis.set_label_coords(-(left - 0.15) / SIDE, 0.5)
    axes.plot([scale.low, scale.high], [scale.low, scale.high], color=FAINT, linewidth=0.9)

    x, y = left + SIDE + 0.2, BOTTOM + SIDE
    found = set(labels.tolist())
    order = [part for part in WORDS if part in found] + sorted(found - set(WORDS))
    for k, part in enumerate(order):
        rows = np.flatnonzero(fine & (labels == part))
        colour, marker = COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)]
        shown = rows[
            np.unique(np.linspace(0, len(rows) - 1, min(len(rows), MOST_POINTS)).astype(int))
        ]
        axes.plot(
            true[shown],
            predicted[shown],
            linestyle="",
            marker=marker,
            color=colour,
            markersize=4.5 if len(fine) <= 500 else 3.0,
            markeredgewidth=0,
            alpha=0.75 if len(fine) <= 500 else 0.4,
        )
        if part:
            mark = add_text(figure, x, y, elided(WORDS.get(part, part), 1.6, TEXT), va="top")
            mark.set(color=colour, weight="bold")
            y -= 0.19
        for line in _goodness(predicted[rows], true[rows]):
            add_text(figure, x, y, line, size=SMALL, va="top")
            y -= 0.17
        y -= 0.12
    if not fine.all():
        lost = f"{(~fine).sum():,} not finite,\nnot shown"
        add_text(figure, x, y, lost, size=SMALL, va="top")
    return figure


def _goodness(predicted: Array, true: Array) -> list[str]:
    """R², RMSE and the number of rows, in words."""
    lines = []
    if len(true):
        with np.errstate(over="ignore"):
            error = np.mean((predicted - true) ** 2)
            spread = np.mean((true - true.mean()) ** 2)
        if spread > 0:
            lines.append(f"R² = {1 - error / spread:.3f}")
        root = np.sqrt(error)
        lines.append(f"RMSE = {root:,.0f}" if 1e4 <= root < 1e9 else f"RMSE = {root:.4g}")
    return [*lines, f"{len(true):,} row" + ("" if len(true) == 1 else "s")]
