"""Columns: numbers or words, and which of the two a column of text cells is."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, Self

import numpy as np

from optcli import files
from optcli.arrays import Array
from optcli.data.stored import taken

# Spellings of a missing value, in lower case.
MISSING = frozenset({"", "na", "n/a", "#n/a", "nan", "null", "none", "?", "-"})

DECIMAL_COMMA = re.compile(r"[+-]?\d+,(\d{1,2}|\d{4,})")
# `1,5`, `1,234,567.8`, `1.234,5`, `1 000`, `12 %`, `$3`, `4 €`: a column of them is none of text.
_DIGITS = r"(\d+([.,]\d+)?|\d{1,3}([,.'’\s]\d{3})+([.,]\d+)?)"
ALMOST_NUMBER = re.compile(rf"[+\-−]?[$€£¥]?\s?[+\-−]?{_DIGITS}(\s?[%$€£¥])?")

EXACT = 2.0**53  # up to here float64 holds every whole number
INEXACT = "is beyond 2^53, where whole numbers are rounded; list the column in dataset.categorical"
BLOCK = 1 << 16  # rows that are looked at together, so that a long column needs no memory


class Cells:
    """What numbers and words have in common: they are looked at a block of rows at a time."""

    def __len__(self) -> int:
        raise NotImplementedError

    @property
    def missing(self) -> Array:
        raise NotImplementedError

    def select(self, rows: Any) -> Self:
        """Some rows, by slice, index or mask."""
        raise NotImplementedError

    def pieces(self) -> Iterator[tuple[int, Self]]:
        """Blocks of rows, in memory, each with the number of its first row."""
        for block in blocks(len(self)):
            yield block.start, self.select(block)

    def find(self, wrong: Callable[[Self], Array]) -> int | None:
        """The first row for which `wrong` of its block holds, or None."""
        for start, piece in self.pieces():
            mask = wrong(piece)
            if np.any(mask):
                return start + first(mask)
        return None

    def gaps(self) -> int:
        """How many values are missing."""
        return sum(int(piece.missing.sum()) for _, piece in self.pieces())


@dataclass(frozen=True)
class Numbers(Cells):
    """A numeric column: float64 values (N,), NaN where one is missing.

    In place of an array there may be what `stored` has.
    """

    values: Array

    def __len__(self) -> int:
        return len(self.values)

    @property
    def missing(self) -> Array:
        """Where a value is missing, (N,) bool."""
        return np.isnan(self.values)

    def select(self, rows: Any) -> Numbers:
        return Numbers(taken(self.values, rows))

    def value(self, row: int) -> float:
        """The value in one row."""
        return float(self.values[row : row + 1][0])

    def distinct(self) -> Array:
        """The values there are, ascending."""
        found = np.empty(0)
        for _, piece in self.pieces():
            found = np.union1d(found, piece.values[~piece.missing])
        return found

    def words(self) -> Words:
        """The same column as text: 3.0 becomes '3'."""
        distinct, codes = np.unique(self.values, return_inverse=True)
        texts = [number_text(value) for value in distinct[~np.isnan(distinct)]]
        order = np.argsort(np.argsort(texts)) if texts else np.empty(0, np.intp)
        return Words(np.append(order, -1)[codes].astype(np.intp), tuple(sorted(texts)))


def inexact(column: Numbers) -> Array:
    """Where whole numbers are rounded, (N,) bool."""
    beyond: Array = np.abs(column.values) > EXACT
    return beyond


@dataclass(frozen=True)
class Words(Cells):
    """A text column: `codes` (N,) intp point into `categories`, -1 where one is missing.

    The categories are sorted; a selection of rows keeps them all. In place of the
    codes there may be what `stored` has.
    """

    codes: Array
    categories: tuple[str, ...]
    gap: str = ""  # how the first missing value is spelled, where that is known

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def missing(self) -> Array:
        """Where a value is missing, (N,) bool."""
        return self.codes < 0

    def select(self, rows: Any) -> Words:
        return Words(taken(self.codes, rows), self.categories, self.gap)

    def text(self, row: int) -> str:
        """The word in one row that has one."""
        return self.categories[int(self.codes[row : row + 1][0])]

    def counts(self) -> Array:
        """How often each category occurs."""
        found = np.zeros(len(self.categories), np.intp)
        for _, piece in self.pieces():
            there = piece.codes[~piece.missing]
            found += np.bincount(there, minlength=len(self.categories))
        return found

    def distinct(self) -> Array:
        """The codes there are, ascending."""
        return np.flatnonzero(self.counts())


Column = Numbers | Words


@dataclass(frozen=True)
class Mixed:
    """The first cell that is no number, in a column that should be one thing."""

    row: int
    text: str


@dataclass(frozen=True)
class Note:
    """A sentence on what was done in reading; column: which must be in use for it to matter."""

    text: str
    column: str | None = None


@dataclass(frozen=True)
class Contents:
    """What a file holds.

    columns: by name. mixed: what is mixed in them. lines: of each row, (N,), in text.
    unread: what is said of columns that are neither numbers nor text. notes: what was
    done in reading.
    """

    columns: dict[str, Column]
    mixed: dict[str, Mixed]
    lines: Array | None = None
    unread: dict[str, str] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()


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


def short(text: str, most: int = 60) -> str:
    """A name or a cell as messages show it, without the end of a long one."""
    return text if len(text) <= most else text[: most - 1] + "…"


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
    one of numbers with decimal commas, thousands separators or percent signs.
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
    gaps = np.array(missing)[codes] if any(missing) else np.zeros(1, bool)
    spelled = categories[codes[first(gaps)]] if np.any(gaps) else ""
    words = Words(renumber[codes], kept, spelled)
    if as_text or not (any(numeric) or all(map(ALMOST_NUMBER.fullmatch, kept))):
        return words, None
    odd = ~(np.array(missing) | np.array(numeric))
    row = int(np.argmax(odd[codes]))
    return words, Mixed(row, categories[codes[row]])


def from_values(values: object, *, as_text: bool = False) -> tuple[Column, Mixed | None]:
    """The column in a sequence of numbers, texts and None (or NaN) for missing ones."""
    array = values if isinstance(values, np.ma.MaskedArray) else np.asarray(values)
    if isinstance(values, np.ma.MaskedArray):
        array = np.array(values.tolist(), object)  # with None for what is masked
    if array.ndim == 1 and array.dtype.kind in "biuf" and not as_text:
        return Numbers(array.astype(np.float64)), None
    cells = list(values) if array.ndim != 1 else array.tolist()  # type: ignore[call-overload]
    return from_cells([_cell(value) for value in cells], as_text=as_text)


def _cell(value: object) -> str:
    if value is None or str(value) in ("<NA>", "NaT"):  # as pandas spells them
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float | int | np.number):
        return number_text(float(value))
    return str(value)


def blocks(rows: int) -> Iterator[slice]:
    """All rows, a block after the other."""
    for start in range(0, rows, BLOCK):
        yield slice(start, min(start + BLOCK, rows))
        files.touched(8 * BLOCK)


def rows_where(
    rows: int, test: Callable[[slice], Array], make: Callable[..., Array] = np.empty
) -> Array:
    """The rows for which `test` of their block holds, ascending; in an array that `make` makes."""
    found, count = make(rows, np.intp), 0
    for block in blocks(rows):
        chosen = np.flatnonzero(test(block)) + block.start
        found[count : count + len(chosen)] = chosen
        count += len(chosen)
    return found[:count]


def first(mask: Array) -> int:
    """The first row where `mask` (N,) is true."""
    return int(np.argmax(mask))


def transposed(rows: Sequence[Sequence[str]], width: int) -> list[tuple[str, ...]]:
    """Rows of `width` cells as columns; no rows give empty columns."""
    return list(zip(*rows, strict=True)) if rows else list(repeat((), width))
