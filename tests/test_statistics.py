"""What may be said of final runs: exact, honest, and with the power that is stated."""

import itertools
import math
import statistics as plain
import time
from dataclasses import dataclass

import numpy as np
import pytest

from optcli import config
from optcli.comparison import verdict
from optcli.comparison.across import ALL, across, sum_distribution
from optcli.comparison.crossfit import epochs_of, folds, value
from optcli.comparison.power import default_seeds
from optcli.comparison.profile import profile
from optcli.comparison.ranking import Family, Ranking, median_interval, median_ranks, rank
from optcli.comparison.several_problems import claims
from optcli.comparison.signed_rank import (
    critical,
    differences,
    distribution,
    fewest_seeds,
    pair,
    pairs_of,
    signed_rank,
)
from optcli.comparison.step_time import relative_step_times, rounds, steady
from optcli.comparison.targets import band, default_targets, expected_steps, steps_to_target
from optcli.comparison.tuning_curve import chances, expected_best
from optcli.comparison.verdict import sentence
from optcli.data.preparation import Part
from optcli.optimizers.sgd import SGD
from tests.for_each import for_each
from tests.studies import aliases

INF = math.inf
TIMES = 1000
# 5 % and three standard errors of a rate from 1,000 tries
MOST_FALSE = 71


def normal(rng, shape):
    return rng.normal(size=shape)


def heavy(rng, shape):
    return rng.standard_t(3, size=shape)


def skewed(rng, shape):
    return rng.lognormal(size=shape)


def diverging(rng, shape):
    return np.where(rng.random(shape) < 0.1, INF, rng.normal(size=shape))


def one_noisier(rng, shape):
    values = rng.normal(size=shape)
    values[:, 0] *= 5
    return values


NOISES = [normal, heavy, skewed, diverging, one_noisier]


def all_pairs(values):
    """Signed-rank results (S, m) of simulated comparisons, values (S, k, n)."""
    first, second = np.triu_indices(values.shape[1], 1)
    return signed_rank(differences(values[:, first], values[:, second]), len(first))


def leaves_zero(found):
    return (found.ci_low > 0) | (found.ci_high < 0)


# The signed-rank distribution


@pytest.mark.parametrize("n", [1, 2, 5, 10])
def test_distribution_counts_all_signs(n):
    sums = [
        sum(rank for rank, sign in enumerate(signs, 1) if sign)
        for signs in itertools.product([0, 1], repeat=n)
    ]
    counted = [sum(s <= t for s in sums) / 2**n for t in range(n * (n + 1) // 2 + 1)]
    np.testing.assert_allclose(distribution(n), counted, rtol=1e-14)


def test_critical_is_the_last_that_keeps_the_level():
    # tables of the two-sided signed-rank test at 5 %
    tabled = {5: -1, 6: 0, 7: 2, 8: 3, 9: 5, 10: 8, 12: 13, 15: 25, 20: 52, 25: 89, 30: 137}
    assert {n: critical(n, 1) for n in tabled} == tabled


def test_fewest_seeds_that_can_show_anything():
    table = {2: 6, 3: 7, 4: 8, 5: 9, 6: 10, 7: 10, 8: 11, 9: 11, 10: 11}
    assert {k: fewest_seeds(pairs_of(k)) for k in table} == table
    for m in (1, 2, 3, 4, 10, 28, 1000):
        n = fewest_seeds(m)
        one_sided = np.arange(1.0, n + 1)
        assert pair(-one_sided, 0 * one_sided, m).verdict == "a"
        assert pair(-one_sided[1:], 0 * one_sided[1:], m).verdict == "tied"


def test_default_seeds_can_show_something():
    assert [default_seeds(pairs_of(k)) for k in (2, 3, 4, 5, 8)] == [10, 15, 15, 20, 20]
    assert all(default_seeds(pairs_of(k)) > fewest_seeds(pairs_of(k)) for k in range(2, 50))


# One pair


def test_p_equals_scipys_exact_wilcoxon():
    scipy_stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(1)
    for _ in range(300):
        n = rng.integers(4, 30)
        a, b = rng.normal(size=n) - rng.choice([0, 0.5, 1.5]), rng.normal(size=n)
        expected = scipy_stats.wilcoxon(a, b, method="exact").pvalue
        assert pair(a, b).p_value == pytest.approx(expected, rel=1e-12, abs=1e-12)
        assert pair(a, b, 6).p_value == pytest.approx(min(1, 6 * expected), rel=1e-12, abs=1e-12)


def test_estimate_and_interval_of_a_textbook():
    # Hollander, Wolfe: Nonparametric Statistical Methods, examples 3.1, 3.3 and 3.4
    before = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30]
    after = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29]
    found = pair(after, before)
    assert found.difference == pytest.approx(-0.46)
    assert (found.ci_low, found.ci_high) == (pytest.approx(-0.786), pytest.approx(-0.010))
    assert found.p_value == pytest.approx(2 * 10 / 2**9)
    assert (found.verdict, found.better_in, found.seeds) == ("a", 7 / 9, 9)
    assert found.sd == pytest.approx(plain.stdev(x - y for x, y in zip(after, before, strict=True)))


