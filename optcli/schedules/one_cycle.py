"""One cycle: an increase, then a long decay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np

from optcli.core.arrays import Array
from optcli.core.durations import Period
from optcli.core.errors import Fault, InvalidInput
from optcli.core.specs import Doc, Ge, Gt, Le, Lt
from optcli.schedules.base import SCHEDULES, End, Schedule, Span


@SCHEDULES.register("one_cycle", "onecycle", "1cycle")
@dataclass(frozen=True)
class OneCycle(Schedule):
    """1cycle policy: an increase from `start` to 1, then a long decay to `end`.

    The maximum is the last step of the length `rise`, `end` the last of the run. The
    optimizer's lr is the maximum.

    With `cycle_momentum` the optimizer's `momentum` moves inversely: from `max_momentum` down
    to `base_momentum` at the maximum, and back.

    The same as torch's OneCycleLR (pct_start = rise, div_factor = 1/start,
    final_div_factor = start/end), where cycle_momentum is true by default and also changes
    Adam's beta1.

    Use it when the run is short and the rate large. Avoid it without a known length.

    Reference: L. N. Smith and N. Topin, Super-convergence: very fast training of neural
    networks using large learning rates, 2018.

    Example: `schedule: {name: one_cycle, rise: 0.3}`
    """

    rise: Annotated[Period, Doc("length of the increase")] = 0.3
    start: Annotated[float, Ge(0), Le(1), Doc("initial factor")] = 0.04
    end: End = 4e-6
    anneal: Annotated[Literal["cosine", "linear"], Doc("shape of increase and decay")] = "cosine"

    cycle_momentum: Annotated[bool, Doc("schedule the momentum, too")] = False
    base_momentum: Annotated[float, Gt(0), Lt(1), Doc("momentum at the maximum learning rate")] = (
        0.85
    )
    max_momentum: Annotated[float, Gt(0), Lt(1), Doc("momentum at both ends")] = 0.95

    def __post_init__(self) -> None:
        if self.cycle_momentum and "momentum" in self.of:
            message = "names 'momentum', whose values cycle_momentum sets; leave one of the two out"
            raise InvalidInput(Fault(message, "of"))

    def lengths(self) -> Mapping[str, float | str]:
        return {"warmup": self.warmup, "rise": self.rise}

    def shape(self, done: Array, span: Span) -> Array:
        return self._cycle(done, span, self.start, 1.0, self.end)

    @property
    def sets(self) -> tuple[str, ...]:
        return ("momentum",) if self.cycle_momentum else ()

    def values(self, t: Array, steps: int, steps_per_epoch: int = 1) -> dict[str, Array]:
        if not self.cycle_momentum:
            return {}
        span = self.span(steps, steps_per_epoch)
        done = np.clip(t - 1 - span.warmup, 0, span.rest)
        ends, peak = self.max_momentum, self.base_momentum
        return {"momentum": self._cycle(done, span, ends, peak, ends)}

    def _cycle(self, done: Array, span: Span, start: float, middle: float, end: float) -> Array:
        """From `start` to `middle` at the maximum, then to `end`."""
        peak, last = span.period(self.rise) - 1, span.rest - 1
        up = self._between(start, middle, done / max(peak, 1e-9))
        down = self._between(middle, end, (done - peak) / max(last - peak, 1e-9))
        cycle: Array = np.where(done <= peak, up, down) if peak > 0 else down
        return cycle

    def _between(self, a: float, b: float, share: Array) -> Array:
        share = np.clip(share, 0, 1)
        if self.anneal == "cosine":
            share = (1 - np.cos(np.pi * share)) / 2
        way: Array = a + (b - a) * share
        return way
