"""Stored: columns that stay in a file and are read a few rows at a time.

They stand in for arrays (N,): a slice or row indices give an array; nothing
else is held in memory. Many rows at once are what they are meant to avoid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from optcli.core.arrays import Array
from optcli.storage import files


def as_array(stand_in: Any) -> Array:
    """A stand-in, with the type of the array in whose place it is.

    Of a long column or of streamed inputs only the length and blocks of rows are asked for, which
    stand-ins have; annotations say Array for both, as NumPy has no narrower type.
    """
    return cast("Array", stand_in)


@dataclass(frozen=True)
class Stored:
    """One column of a table on disk.

    blocks: (B, C, K) float64, the map of a file that holds C columns in blocks of
    K rows. rows: N; the last block may be longer than what is left of them.
    """

    blocks: Array
    column: int
    rows: int

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, rows: Any) -> Array:
        size = self.blocks.shape[2]
        if not isinstance(rows, slice):
            files.count_mapped_read(8 * int(np.ptp(rows)) if len(rows) else 0)
            block, place = np.divmod(rows, size)
            return np.asarray(self.blocks[block, self.column, place])
        start, stop, _ = rows.indices(self.rows)
        found = np.empty(max(0, stop - start))
        files.count_mapped_read(found.nbytes)
        for block in range(start // size, -(-stop // size)):
            low, high = max(start, block * size), min(stop, (block + 1) * size)
            cells = self.blocks[block, self.column, low - block * size : high - block * size]
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
