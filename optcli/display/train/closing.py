"""The closing lines of a run: how it ended, what it found, where it is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from optcli.core.durations import counted
from optcli.core.errors import Grave
from optcli.core.shell import quoted
from optcli.display.text import duration, escaped, metric, number, rate
from optcli.display.train.results import diagnosis, results

WARNING = "warning: "

_OUTCOMES = {
    "completed": "completed",
    "stopped_early": "stopped early",
    "diverged": "diverged",
    "interrupted": "interrupted",
    "timed_out": "reached its time limit",
}


def closing(
    summary: Mapping[str, Any], folder: Path | None = None, notes: Iterable[str] = ()
) -> list[str]:
    """The last lines: how the run ended, what it found, where it is; what is grave before it."""
    epochs, steps = summary.get("epochs", 0), summary.get("steps", 0)
    outcome = summary.get("outcome", "completed")
    end = summary.get("end") or {}  # of a path on an objective
    unit = "step" if "end" in summary else "epoch"
    length, done = counted(steps, "step"), "steps"
    if unit == "epoch":
        length, done = f"{counted(epochs, 'epoch')} ({length})", "rows"
    notes = list(notes)
    lines = [f"{WARNING}{note}" for note in notes if isinstance(note, Grave)]
    lines += [
        f"{_OUTCOMES.get(outcome, outcome)} after {length} "
        f"in {duration(summary.get('seconds') or 0.0)}, "
        f"{rate(summary.get('samples_per_second') or 0.0)} {done}/s"
    ]
    best, final, test = (summary.get(key) or {} for key in ("best", "final", "test"))
    beside = results(summary)
    if beside:
        lines += beside
    elif best.get("epoch"):
        lines.append(f"best {unit} {best['epoch']}: {_of_epoch(best)}")
    elif final:
        lines.append(f"last {unit}: {_of_epoch(final)}")
    lines += cross_validation(summary)
    if outcome == "diverged":
        lines.append(_divergence(summary.get("diverged") or {}))
    if test and not beside:
        of = f"weights of epoch {best['epoch']}" if best.get("epoch") else "initial weights"
        lines.append(f"test ({of}): {measures(test)}")
    lines += diagnosis(summary)
    if end:
        lines.append(f"end: {measures(end)}")
    lines += [f"note: {note}" for note in notes]
    if folder is not None:
        lines.append(f"run folder: {folder}")
        if outcome == "interrupted":
            lines.append("saved: checkpoint, history and the best model so far")
            lines.append(f"continue with: optcli train --resume {quoted(str(folder))}")
    return [escaped(line) for line in lines]


def cross_validation(summary: Mapping[str, Any]) -> list[str]:
    """Mean and interval of each score over the folds; none without them."""
    folds = summary.get("folds")
    if not isinstance(folds, Mapping):
        return []
    parts = []
    for name, found in folds["scores"].items():
        mean, low, high = (found.get(key) for key in ("mean", "ci_low", "ci_high"))
        if not isinstance(low, int | float) or not math.isfinite(low):
            parts.append(f"{name} -")
            continue
        parts.append(f"{_measure(name, mean)} [{_score(name, low)}, {_score(name, high)}]")
    said = f"{folds['count']}-fold cross-validation, mean [95 % CI]: {', '.join(parts)}"
    if folds.get("diverged"):
        said += f"; {folds['diverged']} diverged"
    epochs = ", ".join(map(str, folds["best_epochs"]))
    return [
        said,
        f"this model: trained on all but the test rows for {counted(folds['epochs'], 'epoch')}, "
        f"the median of the folds' best ({epochs})",
    ]


def _score(name: str, value: float) -> str:
    return number(value) if name.endswith("loss") else metric(value)


def _divergence(found: Mapping[str, Any]) -> str:
    """What was not finite, and what to do: a learning rate has no say in the first step."""
    what, loss = found.get("not_finite"), found.get("loss")
    if what == "gradient" and isinstance(loss, int | float):
        return f"the gradient was not finite at the first step, where the loss was {number(loss)}"
    if what == "loss":
        return "the loss was not finite at the first step, before anything was learned"
    return "the loss or its gradient was no longer finite; try a smaller learning rate"


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
