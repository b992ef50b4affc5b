"""Comparisons: curves of all seeds, results by learning rate, and performance profiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from optcli.core.arrays import Array
from optcli.plots import ticks
from optcli.plots.looks import looks
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

HEIGHT, TOP, BOTTOM = 3.9, 0.46, 0.52
NAMES = 1.5  # inches at the right, at most
PITCH = 0.19
MARKS = 9  # on a curve, about
TALLEST = 4.0  # a curve above so many times its start is cut


class Tried(NamedTuple):
    """A learning rate: the mean over the tuning seeds, each seed, and how many diverged."""

    lr: float
    mean: float
    values: Sequence[float]
    diverged: int
    chosen: bool


@picture
def curves(
    courses: Mapping[str, tuple[Array, Array]],
    quantity: str,
    title: str = "",
    target: float | None = None,
    notes: Mapping[str, str] | None = None,
    optimizers: Mapping[str, str] | None = None,
    higher: bool = False,
) -> Figure:
    """The curve of every seed, faint, with the median and the interquartile range in front.

    courses: by label the steps (E,) and the values (S, E) of S seeds, NaN where a run was
    over, infinite where it had diverged. In median and range a run that is over counts with
    its last value. notes: a few words beside each name. optimizers:
    of each label, for its colour. higher: whether more is better.
    """
    panel = _Panel(list(courses), title, notes, optimizers)
    carried = {label: _carried(values) for label, (_, values) in courses.items()}
    shown = np.concatenate([_usual(values, higher) for values in carried.values()])
    shown = shown if target is None else np.append(shown, target)
    # less than elsewhere makes it logarithmic: what counts is how the ends differ
    wide = not higher and shown.size > 0 and shown.min() > 0 and shown.max() > 8 * shown.min()
    scale = ticks.scale(shown, count=4, log=bool(wide))
    last = max(float(steps[-1]) for steps, _ in courses.values())
    across = ticks.linear(0, last * 1.02, count=5, least_step=1.0)
    axes = panel.draw_axes(scale, across, quantity, higher)
    words = "line: median; band: interquartile range"
    if any(np.isnan(values[:, -1]).any() for _, values in courses.values()):
        words += "; of ended runs the last value"
    axes.set_xlabel(f"step ({words})")
    if target is not None:
        axes.axhline(target, color=FAINT, linewidth=0.9, linestyle=(0, (2, 2)), zorder=2)
        ground = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.5}
        look: dict[str, Any] = {"size": SMALL - 1, "color": "#5A5A5A", "bbox": ground}
        look |= {"ha": "right", "va": "bottom", "zorder": 6}
        axes.text(0.995, target, "target ", transform=axes.get_yaxis_transform(), **look)
    faint = min(0.25, 6 / sum(len(values) for _, values in courses.values()))
    for number, (label, (steps, values)) in enumerate(courses.items()):
        look = panel.line(label)
        low, middle, high = np.full((3, len(steps)), np.nan)
        some = _many(carried[label])
        if some.any():
            low[some], middle[some], high[some] = _quartiles(carried[label][:, some])
        axes.plot(steps, values.T, color=look["color"], linewidth=0.5, alpha=faint, zorder=3)
        axes.fill_between(steps, low, high, color=look["color"], alpha=0.14, linewidth=0)
        every = max(1, len(steps) // MARKS)
        start = every * number // max(1, len(courses))
        axes.plot(steps, middle, **look, markevery=(start, every), zorder=5 - number / 100)
    return panel.figure


def _carried(values: Array) -> Array:
    """The values (S, E), each run's last one carried on to the end."""
    known = np.where(np.isnan(values), 0, np.arange(values.shape[1]))
    return np.take_along_axis(values, np.maximum.accumulate(known, axis=1), axis=1)


def _many(values: Array) -> Array:
    """Where half of the seeds of (S, E) or more have a value."""
    return np.asarray(np.isfinite(values).mean(axis=0) >= 0.5)


def _quartiles(values: Array) -> Array:
    """The quartiles (3, E) of (S, E); NaN where one lies among the infinite, which count."""
    ranked = np.clip(values, -ticks.LARGEST, ticks.LARGEST)  # differences of inf are NaN
    found = np.nanquantile(ranked, (0.25, 0.5, 0.75), axis=0)
    return np.where(np.abs(found) < 0.1 * ticks.LARGEST, found, np.nan)


