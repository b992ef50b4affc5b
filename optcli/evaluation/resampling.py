"""Resampling: how often each row is drawn, and intervals from what that makes of a measure.

The bootstrap of B. Efron, Bootstrap methods: another look at the jackknife, 1979; intervals by
percentiles as in B. Efron and R. J. Tibshirani, An introduction to the bootstrap, 1993, ch. 13.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from optcli.core.arrays import Array
from optcli.core.randomness import generator

LEVEL = 0.95
RESAMPLES = 1000
LEAST = 200  # resamples of large tables
DRAWS = 200_000_000  # rows that are drawn in all; of more there are fewer resamples
CELLS = 1 << 21  # numbers of a block of resamples
UNDEFINED = 0.05  # share of resamples without a value, beyond which there is no interval


def affordable(wanted: int, rows: int, curves: int = 1) -> int:
    """How many resamples of so many rows to take: `wanted`, or fewer where rows are many.

    curves: how many rankings of the rows each resample goes through.
    """
    return min(wanted, max(LEAST, DRAWS // (max(1, rows) * max(1, curves))))


def resamples(seed: int, rows: int, count: int) -> Iterator[Array]:
    """How often each row is drawn, (K, N) float64, in blocks of resamples.

    A resample draws N of N rows, each with the same probability and with replacement,
    whatever their classes: it is not stratified. Resample k follows from the seed and k.
    """
    block = max(1, CELLS // max(1, rows))
    for start in range(0, count, block):
        size = min(block, count - start)
        drawn = np.empty((size, rows))
        for k in range(size):
            rng = generator(seed, "bootstrap", start + k)
            places = rng.integers(0, rows, rows, dtype=np.int64)
            drawn[k] = np.bincount(places, minlength=rows)
        yield drawn


def interval(values: Array) -> tuple[float, float] | None:
    """The 95 % percentile interval of a measure over resamples (K,).

    Resamples in which it is not defined (NaN) are left out; None where these are many, or
    where all others are equal, so that they tell nothing of the spread.
    """
    defined = values[np.isfinite(values)]
    if len(defined) < max(2, (1 - UNDEFINED) * len(values)):
        return None
    low, high = np.quantile(defined, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return None if low == high else (float(low), float(high))


def exact_interval(share: float, rows: float) -> tuple[float, float] | None:
    """The 95 % interval of a share that is 0 or 1 in `rows` rows, in which no resample differs.

    C. J. Clopper and E. S. Pearson, The use of confidence or fiducial limits illustrated in
    the case of the binomial, 1934. None for other shares and for no rows.
    """
    if not rows > 0 or share not in (0.0, 1.0):
        return None
    edge = math.exp(math.log((1 - LEVEL) / 2) / rows)  # the nth root of 0.025
    return (edge, 1.0) if share == 1.0 else (0.0, 1 - edge)


def effective(weight: Array) -> float:
    """How many rows of equal weight tell as much: (Σw)² / Σw². L. Kish, Survey sampling, 1965."""
    squares = float(weight @ weight)
    return float(weight.sum()) ** 2 / squares if squares else 0.0