def test_estimate_and_interval_are_walsh_averages():
    rng = np.random.default_rng(2)
    for m, n in itertools.product([1, 6, 28], [6, 11, 14, 21]):
        a, b = rng.normal(size=(2, n))
        d = list(a - b)
        walsh = sorted((d[s] + d[t]) / 2 for s in range(n) for t in range(s, n))
        chances = [plain_chance(n, q) for q in range(n * (n + 1) // 4)]
        q = sum(2 * m * chance <= 0.05 for chance in chances) - 1
        found = pair(a, b, m)
        assert found.difference == pytest.approx(plain.median(walsh), rel=1e-12)
        low, high = (walsh[q], walsh[-1 - q]) if q >= 0 else (-INF, INF)
        assert found.ci_low == pytest.approx(low, rel=1e-12)
        assert found.ci_high == pytest.approx(high, rel=1e-12)


def plain_chance(n, most):
    """P(T ≤ most), by whole numbers."""
    ways = [1] + [0] * most
    for place in range(1, n + 1):
        for t in range(most, place - 1, -1):
            ways[t] += ways[t - place]
    return sum(ways) / 2**n


def test_p_and_interval_never_disagree():
    rng = np.random.default_rng(3)
    claims = 0
    for _ in range(200):
        n, m = int(rng.integers(5, 22)), int(rng.choice([1, 3, 6, 28]))
        width = rng.integers(1, 5)
        a, b = rng.integers(-width, width + 1, size=(2, 100, n)).astype(float)
        a += rng.integers(0, 4, size=(100, 1))  # some of them truly differ
        a[rng.random(a.shape) < 0.1] = INF
        b[rng.random(b.shape) < 0.1] = INF
        found = signed_rank(differences(a, b), m)
        np.testing.assert_array_equal(found.p_value <= 0.05, leaves_zero(found))
        claims += int(leaves_zero(found).sum())
    assert 2_000 < claims < 18_000


def test_a_pair_turned_around_says_the_same():
    rng = np.random.default_rng(4)
    for noise in NOISES:
        for values in noise(rng, (20, 2, 10)) - np.array([[0], [1]]):
            one, other = pair(*values, 3), pair(*values[::-1], 3)
            assert one.difference == -other.difference
            assert (one.ci_low, one.ci_high) == (-other.ci_high, -other.ci_low)
            assert (one.p_value, one.sd) == (other.p_value, other.sd)
            assert one.better_in == pytest.approx(1 - other.better_in)
            assert one.diverged == other.diverged[::-1]
            assert {"a": "b", "b": "a", "tied": "tied"}[one.verdict] == other.verdict


def test_many_pairs_at_once_are_the_same_pairs():
    values = diverging(np.random.default_rng(5), (10, 4, 12))
    found = all_pairs(values)
    for row, simulated in enumerate(values):
        for column, (a, b) in enumerate(itertools.combinations(simulated, 2)):
            one = pair(a, b, 6)
            assert one.difference == found.difference[row, column]
            assert one.ci_low == found.ci_low[row, column]
            assert one.ci_high == found.ci_high[row, column]
            assert one.p_value == found.p_value[row, column]


def test_ties_of_rounded_numbers_are_ties():
    rng = np.random.default_rng(6)
    for _ in range(500):
        right = rng.integers(9, 31, size=(2, 12))  # of 30 rows
        whole, share = pair(*right), pair(*(right / 30))
        assert share.p_value == whole.p_value
        assert share.verdict == whole.verdict
        assert share.difference == pytest.approx(whole.difference / 30, abs=1e-15)


def test_a_rare_large_difference_hides_no_small_ones():
    d = np.array([-1e12, *(-1e-6 * np.arange(1, 10))])
    assert pair(d, 0 * d).verdict == "a"


def test_diverged_runs_are_worse_than_everything_and_equal_among_themselves():
    both = pair([INF] * 10, [INF] * 10)
    assert (both.difference, both.better_in, both.verdict) == (0, 0.5, "tied")
    assert (both.p_value, both.sd, both.diverged) == (1, None, (10, 10))
    lost = pair([1e300] * 10, [INF] * 10)
    assert (lost.difference, lost.better_in, lost.verdict) == (-INF, 1, "a")
    assert (lost.ci_low, lost.ci_high, lost.diverged) == (-INF, -INF, (0, 10))
    cancelled = pair([INF, 1.0], [1.0, INF])
    assert (cancelled.difference, cancelled.better_in) == (0, 0.5)


@pytest.mark.parametrize(("diverged", "finite"), [(2, True), (3, True), (4, False)])
def test_the_estimate_bears_29_percent_of_diverged_runs(diverged, finite):
    a, b = np.linspace(0, 1, 10), np.linspace(1, 2, 10)
    b[:diverged] = INF
    found = pair(a, b)
    assert math.isfinite(found.difference) == finite
    assert found.ci_low == -INF
    assert found.verdict == "a"


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([1, 2], [1, 2, 3]),
        ([], []),
        ([1, math.nan], [1, 2]),
        ([1, -INF], [1, 2]),
        ([[[1]]], [[[1]]]),
    ],
)
def test_values_that_are_no_pair_are_refused(a, b):
    with pytest.raises(ValueError, match=r"seed|diverged"):
        pair(a, b)


