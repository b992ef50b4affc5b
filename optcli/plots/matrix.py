"""The confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from optcli.core.arrays import Array
from optcli.plots import fonts
from optcli.plots.style import (
    COLOURS,
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

LONGEST_NAME, LINE = 1.7, 0.2  # inches


@picture
def confusion(counts: Array, classes: Sequence[str], title: str = "") -> Figure:
    """Rows of each true class by predicted class, as counts and shares of the row.

    counts: (C, C), true class by predicted class. The shade is the share of the row.
    """
    counts = np.asarray(counts)
    size = len(counts)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)

    classes, numbers = fonts.numbered(classes)
    names = [elided(name, LONGEST_NAME, SMALL) for name in classes]
    widest = max(text_width(name, SMALL) for name in names)
    left = 0.5 + widest
    side = min(WIDTH - left - 0.25, 0.9 * size)
    cell = side / size
    # Below, names stand upright where even their ends would not fit side by side; the
    # names on the left are whole.
    turned = widest > 0.9 * cell and cell < 0.6
    under = names if turned else [elided(name, 0.9 * cell, SMALL) for name in classes]
    foot = LINE if numbers else 0.0
    bottom = 0.45 + (widest if turned else 0.15) + foot
    height = 0.45 + side + bottom
    figure = new_figure(max(left + side + 0.25, 3.6), height)
    add_title(figure, 0.15, title)

    axes = add_axes(figure, left, bottom, side, side)
    axes.imshow(_shades(shares), aspect="auto", interpolation="nearest")
    _write(axes, counts, shares, cell)
    family = fonts.families("".join(names))  # ticks make their texts only when they are drawn
    axes.set_xticks(range(size), under, rotation=90 if turned else 0, family=family)
    axes.set_yticks(range(size), names, family=family)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    centre = {"ha": "center", "va": "center", "size": TEXT}
    if numbers:
        shown = elided(numbers, figure.get_figwidth() - 0.3, SMALL)
        add_text(figure, 0.15, 0.12, shown, size=SMALL, va="center")
    below = "predicted class (cells: count, % of the true class)"
    half, wide = text_width(below, TEXT) / 2 + 0.1, figure.get_figwidth()
    middle = min(max(left + side / 2, half), max(half, wide - half))
    add_text(figure, middle, 0.17 + foot, below, **centre)
    add_text(figure, 0.2, bottom + side / 2, "true class", rotation=90, **centre)
    return figure


def _shades(shares: Array) -> Array:
    """(C, C) shares -> (C, C, 3): from white to blue; its root, so that few show as well."""
    from matplotlib.colors import to_rgb

    depth = np.sqrt(shares)[..., None]
    return np.asarray(1 - depth * (1 - np.array(to_rgb(COLOURS[0]))))


def _write(axes: Any, counts: Array, shares: Array, cell: float) -> None:
    """The count in every cell, and under it the share where there is one."""
    # the widest text, about five digits of 0.64 em, fills most of a cell
    longest = max(4, len(f"{counts.max():,}"))
    size = min(TEXT, 0.88 * cell * 72 / (0.64 * longest), 0.36 * cell * 72)
    for (i, j), count in np.ndenumerate(counts):
        if count:
            colour = "white" if shares[i, j] > 0.4 else INK
            text = f"{count:,}\n{_percent(float(shares[i, j]))}"
            axes.text(j, i, text, ha="center", va="center", size=size, color=colour)


def _percent(share: float) -> str:
    """The share in words; neither `0%` nor `100%` unless it is."""
    if 0 < share < 0.005:
        return "<1%"
    if 0.995 <= share < 1:
        return ">99%"
    return f"{share:.0%}"
