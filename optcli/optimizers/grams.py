"""Grams: how far by Adam, which way by the gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Lt
from optcli.optimizers.adam import corrected, moments, quotient
from optcli.optimizers.base import OPTIMIZERS, Decay, Optimizer


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

    state: ClassVar[tuple[str, ...]] = ("m", "v")
    scratch: ClassVar[tuple[str, ...]] = ("s", "w")
    decay: ClassVar[Decay] = "decoupled"

    beta1: Annotated[float, Ge(0), Lt(1), Doc("how much of the mean stays")] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1), Doc("how much of the mean square stays")] = 0.999
    eps: Annotated[float, Ge(0), Doc("added to the root, against division by 0")] = 1e-8
    weight_decay: Annotated[float, Ge(0), Doc("decoupled: shrinks x by lr times it")] = 0.0

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        return corrected(self.lr, self.beta1, self.beta2, self.eps, t)

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
        moments(m, v, g, beta1, new1, beta2, new2, s)
        np.abs(m, w)
        quotient(w, v, eps, s)
        np.multiply(s, rate, s)  # α·|u|
        np.sign(g, w)
        np.multiply(s, w, s)
        np.subtract(x, s, x)
