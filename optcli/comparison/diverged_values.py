"""Values of runs of which some diverged: inf, the worst of all."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from optcli.core.arrays import Array


def checked(values: ArrayLike) -> Array:
    """Values (n,) as float64."""
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or not len(x):
        raise ValueError(f"values of shape {x.shape}; one for each seed is needed")
    if np.any(np.isnan(x) | (x == -np.inf)):
        raise ValueError("a value is NaN or -inf; a run that diverged has inf")
    return x


def balanced(x: Array) -> Array:
    """The same with 0 for NaN, which is what infinities that cancel have left."""
    return np.where(np.isnan(x), 0.0, x)


def middle(x: Array, y: Array) -> Array:
    """(x + y)/2, halved first: sums of large numbers stay finite. (+inf) + (−inf) = 0."""
    with np.errstate(invalid="ignore"):
        return balanced(x / 2 + y / 2)


def median(ordered: Array) -> Array:
    """The median over the last axis of sorted values, infinite ones allowed."""
    n = ordered.shape[-1]
    return middle(ordered[..., (n - 1) // 2], ordered[..., n // 2])
