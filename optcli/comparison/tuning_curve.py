"""Tuning curve: what the best of so many settings, tried at random, is worth.

Of R settings in order of their tuning value, b drawn at random have the i-th as their best with
the chance C(R − i, b − 1)/C(R, b); with a fresh value f_i of each the expected value is
E(b) = Σ f_i · C(R − i, b − 1)/C(R, b) (Dodge et al. 2019, with values that chose nothing).
"""

from __future__ import annotations

import math

import numpy as np

from optcli.core.arrays import Array


def chances(count: int) -> Array:
    """(R, R): the chance that the i-th best of R settings is the best of b, by b and i."""
    found = np.zeros((count, count))
    for b in range(1, count + 1):
        for i in range(1, count + 1):
            found[b - 1, i - 1] = math.comb(count - i, b - 1) / math.comb(count, b)
    return found


def expected_best(values: Array, start: float) -> Array:
    """E(b) for b = 1 … R of the values (R, S) of R settings on S ≥ 2 seeds, lower is better.

    Each seed in turn is the fresh one: the means of the others order the settings. start: what is
    measured before training; a setting that is worse, or diverged, counts as that.
    """
    count, seeds = values.shape
    capped = np.minimum(np.where(np.isnan(values), np.inf, values), start)
    total = np.zeros(count)
    for seed in range(seeds):
        others = np.delete(values, seed, axis=1).mean(axis=1)
        order = np.argsort(np.where(np.isnan(others), np.inf, others), kind="stable")
        total += chances(count) @ capped[order, seed]
    mean: Array = total / seeds
    return mean
