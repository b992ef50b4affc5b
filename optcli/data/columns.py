"""Columns: numbers or words, and which of the two a column of text cells is."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from decimal import Decimal
from itertools import repeat
from typing import Any, NamedTuple, Self

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import Fault
from optcli.data.cells import NULL, ColumnVerdict, clean, judge, moment, number, number_text, shown
from optcli.data.reading_rules import Reading
from optcli.data.stored import taken
from optcli.storage import files

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
    """The first cell that is no number, in a column that should be one thing.

    word: row and text of the first that is not even almost one, where others are. several:
    whether other texts are odd, too.
    """

    row: int
    text: str
    word: tuple[int, str] | None = None
    several: bool = False


@dataclass(frozen=True)
class Note:
    """A sentence on what was done in reading; column: which must be in use for it to matter."""

    text: str
    column: str | None = None


@dataclass(frozen=True)
class Header:
    """What there is to say of a table's names.

    unnamed: what columns without a name are called here. doubt: what may be wrong with
    the header, where a name that is asked for is not in it.
    """

    unnamed: tuple[str, ...] = ()
    doubt: Fault | None = None


PLAIN = Header()  # there is nothing to say


@dataclass(frozen=True)
class Contents:
    """What a file holds.

    columns: by name. mixed: what is mixed in them. lines: of each row, (N,), in text.
    unread: what is said of columns that are neither numbers nor text. notes: what was
    done in reading. header: what there is to say of the names.
    """

    columns: dict[str, Column]
    mixed: dict[str, Mixed]
    lines: Array | None = None
    unread: dict[str, str] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    header: Header = PLAIN

    @classmethod
    def of(
        cls,
        found: Mapping[str, Found],
        lines: Array | None = None,
        unread: Mapping[str, str] | None = None,
        header: Header = PLAIN,
    ) -> Contents:
        """Of columns as they were found."""
        notes = [Note(f"column '{short(n)}' {of.note}", n) for n, of in found.items() if of.note]
        return cls(
            {name: of.column for name, of in found.items()},
            {name: of.mixed for name, of in found.items() if of.mixed is not None},
            lines,
            dict(unread or {}),
            tuple(notes),
            header,
        )


def short(text: str, most: int = 60) -> str:
    """A name or a cell as messages show it: invisible characters escaped, a long one cut."""
    text = shown(text)
    return text if len(text) <= most else text[: most - 1] + "…"


class Found(NamedTuple):
    """A column as it was found: `mixed` and `note` say what is odd, or was done in reading."""

    column: Column
    mixed: Mixed | None = None
    note: str = ""


def from_cells(
    cells: Sequence[str], name: str, reading: Reading, *, raw: Collection[str] | None = None
) -> Found:
    """The column that the cells of a text file make up; see `from_codes`."""
    if name not in {*reading.categorical, *(raw or ())}:
        values = plain_numbers(cells, reading)
        if values is not None:
            return Found(Numbers(values))
    texts = list(dict.fromkeys(cells))
    code = {text: i for i, text in enumerate(texts)}
    codes = np.fromiter(map(code.__getitem__, cells), np.intp, len(cells))
    return from_codes(codes, texts, name, reading, raw=raw)


# What float() takes and the rules do not: names, other digits, numbers with leading zeros.
_NOT_PLAIN = re.compile(r"_|\n\s*[+-]?0[0-9]")


def plain_numbers(cells: Sequence[str], reading: Reading) -> Array | None:
    """The values (N,) of cells that are all numbers, with nothing to decide; else None."""
    try:
        values = np.fromiter(map(float, cells), np.float64, len(cells))
    except ValueError:
        return None
    joined = "\n".join(("", *cells))
    if reading.rules == 1:
        return None if "_" in joined else values
    if not joined.isascii() or _NOT_PLAIN.search(joined):
        return None
    if np.any(np.isnan(values)) or reading.missing:
        return None  # how missing values are spelled must be looked at
    return values


def from_codes(
    codes: Array,
    texts: Sequence[str],
    name: str,
    reading: Reading,
    *,
    typed: bool = False,
    raw: Collection[str] | None = None,
) -> Found:
    """The column behind dictionary-encoded cells.

    codes: (N,) integers into `texts`, the distinct cells. typed: see `cells.is_missing`.
    raw: of a piece of a larger table, the columns that have all their cells as text; the
    others have, too, unless they are all numbers. See `cells.judge` for what a column is.
    """
    ways = {clean(text) if reading.rules > 1 else text.strip() for text in texts}
    distinct = tuple(sorted(ways))
    place = {text: i for i, text in enumerate(distinct)}
    tidy = clean if reading.rules > 1 else str.strip
    codes = np.array([place[tidy(text)] for text in texts], np.intp)[codes]
    if raw is not None and name in {*raw, *reading.categorical}:
        return Found(Words(codes, distinct))
    verdict = judge(distinct, reading, as_text=name in reading.categorical, typed=typed)
    if raw is not None and (verdict.numbers is None or verdict.note):
        return Found(Words(codes, distinct))
    return found(verdict, distinct, codes, first_rows(codes, len(distinct)))


def found(
    verdict: ColumnVerdict, distinct: Sequence[str], codes: Array, rows: Sequence[int]
) -> Found:
    """The column of a verdict. codes: (N,) into `distinct`; rows: (K,) the first of each text."""
    if verdict.numbers is not None:
        values = [np.nan if value is None else value for value in verdict.numbers]
        return Found(Numbers(np.array(values, np.float64)[codes]), None, verdict.note)
    categories, order, gap, mixed = description(verdict, distinct, rows)
    return Found(Words(order[codes], categories, gap), mixed, verdict.note)


def description(
    verdict: ColumnVerdict, distinct: Sequence[str], rows: Sequence[int]
) -> tuple[tuple[str, ...], Array, str, Mixed | None]:
    """Of a text column: categories, the code of each text, the spelling of a gap, what is odd."""
    categories = tuple(sorted({text for text in verdict.texts if text is not None}))
    place = {text: i for i, text in enumerate(categories)}
    order = np.array([-1 if t is None else place[t] for t in verdict.texts], np.intp)
    first_of = dict(zip(distinct, rows, strict=True))
    gaps = [text for text, kept in zip(distinct, verdict.texts, strict=True) if kept is None]
    gap = min(gaps, key=first_of.__getitem__, default="").replace(NULL, "")
    mixed = None
    if verdict.odd:
        odd = min(verdict.odd, key=first_of.__getitem__)
        word = min(verdict.words, key=first_of.__getitem__, default=None)
        second = None if word is None else (first_of[word], word)
        mixed = Mixed(first_of[odd], odd, second, len(verdict.odd) > 1)
    return categories, order, gap, mixed


def first_rows(codes: Array, count: int) -> list[int]:
    """The first row of each of `count` codes; all of them occur."""
    rows = np.zeros(count, np.intp)
    rows[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    return [int(row) for row in rows]


def from_values(values: object, name: str, reading: Reading) -> Found:
    """The column in a sequence of numbers, texts, truth values, dates and None for missing ones.

    Raises ValueError for what is none of these.
    """
    if isinstance(values, np.ma.MaskedArray):
        array = np.array(values.tolist(), object)  # with None for what is masked
    elif isinstance(values, list | tuple) and reading.rules > 1:
        array = np.empty(len(values), object)  # NumPy would turn all into text, or into numbers
        array[:] = values
    else:
        array = np.asarray(values)
    as_text = name in reading.categorical
    if reading.rules == 1:
        if array.ndim == 1 and array.dtype.kind in "biuf" and not as_text:
            return Found(Numbers(array.astype(np.float64)))
        cells = list(values) if array.ndim != 1 else array.tolist()  # type: ignore[call-overload]
        return from_cells([_cell_1(value) for value in cells], name, reading)
    if array.ndim == 1 and array.dtype.kind in "iuf" and not as_text:
        return Found(Numbers(without_listed(array.astype(np.float64), reading)))
    if array.dtype.kind == "M":
        array = array.astype("datetime64[us]")
    items = list(values) if array.ndim != 1 else array.tolist()  # type: ignore[call-overload]
    if not as_text and all(map(_is_number, items)):
        floats = [np.nan if _is_gap(item) else float(item) for item in items]
        return Found(Numbers(without_listed(np.array(floats, np.float64), reading)))
    cells = [_cell(item) for item in items]
    texts = list(dict.fromkeys(cells))
    code = {text: i for i, text in enumerate(texts)}
    codes = np.fromiter(map(code.__getitem__, cells), np.intp, len(cells))
    return from_codes(codes, texts, name, reading, typed=True)


def without_listed(values: Array, reading: Reading) -> Array:
    """Numbers (N,), NaN where the config lists one as missing."""
    listed = [value for text in reading.missing or () if (value := number(text)) is not None]
    return np.where(np.isin(values, listed), np.nan, values) if listed else values


def _is_gap(value: object) -> bool:
    """Whether a value of a typed source is none: None, NaN, or what pandas has for them."""
    if value is None or (isinstance(value, float | np.floating) and bool(np.isnan(value))):
        return True
    return not isinstance(value, str) and str(value) in ("<NA>", "NaT")


def _is_number(value: object) -> bool:
    if isinstance(value, bool | np.bool_):
        return False
    return isinstance(value, float | int | np.number | Decimal) or _is_gap(value)


def _cell(value: object) -> str:
    """A value of a typed source as a text file has it, `NULL` for a missing one."""
    if _is_gap(value):
        return NULL
    if isinstance(value, timedelta | np.timedelta64):
        raise ValueError("holds durations")
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if not isinstance(value, str) and hasattr(value, "__len__"):
        raise ValueError("holds lists")
    return moment(str(value)) if isinstance(value, datetime | time) else str(value)


def _cell_1(value: object) -> str:
    """The same by the rules of version 0.1."""
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
        files.count_mapped_read(8 * BLOCK)


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
