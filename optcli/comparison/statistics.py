"""Statistics: what the final runs of several optimizers allow to say.

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
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from optcli.core.arrays import Array

ALPHA = 0.05  # the chance of any false claim in a comparison
POWER = 0.8  # the chance to find a difference, where its size or the seeds for it are said
TARGET = 0.9  # how far down from the loss before training the default target lies
BAND = 0.05  # of that same gap: what counts as no worse than the best learning rate
CANCELLED = 1e-10  # what rounding may leave of two differences that are opposite
CAP = 4.0  # a ratio of steps beyond this counts as this

Verdict = Literal["a", "b", "tied"]


# The signed-rank distribution


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
def p_values(n: int, m: int) -> Array:
    """min(1, 2m·P(T ≤ t)) for t = 0 … n(n+1)/2: two-sided, corrected for m pairs."""
    p: Array = np.minimum(1.0, 2 * m * distribution(n))
    p.flags.writeable = False
    return p


def critical(n: int, m: int) -> int:
    """The largest q with 2m·P(T ≤ q) ≤ 0.05; −1 where not even q = 0 has it."""
    return int(np.count_nonzero(p_values(n, m) <= ALPHA)) - 1


def fewest_seeds(m: int) -> int:
    """The fewest seeds with which one of m pairs can differ: 2m·2⁻ⁿ ≤ 0.05."""
    return math.ceil(math.log2(2 * m / ALPHA))


def pairs_of(k: int) -> int:
    """How many pairs k optimizers make."""
    return k * (k - 1) // 2


def default_seeds(k: int) -> int:
    """Final seeds for k optimizers, where the user names no number."""
    return 10 if k <= 2 else 15 if k <= 4 else 20


# One pair


@dataclass(frozen=True, eq=False)
class SignedRank:
    """Estimate, interval and corrected p-value for many pairs at once, each (...)."""

    difference: Array
    ci_low: Array
    ci_high: Array
    p_value: Array


def differences(a: ArrayLike, b: ArrayLike) -> Array:
    """The paired differences a − b, 0 where both are infinite."""
    with np.errstate(invalid="ignore", over="ignore"):
        return _balanced(np.subtract(a, b, dtype=np.float64))


def signed_rank(d: Array, m: int) -> SignedRank:
    """The exact signed-rank test and interval of paired differences d (..., n), for m pairs.

    Differences may be ±inf. With fewer seeds than `fewest_seeds(m)` the interval is
    everything.
    """
    n = d.shape[-1]
    first, second = np.triu_indices(n)
    walsh = _middle(d[..., first], d[..., second])
    # what cancels but for rounding, as differences of accuracies do, is a tie
    walsh[np.abs(walsh) < CANCELLED * np.abs(d[..., first])] = 0
    walsh.sort(axis=-1)
    count = walsh.shape[-1]
    below = np.count_nonzero(walsh < 0, axis=-1)
    above = np.count_nonzero(walsh > 0, axis=-1)
    q = critical(n, m)
    everything = np.full(walsh.shape[:-1], np.inf)
    return SignedRank(
        difference=_median(walsh),
        ci_low=walsh[..., q] if q >= 0 else -everything,
        ci_high=walsh[..., count - 1 - q] if q >= 0 else everything,
        # min(below, above) + ties = count − max(below, above)
        p_value=p_values(n, m)[count - np.maximum(below, above)],
    )


@dataclass(frozen=True)
class Pair:
    """Two optimizers, a and b, on the same seeds.

    difference: of a from b, estimated; negative where a is better. ci_low, ci_high: its
    interval, simultaneous for all pairs of the comparison; any of the three may be ±inf.
    better_in: the share of seeds in which a was better, ties half. sd: the standard
    deviation of the differences; None where a run diverged, or with a single seed.
    diverged: runs of a, and of b.
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


