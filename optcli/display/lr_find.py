"""What `optcli lr-find` says: the losses by rate, and the suggestion with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from optcli.core.arrays import Array
from optcli.display.jsonl import JsonLines
from optcli.display.output import Output
from optcli.display.picture import plotted
from optcli.display.table import Column, Table
from optcli.display.terminal import width_of
from optcli.display.text import alike, bar, wrapped

if TYPE_CHECKING:
    from optcli.training.range_test import RangeTest

WIDEST = 100
BAR = 20  # characters
FLAT = 0.02  # of the fall: below it a row at the low end shows nothing


def show(
    summary: Mapping[str, Any],
    test: RangeTest,
    picture: str | None,
    *,
    quiet: bool,
    json: bool,
    stream: TextIO,
) -> None:
    """A table of rates, the suggestion, its reason, and what was written."""
    if json:
        _emit(summary, test, JsonLines(stream))
    elif not quiet:
        output = Output(stream)
        for line in lines(summary, test, width_of(WIDEST), fancy=output.fancy):
            output.line(line)
    if picture is not None and (json or not quiet):
        plotted(picture, stream, json=json)


def _emit(summary: Mapping[str, Any], test: RangeTest, out: JsonLines) -> None:
    for row in rows(test, np.arange(len(test.lr))):
        out.emit("rate", row)
    out.emit("summary", dict(summary))


def lines(summary: Mapping[str, Any], test: RangeTest, width: int, *, fancy: bool) -> list[str]:
    """All that is said, in lines."""
    rates, seeds = summary["rates"], summary["seeds"]
    said = (
        f"{summary['config']}, {summary['optimizer']}: {rates['steps']:,} steps from "
        f"{rates['lowest']:g} to {rates['highest']:g}, {seeds} seed{'s' * (seeds > 1)}"
    )
    found = wrapped(said, width)
    found += Table(columns(rows(test, shown(test)), test, fancy=fancy), width).lines()
    suggested = summary["suggested"]
    if suggested is not None:
        low, high = summary["interval"]
        found += wrapped(
            f"suggested learning rate: {suggested:g} (interval {low:g} to {high:g}; the config "
            f"has {summary['lr']:g})",
            width,
        )
    for text in (summary["reason"], *summary["notes"]):
        found += wrapped(text, width)
    if summary["written"] is not None:
        found.append(f"{summary['written']}: optimizer.lr set to {suggested:g}")
    return found


def shown(test: RangeTest) -> Array:
    """The steps of the table: two a decade, without those at either end that show nothing."""
    decades = np.log10(test.lr)
    marks = np.arange(np.ceil(2 * decades[0] - 1e-9), np.floor(2 * decades[-1] + 1e-9) + 1) / 2
    steps = np.unique(np.abs(decades - marks[:, None]).argmin(axis=1))
    if not test.begins:
        return steps[-1:]
    fall = test.start - test.median[test.lowest]
    moved = np.abs(test.median[steps] - test.start) > FLAT * fall
    first = int(moved.argmax()) if moved.any() else len(steps) - 1
    found = steps[max(0, first - 1) :]
    ends = [lr for lr in test.diverged if lr is not None]
    if len(ends) == len(test.diverged):
        after = int((test.lr[found] < max(ends)).sum())
        found = found[: after + 1]
    return found


def rows(test: RangeTest, steps: Array) -> list[dict[str, Any]]:
    """Of each step the rate, the smoothed losses and how many seeds have diverged by then."""
    ends = [lr for lr in test.diverged if lr is not None]
    return [
        {
            "lr": float(test.lr[i]),
            "median": float(test.median[i]),
            "low": float(test.smooth[i].min()),
            "high": float(test.smooth[i].max()),
            "diverged": sum(lr <= test.lr[i] for lr in ends),
        }
        for i in map(int, steps)
    ]


def columns(found: list[dict[str, Any]], test: RangeTest, *, fancy: bool) -> list[Column]:
    """The rate, the median as a number and as a bar, the band, and how many diverged."""
    most = max(test.start, *(row["median"] for row in found if not row["diverged"]), 1e-300)
    bars = [bar(min(1.0, row["median"] / most), BAR, fancy=fancy).rstrip("╌-") for row in found]
    of = len(test.diverged)
    lost = [f"{row['diverged']} of {of}" if row["diverged"] else "" for row in found]
    whole = alike([row[name] for row in found for name in ("median", "low", "high")])
    heading = ["loss", "lowest", "highest"]
    cells = {name: whole[i::3] for i, name in enumerate(heading)}
    made = [Column("lr", "lr", [f"{row['lr']:.2g}" for row in found])]
    made += [Column(name, name, cells[name], rank=2 * (name != "loss")) for name in heading]
    made.append(Column("bar", "", bars, left=True, rank=3))
    if any(lost):
        made.append(Column("diverged", "diverged", lost, left=True, rank=1))
    return made
