"""Inverse square root decay, as for Transformers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from optcli.core.arrays import Array
from optcli.core.durations import Period
from optcli.core.specs import Doc
from optcli.schedules.base import SCHEDULES, Schedule, Span


@SCHEDULES.register("inverse_sqrt", "noam", "rsqrt")
@dataclass(frozen=True)
class InverseSqrt(Schedule):
    """Inverse square root decay, as for Transformers.

        √(s / (s + t − w))

    at step t, with warm-up w and `timescale` s. By default s = w, which gives √(w/t), or a
    tenth of the run without a warm-up.

    With `warmup: w` the same as the Transformer's schedule with lr = 1/√(d·w) for a model of
    width d.

    Use it when the length of the run is open, as with transformers. Avoid it where it is known:
    cosine or linear end lower.

    Reference: A. Vaswani and others, Attention is all you need, 2017, equation 3.

    Example: `schedule: {name: inverse_sqrt, warmup: 4000}`
    """

    timescale: Annotated[
        Period | None, Doc("length until the factor is √½; by default the warm-up")
    ] = None

    def shape(self, done: Array, span: Span) -> Array:
        default = float(span.warmup) or span.period(0.1)
        s = default if self.timescale is None else span.period(self.timescale)
        fall: Array = np.sqrt(s / (s + done + 1))
        return fall
