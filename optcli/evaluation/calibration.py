"""Calibration: whether what is said with a probability of 0.8 comes true in 8 of 10 rows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from optcli.core.arrays import Array

BINS = 10


@dataclass(frozen=True)
class Bin:
    """The rows whose probability is in (low, high].

    rows: how many. confidence: their mean probability. accuracy: the share of them that is as
    predicted; ci_low, ci_high: its 95 % interval.
    """

    low: float
    high: float
    rows: int
    confidence: float
    accuracy: float
    ci_low: float
    ci_high: float


@dataclass(frozen=True)
class Calibration:
    """A reliability diagram in numbers.

    of: the class that the probability is of; None for the predicted one of each row. error: the
    expected calibration error. expected: what it would be on average, on these rows, if every
    probability were right. bins: those that have rows.
    """

    of: str | None
    error: float
    expected: float
    bins: tuple[Bin, ...]
    count: int = BINS

    @property
    def event(self) -> str:
        """What the probability is of, in words."""
        return "the predicted class" if self.of is None else f"'{self.of}'"

    @property
    def rule(self) -> str:
        """How the rows were divided, in words."""
        return f"{self.count} bins of equal width, by the probability of {self.event}"


def calibration(
    of: str | None, probability: Array, true: Array, weight: Array, bins: int
) -> Calibration:
    """Compare probabilities (N,) with what is true (N,) bool, in bins of equal width.

    The error is Σ_b W_b/W · |accuracy_b − confidence_b|: C. Guo, G. Pleiss, Y. Sun and
    K. Q. Weinberger, On calibration of modern neural networks, 2017, eq. 3; their bins are
    (low, high]. Were all probabilities right, |…| would be half normal about 0: the expected
    error is Σ_b √(2/π · Σ_i w_i²·p_i·(1 − p_i)) / W, after J. Bröcker and L. A. Smith,
    Increasing the reliability of reliability diagrams, 2007. Intervals of bins are Wilson's.
    """
    if not np.isfinite(probability).all():  # of a diverged model
        return Calibration(of, math.nan, math.nan, (), bins)
    place = np.clip(np.ceil(probability * bins) - 1, 0, bins - 1).astype(np.intp)
    sums, said, came, squares, noise = (
        np.bincount(place, each, bins)
        for each in (
            weight,
            weight * probability,
            weight * true,
            weight**2,
            weight**2 * probability * (1 - probability),
        )
    )
    rows = np.bincount(place, minlength=bins)
    total = float(sums.sum())
    found = []
    for b in np.flatnonzero(sums > 0):
        share = min(1.0, float(came[b] / sums[b]))
        low, high = wilson(share, float(sums[b] ** 2 / squares[b]))
        edges = float(b / bins), float((b + 1) / bins)
        found.append(Bin(*edges, int(rows[b]), float(said[b] / sums[b]), share, low, high))
    error = float(np.abs(came - said).sum() / total) if total else math.nan
    expected = float(np.sqrt(2 / np.pi * noise).sum() / total) if total else math.nan
    return Calibration(of, error, expected, tuple(found), bins)


def wilson(share: float, rows: float, z: float = 1.959964) -> tuple[float, float]:
    """The 95 % interval of a share of `rows` rows.

    E. B. Wilson, Probable inference, the law of succession, and statistical inference, 1927.
    """
    below = 1 + z * z / rows
    middle = (share + z * z / (2 * rows)) / below
    half = z / below * math.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows))
    return max(0.0, middle - half), min(1.0, middle + half)
