"""Step decay: decay at regular intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from optcli.core.arrays import Array
from optcli.core.durations import Period
from optcli.core.specs import Doc, Gt, Le
from optcli.schedules.base import SCHEDULES, Schedule, Span, whole


@SCHEDULES.register("step")
@dataclass(frozen=True)
class Step(Schedule):
    """Decay by the factor `gamma` at regular intervals.

        gamma^⌊(t − 1)/every⌋

    at step t of the run, which includes the warm-up.

    The same as torch's StepLR (step_size = every).

    Use it when a simple decay at even intervals is wanted. Avoid it where the interval is a
    guess: cosine needs none.

    Example: `schedule: {name: step, every: 30 epochs, gamma: 0.1}`
    """

    every: Annotated[Period, Doc("interval between decays")] = 0.3
    gamma: Annotated[float, Gt(0), Le(1), Doc("factor of each decay")] = 0.1

    def lengths(self) -> Mapping[str, float | str]:
        return {"warmup": self.warmup, "every": self.every}

    def shape(self, done: Array, span: Span) -> Array:
        drops = whole((done + span.warmup) / span.period(self.every))
        stairs: Array = self.gamma**drops
        return stairs
