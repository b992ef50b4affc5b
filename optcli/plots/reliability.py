"""The reliability diagram: probabilities against what came true."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from optcli.plots import ticks
from optcli.plots.style import (
    COLOURS,
    FAINT,
    MARKERS,
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

    from optcli.evaluation.calibration import Calibration

SIDE, TOP, BOTTOM, LEFT, COUNTS = 3.5, 0.5, 0.52, 0.75, 0.9
MOST_CURVES = 8
GREY = "#5A5A5A"


@picture
def reliability(several: Sequence[Calibration], title: str = "") -> Figure:
    """The share that came true by the mean probability of each bin.

    several: one calibration, whose bins have 95 % intervals and are counted in bars below, or
    those of several labels; of more than 8 those with the greatest errors are drawn. Points on
    the grey diagonal are calibrated; below it the model is too sure.
    """
    order = sorted(range(len(several)), key=lambda i: -np.nan_to_num(several[i].error, nan=-1.0))
    drawn = [several[i] for i in sorted(order[:MOST_CURVES])]
    alone = drawn[0] if len(several) == 1 else None
    counts = COUNTS if alone else 0.0
    figure = new_figure(WIDTH, TOP + SIDE + counts + BOTTOM)
    add_title(figure, LEFT, title)
    axes = add_axes(figure, LEFT, BOTTOM + counts, SIDE + 0.4, SIDE)
    for axis in (axes.xaxis, axes.yaxis):
        ticks.linear(-0.02, 1.02, count=5).apply(axis)
    of = "the label" if alone is None else alone.event
    share = "accuracy" if alone and alone.of is None else f"share of {of}"
    axes.set_ylabel(elided(share, SIDE, 9.0))
    axes.grid(color="#EEEEEE", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.9)
    for number, found in enumerate(drawn):
        x = [each.confidence for each in found.bins]
        y = [each.accuracy for each in found.bins]
        look = {"color": COLOURS[number % len(COLOURS)], "linewidth": 0.9}
        if alone is None:
            marker = {"marker": MARKERS[number % len(MARKERS)], "markersize": 4.5}
            axes.plot(x, y, **look, **marker)
            continue
        low = [max(0.0, each.accuracy - each.ci_low) for each in found.bins]
        high = [max(0.0, each.ci_high - each.accuracy) for each in found.bins]
        bars = {"elinewidth": 1.0, "capsize": 2.5, "marker": "o", "markersize": 4.5}
        axes.errorbar(x, y, yerr=[low, high], **look, **bars)
    lowest = axes
    if alone:
        axes.tick_params(axis="x", labelbottom=False)
        lowest = _counts(figure, alone)
    lowest.set_xlabel(elided(f"probability of {of}", SIDE, 9.0))

    left, top = LEFT + SIDE + 0.6, BOTTOM + counts + SIDE
    if alone:
        _words(figure, left, top, alone)
    else:
        _legend(figure, left, top, drawn, len(several))
    return figure


def _counts(figure: Figure, found: Calibration) -> Any:
    """How many rows each bin has, as bars below."""
    below = add_axes(figure, LEFT, BOTTOM, SIDE + 0.4, COUNTS - 0.15)
    ticks.linear(-0.02, 1.02, count=5).apply(below.xaxis)
    rows = np.array([each.rows for each in found.bins])
    middles = [(each.low + each.high) / 2 for each in found.bins]
    below.bar(middles, rows, width=0.9 / found.count, color=COLOURS[5])
    most = int(rows.max()) if rows.size else 1
    below.set(ylim=(0, 1.08 * most))
    below.set_yticks([0, most], ["0", f"{most:,}"])
    below.set_ylabel("rows")
    return below


def _words(figure: Figure, left: float, top: float, found: Calibration) -> None:
    """The error, and what is to be held against it."""
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


def _legend(
    figure: Figure, left: float, top: float, drawn: Sequence[Calibration], count: int
) -> None:
    """The error of each label, and what is to be expected."""
    from matplotlib.lines import Line2D

    width, height = figure.get_size_inches()
    room = WIDTH - left - 0.05
    for line in ("calibration error", "(expected if calibrated)"):
        add_text(figure, left, top, elided(line, room, SMALL), size=SMALL, va="top", color=GREY)
        top -= 0.17
    top -= 0.1
    for number, found in enumerate(drawn):
        look: dict[str, Any] = {"transform": figure.transFigure, "linewidth": 0.9}
        look |= {"color": COLOURS[number % len(COLOURS)], "figure": figure, "markersize": 4.5}
        ends = [(left + at) / width for at in (0.0, 0.12, 0.24)]
        look |= {"marker": MARKERS[number % len(MARKERS)], "markevery": [1]}
        figure.add_artist(Line2D(ends, [(top - 0.06) / height] * 3, **look))
        name = elided(str(found.of), room - 0.3, SMALL)
        add_text(figure, left + 0.3, top, name, size=SMALL, va="top")
        value = f"{found.error:.4f} ({found.expected:.4f})"
        add_text(figure, left + 0.3, top - 0.16, value, size=SMALL, va="top", color=GREY)
        top -= 0.4
    if len(drawn) < count:
        rest = f"and {count - len(drawn)} with a lower error"
        add_text(figure, left, top, elided(rest, room, SMALL), size=SMALL, va="top", color=GREY)
