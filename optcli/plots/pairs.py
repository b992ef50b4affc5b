"""Pairs: the differences of a comparison with their intervals, and who beats whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from optcli.core.arrays import Array
from optcli.plots import ticks
from optcli.plots.looks import looks
from optcli.plots.panel import GREY, TOP
from optcli.plots.style import (
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

ROW = 0.24  # inches
LONGEST = 2.2  # inches of a name
FURTHEST = 4.0  # an end so many times further than all estimates is cut
BELOW = 0.68


class PairRow(NamedTuple):
    """A pair: the difference of a from b with its interval, who is better, if any, and p.

    better_in: the share of seeds in which a was better.
    """

    a: str
    b: str
    difference: float
    low: float
    high: float
    p: float
    better: str | None
    better_in: float


@picture
def pair_differences(
    pairs: Sequence[PairRow],
    quantity: str,
    title: str = "",
    optimizers: Mapping[str, str] | None = None,
    higher: bool = False,
) -> Figure:
    """A forest plot: a row for each pair, with the interval of its difference.

    In the colour of the better one; grey where none is. An arrow stands for an end that lies
    beyond the picture.
    """
    colours = looks(list(dict.fromkeys(n for pair in pairs for n in pair[:2])), optimizers)
    names = [elided(f"{pair.a} − {pair.b}", LONGEST, SMALL) for pair in pairs]
    left = 0.3 + max(text_width(name, SMALL) for name in names)
    tall = ROW * (len(pairs) + 0.4)
    head = TOP + 0.2
    figure = new_figure(WIDTH, head + tall + BELOW)
    add_title(figure, 0.15, title)
    room = 0.75
    wide = WIDTH - left - room
    axes = add_axes(figure, left, BELOW, wide, tall)
    limits = reach([(pair.low, pair.difference, pair.high) for pair in pairs])
    scale = ticks.linear(*limits, count=4)
    scale.apply(axes.xaxis)
    axes.set(ylim=(len(pairs) - 0.3, -0.7), yticks=[])
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color="#E6E6E6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.axvline(0.0, color=FAINT, linewidth=0.9, zorder=2)
    for row, (pair, name) in enumerate(zip(pairs, names, strict=True)):
        colour = FAINT if pair.better is None else colours[pair.better].colour
        _interval(axes, row, pair, limits, colour)
        y = BELOW + tall * (1 - (row + 0.7) / (len(pairs) + 0.4))
        look = {"size": SMALL, "va": "center", "color": INK}
        add_text(figure, left - 0.12, y, name, ha="right", **look)
        add_text(figure, WIDTH - 0.15, y, _p(pair.p), ha="right", **look | {"color": GREY})
    small = {"size": SMALL - 1, "color": GREY}
    sides = ("second better", "first better") if higher else ("first better", "second better")
    y = BELOW + tall + 0.06
    add_text(figure, left + 0.05, y, f"← {sides[0]}", ha="left", **small)
    add_text(figure, left + wide - 0.05, y, f"{sides[1]} →", ha="right", **small)
    add_text(figure, WIDTH - 0.15, y, "p", ha="right", **small)
    axes.set_xlabel(elided(f"difference in {quantity}, first − second", wide, TEXT))
    words = "95 % CI: all pairs together, over the finalists of both; grey: tied"
    add_text(figure, left + wide / 2, 0.1, words, ha="center", **small)
    return figure


def _interval(axes: Any, row: int, pair: PairRow, reach: tuple[float, float], colour: str) -> None:
    """The line from end to end, with arrows where it goes on, and the estimate."""
    low, high = (float(np.clip(end, *reach)) for end in (pair.low, pair.high))
    axes.plot([low, high], [row, row], color=colour, linewidth=1.4, solid_capstyle="butt")
    for end, limit, mark in ((pair.low, reach[0], "<"), (pair.high, reach[1], ">")):
        cut = end < limit if mark == "<" else end > limit
        look = {"marker": mark if cut else "|", "markersize": 5, "clip_on": False}
        axes.plot([limit if cut else end], [row], color=colour, **look)
    if reach[0] <= pair.difference <= reach[1]:
        look = {"marker": "o", "markersize": 5.5, "markeredgecolor": "white"}
        axes.plot([pair.difference], [row], color=colour, **look, zorder=5)


def reach(intervals: Sequence[tuple[float, float, float]]) -> tuple[float, float]:
    """From where to where differences are drawn; zero included. intervals: low, middle, high."""
    centres = ticks.usable(np.array([middle for _, middle, _ in intervals]))
    ends = ticks.usable(np.array([end for low, _, high in intervals for end in (low, high)]))
    # half of the intervals are drawn whole in any case
    usual = max(
        np.abs(centres).max(initial=0.0), float(np.median(np.abs(ends))) if ends.size else 0.0
    )
    usual = usual or 1.0
    near = ends[np.abs(ends) <= FURTHEST * usual]
    shown = np.concatenate([[0.0], centres, near])
    low, high = float(shown.min()), float(shown.max())
    free = 0.06 * (high - low) or usual
    return low - free, high + free


def _p(value: float) -> str:
    return "<0.0001" if value < 1e-4 else f"{value:.4f}" if value < 0.1 else f"{value:.2f}"


@picture
def wins(
    labels: Sequence[str],
    pairs: Sequence[PairRow],
    seeds: int,
    title: str = "",
    optimizers: Mapping[str, str] | None = None,
) -> Figure:
    """Who beats whom: a row against each column, in the colour of the better one.

    In a cell is in how many seeds the row was better; a tie counts half.
    """
    size = len(labels)
    look = looks(labels, optimizers)
    found = {(pair.a, pair.b): pair for pair in pairs}
    names = [elided(label, 1.5, SMALL) for label in labels]
    widest = max(text_width(name, SMALL) for name in names)
    left = 0.35 + widest
    cell = min(0.8, (WIDTH - left - 0.2) / size)
    side = cell * size
    turned = widest > 0.9 * cell
    head = TOP + (widest if turned else 0.15) + 0.1
    figure = new_figure(max(left + side + 0.2, 4.2), head + side + 0.38)
    add_title(figure, 0.15, title)
    axes = add_axes(figure, left, 0.38, side, side)
    axes.imshow(_shades(labels, found, look), aspect="auto", interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.hlines(np.arange(size + 1) - 0.5, -0.5, size - 0.5, color="white", linewidth=2)
    axes.vlines(np.arange(size + 1) - 0.5, -0.5, size - 0.5, color="white", linewidth=2)
    for i, label in enumerate(labels):
        middle = 0.38 + side - cell * (i + 0.5)
        text = {"size": SMALL, "color": INK}
        add_text(figure, left - 0.1, middle, names[i], ha="right", va="center", **text)
        at, top = left + cell * (i + 0.5), 0.38 + side + 0.06
        turn = {"rotation": 90} if turned else {}
        add_text(figure, at, top, names[i], ha="center", va="bottom", **text, **turn)
        for j, other in enumerate(labels):
            if {(label, other), (other, label)} & found.keys():
                words, bold = _cell(found, label, other, seeds)
                fine = {"size": min(SMALL, 0.3 * cell * 72), "weight": bold, "color": INK}
                axes.text(j, i, words, ha="center", va="center", **fine)
    words = "row against column; cells: seeds in which the row is better; grey: tied"
    small = {"size": SMALL - 1, "color": GREY}
    add_text(figure, 0.15, 0.12, elided(words, figure.get_figwidth() - 0.3, SMALL - 1), **small)
    return figure


def _better(found: Mapping[tuple[str, str], PairRow], a: str, b: str) -> str | None:
    return (found.get((a, b)) or found[b, a]).better


def _cell(found: Mapping[tuple[str, str], PairRow], a: str, b: str, seeds: int) -> tuple[str, str]:
    """In how many seeds a was better, and the weight of the text: bold where a beats b."""
    pair = found.get((a, b))
    share = pair.better_in if pair is not None else 1 - found[b, a].better_in
    better = _better(found, a, b)
    said = "tie" if better is None else "win" if better == a else "loss"
    return f"{said}\n{share * seeds:g}/{seeds}", "bold" if better == a else "normal"


def _shades(
    labels: Sequence[str], found: Mapping[tuple[str, str], PairRow], look: Mapping[str, Any]
) -> Array:
    """(K, K, 3): the paled colour of the better one, grey for ties, white on the diagonal."""
    from matplotlib.colors import to_rgb

    shades = np.ones((len(labels), len(labels), 3))
    for i, a in enumerate(labels):
        for j, b in enumerate(labels):
            if {(a, b), (b, a)} & found.keys():
                better = _better(found, a, b)
                colour = FAINT if better is None else look[better].colour
                depth = 0.16 if better is None else 0.5 if better == a else 0.18
                shades[i, j] = 1 - depth * (1 - np.array(to_rgb(colour)))
    return shades
