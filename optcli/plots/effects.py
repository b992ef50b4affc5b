"""Effects: the score of each setting of a search, by the value of each key."""

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
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS, TALL, LEFT, TOP, BETWEEN, FOOT = 3, 1.75, 0.72, 0.2, 0.68, 0.28
MOST_KEYS = 12
MOST_CHOICES = 8
GREY = "#5A5A5A"
SHADES = ("#B9CDE0", "#6FA3CC", COLOURS[0], "#003A5D")


@picture
def effects(trials: Sequence[Mapping[str, Any]], summary: Mapping[str, Any], title: str) -> Figure:
    """The score of each setting by each of its values, one panel a key, the most important first.

    trials: rows of trials.csv. Darker dots reached later rounds, whose scores are of longer
    training; a ring is the best setting; crosses on top diverged.
    """
    shares = summary.get("importance", {}).get("shares", {})
    order = sorted(summary["space"], key=lambda key: -(shares.get(key) or 0.0))
    keys = order[:MOST_KEYS]
    columns = min(COLUMNS, len(keys))
    rows = -(-len(keys) // columns)
    figure = new_figure(WIDTH, TOP + rows * (TALL + BETWEEN) + FOOT)
    add_title(figure, 0.15, title)
    wide = (WIDTH - LEFT - 0.2 - 0.3 * (columns - 1)) / columns
    higher = bool(summary["higher_is_better"])
    scale = _heights(trials, higher)
    quantity = str(summary["metric"])
    for number, key in enumerate(keys):
        left = LEFT + (number % columns) * (wide + 0.3)
        line = rows - 1 - number // columns
        axes = add_axes(figure, left, FOOT + line * (TALL + BETWEEN) + 0.5, wide, TALL)
        scale.apply(axes.yaxis)
        if number % columns:
            axes.set_yticklabels([])
        else:
            axes.set_ylabel(elided(f"validation {quantity}", TALL, TEXT), color=INK)
        axes.grid(axis="y", color="#EEEEEE", linewidth=0.6)
        axes.set_axisbelow(True)
        _panel(axes, trials, key, summary["space"][key], wide, scale)
        share = shares.get(key)
        said = key if share is None else f"{key}  ({100 * share:.0f} %)"
        axes.set_xlabel(elided(said, wide + 0.2, TEXT), color=INK)
    words = "ring: best; darker: later rounds; crosses: diverged"
    if any(value is not None for value in shares.values()):
        words += "; %: share of the variance of ranks in the first round (main effect)"
    if len(order) > len(keys):
        words += f"; {len(order) - len(keys)} more keys"
    add_text(figure, 0.15, 0.1, elided(words, WIDTH - 0.3, SMALL - 1), size=SMALL - 1, color=GREY)
    return figure


def _heights(trials: Sequence[Mapping[str, Any]], higher: bool) -> ticks.Scale:
    """The scale of the scores; a few far worse ones are cut."""
    values = np.array([row["score"] for row in trials if row["score"] is not None])
    if len(values) > 4:
        low, middle, high = np.quantile(values, (0.0, 0.5, 0.9))
        if higher:
            low, middle, high = np.quantile(values, (0.1, 0.5, 1.0))
        edge = 3 * max(high - middle, middle - low)
        near = np.abs(values - middle) <= max(edge, 1e-300)
        values = values[near] if near.any() else values
    values = ticks.usable(values) if len(values) else np.array([0.0, 1.0])
    return ticks.scale(values, count=4, log=not higher and ticks.wants_log(values))


def _named(value: Any) -> str:
    """A choice as trials.csv has it."""
    if isinstance(value, int | float):
        return repr(value)
    from optcli.config.writing import flow

    return flow(value)


def _panel(
    axes: Any,
    trials: Sequence[Mapping[str, Any]],
    key: str,
    way: Mapping[str, Any],
    wide: float,
    scale: ticks.Scale,
) -> None:
    """The dots of one key."""
    choice = "values" in way
    if choice:
        tried = dict.fromkeys(str(row[key]) for row in trials)
        names = [name for name in map(_named, way["values"]) if name in tried]
        names += [name for name in tried if name not in names]
        places = {name: i for i, name in enumerate(names)}
        spread = np.linspace(-0.16, 0.16, 5)  # settings of one choice side by side
        x = [places[str(row[key])] + spread[row["trial"] % 5] for row in trials]
        axes.set_xlim(-0.5, len(names) - 0.5)
        shown = names if len(names) <= MOST_CHOICES else ["" for _ in names]
        room = wide / max(1, len(names))
        axes.set_xticks(range(len(names)), [elided(name, room, SMALL) for name in shown])
    else:
        x = [float(row[key]) for row in trials]
        ends = np.array([way["from"], way["to"], *x], np.float64)
        ticks.scale(ends, count=3, log=bool(way.get("log"))).apply(axes.xaxis)
    last = max(row["round"] for row in trials)
    for place, row in sorted(zip(x, trials, strict=True), key=lambda pair: -pair[1]["rank"]):
        if row["score"] is None:
            look = {"marker": "x", "markersize": 4, "color": COLOURS[1], "clip_on": False}
            axes.plot([place], [0.985], transform=axes.get_xaxis_transform(), **look)
            continue
        shade = SHADES[min(len(SHADES) - 1, row["round"] - 1 + len(SHADES) - 1 - last)]
        seen = scale.low <= row["score"] <= scale.high
        edge = scale.high if row["score"] > scale.high else scale.low
        marker = "o" if seen else ("^" if row["score"] > scale.high else "v")
        look = {"marker": marker, "markersize": 3.6, "color": shade, "linestyle": ""}
        axes.plot([place], [row["score"] if seen else edge], **look, zorder=3 + row["round"])
        if row["rank"] == 1 and math.isfinite(row["score"]):
            ring = {"marker": "o", "markersize": 9, "markerfacecolor": "none"}
            axes.plot([place], [row["score"]], **ring, color=COLOURS[1], zorder=20)
    axes.axhline(scale.low, color=FAINT, linewidth=0.0)
