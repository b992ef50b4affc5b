"""Goal: what is to be predicted, and by which loss and metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import Fault, InvalidInput
from optcli.data.categories import classes_of
from optcli.data.columns import Column, Numbers, Words, short
from optcli.data.rare import counts_of
from optcli.data.recognition import Recognised, booleans
from optcli.data.table import Table, listed

MOST_NUMBERED = 10  # classes of a column of whole numbers; more are values
ROWS_OF_NUMBERED = 5  # that each of these has, as values at the ends of a range seldom do
MANY_CLASSES = 1000  # from which a column is hardly one of classes
IMBALANCED = 0.2  # share of rows below which a class of two is the rare one
COUNTS = 100  # up to here non-negative whole numbers may be counts of events
SKEWED = 2.0  # from this skewness on, a mean says little of values
WIDE = 10.0  # largest over median, in values whose size varies by orders
NAMED = 5  # classes that a sentence names

OF_LABELS = ("accuracy", "f1", "roc_auc")

NO_TARGET = {
    "empty": "it has no value",
    "constant": "it has one value only",
    "row counter": "it counts the rows",
    "identifier": "it has a different value in each row",
    "free text": "nearly every row has a different text",
    "date": "it holds dates",
    "unreadable": "it holds neither numbers nor categories",
}


@dataclass(frozen=True)
class Goal:
    """What is predicted.

    kind: `binary`, `classes`, `labels` or `values`. said: that in words. hints: what else
    might suit, a sentence each. counts: the rows of each class of a single target.
    """

    kind: Literal["binary", "classes", "labels", "values"]
    loss: str | dict[str, Any]
    metrics: tuple[str, ...]
    said: str
    hints: tuple[str, ...] = ()
    counts: Mapping[str, int] | None = None

    @property
    def values(self) -> bool:
        return self.kind == "values"


def check_targets(table: Table, targets: Sequence[str], known: Mapping[str, Recognised]) -> None:
    """Raise InvalidInput for columns that cannot be predicted."""
    faults = []
    for name in targets:
        kind = known[name].kind
        if kind in NO_TARGET:
            message = f"cannot be predicted: {NO_TARGET[kind]}; choose another"
            faults.append(Fault(message, f"column '{short(name)}'", table.source))
    if faults:
        raise InvalidInput(*faults)


def goal_of(table: Table, targets: Sequence[str]) -> Goal:
    """What a model of these targets predicts; raises InvalidInput where that makes no sense."""
    columns = [table.columns[name] for name in targets]
    if len(targets) > 1:
        return _several(table, targets, columns)
    name, column = targets[0], columns[0]
    if isinstance(column, Words):
        return _classes(table, name, column)
    values = column.distinct()
    whole = bool(np.all(values == np.rint(values)))
    if len(values) == 2 and whole:
        return _classes(table, name, column)
    few = whole and len(values) <= MOST_NUMBERED
    if few and min(counts_of(column, classes_of(column)).values()) >= ROWS_OF_NUMBERED:
        goal = _classes(table, name, column)
        texts = listed([f"{value:g}" for value in values], NAMED)
        hints = (
            f"The classes are numbers ({texts}). `loss: ordinal_logistic` uses their order;",
            "`loss: mse` with `metrics: [rmse, r2]` predicts them as values.",
        )
        return Goal(goal.kind, goal.loss, goal.metrics, goal.said, (" ".join(hints), *goal.hints),
                    goal.counts)  # fmt: skip
    return _value(column)


def _several(table: Table, targets: Sequence[str], columns: Sequence[Column]) -> Goal:
    """Labels where every column has two values, else numbers."""
    pairs = [len(column.distinct()) == 2 for column in columns]
    if all(pairs):
        shares = [_positives(column) for column in columns]
        said = f"{len(targets)} labels: " + listed(
            [f"{name} ({share:.0%})" for name, share in zip(targets, shares, strict=True)], NAMED
        )
        return Goal("labels", "binary_cross_entropy", OF_LABELS, said)
    wrong = [name for name, column in zip(targets, columns, strict=True)
             if isinstance(column, Words)]  # fmt: skip
    if wrong:
        message = (
            "cannot be predicted together with the others: several targets must be labels "
            "of two values each, or numbers; name one target"
        )
        raise InvalidInput(*(Fault(message, f"column '{short(n)}'", table.source) for n in wrong))
    return Goal("values", "mse", ("rmse", "r2"), f"{len(targets)} values: {listed(targets, NAMED)}")


def _positives(column: Column) -> float:
    """The share of the second of two values, as training takes it."""
    counts = counts_of(column, classes_of(column))
    return list(counts.values())[1] / max(1, sum(counts.values()))


def _classes(table: Table, name: str, column: Column) -> Goal:
    classes = classes_of(column)
    counts = counts_of(column, classes)
    rows = sum(counts.values())
    if len(classes) < 2:
        message = "cannot be predicted: it has one value only; choose another"
        raise InvalidInput(Fault(message, f"column '{short(name)}'", table.source))
    hints = []
    if len(classes) == 2:
        positive = (booleans(column) or classes)[1]
        share = counts[classes[1]] / rows
        said = f"two classes: '{short(classes[0])}' ({counts[classes[0]]:,} rows) and "
        said += f"'{short(classes[1])}' ({counts[classes[1]]:,}), which is the positive one"
        if positive != classes[1]:
            hints.append(
                f"'{short(positive)}' seems to mean yes, but the second in order is the "
                f"positive class: '{short(classes[1])}'."
            )
        if min(share, 1 - share) < IMBALANCED:
            hints.append(
                f"{max(share, 1 - share):.0%} of the rows have one class, so accuracy says "
                "little: see f1 and roc_auc. To find more of the rare class, at the price of "
                "false alarms: `loss: {name: binary_cross_entropy, pos_weight: balanced}`."
            )
        return Goal("binary", "binary_cross_entropy", OF_LABELS, said, tuple(hints), counts)
    order = sorted(counts, key=lambda text: -counts[text])
    shown = listed([f"{short(text)} ({counts[text]:,} rows)" for text in order], NAMED)
    said = f"{len(classes):,} classes: {shown}"
    if len(classes) >= MANY_CLASSES:
        hints.append(
            f"{len(classes):,} classes are many: '{short(name)}' may rather be an identifier."
        )
    most, least = max(counts.values()), min(counts.values())
    imbalanced = most > 0.5 * rows * 1.2 or most > 10 * least
    if imbalanced:
        hints.append(
            f"Classes have {least:,} to {most:,} rows, so accuracy says little of the rare ones: "
            "see f1. To weight all alike: `loss: {name: cross_entropy, class_weights: balanced}`."
        )
    metrics = ("accuracy", "f1") if imbalanced else ("accuracy",)
    return Goal("classes", "cross_entropy", metrics, said, tuple(hints), counts)


def _value(column: Numbers) -> Goal:
    values = np.concatenate([piece.values[~piece.missing] for _, piece in column.pieces()])
    values = values[np.isfinite(values)]
    low, high, middle = float(values.min()), float(values.max()), float(np.median(values))
    said = f"a number from {low:,.6g} to {high:,.6g}, median {middle:,.6g}"
    hints = []
    whole = bool(np.all(values == np.rint(values)))
    if whole and low >= 0 and high <= COUNTS:
        hints.append(
            "The values may be counts. `loss: poisson` predicts their mean as an exponential, "
            "never below 0."
        )
    elif low > -1 and _skewness(values) > SKEWED and high > WIDE * max(middle, 1e-300):
        hints.append(
            "Few values are far larger than the others, and mse is mostly about those. "
            "`loss: msle` is about relative errors instead; `loss: mae` is about the median."
        )
    return Goal("values", "mse", ("rmse", "r2"), said, tuple(hints))


def _skewness(values: Array) -> float:
    scale = float(values.std())
    return float(np.mean(((values - values.mean()) / scale) ** 3)) if scale else 0.0
