"""Charts: curves as data, which page.js draws, with the frame that they stand in.

Numbers have six digits. Long curves are thinned, so that a page stays below a megabyte; of each
stretch the highest and the lowest value are kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from optcli.core.arrays import Array
from optcli.display.report.markup import Markup, element
from optcli.display.text import escaped
from optcli.plots.looks import PALETTE, Look

NUMBERS = 60_000  # of all curves of a page
Numbers = Sequence[float] | Array
FEWEST, MOST = 10, 1000  # points of a curve
NOTE = 4  # numbers that a note takes the room of


@dataclass(frozen=True)
class Axis:
    """What an axis shows. log: whether it is logarithmic at first."""

    name: str
    log: bool = False


@dataclass(frozen=True)
class Series:
    """One curve.

    xs: where its points are, in units of each of the chart's horizontal axes. low, high: the
    ends of a band, or of a bar. kind: `line`, `step` (constant to the next point), `points`,
    `bars`, `path`, or `rule` (a dashed line to hold others against). notes: words for each point.
    group: what is switched together; empty for what has no switch. xs of a path: x, and the steps,
    by which it can be played. start: the number of the start that it is from, if one chooses.
    """

    name: str
    look: Look
    xs: Sequence[Numbers]
    y: Numbers
    low: Numbers | None = None
    high: Numbers | None = None
    kind: str = "line"
    notes: Sequence[str] | None = None
    group: str | None = None
    dashed: bool = True
    start: int | None = None


@dataclass(frozen=True)
class Line:
    """A line across the whole chart, at x (in units of each horizontal axis) or at y."""

    name: str
    xs: Sequence[float] | None = None
    y: float | None = None


@dataclass(frozen=True)
class Row:
    """A row of a forest plot."""

    name: str
    low: float
    middle: float
    high: float
    note: str
    groups: Sequence[str]
    look: Look | None = None


@dataclass(frozen=True)
class Chart:
    """A picture with its series.

    words: below it. window: what the vertical axis shows at first. near: whether pointing finds
    the nearest point, instead of all values at one x. box: of a map, the ranges of x and y, and
    of a square chart, whose axes are never logarithmic.
    areas: of a map, polygons (lists of x and y in turn), the larger below. starts: names of those
    that one can choose. rows: of a forest.
    """

    title: str
    x: Sequence[Axis]
    y: Axis
    series: Sequence[Series] = ()
    words: str = ""
    lines: Sequence[Line] = ()
    window: tuple[float, float] | None = None
    near: bool = False
    box: tuple[tuple[float, float], tuple[float, float]] | None = None
    square: bool = False
    areas: Sequence[Sequence[Sequence[float]]] = ()
    starts: Sequence[str] = ()
    rows: Sequence[Row] = ()
    reach: tuple[float, float] | None = None
    sides: tuple[str, str] = ("", "")
    whole: str = field(default="", kw_only=True)  # the file that has all points

    def frame(self, number: int, level: str = "h3") -> Markup:
        """Where the script draws it."""
        return element(
            "figure",
            element("figcaption", element(level, self.title)),
            element("div", class_="plot", id=f"chart-{number}"),
            element("p", self.words, class_="words") if self.words else None,
            class_="chart square" if self.square else "chart",
        )


def data(charts: Sequence[Chart], numbers: int = NUMBERS) -> list[dict[str, Any]]:
    """What the script draws; of all curves about so many numbers at most."""
    count = sum(len(chart.series) for chart in charts)
    width = max((_width(own) for chart in charts for own in chart.series), default=2)
    most = max(FEWEST, min(MOST, numbers // (width * max(1, count))))
    return [_chart(chart, most) for chart in charts]


def _width(own: Series) -> int:
    """How many numbers a point takes the room of."""
    return len(own.xs) + 1 + 2 * (own.low is not None) + NOTE * (own.notes is not None)


def _chart(chart: Chart, most: int) -> dict[str, Any]:
    series = [thinned(own, most) for own in chart.series]
    words = ""
    if any(len(own.y) < len(whole.y) for own, whole in zip(series, chart.series, strict=True)):
        words = f"curves of more than {most:,} points are thinned"
        words += f"; all are in {chart.whole}" if chart.whole else ""
    return {
        "title": escaped(chart.title),
        "x": [{"name": escaped(axis.name), "log": axis.log} for axis in chart.x],
        "y": {"name": escaped(chart.y.name), "log": chart.y.log},
        "series": [_series(own) for own in series],
        "lines": [
            {
                "name": escaped(line.name),
                "xs": None if line.xs is None else _numbers(line.xs),
                "y": _number(line.y),
            }
            for line in chart.lines
        ],
        "window": _numbers(chart.window or ()) or None,
        "near": chart.near,
        "square": chart.square,
        "box": chart.box and [_numbers(side) for side in chart.box],
        "areas": [[_numbers(polygon, 4) for polygon in area] for area in chart.areas],
        "starts": list(map(escaped, chart.starts)),
        "rows": [
            {
                "name": escaped(row.name),
                "low": _number(row.low),
                "middle": _number(row.middle),
                "high": _number(row.high),
                "note": escaped(row.note),
                "groups": list(map(escaped, row.groups)),
                "colour": None if row.look is None else colour(row.look),
            }
            for row in chart.rows
        ],
        "reach": chart.reach and _numbers(chart.reach),
        "sides": list(chart.sides),
        "thinned": words,
    }


def _series(own: Series) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": escaped(own.name),
        "group": escaped(own.name if own.group is None else own.group),
        "colour": colour(own.look),
        "dash": dashes(own.look.dashes) if own.dashed else "",
        "marker": own.look.marker,
        "kind": own.kind,
        "start": own.start,
        "xs": [_numbers(x) for x in own.xs],
        "y": _numbers(own.y),
    }
    if own.low is not None and own.high is not None:
        found |= {"low": _numbers(own.low), "high": _numbers(own.high)}
    if own.notes is not None:
        found["notes"] = list(map(escaped, own.notes))
    return found


def thinned(own: Series, most: int) -> Series:
    """The series with about `most` points at most."""
    y = np.asarray(own.y, float)
    if len(y) <= most:
        return own
    if own.kind == "path":
        kept = _kept_of_path(np.stack([np.asarray(own.xs[0], float), y], axis=1), most)
    else:
        kept = _kept(y, most)

    def some(values: Numbers | Sequence[str] | None) -> Any:
        return None if values is None else [values[i] for i in kept]

    ends = {name: some(getattr(own, name)) for name in ("y", "low", "high", "notes")}
    return replace(own, xs=[some(x) for x in own.xs], **ends)


def _kept(y: Array, most: int) -> list[int]:
    """The ends, and of each stretch the lowest and the highest value and one that is not finite."""
    finite = np.isfinite(y)
    low, high = (np.where(finite, y, other) for other in (np.inf, -np.inf))
    kept = {0, len(y) - 1}
    for stretch in np.array_split(np.arange(len(y)), most // 2):
        kept |= {int(stretch[low[stretch].argmin()]), int(stretch[high[stretch].argmax()])}
        if not finite[stretch].all():
            kept.add(int(stretch[finite[stretch].argmin()]))
    return sorted(kept)


def _kept_of_path(points: Array, most: int) -> list[int]:
    """The points (T, 2) that begin in another cell of a grid, the coarser, the more there are."""
    finite = np.isfinite(points).all(axis=1)
    if not finite.any():
        return [0]
    span = float(np.ptp(points[finite], axis=0).max()) or 1.0
    cell = span / 2000
    while True:
        cells = np.floor(np.where(np.isfinite(points), points / cell, np.inf))
        moved = (cells[1:] != cells[:-1]).any(axis=1)
        kept = {0, *(1 + np.flatnonzero(moved)).tolist(), len(points) - 1}
        if len(kept) <= most:
            return sorted(kept)
        cell *= 1.6


def _numbers(values: Iterable[float], digits: int = 6) -> list[float | None]:
    return [_number(value, digits) for value in values]


def _number(value: float | None, digits: int = 6) -> float | None:
    """The number in so many digits; None where it is not finite."""
    if value is None or not math.isfinite(value):
        return None
    rounded = float(f"{value:.{digits}g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded


def colour(look: Look) -> int:
    """Which of the page's colours."""
    return PALETTE.index(look.colour)


def dashes(pattern: Any) -> str:
    """Matplotlib's dashes as SVG has them, for lines of 1.8 pixels."""
    if pattern == "solid":
        return ""
    return " ".join(f"{1.8 * length:.3g}" for length in pattern[1])


def swatch(look: Look) -> Markup:
    """A short line in the look of a series."""
    pattern = dashes(look.dashes) or None
    line = element("line", x1="0", y1="6", x2="22", y2="6", stroke_dasharray=pattern)
    size = {"viewBox": "0 0 22 12", "width": "22", "height": "12"}
    return element("svg", line, class_=f"swatch c{colour(look)}", aria_hidden="true", **size)


def plain_looks(names: Sequence[str]) -> Mapping[str, Look]:
    """A look for each name, in order."""
    return {name: Look(place) for place, name in enumerate(names)}
