"""What a scorer's file consists of: functions of the standard library alone, copied as needed.

A row is a dict of columns, x a list of a row's numbers; images are lists, too, channel by channel
and line by line.
"""

from __future__ import annotations

import csv
import math
import signal
import sys
from collections.abc import Collection, Mapping
from datetime import datetime, timezone

Row = Mapping[str, object]
Numbers = list[float]

# The generator writes these for the model.
DELIMITER = ","
MISSING = frozenset({""})


def predict(row: Row) -> dict[str, object]:
    """The generator writes it for the model."""
    raise NotImplementedError


# ---- columns ---------------------------------------------------------------------------


def cell(row: Row, name: str, categories: Collection[str] = ()) -> object:
    """The value of a column, without blanks around a text; None where it is missing."""
    if name not in row:
        raise ValueError(f"there is no column {name!r}")
    value = row[name]
    if isinstance(value, str):
        value = value.strip()
        return None if value in MISSING and value not in categories else value
    return None if value is None or value != value else value


def measured(value: object, name: str) -> float:
    """A number, which must be finite."""
    try:
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise ValueError(f"column {name!r} is {value!r}; must be a plain number") from None
    if not math.isfinite(found):
        raise ValueError(f"column {name!r} is {value!r}; must be finite")
    return found


def number(row: Row, name: str, mean: float, scale: float, fill: float | None) -> float:
    """(value - mean) / scale; a scale of 0 makes it 0. fill: stands for a missing value."""
    value = cell(row, name)
    found = fill if value is None else measured(value, name)
    if found is None:
        raise ValueError(f"column {name!r} has no value")
    return (found - mean) / scale if scale else 0.0


def one_hot(
    row: Row, name: str, codes: dict[str, int], count: int, fill: int | None, other: int | None
) -> Numbers:
    """1 at the code of the category, 0 at all others.

    fill, other: the codes of a missing value and of an unknown category; -1 for no 1 at all.
    """
    value = cell(row, name, codes)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    code = fill if value is None else codes.get(str(value), other)
    if code is None:
        what = "has no value" if value is None else f"is the unknown category {str(value)!r}"
        raise ValueError(f"column {name!r} {what}")
    return [float(i == code) for i in range(count)]