def _usual(values: Array, higher: bool) -> Array:
    """What the axis is to show of (S, E): most of the seeds, and nothing far worse than the start.

    higher: whether more is better; then there is no telling what is far.
    """
    usable = np.where(np.abs(values) < ticks.LARGEST, values, np.nan)
    some = _many(usable)
    if not some.any():
        return np.empty(0)
    inner = np.nanquantile(usable[:, some], (0.1, 0.5, 0.9), axis=0)
    start = float(inner[1, 0])
    if start > 0 and not higher:
        return inner[inner <= TALLEST * start]
    return ticks.without_outliers(inner)


@picture
def sensitivity(
    tried: Mapping[str, Sequence[Tried]],
    defaults: Mapping[str, float],
    quantity: str,
    title: str = "",
    start: float | None = None,
    optimizers: Mapping[str, str] | None = None,
    higher: bool = False,
) -> Figure:
    """Results by learning rate: means over the tuning seeds, and each seed as a dot.

    A circle marks the selected rate, a tick on the axis the default; crosses in the strip
    on top are rates with which seeds diverged. start: before training; values far worse are
    cut. optimizers: of each label, for its colour. higher: whether more is better.
    """
    panel = _Panel(list(tried), title, None, optimizers)
    rows = [row for own in tried.values() for row in own]
    # a seed far off does not stretch the axis; a circle is seen in any case
    heights = [float(np.median(row.values)) for row in rows if len(row.values)]
    heights += [row.mean for row in rows if row.chosen and not row.diverged]
    values = ticks.usable(np.array(heights))
    if start is not None and start > 0:
        near = values >= start / 1.2 if higher else values <= 1.2 * start
        values = values[near] if near.any() else values
    scale = ticks.scale(values, count=4, log=not higher and ticks.wants_log(values))
    rates = ticks.scale(np.array([row.lr for row in rows]), count=4, log=True)
    axes = panel.draw_axes(scale, rates, quantity, higher, strip=0.3)
    axes.set_xlabel("learning rate (circle: selected; tick: default)")
    for number, (label, own) in enumerate(tried.items()):
        look = panel.line(label)
        means = np.array([np.nan if row.diverged else row.mean for row in own])
        axes.plot([row.lr for row in own], means, **look, zorder=5 - number / 100)
        for row in own:
            faint = {"color": look["color"], "marker": ".", "linestyle": "", "markersize": 2.5}
            axes.plot([row.lr] * len(row.values), row.values, **faint, alpha=0.5, zorder=3)
            if row.diverged:
                panel.diverged(row.lr, number, len(tried), look["color"])
            if row.chosen and np.isfinite(row.mean):
                ring = {"marker": "o", "markersize": 10, "markerfacecolor": "none"}
                axes.plot([row.lr], [row.mean], **ring, color=look["color"], zorder=6)
        below = {"marker": 2, "markersize": 6, "markeredgewidth": 1.6, "clip_on": False}
        foot = _beside(axes, label, {name: defaults[name] for name in tried})
        axes.plot([defaults[label]], [0], transform=foot, color=look["color"], zorder=7, **below)
    return panel.figure


def _beside(axes: Any, label: str, rates: Mapping[str, float]) -> Any:
    """Where a tick stands below the axis: beside those of the same rate, 2.4 points apart."""
    from matplotlib.transforms import ScaledTranslation

    same = [name for name, rate in rates.items() if rate == rates[label]]
    points = 2.4 * (same.index(label) - (len(same) - 1) / 2)
    shift = ScaledTranslation(points / 72, 0, axes.figure.dpi_scale_trans)
    return axes.get_xaxis_transform() + shift


@picture
def profile(
    ratios: Mapping[str, Sequence[float]],
    cap: float,
    title: str = "",
    counted: int = 0,
    optimizers: Mapping[str, str] | None = None,
) -> Figure:
    """Performance profiles: the share of configs solved within a ratio of the fewest steps.

    ratios: by label, one for each config, infinite where it was not solved.
    """
    panel = _Panel(list(ratios), title, None, optimizers)
    height = ticks.linear(0.0, 1.04, count=5)
    across = ticks.linear(1.0, cap, count=4)
    axes = panel.draw_axes(height, across, f"share of {counted} configs solved")
    axes.set_xlabel("steps to target relative to the best optimizer")
    for number, (label, own) in enumerate(ratios.items()):
        at = np.unique([1.0, *[r for r in own if r <= cap], cap])
        share = (np.asarray(own)[:, None] <= at).mean(axis=0)
        look = panel.line(label) | {"drawstyle": "steps-post"}
        axes.plot(at, share, **look, zorder=5 - number / 100, clip_on=False)
    return panel.figure


