"""Linear decay."""

from __future__ import annotations

from dataclasses import dataclass

from optcli.core.arrays import Array
from optcli.schedules.base import SCHEDULES, End, Schedule, Span


@SCHEDULES.register("linear")
@dataclass(frozen=True)
class Linear(Schedule):
    """Linear decay from 1 to `end`.

        1 − (1 − end)·k/n

    after k of the n steps that follow the warm-up. The last step has k = n − 1.

    The same as optax's linear_schedule, and as torch's LinearLR with start_factor 1.

    Use it when the length of the run is known: often as good as cosine, and simpler. Avoid it with
    early stopping.

    Reference: M. Li and others, Budgeted training: rethinking deep neural network
    training under resource constraints, 2020.

    Example: `schedule: {name: linear, warmup: 0.06}`
    """

    end: End = 0.0

    def shape(self, done: Array, span: Span) -> Array:
        line: Array = 1 - (1 - self.end) * (done / span.rest)
        return line
