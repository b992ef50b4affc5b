"""The Taylor test: check a gradient along random directions, for large functions.

Along a unit direction v, with remainders

    odd(t)  = |(f(x + tv) − f(x − tv))/2 − t·g·v|      of order 3 if g is right, 1 if wrong
    even(t) = |(f(x + tv) + f(x − tv))/2 − f(x)|       of order 2 where smooth, 1 at a kink

It detects a wrong sign or a missing layer, but not an error of 0.1 % in one of thousands of
entries. The best step decides; an order fitted to all steps misleads near noise or kinks.
"""

from __future__ import annotations

import numpy as np

from optcli.core.arrays import Array
from optcli.gradients.differences import (
    EPS,
    KINK,
    OK,
    UNRESOLVED,
    WRONG,
    Tolerance,
    Verdicts,
    seen,
    seen_at,
    settled,
)
from optcli.gradients.functions import Function

PROJECTIONS = 8
STEPS = 2.0 ** -np.arange(3.0, 41.0)
# If the largest entry lies in this range, directions have length 1; else its size.
ORDINARY = (1e-3, 1e3)


def directions(x: Array, random: np.random.Generator, count: int = PROJECTIONS) -> Array:
    """Random directions (L, P) of length 1; longer or shorter where x is very large or small.

    Entries have random signs and sizes: of equal sizes the few equal entries of a sparse
    gradient, as that of a hinge, may cancel.
    """
    v = random.choice([-1.0, 1.0], (count, x.size)) * random.uniform(0.5, 1.5, (count, x.size))
    largest = np.abs(x).max(initial=0)
    scale = 1.0 if not largest or ORDINARY[0] <= largest <= ORDINARY[1] else largest
    return np.asarray(v * (scale / np.linalg.norm(v, axis=1, keepdims=True)))


def projections(
    function: Function, gradient: Array, f0: float, noise: float, tolerance: Tolerance, v: Array
) -> Verdicts:
    """The verdicts on g·v for the directions v (L, P)."""
    slope = v @ gradient
    steps = STEPS if len(v) >= PROJECTIONS else STEPS[::2]
    t = np.repeat(steps[:, None], len(v), axis=1)
    values = function.along(v, np.concatenate([t, -t]))
    up, down = values[: len(t)], values[len(t) :]
    odd = np.abs((up - down) / 2 - t * slope)
    even = np.abs((up + down) / 2 - f0)
    # the rounding errors of f, of x + tv, and of t·g·v
    products = function.x * gradient
    largest = np.abs(products).max(initial=0) or 1.0  # squares of 1e300 overflow
    length = largest * np.linalg.norm(products / largest)
    # a function in float32 has as many digits where it is larger
    digits = min(noise / abs(f0), 1e-6) if f0 else 0.0
    there = np.maximum(noise, digits * np.maximum(np.abs(up), np.abs(down)))
    n = 10 * there + 4 * EPS * (length + np.abs(t * slope))
    usable = np.isfinite(odd) & np.isfinite(even)

    lines = np.arange(len(v))
    best = np.where(usable, (odd + n) / t, np.inf).argmin(axis=0)
    odd_best, n_best, t_best = (each[best, lines] for each in (odd, n, t))
    bound = np.maximum(3 * n_best, t_best * (tolerance.rtol * np.abs(slope) + tolerance.atol))
    ratio = odd_best / bound
    slopes = (up - down) / (2 * t)
    numeric = slopes[best, lines]

    kink = np.array([_kink(steps, odd[:, i], even[:, i], n[:, i], usable[:, i]) for i in lines])
    verdict = np.where(kink, KINK, np.where(ratio <= 1, OK, WRONG))
    # wrong only if the differences agree with each other far better than with the slope
    verdict[(verdict == WRONG) & ~settled(slope, slopes, n / t)] = UNRESOLVED
    verdict[~usable.any(axis=0)] = UNRESOLVED
    verdict[~np.isfinite(slope)] = WRONG

    scale = np.where(usable, np.maximum(np.abs(slope), np.abs(slopes)), 0)
    ratio_of_steps = round(steps[0] / steps[1])
    noisy, agrees = n / t, verdict == OK
    visible = seen_at(slope, slopes, noisy, scale, tolerance, ratio_of_steps, agrees).any(axis=0)
    # a slope of 0, or a kink, is seen if f changes nearer to x than x is to 0
    entry_step = t * np.abs(v).max(axis=1)
    reach = np.abs(function.x).max(initial=0) or np.inf
    even_seen = seen(noisy, np.where(usable & (entry_step <= reach), even / t, 0), tolerance)
    flat = np.abs(slope) <= 4 * noise
    visible = (visible & ~kink) | ((kink | flat) & even_seen.any(axis=0))
    ratio = np.where(verdict == WRONG, ratio, np.minimum(ratio, 1))
    return Verdicts(verdict, numeric, ratio, visible)


def _kink(steps: Array, odd: Array, even: Array, n: Array, usable: Array) -> bool:
    """Whether even/t is constant over its last three steps above the noise and exceeds odd/t."""
    shown = np.flatnonzero(usable & (even > 8 * n))[-3:]
    if len(shown) < 3:
        return False
    t = steps[shown]
    levels = even[shown] / t
    level = levels.min() >= 0.6 * levels.max()
    return bool(level and odd[shown[-1]] / t[-1] <= levels[-1] * (1 + 1e-4) + n[shown[-1]] / t[-1])