def pair(a: ArrayLike, b: ArrayLike, m: int = 1) -> Pair:
    """Compare the values (n,) of two optimizers, one of m pairs, seed by seed.

    ValueError: the values are not for the same seeds, or are NaN or −inf.
    """
    x, y = _checked(a), _checked(b)
    if x.shape != y.shape:
        raise ValueError(f"{len(x)} values against {len(y)}: a pair needs the same seeds")
    d = differences(x, y)
    found = signed_rank(d, m)
    low, high = float(found.ci_low), float(found.ci_high)
    diverged = int(np.isinf(x).sum()), int(np.isinf(y).sum())
    return Pair(
        difference=float(found.difference),
        ci_low=low,
        ci_high=high,
        p_value=float(found.p_value),
        better_in=float(np.mean((d < 0) + (d == 0) / 2)),
        verdict="a" if high < 0 else "b" if low > 0 else "tied",
        seeds=len(d),
        sd=float(np.std(d, ddof=1)) if len(d) > 1 and not any(diverged) else None,
        diverged=diverged,
    )


# One optimizer


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
    ordered = np.sort(_checked(values))
    first, last, coverage = median_ranks(len(ordered), level)
    low, high = float(ordered[first - 1]), float(ordered[last - 1])
    return MedianInterval(float(_median(ordered)), low, high, coverage)


# All of them


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
class Comparison:
    """All optimizers, best first, and all their pairs, the better placed of each as a."""

    standings: tuple[Standing, ...]
    pairs: dict[tuple[str, str], Pair]


def compare(values: Mapping[str, ArrayLike]) -> Comparison:
    """Compare optimizers by their values (n,) on the same seeds, given by label.

    ValueError: as `pair`.
    """
    checked = {label: _checked(own) for label, own in values.items()}
    m = pairs_of(len(checked))
    both = itertools.permutations(checked, 2)
    found = {(a, b): pair(checked[a], checked[b], m) for a, b in both}
    standings = []
    for label, own in checked.items():
        against = {other: found[label, other].verdict for other in checked if other != label}
        middle = median_interval(own)
        standings.append(
            Standing(
                label=label,
                values=tuple(own.tolist()),
                median=middle.median,
                ci_low=middle.low,
                ci_high=middle.high,
                diverged=int(np.isinf(own).sum()),
                rank=1 + sum(verdict == "b" for verdict in against.values()),
                tied_with=tuple(o for o, verdict in against.items() if verdict == "tied"),
            )
        )
    standings.sort(key=lambda standing: (standing.rank, standing.median))
    order = [standing.label for standing in standings]
    return Comparison(
        tuple(standings), {both: found[both] for both in itertools.combinations(order, 2)}
    )


# What more seeds would show


def seeds_needed(sd: float | None, delta: float, m: int) -> int | None:
    """About how many seeds find a difference delta > 0 in one of m pairs in 4 of 5 tries.

    sd: of the paired differences; None, where runs diverged, gives None. The normal
    approximation of the signed-rank test's power, of efficiency 3/π, and a term for few
    seeds at a strict level. Never ask it at the observed difference: that is p again.
    """
    if sd is None:
        return None
    z, power = _quantiles(m)
    n = ((z + power) * sd / delta) ** 2 * math.pi / 3 + z**2 / 2
    return max(math.ceil(n), fewest_seeds(m))


def smallest_difference(sd: float | None, n: int, m: int) -> float | None:
    """The difference that n seeds find in one of m pairs in 4 of 5 tries.

    None where no difference could be found, or where runs diverged (`sd` is None).
    """
    if sd is None or n < fewest_seeds(m):
        return None
    z, power = _quantiles(m)
    return sd * (z + power) / math.sqrt((n - z**2 / 2) * 3 / math.pi)


def _quantiles(m: int) -> tuple[float, float]:
    normal = NormalDist()
    return normal.inv_cdf(1 - ALPHA / (2 * m)), normal.inv_cdf(POWER)


# The verdict in words


