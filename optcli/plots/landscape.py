"""The maps of a landscape: the loss on a plane, the paths on it, and cuts through it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from optcli.core.arrays import Array
from optcli.plots import ticks
from optcli.plots.animation import gif, progress
from optcli.plots.looks import Look, looks
from optcli.plots.style import (
    FAINT,
    INK,
    SMALL,
    TEXT,
    WIDTH,
    add_axes,
    add_text,
    add_title,
    casing,
    elided,
    new_figure,
    picture,
    style,
    text_width,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from optcli.surface.result import Cut, Landscape, Solution, Walk

LEFT, RIGHT, TOP, BOTTOM = 0.62, 0.16, 0.58, 0.5
ALONE, GAP = 4.25, 0.5  # a map alone, and the space between two
CUTS, LINE = 1.55, 0.185
LEVELS = 14
MOST_NAMES = 30
LOW, HIGH = (0.36, 0.50, 0.66), (0.985, 0.99, 1.0)  # colours of the bottom and of the heights
GREY = "#5A5A5A"
FRAMES, FRAME, ANIMATION_DPI = 60, 80, 110


@picture
def landscape_map(found: Landscape) -> Figure:
    """The training loss beside the validation loss on the plane, the paths, and the cuts.

    Both maps have the same levels. What is above the highest is of one colour.
    """
    drawing = _Picture(found)
    for look, each in zip(drawing.looks, found.solutions, strict=True):
        for axes in drawing.maps:
            if each.walk is not None:
                axes.plot(*each.walk.at.T, **_line(look), path_effects=casing())
    drawing.ends()
    return drawing.figure


@style()
def landscape_animation(found: Landscape) -> bytes:
    """The same as a GIF in which the paths grow, epoch by epoch; its content."""
    drawing = _Picture(found)
    drawing.figure.set_dpi(ANIMATION_DPI)
    moving = [
        (axes, line, each.walk)
        for look, each in zip(drawing.looks, found.solutions, strict=True)
        if each.walk is not None
        for axes in drawing.maps
        for (line,) in [axes.plot([], [], **_line(look), animated=True)]
    ]

    def draw(epoch: float) -> None:
        for axes, line, walk in moving:
            line.set_data(*_until(walk, epoch).T)
            axes.draw_artist(line)

    last = max((float(walk.epochs[-1]) for _, _, walk in moving), default=0.0)
    return gif(drawing.figure, last * progress(FRAMES), draw, FRAME)


def _until(walk: Walk, epoch: float) -> Array:
    """The points of a path up to an epoch, the last of which lies between two of them."""
    passed = walk.at[walk.epochs <= epoch]
    head = [np.interp(epoch, walk.epochs, walk.at[:, k]) for k in range(2)]
    return np.concatenate([passed, [head]])


class _Picture:
    """The figure with its maps, its cuts and the lines below them."""

    def __init__(self, found: Landscape) -> None:
        self.found = found
        labels = [each.label for each in found.solutions]
        several = len({each.optimizer for each in found.solutions}) == len(labels)
        owners = {each.label: each.optimizer if several else "" for each in found.solutions}
        own = looks(labels, owners if several else None)
        self.looks = [own[label] for label in labels]
        heights = [found.train, *([found.validation] if found.validation is not None else [])]
        both = len(heights) == 2
        self.width = WIDTH if both else LEFT + ALONE + RIGHT
        size = (WIDTH - LEFT - RIGHT - GAP) / 2 if both else ALONE
        shown = found.solutions[:MOST_NAMES]
        # a name for each path; of one run alone what is known of it
        foot = LINE * len(shown) + 0.12
        cuts = CUTS + 0.62 if found.cuts else 0.0
        height = TOP + size + BOTTOM + cuts + foot
        self.figure = new_figure(self.width, height)
        add_title(self.figure, LEFT, found.title)
        levels = _levels(heights)
        self.maps = []
        names = ("loss",) if found.plane == "whole" else ("training loss", "validation loss")
        for k, (z, name) in enumerate(zip(heights, names, strict=False)):
            left = LEFT + k * (size + GAP)
            axes = add_axes(self.figure, left, height - TOP - size, size, size)
            self._map(axes, z, levels, first=k == 0)
            text = elided(name, size, TEXT)
            add_text(self.figure, left, height - TOP + 0.06, text, size=TEXT, color=GREY)
            self.maps.append(axes)
        if found.cuts:
            self._cuts(height - TOP - size - BOTTOM - 0.1 - CUTS)
        self._names(foot - 0.1, shown)

    def _map(self, axes: Any, z: Array, levels: Array, *, first: bool) -> None:
        found = self.found
        shares = np.linspace(0, 1, len(levels)) ** 0.8
        colours = [tuple(np.array(LOW) + s * (np.array(HIGH) - LOW)) for s in shares]
        heights = np.ma.masked_invalid(z)
        axes.set_facecolor(HIGH)
        axes.contourf(found.x, found.y, heights, levels, colors=colours, extend="max", zorder=0)
        lines = axes.contour(
            found.x, found.y, heights, levels[1:], colors="#8798AB", linewidths=0.45, zorder=1
        )
        said = {level: _short(level) for level in lines.levels[::2]}
        texts = axes.clabel(lines, list(said), fmt=said, fontsize=SMALL - 2, inline_spacing=2)
        for text in texts:
            text.set(color=GREY, clip_on=True)
        scales = [
            ticks.linear(float(side[0]), float(side[-1]), count=4) for side in (found.x, found.y)
        ]
        for scale, axis in zip(scales, (axes.xaxis, axes.yaxis), strict=True):
            scale.apply(axis)
        shares_of = found.shares or (None, None)
        names = [
            name if share is None else f"{name} ({100 * share:.3g} %)"
            for name, share in zip(found.axes, shares_of, strict=True)
        ]
        axes.set_xlabel(names[0])
        if first:
            axes.set_ylabel(names[1])
            axes.yaxis.set_label_coords(-0.44 / (axes.get_position().width * self.width), 0.5)

    def ends(self) -> None:
        """Where each run began and where its model is."""
        for axes in self.maps:
            for look, each in zip(self.looks, self.found.solutions, strict=True):
                if each.walk is not None:
                    start = {"marker": "o", "markersize": 4.5, "markerfacecolor": "white"}
                    axes.plot(*each.walk.at[:1].T, **start, markeredgecolor=look.colour, zorder=6)
                star = {"marker": "*", "markersize": 10, "markeredgecolor": "white"}
                star |= {"markerfacecolor": look.colour, "markeredgewidth": 0.6}
                axes.plot([each.at[0]], [each.at[1]], **star, linestyle="", zorder=7)

    # ---- the cuts ------------------------------------------------------------------------

    def _cuts(self, bottom: float) -> None:
        lines = [cut for cut in self.found.cuts if cut.curvature is None]
        sharp = [cut for cut in self.found.cuts if cut.curvature is not None]
        groups = [group for group in (lines, sharp) if group]
        width = (self.width - LEFT - RIGHT - GAP * (len(groups) - 1)) / len(groups)
        for k, group in enumerate(groups):
            left = LEFT + k * (width + GAP)
            axes = add_axes(self.figure, left, bottom, width, CUTS)
            self._panel(axes, group, width)
            if k == 0:
                axes.set_ylabel(axes.get_ylabel() or "loss")
                axes.yaxis.set_label_coords(-0.44 / width, 0.5)
            else:
                axes.set_ylabel("")

    def _panel(self, axes: Any, group: Sequence[Cut], width: float) -> None:
        several = len(self.found.solutions) > 1
        values = np.concatenate(
            [side for cut in group for side in (cut.train, cut.validation) if side is not None]
        )
        seen = ticks.usable(values)
        log = ticks.wants_log(seen)
        scale = ticks.scale(seen, count=3, log=log)
        scale.apply(axes.yaxis)
        low, high = min(cut.at[0] for cut in group), max(cut.at[-1] for cut in group)
        across = ticks.linear(float(low), float(high), count=4)
        if sum(text_width(label, SMALL) + 0.12 for label in across.labels) > width:
            across = ticks.linear(float(low), float(high), count=2)
        across.apply(axes.xaxis)
        axes.grid(axis="y", color="#E6E6E6", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.set_ylabel(scale.named("loss"))
        tones = [look.colour for look in self.looks[1:]] if several else [INK, "#B0562A"]
        if group[0].curvature is not None:
            tones = [self.looks[0].colour if several else INK]
        for tone, cut in zip(tones, group, strict=False):
            axes.plot(cut.at, cut.train, color=tone, linewidth=1.3, zorder=3)
            if cut.validation is not None:
                axes.plot(
                    cut.at, cut.validation, color=tone, linewidth=1.1, linestyle=(0, (4, 1.6))
                )
            if cut.curvature is not None:
                middle = float(np.interp(0, cut.at, cut.train))
                look = {"color": FAINT, "linewidth": 0.9, "linestyle": (0, (1, 1.4))}
                axes.plot(cut.at, middle + 0.5 * cut.curvature * cut.at**2, **look, zorder=2)
        cut = group[0]
        if cut.curvature is not None:
            first = self.found.solutions[0].label
            words = (
                f"along the sharpest direction at {first}"
                if several
                else ("along the sharpest direction; dotted: ½ λmax t²")
            )
        elif several:
            words = f"from {self.found.solutions[0].label} (0) to the others (1)"
        else:
            words = "direction 1 black, 2 brown"
        if self.found.validation is not None and cut.curvature is None:
            words += "; dashed: validation"
        axes.set_xlabel(elided(words, width + 0.2, SMALL), size=SMALL)

    def _names(self, top: float, shown: Sequence[Solution]) -> None:
        from matplotlib.lines import Line2D

        width, height = self.figure.get_size_inches()
        y = top
        for look, each in zip(self.looks, shown, strict=False):
            ends = [LEFT / width, (LEFT + 0.26) / width]
            line = {"color": look.colour, "linestyle": look.strokes, "linewidth": 1.4}
            self.figure.add_artist(Line2D(ends, [y / height] * 2, **line))
            text = elided(_said(each), width - LEFT - 0.5, SMALL)
            add_text(self.figure, LEFT + 0.34, y, text, size=SMALL, va="center", color=INK)
            y -= LINE


def _line(look: Look) -> dict[str, Any]:
    return {"color": look.colour, "linestyle": look.strokes, "linewidth": 1.3, "zorder": 4}


def _said(each: Solution) -> str:
    """What is known of a solution, in a line."""
    words = [f"{each.label}: training loss {each.train:.4g}"]
    if each.validation is not None:
        words.append(f"validation {each.validation:.4g}")
    if each.sharpness is not None:
        words.append(f"λmax {each.sharpness.largest.value:.3g}")
        words.append(f"trace {each.sharpness.trace:.3g}")
    if each.walk is not None and each.walk.off > 5e-4:
        words.append(f"{100 * each.walk.off:.1f} % off the plane")
    return ", ".join(words)


def _levels(heights: Sequence[Array]) -> Array:
    """Levels for all maps: apart by a factor or by a round step, else of equal areas."""
    seen = np.concatenate([each.ravel() for each in heights])
    seen = ticks.usable(seen)
    if not seen.size:
        return np.array([0.0, 1.0])
    low, high = float(seen.min()), float(np.quantile(seen, 0.97))
    if high <= low:
        high = low + max(1e-12, abs(low) * 1e-6)
    middle = float(np.median(seen))
    if low > 0 and 20 * low < high < 1e6 * low:
        step = max(math.log10(high / low) / LEVELS, 1e-6)
        found = low * 10 ** (step * np.arange(LEVELS + 1))
    elif middle - low < 0.2 * (high - low):  # a narrow floor between high walls
        found = np.quantile(seen, np.linspace(0, 0.97, LEVELS))
    else:
        scale = ticks.linear(low, high, count=LEVELS // 2)
        found = np.array([low, *(tick for tick in scale.ticks if low < tick < high), high])
    return np.unique(found)


def _short(level: float) -> str:
    return f"{level:.2g}" if not 100 <= abs(level) < 1e5 else f"{level:.0f}"
