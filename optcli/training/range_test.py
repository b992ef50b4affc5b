"""Learning-rate range test: the rate grows geometrically from step to step.

    found = RangeTest.of(cohort, Rates(lowest=1e-6, highest=100, steps=200))
    found.lr, found.median, found.suggestion

Smith, Cyclical learning rates for training neural networks, WACV 2017, section 3.3; the geometric
growth is that of the fast.ai library.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from optcli.core.arrays import Array
from optcli.core.events import Progress
from optcli.schedules.base import Schedule, Span
from optcli.training.cohort import Cohort, Replica
from optcli.training.loop import train_cohort


@dataclass(frozen=True)
class Growing(Schedule):
    """The factor grows from 1 to `ratio`, geometrically, over the whole run."""

    ratio: float = 1.0

    def shape(self, done: Array, span: Span) -> Array:
        """The factor (K,) after `done` steps."""
        grown: Array = np.exp(done * (math.log(self.ratio) / max(span.steps - 1, 1)))
        return grown


@dataclass(frozen=True)
class Rates:
    """The learning rates of a test, of one step each, from the lowest to the highest."""

    lowest: float = 1e-6
    highest: float = 100.0
    steps: int = 200

    @property
    def lr(self) -> Array:
        """The learning rate of each step (T,)."""
        return np.geomspace(self.lowest, self.highest, self.steps)


# Standard deviation, in decades of the learning rate, of the kernel that smooths the losses.
SMOOTHING = 0.2
# Decades at the lowest rates over which the starting loss is averaged.
START = 0.5
# A loss has diverged where it lies above the starting loss by this many times that loss, or the
# largest fall below it where that is more.
FAR = 3.0
# The suggestion: the rate of the lowest median over this; the interval begins at that rate over
# WIDEST. By the study in docs/studies.md.
BELOW, BELOW_SAID, WIDEST = 10.0, "tenth", 30.0
# A fall that counts, in standard deviations of the loss at the lowest rates, and as a share of it.
NOISE, LEAST = 3.0, 0.01
# Steps at the end of the test in which a lowest median means that it was still falling.
EDGE = 5


@dataclass(frozen=True)
class RangeTest:
    """What a test has found, of T steps and R replicas.

    lr: (T,). losses: (T, R), of each step's batch before its update; infinite from where a
    replica's were not finite, or nothing was left to train.
    """

    lr: Array
    losses: Array

    @classmethod
    def of(
        cls, cohort: Cohort, rates: Rates, stop: Callable[[], bool] = lambda: False
    ) -> RangeTest:
        """Train a cohort with growing rates; `stop` ends it, as in `train_cohort`.

        The cohort's own schedule, early stopping, averages and limits do not apply; all else
        does, such as the batch size, regularization and clipping.
        """
        return cls(rates.lr, _losses(cohort, rates, stop))

    @cached_property
    def start(self) -> float:
        """The loss at the lowest rates, where nothing is learned: the median of all."""
        first = self.lr <= self.lr[0] * 10**START
        return float(np.median(self.losses[first]))

    @property
    def begins(self) -> bool:
        """Whether the loss at the lowest rates is finite."""
        return math.isfinite(self.start)

    @cached_property
    def ceiling(self) -> float:
        """The loss from which on a replica has diverged; not finite where none `begins`."""
        if not self.begins:
            return math.inf
        lowest = float(np.median(self.losses, axis=1).min())
        return self.start + FAR * max(abs(self.start), self.start - lowest)

    @cached_property
    def smooth(self) -> Array:
        """The losses (T, R), smoothed along the rates; the ceiling where they are above it."""
        if not self.begins:
            return self.losses
        decades = np.log10(self.lr)
        kernel = np.exp(-0.5 * ((decades[:, None] - decades) / SMOOTHING) ** 2)
        capped = np.minimum(self.losses, self.ceiling)
        found: Array = (kernel / kernel.sum(axis=1, keepdims=True)) @ capped
        return found

    @cached_property
    def median(self) -> Array:
        """The median (T,) of the smoothed losses."""
        return np.median(self.smooth, axis=1)

    @cached_property
    def diverged(self) -> tuple[float | None, ...]:
        """The rate at which each replica diverged; None where it did not."""
        lost = self.losses >= self.ceiling
        return tuple(float(self.lr[int(each.argmax())]) if each.any() else None for each in lost.T)

    @cached_property
    def lowest(self) -> int:
        """The step at which the median is lowest."""
        return int(self.median.argmin())

    @property
    def falls(self) -> bool:
        """Whether the median falls below the starting loss, by more than its noise."""
        if not self.begins:
            return False
        first = self.smooth[self.lr <= self.lr[0] * 10**START]
        fall = self.start - float(self.median[self.lowest])
        return fall > max(NOISE * float(first.std()), LEAST * abs(self.start))

    @property
    def suggestion(self) -> Suggestion | None:
        """The rate to take; None where the loss does not fall."""
        if not self.falls:
            return None
        lowest = float(self.lr[self.lowest])
        return Suggestion(*(float(f"{lowest / k:.2g}") for k in (BELOW, WIDEST, 1.0)))

    @property
    def reason(self) -> str:
        """Why this rate is suggested, or none."""
        if not self.begins:
            return "the loss is not finite even at the lowest rates: test lower ones"
        low = float(self.median[self.lowest])
        if not self.falls:
            return (
                f"the median loss did not fall: {self.start:.4g} at the lowest rates, {low:.4g} at "
                "best"
            )
        said = f"the median loss falls from {self.start:.4g} to {low:.4g}, "
        if self.lowest >= len(self.lr) - EDGE:
            return f"{said}and was still falling at the highest rate: test higher ones"
        return (
            f"{said}its lowest, at {self.lr[self.lowest]:.2g}; a whole training at that rate may "
            f"be unstable, so a {BELOW_SAID} of it is suggested, and at most the rate itself"
        )


@dataclass(frozen=True)
class Suggestion:
    """A learning rate, and the interval to search around it; two digits each."""

    lr: float
    low: float
    high: float


def _losses(cohort: Cohort, rates: Rates, stop: Callable[[], bool]) -> Array:
    """The loss (T, R) of each step's batch; infinite from where one was not finite."""
    found = np.full((rates.steps, len(cohort.replicas)), np.inf)
    training = replace(
        cohort.training,
        steps=rates.steps,
        average=None,
        early_stopping=None,
        stop_after=None,
        time_limit=None,
        on_divergence="stop",
    )
    replicas = [
        Replica(replace(each.optimizer, lr=rates.lowest), each.data, each.seed)
        for each in cohort.replicas
    ]
    growing = Growing(ratio=rates.highest / rates.lowest)
    tested = replace(cohort, replicas=replicas, schedule=growing, training=training, metrics=())
    done = 0
    for event in train_cohort(tested, stop=stop, every=math.inf, measure=False):
        if isinstance(event, Progress):  # an epoch is over; its losses are still there
            found[done : event.step] = event.state.losses[: event.step - done]
            done = event.step
    lost = np.logical_or.accumulate(~np.isfinite(found), axis=0)
    return np.where(lost, np.inf, found)
