"""WSD: warm-up, stable phase, decay."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np

from optcli.core.arrays import Array
from optcli.core.durations import Period, counted
from optcli.core.errors import Fault, InvalidInput
from optcli.core.specs import Doc
from optcli.schedules.base import SCHEDULES, End, Schedule, Span


@SCHEDULES.register("wsd", "trapezoid", "warmup_stable_decay")
@dataclass(frozen=True)
class WSD(Schedule):
    """Warm-up, stable phase, and a final decay to `end`.

        1 − (1 − end)·s(k/n)

    after k of the n steps of the decay, with s(z) = z (linear), √z (sqrt), or (1 − cos
    πz)/2 (cosine). A run can be extended without planning it: resume from a checkpoint of
    the stable phase.

    Use it when the run may be prolonged: the decay comes at the end only. Avoid it for short
    runs, where its stable phase hardly exists.

    Reference: S. Hu and others, MiniCPM, 2024, section 4; the square root by A. Hägele and
    others, Scaling laws and compute-optimal training beyond fixed training durations, 2024.

    Example: `schedule: {name: wsd, warmup: 0.05, decay: 0.2}`
    """

    decay: Annotated[Period, Doc("length of the final decay")] = 0.2
    kind: Annotated[Literal["linear", "sqrt", "cosine"], Doc("shape of the decay")] = "linear"
    end: End = 0.0

    def lengths(self) -> Mapping[str, float | str]:
        return {"warmup": self.warmup, "decay": self.decay}

    def check(self, steps: int, steps_per_epoch: int, hyperparameters: Collection[str]) -> None:
        super().check(steps, steps_per_epoch, hyperparameters)
        span = Span(steps, steps_per_epoch)
        warmup, decay = (round(span.length(each)) for each in (self.warmup, self.decay))
        if warmup + decay > steps:
            message = (
                f"is {counted(decay)}, after {counted(warmup)} of warm-up; "
                f"both together must be at most the run's {counted(steps)}"
            )
            raise InvalidInput(Fault(message, "schedule.decay"))

    def shape(self, done: Array, span: Span) -> Array:
        decay = span.period(self.decay)
        share = np.clip((done - (span.rest - decay)) / decay, 0, 1)
        if self.kind == "sqrt":
            share = np.sqrt(share)
        elif self.kind == "cosine":
            share = (1 - np.cos(np.pi * share)) / 2
        trapezoid: Array = 1 - (1 - self.end) * share
        return trapezoid
