"""ROC curves and precision-recall curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

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

    from optcli.evaluation.ranking import Curve

SIDE, TOP, BOTTOM, LEFT = 3.9, 0.5, 0.52, 0.75
MOST_CURVES = 8
DASHES = ("-", "--", "-.", ":")


def shown(curves: Sequence[Curve], areas: Sequence[float]) -> list[int]:
    """The curves that are drawn: of more than 8 those with the least areas."""
    order = sorted(range(len(curves)), key=lambda i: np.nan_to_num(areas[i], nan=2.0))
    return sorted(order[:MOST_CURVES])


@picture
def roc(curves: Sequence[Curve], title: str = "") -> Figure:
    """True positive rate against false positive rate, with the area of each curve in words.

    The grey diagonal is a classifier that guesses. Of more than 8 curves those with the least
    areas are drawn.
    """
    areas = [curve.roc_auc for curve in curves]
    figure, axes = _square(title, "false positive rate", "true positive rate (recall)")
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.9)
    for number, i in enumerate(shown(curves, areas)):
        axes.plot(curves[i].false_positive_rate, curves[i].recall, **_look(number))
    _legend(figure, curves, areas, "area")
    return figure


@picture
def precision_recall(curves: Sequence[Curve], title: str = "") -> Figure:
    """Precision against recall, as steps, with the average precision of each curve in words.

    The dotted lines are the shares of positive rows, which are the precision of guessing. Of
    more than 8 curves those with the lowest average precision are drawn.
    """
    areas = [curve.average_precision for curve in curves]
    figure, axes = _square(title, "recall", "precision")
    for number, i in enumerate(shown(curves, areas)):
        look = _look(number)
        axes.step(curves[i].recall, curves[i].precision, where="pre", **look)
        line = {"color": look["color"], "linewidth": 0.8, "alpha": 0.6}
        axes.plot([0.0, 1.0], [curves[i].prevalence] * 2, linestyle=(0, (1, 3)), **line)
    _legend(figure, curves, areas, "average precision")
    note = "dotted: guessing"
    x = LEFT + SIDE + 0.2
    add_text(figure, x, BOTTOM, elided(note, WIDTH - x - 0.05, SMALL - 1), size=SMALL - 1)
    return figure


def _look(number: int) -> dict[str, Any]:
    return {
        "color": COLOURS[number % len(COLOURS)],
        "linestyle": DASHES[number // 4 % len(DASHES)],
        "linewidth": 1.5,
    }


def _square(title: str, x: str, y: str) -> tuple[Figure, Any]:
    """A square panel of both axes from 0 to 1, with room for names at its right."""
    figure = new_figure(WIDTH, TOP + SIDE + BOTTOM)
    add_title(figure, LEFT, title)
    axes = add_axes(figure, LEFT, BOTTOM, SIDE, SIDE)
    for axis, word in ((axes.xaxis, x), (axes.yaxis, y)):
        ticks.linear(-0.02, 1.02, count=5).apply(axis)
        axis.set_label_text(word)
    axes.grid(color="#EEEEEE", linewidth=0.6)
    axes.set_axisbelow(True)
    return figure, axes


def _legend(figure: Figure, curves: Sequence[Curve], areas: Sequence[float], what: str) -> None:
    """The name and the area of each curve, right of the panel."""
    from matplotlib.lines import Line2D

    width, height = figure.get_size_inches()
    x, y = LEFT + SIDE + 0.2, BOTTOM + SIDE
    room = WIDTH - x - 0.1
    drawn = shown(curves, areas)
    add_text(figure, x, y, elided(what, room, SMALL), size=SMALL, va="top", color="#5A5A5A")
    y -= 0.26
    for number, i in enumerate(drawn):
        value = "undefined" if np.isnan(areas[i]) else f"{areas[i]:.4f}"
        place: dict[str, Any] = {"transform": figure.transFigure, "figure": figure}
        ends = [x / width, (x + 0.24) / width]
        figure.add_artist(Line2D(ends, [(y - 0.06) / height] * 2, **_look(number), **place))
        name = elided(curves[i].name, room - 0.3, SMALL)
        add_text(figure, x + 0.3, y, name, size=SMALL, va="top")
        add_text(figure, x + 0.3, y - 0.16, value, size=SMALL, va="top", color="#5A5A5A")
        y -= 0.4
    if len(drawn) < len(curves):
        rest = f"and {len(curves) - len(drawn)} with a higher value"
        add_text(figure, x, y, rest, size=SMALL, va="top", color="#5A5A5A")
