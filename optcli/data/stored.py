"""Stored: columns that stay in a file and are read a few rows at a time.

They stand in for arrays (N,): a slice or row indices give an array; nothing
else is held in memory. Many rows at once are what they are meant to avoid.
What the file holds is believed once it agrees with its checksums.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import Fault, InvalidInput
from optcli.storage import files

DENSE = 8  # rows from the first to the last, for each that is wanted, that are read with them
PLACE_ROWS = 512  # that are read together where fewer are wanted: a page of the disk


def as_array(stand_in: Any) -> Array:
    """A stand-in, with the type of the array in whose place it is.

    Of a long column or of streamed inputs only the length and blocks of rows are asked for, which
    stand-ins have; annotations say Array for both, as NumPy has no narrower type.
    """
    return cast("Array", stand_in)


def checksum(cells: Array) -> int:
    """CRC-32 of a column of a block: it finds what disks do to bytes, at several GB/s."""
    return zlib.crc32(cells.data)


class Blocks:
    """The body of a file that holds C columns in blocks of K rows, (B, C, K) float64.

    It is read, not mapped: a map of a file that somebody cuts short ends the process. sums: the
    checksums of each block, one for each of its columns, which is held against the cells when
    they are first read. Raises InvalidInput where they differ, and where the file has become
    shorter or cannot be read.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], sums: Sequence[Sequence[int]]) -> None:
        self.path, self.size, self._sums = path, shape[2], np.array(sums, np.uint32)
        self._columns = shape[1]
        self._unread = np.ones(shape[:2], bool)
        if self._sums.shape != shape[:2]:
            raise ValueError(f"{self._sums.shape} checksums of {shape[:2]} columns")
        try:
            self._file = files.Reader(path)
        except OSError as error:
            raise self._fault(f"cannot be read: {error.strerror}") from error

    def read(self, block: int, column: int, start: int, out: Array) -> None:
        """Fill `out` (N,) with the cells of a column, from a row of its block on."""
        place = (block * self._columns + column) * self.size
        if not self._unread[block, column]:
            self._fill(out, place + start)
            return
        cells = out if len(out) == self.size else np.empty(self.size)
        self._fill(cells, place)
        if checksum(cells) != self._sums[block, column]:
            raise self._fault(f"is damaged: the checksum of block {block + 1} is another")
        self._unread[block, column] = False
        if cells is not out:
            out[:] = cells[start : start + len(out)]

    def _fill(self, out: Array, place: int) -> None:
        try:
            whole = self._file.fill(out, place * out.itemsize)
        except OSError as error:
            raise self._fault(f"cannot be read: {error.strerror}") from error
        if not whole:
            raise self._fault("was cut short")

    def _fault(self, what: str) -> InvalidInput:
        return InvalidInput(Fault(f"{what}; delete it, it will be made again", file=str(self.path)))


@dataclass(frozen=True)
class Narrow:
    """One column of numbers in memory that take less than 8 bytes each, (N,): pixels, say."""

    numbers: Array

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, rows: Any) -> Array:
        found: Array = self.numbers[rows].astype(np.float64)
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self.numbers.astype(np.float64)


@dataclass(frozen=True)
class Stored:
    """One column of a table on disk.

    rows: N; the last block may be longer than what is left of them.
    """

    blocks: Blocks
    column: int
    rows: int

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, rows: Any) -> Array:
        if isinstance(rows, slice):
            start, stop, _ = rows.indices(self.rows)
            return self._between(start, max(start, stop))
        rows = np.asarray(rows)
        if rows.size and rows.max() - rows.min() < DENSE * rows.size:
            first = int(rows.min())
            found = self._between(first, int(rows.max()) + 1)
            return found if len(found) == rows.size and _ascend(rows) else found.take(rows - first)
        places, which = np.unique(rows // PLACE_ROWS, return_inverse=True)
        found = np.empty((len(places), PLACE_ROWS))
        for own, place in zip(found, places.tolist(), strict=True):
            cells = self._between(place * PLACE_ROWS, min((place + 1) * PLACE_ROWS, self.rows))
            own[: len(cells)] = cells
        return np.asarray(found[which, rows % PLACE_ROWS])

    def _between(self, start: int, stop: int) -> Array:
        """The cells of rows that follow each other."""
        size = self.blocks.size
        found = np.empty(stop - start)
        for block in range(start // size, -(-stop // size)):
            low, high = max(start, block * size), min(stop, (block + 1) * size)
            own = found[low - start : high - start]
            self.blocks.read(block, self.column, low - block * size, own)
        return found


def _ascend(rows: Array) -> bool:
    """Whether rows (N,) follow each other."""
    return bool(np.all(rows[1:] == rows[:-1] + 1))


@dataclass(frozen=True)
class Codes:
    """Codes into sorted categories, or numbers, of a stored column of codes in any order.

    order: what each stored code stands for, and at its end what stands for a missing one.
    """

    stored: Stored
    order: Array

    def __len__(self) -> int:
        return len(self.stored)

    def __getitem__(self, rows: Any) -> Array:
        found: Array = self.order[np.nan_to_num(self.stored[rows], nan=-1).astype(np.intp)]
        return found


@dataclass(frozen=True)
class Chosen:
    """Some rows (N,) of what is stored, in their order."""

    whole: Any
    rows: Array

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: Any) -> Array:
        found: Array = self.whole[self.rows[rows]]
        return found


def taken(values: Any, rows: Any) -> Any:
    """Some rows, by slice, index or mask; of what is stored, indices are only noted."""
    if isinstance(values, np.ndarray) or isinstance(rows, slice):
        return values[rows]
    return Chosen(values, rows)
