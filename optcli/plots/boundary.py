"""The decision boundary of a classifier over two features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from optcli.core.arrays import Array
from optcli.plots import fonts, ticks
from optcli.plots.style import (
    COLOURS,
    INK,
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

GRID = 240  # points of the grid along each side
MOST_POINTS = 3000
SIDE, TOP, BOTTOM, LINE = 3.9, 0.5, 0.52, 0.2


def decision_boundary(
    predict: Callable[[Array], Array],
    x: Array,
    y: Array,
    features: Sequence[str] = ("x1", "x2"),
    classes: Sequence[str] = (),
    held_out: Array | None = None,
    title: str = "",
) -> Figure:
    """The predicted class at each point, with the training rows and those held out.

    predict: (M, 2) points in the units of `x` -> (M, C) scores, the largest of which
    is the class; with C = 1 the second class is where the score is positive.
    x: (N, 2). y: (N,) class indices. held_out: (N,) bool, drawn with white centres.
    More than 3000 rows are thinned evenly.
    """
    return regions(predict(grid(x)), x, y, features, classes, held_out, title)


def grid(x: Array) -> Array:
    """The points (M, 2) at which the class is asked for: a grid over the rows (N, 2)."""
    sides = [np.linspace(scale.low, scale.high, GRID) for scale in _scales(x)]
    return np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2)


def _scales(x: Array) -> list[ticks.Scale]:
    return [ticks.scale(column, count=4, margin=0.06) for column in np.asarray(x, float).T]


@picture
def regions(
    scores: Array,
    x: Array,
    y: Array,
    features: Sequence[str] = ("x1", "x2"),
    classes: Sequence[str] = (),
    held_out: Array | None = None,
    title: str = "",
) -> Figure:
    """`decision_boundary`, by the scores (M, C) at the points of the `grid`."""
    x, y = np.asarray(x, float), np.asarray(y, int)
    hollow = np.zeros(len(y), bool) if held_out is None else np.asarray(held_out, bool)
    any_held_out = bool(hollow.any())
    scales = _scales(x)
    said = _classes(np.asarray(scores)).reshape(GRID, GRID)

    count = max(len(classes), int(y.max(initial=1)) + 1, int(said.max()) + 1)
    classes, numbers = fonts.numbered(classes)
    names = [*classes, *map(str, range(len(classes), count))]
    left = 0.85
    columns = 1 if count <= 18 else 2
    room = (WIDTH - left - SIDE - 0.2) / columns - 0.35
    names = [elided(name, room, SMALL) for name in names[:36]] + ["held out"] * any_held_out
    widest = max(text_width(name, SMALL) for name in names)
    bottom = BOTTOM + (LINE if numbers else 0.0)
    figure = new_figure(left + SIDE + 0.2 + columns * (widest + 0.35), TOP + SIDE + bottom)
    add_title(figure, left, title)
    if numbers:
        shown = elided(numbers, figure.get_figwidth() - 0.3, SMALL)
        add_text(figure, 0.15, 0.12, shown, size=SMALL, va="center")
    axes = add_axes(figure, left, bottom, SIDE, SIDE)
    _regions(axes, said, scales)
    _rows(axes, x, y, hollow)
    for scale, axis, name in zip(scales, (axes.xaxis, axes.yaxis), features, strict=True):
        scale.apply(axis)
        axis.set_label_text(elided(name, SIDE, TEXT))
    axes.yaxis.set_label_coords(-0.67 / SIDE, 0.5)
    _legend(axes, names, any_held_out, columns)
    return figure


def _classes(scores: Array) -> Array:
    """(M, C) scores -> (M,) class indices; rows without a number among them are -1."""
    said = (scores[:, 0] > 0).astype(int) if scores.shape[1] == 1 else scores.argmax(axis=1)
    return np.where(np.isfinite(scores).all(axis=1), said, -1)


def _regions(axes: Any, said: Array, scales: Sequence[ticks.Scale]) -> None:
    from matplotlib.colors import to_rgb

    palette = np.array([to_rgb(colour) for colour in COLOURS])
    pale = 1 - 0.28 * (1 - palette)
    image = np.where(said[..., None] < 0, 1.0, pale[said % len(COLOURS)])
    box = (scales[0].low, scales[0].high, scales[1].low, scales[1].high)
    axes.imshow(image, extent=box, origin="lower", aspect="auto", interpolation="bilinear")


def _rows(axes: Any, x: Array, y: Array, hollow: Array) -> None:
    shown = np.unique(np.linspace(0, len(y) - 1, min(len(y), MOST_POINTS)).astype(int))
    size = 5.5 if len(shown) <= 300 else 4.0 if len(shown) <= 1000 else 3.0
    for k in np.unique(y):
        for held in (False, True):
            rows = shown[(y[shown] == k) & (hollow[shown] == held)]
            axes.plot(*x[rows].T, linestyle="", markersize=size, **_look(k, held))


def _look(k: int, held: bool) -> dict[str, Any]:
    colour = COLOURS[k % len(COLOURS)]
    return {
        "marker": MARKERS[k % len(MARKERS)],
        "markerfacecolor": "white" if held else colour,
        "markeredgecolor": colour if held else "white",
        "markeredgewidth": 1.1 if held else 0.5,
    }


def _legend(axes: Any, names: Sequence[str], any_held_out: bool, columns: int) -> None:
    """The classes' names, at last the words for the hollow marks."""
    from matplotlib.lines import Line2D

    looks = [_look(k, held=False) for k in range(len(names))]
    if any_held_out:
        looks[-1] = {"marker": "o", "markerfacecolor": "white", "markeredgecolor": INK}
    handles = [Line2D([], [], linestyle="", **look) for look in looks]
    legend = axes.legend(
        handles,
        [" "] * len(names),
        loc="upper left",
        bbox_to_anchor=(1.01, 1.0),
        borderaxespad=0,
        frameon=False,
        fontsize=SMALL,
        handletextpad=0.2,
        ncols=columns,
    )
    for place, text in zip(legend.get_texts(), names, strict=True):
        place.set_text(text)  # as a label, `_name` would be left out
