"""Exponential decay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from optcli.core.arrays import Array
from optcli.core.durations import Period
from optcli.core.specs import Doc, Gt, Le
from optcli.schedules.base import SCHEDULES, Schedule, Span, whole


@SCHEDULES.register("exponential", "exponential_decay")
@dataclass(frozen=True)
class Exponential(Schedule):
    """Exponential decay by the factor `gamma` per length `every`.

        gamma^(k/every)

    after k steps since the warm-up; with `staircase`, k/every is rounded down.

    The same as optax's exponential_decay (decay_rate = gamma, transition_steps = every),
    and with `every: 1` as torch's ExponentialLR.

    Use it when an even decay is wanted whose length is open. Avoid too strong a factor: the rate
    is gone before the model is fitted.

    Example: `schedule: {name: exponential, gamma: 0.95, every: 1 epoch}`
    """

    gamma: Annotated[float, Gt(0), Le(1), Doc("decay factor")] = 0.95
    every: Annotated[Period, Doc("interval over which the factor falls by gamma")] = "1 epoch"
    staircase: Annotated[bool, Doc("decay in discrete steps, one per length")] = False

    def shape(self, done: Array, span: Span) -> Array:
        times = done / span.period(self.every)
        decay: Array = self.gamma ** (whole(times) if self.staircase else times)
        return decay
