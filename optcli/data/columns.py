"""Columns: numbers or words, and which of the two a column of text cells is."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np

from optcli.arrays import Array

# Spellings of a missing value, in lower case.
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "-"})

DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")


@dataclass(frozen=True)
class Numbers:
    """A numeric column: float64 values (N,), NaN where one is missing."""

    values: Array

    @property
    def missing(self) -> Array:
        """Where a value is missing, (N,) bool."""
        return np.isnan(self.values)

    def select(self, rows: Array) -> Numbers:
        return Numbers(self.values[rows])

    def words(self) -> Words:
        """The same column as text: 3.0 becomes '3'."""
        distinct, codes = np.unique(self.values, return_inverse=True)
        texts = [number_text(value) for value in distinct[~np.isnan(distinct)]]
        order = np.argsort(np.argsort(texts)) if texts else np.empty(0, np.intp)
        return Words(np.append(order, -1)[codes].astype(np.intp), tuple(sorted(texts)))


@dataclass(frozen=True)
class Words:
    """A text column: `codes` (N,) intp point into `categories`, -1 where one is missing.

    The categories are sorted; a selection of rows keeps them all.
    """

    codes: Array
    categories: tuple[str, ...]

    @property
    def missing(self) -> Array:
        """Where a value is missing, (N,) bool."""
        return self.codes < 0

    def select(self, rows: Array) -> Words:
        return Words(self.codes[rows], self.categories)


Column = Numbers | Words


@dataclass(frozen=True)
class Mixed:
    """The first cell that is no number, in a column that should be one thing."""

    row: int
    text: str


def number(text: str) -> float | None:
    """The number that a cell holds, or None; `1_000` is a name, not a number."""
    if "_" in text:
        return None
    with contextlib.suppress(ValueError):
        return float(text)
    return None


def number_text(value: float) -> str:
    """A number as one would write it: '3' for 3.0."""
    value = float(value)
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def from_cells(cells: Sequence[str], *, as_text: bool = False) -> tuple[Column, Mixed | None]:
    """The column that these cells make up; see `from_codes`."""
    if not as_text and "_" not in "".join(cells):
        with contextlib.suppress(ValueError):
            return Numbers(np.fromiter(map(float, cells), np.float64, len(cells))), None
    cells = [cell.strip() for cell in cells]
    categories = tuple(sorted(set(cells)))
    code = {category: i for i, category in enumerate(categories)}
    codes = np.fromiter(map(code.__getitem__, cells), np.intp, len(cells))
    return from_codes(codes, categories, as_text=as_text)


def from_codes(
    codes: Array, categories: Sequence[str], *, as_text: bool = False
) -> tuple[Column, Mixed | None]:
    """The column behind dictionary-encoded cells, and what is mixed in it, if anything.

    codes: (N,) integers into `categories`, the distinct cells, stripped and sorted.
    Numbers when every cell that is not missing holds a number, words when none does
    or when they are wanted (`as_text`). A mixed column comes as words, too; so does
    one of numbers with a decimal comma.
    """
    missing = [category.lower() in MISSING for category in categories]
    numbers = [
        None if gone else number(category)
        for gone, category in zip(missing, categories, strict=True)
    ]
    numeric = [value is not None for value in numbers]
    if not as_text and all(map(any, zip(missing, numeric, strict=True))):
        table = np.array([np.nan if value is None else value for value in numbers], np.float64)
        return Numbers(table[codes]), None
    kept = tuple(c for c, gone in zip(categories, missing, strict=True) if not gone)
    position = iter(range(len(kept)))
    renumber = np.array([-1 if gone else next(position) for gone in missing], np.intp)
    words = Words(renumber[codes], kept)
    if as_text or not (any(numeric) or all(map(DECIMAL_COMMA.fullmatch, kept))):
        return words, None
    odd = ~(np.array(missing) | np.array(numeric))
    row = int(np.argmax(odd[codes]))
    return words, Mixed(row, categories[codes[row]])


def from_values(values: object, *, as_text: bool = False) -> tuple[Column, Mixed | None]:
    """The column in a sequence of numbers, texts and None (or NaN) for missing ones."""
    array = np.asarray(values)
    if array.ndim == 1 and array.dtype.kind in "biuf" and not as_text:
        return Numbers(array.astype(np.float64)), None
    cells = list(values) if array.ndim != 1 else array.tolist()  # type: ignore[call-overload]
    return from_cells([_cell(value) for value in cells], as_text=as_text)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool | float | int | np.number):
        return number_text(float(value))
    return str(value)


def first(mask: Array) -> int:
    """The first row where `mask` (N,) is true."""
    return int(np.argmax(mask))


def transposed(rows: Sequence[Sequence[str]], width: int) -> list[tuple[str, ...]]:
    """Rows of `width` cells as columns; no rows give empty columns."""
    return list(zip(*rows, strict=True)) if rows else list(repeat((), width))
