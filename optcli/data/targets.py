"""Targets: from the target's columns to what a loss is about, and from scores to answers."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import Fault, InvalidInput
from optcli.core.specs import TargetKind
from optcli.data.categories import Known
from optcli.data.column_faults import require, size_fault
from optcli.data.columns import Numbers, first
from optcli.data.reading_rules import RULES
from optcli.data.table import Table, listed

BLOCK = 1 << 14  # rows encoded at a time, so that they stay in the cache
ROUNDING = 0.02  # how far probabilities that were written with few digits may be from 1
NUMERIC: tuple[TargetKind, ...] = ("values", "probabilities")  # kinds that are no classes


def check_probability(threshold: float | None) -> None:
    """Raise InvalidInput for a threshold that cannot be."""
    if threshold is not None and not 0 <= threshold <= 1:
        message = f"is {threshold:g}; must be a probability, from 0 to 1"
        raise InvalidInput(Fault(message, parameter="threshold"))


@dataclass(frozen=True)
class Target:
    """The target columns.

    classes: for `classes` one tuple of names, in the order of the scores; for
    `labels` a pair for each column, the positive one last. mean, scale: for
    `values`, of each column; (value - mean) / scale is what the model learns.
    text: whether the column is to be read as text, whatever it holds. Of `probabilities`
    there is no more to know than the names. dropped: classes whose rows training left out
    for being few. merged: those that it took together, as the last class.
    """

    kind: TargetKind
    names: tuple[str, ...]
    classes: tuple[tuple[str, ...], ...] = ()
    mean: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    text: tuple[bool, ...] = ()
    dropped: tuple[str, ...] = ()
    merged: tuple[str, ...] = ()

    @property
    def outputs(self) -> tuple[str, ...]:
        """What the outputs are called: the classes, or the columns."""
        return self.classes[0] if self.kind == "classes" else self.names

    def known(self, rules: int = RULES) -> tuple[Known, ...]:
        """The classes of each column that has some."""
        return tuple(Known(names, self.merged, rules) for names in self.classes)

    def encode(self, table: Table, dtype: Any = np.float64, rules: int = RULES) -> Array:
        """The target: classes (N,) intp, labels (N, C) of 0 and 1, values (N, C).

        Probabilities (N, C) are divided by their sum, which must be 1 but for rounding.
        Raises InvalidInput for missing columns and values, and for unknown classes.
        """
        require(table, self.names)
        faults = []
        for name in self.names:
            column = table.columns[name]
            gap = column.find(lambda piece: piece.missing)
            if gap is not None:
                message = "has no value; a target cannot be missing, remove the row"
                faults.append(table.fault(name, message, gap))
            elif name in table.faults:
                faults.append(table.bad_cells.get(name, table.faults[name]))
            elif self.kind in NUMERIC and not isinstance(column, Numbers):
                faults.append(table.fault(name, "is text; must be numbers"))
        if self.kind == "values":
            sizes = zip(self.names, self.mean, self.scale, strict=True)
            found = [size_fault(table, name, np.dtype(dtype), *size) for name, *size in sizes]
            faults += [fault for fault in found if fault is not None]
        known = self.known(rules)
        for name, classes in zip(self.names, known, strict=False):
            unknown = classes.fault(table, name, "class")
            if unknown is not None:
                faults.append(unknown)
        if faults:
            raise InvalidInput(*faults)
        if self.kind == "classes":
            y = table.make(table.rows, np.intp)
        else:
            y = table.make((table.rows, len(self.names)), dtype)
        for start in range(0, table.rows, BLOCK):
            self._fill(table, start, known, y[start : start + BLOCK])
        return y

    def _fill(self, table: Table, start: int, known: Sequence[Known], y: Array) -> None:
        """Encode the targets of the rows from `start` on into y."""
        rows = slice(start, start + len(y))
        columns = [table.columns[name].select(rows) for name in self.names]
        if self.kind == "values":
            for i, (column, mean, scale) in enumerate(
                zip(columns, self.mean, self.scale, strict=True)
            ):
                assert isinstance(column, Numbers)
                y[:, i] = (column.values - mean) / scale if scale else 0
        elif self.kind == "probabilities":
            y[:] = _shares(table, self.names, start, len(y))
        elif self.kind == "classes":
            y[:] = known[0].codes(columns[0])
        else:
            for i, (column, classes) in enumerate(zip(columns, known, strict=True)):
                y[:, i] = classes.codes(column)

    def restore(self, scores: Array) -> Array:
        """Values (…, C) in the data's own units, of scores or encoded targets (…, C)."""
        if self.kind != "values":
            return scores
        restored: Array = scores * np.array(self.scale) + np.array(self.mean)
        return restored

    def check_threshold(self, threshold: float | None) -> None:
        """Raise InvalidInput for a threshold that cannot be, or where there is nothing for it."""
        check_probability(threshold)
        if threshold is None:
            return
        what = {"values": "numbers", "probabilities": "probabilities"}.get(self.kind)
        if self.kind == "classes" and len(self.classes[0]) != 2:
            what = f"one of {len(self.classes[0])} classes"
        if what is not None:
            message = f"is for two classes or for labels; the run predicts {what}"
            raise InvalidInput(Fault(message, parameter="threshold"))

    def decode(
        self, scores: Array, threshold: float | None = None, taken: Collection[str] = ()
    ) -> dict[str, Array]:
        """Predictions (N,) by column name, of scores (N, C).

        classes: the name of the class, and the probability of each by softmax;
        labels: the same for each label, the probability of the positive one by
        sigmoid; values: in the data's own units; probabilities: by softmax. The probability
        of `no` is `probability_no`, or `probability_no_2` (and so on) where a target or another
        column has that name. threshold: the probability above which the positive class, the last
        of two, is predicted; by default the more probable. taken: names of other columns, beside
        which a prediction is called `predicted_NAME`.
        """
        self.check_threshold(threshold)
        scores = np.asarray(scores, np.float64)
        names, classes = _free(self.names, taken), self.classes
        taken = (*taken, *names)
        if self.kind == "values":
            return dict(zip(names, self.restore(scores).T, strict=True))
        if self.kind == "probabilities":
            return dict(zip(names, softmax(scores).T, strict=True))
        if self.kind == "classes":
            shares = softmax(scores)
            chosen = scores.argmax(axis=1)
            if threshold is not None:
                chosen = (shares[:, 1] > threshold).astype(np.intp)
            decoded = {names[0]: np.array(classes[0])[chosen]}
            return decoded | dict(zip(_probabilities(classes[0], taken), shares.T, strict=True))
        decoded, columns = {}, _probabilities(self.names, taken)
        for i, name in enumerate(names):
            shares = (1 + np.tanh(scores[:, i] / 2)) / 2
            chosen = scores[:, i] > 0 if threshold is None else shares > threshold
            decoded[name] = np.array(classes[i])[chosen.astype(np.intp)]
            decoded[columns[i]] = shares
        return decoded


