"""Gradient checks: the error of differences against the size of their step."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
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
    elided,
    new_figure,
    picture,
    text_width,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from optcli.gradients.curves import Curve

MOST_PANELS = 9
COLUMNS = 3
LEFT, RIGHT, TOP, BOTTOM = 0.62, 0.12, 0.62, 0.5
TALL, GAP, HEAD = 1.5, 0.2, 0.24
LEAST = 1e-17  # what is smaller, or 0, lies on the axis
LOOKS = {
    "central difference": (COLOURS[0], "solid"),
    "one-sided difference": (COLOURS[4], (0, (4, 1.2))),
    "complex step": (COLOURS[2], (0, (1, 1))),
}


@picture
def error_by_step(curves: Sequence[Curve], title: str = "") -> Figure:
    """A panel for each of the first 9 curves: from the right the error falls with the step.

    From the left it falls as rounding loses its weight. A gradient that is right meets
    both in a valley; one that is wrong stays level far above it.
    """
    curves = list(curves)[:MOST_PANELS]
    columns = min(COLUMNS, len(curves))
    rows = -(-len(curves) // columns)
    wide = (WIDTH - LEFT - RIGHT - GAP * (columns - 1)) / columns
    height = TOP + rows * (TALL + HEAD) + BOTTOM
    figure = new_figure(WIDTH, height)
    add_title(figure, LEFT, title)
    _name_looks(figure, height - 0.42, any(c.complex_step is not None for c in curves))

    horizontal = ticks.scale(np.array([1e-14, 0.1]), 4, log=True, margin=0.02)
    horizontal = horizontal._replace(ticks=horizontal.ticks[1::2], labels=horizontal.labels[1::2])
    vertical = ticks.scale(np.array([LEAST, 10.0]), 4, log=True, margin=0.02)
    for number, curve in enumerate(curves):
        row, column = divmod(number, columns)
        x = LEFT + column * (wide + GAP)
        y = height - TOP - (row + 1) * (TALL + HEAD) + 0.02
        axes = add_axes(figure, x, y, wide, TALL)
        horizontal.apply(axes.xaxis)
        vertical.apply(axes.yaxis)
        _draw(axes, curve)
        last = number + columns >= len(curves)
        axes.tick_params(labelleft=column == 0, labelbottom=last)
        if last:
            axes.set_xlabel("step size")
        right = curve.outcome == "right"
        colour = INK if right else COLOURS[1]
        said = curve.title if right else f"{curve.outcome}: {curve.title}"
        add_text(figure, x, y + TALL + 0.04, elided(said, wide, SMALL), size=SMALL, color=colour)
    middle = BOTTOM + rows * (TALL + HEAD) / 2
    add_text(
        figure,
        0.07,
        middle,
        "error relative to the largest entry",
        rotation=90,
        va="center",
        size=TEXT,
    )
    return figure


def _draw(axes: Any, curve: Curve) -> None:
    axes.grid(color="#E6E6E6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.axvline(curve.step, color=FAINT, linewidth=0.8)
    found = {
        "one-sided difference": curve.one_sided,
        "central difference": curve.central,
    }
    if curve.complex_step is not None:
        found["complex step"] = np.full(curve.steps.shape, curve.complex_step)
    for name, values in found.items():
        colour, dashes = LOOKS[name]
        shown = np.where(np.isfinite(values), np.clip(values, LEAST, 10.0), np.nan)
        axes.plot(curve.steps, shown, color=colour, linestyle=dashes, linewidth=1.3)


def _name_looks(figure: Figure, y: float, complex_step: bool) -> None:
    """The names of the lines, each in its colour, and what the grey line is."""
    x = LEFT
    names = [name for name in LOOKS if complex_step or name != "complex step"]
    for name in [*names, "grey: first step size tried"]:
        colour = LOOKS.get(name, (FAINT, None))[0]
        add_text(figure, x, y, name, size=SMALL, color=colour)
        x += text_width(name, SMALL) + 0.2


MOST_NAMES = 60
PITCH, LONGEST = 0.2, 2.2


@picture
def error_ratios(checked: Sequence[Mapping[str, Any]], title: str = "") -> Figure:
    """The largest error of each name over its tolerance; right of the line a gradient is wrong.

    checked: `name` and `worst_ratio` of each; of more than 60 those with the largest errors.
    """
    ratios = [math.nan if (r := row["worst_ratio"]) is None else float(r) for row in checked]
    order = sorted(range(len(checked)), key=lambda i: -np.nan_to_num(ratios[i], nan=-1.0))
    drawn = sorted(order[:MOST_NAMES])
    names = [elided(str(checked[i]["name"]), LONGEST, SMALL) for i in drawn]
    left = 0.25 + max((text_width(name, SMALL) for name in names), default=0.0)
    tall, wide = PITCH * len(drawn) + 0.1, WIDTH - left - 0.2
    figure = new_figure(WIDTH, tall + 1.0)
    add_title(figure, 0.15, title)
    axes = add_axes(figure, left, 0.5, wide, tall)
    shown = np.clip(np.array([ratios[i] for i in drawn]), 1e-9, 1e9)
    ticks.scale(np.append(shown[np.isfinite(shown)], [0.1, 2.0]), 5, log=True).apply(axes.xaxis)
    axes.set_ylim(len(drawn) - 0.5, -0.5)
    axes.set_yticks(range(len(drawn)), names)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#E6E6E6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.axvline(1.0, color=FAINT, linewidth=0.9)
    colours = [COLOURS[1] if ratio > 1 else COLOURS[0] for ratio in shown]
    axes.scatter(shown, range(len(drawn)), c=colours, s=16, linewidths=0)
    what = "largest error over its tolerance; above 1 a gradient is wrong"
    axes.set_xlabel(elided(what, wide, TEXT))
    return figure
