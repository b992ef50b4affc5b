"""The signed-rank test of pairs: estimate, simultaneous interval, corrected p-value.

A value is a number that is better when lower, as a validation loss, and inf where the
run diverged: worse than everything, equal among themselves. Every optimizer has a value
for the same n seeds. The m = k(k−1)/2 pairs of k optimizers are compared by

    d_s = a_s − b_s                       a seed's difference, 0 where both diverged
    w = (d_s + d_t)/2 for s ≤ t           the M = n(n+1)/2 Walsh averages, sorted
    median of w                           the estimate of Hodges and Lehmann (1963)
    [w_(q+1), w_(M−q)]                    its interval (Tukey 1949), with the largest q
                                          that has 2m·P(T ≤ q) ≤ 0.05
    p = min(1, 2m·P(T ≤ t))               t = min(#w<0, #w>0) + #w=0

where T is Wilcoxon's signed-rank statistic, in its exact distribution. p ≤ 0.05 and "the
interval leaves zero" are the same event, and that event is the verdict. All m intervals
together hold with 95 %.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from optcli.comparison.diverged_values import balanced, checked, median, middle
from optcli.core.arrays import Array

ALPHA = 0.05  # the chance of any false claim in a comparison
CANCELLED = 1e-10  # what rounding may leave of two differences that are opposite
Verdict = Literal["a", "b", "tied"]


@functools.cache
def distribution(n: int) -> Array:
    """P(T ≤ t) for t = 0 … n(n+1)/2: T is the sum of those of 1 … n that a coin chose."""
    chance = np.zeros(n * (n + 1) // 2 + 1)
    chance[0] = 1.0
    for rank in range(1, n + 1):
        chance[rank:] += chance[:-rank].copy()
        chance /= 2
    cumulative: Array = np.cumsum(chance)
    cumulative.flags.writeable = False
    return cumulative


@functools.cache
def p_values(n: int, m: float) -> Array:
    """min(1, 2m·P(T ≤ t)) for t = 0 … n(n+1)/2: two-sided, corrected for m pairs."""
    p: Array = np.minimum(1.0, 2 * m * distribution(n))
    p.flags.writeable = False
    return p


def critical(n: int, m: float) -> int:
    """The largest q with 2m·P(T ≤ q) ≤ 0.05; −1 where not even q = 0 has it."""
    return int(np.count_nonzero(p_values(n, m) <= ALPHA)) - 1


def fewest_seeds(m: float) -> int:
    """The fewest seeds with which one of m pairs can differ: 2m·2⁻ⁿ ≤ 0.05."""
    return math.ceil(math.log2(2 * m / ALPHA))


def pairs_of(k: int) -> int:
    """How many pairs k optimizers make."""
    return k * (k - 1) // 2


@dataclass(frozen=True, eq=False)
class SignedRank:
    """Estimate, interval and corrected p-value for many pairs at once, each (...)."""

    difference: Array
    ci_low: Array
    ci_high: Array
    p_value: Array
    p_below: Array  # one-sided and uncorrected: that differences are below 0
    p_above: Array


def differences(a: ArrayLike, b: ArrayLike) -> Array:
    """The paired differences a − b, 0 where both are infinite."""
    with np.errstate(invalid="ignore", over="ignore"):
        return balanced(np.subtract(a, b, dtype=np.float64))


def signed_rank(d: Array, m: float) -> SignedRank:
    """The exact signed-rank test and interval of paired differences d (..., n), for m pairs.

    Differences may be ±inf. With fewer seeds than `fewest_seeds(m)` the interval is
    everything.
    """
    n = d.shape[-1]
    first, second = np.triu_indices(n)
    walsh = middle(d[..., first], d[..., second])
    # what cancels but for rounding, as differences of accuracies do, is a tie
    walsh[np.abs(walsh) < CANCELLED * np.abs(d[..., first])] = 0
    walsh.sort(axis=-1)
    count = walsh.shape[-1]
    below = np.count_nonzero(walsh < 0, axis=-1)
    above = np.count_nonzero(walsh > 0, axis=-1)
    q = critical(n, m)
    everything = np.full(walsh.shape[:-1], np.inf)
    return SignedRank(
        difference=median(walsh),
        ci_low=walsh[..., q] if q >= 0 else -everything,
        ci_high=walsh[..., count - 1 - q] if q >= 0 else everything,
        # min(below, above) + ties = count − max(below, above)
        p_value=p_values(n, m)[count - np.maximum(below, above)],
        p_below=distribution(n)[count - below],
        p_above=distribution(n)[count - above],
    )


@dataclass(frozen=True)
class Pair:
    """Two optimizers, a and b, on the same seeds.

    difference: of a from b, estimated; negative where a is better. ci_low, ci_high: its
    interval, simultaneous for all pairs of the comparison and for all finalists that the
    winner has to beat; any of the three may be ±inf.
    better_in: the share of seeds in which a was better, ties half. sd: the standard
    deviation of the differences; None where a run diverged, or with a single seed.
    diverged: runs of a, and of b. finalists: settings of a and of b that were tested.
    """

    difference: float
    ci_low: float
    ci_high: float
    p_value: float
    better_in: float
    verdict: Verdict
    seeds: int
    sd: float | None
    diverged: tuple[int, int]
    finalists: tuple[int, int] = (1, 1)


def pair(a: ArrayLike, b: ArrayLike, m: float = 1) -> Pair:
    """Compare two optimizers, one of m pairs, seed by seed.

    a, b: values (n,), or (F, n) of F finalists each, the chosen setting first. Then a beats b
    only if its chosen setting beats each finalist of b: an intersection-union test, whose
    interval goes from the lowest end of a's finalists against b's chosen setting to the
    highest of a's chosen setting against b's finalists.

    ValueError: the values are not for the same seeds, or are NaN or −inf.
    """
    x, y = rows(a), rows(b)
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"{x.shape[1]} values against {y.shape[1]}: a pair needs the same seeds")
    own, n = differences(x[0], y[0]), x.shape[1]
    chosen = signed_rank(own, m)
    ours = signed_rank(differences(x[0], y), m)  # the chosen a against each finalist of b
    theirs = signed_rank(differences(x, y[0]), m)
    low, high = float(theirs.ci_low.min()), float(ours.ci_high.max())
    # p ≤ 0.05 where the interval leaves zero, and only there
    p = min(float(ours.p_below.max()), float(theirs.p_above.max()))
    diverged = int(np.isinf(x[0]).sum()), int(np.isinf(y[0]).sum())
    return Pair(
        difference=float(chosen.difference),
        ci_low=low,
        ci_high=high,
        p_value=min(1.0, 2 * m * p),
        better_in=float(np.mean((own < 0) + (own == 0) / 2)),
        verdict="a" if high < 0 else "b" if low > 0 else "tied",
        seeds=n,
        sd=float(np.std(own, ddof=1)) if n > 1 and not any(diverged) else None,
        diverged=diverged,
        finalists=(len(x), len(y)),
    )


def rows(values: ArrayLike) -> Array:
    """Values (n,) or (F, n) as (F, n) of float64; ValueError where one is NaN or −inf."""
    return np.stack([checked(own) for own in np.atleast_2d(np.asarray(values, np.float64))])
