"""All optimizers by their values: medians with intervals, ranks, ties."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from optcli.comparison.diverged_values import checked, median
from optcli.comparison.signed_rank import ALPHA, Pair, pair


@dataclass(frozen=True)
class MedianInterval:
    """A median, and an interval for it that holds with the chance `coverage`."""

    median: float
    low: float
    high: float
    coverage: float


def median_ranks(n: int, level: float = 1 - ALPHA) -> tuple[int, int, float]:
    """The ranks, from 1, of n sorted values between which the median lies, and the chance.

    The narrowest such interval whose chance is at least `level`; the whole range where
    none has it. Exact for every continuous distribution, cautious for others.
    """
    rank, outside = 1, 2 / 2**n
    while rank + 1 <= n // 2:
        more = outside + 2 * math.comb(n, rank) / 2**n
        if 1 - more < level:
            break
        rank, outside = rank + 1, more
    return rank, n + 1 - rank, max(0.0, 1 - outside)


def median_interval(values: ArrayLike, level: float = 1 - ALPHA) -> MedianInterval:
    """The median of values (n,), and its interval by order statistics; any may be inf."""
    ordered = np.sort(checked(values))
    first, last, coverage = median_ranks(len(ordered), level)
    low, high = float(ordered[first - 1]), float(ordered[last - 1])
    return MedianInterval(float(median(ordered)), low, high, coverage)


@dataclass(frozen=True)
class Standing:
    """One optimizer among the others.

    ci_low, ci_high: interval of the median. diverged: how many of its values are
    infinite. rank: 1 + the number of optimizers that beat it. tied_with: those it could
    not be told from.
    """

    label: str
    values: tuple[float, ...]
    median: float
    ci_low: float
    ci_high: float
    diverged: int
    rank: int
    tied_with: tuple[str, ...]


@dataclass(frozen=True)
class Family:
    """The claims among which those of a comparison are made, and hold together with 95 %.

    reference: the label against which alone the others are tested; None for all pairs.
    correction: what p-values are multiplied by; None for the number of the comparison's pairs.
    """

    reference: str | None = None
    correction: float | None = None

    def pairs(self, labels: Sequence[str]) -> list[tuple[str, str]]:
        """The pairs that are tested, in the order of the labels."""
        both = itertools.combinations(labels, 2)
        return [own for own in both if self.reference is None or self.reference in own]

    def m(self, labels: Sequence[str]) -> float:
        """What the p-values of one comparison of these labels are multiplied by."""
        return self.correction or len(self.pairs(labels))


ALONE = Family()


@dataclass(frozen=True)
class Ranking:
    """All optimizers, best first, and the pairs tested, the better placed of each as a.

    correction: what their p-values were multiplied by.
    """

    standings: tuple[Standing, ...]
    pairs: dict[tuple[str, str], Pair]
    correction: float = 1.0
    reference: str | None = None


def rank(values: Mapping[str, ArrayLike], family: Family = ALONE) -> Ranking:
    """Rank optimizers by their values on the same seeds, given by label.

    Values (n,), or (F, n) of several finalists, the chosen setting first. ValueError: as `pair`.
    """
    valid = {label: np.atleast_2d(np.asarray(own, np.float64)) for label, own in values.items()}
    m = family.m(list(valid))
    tested = family.pairs(list(valid))
    both = [*tested, *((b, a) for a, b in tested)]
    found = {(a, b): pair(valid[a], valid[b], m) for a, b in both}
    standings = []
    for label, own in valid.items():
        against = {b: own.verdict for (a, b), own in found.items() if a == label}
        chosen = checked(own[0])
        middle = median_interval(chosen)
        standings.append(
            Standing(
                label=label,
                values=tuple(chosen.tolist()),
                median=middle.median,
                ci_low=middle.low,
                ci_high=middle.high,
                diverged=int(np.isinf(chosen).sum()),
                rank=1 + sum(verdict == "b" for verdict in against.values()),
                tied_with=tuple(o for o, verdict in against.items() if verdict == "tied"),
            )
        )
    whole = family.reference is None  # else ranks tell only of the reference
    standings.sort(key=lambda standing: (standing.rank if whole else 0, standing.median))
    order = [standing.label for standing in standings]
    pairs = {both: found[both] for both in family.pairs(order)}
    return Ranking(tuple(standings), pairs, m, family.reference)