def sentence(
    comparison: Comparison,
    settings: Mapping[str, str] | None = None,
    *,
    quantity: str = "validation loss",
    higher: bool = False,
) -> str:
    """What the two optimizers that stand first allow to say, in one sentence.

    settings: what to name a label with, as `lr 0.01`. higher: the values are those of
    `quantity` with their sign turned, since more of it is better.
    """
    first, second = (standing.label for standing in comparison.standings[:2])
    found = comparison.pairs[first, second]
    if math.isinf(found.difference):
        return f"{_diverged(first, second, found)}."
    if found.verdict == "tied":
        between = "" if len(comparison.standings) == 2 else _between(first, second, settings)
        return f"no difference could be shown{between}{_outlook(comparison)}."
    winner, loser = (first, second) if found.verdict == "a" else (second, first)
    share = found.better_in if found.verdict == "a" else 1 - found.better_in
    low, high = sorted((abs(found.ci_low), abs(found.ci_high)))
    seeds = share * found.seeds
    ties = "" if seeds == round(seeds) else ", ties half"
    return (
        f"{_named(winner, settings)} beats {_named(loser, settings)}: "
        f"{quantity} {'higher' if higher else 'lower'} by {_digits(abs(found.difference))} "
        f"[{_digits(low)}, {_digits(high)}], better in {seeds:g} of {found.seeds} seeds{ties}."
    )


def _outlook(comparison: Comparison) -> str:
    """What a tie of the first two leaves open: the end of its sentence."""
    first, second = (standing.label for standing in comparison.standings[:2])
    found, m = comparison.pairs[first, second], len(comparison.pairs)
    if found.seeds < fewest_seeds(m):
        return f"; with {found.seeds} seeds none could be, {fewest_seeds(m)} are the fewest"
    if any(found.diverged):
        return f"; {_diverged(first, second, found)}"
    size = smallest_difference(found.sd, found.seeds, m)
    if not size:  # all differences are the same
        return ""
    size = float(_digits(size))
    return (
        f"; with {found.seeds} seeds one of about {_digits(size)} would be found in 4 of 5 tries"
        f"; about {seeds_needed(found.sd, size / 2, m)} seeds for {size / 2:.3g}"
    )


def _diverged(first: str, second: str, found: Pair) -> str:
    """`sgd diverged in 6 of 10 seeds, adam in 1`: the more often first."""
    counts = sorted(zip(found.diverged, (first, second), strict=True), reverse=True)
    (most, worse), (few, other) = counts
    return f"{worse} diverged in {most} of {found.seeds} seeds" + (
        f", {other} in {few}" * (few > 0)
    )


def _between(first: str, second: str, settings: Mapping[str, str] | None) -> str:
    return f" between {_named(first, settings)} and {_named(second, settings)}"


def _named(label: str, settings: Mapping[str, str] | None) -> str:
    setting = (settings or {}).get(label)
    return f"{label} ({setting})" if setting else label


def _digits(size: float) -> str:
    """A size in two significant digits, or to the unit: `0.050`, `12`, `345`, `inf`."""
    return f"{size:.0f}" if 99.5 <= size < 1e6 else f"{size:#.2g}".rstrip(".")


# Steps to a target, and learning rates


def default_target(start: ArrayLike, tuned: ArrayLike) -> float | None:
    """The loss nine tenths of the way from before training to the best tuned mean.

    start: the validation losses before training, of the tuning runs; their median
    counts. tuned: the tuned mean of each optimizer, inf where it diverged. None where
    no optimizer came below the start.
    """
    before = float(_median(np.sort(_checked(start))))
    best = float(np.min(_checked(tuned)))
    return before - TARGET * (before - best) if best < before < math.inf else None


def steps_to_target(steps: ArrayLike, losses: ArrayLike, target: float) -> float:
    """The step of the first evaluation with a loss at or below the target; inf without one.

    steps, losses: (E,), of a run's evaluations, in order.
    """
    reached = np.asarray(steps)[np.asarray(losses) <= target]
    return float(reached[0]) if len(reached) else math.inf


@dataclass(frozen=True)
class Band:
    """Learning rates from low to high that are as good as the best; the width in decades."""

    low: float
    high: float

    @property
    def decades(self) -> float:
        """The width: 1 is a factor of ten."""
        return math.log10(self.high / self.low)


def band(means: Mapping[float, float], start: float) -> Band | None:
    """The tried learning rates around the best whose mean loss is nearly the best.

    means: mean loss of each rate, inf where a run diverged. start: the loss before
    training; nearly is within 5 % of the gap from there to the best. A rate beyond one
    that is worse does not count. None where no rate came below the start.
    """
    rates = sorted(means)
    best = min(range(len(rates)), key=lambda i: means[rates[i]])
    gap = start - means[rates[best]]
    if not 0 < gap < math.inf:
        return None
    limit = means[rates[best]] + BAND * gap
    below = itertools.takewhile(lambda rate: means[rate] <= limit, reversed(rates[: best + 1]))
    above = itertools.takewhile(lambda rate: means[rate] <= limit, rates[best:])
    return Band(min(below), max(above))


