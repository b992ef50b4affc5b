"""Cosine annealing with warm restarts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from optcli.core.arrays import Array
from optcli.core.durations import Period
from optcli.core.specs import Doc, Ge
from optcli.schedules.base import SCHEDULES, End, Schedule, Span, whole


@SCHEDULES.register("cosine_restarts", "sgdr", "cosine_warm_restarts")
@dataclass(frozen=True)
class CosineRestarts(Schedule):
    """Cosine annealing from 1 to `end` with warm restarts (SGDR).

        end + (1 − end)·(1 + cos(π·k/n))/2

    after k of the n steps of the current cycle. The first cycle begins after the warm-up.

    The same as torch's CosineAnnealingWarmRestarts (T_0 = first, T_mult = multiplier).

    Use it when models of several moments are wanted, or the length is open. Avoid it where only
    the end counts: each restart undoes some progress.

    Reference: I. Loshchilov and F. Hutter, SGDR: stochastic gradient descent with warm
    restarts, 2017, equation 5.

    Example: `schedule: {name: cosine_restarts, first: 10 epochs, multiplier: 2}`
    """

    first: Annotated[Period, Doc("length of the first cycle")] = 0.25
    multiplier: Annotated[int, Ge(1), Doc("ratio of the length of a cycle to the previous one")] = 1
    end: End = 0.0

    def lengths(self) -> Mapping[str, float | str]:
        return {"warmup": self.warmup, "first": self.first}

    def shape(self, done: Array, span: Span) -> Array:
        first, m = span.period(self.first), self.multiplier
        waves = done / first
        if m == 1:
            share = waves - whole(waves)
        else:
            # n cycles take (mⁿ − 1)/(m − 1) times the first
            n = whole(np.log(waves * (m - 1) + 1) / np.log(m))
            share = (waves - (float(m) ** n - 1) / (m - 1)) / float(m) ** n
        wave: Array = self.end + (1 - self.end) * 0.5 * (1 + np.cos(np.pi * share))
        return wave
