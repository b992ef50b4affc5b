"""Naming: what columns are called, and what becomes of a column without one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from optcli.core.errors import Fault, InvalidInput
from optcli.data.columns import Column, Numbers, short
from optcli.data.contents import Header, Note

# What pandas and readr call a column without a name.
UNNAMED = re.compile(r"Unnamed: \d+(\.\d+)?|\.\.\.\d+")


def called(names: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names for all columns, as pandas gives them: `Unnamed: 0`; and those of the unnamed."""
    unnamed: list[str] = []
    found = []
    for i, name in enumerate(names):
        own = name
        if not name:
            own, more = f"Unnamed: {i}", 0
            while own in names:
                more += 1
                own = f"Unnamed: {i}.{more}"
            unnamed.append(own)
        found.append(own)
    return tuple(found), tuple(unnamed)


def doubled(names: Sequence[str]) -> list[str]:
    """What to say of names that two columns have."""
    places: dict[str, int] = {}
    faults = []
    for i, name in enumerate(names):
        before = places.setdefault(name, i)
        if name and before < i:
            faults.append(
                f"columns {before + 1} and {i + 1} are both called '{short(name)}'; rename one"
            )
    return faults


def aside(
    columns: Mapping[str, Column], header: Header, source: str, line: int | None
) -> dict[str, str]:
    """Columns that are no data, with the reason: unnamed ones that count the rows or are empty.

    line: of the header, in text. Raises InvalidInput for one without a name that holds
    anything else; the first may hold names of the rows.
    """
    found, faults = {}, []
    for place, (name, column) in enumerate(columns.items()):
        unnamed = name in header.unnamed
        if not unnamed and not UNNAMED.fullmatch(name):
            continue
        if counts(column):
            found[name] = "counts the rows"
        elif unnamed and column.gaps() == len(column):
            found[name] = "is empty"
        elif unnamed and place:
            faults.append(f"column {place + 1} has no name; give it one")
    if faults:
        raise InvalidInput(*(Fault(fault, file=source, line=line) for fault in faults))
    return found


def counts(column: Column) -> bool:
    """Whether a column holds 0, 1, 2, … or 1, 2, 3, … in this order."""
    if not isinstance(column, Numbers) or not len(column):
        return False
    start = column.value(0)
    if start not in (0, 1):
        return False
    for row, piece in column.pieces():
        if not np.array_equal(piece.values, np.arange(row, row + len(piece)) + start):
            return False
    return True


def notes(
    columns: Mapping[str, Column], aside: Mapping[str, str], header: Header
) -> Iterator[Note]:
    """Sentences on the first column, where it has no name and is used."""
    for name in header.unnamed:
        if name not in aside and name == next(iter(columns)):
            text = f"the first column has no name and is called '{name}' here; "
            yield Note(f"{text}list that in dataset.exclude to leave it out", name)
