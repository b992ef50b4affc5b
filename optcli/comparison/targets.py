"""Steps to a target, and learning rates that are nearly the best."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from optcli.comparison.diverged_values import checked, median

DEPTHS = (0.9, 0.97, 0.99)  # how far down from the loss before training the targets lie
BAND = 0.05  # of that same gap: what counts as no worse than the best learning rate


def default_targets(start: ArrayLike, tuned: ArrayLike) -> tuple[float, ...]:
    """The losses 0.9, 0.97 and 0.99 of the way from before training to the best tuned mean.

    start: the losses before training, of the tuning runs; their median counts. tuned: the
    tuned mean of each optimizer, inf where it diverged. Empty where no optimizer came
    below the start.
    """
    before = float(median(np.sort(checked(start))))
    best = float(np.min(checked(tuned)))
    if not best < before < math.inf:
        return ()
    return tuple(before - depth * (before - best) for depth in DEPTHS)


def steps_to_target(steps: ArrayLike, losses: ArrayLike, target: float) -> float:
    """The step of the first evaluation with a loss at or below the target; inf without one.

    steps, losses: (E,), of a run's evaluations, in order.
    """
    reached = np.asarray(steps)[np.asarray(losses) <= target]
    return float(reached[0]) if len(reached) else math.inf


def expected_steps(steps: ArrayLike, taken: ArrayLike) -> float:
    """The expected running time of Hansen and others: all steps taken over the successes.

    steps: to the target, inf where a run did not reach it; taken: of the whole run. What a
    restart with another seed until one succeeds takes on average; inf without success.
    """
    reached = np.asarray(steps, np.float64)
    spent = np.where(np.isfinite(reached), reached, taken).sum()
    successes = np.isfinite(reached).sum()
    return float(spent / successes) if successes else math.inf


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
