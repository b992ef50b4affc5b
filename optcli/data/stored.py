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


def as_array(stand_in: Any) -> Array:
    """A stand-in, with the type of the array in whose place it is.

    Of a long column or of streamed inputs only the length and blocks of rows are asked for, which
    stand-ins have; annotations say Array for both, as NumPy has no narrower type.
    """
    return cast("Array", stand_in)


def checksum(block: Array) -> int:
    """CRC-32 of a block: it finds what disks do to bytes, at several GB/s."""
    return zlib.crc32(block.data)


class Blocks:
    """The body of a file that holds C columns in blocks of K rows, (B, C, K) float64, mapped.

    sums: the checksum of each block, which is held against it when it is first read. Raises
    InvalidInput where they differ, and where the file has become shorter: to look at what is no
    more would end the process.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], sums: Sequence[int]) -> None:
        self.path, self.size, self._sums = path, shape[2], sums
        self._array = files.mapped(path, shape, np.float64)
        self._unread = np.ones(shape[0], bool)

    def read(self, blocks: range | Array) -> Array:
        """All blocks, of which these may be looked at."""
        if not files.is_whole(self._array):
            raise self._fault("was cut short")
        if self._unread.any():
            self._check(blocks)
        return self._array

    def _check(self, blocks: range | Array) -> None:
        """Hold those of the blocks against their checksums that were not read yet."""
        wanted = np.zeros_like(self._unread)
        wanted[blocks] = True
        for block in np.flatnonzero(wanted & self._unread).tolist():
            files.count_mapped_read(self._array[block].nbytes)
            if checksum(self._array[block]) != self._sums[block]:
                raise self._fault(f"is damaged: the checksum of block {block + 1} is another")
            self._unread[block] = False

    def _fault(self, what: str) -> InvalidInput:
        return InvalidInput(Fault(f"{what}; delete it, it will be made again", file=str(self.path)))


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
        size = self.blocks.size
        if not isinstance(rows, slice):
            files.count_mapped_read(8 * int(np.ptp(rows)) if len(rows) else 0)
            block, place = np.divmod(rows, size)
            return np.asarray(self.blocks.read(block)[block, self.column, place])
        start, stop, _ = rows.indices(self.rows)
        found = np.empty(max(0, stop - start))
        files.count_mapped_read(found.nbytes)
        covered = range(start // size, -(-stop // size))
        whole = self.blocks.read(covered)
        for block in covered:
            low, high = max(start, block * size), min(stop, (block + 1) * size)
            cells = whole[block, self.column, low - block * size : high - block * size]
            found[low - start : high - start] = cells
        return found


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
