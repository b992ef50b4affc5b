"""Images from the data, with the class that was predicted for each."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from optcli.core.arrays import Array
from optcli.plots import fonts
from optcli.plots.style import (
    COLOURS,
    FAINT,
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

ACROSS, MOST = 8, 40  # images side by side, and in all
GAP, CAPTION, LINE = 0.12, 0.36, 0.2  # inches
LEFT, TOP, BOTTOM = 0.2, 0.72, 0.12


class Shown(NamedTuple):
    """The images that are shown, in order.

    images: (K, H, W, 3), from 0 to 1. true, predicted: (K,) class indices. summary: what they are.
    """

    images: Array
    true: Array
    predicted: Array
    summary: str


def samples(
    images: Array,
    true: Array,
    predicted: Array,
    margins: Array,
    classes: Sequence[str],
    title: str = "",
) -> Figure:
    """Images with the class predicted for each, those that are wrong first.

    images: (N, C, H, W), one channel as grey or three as colours, else their mean; dark
    is much. true, predicted: (N,) class indices. margins: (N,) by how much the predicted
    class was ahead of the next. Of the misclassified the most confident come first, then the
    correct with the least confident first; at most 40 are shown.
    """
    return sheet(chosen(images, true, predicted, margins), classes, title)


def chosen(images: Array, true: Array, predicted: Array, margins: Array) -> Shown:
    """Which of the images `samples` shows."""
    images, margins = np.asarray(images, float), np.asarray(margins, float)
    true, predicted = np.asarray(true), np.asarray(predicted)
    wrong = true != predicted
    order = np.lexsort((np.where(wrong, -margins, margins), ~wrong))[:MOST]
    low, high = (float(images.min()), float(images.max())) if images.size else (0.0, 1.0)
    coloured = [_coloured(image, low, high) for image in images[order]]
    return Shown(np.array(coloured), true[order], predicted[order], _summary(wrong))


@picture
def sheet(shown: Shown, classes: Sequence[str], title: str = "") -> Figure:
    """The images side by side, each with its class below."""
    classes, numbers = fonts.numbered(classes)
    wrong = shown.true != shown.predicted
    down = max(1, -(-len(wrong) // ACROSS))
    side = (WIDTH - 2 * LEFT - (ACROSS - 1) * GAP) / ACROSS
    row = side + CAPTION + GAP
    height = TOP + down * row + BOTTOM + (LINE if numbers else 0.0)
    figure = new_figure(WIDTH, height)
    add_title(figure, LEFT, title)
    add_text(figure, LEFT, height - 0.36, shown.summary, size=TEXT, va="top")

    if numbers:
        told = elided(numbers, WIDTH - 2 * LEFT, SMALL)
        add_text(figure, LEFT, 0.12, told, size=SMALL, va="center")
    ground, frames = _ground(figure), []
    for place, image in enumerate(shown.images):
        left = LEFT + place % ACROSS * (side + GAP)
        bottom = height - TOP - place // ACROSS * row - side
        colour = COLOURS[1] if wrong[place] else FAINT
        frames.append(_add_image(ground, image, left, bottom, side))
        lines = [classes[int(shown.predicted[place])]]
        if wrong[place]:
            lines = [f"predicted {lines[0]}", f"true {classes[int(shown.true[place])]}"]
        look = {"size": SMALL, "ha": "center", "va": "top", "color": colour}
        for line, text in enumerate(lines):
            y = bottom - 0.05 - 0.14 * line
            add_text(figure, left + side / 2, y, elided(text, side + GAP, SMALL), **look)
    _frame(ground, frames, wrong)
    return figure


def _ground(figure: Figure) -> Any:
    """Axes in inches over all of the figure: 40 axes would take ten times as long as this."""
    figure.suppressComposite = True  # else an SVG would have one blurred picture of them all
    width, height = figure.get_size_inches()
    axes = add_axes(figure, 0, 0, width, height)
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.set_axis_off()
    return axes


def _add_image(
    ground: Any, image: Array, left: float, bottom: float, side: float
) -> tuple[float, float, float, float]:
    """An image with longer sides of this length; returns its place: left, right, bottom, top."""
    from matplotlib.image import AxesImage

    down, across = (side * length / max(image.shape[:2]) for length in image.shape[:2])
    left, bottom = left + (side - across) / 2, bottom + (side - down) / 2
    place = (left, left + across, bottom, bottom + down)
    picture = AxesImage(ground, interpolation="nearest", extent=place)
    picture.set_data(image)
    ground.add_image(picture)
    return place


def _frame(ground: Any, places: Sequence[tuple[float, float, float, float]], wrong: Array) -> None:
    """A frame around each image, a bold one around those that are wrong."""
    from matplotlib.collections import LineCollection

    sides = [
        side
        for left, right, bottom, top in places
        for side in itertools.pairwise(
            [(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)]
        )
    ]
    bold = np.repeat(wrong, 4)
    lines = LineCollection(
        sides,
        colors=np.where(bold, COLOURS[1], FAINT).tolist(),
        linewidths=np.where(bold, 1.6, 0.6).tolist(),
        capstyle="projecting",
    )
    ground.add_collection(lines, autolim=False)


def _summary(wrong: Array) -> str:
    count, total = int(wrong.sum()), len(wrong)
    if not count:
        return f"all {total:,} correct; least confident first"
    framed = f"{count:,} of {total:,} misclassified (framed, most confident first)"
    return f"{framed}; then correct, least confident first"


def _coloured(image: Array, low: float, high: float) -> Array:
    """(H, W, 3) of an image (C, H, W), from 0 to 1."""
    scaled = (image - low) / ((high - low) or 1.0)
    if len(scaled) == 3:
        return np.moveaxis(scaled, 0, -1)
    grey = 1 - scaled.mean(axis=0)
    return np.stack([grey] * 3, axis=-1)