# Simulated comparisons


@pytest.mark.parametrize(
    "k", [2, 4, pytest.param(8, marks=pytest.mark.long)], ids=lambda k: f"{k} entries"
)
@for_each("noise", NOISES)
def test_equals_are_rarely_told_apart_and_intervals_hold(noise, k):
    rng = np.random.default_rng([7, k])
    values = noise(rng, (TIMES, k, default_seeds(pairs_of(k))))
    assert leaves_zero(all_pairs(values)).any(axis=1).sum() <= MOST_FALSE
    shift = rng.normal(size=k)
    first, second = np.triu_indices(k, 1)
    found, true = all_pairs(values + shift[:, None]), shift[first] - shift[second]
    covered = (found.ci_low <= true) & (true <= found.ci_high)
    assert covered.all(axis=1).sum() >= TIMES - MOST_FALSE


@pytest.mark.parametrize("rate", [0.5, 0.9])
def test_equals_that_mostly_diverge_are_rarely_told_apart(rate):
    rng = np.random.default_rng(8)
    values = np.where(rng.random((TIMES, 4, 15)) < rate, INF, rng.normal(size=(TIMES, 4, 15)))
    assert leaves_zero(all_pairs(values)).any(axis=1).sum() <= MOST_FALSE


# One optimizer better than all others by `effect` standard deviations of a paired
# difference: how often one of its pairs is found, and how often all are, from 4,000
# simulations (2,000 for k = 8) that were made apart from this code.
POWERS = [
    (10, 2, 0.5, 0.28, 0.28),
    (10, 2, 1.0, 0.77, 0.77),
    (10, 2, 1.5, 0.98, 0.98),
    (10, 4, 0.5, 0.06, 0.00),
    (10, 4, 1.0, 0.39, 0.12),
    (10, 4, 1.5, 0.80, 0.56),
    (10, 4, 2.0, 0.97, 0.91),
    (10, 8, 2.0, 0.00, 0.00),
    (15, 4, 0.5, 0.16, 0.02),
    (15, 4, 1.0, 0.75, 0.52),
    (15, 4, 1.5, 0.99, 0.96),
    (20, 4, 0.5, 0.27, 0.07),
    (20, 4, 1.0, 0.92, 0.80),
    (20, 8, 0.5, 0.12, 0.00),
    (20, 8, 1.0, 0.75, 0.33),
    (20, 8, 1.5, 0.99, 0.96),
]


@for_each(("n", "k", "effect", "one", "every"), POWERS)
def test_power(n, k, effect, one, every):
    values = np.random.default_rng([9, n, k]).normal(size=(TIMES, k, n)) / math.sqrt(2)
    values[:, 0] -= effect
    found = signed_rank(differences(values[:, :1], values[:, 1:]), pairs_of(k)).ci_high < 0
    for rate, expected in ((found[:, 0].mean(), one), (found.all(axis=1).mean(), every)):
        # three standard errors of ours and of theirs, and their rounding
        error = math.sqrt(expected * (1 - expected) * (1 / TIMES + 1 / 2000))
        assert rate == pytest.approx(expected, abs=3 * error + 0.01)


# Several finalists


def finalists(rng):
    """The values (F, n) of the finalists of two optimizers, with ties and infinities."""
    n, ours, theirs = int(rng.integers(5, 13)), *rng.integers(1, 4, 2)
    values = rng.normal(rng.choice([0, 1.5]), 1, (ours + theirs, n))
    values[:ours] -= rng.choice([0, 0.7, 2])
    if rng.random() < 0.5:
        values = np.round(values)
    values[rng.random(values.shape) < rng.choice([0, 0.2])] = INF
    return values[:ours], values[ours:]


def test_with_one_finalist_each_it_is_the_plain_pair():
    rng = np.random.default_rng(20)
    a, b = rng.normal(size=(2, 10))
    plain, same = pair(a, b, 3), pair(np.stack([a, a]), np.stack([b, b, b]), 3)
    for name in ("difference", "ci_low", "ci_high", "p_value", "better_in", "verdict"):
        assert getattr(plain, name) == getattr(same, name)


def test_the_winner_beats_each_finalist_of_the_rival():
    rng, decided = np.random.default_rng(21), 0
    for _ in range(300):
        a, b = finalists(rng)
        found = pair(a, b, m := int(rng.integers(1, 4)))
        ours = [pair(a[0], each, m).verdict == "a" for each in b]
        theirs = [pair(each, b[0], m).verdict == "b" for each in a]
        expected = "a" if all(ours) else "b" if all(theirs) else "tied"
        assert found.verdict == expected
        decided += expected != "tied"
        assert (found.p_value <= 0.05) == (expected != "tied")
        assert (found.ci_high < 0 or found.ci_low > 0) == (expected != "tied")
        assert found.ci_low <= found.difference <= found.ci_high
    assert decided > 30


