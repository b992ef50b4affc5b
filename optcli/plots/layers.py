"""Activations and gradients of each layer over a training, as bands of quantiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from optcli.core.arrays import Array
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
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from optcli.surface.on_the_way import Layers, LayerTrack

LEFT, RIGHT, GAP, TOP, BOTTOM = 0.62, 0.16, 0.62, 0.98, 0.5
HEIGHT, BETWEEN = 1.02, 0.36
MOST_LAYERS = 12
DECADES = 6  # of sizes of gradients below the largest that are shown, at most
BLUE, RED = COLOURS[0], COLOURS[1]


@picture
def layers(found: Layers) -> Figure:
    """A row for each layer, activations at the left and sizes of gradients at the right.

    Bands are quantiles of 5 to 95 % and of 25 to 75 %, lines medians. All gradients have one
    logarithmic scale, so that layers can be compared.
    """
    shown = found.layers
    if len(shown) > MOST_LAYERS:
        at = np.linspace(0, len(shown) - 1, MOST_LAYERS).round().astype(int)
        shown = tuple(shown[k] for k in at)
    width = (WIDTH - LEFT - RIGHT - GAP) / 2
    height = TOP + len(shown) * (HEIGHT + BETWEEN) - BETWEEN + BOTTOM
    figure = new_figure(WIDTH, height)
    add_title(figure, LEFT, found.title)
    words = "bands: 5 to 95 % and 25 to 75 %; line: median; foot of a log scale: smaller, or 0"
    if len(shown) < len(found.layers):
        words += f"; {len(shown)} of {len(found.layers)} layers"
    words = elided(words, WIDTH - LEFT - 0.1, SMALL)
    add_text(figure, LEFT, height - 0.36, words, size=SMALL, color=FAINT, va="top")
    headings = f"activations of {found.rows:,} training rows", "size of the weights' gradient (log)"
    for k, name in enumerate(headings):
        left = LEFT + k * (width + GAP)
        add_text(figure, left, height - TOP + 0.24, name, size=TEXT, color=INK, weight="medium")
    across = ticks.linear(0.0, float(found.epochs[-1]) or 1.0, count=4)
    sizes = _sizes(shown)
    for k, each in enumerate(shown):
        bottom = height - TOP - HEIGHT - k * (HEIGHT + BETWEEN)
        scale = ticks.scale(each.activations, count=3)
        frames = (each.activations, scale, BLUE), (each.gradients, sizes, RED)
        for place, (values, upwards, colour) in enumerate(frames):
            left = LEFT + place * (width + GAP)
            axes = add_axes(figure, left, bottom, width, HEIGHT)
            upwards.apply(axes.yaxis)
            across.apply(axes.xaxis)
            axes.grid(axis="y", color="#E6E6E6", linewidth=0.6)
            axes.set_axisbelow(True)
            _bands(axes, found.epochs, np.clip(values, upwards.low, upwards.high), colour)
            if k == len(shown) - 1:
                axes.set_xlabel("epoch")
            else:
                axes.tick_params(labelbottom=False)
            text = elided(_said(each) if place == 0 else each.layer, width, SMALL)
            add_text(figure, left, bottom + HEIGHT + 0.05, text, size=SMALL, color=INK)
    return figure


def _bands(axes: Any, epochs: Array, values: Array, colour: str) -> None:
    for low, high, alpha in ((0, 4, 0.18), (1, 3, 0.3)):
        edges = values[:, low], values[:, high]
        axes.fill_between(epochs, *edges, color=colour, alpha=alpha, linewidth=0)
    marker = "o" if len(epochs) == 1 else None  # of a training that diverged at once
    axes.plot(epochs, values[:, 2], color=colour, linewidth=1.4, marker=marker, markersize=4)


def _sizes(shown: tuple[LayerTrack, ...]) -> ticks.Scale:
    """The scale of all gradients; sizes far below the largest, and 0, are at its foot."""
    seen = ticks.usable(np.concatenate([each.gradients.ravel() for each in shown]))
    seen = seen[seen > 0]
    if not seen.size:
        return ticks.linear(0.0, 1.0, count=3)
    return ticks.scale(seen[seen >= seen.max() * 10.0**-DECADES], count=3, log=True)


def _said(each: LayerTrack) -> str:
    """`relu1: 32 units, 3 dead at the end`."""
    words = f"{each.output}: {each.units:,} {'unit' if each.units == 1 else 'units'}"
    return words if each.dead is None else f"{words}, {each.dead[-1]:,} dead at the end"
