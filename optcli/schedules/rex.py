"""REX: reflected exponential decay."""

from __future__ import annotations

from dataclasses import dataclass

from optcli.core.arrays import Array
from optcli.schedules.base import SCHEDULES, Schedule, Span


@SCHEDULES.register("rex")
@dataclass(frozen=True)
class REX(Schedule):
    """REX (reflected exponential) decay to 0: slow at first, then fast.

        (1 − z) / (1 − z/2),   z = k/n

    after k of the n steps that follow the warm-up.

    Use it when the budget is small and fixed. Avoid it without a known length.

    Reference: J. Chen, C. Wolfe and A. Kyrillidis, REX: revisiting budgeted training with
    an improved schedule, 2022.

    Example: `schedule: rex`
    """

    def shape(self, done: Array, span: Span) -> Array:
        z = done / span.rest
        fall: Array = (1 - z) / (1 - z / 2)
        return fall
