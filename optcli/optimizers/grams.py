"""Grams: how far by Adam, which way by the gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.arrays import Array
from optcli.optimizers.base import OPTIMIZERS, Decay, Optimizer, mix, power
from optcli.specs import Doc, Ge, Lt


@OPTIMIZERS.register("grams")
@dataclass(frozen=True)
class Grams(Optimizer):
    """Take the size of Adam's step, and the sign of the gradient as it is.

        u = m̂ / (√v̂ + ε)                              m̂, v̂ as in adam
        x ← x − α·(sign(g)·|u| + λ·x)

    with learning rate α = lr, β₁ = beta1, β₂ = beta2, ε = eps, λ = weight_decay.

    State: two arrays of the parameters' size, m and v.

    Neither torch nor optax has it.

    Reference: Y. Cao, X. Li and Z. Song, Grams: gradient descent with adaptive momentum
    scaling, 2024, algorithm 1.

    Example: `optimizer: {name: grams, lr: 0.001}`
    """

    scratch: ClassVar[int] = 2
    decay: ClassVar[Decay] = "decoupled"

    beta1: Annotated[float, Ge(0), Lt(1), Doc("how much of the mean stays")] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1), Doc("how much of the mean square stays")] = 0.999
    eps: Annotated[float, Ge(0), Doc("added to the root, against division by 0")] = 1e-8
    weight_decay: Annotated[float, Ge(0), Doc("decoupled: shrinks x by lr times it")] = 0.0

    def slots(self) -> tuple[str, ...]:
        return ("mean", "square")

    def coefficients(self, t: Array) -> tuple[Array | float, ...]:
        root = np.sqrt(1 - power(self.beta2, t))  # √v̂ = √v / root
        rate = self.lr * root / (1 - power(self.beta1, t))
        return self.beta1, 1 - self.beta1, self.beta2, 1 - self.beta2, rate, self.eps * root

    def update(
        self,
        x: Array,
        g: Array,
        m: Array,
        v: Array,
        s: Array,
        w: Array,
        beta1: Array,
        new1: Array,
        beta2: Array,
        new2: Array,
        rate: Array,
        eps: Array,
    ) -> None:
        mix(m, g, beta1, new1, s)
        np.multiply(g, g, s)
        mix(v, s, beta2, new2, s)
        np.sqrt(v, s)
        np.add(s, eps, s)
        np.abs(m, w)
        np.divide(w, s, s)
        np.multiply(s, rate, s)
        np.sign(g, w)
        np.multiply(s, w, s)
        np.subtract(x, s, x)
