"""Text: numbers, bars and sparklines; shortening, wrapping and escaping."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

PLAIN = (1e-4, 1e7)  # sizes between which numbers are written without an exponent


def number(value: float, places: int = 5) -> str:
    """A loss or metric in about `places` digits: `0.69315`, `0.001235`, `123456`."""
    size = abs(value)
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if value == 0:
        return "0"
    if not PLAIN[0] <= size < PLAIN[1] - 0.5:
        return f"{value:.3e}"
    if size < 0.01:
        return f"{value:.{3 - math.floor(math.log10(size))}f}"
    return f"{value:.{max(0, places + 1 - len(str(int(size))))}f}"


def alike(values: Sequence[float], digits: int = 4) -> list[str]:
    """The numbers of a column in one format: as many decimals, or all with an exponent.

    digits: significant ones of the smallest.
    """
    sizes = [abs(value) for value in values if math.isfinite(value) and value]
    if not sizes:
        return [number(value) for value in values]
    low, high = min(sizes), max(sizes)
    if low >= PLAIN[0] and high < min(PLAIN[1], 1e5 * low):
        places = max(0, digits - 1 - math.floor(math.log10(low)))
        return [f"{value:.{places}f}" for value in values]
    return [f"{value:.{digits - 1}e}" for value in values]


def brief(value: float) -> str:
    """Three significant digits: `0.00987`, `-0.413`, `12345`."""
    size = abs(value)
    if not math.isfinite(value) or not PLAIN[0] <= size < PLAIN[1]:
        return f"{value:.3g}"
    if size >= 100:
        return f"{value:.0f}"
    return f"{value:.{2 - math.floor(math.log10(size))}f}"


def metric(value: float) -> str:
    """A metric, a little shorter than a loss."""
    return number(value, places=4)


def short(value: float) -> str:
    """A learning rate: `0.01`, `1e-05`, `0.0009755`."""
    return f"{value:.4g}"


def rate(value: float) -> str:
    """Rows a second in three digits: `987`, `12.3k`, `4.56M`."""
    if not math.isfinite(value):
        return "-"
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= 0.9995 * size:
            return f"{value / size:#.3g}".rstrip(".") + unit
    return f"{value:.0f}"


def duration(seconds: float) -> str:
    """`0.42 s`, `12.3 s`, `3 min 05 s`, `2 h 03 min`."""
    if seconds < 59.95:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def remaining(seconds: float) -> str:
    """`0:07`, `12:34`, `1:02:03`."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def sparkline(values: Sequence[float], width: int, *, fancy: bool) -> str:
    """The course of the values in one line; what is not finite shows as `x`.

    By their logarithms where all are positive and span more than 1.5 decades.
    """
    heights = "▁▂▃▄▅▆▇█" if fancy else "_.-~=+*#"
    finite = [v for v in values if math.isfinite(v)]
    if not finite or width < 1:
        return ""
    low, high = min(finite), max(finite)
    if low > 0 and high / low > 30:
        values = [math.log(v) if math.isfinite(v) else v for v in values]
        low, high = math.log(low), math.log(high)
    count = min(width, len(values))
    marks = []
    for k in range(count):
        share = values[k * len(values) // count : (k + 1) * len(values) // count]
        seen = [v for v in share if math.isfinite(v)]
        if not seen:
            marks.append("x")
            continue
        # halved, as the difference of two huge values may overflow
        height = (sum(v / len(seen) for v in seen) / 2 - low / 2) / ((high / 2 - low / 2) or 1.0)
        marks.append(heights[max(0, min(7, int(8 * height)))])
    return "".join(marks)


def bar(share: float, width: int, *, fancy: bool) -> str:
    """A progress bar."""
    done = max(0, min(width, int(share * width)))
    return "━" * done + "╌" * (width - done) if fancy else "#" * done + "-" * (width - done)


def escaped(text: str) -> str:
    """User text without control characters, which would act on the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shortened(text: str, size: int) -> str:
    """The text in at most `size` characters, with dots for what is left out."""
    return text if len(text) <= size else text[: max(0, size - 3)] + "..."[:size]


def shortened_inside(text: str, size: int) -> str:
    """The text in at most `size` characters; what is left out is in the middle."""
    if len(text) <= size or size < 5:
        return shortened(text, size)
    end = (size - 3) // 2
    return f"{text[: size - 3 - end]}...{text[-end:]}"


def choice(value: Mapping[str, Any]) -> str:
    """What a config names, with its settings: `adam (lr 0.01, beta1 0.9)`."""
    rest = ", ".join(f"{key} {setting(each)}" for key, each in value.items() if key != "name")
    return f"{value['name']} ({rest})" if rest else str(value["name"])


def setting(value: Any) -> str:
    """A value of a config in words: `0.01`, `yes`, `32, 32`."""
    if isinstance(value, Mapping):
        if "name" in value:
            return choice(value)
        return ", ".join(f"{key} {setting(each)}" for key, each in value.items())
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(setting, value))}]"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return "none" if value is None else str(value)


# Units that stay in the line of their number.
UNITS = {"%", "s", "min", "h", "rows/s", "steps/s", "MB", "GB"}


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most `width` characters, broken at spaces, but not between number and unit."""
    words: list[str] = []
    for word in text.split(" "):
        if words and word.rstrip(".,;:)") in UNITS and words[-1][:1].isdigit():
            words[-1] += f" {word}"
        else:
            words.append(word)
    lines = [""]
    for word in words:
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}" if lines[-1] else word
    return lines