def test_p_over_finalists_equals_scipys_one_sided_tests():
    scipy = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(22)
    for _ in range(50):
        a, b = rng.normal(0, 1, (2, 9)), rng.normal(1, 1, (3, 9))
        less = [scipy.wilcoxon(a[0] - r, alternative="less", method="exact").pvalue for r in b]
        more = [scipy.wilcoxon(r - b[0], alternative="greater", method="exact").pvalue for r in a]
        expected = min(1.0, 2 * 6 * min(max(less), max(more)))
        assert pair(a, b, 6).p_value == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("n", [10, 15])
def test_equals_of_three_finalists_are_rarely_told_apart(n):
    rng, claims = np.random.default_rng([23, n]), 0
    for _ in range(TIMES):
        a, b = rng.normal(size=(2, 3, n))
        claims += pair(a, b).verdict != "tied"
    assert claims <= MOST_FALSE


def test_an_optimizer_tuned_four_times_is_rarely_told_from_itself():
    """The U-curve of tests/studies/aliases.py, which has real tables, too."""
    rng = np.random.default_rng(26)
    families = [aliases.family(*aliases.curve(100, rng), rng) for _ in range(100)]
    claims = [any(p.verdict != "tied" for p in rank(own).pairs.values()) for own in families]
    assert np.mean(claims) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 100)


# Cross-fit


def test_cross_fit_measures_where_the_others_are_lowest():
    rng = np.random.default_rng(24)
    for _ in range(100):
        losses, shares = rng.normal(size=(6, 4)), rng.uniform(1, 2, 4)
        expected = 0.0
        for k in range(4):
            others = [j for j in range(4) if j != k]
            means = [sum(row[j] * shares[j] for j in others) for row in losses]
            expected += shares[k] * losses[int(np.argmin(means)), k] / shares.sum()
        assert value(losses, shares) == pytest.approx(expected, rel=1e-12)


def test_cross_fit_of_noise_is_no_better_than_noise():
    """The lowest of 30 noisy epochs is 2 deviations below the mean; the cross-fit value is not."""
    rng = np.random.default_rng(25)
    found = [value(rng.normal(size=(30, 4)), np.ones(4)) for _ in range(2000)]
    assert abs(np.mean(found)) < 4 * 0.5 / math.sqrt(2000)


def test_epochs_that_are_not_finite_do_not_count():
    losses = np.array([[3.0, 3, 3, 3], [1, 1, INF, 1], [math.nan, 0, 0, 0], [2, 2, 2, 2]])
    chosen, there = epochs_of(np.stack([losses, np.full((4, 4), INF)]), np.ones((2, 4)))
    assert chosen[0].tolist() == [3, 3, 3, 3]
    assert there.tolist() == [True, False]
    assert value(losses, np.ones(4)) == 2
    assert value(np.full((2, 4), INF), np.ones(4)) == INF
    assert value(np.array([[2.0], [1.0]]), np.ones(1)) == 1


def test_folds_are_stratified_and_follow_the_seed():
    part = Part(np.zeros((41, 1)), np.array([0] * 20 + [1] * 21))
    own = folds(part, 7)
    assert sorted(np.concatenate(own).tolist()) == list(range(41))
    for rows in own:
        assert np.bincount(part.y[rows]).tolist() in ([5, 5], [5, 6])
    assert [each.tolist() for each in folds(part, 7)] == [each.tolist() for each in own]
    assert [each.tolist() for each in folds(part, 8)] != [each.tolist() for each in own]
    assert [len(rows) for rows in folds(Part(np.zeros((3, 1)), np.zeros(3, int)), 0)] == [1, 1, 1]


# Medians


@pytest.mark.parametrize(
    ("n", "first", "last", "coverage"),
    [
        (5, 1, 5, 0.9375),
        (6, 1, 6, 0.969),
        (10, 2, 9, 0.979),
        (15, 4, 12, 0.965),
        (20, 6, 15, 0.959),
    ],
)
def test_median_ranks(n, first, last, coverage):
    assert median_ranks(n) == (first, last, pytest.approx(coverage, abs=5e-4))
    values = np.random.default_rng(n).permutation(np.arange(1.0, n + 1))
    found = median_interval(values)
    assert (found.low, found.high, found.median) == (first, last, (n + 1) / 2)


def test_median_ranks_hold_their_level_and_are_the_narrowest():
    for n, level in itertools.product(range(1, 60), (0.5, 0.8, 0.95, 0.99)):
        first, last, coverage = median_ranks(n, level)
        inside = sum(math.comb(n, i) for i in range(first, last)) / 2**n
        assert coverage == pytest.approx(inside, abs=1e-12)
        assert coverage >= level or first == 1
        narrower = sum(math.comb(n, i) for i in range(first + 1, last - 1)) / 2**n
        assert narrower < level


