"""Multistep: decay at milestones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from optcli.core.arrays import Array
from optcli.core.durations import Length
from optcli.core.specs import Doc, Gt, Le, MinLen
from optcli.schedules.base import SCHEDULES, Schedule, Span


@SCHEDULES.register("multistep", "piecewise_constant")
@dataclass(frozen=True)
class MultiStep(Schedule):
    """Decay by the factor `gamma` at each milestone.

        gamma^(number of milestones below t)

    at step t of the run, which includes the warm-up. After a milestone of 100, step 101 is the
    first with the smaller factor.

    The same as torch's MultiStepLR.

    Use it when a recipe names its milestones. Avoid it on new problems: the milestones must be
    found.

    Reference: K. He and others, Deep residual learning for image recognition, 2016,
    section 4.2 (at half and at three quarters of the run).

    Example: `schedule: {name: multistep, milestones: [30 epochs, 60 epochs, 80 epochs]}`
    """

    milestones: Annotated[tuple[Length, ...], MinLen(1), Doc("points at which to decay")] = (
        0.5,
        0.75,
    )
    gamma: Annotated[float, Gt(0), Le(1), Doc("factor of each decay")] = 0.1

    def lengths(self) -> Mapping[str, float | str]:
        named = {f"milestones[{i}]": length for i, length in enumerate(self.milestones)}
        return {"warmup": self.warmup, **named}

    def shape(self, done: Array, span: Span) -> Array:
        places = np.array([round(span.length(each)) for each in self.milestones])
        passed = (done[:, None] + span.warmup >= places).sum(axis=1)
        stairs: Array = self.gamma ** passed.astype(np.float64)
        return stairs
