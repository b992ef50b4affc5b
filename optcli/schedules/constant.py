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

    Example: `schedule: {name: constant, warmup: 0.1}`
    """

    def shape(self, done: Array, span: Span) -> Array:
        return np.ones_like(done)
