"""Comparisons: curves of all seeds, performance profiles, reached targets, tuning curves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from optcli.core.arrays import Array
from optcli.plots import ticks
from optcli.plots.panel import GREY, Panel
from optcli.plots.style import FAINT, SMALL, picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARKS = 9  # on a curve, about
TALLEST = 4.0  # a curve above so many times its start is cut
FEW = 10  # seeds of each whose single curves are drawn
MIDDLE = (0.25, 0.5, 0.75)  # quantiles: the interquartile range
LINES = 40  # of all together


@picture
def curves(
    courses: Mapping[str, tuple[Array, Array]],
    quantity: str,
    title: str = "",
    target: float | None = None,
    notes: Mapping[str, str] | None = None,
    optimizers: Mapping[str, str] | None = None,
    higher: bool = False,
    across: str = "step",
) -> Figure:
    """The median and the interquartile range of all seeds; of few seeds each curve, faint.

    courses: by label where it was evaluated (E,), in units of `across`, and the values (S, E) of
    S seeds, NaN where a run was over, infinite where it had diverged. In median and range a run
    that is over counts with its last value. notes: a few words beside each name. optimizers:
    of each label, for its colour. higher: whether more is better.
    """
    panel = Panel(list(courses), title, notes, optimizers, foot=True)
    sizes = [len(values) for _, values in courses.values()]
    fine = max(sizes) <= FEW and sum(sizes) <= LINES
    widest = (0.1, 0.5, 0.9) if fine else MIDDLE
    shown = usual_range([values for _, values in courses.values()], higher, widest)
    shown = shown if target is None else np.append(shown, target)
    # less than elsewhere makes it logarithmic: what counts is how the ends differ
    wide = not higher and shown.size > 0 and shown.min() > 0 and shown.max() > 8 * shown.min()
    scale = ticks.scale(shown, count=4, log=bool(wide))
    last = max(float(steps[-1]) for steps, _ in courses.values())
    least = 0.0 if across.startswith("second") else 1.0
    below = ticks.linear(0, last * 1.02, count=5, least_step=least)
    axes = panel.draw_axes(scale, below, quantity, higher)
    words = "line: median; band: interquartile range" + "; fine lines: single seeds" * fine
    if any(np.isnan(values[:, -1]).any() for _, values in courses.values()):
        words += "; runs that ended: their last value"
    axes.set_xlabel(across)
    panel.write_foot(words)
    if target is not None:
        axes.axhline(target, color=FAINT, linewidth=0.9, linestyle=(0, (2, 2)), zorder=2)
        ground = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.5}
        look: dict[str, Any] = {"size": SMALL - 1, "color": GREY, "bbox": ground}
        look |= {"ha": "right", "va": "bottom", "zorder": 6}
        axes.text(0.995, target, "target ", transform=axes.get_yaxis_transform(), **look)
    faint = min(0.25, 6 / sum(sizes))
    for number, (label, (steps, values)) in enumerate(courses.items()):
        look = panel.line(label)
        low, middle, high = quartiles(values)
        if fine:
            axes.plot(steps, values.T, color=look["color"], linewidth=0.5, alpha=faint, zorder=3)
        axes.fill_between(steps, low, high, color=look["color"], alpha=0.14, linewidth=0)
        every = max(1, len(steps) // MARKS)
        start = every * number // max(1, len(courses))
        axes.plot(steps, middle, **look, markevery=(start, every), zorder=5 - number / 100)
    return panel.figure


def quartiles(values: Array) -> Array:
    """The quartiles (3, E) of the values (S, E) of S seeds, as `curves` draws them.

    A run that is over counts with its last value; NaN where fewer than half of the seeds have a
    finite value.
    """
    carried = _carried(values)
    found = np.full((3, values.shape[1]), np.nan)
    some = _many(carried)
    if some.any():
        found[:, some] = _quartiles(carried[:, some])
    return found


def usual_range(
    courses: Iterable[Array], higher: bool = False, widest: tuple[float, float, float] = MIDDLE
) -> Array:
    """What an axis is to show of the values (S, E) of each entry; empty where nothing is finite.

    Most of the seeds, and nothing far worse than the start. widest: quantiles of the seeds, the
    median in the middle. higher: whether more is better.
    """
    return np.concatenate([_usual(_carried(values), higher, widest) for values in courses])


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


def _usual(values: Array, higher: bool, widest: tuple[float, float, float]) -> Array:
    """What the axis is to show of (S, E): most of the seeds, and nothing far worse than the start.

    widest: quantiles of the seeds, the median in the middle. higher: whether more is better;
    then there is no telling what is far.
    """
    usable = np.where(np.abs(values) < ticks.LARGEST, values, np.nan)
    some = _many(usable)
    if not some.any():
        return np.empty(0)
    inner = np.nanquantile(usable[:, some], widest, axis=0)
    start = float(inner[1, 0])
    if start > 0 and not higher:
        return inner[inner <= TALLEST * start]
    return ticks.without_outliers(inner)


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
    panel = Panel(list(ratios), title, None, optimizers)
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


@picture
def reached_targets(
    steps: Mapping[str, Array],
    taken: float,
    title: str = "",
    optimizers: Mapping[str, str] | None = None,
    across: str = "step",
) -> Figure:
    """The share of all (run, target) that were reached, against the steps (Hansen and others).

    steps: by label to each target (S, T), infinite where a run did not reach it. taken: of the
    longest run, in the same units.
    """
    panel = Panel(list(steps), title, None, optimizers, foot=True)
    finite = np.concatenate([own[np.isfinite(own)] for own in steps.values()])
    first = float(max(finite.min(initial=taken), taken / 1e4))
    below = ticks.scale(np.array([first / 1.3, taken]), count=4, log=True, margin=0.01)
    axes = panel.draw_axes(ticks.linear(0.0, 1.04, count=5), below, "share of targets reached")
    axes.set_xlabel(f"{across} (log)")
    counts = {own.shape for own in steps.values()}
    seeds, targets = max(counts)
    many = f"{targets} targets" if targets > 1 else "1 target"
    panel.write_foot(f"share of {seeds * targets} pairs of seed and target; {many}, {seeds} seeds")
    for number, (label, own) in enumerate(steps.items()):
        at = np.unique([below.low, *own[np.isfinite(own)], below.high])
        share = (own.reshape(-1, 1) <= at).mean(axis=0)
        look = panel.line(label) | {"drawstyle": "steps-post", "clip_on": False}
        every = max(1, len(at) // MARKS)
        axes.plot(at, share, **look, markevery=(0, every), zorder=5 - number / 100)
    return panel.figure


@picture
def tuning_curves(
    values: Mapping[str, Array],
    quantity: str,
    title: str = "",
    optimizers: Mapping[str, str] | None = None,
    higher: bool = False,
) -> Figure:
    """What the best of so many settings, tried at random, gives on a seed that did not choose it.

    values: by label the expected value (R,) after 1 … R settings.
    """
    panel = Panel(list(values), title, None, optimizers, foot=True)
    shown = ticks.usable(np.concatenate(list(values.values())))
    scale = ticks.scale(shown, count=4, log=not higher and ticks.wants_log(shown))
    most = max(map(len, values.values()))
    axes = panel.draw_axes(
        scale, ticks.linear(0.7, most + 0.3, 5, least_step=1.0), quantity, higher
    )
    axes.set_xlabel("learning rates tried")
    panel.write_foot(
        "expected validation value of the best, on tuning seeds that did not choose it"
    )
    for number, (label, own) in enumerate(values.items()):
        axes.plot(np.arange(1, len(own) + 1), own, **panel.line(label), zorder=5 - number / 100)
    return panel.figure