class _Panel:
    """A figure with one panel, and the names to its right, best first."""

    def __init__(
        self,
        labels: Sequence[str],
        title: str,
        notes: Mapping[str, str] | None,
        optimizers: Mapping[str, str] | None,
    ) -> None:
        self.looks = looks(labels, optimizers)
        lines = 1 + bool(notes)
        self.labels, self.title, self.notes = labels, title, notes or {}
        self.pitch = PITCH * (1 + 0.72 * (lines - 1))
        self.height = max(HEIGHT, TOP + BOTTOM + self.pitch * len(labels))
        said = [*labels, *self.notes.values()]
        self.room = min(NAMES, 0.36 + max((text_width(t, SMALL) for t in said), default=0))
        self.figure = new_figure(WIDTH, self.height)
        self.strip: Any = None

    def draw_axes(
        self,
        scale: ticks.Scale,
        across: ticks.Scale,
        quantity: str,
        higher: bool = False,
        *,
        strip: float = 0.0,
    ) -> Any:
        """The panel; strip: inches above it for what diverged."""
        widest = max((text_width(label, SMALL) for label in scale.labels), default=0.0)
        left = 0.44 + widest
        width = WIDTH - left - self.room - 0.2
        tall = self.height - TOP - BOTTOM - strip
        add_title(self.figure, left, self.title)
        axes = add_axes(self.figure, left, BOTTOM, width, tall)
        scale.apply(axes.yaxis)
        across.apply(axes.xaxis)
        axes.grid(axis="y", color="#E6E6E6", linewidth=0.6)
        axes.set_axisbelow(True)
        what = f"{quantity}, higher is better" if higher else quantity
        axes.set_ylabel(elided(scale.named(what), tall, TEXT))
        axes.yaxis.set_label_coords(-(left - 0.18) / width, 0.5)
        if strip:
            self.strip = add_axes(self.figure, left, BOTTOM + tall + 0.06, width, strip - 0.06)
            across.apply(self.strip.xaxis)
            self.strip.set(ylim=(0, 1), facecolor="#F4F4F4")
            self.strip.tick_params(bottom=False, left=False, labelbottom=False, labelleft=False)
            self.strip.minorticks_off()
            self.strip.spines[:].set_visible(False)
            look = {"size": SMALL - 1, "color": "#5A5A5A", "va": "center", "ha": "right"}
            text = "diverged"
            self.strip.text(-0.012, 0.5, text, transform=self.strip.transAxes, **look)
        self._names(left + width + 0.16)
        return axes

    def line(self, label: str) -> dict[str, Any]:
        """How a label's curve is drawn."""
        return self.looks[label].line()

    def diverged(self, lr: float, number: int, count: int, colour: str) -> None:
        """A cross in the strip."""
        height = 1 - (number + 0.5) / count
        cross = {"marker": "x", "markersize": 3.5, "markeredgewidth": 1.1}
        self.strip.plot([lr], [height], color=colour, **cross)

    def _names(self, left: float) -> None:
        from matplotlib.lines import Line2D

        width, height = self.figure.get_size_inches()
        y = self.height - TOP - 0.1
        for label in self.labels:
            ends = [left / width, (left + 0.26) / width]
            look = self.line(label)
            self.figure.add_artist(Line2D([*ends], [y / height] * 2, **look | {"marker": ""}))
            middle = [sum(ends) / 2]
            self.figure.add_artist(Line2D(middle, [y / height], **look | {"linestyle": ""}))
            room = self.room - 0.34
            text = {"size": SMALL, "va": "center", "color": INK}
            add_text(self.figure, left + 0.34, y, elided(label, room, SMALL), **text)
            note = self.notes.get(label)
            if note:
                text = {"size": SMALL - 1, "va": "center", "color": "#5A5A5A"}
                shown = elided(note, room, SMALL - 1)
                add_text(self.figure, left + 0.34, y - 0.13, shown, **text)
            y -= self.pitch
