"""Grams: gradient descent with adaptive momentum scaling."""

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
    """Grams: step sizes from Adam, signs from the current gradient.

        u = m̂ / (√v̂ + ε)                              m̂, v̂ as in adam
        x ← x − α·(sign(g)·|u| + λ·x)

    with learning rate α = lr, β₁ = beta1, β₂ = beta2, ε = eps, λ = weight_decay.

    State: two arrays of the parameters' size, m and v.

    Neither torch nor optax has it.

    Use it when momentum lags behind a gradient that turns. Avoid it where single gradients are
    mostly noise: their signs are followed.

    Reference: Y. Cao, X. Li and Z. Song, Grams: gradient descent with adaptive momentum
    scaling, 2024, algorithm 1.

    Example: `optimizer: {name: grams, lr: 0.001}`
    """

    state: ClassVar[tuple[str, ...]] = ("m", "v")
    scratch: ClassVar[tuple[str, ...]] = ("s", "w")
    decay: ClassVar[Decay] = "decoupled"

    beta1: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the first moment")] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the second moment")] = 0.999
    eps: Annotated[float, Ge(0), Doc("small constant for numerical stability")] = 1e-8
    weight_decay: Annotated[float, Ge(0), Doc("decoupled weight decay, scaled by lr")] = 0.0

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
        one_minus_beta1: Array,
        beta2: Array,
        one_minus_beta2: Array,
        alpha_t: Array,
        eps_hat: Array,
    ) -> None:
        moments(m, v, g, beta1, one_minus_beta1, beta2, one_minus_beta2, s)  # m, v
        np.abs(m, w)
        quotient(w, v, eps_hat, s)
        np.multiply(s, alpha_t, s)  # α·|u|
        np.sign(g, w)
        np.multiply(s, w, s)  # α·sign(g)·|u|
        np.subtract(x, s, x)