def softmax(scores: Array) -> Array:
    """Probabilities (N, C) of scores (N, C)."""
    exps = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: Array = exps / exps.sum(axis=1, keepdims=True)
    return shares


def _shares(table: Table, names: tuple[str, ...], start: int, count: int) -> Array:
    """Probabilities (B, C), each row divided by its sum; raises InvalidInput."""
    columns = [table.columns[name].select(slice(start, start + count)) for name in names]
    shares = np.stack([column.values for column in columns if isinstance(column, Numbers)], axis=1)
    faults = []
    for name, values in zip(names, shares.T, strict=True):
        wrong = ~((values >= 0) & (values <= 1))
        if np.any(wrong):
            row = first(wrong)
            message = f"is {values[row]:g}; a probability must be in [0, 1]"
            faults.append(table.fault(name, message, start + row))
    sums = shares.sum(axis=1)
    off = np.abs(sums - 1) > ROUNDING
    if not faults and np.any(off):
        row = first(off)
        message = f"with {listed(names[:-1], 5)} sums to {sums[row]:g}; probabilities must sum to 1"
        faults.append(table.fault(names[-1], message, start + row))
    if faults:
        raise InvalidInput(*faults)
    rounded: Array = shares / sums[:, None]
    return rounded


def _free(names: Sequence[str], taken: Collection[str]) -> tuple[str, ...]:
    """Names of predictions beside columns that are kept."""
    found: list[str] = []
    for name in names:
        column = name
        if column in taken:
            column = f"predicted_{name}"
            for count in itertools.count(2):
                if column not in (*taken, *found, *names):
                    break
                column = f"predicted_{name}_{count}"
        found.append(column)
    return tuple(found)


def _probabilities(names: Sequence[str], taken: Collection[str]) -> list[str]:
    """A column's name for the probability of each name: none twice, and none that is taken."""
    plain = ["probability_" + (name or "''") for name in names]
    found: list[str] = []
    for name in plain:
        column = name
        for count in itertools.count(2):
            if column not in (*taken, *found) and (column == name or column not in plain):
                break
            column = f"{name}_{count}"
        found.append(column)
    return found
