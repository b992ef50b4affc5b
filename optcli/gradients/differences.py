"""Differences: what f can tell of its slope, and whether an analytic one agrees.

Along a line through x, with f₊ = f(x + h) and f₋ = f(x − h):

    C = (f₊ − f₋)/2h        the central difference, whose error is h²f‴/6 and noise/h
    F = (f₊ − f₀)/h         the slopes to the right
    B = (f₀ − f₋)/h         and to the left
    gap = |F − B|           h·f″ where f is smooth; stays as it is at a kink

`noise` is the error of a value of f, and n = 10·noise/h what it may do to a slope.
Arrays are (L,) for lines, or (7, L) for the steps of the ladder along each. `a` is the
analytic slope.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optcli.arrays import Array
from optcli.gradients.functions import Function

EPS = float(np.finfo(np.float64).eps)
# The step whose truncation and rounding errors are alike, for |x| up to 1.
STEP = EPS ** (1 / 3)
# Where that does not decide: one larger step and five smaller ones.
LADDER = STEP * 8.0 ** np.array([1, 0, -1, -2, -3, -4, -5])
# Between the points at which noise is measured. The wider ones are for functions that lose
# more places on their way than the result shows: closer values may all be the same.
SPACINGS = np.array([2.0**-43, 1.3 * 2.0**-36, 2.0**-31])

RTOL = 1e-6  # relative error of a central difference that passes
OK, KINK, WRONG, UNRESOLVED = range(4)
VERDICTS = ("ok", "kink", "wrong", "unresolved")


@dataclass(frozen=True)
class Tolerance:
    """rtol: of the larger of both slopes. atol: added to the floor that noise sets."""

    rtol: float = RTOL
    atol: float = 0.0


@dataclass(frozen=True)
class Verdicts:
    """What was found along L lines.

    verdict: an index into VERDICTS. numeric: the slope by differences. ratio: error
    over tolerance; above 1 where wrong.
    """

    verdict: Array
    numeric: Array
    ratio: Array


def scale_of(x: Array) -> Array:
    """By how much a step in each entry is larger than at 1."""
    return np.maximum(1, np.abs(x))


def noise_of(function: Function, f0: float, random: np.random.Generator) -> float:
    """The standard error of a value of f, from fourth differences along a random line.

    Fourth differences of eight values closely spaced leave nothing of a smooth f, and
    of its noise √70 times as much. J. J. Moré, S. M. Wild, Estimating computational
    noise, 2011. Never less than half a unit in the last place of f, or of 1.
    """
    x = function.x
    direction = random.standard_normal(x.shape) * scale_of(x)
    t = np.outer(np.arange(8), SPACINGS)
    values = function.along(np.repeat(direction[None], len(SPACINGS), axis=0), t)
    measured = np.sqrt(np.mean(np.diff(values, 4, axis=0) ** 2, axis=0) / 70)
    return float(measured[np.isfinite(measured)].max(initial=EPS * max(1.0, abs(f0))))


def central(
    a: Array, f0: float, up: Array, down: Array, h: Array, noise: float, tolerance: Tolerance
) -> tuple[Array, Verdicts]:
    """One step: which lines (L,) are beyond doubt, and what they would say if all were.

    A gap is no proof of a kink, nor an error of a mistake: the ladder has the last word.
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
    return sure, Verdicts(np.full(a.shape, OK), C, error / bound)


def ladder(
    a: Array, f0: float, up: Array, down: Array, h: Array, noise: float, tolerance: Tolerance
) -> Verdicts:
    """Seven steps (7, L), from the largest: smooth and right, smooth and wrong, or a kink."""
    C, F, B = (up - down) / (2 * h), (up - f0) / h, (f0 - down) / h
    n = 10 * noise / h
    gap = np.abs(F - B)
    kink, k = _kinks(gap, n)
    lines = np.arange(a.size)
    smooth = _smooth(a, C, n, tolerance)

    low, high = np.minimum(F, B)[k, lines], np.maximum(F, B)[k, lines]
    outside = np.maximum(np.maximum(low - a, a - high), 0)
    wide = 1e-4 * np.maximum(np.abs(low), np.abs(high)) + 4 * n[k, lines] + tolerance.atol
    accepted = np.where(outside <= wide, KINK, WRONG)
    return Verdicts(
        np.where(kink, accepted, smooth.verdict),
        np.where(kink, C[k, lines], smooth.numeric),
        np.where(kink, outside / wide, smooth.ratio),
    )


