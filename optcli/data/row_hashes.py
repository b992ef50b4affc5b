"""Row hashes: 64 bits by which a prepared row is known again, inputs and target."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from optcli.core.arrays import Array
from optcli.data.preparation import Part

# Odd constants of SplitMix64: G. L. Steele, D. Lea and C. H. Flood, Fast splittable
# pseudorandom number generators, 2014.
_STEP, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_PIECE_BYTES = 1 << 18  # so that a piece stays in the cache
BLOCK_PIECES = 8  # that are encoded together, where rows are streamed


def row_hashes(part: Part) -> Array:
    """A hash (N,) uint64 of each row: its inputs x and its target y; weights do not matter.

    The same on every machine. Two rows that differ have equal hashes once in 2^64 times.
    """
    return np.concatenate([np.empty(0, np.uint64), *hashes_in_blocks(part)])


def hashes_in_blocks(part: Part) -> Iterator[Array]:
    """The same, (K,) of some rows after the other; of a streamed part no more are in memory."""
    width = part.x.shape[1]
    step = max(1, _PIECE_BYTES // max(1, width * part.x.itemsize))
    many = step * BLOCK_PIECES
    for first in range(0, len(part.x), many):
        x, y = part.x[first : first + many], part.y[first : first + many]
        found = np.empty(len(x), np.uint64)
        for start in range(0, len(x), step):
            rows = slice(start, start + step)
            own = _mixed(_words(x[rows]), 1)
            found[rows] = own + _mixed(_words(y[rows].reshape(len(own), -1)), 1 + width)
        yield found


def _words(values: Array) -> Array:
    """The bits (N, K) uint64 of numbers (N, K); −0 has those of 0."""
    if values.dtype.kind == "f":
        bits: Array = (values + values.dtype.type(0)).view(f"u{values.dtype.itemsize}")
        return bits.astype(np.uint64)
    return values.astype(np.int64).view(np.uint64)


def _mixed(words: Array, first: int) -> Array:
    """The sum (N,) of all words of a row (N, K), each mixed with its place, from `first` on."""
    columns = np.arange(first, first + words.shape[1], dtype=np.uint64)
    words = words + columns * np.uint64(_STEP)
    for shift, factor in ((30, _FIRST), (27, _SECOND)):
        words ^= words >> np.uint64(shift)
        words *= np.uint64(factor)
    words ^= words >> np.uint64(31)
    return np.asarray(words.sum(axis=1, dtype=np.uint64))
