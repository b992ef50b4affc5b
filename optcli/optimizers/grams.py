"""Grams: how far by Adam, which way by the gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.arrays import Array
from optcli.optimizers.base import OPTIMIZERS, Decay, Optimizer, power
from optcli.specs import Doc, Ge, Lt


@OPTIMIZERS.register("grams")
@dataclass(frozen=True)
class Grams(Optimizer):
    """Take the size of Adam's step, and the sign of the gradient as it is.

        u = m̂ / (√v̂ + ε)                              m̂, v̂ as in adam
        x ← x − α·(sign(g)·|u| + λ·x)

    with learning rate α = lr, β₁ = beta1, β₂ = beta2, ε = eps, λ = weight_decay.

    State: two arrays of the parameters' size, holding m/(1 − β₁) and v/(1 − β₂).

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
        mean = (1 - self.beta1) / (1 - power(self.beta1, t))
        root = np.sqrt((1 - self.beta2) / (1 - power(self.beta2, t)))
        return self.beta1, self.beta2, self.lr * mean / root, self.eps / root

    def update(
        self,
        x: Array,
        g: Array,
        M: Array,
        V: Array,
        s: Array,
        w: Array,
        beta1: Array,
        beta2: Array,
        rate: Array,
        eps: Array,
    ) -> None:
        np.multiply(M, beta1, M)
        np.add(M, g, M)
        np.multiply(g, g, s)
        np.multiply(V, beta2, V)
        np.add(V, s, V)
        np.sqrt(V, s)
        np.add(s, eps, s)
        np.abs(M, w)
        np.divide(w, s, s)
        np.multiply(s, rate, s)
        np.sign(g, w)
        np.multiply(s, w, s)
        np.subtract(x, s, x)
