"""Polynomial decay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Gt
from optcli.schedules.base import SCHEDULES, End, Schedule, Span


@SCHEDULES.register("polynomial", "poly")
@dataclass(frozen=True)
class Polynomial(Schedule):
    """Polynomial decay from 1 to `end`.

        end + (1 − end)·(1 − k/n)^power

    after k of the n steps that follow the warm-up.

    The same as torch's PolynomialLR (whose power is 1 by default) and optax's
    polynomial_schedule.

    Use it when linear decays too fast or too slowly at the end: `power` chooses. Avoid it without
    a known length.

    Reference: L.-C. Chen and others, DeepLab, 2017, section 4.1 (power 0.9).

    Example: `schedule: {name: polynomial, power: 0.9}`
    """

    power: Annotated[float, Gt(0), Doc("exponent; 1 is linear")] = 2.0
    end: End = 0.0

    def shape(self, done: Array, span: Span) -> Array:
        left = 1 - done / span.rest
        curve: Array = self.end + (1 - self.end) * left**self.power
        return curve
