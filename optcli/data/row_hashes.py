"""Row hashes: 64 bits by which a prepared row is known again, inputs and target."""

from __future__ import annotations

import numpy as np

from optcli.core.arrays import Array
from optcli.data.preparation import Part

# Odd constants of SplitMix64: G. L. Steele, D. Lea and C. H. Flood, Fast splittable
# pseudorandom number generators, 2014.
_STEP, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_PIECE_BYTES = 1 << 18  # so that a piece stays in the cache


def row_hashes(part: Part) -> Array:
    """A hash (N,) uint64 of each row: its inputs x and its target y; weights do not matter.

    The same on every machine. Two rows that differ have equal hashes once in 2^64 times.
    """
    found = np.empty(len(part.x), np.uint64)
    step = max(1, _PIECE_BYTES // max(1, part.x.shape[1] * part.x.itemsize))
    for start in range(0, len(found), step):
        rows = slice(start, start + step)
        own = _mixed(_words(part.x[rows]), 1)
        y = part.y[rows].reshape(len(own), -1)
        found[rows] = own + _mixed(_words(y), 1 + part.x.shape[1])
    return found


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