def seconds(value: object, name: str) -> float:
    """Seconds since 1970-01-01 of a date as 2024-12-31 or 2024-12-31 10:00, or of such a number."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            message = f"column {name!r} is {value!r}; must be a date as 2024-12-31 10:00"
            raise ValueError(message) from None
    if isinstance(value, datetime):
        zoned = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
        return zoned.timestamp()
    return measured(value, name)


def date(row: Row, name: str, parts: list[tuple[str, float, float, float | None]]) -> Numbers:
    """Each part of a date as (value - mean) / scale."""
    value = cell(row, name)
    at = None if value is None else seconds(value, name)
    found = []
    for part, mean, scale, fill in parts:
        if at is None and fill is None:
            raise ValueError(f"column {name!r} has no value")
        own = fill if at is None else date_part(at, part)
        found.append((own - mean) / scale if scale and own is not None else 0.0)
    return found


def date_part(at: float, part: str) -> float:
    """Year, month, weekday (Monday is 0), day_number or hour of seconds since 1970-01-01."""
    days, rest = divmod(at, 86400)
    if part == "day_number":
        return days
    if part == "hour":
        return rest / 3600
    day = datetime.fromordinal(int(days) + 719163)
    return float({"year": day.year, "month": day.month, "weekday": day.weekday()}[part])


# ---- layers ----------------------------------------------------------------------------


def dense(x: Numbers, weights: list[Numbers], bias: Numbers) -> Numbers:
    """The weighted sum for each unit, which has its weights in a row."""
    return [b + sum(map(float.__mul__, row, x)) for row, b in zip(weights, bias)]


def scale_shift(x: Numbers, scale: Numbers, shift: Numbers) -> Numbers:
    """Batch norm of each feature, or of each channel of an image."""
    size = len(x) // len(scale)
    return [scale[i // size] * v + shift[i // size] for i, v in enumerate(x)]


def layer_norm(x: Numbers, scale: Numbers, shift: Numbers, eps: float) -> Numbers:
    """Mean 0 and variance 1, then scale and shift."""
    mean = sum(x) / len(x)
    spread = math.sqrt(sum((v - mean) ** 2 for v in x) / len(x) + eps)
    return [(v - mean) / spread * a + b for v, a, b in zip(x, scale, shift)]


def windows(
    x: Numbers, shape: tuple[int, ...], size: tuple[int, int], stride: tuple[int, int]
) -> list[list[Numbers]]:
    """For each channel, the pixels of each window."""
    channels, height, width = shape
    found = []
    for channel in range(channels):
        own = []
        for top in range(0, height - size[0] + 1, stride[0]):
            for left in range(0, width - size[1] + 1, stride[1]):
                starts = [(channel * height + top + i) * width + left for i in range(size[0])]
                own.append([v for start in starts for v in x[start : start + size[1]]])
        found.append(own)
    return found


def convolution(
    x: Numbers,
    weights: list[list[Numbers]],
    bias: Numbers,
    shape: tuple[int, ...],
    size: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
) -> Numbers:
    """For each output channel and window, the weighted sum over the windows of all channels."""
    channels, height, width = shape
    over, beside = padding
    padded = []
    for channel in range(channels):
        padded += [0.0] * (over * (width + 2 * beside))
        for line in range(height):
            start = (channel * height + line) * width
            padded += [0.0] * beside + x[start : start + width] + [0.0] * beside
        padded += [0.0] * (over * (width + 2 * beside))
    outer = (channels, height + 2 * over, width + 2 * beside)
    found = []
    each = list(zip(*windows(padded, outer, size, stride)))
    for kernels, b in zip(weights, bias):
        for window in each:
            pairs = zip(kernels, window)
            found.append(b + sum(sum(map(float.__mul__, k, w)) for k, w in pairs))
    return found


def max_pool(
    x: Numbers, shape: tuple[int, ...], size: tuple[int, int], stride: tuple[int, int]
) -> Numbers:
    """The largest pixel of each window."""
    return [max(w) for channel in windows(x, shape, size, stride) for w in channel]


def average_pool(
    x: Numbers, shape: tuple[int, ...], size: tuple[int, int], stride: tuple[int, int]
) -> Numbers:
    """The mean of each window."""
    return [sum(w) / len(w) for channel in windows(x, shape, size, stride) for w in channel]


# ---- activations -----------------------------------------------------------------------


def relu(v: float) -> float:
    return max(0.0, v)


def leaky_relu(v: float, slope: float) -> float:
    return max(v, slope * v)


def tanh(v: float) -> float:
    return math.tanh(v)


def sigmoid(v: float) -> float:
    return (1 + math.tanh(v / 2)) / 2


def silu(v: float) -> float:
    return v * sigmoid(v)


def gelu(v: float) -> float:
    return v * (1 + math.erf(v / math.sqrt(2))) / 2


def gelu_tanh(v: float) -> float:
    return v * (1 + math.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v**3))) / 2


def elu(v: float, alpha: float) -> float:
    return v if v > 0 else alpha * math.expm1(v)


def selu(v: float) -> float:
    return 1.0507009873554805 * (v if v > 0 else 1.6732632423543772 * math.expm1(v))


def softplus(v: float) -> float:
    return max(v, 0.0) + math.log1p(math.exp(-abs(v)))


def mish(v: float) -> float:
    return v * math.tanh(softplus(v))


def hardswish(v: float) -> float:
    return v * min(max(v + 3, 0.0), 6.0) / 6


# ---- answers ---------------------------------------------------------------------------


def exp(v: float) -> float:
    """The exponential, infinite where it is beyond the largest number."""
    return math.exp(v) if v < 709 else math.inf


def softmax(scores: Numbers) -> Numbers:
    """Probabilities in proportion to exp(score)."""
    top = max(scores)
    exps = [math.exp(score - top) for score in scores]
    total = sum(exps)
    return [each / total for each in exps]


def main() -> None:
    """Read CSV with a header from standard input, and write the predictions as CSV."""
    sys.stdin.reconfigure(encoding="utf-8-sig", newline="")  # type: ignore[union-attr]
    sys.stdout.reconfigure(encoding="utf-8", newline="")  # type: ignore[union-attr]
    if hasattr(signal, "SIGPIPE"):  # who reads the predictions may have enough of them
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    rows = csv.DictReader(sys.stdin, delimiter=DELIMITER)
    rows.fieldnames = [name.strip() for name in rows.fieldnames or ()]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    for count, row in enumerate(rows):
        try:
            found = predict(row)
        except ValueError as error:
            raise SystemExit(f"line {rows.line_num}: {error}") from None
        if not count:
            writer.writerow(found)
        writer.writerow(found.values())
