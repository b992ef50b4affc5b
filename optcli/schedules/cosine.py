"""Cosine annealing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optcli.core.arrays import Array
from optcli.schedules.base import SCHEDULES, End, Schedule, Span


@SCHEDULES.register("cosine")
@dataclass(frozen=True)
class Cosine(Schedule):
    """Cosine annealing from 1 to `end`.

        end + (1 − end)·(1 + cos(π·k/n))/2

    after k of the n steps that follow the warm-up.

    The same as torch's CosineAnnealingLR and optax's cosine_decay_schedule.

    Use it when the length of the run is known: the usual first choice. Avoid it with early
    stopping, which may end before the rate is low.

    Reference: I. Loshchilov and F. Hutter, SGDR: stochastic gradient descent with warm
    restarts, 2017, equation 5.

    Example: `schedule: {name: cosine, warmup: 0.05}`
    """

    end: End = 0.0

    def shape(self, done: Array, span: Span) -> Array:
        wave: Array = self.end + (1 - self.end) * 0.5 * (1 + np.cos(np.pi * (done / span.rest)))
        return wave
