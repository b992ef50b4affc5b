"""Cyclic: linear cycles between two factors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np

from optcli.core.arrays import Array
from optcli.core.durations import Period
from optcli.core.specs import Doc, Ge, Gt, Le, Lt
from optcli.schedules.base import SCHEDULES, Schedule, Span, whole


@SCHEDULES.register("cyclic", "clr")
@dataclass(frozen=True)
class Cyclic(Schedule):
    """Cyclical learning rate: linear from `low` up to 1 and back, repeatedly.

    With `triangular2` the amplitude is halved in every cycle, with `exp_range` it is
    multiplied by gamma in every step. The optimizer's lr is the maximum.

    The same as torch's CyclicLR (base_lr = low·max_lr, step_size_up = cycle·up), except
    that the momentum is constant.

    Use it when the rate is known by its order only. Avoid it where the run may end in the middle
    of a cycle.

    Reference: L. N. Smith, Cyclical learning rates for training neural networks, 2017.

    Example: `schedule: {name: cyclic, cycle: 8 epochs, low: 0.1}`
    """

    cycle: Annotated[Period, Doc("length of a cycle")] = 0.25
    low: Annotated[float, Ge(0), Lt(1), Doc("minimum factor")] = 0.1
    up: Annotated[float, Gt(0), Lt(1), Doc("fraction of a cycle that increases")] = 0.5
    mode: Annotated[
        Literal["triangular", "triangular2", "exp_range"], Doc("scaling of the amplitude")
    ] = "triangular"
    gamma: Annotated[float, Gt(0), Le(1), Doc("factor per step, for exp_range")] = 0.999

    def lengths(self) -> Mapping[str, float | str]:
        return {"warmup": self.warmup, "cycle": self.cycle}

    def shape(self, done: Array, span: Span) -> Array:
        cycles = done / span.period(self.cycle)
        number = whole(cycles)
        share = cycles - number
        height = np.where(share <= self.up, share / self.up, (1 - share) / (1 - self.up))
        if self.mode == "triangular2":
            height = height * 0.5**number
        elif self.mode == "exp_range":
            height = height * self.gamma**done
        saw: Array = self.low + (1 - self.low) * np.maximum(height, 0)
        return saw
