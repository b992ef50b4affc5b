"""Schedules: the learning rate as a function of the step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from optcli.arrays import Array
from optcli.registry import Registry
from optcli.specs import Doc, Ge, Lt, Registered


@dataclass(frozen=True)
class Schedule(Registered, ABC):
    """A factor on the learning rate, step by step.

    Lengths below 1 are fractions of the run, whole numbers are steps.
    """

    warmup: Annotated[float, Ge(0), Doc("length of a linear rise from 0, before all else")] = 0.0

    @abstractmethod
    def shape(self, progress: Array) -> Array:
        """The factor at `progress` in [0, 1) through what follows the warm-up."""

    def factor(self, t: Array, steps: int) -> Array:
        """The factor at steps t, counted from 1, of a run of `steps`."""
        rise = round(self.warmup * steps) if self.warmup < 1 else round(self.warmup)
        progress = np.clip((t - 1 - rise) / max(steps - rise, 1), 0, 1)
        factor: Array = np.where(t <= rise, t / max(rise, 1), self.shape(progress))
        return factor


SCHEDULES: Registry[Schedule] = Registry("schedule", "schedules", "optcli.schedules")


@SCHEDULES.register("constant")
@dataclass(frozen=True)
class Constant(Schedule):
    """The same learning rate throughout."""

    def shape(self, progress: Array) -> Array:
        return np.ones_like(progress)


@SCHEDULES.register("cosine")
@dataclass(frozen=True)
class Cosine(Schedule):
    """Half a cosine, from 1 down to `end`. Loshchilov and Hutter, SGDR, 2017, eq. 5."""

    end: Annotated[float, Ge(0), Lt(1), Doc("the factor it ends at")] = 0.0

    def shape(self, progress: Array) -> Array:
        wave: Array = self.end + (1 - self.end) * 0.5 * (1 + np.cos(np.pi * progress))
        return wave


@SCHEDULES.register("linear")
@dataclass(frozen=True)
class LinearDecay(Schedule):
    """A straight line from 1 down to `end`."""

    end: Annotated[float, Ge(0), Lt(1), Doc("the factor it ends at")] = 0.0

    def shape(self, progress: Array) -> Array:
        line: Array = 1 - (1 - self.end) * progress
        return line
