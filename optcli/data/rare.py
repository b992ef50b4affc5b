"""Rare classes: those of too few rows for the split are refused, dropped, or merged into one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import Fault, Grave, InvalidInput
from optcli.core.specs import TargetKind
from optcli.data.base import Dataset, Roles
from optcli.data.cells import number_text
from optcli.data.checks import MOST_LOST
from optcli.data.columns import Column, Numbers, Words, blocks, rows_where, short
from optcli.data.split import Split
from optcli.data.table import Table
from optcli.data.targets import NUMERIC

MERGED = "other"  # what the merged class is called, where no other class is
NAMED = 5  # classes that a sentence names
UNSTRATIFIED = "split.stratify to false"
ROLES = {"rare_classes": "error", "rare_below": None}  # where there is nothing to do


@dataclass(frozen=True)
class Rare:
    """What becomes of rare classes.

    counts: the rows of each. way: `drop` or `merge`. into: the class that they make.
    """

    name: str
    counts: Mapping[str, int]
    way: str
    into: str = ""

    @property
    def rows(self) -> int:
        return sum(self.counts.values())

    def kept(self, classes: tuple[str, ...]) -> tuple[str, ...]:
        """The classes that there are then; the merged one is the last."""
        kept = tuple(text for text in classes if text not in self.counts)
        return (*kept, self.into) if self.way == "merge" else kept

    def note(self, rows_in_all: int) -> str:
        """What was done, with the classes and their rows; many rows dropped are grave."""
        classes = f"{len(self.counts)} rare class{'es' * (len(self.counts) != 1)}"
        rows = f"{self.rows} row{'s' * (self.rows != 1)}"
        shown = counted(self.counts)
        if self.way == "drop":
            note = f"{rows} of {classes} of '{short(self.name)}' dropped: {shown}"
            if len(self.counts) == 1:
                note = f"rare class {shown} of '{short(self.name)}' dropped"
            return Grave(note) if self.rows > MOST_LOST * rows_in_all else note
        return f"{classes} of '{short(self.name)}' ({rows}) merged into '{self.into}': {shown}"


def parts(split: Split) -> int:
    """How many parts of the table a split makes."""
    count = 1
    for way in (0.5 if split.folds else split.validation, split.test):
        count += isinstance(way, Mapping) or (not isinstance(way, str) and way > 0)
    return count


def counts_of(column: Column, classes: tuple[str, ...]) -> dict[str, int]:
    """How many rows each class has."""
    total: Counter[str] = Counter()
    for _, piece in column.pieces():
        if isinstance(piece, Words):
            there = zip(piece.categories, piece.counts().tolist(), strict=True)
        else:
            values, counts = np.unique(piece.values[~piece.missing], return_counts=True)
            there = zip(map(number_text, values), counts.tolist(), strict=True)
        total.update(dict(there))
    return {name: total[name] for name in classes}


def rare_classes(
    table: Table,
    roles: Roles,
    kind: TargetKind,
    classes: tuple[tuple[str, ...], ...],
    split: Split,
    loss: str,
    *,
    ordered: bool,
) -> Rare | None:
    """The classes with fewer rows than `rare_below`, or than the split has parts.

    None where there is none, or where nothing is to be done about them; raises InvalidInput
    where what is to be done leaves no two classes with rows enough.
    """
    wanted = [key for key in ("rare_classes", "rare_below") if getattr(roles, key) != ROLES[key]]
    if kind in NUMERIC or len(roles.target) > 1:
        if wanted:
            message = f"is for one column of classes, but {loss} is about {kind}; leave it out"
            raise InvalidInput(*(Fault(message, f"dataset.{key}") for key in wanted))
        return None
    return _rare(table, roles, classes[0], split, loss, ordered=ordered) if wanted else None


def _rare(
    table: Table, roles: Roles, classes: tuple[str, ...], split: Split, loss: str, *, ordered: bool
) -> Rare | None:
    name = roles.target[0]
    least = roles.rare_below or parts(split)
    counts = counts_of(table.columns[name], classes)
    few = {text: count for text, count in counts.items() if count < least}
    if not few:
        return None
    kept = len(counts) - len(few)
    if roles.rare_classes == "error":
        ways = ways_on(counts, few, least)
        way = f"set dataset.rare_classes to {ways}, or lower it" if ways else "lower it"
        message = f"is {least}, but {too_few(few, name, table.source)}; {way}"
        raise InvalidInput(Fault(message, "dataset.rare_below"))
    found = Rare(name, few, roles.rare_classes)
    if found.way == "drop":
        if kept < 2:
            what = f"{_classes(kept)} of '{short(name)}' with {least} rows or more"
            message = f"is drop, which leaves {what}; training takes two"
            raise InvalidInput(Fault(message, "dataset.rare_classes"))
        return found
    if ordered:
        message = f"is merge, but {loss} needs ordered classes; drop them"
        raise InvalidInput(Fault(message, "dataset.rare_classes"))
    if found.rows < least or not kept:
        what = f"of rare classes of '{short(name)}': {counted(few)}"
        rows = "there is 1 row" if found.rows == 1 else f"there are {found.rows} rows"
        message = f"is merge, but {rows} in all {what}"
        if not kept:
            message = f"is merge, but all classes of '{short(name)}' are rare: {counted(few)}"
        way = "drop them" if kept > 1 else "add rows"
        message += f"; {way}, or set {UNSTRATIFIED}"
        raise InvalidInput(Fault(message, "dataset.rare_classes"))
    into = next(t for t in (MERGED, *(f"{MERGED}_{i}" for i in range(2, 99))) if t not in counts)
    return Rare(name, few, "merge", into)


def without(table: Table, name: str, dropped: tuple[str, ...]) -> Table:
    """The rows of other classes."""
    column = table.columns[name]

    def kept(block: slice) -> Array:
        return ~among(column.select(block), dropped)

    rows = rows_where(table.rows, kept, table.make)
    return table.select(rows) if len(rows) < table.rows else table


def among(column: Column, texts: tuple[str, ...]) -> Array:
    """Where a column holds one of these values, (N,) bool."""
    words = column.words() if isinstance(column, Numbers) else column
    wanted = np.array([*(text in texts for text in words.categories), False])
    found: Array = wanted[words.codes]
    return found


def too_few(few: Mapping[str, int], name: str, source: str, parts: int = 0) -> str:
    """`class 'x' of 'y' in t.csv has 1 row for 3 parts`, or more classes with their rows."""
    where = f"of '{short(name)}' in {source}"
    if len(few) == 1:
        [(text, count)] = few.items()
        message = f"class '{short(text)}' {where} has {count} row{'s' * (count != 1)}"
        return f"{message} for {parts} parts" if parts else message
    than = f"fewer than {parts} rows, one for each part" if parts else "fewer rows"
    return f"{len(few)} classes {where} have {than}: {counted(few)}"


def counted(few: Mapping[str, int]) -> str:
    """`'x' (1 row), 'z' (2 rows) and 3 more`, the fewest rows first."""
    order = sorted(few.items(), key=lambda item: item[1])
    shown = [f"'{short(text)}' ({n} row{'s' * (n != 1)})" for text, n in order[:NAMED]]
    rest = f" and {len(few) - NAMED} more" if len(few) > NAMED else ""
    return ", ".join(shown) + rest


def ways_on(counts: Mapping[str, int], few: Mapping[str, int], least: int) -> str:
    """`drop or merge`: what dataset.rare_classes can do about the few; may be empty."""
    kept = len(counts) - len(few)
    can = {"drop": kept > 1, "merge": kept and len(few) > 1 and sum(few.values()) >= least}
    return " or ".join(way for way, possible in can.items() if possible)


def lacking(
    parts: Mapping[str, Array],
    classes: tuple[str, ...],
    table: Table,
    dataset: Dataset,
    split: Split,
) -> list[str]:
    """Notes on the classes that a part lacks; where the split is to see to it, InvalidInput.

    parts: the class indices (N,), or the labels (N, 1), of each part's rows.
    """
    name, there = dataset.roles().target[0], len(parts)
    total: Counter[str] = Counter()
    messages = {}
    for part, y in parts.items():
        counts = np.zeros(len(classes), np.intp)
        for block in blocks(len(y)):
            own = y[block] if y.ndim == 1 else y[block, 0].astype(np.intp)
            counts += np.bincount(own, minlength=len(classes))
        total.update(dict(zip(classes, counts.tolist(), strict=True)))
        gone = [f"'{short(c)}'" for c, count in zip(classes, counts, strict=True) if not count]
        if gone:
            which = "classes" if len(gone) > 1 else "class"
            shown = ", ".join(gone[:NAMED])
            shown += f" and {len(gone) - NAMED} more" if len(gone) > NAMED else ""
            label = "training" if part == "train" else part
            messages[part] = f"no row of {which} {shown} of '{short(name)}' is in the {label} part"
    if not messages or not split.stratify:
        return list(messages.values())
    few = {text: total[text] for text in classes if total[text] < there}
    if few:
        ways = ways_on(total, few, there) if dataset.has_key("rare_classes") else ""
        ways = f"dataset.rare_classes to {ways}, or " if ways else ""
        message = f"{too_few(few, name, table.source, there)}; set {ways}{UNSTRATIFIED}"
        raise InvalidInput(Fault(message, "split"))
    rest = f"each part needs rows of every class, or set {UNSTRATIFIED}"
    keys = {part: "split" if part == "train" else f"split.{part}" for part in messages}
    raise InvalidInput(*(Fault(f"{what}; {rest}", keys[part]) for part, what in messages.items()))


def _classes(count: int) -> str:
    return {0: "no class", 1: "one class"}.get(count, f"{count} classes")