def test_median_bears_infinities():
    found = median_interval([3, INF, 1, 2, INF, INF])
    assert (found.median, found.low, found.high) == (INF, 1, INF)
    assert median_interval([1, 2, INF]).median == 2
    assert median_interval([INF] * 4).low == INF


# Comparisons


def test_ranks_ties_and_order():
    rng = np.random.default_rng(11)
    noise = rng.normal(size=(4, 15))
    values = {
        "bad": 10 + noise[0],
        "good": noise[1],
        "equal": noise[2] + 0.05,
        "broken": np.full(15, INF),
    }
    found = rank(values)
    assert {s.label: s.rank for s in found.standings} == {
        "good": 1,
        "equal": 1,
        "bad": 3,
        "broken": 4,
    }
    first, second, third, last = found.standings
    assert first.median <= second.median
    assert (first.tied_with, second.tied_with) == ((second.label,), (first.label,))
    assert (third.label, third.tied_with, last.tied_with) == ("bad", (), ())
    assert (last.diverged, last.median) == (15, INF)
    order = [s.label for s in found.standings]
    assert list(found.pairs) == list(itertools.combinations(order, 2))
    for (a, b), one in found.pairs.items():
        assert one == pair(values[a], values[b], 6)
    for standing in found.standings:
        assert standing.values == tuple(values[standing.label])
        interval = median_interval(values[standing.label])
        assert (standing.ci_low, standing.ci_high) == (interval.low, interval.high)


def test_who_is_beaten_stands_below_whatever_the_medians():
    better = np.arange(1.0, 16)
    worse = better + 0.01
    worse[8] = 7.5  # in this one seed better, and so by the median
    found = rank({"worse": worse, "better": better})
    assert np.median(worse) < np.median(better)
    assert [(s.label, s.rank) for s in found.standings] == [("better", 1), ("worse", 2)]


def test_the_order_given_changes_nothing():
    values = {f"o{i}": own for i, own in enumerate(diverging(np.random.default_rng(12), (5, 20)))}
    turned = dict(reversed(values.items()))
    one, other = rank(values), rank(turned)
    assert one.pairs == other.pairs
    assert [s.label for s in one.standings] == [s.label for s in other.standings]


def test_one_optimizer_stands_alone():
    found = rank({"adam": [1.0, 2.0, 3.0]})
    assert found.standings[0].rank == 1
    assert found.pairs == {}


# Sentences

LR = {"adam": "lr 0.01", "sgd": "lr 0.3"}


def test_sentence_of_a_winner():
    d = np.array([-0.003, 0.012, 0.021, 0.029, 0.031, 0.032, 0.034, 0.041, 0.050, 0.060])
    one = pair(0 * d, d)
    assert one.better_in == 0.9
    said = sentence(rank({"sgd": 0.2 + d, "adam": 0 * d + 0.2}), LR)
    low, high = (f"{-end:#.2g}" for end in (one.ci_high, one.ci_low))
    assert said == (
        "adam (lr 0.01) beats sgd (lr 0.3): test loss lower by 0.031 "
        f"[{low}, {high}], better in 9 of 10 seeds."
    )
    # an accuracy is compared with its sign turned
    said = sentence(rank({"sgd": d, "adam": 0 * d}), quantity="accuracy", higher=True)
    assert said.startswith("adam beats sgd: accuracy higher by 0.031 [")


def test_sentence_says_infinite_ends_and_half_seeds():
    d = np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, INF]) + 0.0
    said = sentence(rank({"adam": 0 * np.arange(10.0), "sgd": d}))
    assert said == (
        "adam beats sgd: test loss lower by 4.5 [2.0, inf], "
        "better in 9.5 of 10 seeds, counting each tie as half."
    )


def test_sentence_names_the_winner_where_it_stands_second():
    # so it may be where three beat each other in a circle
    good, bad = np.arange(10.0), np.arange(10.0) + 0.5
    bad[0] -= 0.75
    found = rank({"good": good, "bad": bad})
    circle = Ranking(found.standings[::-1], {("bad", "good"): pair(bad, good)})
    assert sentence(circle) == sentence(found)
    assert sentence(found).startswith("good beats bad: test loss lower by 0.50 [")
    assert sentence(found).endswith("better in 9 of 10 seeds.")


def test_sentence_of_a_tie():
    # differences of standard deviation 0.02 around 0
    d = np.array([-1, 1] * 5) * 0.02 * math.sqrt(9 / 10)
    assert sentence(rank({"adam": 0.2 + d, "sgd": 0 * d + 0.2}), LR) == (
        "no difference shown between adam (lr 0.01) and sgd (lr 0.3); "
        "any difference in test loss lies within [-0.019, 0.019]."
    )
    three = rank({"adam": 0.2 + d, "sgd": 0 * d + 0.2, "lion": 9 + d})
    assert sentence(three, LR).startswith("no difference shown between adam (lr 0.01) and sgd (")
    rivals = {"sgd": ["lr 0.3", "lr 1", "lr 0.1"], "adam": ["lr 0.01"]}
    said = sentence(rank({"adam": 0.2 + d, "sgd": 9 + 0 * d}), LR, rivals=rivals)
    assert said.startswith(
        "adam (lr 0.01) beats sgd at each of its three best learning rates (0.3, 1, 0.1): "
    )
    rivals = {"sgd": ["lr 0.3, momentum 0.9", "lr 1"]}
    said = sentence(rank({"adam": 0.2 + d, "sgd": 9 + 0 * d}), LR, rivals=rivals)
    assert said.startswith("adam (lr 0.01) beats sgd at each of its two best settings: ")