# Several configs


@dataclass(frozen=True)
class Performance:
    """One optimizer across configs.

    ratios: its steps over the fewest of any, for each config that somebody solved; inf
    where it did not. score: the mean height of its profile between 1 and 4. average_rank:
    1 is best, ties share. speed_up: over the reference, the geometric mean, where a ratio
    beyond 4 or below 1/4 counts as that.
    """

    label: str
    ratios: tuple[float, ...]
    score: float
    average_rank: float
    speed_up: float

    def height(self, tau: ArrayLike) -> Array:
        """The share of configs solved within tau (T,) times the fewest steps, (T,)."""
        return np.asarray(np.mean(np.less_equal.outer(self.ratios, tau), axis=0))


@dataclass(frozen=True)
class Profile:
    """A performance profile (Dolan and Moré 2002): no verdict, a summary of several.

    With more than two optimizers it compares each with the best, not with each other.
    configs: those that count. unsolved: those left out, where none reached the target.
    reference: what the speed-up is over.
    """

    configs: tuple[str, ...]
    unsolved: tuple[str, ...]
    reference: str
    performances: tuple[Performance, ...]


def profile(
    steps: Mapping[str, ArrayLike], configs: Sequence[str], reference: str | None = None
) -> Profile:
    """Summarize steps to target (K,), the median in each of K configs, by label.

    inf where the target was not reached. reference: a label, by default the first. Where
    no config is solved there are no performances.
    """
    labels = list(steps)
    over = labels[0] if reference is None else reference
    times = np.stack([_steps(steps[label]) for label in labels])
    solved = np.isfinite(times).any(axis=0)
    times = times[:, solved]
    ratios = times / times.min(axis=0)
    less = (times[None] < times[:, None]).sum(axis=1)
    equal = (times[None] == times[:, None]).sum(axis=1)
    ranks = less + (equal + 1) / 2
    with np.errstate(invalid="ignore"):
        speed = times[labels.index(over)] / times
    speed = np.where(np.isnan(speed), 1.0, np.clip(speed, 1 / CAP, CAP))  # NaN: neither solved
    performances = [
        Performance(
            label=label,
            ratios=tuple(ratios[row].tolist()),
            score=float(np.mean(CAP - np.minimum(ratios[row], CAP)) / (CAP - 1)),
            average_rank=float(np.mean(ranks[row])),
            speed_up=float(np.exp(np.mean(np.log(speed[row])))),
        )
        for row, label in enumerate(labels)
        if solved.any()
    ]
    return Profile(
        configs=tuple(c for c, is_solved in zip(configs, solved, strict=True) if is_solved),
        unsolved=tuple(c for c, is_solved in zip(configs, solved, strict=True) if not is_solved),
        reference=over,
        performances=tuple(performances),
    )


# Values, and their infinities


def _checked(values: ArrayLike) -> Array:
    """Values (n,) as float64."""
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or not len(x):
        raise ValueError(f"values of shape {x.shape}; one for each seed is needed")
    if np.any(np.isnan(x) | (x == -np.inf)):
        raise ValueError("a value is NaN or -inf; a run that diverged has inf")
    return x


def _steps(values: ArrayLike) -> Array:
    """Steps to the target as float64: at least 1, or inf."""
    x = _checked(values)
    if np.any(x < 1):
        raise ValueError("a target is reached after 1 step at the earliest")
    return x


def _balanced(x: Array) -> Array:
    """The same with 0 for NaN, which is what infinities that cancel have left."""
    return np.where(np.isnan(x), 0.0, x)


def _middle(x: Array, y: Array) -> Array:
    """(x + y)/2, halved first: sums of large numbers stay finite. (+inf) + (−inf) = 0."""
    with np.errstate(invalid="ignore"):
        return _balanced(x / 2 + y / 2)


def _median(ordered: Array) -> Array:
    """The median over the last axis of sorted values, infinite ones allowed."""
    n = ordered.shape[-1]
    return _middle(ordered[..., (n - 1) // 2], ordered[..., n // 2])