def _kinks(gap: Array, n: Array) -> tuple[Array, Array]:
    """Which lines have a kink at x, and the smallest step that shows a gap.

    There the gap stays from one step to the next, where that of a smooth function falls
    to an eighth, and below that step the noise must be what hides it.
    """
    steps, count = gap.shape
    lines = np.arange(count)
    shows = np.isfinite(gap) & (gap > 8 * n)
    k = steps - 1 - shows[::-1].argmax(axis=0)
    before, after = np.maximum(k - 1, 0), np.minimum(k + 1, steps - 1)
    stays = (k > 0) & shows[before, lines] & (gap[k, lines] >= 0.3 * gap[before, lines])
    hidden = (k == steps - 1) | (8 * n[after, lines] >= gap[k, lines] / 2)
    return shows.any(axis=0) & stays & hidden, k


def _smooth(a: Array, C: Array, n: Array, tolerance: Tolerance) -> Verdicts:
    """The verdict by the step with the least doubt, the next smaller one, or a full agreement."""
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
    return Verdicts(verdict, C[k, lines], best)


def slopes_of_entries(
    function: Function, a: Array, f0: float, noise: float, tolerance: Tolerance, entries: Array
) -> Verdicts:
    """The verdicts on `entries` (L,) of the gradient, a (L,) being what it says."""
    x = function.x[entries]
    h = STEP * scale_of(x)
    to = np.stack([x + h, x - h])
    up, down = function.moved(np.tile(entries, 2), to.ravel()).reshape(2, -1)
    sure, found = central(a, f0, up, down, (to[0] - to[1]) / 2, noise, tolerance)
    doubtful = np.flatnonzero(~sure)
    if doubtful.size == 0:
        return found
    x, own = x[doubtful], entries[doubtful]
    h = LADDER[:, None] * scale_of(x)
    to = np.stack([x + h, x - h])
    values = function.moved(np.tile(own, 2 * len(h)), to.ravel()).reshape(to.shape)
    step = (to[0] - to[1]) / 2
    closer = ladder(a[doubtful], f0, values[0], values[1], step, noise, tolerance)
    for name in ("verdict", "numeric", "ratio"):
        getattr(found, name)[doubtful] = getattr(closer, name)
    not_finite = ~np.isfinite(a)
    found.verdict[not_finite] = WRONG
    found.ratio[not_finite] = np.inf
    return found


def slopes_of_directions(
    function: Function, a: Array, f0: float, noise: float, tolerance: Tolerance, directions: Array
) -> Verdicts:
    """The same along directions (L, P) of steps of about 1."""
    h = np.repeat(LADDER[:, None], len(directions), axis=1)
    values = function.along(directions, np.concatenate([h, -h]))
    return ladder(a, f0, values[: len(h)], values[len(h) :], h, noise, tolerance)


def complex_slopes(function: Function, entries: Array, f0: float, noise: float) -> Array:
    """∂f by the imaginary part of f(x + 1e-30·i): no difference is taken, nothing cancels.

    NaN where the real part is not f(x): some of NumPy's functions are less precise for
    complex numbers (log1p near 0). W. Squire, G. Trapp, Using complex variables to
    estimate derivatives, 1998.
    """
    tiny = 1e-30
    values = function.moved(entries, function.x[entries] + 1j * tiny)
    return np.where(np.abs(values.real - f0) <= 10 * noise, values.imag / tiny, np.nan)
