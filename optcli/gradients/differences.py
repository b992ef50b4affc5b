"""Differences: finite differences of f, and whether an analytic gradient agrees.

Along a line through x, with f₊ = f(x + h) and f₋ = f(x − h):

    C = (f₊ − f₋)/2h        the central difference, whose error is h²f‴/6 and noise/h
    F = (f₊ − f₀)/h         the forward difference
    B = (f₀ − f₋)/h         the backward difference
    gap = |F − B|           h·f″ where f is smooth; independent of h at a kink

`noise` is the error of a value of f, and n = 10·noise/h a bound of its effect on a slope. A
slope is *seen* if n is so small that an error of 0.1 % would be detected. Agreement of
slopes that are not seen proves nothing.

Arrays are (L,) for lines, or (S, L) for the steps of the ladder along each. `a` is the
analytic slope.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import OptcliError
from optcli.gradients.functions import Function

EPS = float(np.finfo(np.float64).eps)
# The step that balances truncation and rounding errors, for |x| up to 1.
STEP = EPS ** (1 / 3)
# Steps for entries that it does not decide: one larger and five smaller.
LADDER = STEP * 8.0 ** np.array([1, 0, -1, -2, -3, -4, -5])
# More steps, each an eighth of the last, where the differences have not converged: as many as
# reach some 200 units in the last place of x.
MORE_STEPS, MOST_STEPS = 4, 40
# Spacings of the points at which noise is estimated. The wider ones are for functions whose
# intermediate results are rounded more coarsely: closer values may all be equal.
SPACINGS = np.array([2.0**-43, 1.3 * 2.0**-36, 2.0**-31])
# Wider still, for values of float32, or rounded ones.
WIDER = 2.0 ** np.array([-25, -19, -13, -10, -7, -4])
STAIRS = 2.0**-16  # from this spacing on, only repeated values indicate noise
DISTINCT = 6  # of the eight values that must differ for the spacing to be wide enough
# An estimate so many times larger at a wider spacing is due to the curvature of f.
BENT = 30.0
# For smaller entries the spacings are scaled in proportion.
SMALL = 1e-6
# The largest n/|slope| at which a slope is seen.
SEEN = 2e-4
# The errors of functions that do not accept complex numbers.
COMPLEX_REFUSALS = (TypeError, ValueError, np.exceptions.ComplexWarning, OptcliError)
# The relative agreement of two steps that is needed to contradict a slope.
AGREE = 0.05
SWINGS = 0.5  # how far a third step may be from the two, as a share of them
# The largest number of lines that are tried again if none was seen.
MOST_LINES = 256

RTOL = 1e-6  # relative tolerance of a central difference
OK, KINK, WRONG, UNRESOLVED = range(4)
VERDICTS = ("ok", "kink", "wrong", "unresolved")


@dataclass(frozen=True)
class Tolerance:
    """rtol: relative to the larger of both slopes. atol: added to the bound set by noise."""

    rtol: float = RTOL
    atol: float = 0.0


@dataclass(frozen=True)
class Verdicts:
    """The verdicts on L lines.

    verdict: an index into VERDICTS. numeric: the slope by differences. ratio: error divided
    by tolerance; above 1 if wrong. seen: whether the slope exceeds the noise, so that an
    error of 0.1 % would be detected.
    """

    verdict: Array
    numeric: Array
    ratio: Array
    seen: Array

    def put(self, at: Array, other: Verdicts) -> None:
        """Replace the verdicts on the lines `at`."""
        for name in ("verdict", "numeric", "ratio", "seen"):
            getattr(self, name)[at] = getattr(other, name)


def scale_of(x: Array) -> Array:
    """The scale of a step in each entry, relative to |x| = 1."""
    return np.maximum(1, np.abs(x))


def noise_of(function: Function, f0: float, random: np.random.Generator) -> float:
    """The standard error of a value of f, from fourth differences along a random line.

    Fourth differences of eight closely spaced values remove a smooth f and multiply its
    noise by √70. J. J. Moré, S. M. Wild, Estimating computational noise, 2011. At least
    half a unit in the last place of f, or of 1.
    """
    x = function.x
    size = np.abs(x)
    small = (size < SMALL) & (size > 0)
    direction = random.standard_normal(x.shape) * np.where(small, size / SMALL, scale_of(x))
    floor = EPS * max(1.0, abs(f0))

    def measured(spacings: Array) -> tuple[Array, Array]:
        t = np.outer(np.arange(8), spacings)
        values = function.along(np.repeat(direction[None], len(spacings), axis=0), t)
        found = np.sqrt(np.mean(np.diff(values, 4, axis=0) ** 2, axis=0) / 70)
        distinct = [len(set(column.tolist())) for column in values.T]
        return found, np.where(np.isfinite(found), distinct, 0)

    noise, apart, resolved = floor, False, False
    for found, distinct in zip(*measured(SPACINGS), strict=True):
        bent = resolved and found > BENT * noise
        if distinct and not bent:
            noise = max(noise, float(found))
        # differences of exactly 0 mean equal steps, not absence of noise
        resolved = resolved or (distinct >= DISTINCT and found > 0)
        apart = apart or distinct >= DISTINCT
    if apart:
        return noise
    for spacing in WIDER:
        (found,), (distinct,) = measured(np.array([spacing]))
        if distinct and (spacing < STAIRS or distinct < 8):
            noise = max(noise, float(found))
        if distinct >= DISTINCT:
            break
    return noise


def seen(n: Array, scale: Array, tolerance: Tolerance) -> Array:
    """Whether a slope of this size is seen despite noise n, or to the tolerance asked for."""
    part = max(SEEN, tolerance.rtol / 4)
    return np.asarray((n <= part * scale) | (4 * n <= tolerance.atol))


def central(
    a: Array, f0: float, up: Array, down: Array, h: Array, noise: float, tolerance: Tolerance
) -> tuple[Array, Verdicts]:
    """Try one step: which lines (L,) are certainly right, and verdicts as if all were.

    Neither a gap proves a kink nor an error a wrong gradient: the ladder decides.
    """
    C, F, B = (up - down) / (2 * h), (up - f0) / h, (f0 - down) / h
    n = 10 * noise / h
    error, gap = np.abs(a - C), np.abs(F - B)
    scale = np.maximum(np.abs(a), np.abs(C))
    bound = tolerance.rtol * scale + n + tolerance.atol
    finite = np.abs(a[np.isfinite(a)])
    largest = finite.max() if finite.size else 0.0
    sure = np.isfinite(a) & np.isfinite(C) & (error <= bound)
    sure &= gap <= 1e-3 * (scale + largest) + 4 * n
    visible = sure & seen(n, scale, tolerance)
    return sure, Verdicts(np.full(a.shape, OK), C, error / bound, visible)


def ladder(
    a: Array,
    f0: float,
    up: Array,
    down: Array,
    h: Array,
    noise: float,
    tolerance: Tolerance,
    reach: Array | float = np.inf,
) -> tuple[Verdicts, Array]:
    """Verdicts from several steps (S, L), descending: right, wrong, or a kink.

    reach: the largest distance from x at which slopes of f show that a slope of 0 is seen.
    Also returns which lines are settled: there the differences agree with each other far
    better than with a slope that they contradict.
    """
    C, F, B = (up - down) / (2 * h), (up - f0) / h, (f0 - down) / h
    n = 10 * noise / h
    gap = np.abs(F - B)
    kink, k, sure = _kinks(gap, n)
    lines = np.arange(a.size)
    smooth = _smooth(a, C, n, tolerance)
    # a slope of 0 is seen if slopes nearby are
    around = np.where((h <= reach) & np.isfinite(C), np.maximum(np.abs(F), np.abs(B)), 0)
    flat = np.abs(a) * h[1] <= 4 * noise * STEP
    smooth.seen[flat] |= np.asarray(seen(n, around, tolerance).any(axis=0))[flat]

    low, high = np.minimum(F, B)[k, lines], np.maximum(F, B)[k, lines]
    outside = np.maximum(np.maximum(low - a, a - high), 0)
    steeper = np.maximum(np.abs(low), np.abs(high))
    wide = 1e-4 * steeper + 4 * n[k, lines] + tolerance.atol
    accepted = np.where(outside <= wide, KINK, WRONG)
    # a kink between x and x + h looks like one at x
    at_kink = seen(n[k, lines], steeper, tolerance) & (h <= reach)[k, lines]
    found = Verdicts(
        np.where(kink, accepted, smooth.verdict),
        np.where(kink, C[k, lines], smooth.numeric),
        np.where(kink, outside / wide, smooth.ratio),
        np.where(kink, at_kink, smooth.seen),
    )
    contradicted = np.where(kink, sure, settled(a, C, n))
    return found, contradicted | (found.verdict == OK) | (found.verdict == KINK)


def settled(a: Array, C: Array, n: Array) -> Array:
    """Where the smallest step at which noise allows C to contradict a is confirmed.

    C of the next two larger steps must agree with it far better than a does: of one alone
    chance makes them agree where f swings within a step.
    """
    usable = np.isfinite(C) & (np.abs(a - C) > 4 * n)
    last, lines = len(C) - 1 - usable[::-1].argmax(axis=0), np.arange(a.size)
    own, before = C[last, lines], C[np.maximum(last - 1, 0), lines]
    second = C[np.maximum(last - 2, 0), lines]
    apart, size = np.abs(own - before), np.maximum(np.abs(own), np.abs(before))
    swings = np.abs(own - second) > np.maximum(SWINGS * size, n[last, lines])
    agree = apart <= np.maximum(AGREE * size, n[last, lines])
    agree &= np.abs(a - own) > 4 * apart
    return np.asarray(agree & ~swings & usable.any(axis=0) & (last > 0))


def seen_at(
    a: Array, C: Array, n: Array, scale: Array, tolerance: Tolerance, ratio: int, agrees: Array
) -> Array:
    """The steps at which a slope is seen, each `ratio` times as large as the next.

    The slope exceeds the noise, and C of the step before or after nearly equals it, so that
    it is not truncation error, which falls with h². agrees: the lines (L,) where the slope a
    is accepted; there C must be near it, too.
    """
    apart = np.full((len(C) + 1, C.shape[1]), np.inf)
    apart[1:-1] = np.where(np.isfinite(C[:-1]) & np.isfinite(C[1:]), np.abs(C[:-1] - C[1:]), np.inf)
    larger, smaller = apart[:-1], apart[1:]
    part = max(SEEN, tolerance.rtol / 4)
    steady = (larger <= part * (ratio**2 - 1) * scale) | (smaller <= part * scale)
    near = np.abs(a - C) <= 2 * part * scale + tolerance.atol
    return np.asarray(seen(n, scale, tolerance) & steady & (near | ~agrees))


def _kinks(gap: Array, n: Array) -> tuple[Array, Array, Array]:
    """Which lines have a kink at x, the smallest step that shows a gap, and which are sure.

    From one step to the next, the gap of a kink is constant, that of a smooth function falls
    to an eighth, and that of a jump grows eightfold; at smaller steps noise must hide it.
    A kink is sure if three steps agree.
    """
    steps, count = gap.shape
    lines = np.arange(count)
    shows = np.isfinite(gap) & (gap > 8 * n)
    k = steps - 1 - shows[::-1].argmax(axis=0)
    before, first = np.maximum(k - 1, 0), np.maximum(k - 2, 0)
    after = np.minimum(k + 1, steps - 1)

    def stays(one: Array, other: Array) -> Array:
        larger, smaller = gap[one, lines], gap[other, lines]
        return (smaller >= 0.3 * larger) & (smaller <= 4 * larger) & shows[one, lines]

    hidden = (k == steps - 1) | (8 * n[after, lines] >= gap[k, lines] / 2)
    kink = shows.any(axis=0) & (k > 0) & stays(before, k) & hidden
    return kink, k, kink & (k > 1) & stays(first, before)


def _smooth(a: Array, C: Array, n: Array, tolerance: Tolerance) -> Verdicts:
    """The verdict by the step of the smallest error plus noise, the next, or any that agrees."""
    lines = np.arange(a.size)
    finite = np.isfinite(C)
    error = np.where(finite, np.abs(a - C), np.inf)
    scale = np.where(finite, np.maximum(np.abs(a), np.abs(C)), 0)
    k = (error + n).argmin(axis=0)
    relative = tolerance.rtol * scale + tolerance.atol
    ratio = np.where(n <= 2e-5 * scale, error / relative, np.inf)
    for near in (k, np.minimum(k + 1, len(C) - 1)):
        wide = np.maximum(tolerance.rtol * scale, 4 * n) + tolerance.atol
        ratio[near, lines] = (error / wide)[near, lines]
    best = ratio.min(axis=0)
    verdict = np.where(best <= 1, OK, WRONG)
    verdict[~finite.any(axis=0)] = UNRESOLVED
    visible = np.any(seen_at(a, C, n, scale, tolerance, 8, best <= 1), axis=0)
    return Verdicts(verdict, C[k, lines], best, np.asarray(visible))


def slopes_of_entries(
    function: Function, a: Array, f0: float, noise: float, tolerance: Tolerance, entries: Array
) -> Verdicts:
    """The verdicts on `entries` (L,) of the gradient, whose values are a (L,).

    One step for all; the ladder for doubtful entries, and for the largest if none was seen;
    a longer ladder where that has not settled.
    """
    x = function.x[entries]
    h = STEP * scale_of(x)
    to = np.stack([x + h, x - h])
    up, down = function.moved(np.tile(entries, 2), to.ravel()).reshape(2, -1)
    sure, found = central(a, f0, up, down, (to[0] - to[1]) / 2, noise, tolerance)
    doubtful = np.flatnonzero(~sure)
    if not found.seen.any() and doubtful.size < MOST_LINES:
        largest = np.argsort(-np.maximum(np.abs(a), np.abs(found.numeric)), kind="stable")
        doubtful = np.unique(np.concatenate([doubtful, largest[:MOST_LINES]]))

    def closer(at: Array, factors: Array) -> tuple[Verdicts, Array]:
        x, own = function.x[entries[at]], entries[at]
        h = factors[:, None] * scale_of(x)
        to = np.stack([x + h, x - h])
        values = function.moved(np.tile(own, 2 * len(h)), to.ravel()).reshape(to.shape)
        step = (to[0] - to[1]) / 2
        step = np.where(step > 0, step, np.nan)  # lost in rounding
        reach = np.where(x == 0, np.inf, np.abs(x))
        return ladder(a[at], f0, values[0], values[1], step, noise, tolerance, reach)

    if doubtful.size:
        verdicts, settled = closer(doubtful, LADDER)
        found.put(doubtful, verdicts)
        # a kink nearer than the smallest step looks like one at x
        near = (verdicts.verdict == KINK) & ~verdicts.seen
        open_ = np.isfinite(a[doubtful]) & (~settled | near)
        if open_.any():
            at, near = doubtful[open_], near[open_]
            verdicts, settled = closer(at, _longer(x[at]))
            verdicts.verdict[~settled] = UNRESOLVED
            kept = near & ~(settled & (verdicts.verdict == WRONG))
            own = Verdicts(*(each[~kept] for each in vars(verdicts).values()))
            found.put(at[~kept], own)
    not_finite = ~np.isfinite(a)
    found.verdict[not_finite] = WRONG
    found.ratio[not_finite] = np.inf
    return found


def _longer(x: Array) -> Array:
    """The ladder, extended as far as the smallest of these entries needs."""
    smallest = np.abs(x[x != 0]).min(initial=1.0)
    more = MORE_STEPS + int(np.ceil(-np.log(smallest) / np.log(8)))
    return np.concatenate([LADDER, LADDER[-1] * 8.0 ** -np.arange(1, min(more, MOST_STEPS) + 1)])


def slopes_of_directions(
    function: Function, a: Array, f0: float, noise: float, tolerance: Tolerance, directions: Array
) -> Verdicts:
    """The verdicts on slopes a (L,) along directions (L, P) with steps of about 1."""
    h = np.repeat(LADDER[:, None], len(directions), axis=1)
    values = function.along(directions, np.concatenate([h, -h]))
    return ladder(a, f0, values[: len(h)], values[len(h) :], h, noise, tolerance)[0]


def complex_slopes(function: Function, entries: Array, f0: float, noise: float) -> Array:
    """∂f by the complex step, Im f(x + 1e-30·i)/1e-30, which has no cancellation.

    NaN where the real part is not f(x): some of NumPy's functions are less accurate for
    complex numbers (log1p near 0). W. Squire, G. Trapp, Using complex variables to estimate
    derivatives, 1998. Raises one of COMPLEX_REFUSALS if f accepts real numbers only.
    """
    tiny = 1e-30
    with warnings.catch_warnings():
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        values = function.moved(entries, function.x[entries] + 1j * tiny)
    return np.where(np.abs(values.real - f0) <= 10 * noise, values.imag / tiny, np.nan)
