"""One cycle: up, and far down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np

from optcli.arrays import Array
from optcli.lengths import Period
from optcli.schedules.base import SCHEDULES, End, Schedule, Span
from optcli.specs import Doc, Ge, Le


@SCHEDULES.register("one_cycle", "onecycle", "1cycle")
@dataclass(frozen=True)
class OneCycle(Schedule):
    """A rise from `start` to 1 and a long fall to `end`, along half cosines or straight lines.

    The peak is the last step of the length `rise`, `end` the last of the run. The learning
    rate of the optimizer is the highest.

    The same as torch's OneCycleLR (pct_start = rise, div_factor = 1/start,
    final_div_factor = start/end), except that the momentum stays as it is.

    Reference: L. N. Smith and N. Topin, Super-convergence: very fast training of neural
    networks using large learning rates, 2018.

    Example: `schedule: {name: one_cycle, rise: 0.3}`
    """

    rise: Annotated[Period, Doc("length of the rise")] = 0.3
    start: Annotated[float, Ge(0), Le(1), Doc("the factor it starts at")] = 0.04
    end: End = 4e-6
    anneal: Annotated[Literal["cosine", "linear"], Doc("the way up and down")] = "cosine"

    def lengths(self) -> Mapping[str, float | str]:
        return {"warmup": self.warmup, "rise": self.rise}

    def shape(self, done: Array, span: Span) -> Array:
        peak, last = span.period(self.rise) - 1, span.rest - 1
        up = self._between(self.start, 1.0, done / max(peak, 1e-9))
        down = self._between(1.0, self.end, (done - peak) / max(last - peak, 1e-9))
        cycle: Array = np.where(done <= peak, up, down) if peak > 0 else down
        return cycle

    def _between(self, a: float, b: float, share: Array) -> Array:
        share = np.clip(share, 0, 1)
        if self.anneal == "cosine":
            share = (1 - np.cos(np.pi * share)) / 2
        way: Array = a + (b - a) * share
        return way
