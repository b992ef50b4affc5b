"""Columns: what becomes of each column of a table, with a sentence on each that is not plain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from optcli.core.specs import TargetKind
from optcli.data.base import Roles
from optcli.data.categories import classes_of
from optcli.data.cells import number
from optcli.data.columns import Column, Words, short
from optcli.data.rare import counts_of
from optcli.data.recognition import Recognised
from optcli.data.remarks import FIRST, JOINED, Remarks, copies, words_of
from optcli.data.table import Table

FEW_CODES = 20  # values of an identifier up to which it is a code of few things
ROWS_OF_GROUPS = 2.0  # that each value of an identifier of groups has on average
LEAST_PRESENT = 0.1  # share of rows in which a feature has a value
MOST_ODD = 3  # texts in a column of numbers that may mean missing
MANY_CATEGORIES = 20  # from which those of few rows are worth merging
RARE = 5  # rows below which a category says nothing
SHORT_NAME = 60

DROPPED = {
    "empty": "has no value",
    "constant": "has one value only",
    "row counter": "counts the rows",
    "identifier": "has a different value in each row, like an identifier",
    "free text": "is text that differs in most rows",
    "unreadable": "holds neither numbers nor categories",
}


@dataclass(frozen=True)
class Finding:
    """What becomes of a column.

    kind: what it is, as `recognition` has it. use: `target`, `input` or `excluded`. said: what
    there is to say, to be read after the name; empty where there is nothing.
    """

    name: str
    kind: str
    use: str
    said: str = ""


@dataclass
class Found:
    """All columns, and the keys of `dataset` that follow.

    groups: columns whose values come in several rows each; ordered: those of dates.
    """

    findings: list[Finding] = field(default_factory=list)
    exclude: list[str] = field(default_factory=list)
    categorical: list[str] = field(default_factory=list)
    dates: list[str] = field(default_factory=list)
    numeric: list[str] = field(default_factory=list)
    missing_values: list[str] = field(default_factory=list)
    keys: dict[str, Any] = field(default_factory=dict)
    groups: list[str] = field(default_factory=list)
    rare: list[str] = field(default_factory=list)

    def keys_of_dataset(self) -> dict[str, Any]:
        """The keys of the section `dataset` that say what columns are."""
        lists = {
            "exclude": self.exclude,
            "categorical": self.categorical,
            "dates": self.dates,
            "numeric": self.numeric,
            "missing_values": self.missing_values,
        }
        keys = {key: list(names) for key, names in lists.items() if names} | self.keys
        return keys | ({"rare_categories": RARE} if self.rare else {})

    def note(self, name: str, kind: str, use: str, said: str = "") -> None:
        self.findings.append(Finding(name, kind, use, said))

    def drop(self, name: str, kind: str, why: str) -> None:
        """Leave a column out."""
        self.exclude.append(name)
        self.note(name, kind, "excluded", why)


def look(table: Table, targets: Sequence[str], known: dict[str, Recognised]) -> Found:
    """What becomes of each column of the table, as it was read by the default rules."""
    found = Found()
    for name, column in table.columns.items():
        what = known[name]
        if name in targets:
            _target(found, table, name, what)
        elif name in table.aside:
            found.drop(name, what.kind, table.aside[name])
        else:
            _input(found, table, name, column, what)
    _spellings(found, table)
    return found


def _target(found: Found, table: Table, name: str, what: Recognised) -> None:
    said = ""
    if what.kind == "written number":
        said = _written(found, name, what)
    elif name in table.faults:
        found.categorical.append(name)
        said = "holds numbers and text; it is read as text"
    found.note(name, what.kind, "target", said)


def _input(found: Found, table: Table, name: str, column: Column, what: Recognised) -> None:
    there = len(column) - column.gaps()
    kind = what.kind
    if kind == "free text" and name in table.faults:
        _mixed(found, table, name, column)
    elif kind in DROPPED:
        found.drop(name, kind, DROPPED[kind])
    elif there < max(2, LEAST_PRESENT * len(column)):
        found.drop(name, kind, f"has {there:,} values in {len(column):,} rows")
    elif len(column.distinct()) == 1:
        found.drop(name, kind, "has one value only in the rows that have a target")
    elif kind == "date":
        found.dates.append(name)
        found.missing_values += what.odd
        said = "holds dates; they become year, month, weekday and day number"
        if what.asks == "day_first":
            found.keys["day_first"] = True
            said += "; 01/02/2024 is taken for 1 February: check day_first"
        found.note(name, kind, "input", said)
    elif kind == "written number":
        found.note(name, kind, "input", _written(found, name, what))
    elif kind == "zip code":
        _codes(found, name, column, kind, "holds zip codes")
    elif _names_things(name) and _is_code(column):
        _identifies_groups(found, name, column)
    elif name in table.faults:
        _mixed(found, table, name, column)
    elif kind == "boolean":
        said = ""
        if isinstance(column, Words):
            texts = classes_of(column)
            said = f"is '{short(texts[0])}' or '{short(texts[1])}'"
            if len(texts) > there / 2:
                found.categorical.append(name)
        found.note(name, kind, "input", said)
    elif kind == "category":
        _category(found, name, column)
    else:
        found.note(name, kind, "input")


def _written(found: Found, name: str, what: Recognised) -> str:
    found.numeric.append(name)
    found.missing_values += what.odd
    said = "holds written numbers"
    if (start := what.because.find("(")) >= 0:
        said += f" {what.because[start:]}"
    if what.asks == "decimal":
        found.keys["decimal"] = "."
        said += "; 1,234 is taken for 1234: check decimal"
    return said


def _codes(found: Found, name: str, column: Column, kind: str, what: str) -> None:
    """Codes whose size means nothing: categories where each has rows enough."""
    counts = counts_of(column, classes_of(column))
    enough = [text for text, rows in counts.items() if rows >= RARE]
    if sum(counts[text] for text in enough) < 0.5 * sum(counts.values()):
        found.drop(name, kind, f"{what}, {len(counts):,} different ones, most of them in few rows")
        return
    found.categorical.append(name)
    if len(enough) < len(counts):
        found.rare.append(name)
    found.note(name, kind, "input", f"{what}, which are categories ({len(counts):,} of them)")


def _names_things(name: str) -> bool:
    """Whether a name is one of an identifier: customer_id, userId, uuid."""
    parts = words_of(name)
    own = bool(parts) and (FIRST.fullmatch(parts[0]) or FIRST.fullmatch(parts[-1]))
    return bool(own or JOINED.fullmatch("".join(parts)))


def _is_code(column: Column) -> bool:
    """Whether a column holds whole numbers or texts."""
    if isinstance(column, Words):
        return True
    return (
        column.find(lambda piece: ~piece.missing & (piece.values != np.rint(piece.values))) is None
    )


def _identifies_groups(found: Found, name: str, column: Column) -> None:
    count, there = len(column.distinct()), len(column) - column.gaps()
    if count <= FEW_CODES and there >= RARE * count:
        _codes(found, name, column, "category", "is a code, by its name")
        return
    if there < ROWS_OF_GROUPS * count:
        found.drop(name, "identifier", "is an identifier, by its name")
        return
    found.groups.append(name)
    rows = f"{there / count:.1f} rows each on average"
    found.drop(name, "identifier", f"is an identifier of {count:,} groups of {rows}")


def _mixed(found: Found, table: Table, name: str, column: Column) -> None:
    """Numbers and text in one column: missing values, if few texts are odd; else categories."""
    assert isinstance(column, Words)
    texts = list(classes_of(column))
    odd = [text for text in texts if number(text) is None]
    if len(odd) <= MOST_ODD and len(texts) - len(odd) > MANY_CATEGORIES:
        elsewhere = {
            text
            for other, words in table.columns.items()
            if other != name and isinstance(words, Words) and other not in table.faults
            for text in odd
            if text in words.categories
        }
        if not elsewhere:
            found.missing_values += odd
            shown = ", ".join(f"'{short(text)}'" for text in odd)
            found.note(name, "number", "input", f"holds numbers; {shown} is taken for missing")
            return
    if len(texts) > (len(column) - column.gaps()) / 2:
        found.drop(name, "free text", "holds numbers and text, different in most rows")
        return
    found.categorical.append(name)
    _category(found, name, column, "holds numbers and text: categories")


def _category(found: Found, name: str, column: Column, said: str = "") -> None:
    counts = counts_of(column, classes_of(column))
    if len(counts) > sum(counts.values()) / 2 and name not in found.categorical:
        found.categorical.append(name)  # of so few rows they would be taken for free text
        said = said or "has few rows of each category"
    if len(counts) > MANY_CATEGORIES and min(counts.values()) < RARE:
        few = sum(rows < RARE for rows in counts.values())
        if few > 1:
            found.rare.append(name)
            said = f"{said or 'has'} {len(counts):,} categories, {few:,} of fewer than {RARE} rows"
    found.note(name, "category", "input", said)


def _spellings(found: Found, table: Table) -> None:
    """With a list of one's own the default one does not hold: what it has must be listed, too."""
    own = list(dict.fromkeys(found.missing_values))
    if own:
        usual = ["NA", "N/A", "#N/A", "NaN", "null", "none", "?", "-"]
        found.missing_values[:] = [*own, *usual]


def leaks(
    found: Found, table: Table, targets: Sequence[str], kind: TargetKind, roles: Roles
) -> None:
    """Leave out the inputs that are the target once more, in other words.

    table: as the config reads it.
    """
    inputs = [f.name for f in found.findings if f.use == "input" and f.kind != "date"]
    remarks = Remarks(roles)
    copies(table, inputs, targets, kind, remarks)
    for said, (_, names) in remarks.found.items():
        for name in names:
            place = next(i for i, f in enumerate(found.findings) if f.name == name)
            found.findings[place] = Finding(name, found.findings[place].kind, "excluded", said)
            found.exclude.append(name)
            for names_of in (found.categorical, found.dates, found.numeric, found.rare):
                if name in names_of:
                    names_of.remove(name)