def test_medians_that_contradict_the_difference_are_said_to():
    # skewed: the median of each is one thing, that of the differences another
    a = np.array([0, 0, 0, 0, 0, 0, 9, 9, 9, 9, 9.0])
    b = a + np.array([1, 1, 1, 1, 1, 1, -8.9, -8.9, -8.9, -8.9, -8.9])
    found = rank({"a": a, "b": b})
    assert "the medians differ in the opposite direction" in sentence(found)


def test_sentence_of_diverged_runs():
    fine = np.linspace(0.1, 0.2, 10)
    bad = np.where(np.arange(10) < 6, INF, fine)
    assert sentence(rank({"sgd": bad, "adam": fine + 1e-3}), LR) == (
        "sgd diverged in 6 of 10 seeds; no difference is shown."
    )
    assert sentence(rank({"sgd": bad, "adam": fine - 1e-3}), LR) == (
        "adam (lr 0.01) beats sgd (lr 0.3): sgd diverged in 6 of 10 seeds."
    )
    adam = fine + 1e-3 * np.array([1, -1] * 5)
    adam[0] = INF
    both = rank({"sgd": np.where(np.arange(10) < 2, INF, fine), "adam": adam})
    assert sentence(both) == (
        "no difference shown between adam and sgd; sgd diverged in 2 of 10 seeds, adam in 1."
    )


def test_sentence_of_too_few_seeds_or_none_that_differ():
    said = sentence(rank({"sgd": np.arange(5.0), "adam": np.arange(5.0) + 1}))
    assert said == (
        "no difference shown between sgd and adam; 5 seeds are too few to show one, 6 are the "
        "fewest."
    )
    assert sentence(rank({"a": np.ones(10), "b": np.ones(10)})) == (
        "no difference shown between a and b; any difference in test loss lies within [0.0, 0.0]."
    )


@for_each(
    ("size", "text"),
    [
        (0.05, "0.050"),
        (0.0996, "0.10"),
        (1.24e-5, "1.2e-05"),
        (1, "1.0"),
        (12.3, "12"),
        (99.6, "100"),
        (345.4, "345"),
        (2e7, "2.0e+07"),
        (INF, "inf"),
    ],
)
def test_sizes_have_two_digits(size, text):
    assert verdict._digits(size) == text


# Steps to a target


def test_steps_to_target_is_the_first_evaluation_that_reached_it():
    steps, losses = [10, 20, 30, 40], [0.9, 0.4, 0.6, 0.3]
    assert steps_to_target(steps, losses, 0.4) == 20
    assert steps_to_target(steps, losses, 0.35) == 40
    assert steps_to_target(steps, losses, 0.1) == INF
    assert steps_to_target([10, 20], [math.nan, INF], 0.1) == INF
    assert steps_to_target([], [], 0.1) == INF


def test_targets_lie_nine_tenths_of_the_way_and_further():
    found = default_targets([2.0, 2.2, 1.9, 2.1], [0.5, 0.05, INF])
    assert found == pytest.approx((0.25, 0.11, 0.07))
    assert default_targets([-1.0], [-3.0]) == pytest.approx((-2.8, -2.94, -2.98))
    assert default_targets([1.0], [1.5, INF]) == ()
    assert default_targets([INF, INF, 1.0], [0.1]) == ()


def test_the_expected_running_time_counts_the_steps_of_those_who_failed():
    assert expected_steps([10, INF, 20], [100, 100, 50]) == (10 + 100 + 20) / 2
    assert expected_steps([INF, INF], [100, 100]) == INF


def test_band_of_learning_rates():
    means = {1e-3: 0.9, 1e-2: 0.14, 3e-2: 0.1, 1e-1: 0.12, 1.0: 0.6, 10.0: INF}
    found = band(means, start=1.1)  # within 0.15
    assert (found.low, found.high) == (1e-2, 1e-1)
    assert found.decades == pytest.approx(1)
    assert band({0.1: -2.0, 0.01: -1.96, 0.001: -1.9}, start=-1.0).low == 0.01
    beyond = {1e-2: 0.1, 1e-1: 0.9, 1.0: 0.1}
    assert band(beyond, 1.0).decades == 0
    assert band({0.1: 1.0, 0.2: 1.2}, start=1.0) is None
    assert band({0.1: INF}, start=1.0) is None


# Several configs


