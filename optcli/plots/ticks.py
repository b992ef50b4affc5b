"""Ticks: where an axis is marked, and in what words.

matplotlib's own log labels are formulas (slow, and they need its formula parser)
and its own offsets (`1e-6+0.693`) are easily overlooked.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from optcli.core.arrays import Array

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
LARGEST = 1e300  # beyond, an axis' own arithmetic would overflow


class Scale(NamedTuple):
    """One axis: its limits, its ticks and their labels."""

    log: bool
    low: float
    high: float
    ticks: list[float]
    labels: list[str]
    minor: list[float]

    @property
    def spread(self) -> float | None:
        """What share of its values a linear axis spans, where that is less than a hundredth."""
        largest = max(abs(self.low), abs(self.high))
        narrow = not self.log and self.ticks and self.high - self.low < 0.01 * largest
        return (self.high - self.low) / largest if narrow else None

    def named(self, quantity: str) -> str:
        """The axis in words: what it is, and what is easily overlooked."""
        if self.log:
            return f"{quantity} (log)"
        return quantity if self.spread is None else f"{quantity} (spans {percent(self.spread)})"

    def apply(self, axis: Any) -> None:
        """Set up an axis (`axes.xaxis` or `axes.yaxis`) like this."""
        name = axis.axis_name
        if self.log:
            axis.axes.set(**{f"{name}scale": "log"})
        axis.axes.set(**{f"{name}lim": (self.low, self.high)})
        axis.set_ticks(self.ticks, self.labels)
        from matplotlib.ticker import NullLocator

        axis.set_minor_locator(NullLocator())
        if self.minor:
            self._mark_between(axis)

    def _mark_between(self, axis: Any) -> None:
        """The minor ticks as one line of marks: as ticks each would be five artists."""
        from matplotlib import rcParams
        from matplotlib.lines import Line2D
        from matplotlib.markers import TICKDOWN, TICKLEFT

        name = axis.axis_name
        ends = (self.minor, [0.0] * len(self.minor))
        look: dict[str, Any] = {"linestyle": "", "marker": TICKDOWN if name == "x" else TICKLEFT}
        look |= {"color": rcParams[f"{name}tick.color"]}
        look |= {"markersize": rcParams[f"{name}tick.minor.size"]}
        look |= {"markeredgewidth": rcParams[f"{name}tick.minor.width"]}
        marks = Line2D(*(ends if name == "x" else ends[::-1]), **look, zorder=2.01)
        marks.set_transform(getattr(axis.axes, f"get_{name}axis_transform")("tick1"))
        axis.axes.add_artist(marks)
        marks.set_clip_on(False)
        marks.set_gid("ticks")


def percent(share: float) -> str:
    """`0.05 %`, in one significant digit."""
    return f"{float(f'{100 * share:.1g}'):.10f}".rstrip("0").rstrip(".") + " %"


def wants_log(values: Array) -> bool:
    """The rule: all values positive, and the largest over 30 times (1.5 decades) the least."""
    values = usable(values)
    return bool(values.size and values.min() > 0 and values.max() > 30 * values.min())


def without_outliers(values: Array) -> Array:
    """The values without those for which 99 % of a linear axis would stay empty.

    These are further from the middle 80 % than 100 times its width; then all that are
    further than three times its width go.
    """
    values = usable(values)
    if values.size < 10:
        return values
    low, high = np.quantile(values, (0.1, 0.9))
    width = high - low
    if width <= 0 or (values.max() <= high + 100 * width and values.min() >= low - 100 * width):
        return values
    near: Array = values[(values <= high + 3 * width) & (values >= low - 3 * width)]
    return near


def usable(values: Array) -> Array:
    """Those of the values that an axis can show."""
    values = np.asarray(values, float)
    found: Array = values[np.abs(values) < LARGEST]  # nan is not below
    return found


def scale(values: Array, count: int, *, log: bool = False, margin: float = 0.05) -> Scale:
    """A scale that shows all usable values with at least about `count` labels.

    margin: free space at either end, as a share of the range.
    """
    values = usable(values)
    if not values.size:
        return Scale(False, 0.0, 1.0, [], [], [])
    low, high = float(values.min()), float(values.max())
    if log:
        bottom, top = math.log10(low), math.log10(high)
        free = margin * (top - bottom) or 0.5
        return _log(max(bottom - free, -307.0), min(top + free, 307.0))
    if high - low <= 1e-12 * max(abs(low), abs(high)):  # constant, up to rounding
        free = 0.05 * max(abs(low), abs(high)) or 1.0
    else:
        free = margin * (high - low)
    return linear(low - free, high + free, count)


def linear(low: float, high: float, count: int, *, least_step: float = 0.0) -> Scale:
    """Ticks at multiples of 1, 2 or 5 times a power of ten: the coarsest `count` or more."""
    power = 10.0 ** math.ceil(math.log10(high - low))
    steps = (m * power / 10**k for k in range(4) for m in (1.0, 0.5, 0.2))
    step = next(s for s in steps if len(_multiples(low, high, s)) >= count or s <= least_step)
    step = max(step, least_step)
    ticks = [i * step for i in _multiples(low, high, step)]
    return Scale(False, low, high, ticks, _linear_labels(ticks, step), [])


def _multiples(low: float, high: float, step: float) -> range:
    return range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)


def _linear_labels(ticks: list[float], step: float) -> list[str]:
    largest = max((abs(t) for t in ticks), default=0.0)
    place = math.floor(math.log10(step) + 1e-9)  # of the last digit that differs
    if largest == 0 or 1e-3 <= largest < 1e7:
        comma = "," if largest >= 1e4 else ""
        return [_minus(f"{t or 0.0:{comma}.{max(0, -place)}f}") for t in ticks]
    exponent = math.floor(math.log10(largest) + 1e-9)
    digits = max(0, exponent - place)
    scaled = [f"{t / 10.0**exponent:.{digits}f}" for t in ticks]
    return [
        "0" if t == 0 else _minus(f"{text}×10") + _superscript(exponent)
        for t, text in zip(ticks, scaled, strict=True)
    ]


def _log(bottom: float, top: float) -> Scale:
    """A log scale between two powers of ten, given by their exponents."""
    decades = range(math.ceil(bottom - 1e-9), math.floor(top + 1e-9) + 1)
    around = range(math.floor(bottom), math.floor(top) + 1)
    between = [
        m * 10.0**e for e in around for m in range(2, 10) if bottom <= math.log10(m) + e <= top
    ]
    stride = -(-len(decades) // 7)  # at most 7 labels
    ticks = [10.0**e for e in decades if e % stride == 0]
    if len(decades) < 3:  # too few: label 2 and 5 times a power as well
        ticks = sorted(ticks + [t for t in between if f"{t:e}"[0] in "25"])
    minor = [t for t in between if t not in ticks] if stride == 1 else []
    return Scale(True, 10.0**bottom, 10.0**top, ticks, _log_labels(ticks), minor)


def _log_labels(ticks: list[float]) -> list[str]:
    if all(1e-4 < t < 1e5 for t in ticks):
        return [f"{t:.6g}" for t in ticks]
    labels = []
    for tick in ticks:
        lead, exponent = f"{tick:.0e}".split("e")
        power = "10" + _superscript(int(exponent))
        labels.append(power if lead == "1" else f"{lead}×{power}")
    return labels


def _superscript(number: int) -> str:
    return str(number).translate(_SUPERSCRIPT)


def _minus(text: str) -> str:
    """The true minus sign, as wide as a digit."""
    return text.replace("-", "\N{MINUS SIGN}")
