"""The Taylor test: a gradient against random directions, for large functions.

Along a unit direction v, with remainders

    odd(t)  = |(f(x + tv) − f(x − tv))/2 − t·g·v|      of order 3 if g is right, 1 if wrong
    even(t) = |(f(x + tv) + f(x − tv))/2 − f(x)|       of order 2 where smooth, 1 at a kink

It finds a wrong sign or a lost layer, not 0.1 % of one entry among thousands. It is decided
at its best step; a slope fitted to the orders misleads where noise or a kink is near.
"""

from __future__ import annotations

import numpy as np

from optcli.arrays import Array
from optcli.gradients.differences import (
    EPS,
    KINK,
    OK,
    UNRESOLVED,
    WRONG,
    Tolerance,
    Verdicts,
)
from optcli.gradients.functions import Function

PROJECTIONS = 8
STEPS = 2.0 ** -np.arange(3.0, 41.0)


def directions(size: int, random: np.random.Generator) -> Array:
    """Random signs (L, P), of length 1."""
    return np.asarray(random.choice([-1.0, 1.0], (PROJECTIONS, size)) / np.sqrt(size))


def projections(
    function: Function, gradient: Array, f0: float, noise: float, tolerance: Tolerance, v: Array
) -> Verdicts:
    """The verdicts on g·v for the directions v (L, P)."""
    slope = v @ gradient
    t = np.repeat(STEPS[:, None], len(v), axis=1)
    values = function.along(v, np.concatenate([t, -t]))
    up, down = values[: len(t)], values[len(t) :]
    odd = np.abs((up - down) / 2 - t * slope)
    even = np.abs((up + down) / 2 - f0)
    # what rounding does to f, to x + tv, and to t·g·v
    n = 10 * noise + 4 * EPS * (np.linalg.norm(function.x * gradient) + np.abs(t * slope))
    usable = np.isfinite(odd) & np.isfinite(even)

    lines = np.arange(len(v))
    best = np.where(usable, (odd + n) / t, np.inf).argmin(axis=0)
    odd_best, n_best, t_best = (each[best, lines] for each in (odd, n, t))
    bound = np.maximum(3 * n_best, t_best * (tolerance.rtol * np.abs(slope) + tolerance.atol))
    ratio = odd_best / bound

    kink = np.array([_kink(odd[:, i], even[:, i], n[:, i], usable[:, i]) for i in lines])
    verdict = np.where(kink, KINK, np.where(ratio <= 1, OK, WRONG))
    verdict[~usable.any(axis=0)] = UNRESOLVED
    verdict[~np.isfinite(slope)] = WRONG
    numeric = ((up - down) / (2 * t))[best, lines]
    return Verdicts(verdict, numeric, np.where(verdict == WRONG, ratio, np.minimum(ratio, 1)))


def _kink(odd: Array, even: Array, n: Array, usable: Array) -> bool:
    """Whether even/t stays level over its last three steps above the noise, and covers odd/t."""
    shown = np.flatnonzero(usable & (even > 8 * n))[-3:]
    if len(shown) < 3:
        return False
    t = STEPS[shown]
    levels = even[shown] / t
    level = levels.min() >= 0.6 * levels.max()
    return bool(level and odd[shown[-1]] / t[-1] <= levels[-1] * (1 + 1e-4) + n[shown[-1]] / t[-1])