def test_profile_by_hand():
    steps = {
        "adam": [10, 100, INF, 40, INF],
        "sgd": [20, 50, INF, 400, 30],
        "lion": [20, INF, INF, 40, 60],
    }
    found = profile(steps, ["a", "b", "c", "d", "e"])
    assert (found.configs, found.unsolved) == (("a", "b", "d", "e"), ("c",))
    assert found.ratios["adam"] == (1, 2, 1, INF)
    assert found.ratios["sgd"] == (2, 1, 10, 1)
    np.testing.assert_array_equal(found.height("adam", [1, 2, 4]), [0.5, 0.75, 0.75])
    np.testing.assert_array_equal(found.height("sgd", [1, 1.99, 4, 10]), [0.5, 0.5, 0.75, 1])
    with pytest.raises(ValueError, match="after 1 step"):
        profile({"a": [0, 10], "b": [10, 10]}, ["x", "y"])
    nothing = profile({"a": [INF], "b": [INF]}, ["x"])
    assert (nothing.unsolved, nothing.ratios) == (("x",), {})


def test_the_sum_of_signed_ranks_is_that_of_all_signs():
    signs = np.array(list(itertools.product([0, 1], repeat=7)))
    sums = signs @ np.array([1, 2, 3, 1, 2, 3, 4])  # ranks of three seeds, and of four
    chance = [np.mean(sums <= t) for t in range(17)]
    np.testing.assert_allclose(sum_distribution((3, 4)), chance, atol=1e-15)


def test_one_config_without_ties_is_the_signed_rank_test():
    rng = np.random.default_rng(5)
    for n in (6, 10, 15):
        a, b = rng.normal(size=n), rng.normal(size=n) + 0.5
        for m in (1, 3):
            one, other = across([a], [b], m), pair(a, b, m)
            assert one.p_value == pytest.approx(other.p_value, abs=1e-12)
            assert (one.verdict, one.better_in) == (other.verdict, other.better_in)


def test_limits_of_one_config_are_wilsons():
    a = np.where(np.arange(10) < 7, 0.0, 2.0)
    found = across([a], [np.ones(10)])
    stats = pytest.importorskip("scipy.stats")
    limits = stats.binomtest(7, 10).proportion_ci(method="wilson")
    assert (found.ci_low, found.ci_high) == pytest.approx(tuple(limits), abs=1e-12)


def test_a_pair_turned_round_is_the_same():
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=(7, 2, 10)), rng.normal(size=(7, 3, 10)) + 1
    one, other = across(list(a), list(b)), across(list(b), list(a))
    assert (one.verdict, other.verdict) == ("a", "b")
    assert one.p_value == other.p_value
    assert one.ci_low == pytest.approx(1 - other.ci_high, abs=1e-12)
    assert one.new.p_value == other.new.p_value
    assert one.new.ci_low == pytest.approx(1 - other.new.ci_high, abs=1e-12)


def test_several_configs_need_each_of_the_rivals_finalists():
    """As good as the rival's second finalist, much better than its chosen one: nothing is shown."""
    rng = np.random.default_rng(5)
    a = rng.normal(size=(6, 15))
    b = np.stack([rng.normal(size=(6, 15)) + 3, rng.normal(size=(6, 15))], axis=1)
    found = across(list(a), list(b))
    assert found.verdict == "tied"
    assert found.better_in > 0.9
    assert found.ci_low < 0.6
    assert across(list(a), list(b[:, :1])).verdict == "a"


def test_ties_and_infinities_of_several_configs():
    same = np.ones(10)
    assert across([same] * 3, [same] * 3).p_value == 1
    better = np.arange(10.0)
    with_ties = across([better, same, same], [better + 1, same, same])
    assert with_ties.verdict == "tied", "what ties counts half"
    gone = np.full(10, INF)
    assert across([better, gone], [gone, gone]).verdict == "tied"
    assert across([better] * 2, [gone] * 2).verdict == "a"


def test_new_configs_take_six_and_the_same_claim_on_these():
    a, b = np.arange(10.0), np.arange(10.0) + 1 + np.linspace(0, 0.1, 10)
    assert across([a] * 5, [b] * 5).new is None
    six = across([a] * 6, [b] * 6, ALL).new
    assert (six.verdict, six.better_in) == ("a", 1)
    assert six.p_value == pytest.approx(2 * ALL / 64)
    # more often than not a little better in each: shown of new ones, were it of these
    some = np.where(np.arange(10) < 6, -1.0, 1.0) * (1 + np.arange(10) / 100)
    found = across([some] * 6, [np.zeros(10)] * 6)
    assert (found.verdict, found.new.p_value, found.new.verdict) == ("tied", 2 / 64, "tied")


@pytest.mark.parametrize(
    ("configs", "power"), [(3, 0.78), pytest.param(6, 0.96, marks=pytest.mark.long)]
)
def test_level_power_and_coverage_of_several_configs(configs, power):
    rng = np.random.default_rng(5)
    times, n = 300, 15
    claimed, found, covered = 0, 0, 0
    chance = plain.NormalDist().cdf(0.5)
    for _ in range(times):
        d = rng.normal(size=(configs, n))
        zero = np.zeros((configs, n))
        claimed += across(list(d), list(zero)).verdict != "tied"
        better = across(list(d - 0.5), list(zero))
        found += better.verdict == "a"
        covered += better.ci_low <= chance <= better.ci_high
    error = math.sqrt(0.05 * 0.95 / times)
    assert claimed / times <= 0.05 + 2 * error
    assert claimed / times >= 0.05 - 3 * error, "so cautious a test has lost its level"
    assert found / times >= power
    assert 0.9 <= covered / times <= 0.995


