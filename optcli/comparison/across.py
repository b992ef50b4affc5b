"""Across: what the seeds of several configs say together of a pair of optimizers.

Two questions. On *these* configs: the mean of P(a better), with Wilson's (1927) limits of each
config put together by squares (Newcombe 1998; Zou and Donner 2008), and a test by the sum of the
configs' signed-rank statistics, whose null distribution is the convolution of theirs. On *new*
configs, if these are a sample of them: the signed-rank test over the configs' P(a better) − ½.

Where entries have finalists, a beats b only against each finalist of b in each config, as in
`signed_rank.pair`. All that is claimed of several configs together holds with 95 %: two thirds of
the 5 % go to claims over all of them, one third to claims about single ones, each divided by the
number of such claims (Bonferroni). A claim about new configs is made only where the same one is
made about these, and therefore takes none of it (a fixed sequence).
"""

from __future__ import annotations

import functools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from optcli.comparison.diverged_values import middle
from optcli.comparison.signed_rank import (
    ALPHA,
    CANCELLED,
    Verdict,
    differences,
    distribution,
    fewest_seeds,
    rows,
    signed_rank,
)
from optcli.core.arrays import Array

SINGLE = 3.0  # a claim about one config is corrected for this many times their number
ALL = 1.5  # and one over all configs: 1/3 + 2/3 = 1
FEWEST_CONFIGS = 6  # below, no signed rank of configs reaches 5 %


@dataclass(frozen=True)
class NewConfigs:
    """What a pair's configs say of others like them.

    better_in: the pseudo-median of P(a better) over configs. ci_low, ci_high: its interval.
    """

    better_in: float
    ci_low: float
    ci_high: float
    p_value: float
    verdict: Verdict


@dataclass(frozen=True)
class Across:
    """Two optimizers, a and b, on several configs.

    better_in: P(a better), a seed drawn from a config, the mean over configs; ties half. ci_low,
    ci_high: its interval, simultaneous for all pairs and all finalists. new: None where there are
    fewer than six configs.
    """

    better_in: float
    ci_low: float
    ci_high: float
    p_value: float
    verdict: Verdict
    new: NewConfigs | None


def across(a: Sequence[ArrayLike], b: Sequence[ArrayLike], m: float = 1) -> Across:
    """Compare two optimizers on K configs; one of m pairs.

    a, b: for each config the values (n,), or (F, n) of F finalists, the chosen setting first.

    ValueError: no configs, or values that `signed_rank.pair` does not take.
    """
    if not a or len(a) != len(b):
        raise ValueError(f"{len(a)} configs against {len(b)}; both need the same, one at least")
    configs = [_Config(rows(x), rows(y)) for x, y in zip(a, b, strict=True)]
    null = sum_distribution(tuple(sorted(each.n for each in configs)))
    p_a, p_b = (
        float(null[math.ceil(math.fsum(own))])
        for own in zip(*(each.statistics for each in configs), strict=True)
    )
    p = min(1.0, 2 * m * min(p_a, p_b))
    verdict: Verdict = "tied" if p > ALPHA else "a" if p_a < p_b else "b"
    own = [each.better for each in configs]
    least = [each.least for each in configs]
    most = [each.most for each in configs]
    z = statistics.NormalDist().inv_cdf(1 - ALPHA / (2 * m))
    low = np.array([wilson(p, each.n, z)[0] for p, each in zip(least, configs, strict=True)])
    high = np.array([wilson(p, each.n, z)[1] for p, each in zip(most, configs, strict=True)])
    count = len(configs)
    return Across(
        better_in=float(np.mean(own)),
        ci_low=float(np.mean(least) - np.sqrt(np.sum((least - low) ** 2)) / count),
        ci_high=float(np.mean(most) + np.sqrt(np.sum((high - most) ** 2)) / count),
        p_value=p,
        verdict=verdict,
        new=_new(own, least, most, m, verdict) if count >= FEWEST_CONFIGS else None,
    )


class _Config:
    """The seeds of one config.

    better: P(a better), of the chosen settings. least: that of a's chosen setting against the
    finalist of b that it beats least often. most: that of a's best finalist against b's chosen
    setting.
    """

    def __init__(self, x: Array, y: Array) -> None:
        if x.shape[1] != y.shape[1]:
            raise ValueError(f"{x.shape[1]} values against {y.shape[1]}; a pair needs equal seeds")
        self.n = x.shape[1]
        ours, theirs = differences(x[0], y), differences(x, y[0])
        self.better = float(_share(ours)[0])
        self.least, self.most = float(_share(ours).min()), float(_share(theirs).max())
        # small where a, or b, is better, against the finalist that makes it largest
        self.statistics = float(_above(ours).max()), float(_above(-theirs).max())


def _share(d: Array) -> Array:
    """The share of seeds in which differences (..., n) are below zero, ties half."""
    return np.asarray(np.mean((d < 0) + (d == 0) / 2, axis=-1))


def _above(d: Array) -> Array:
    """The signed-rank statistic: how many Walsh averages of (..., n) are above zero, ties half.

    A config on which all seeds tie counts for neither; ties only narrow the distribution.
    """
    first, second = np.triu_indices(d.shape[-1])
    walsh = middle(d[..., first], d[..., second])
    walsh[np.abs(walsh) < CANCELLED * np.abs(d[..., first])] = 0
    return np.asarray(np.sum(walsh > 0, axis=-1) + np.sum(walsh == 0, axis=-1) / 2)


@functools.cache
def sum_distribution(seeds: tuple[int, ...]) -> Array:
    """P(T ≤ t) for t = 0, 1, …: T is the sum of signed-rank statistics of so many seeds each."""
    chance = np.ones(1)
    for n in seeds:
        chance = np.convolve(chance, np.diff(distribution(n), prepend=0.0))
    cumulative: Array = np.cumsum(chance)
    cumulative.flags.writeable = False
    return cumulative


def wilson(share: float, n: int, z: float) -> tuple[float, float]:
    """Wilson's limits of a probability of which n trials gave a share."""
    centre, more = share + z * z / (2 * n), 1 + z * z / n
    half = z * math.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
    return max(0.0, (centre - half) / more), min(1.0, (centre + half) / more)


def _new(
    own: Sequence[float], least: Sequence[float], most: Sequence[float], m: float, these: Verdict
) -> NewConfigs:
    """The signed rank over configs; a verdict only where these configs have the same."""
    found = signed_rank(np.array([own, least, most]) - 0.5, m)
    better = float(found.p_above[1]), float(found.p_below[2])  # of a, of b
    p = min(1.0, 2 * m * min(better))
    claimed = p <= ALPHA and these == ("a" if better[0] < better[1] else "b")
    low, high = found.ci_low[1] + 0.5, found.ci_high[2] + 0.5
    return NewConfigs(
        better_in=float(found.difference[0]) + 0.5,
        ci_low=max(0.0, float(low)),
        ci_high=min(1.0, float(high)),
        p_value=p,
        verdict=these if claimed else "tied",
    )


def fewest_configs(m: float) -> int:
    """The fewest configs with which a claim about new ones can be made for one of m pairs."""
    return max(FEWEST_CONFIGS, fewest_seeds(m))
