"""Chebyshev: the optimal step sizes of gradient descent on a quadratic."""

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
    """Chebyshev step sizes, with which gradient descent converges as fast as with momentum.

        2 / (1 + 1/κ − (1 − 1/κ)·cos(π·(i − ½)/n)),   i = σ(k)

    at the k-th of n = cycle steps, repeated, with κ = condition. The factors lie between 1 and
    κ: single steps may increase the error, but with lr = 1/M the n steps together are optimal
    for quadratics with curvatures from M/κ to M. The order σ keeps intermediate errors
    bounded: σ₁ = (1), and σ₂ₙ alternates the entries of σₙ with those of 2n + 1 − σₙ; if n is
    not a power of 2, entries above n are omitted.

    Use it when a quadratic's curvatures are known and batches are full. Avoid it with noise, or
    where the largest curvature is guessed too small: it diverges.

    Reference: N. Agarwal, S. Goel and C. Zhang, Acceleration via fractal learning rate
    schedules, 2021, definitions 1 and 2; D. Young, On Richardson's method for solving
    linear systems with positive definite matrices, 1953.

    Example: `schedule: {name: chebyshev, cycle: 8, condition: 20}`
    """

    cycle: Annotated[int, Ge(1), Doc("steps of one cycle")] = 8
    condition: Annotated[float, Ge(1), Doc("condition number κ")] = 20.0

    def shape(self, done: Array, span: Span) -> Array:
        n, least = min(self.cycle, span.steps), 1 / self.condition
        place = np.array(fractal(n))[done.astype(np.intp) % n]
        curvature = (1 + least) / 2 - (1 - least) / 2 * np.cos(np.pi * (place - 0.5) / n)
        sizes: Array = 1 / curvature
        return sizes


def fractal(n: int) -> list[int]:
    """The numbers 1 … n in the stable order of Chebyshev steps, such as σ₈ = 1 8 4 5 2 7 3 6."""
    order = [1]
    while len(order) < n:
        size = 2 * len(order)
        order = [each for i in order for each in (i, size + 1 - i)]
    return [i for i in order if i <= n]
