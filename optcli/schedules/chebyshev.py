"""Chebyshev: the best step sizes for a quadratic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge
from optcli.schedules.base import SCHEDULES, Schedule, Span


@SCHEDULES.register("chebyshev")
@dataclass(frozen=True)
class Chebyshev(Schedule):
    """The step sizes with which plain gradient descent is as fast as with momentum.

        2 / (1 + 1/κ − (1 − 1/κ)·cos(π·(i − ½)/n)),   i = σ(k)

    at the k-th of n = cycle steps, again and again, with κ = condition. Between 1 and κ: a
    single step may make things worse, all n together shrink the error of any quadratic
    with curvatures from M/κ to M, at lr = 1/M, as much as n steps can. The order σ keeps
    what happens between within bounds: σ₁ = (1), and σ₂ₙ takes in turn the entries of σₙ
    and of 2n + 1 − σₙ; where n is no power of 2, those above n are left out.

    Reference: N. Agarwal, S. Goel and C. Zhang, Acceleration via fractal learning rate
    schedules, 2021, definitions 1 and 2; D. Young, On Richardson's method for solving
    linear systems with positive definite matrices, 1953.

    Example: `schedule: {name: chebyshev, cycle: 8, condition: 20}`
    """

    cycle: Annotated[int, Ge(1), Doc("steps after which it begins anew")] = 8
    condition: Annotated[float, Ge(1), Doc("highest over lowest curvature")] = 20.0

    def shape(self, done: Array, span: Span) -> Array:
        n, least = min(self.cycle, span.steps), 1 / self.condition
        place = np.array(fractal(n))[done.astype(np.intp) % n]
        curvature = (1 + least) / 2 - (1 - least) / 2 * np.cos(np.pi * (place - 0.5) / n)
        sizes: Array = 1 / curvature
        return sizes


def fractal(n: int) -> list[int]:
    """The numbers 1 … n in the order that keeps Chebyshev steps stable: σ₈ = 1 8 4 5 2 7 3 6."""
    order = [1]
    while len(order) < n:
        size = 2 * len(order)
        order = [each for i in order for each in (i, size + 1 - i)]
    return [i for i in order if i <= n]
