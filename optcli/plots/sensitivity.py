"""Sensitivity: what each learning rate gave in tuning, and the finalists on the verdict's rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from optcli.core.arrays import Array
from optcli.plots import ticks
from optcli.plots.panel import Panel
from optcli.plots.style import picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Tried(NamedTuple):
    """A learning rate: the mean over the tuning seeds, each seed, and how many diverged.

    verdict: of a finalist the median on the verdict's rows and its interval, low and high.
    """

    lr: float
    mean: float
    values: Sequence[float]
    diverged: int
    chosen: bool
    verdict: tuple[float, float, float] | None = None


@picture
def sensitivity(
    tried: Mapping[str, Sequence[Tried]],
    defaults: Mapping[str, float],
    quantity: str,
    title: str = "",
    start: float | None = None,
    optimizers: Mapping[str, str] | None = None,
    higher: bool = False,
    rows: str = "test",
) -> Figure:
    """Results by learning rate: tuning means and seeds, and the finalists' medians beside them.

    A circle marks the selected rate, a tick on the axis the default; crosses in the strip on top
    are rates with which seeds diverged. start: before training; values far worse are cut, and
    the axis ends one rate beyond those that are seen. optimizers: of each label, for its colour.
    higher: whether more is better. rows: of the verdict, in words.
    """
    panel = Panel(list(tried), title, None, optimizers, foot=True)
    all_rows = [row for own in tried.values() for row in own]
    scale = _heights(all_rows, start, higher)
    low, high = _span(tried, defaults, scale)
    rates = ticks.scale(np.array([low, high]), count=4, log=True)
    crossed = any(row.diverged for row in all_rows if low <= row.lr <= high)
    axes = panel.draw_axes(scale, rates, quantity, higher, strip=0.3 if crossed else 0.0)
    axes.set_xlabel("learning rate (log)")
    words = ["line, dots: validation mean, seeds", "circle: selected", "tick: default"]
    if any(row.verdict for row in all_rows):
        words.insert(1, f"bar: {rows} median of a finalist, CI")
    beyond = [row.lr for row in all_rows if not low <= row.lr <= high]
    panel.write_foot("; ".join(words) + "; not shown: rates far worse" * bool(beyond))
    for number, (label, own) in enumerate(tried.items()):
        look = panel.line(label)
        means = np.array([np.nan if row.diverged else row.mean for row in own])
        axes.plot([row.lr for row in own], means, **look, zorder=5 - number / 100)
        faint = {"color": look["color"], "marker": ".", "linestyle": "", "markersize": 2.5}
        dots = [(row.lr, value) for row in own for value in row.values]
        axes.plot(*np.array(dots).reshape(-1, 2).T, **faint, alpha=0.5, zorder=3)
        for row in own:
            if row.diverged and low <= row.lr <= high:
                panel.diverged(row.lr, number, len(tried), look["color"])
            if row.chosen and np.isfinite(row.mean):
                ring = {"marker": "o", "markersize": 10, "markerfacecolor": "none"}
                axes.plot([row.lr], [row.mean], **ring, color=look["color"], zorder=6)
        bars = [(row.lr, *row.verdict) for row in own if row.verdict]
        if bars:
            _draw_bars(axes, np.array(bars), look["color"], 4 + 2.5 * (number % 4))
        below = {"marker": 2, "markersize": 6, "markeredgewidth": 1.6, "clip_on": False}
        foot = _beside(axes, label, {name: defaults[name] for name in tried})
        axes.plot([defaults[label]], [0], transform=foot, color=look["color"], zorder=7, **below)
    return panel.figure


def _heights(rows: Sequence[Tried], start: float | None, higher: bool) -> ticks.Scale:
    """The scale of what is measured; what is far worse than before training is cut."""
    # a seed far off does not stretch the axis; a circle is seen in any case
    heights = [float(np.median(row.values)) for row in rows if len(row.values)]
    heights += [row.mean for row in rows if row.chosen and not row.diverged]
    heights += [each for row in rows for each in row.verdict or ()]
    values = ticks.usable(np.array(heights))
    if start is not None and start > 0:
        near = values >= start / 1.2 if higher else values <= 1.2 * start
        values = values[near] if near.any() else values
    return ticks.scale(values, count=4, log=not higher and ticks.wants_log(values))


def _span(
    tried: Mapping[str, Sequence[Tried]], defaults: Mapping[str, float], scale: ticks.Scale
) -> tuple[float, float]:
    """The rates of which something is seen, with one more to each side, and the defaults."""
    ends = [*defaults.values()]
    for own in tried.values():
        seen = [
            i
            for i, row in enumerate(own)
            if row.chosen or (not row.diverged and scale.low <= row.mean <= scale.high)
        ]
        if seen:
            ends += [own[max(0, seen[0] - 1)].lr, own[min(len(own) - 1, seen[-1] + 1)].lr]
    return min(ends), max(ends)


def _draw_bars(axes: Any, bars: Array, colour: str, points: float) -> None:
    """Medians with their intervals, (F, 4) rate, median, low, high, a little right of the rates."""
    from matplotlib.transforms import ScaledTranslation

    place = axes.transData + ScaledTranslation(points / 72, 0, axes.figure.dpi_scale_trans)
    rates, middles, lows, highs = np.clip(bars, -ticks.LARGEST, ticks.LARGEST).T
    gap = np.full(len(bars), np.nan)
    ends = np.stack([lows, highs, gap], axis=1).ravel()
    axes.plot(np.repeat(rates, 3), ends, color=colour, linewidth=1.1, transform=place, zorder=4)
    look = {"marker": "_", "markersize": 5, "markeredgewidth": 1.6, "linestyle": ""}
    axes.plot(rates, middles, color=colour, transform=place, zorder=6, **look)


def _beside(axes: Any, label: str, rates: Mapping[str, float]) -> Any:
    """Where a tick stands below the axis: beside those of the same rate, 2.4 points apart."""
    from matplotlib.transforms import ScaledTranslation

    same = [name for name, rate in rates.items() if rate == rates[label]]
    points = 2.4 * (same.index(label) - (len(same) - 1) / 2)
    shift = ScaledTranslation(points / 72, 0, axes.figure.dpi_scale_trans)
    return axes.get_xaxis_transform() + shift
