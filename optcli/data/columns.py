"""Columns: numbers or words, looked at a block of rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np

from optcli.core.arrays import Array
from optcli.data.cells import number_text
from optcli.data.characters import shown
from optcli.data.stored import taken
from optcli.storage import files

EXACT = 2.0**53  # up to here float64 holds every whole number
INEXACT = "is beyond 2^53, where whole numbers are rounded; list the column in dataset.categorical"
PIECE_BYTES = 1 << 24  # of encoded rows that are looked at together
BLOCK = 1 << 16  # rows that are looked at together, so that a long column needs no memory
FEW = 16  # values of which each is sought in a block


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


class Span(NamedTuple):
    """What a look at all values of a column tells; without any value, from inf to -inf."""

    gaps: int
    low: float
    high: float

    @property
    def size(self) -> float:
        """The largest absolute value."""
        return max(abs(self.low), abs(self.high)) if self.low <= self.high else 0.0

    def beside(self, values: Array) -> Span:
        """What it tells together with more values (N,)."""
        gaps, least = self.gaps, values.min(initial=np.inf)
        if np.isnan(least):
            there = values[~np.isnan(values)]
            gaps += len(values) - len(there)
            values, least = there, there.min(initial=np.inf)
        high = float(values.max(initial=-np.inf))
        return Span(gaps, min(self.low, float(least)), max(self.high, high))


NOTHING = Span(0, np.inf, -np.inf)


@dataclass(frozen=True)
class Numbers(Cells):
    """A numeric column: float64 values (N,), NaN where one is missing.

    In place of an array there may be what `stored` has. seen: what a look at all values told,
    where there was one.
    """

    values: Array
    seen: Span | None = None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def missing(self) -> Array:
        """Where a value is missing, (N,) bool."""
        return np.isnan(self.values)

    def select(self, rows: Any) -> Numbers:
        return Numbers(taken(self.values, rows))

    @cached_property
    def span(self) -> Span:
        """How many values are missing, the least and the greatest; found once."""
        if self.seen is not None:
            return self.seen
        found = NOTHING
        for _, piece in self.pieces():
            found = found.beside(piece.values)
        return found

    def gaps(self) -> int:
        return self.span.gaps

    def value(self, row: int) -> float:
        """The value in one row."""
        return float(self.values[row : row + 1][0])

    def distinct(self) -> Array:
        """The values there are, ascending."""
        found = np.empty(0)
        for _, piece in self.pieces():
            values = piece.values[~piece.missing]
            if 0 < len(found) <= FEW:  # as of classes, all of which are met soon
                values = values[~np.isin(values, found)]
            if len(values):
                found = distinct(np.concatenate((found, values)))
        return found

    def words(self) -> Words:
        """The same column as text: 3.0 becomes '3'."""
        found = self.distinct()
        texts = [number_text(value) for value in found]
        order = np.argsort(np.argsort(texts)) if texts else np.empty(0, np.intp)
        codes = np.searchsorted(found, self.values)  # of NaN it is the last one's and 1
        return Words(np.append(order, -1)[codes].astype(np.intp), tuple(sorted(texts)))


def distinct(values: Array) -> Array:
    """The different values of an array, ascending, NaN once.

    So called, `np.unique` does not import numpy.ma, which takes as long as sorting 4 MB.
    """
    return np.unique(values, return_counts=True)[0]


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


def short(text: str, most: int = 60) -> str:
    """A name or a cell as messages show it: invisible characters escaped, a long one cut."""
    text = shown(text)
    return text if len(text) <= most else text[: most - 1] + "…"


def blocks(rows: int) -> Iterator[slice]:
    """All rows, a block after the other."""
    for start in range(0, rows, BLOCK):
        yield slice(start, min(start + BLOCK, rows))
        files.count_mapped_read(8 * BLOCK)


def pieces_of(rows: slice, row_bytes: int) -> Iterator[slice]:
    """The rows in pieces of at most PIECE_BYTES, a row being `row_bytes`, or of one row."""
    step = max(1, PIECE_BYTES // max(1, row_bytes))
    for start in range(rows.start, rows.stop, step):
        yield slice(start, min(start + step, rows.stop))


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
