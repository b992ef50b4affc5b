"""Contents: what a file holds, and the columns that its cells or values make up."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from decimal import Decimal
from itertools import repeat
from typing import NamedTuple

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import Fault
from optcli.data import forms
from optcli.data.cells import NULL, ColumnVerdict, judge, number, number_text
from optcli.data.characters import clean
from optcli.data.columns import Column, Numbers, Words, short
from optcli.data.dates import moment
from optcli.data.reading_rules import Form, NumberForm, Reading
from optcli.data.written_numbers import POINT


@dataclass(frozen=True)
class Mixed:
    """The first cell that is no number, in a column that should be one thing.

    word: row and text of the first that is not even almost one, where others are. several:
    whether other texts are odd, too. why: what is wrong, where there is more to say of it.
    """

    row: int
    text: str
    word: tuple[int, str] | None = None
    several: bool = False
    why: str = ""


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


@dataclass(frozen=True)
class Image:
    """Columns that are the pixels of an image: channel by channel, line by line.

    shape: channels, height and width.
    """

    shape: tuple[int, ...]
    columns: tuple[str, ...]


PLAIN = Header()  # there is nothing to say


@dataclass(frozen=True)
class Contents:
    """What a file holds.

    columns: by name. mixed: what is mixed in them. lines: of each row, (N,), in text.
    unread: what is said of columns that are neither numbers nor text. notes: what was
    done in reading. header: what there is to say of the names. parts: of a table in several
    files, see `Table`. aside: columns that are no data unless they are asked for, with the
    reason. image: where some columns are pixels. forms: how the listed columns of dates and
    written numbers are written.
    """

    columns: dict[str, Column]
    mixed: dict[str, Mixed]
    lines: Array | None = None
    unread: dict[str, str] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    header: Header = PLAIN
    parts: tuple[tuple[int, str], ...] = ()
    aside: Mapping[str, str] = field(default_factory=dict)
    image: Image | None = None
    forms: Mapping[str, Form] = field(default_factory=dict)

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
            forms={name: of.form for name, of in found.items() if of.form is not None},
        )


class Found(NamedTuple):
    """A column as it was found: `mixed` and `note` say what is odd, or was done in reading."""

    column: Column
    mixed: Mixed | None = None
    note: str = ""
    form: Form | None = None


def from_cells(
    cells: Sequence[str], name: str, reading: Reading, *, raw: Collection[str] | None = None
) -> Found:
    """The column that the cells of a text file make up; see `from_codes`."""
    if name not in reading.as_text and name not in (raw or ()):
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
    if raw is not None and (name in raw or name in reading.as_text):
        return Found(Words(codes, distinct))
    if reading.lists(name):
        verdict = forms.judge(distinct, name, reading)
    else:
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
        numbers = Numbers(np.array(values, np.float64)[codes])
        return Found(numbers, oddity(verdict, distinct, rows), verdict.note, verdict.form)
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
    return categories, order, gap, oddity(verdict, distinct, rows)


def oddity(verdict: ColumnVerdict, distinct: Sequence[str], rows: Sequence[int]) -> Mixed | None:
    """What is odd in a column; rows: (K,) the first of each text."""
    if not verdict.odd:
        return None
    first_of = dict(zip(distinct, rows, strict=True))
    odd = min(verdict.odd, key=first_of.__getitem__)
    word = min(verdict.words, key=first_of.__getitem__, default=None)
    second = None if word is None else (first_of[word], word)
    return Mixed(first_of[odd], odd, second, len(verdict.odd) > 1, verdict.why.get(odd, ""))


def first_rows(codes: Array, count: int) -> list[int]:
    """The first row of each of `count` codes; all of them occur."""
    rows = np.zeros(count, np.intp)
    rows[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    return [int(row) for row in rows]


def from_values(
    values: object, name: str, reading: Reading, *, raw: Collection[str] | None = None
) -> Found:
    """The column in a sequence of numbers, texts, truth values, dates and None for missing ones.

    raw: see `from_codes`. Raises ValueError for what is none of these.
    """
    if isinstance(values, np.ma.MaskedArray):
        array = np.array(values.tolist(), object)  # with None for what is masked
    elif isinstance(values, list | tuple) and reading.rules > 1:
        array = np.empty(len(values), object)  # NumPy would turn all into text, or into numbers
        array[:] = values
    else:
        array = np.asarray(values)
    as_text = name in {*reading.categorical, *reading.dates, *(raw or ())}
    if reading.rules == 1:
        if array.ndim == 1 and array.dtype.kind in "biuf" and not as_text:
            return Found(Numbers(array.astype(np.float64)))
        cells = list(values) if array.ndim != 1 else array.tolist()  # type: ignore[call-overload]
        return from_cells([_cell_1(value) for value in cells], name, reading)
    if array.ndim == 1 and array.dtype.kind in "iuf" and not as_text:
        return of_numbers(array.astype(np.float64), name, reading)
    if array.dtype.kind == "M":
        array = array.astype("datetime64[us]")
    items = list(values) if array.ndim != 1 else array.tolist()  # type: ignore[call-overload]
    if not as_text and all(map(_is_number, items)):
        floats = [np.nan if _is_gap(item) else float(item) for item in items]
        return of_numbers(np.array(floats, np.float64), name, reading)
    cells = [_cell(item) for item in items]
    texts = list(dict.fromkeys(cells))
    code = {text: i for i, text in enumerate(texts)}
    codes = np.fromiter(map(code.__getitem__, cells), np.intp, len(cells))
    return from_codes(codes, texts, name, reading, typed=True, raw=raw)


def of_numbers(values: Array, name: str, reading: Reading) -> Found:
    """The column of a typed source's numbers (N,), NaN where one is missing."""
    form = NumberForm(POINT) if name in reading.numeric else None
    return Found(Numbers(without_listed(values, reading)), form=form)


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


def transposed(rows: Sequence[Sequence[str]], width: int) -> list[tuple[str, ...]]:
    """Rows of `width` cells as columns; no rows give empty columns."""
    return list(zip(*rows, strict=True)) if rows else list(repeat((), width))
