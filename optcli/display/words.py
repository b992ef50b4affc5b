"""Words: numbers, bars, and the closing lines."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from optcli.core.durations import counted
from optcli.core.errors import Grave

WARNING = "warning: "

_OUTCOMES = {
    "completed": "completed",
    "stopped_early": "stopped early",
    "diverged": "diverged",
    "interrupted": "interrupted",
    "timed_out": "reached its time limit",
}


def number(value: float, places: int = 5) -> str:
    """A loss or metric with so many decimal places, up to 10; beyond as many digits.

    Under 0.01, in four significant digits with an exponent.
    """
    size = abs(value)
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if value == 0:
        return "0"
    if not 0.01 <= size < 9999.5:
        return f"{value:.3e}"
    return f"{value:.{places + 1 - len(str(int(size)))}f}"


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


def closing(
    summary: Mapping[str, Any], folder: Path | None = None, notes: Iterable[str] = ()
) -> list[str]:
    """The last lines: how the run ended, what it found, where it is; what is grave before it."""
    epochs, steps = summary.get("epochs", 0), summary.get("steps", 0)
    outcome = summary.get("outcome", "completed")
    end = summary.get("end") or {}  # of a path on an objective
    notes = list(notes)
    lines = [f"{WARNING}{note}" for note in notes if isinstance(note, Grave)]
    lines += [
        f"{_OUTCOMES.get(outcome, outcome)} after {counted(epochs, 'epoch')} "
        f"({counted(steps, 'step')}) in {duration(summary.get('seconds') or 0.0)}, "
        f"{rate(summary.get('samples_per_second') or 0.0)} {'steps' if end else 'rows'}/s"
    ]
    best, final, test = (summary.get(key) or {} for key in ("best", "final", "test"))
    if best.get("epoch"):
        lines.append(f"best epoch {best['epoch']}: {_of_epoch(best)}")
    elif final:
        lines.append(f"last epoch: {_of_epoch(final)}")
    lines += _failure(summary)
    if outcome == "diverged":
        lines.append(_divergence(summary.get("diverged") or {}))
    if test:
        lines.append(f"test: {measures(test)}")
    if end:
        lines.append(f"end: {measures(end)}")
    lines += [f"note: {note}" for note in notes]
    if folder is not None:
        lines.append(f"run folder: {folder}")
        if outcome == "interrupted":
            lines.append("kept: checkpoint, history and the best model so far")
            lines.append(f"continue with: optcli train --resume {shlex.quote(str(folder))}")
    return [escaped(line) for line in lines]


def _divergence(found: Mapping[str, Any]) -> str:
    """What was not finite, and what to do: a learning rate has no say in the first step."""
    what, loss = found.get("not_finite"), found.get("loss")
    if what == "gradient" and isinstance(loss, int | float):
        return f"the gradient was not finite at the first step, where the loss was {number(loss)}"
    if what == "loss":
        return "the loss was not finite at the first step, before anything was learned"
    return "the loss or its gradient was no longer finite; try a smaller learning rate"


def _failure(summary: Mapping[str, Any]) -> list[str]:
    """Whether the loss ended far above its start, or no lower than a constant prediction's."""
    final, best = summary.get("final") or {}, summary.get("best") or {}
    if summary.get("outcome") == "diverged" or not _said(final.get("train_loss")):
        return []
    last, said = number(final["train_loss"]), summary.get("constant_loss")
    constant = number(said) if isinstance(said, int | float) else None
    if summary.get("failed_to_train"):
        what = "loss" if constant is None else "training loss"
        words = f"failed to train: final {what} {last}, before training "
        words += number(summary["first_loss"])
        if constant is not None:
            words += f", of a constant prediction {constant}"
        advice = "try a smaller learning rate"
        if best.get("epoch") and best["epoch"] != final.get("epoch"):
            advice += f"; the saved model is that of epoch {best['epoch']}"
        return [words, advice]
    if summary.get("beats_constant") is False and constant is not None:
        words = f"did not learn: final training loss {last} is no better than {constant}"
        return [f"{words} of a constant prediction"]
    return []


def measures(found: Mapping[str, Any]) -> str:
    """Losses and metrics in one line: `loss 0.07799, accuracy 0.9667`."""
    return ", ".join(_measure(name, value) for name, value in found.items() if _said(value))


def _of_epoch(row: Mapping[str, Any]) -> str:
    """The validation measures of a history row, or the training ones if there are none."""
    part = "validation" if _said(row.get("validation_loss")) else "train"
    found = {k: v for k, v in row.items() if k.startswith(f"{part}_") and _said(v)}
    names = [k.removeprefix(f"{part}_") if i else k for i, k in enumerate(found)]
    values = found.values()
    return ", ".join(_measure(name, v) for name, v in zip(names, values, strict=True))


def _measure(name: str, value: float) -> str:
    words = name.replace("validation_", "validation ").replace("train_", "training ")
    return f"{words} {number(value) if name.endswith('loss') else metric(value)}"


def _said(value: Any) -> bool:
    return isinstance(value, int | float)