def test_all_claims_of_equals_on_several_configs_hold_together():
    """Three entries on six configs: any claim, about one, all or new ones, in at most 5 %."""
    rng = np.random.default_rng(5)
    times, titles = 40, [f"c{i}" for i in range(6)]
    claimed = claims({title: ["a", "b", "c"] for title in titles}, 15)
    false = 0
    for _ in range(times):
        d = rng.normal(size=(6, 3, 15))
        single = [rank(dict(zip("abc", own, strict=True)), claimed.single) for own in d]
        false += any(p.verdict != "tied" for r in single for p in r.pairs.values()) or any(
            across(list(d[:, i]), list(d[:, j]), claimed.correction).verdict != "tied"
            for i, j in ((0, 1), (0, 2), (1, 2))
        )
    assert false / times <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / times)


def test_seeds_follow_the_claims_and_too_many_are_left_to_a_reference():
    def of(k, configs, seeds=None):
        return claims({f"c{i}": [f"o{j}" for j in range(k)] for i in range(configs)}, seeds)

    assert [of(*size).seeds for size in ((2, 2), (2, 3), (2, 12), (60, 12))] == [15, 20, 20, 20]
    assert of(2, 12).reference is None
    assert of(2, 12).single.correction == 36
    assert of(3, 12).correction == 4.5
    full = of(60, 12)
    assert full.reference == "o0"
    assert full.single.correction == 3 * 59 * 12
    assert fewest_seeds(full.single.correction) <= full.seeds
    (note,) = full.notes
    assert "1,770 pairs on 12 configs" in note
    assert "tested against o0 only" in note
    assert of(60, 12, 30).reference is None, "seeds enough for all pairs"
    few = of(2, 12, 6)
    assert (few.reference, few.seeds) == (None, 6)
    assert "11 are the fewest" in few.notes[0]


def test_against_a_reference_only_its_pairs_are_tested():
    d = np.arange(20.0)
    values = {"sgd": d + 50, "adam": d, "lion": d + 100, "adamw": d + 50}
    found = rank(values, Family("sgd", 9.0))
    assert set(found.pairs) == {("adam", "sgd"), ("sgd", "adamw"), ("sgd", "lion")}
    assert [standing.label for standing in found.standings] == ["adam", "sgd", "adamw", "lion"]
    assert (
        sentence(found) == "beat sgd: adam; lost to sgd: lion; not distinguished from sgd: adamw."
    )


def test_a_price_that_does_not_repeat_is_not_given():
    assert steady([1.0, 1.1, 1.1, 1.2, 9.0]) == pytest.approx((1.1 + 1.1 + 1.2) / 3)
    assert steady([1.0, 1.0, 1.2, 1.4, 1.5]) is None
    assert steady([math.nan, 1.0, 1.0, 1.0]) is None


@dataclass(frozen=True)
class Waiting(SGD):
    """SGD that the system keeps waiting for a processor, as a busy machine does."""

    def update(self, x, g, s, lr):
        time.sleep(0.001)
        super().update(x, g, s, lr)


def test_the_price_of_a_step_does_not_count_the_time_that_other_processes_take():
    values = {"dataset": "blobs", "model": "linear", "loss": "cross_entropy", "optimizer": "sgd"}
    task = config.load(values).task()
    each = list(itertools.islice(rounds(task, Waiting(), 0.001), 3))
    assert 0 < min(each) < 0.001  # by the clock on the wall, more
    assert relative_step_times({"mine": (task, SGD())}) == {"mine": 1}


# Tuning curves


def test_the_chances_of_a_tuning_curve_are_those_of_drawing_without_replacement():
    found = chances(6)
    for b in range(1, 7):
        best = [min(drawn) for drawn in itertools.combinations(range(6), b)]
        assert found[b - 1].tolist() == [pytest.approx(best.count(i) / len(best)) for i in range(6)]


def test_a_tuning_curve_is_measured_on_seeds_that_chose_nothing():
    """Equal settings with noise: the best of many is no better than any, on other seeds."""
    noise = np.random.default_rng(0).normal(1.0, 0.1, (2000, 9, 3))
    curve = np.mean([expected_best(values, 9.0) for values in noise], axis=0)
    assert curve == pytest.approx(np.ones(9), abs=0.005)
    # settings that differ by more than their noise: the first value is the mean, the last the best
    values = np.repeat(np.array([[0.1], [0.2], [np.inf]]), 2, axis=1)
    assert expected_best(values, 0.6) == pytest.approx([0.3, (0.1 + 0.1 + 0.2) / 3, 0.1])
