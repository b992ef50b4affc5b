"""MADGRAD: dual averaging with a cube root."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from optcli.arrays import Array
from optcli.optimizers.base import OPTIMIZERS, Optimizer
from optcli.specs import Doc, Ge, Gt, Lt


@OPTIMIZERS.register("madgrad")
@dataclass(frozen=True)
class MADGRAD(Optimizer):
    """Measure each step from the start: all gradients, by the cube root of their squares.

        λ = α·√t
        s ← s + λ·g
        v ← v + λ·g²
        z = x₀ − s / (∛v + ε)
        x ← (1 − c)·x + c·z                           c = 1 − μ

    with learning rate α = lr (to which ε is added, as optax and the authors do), μ =
    momentum, ε = eps, and x₀ where training starts.

    State: three arrays of the parameters' size, x₀ among them.

    The same as optax's contrib.madgrad.

    Reference: A. Defazio and S. Jelassi, Adaptivity without compromise: a momentumized,
    adaptive, dual averaged gradient method for stochastic optimization, 2021, algorithm 1.

    Example: `optimizer: {name: madgrad, lr: 0.01}`
    """

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 1e-2
    momentum: Annotated[float, Ge(0), Lt(1), Doc("how much of x stays")] = 0.9
    eps: Annotated[float, Gt(0), Doc("added to the root, against division by 0")] = 1e-6
    weight_decay: Annotated[float, Ge(0), Doc("coupled: adds its multiple of x to g")] = 0.0

    def slots(self) -> tuple[str, ...]:
        return ("sum", "square", "origin")

    def start(self, x: Array, *slots: Array) -> None:
        slots[2][:] = x

    def coefficients(self, t: Array) -> tuple[Array | float, ...]:
        return (
            (self.lr + self.eps) * np.sqrt(t),
            self.momentum,
            1 - np.asarray(self.momentum),
            self.eps,
        )

    def update(
        self,
        x: Array,
        g: Array,
        total: Array,
        v: Array,
        origin: Array,
        s: Array,
        weight: Array,
        momentum: Array,
        new: Array,
        eps: Array,
    ) -> None:
        np.multiply(g, weight, s)
        np.add(total, s, total)
        np.multiply(s, g, s)
        np.add(v, s, v)
        np.cbrt(v, s)
        np.add(s, eps, s)
        np.divide(total, s, s)
        np.subtract(origin, s, s)
        np.multiply(s, new, s)
        np.multiply(x, momentum, x)
        np.add(x, s, x)
