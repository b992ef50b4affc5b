"""Constant: no schedule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optcli.core.arrays import Array
from optcli.schedules.base import SCHEDULES, Schedule, Span


@SCHEDULES.register("constant")
@dataclass(frozen=True)
class Constant(Schedule):
    """Constant after the warm-up.

    Use it when the run is short, or the data is fitted exactly. Avoid it for long runs of
    mini-batches: the loss stays above its minimum.

    Example: `schedule: {name: constant, warmup: 0.1}`
    """

    def shape(self, done: Array, span: Span) -> Array:
        return np.ones_like(done)
