"""LAMB: AdamW with a trust ratio for each array."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Lt
from optcli.optimizers.adam import corrected, moments, quotient
from optcli.optimizers.base import OPTIMIZERS, Decay, Shaped, norm, ratio


@OPTIMIZERS.register("lamb")
@dataclass(frozen=True)
class LAMB(Shaped):
    """LAMB: AdamW with a trust ratio for each parameter tensor (the paper's layer).

        u = m̂ / (√v̂ + ε) + λ·x                        m̂, v̂ as in adam
        x ← x − α · ‖x‖/‖u‖ · u                       the ratio is 1 where either norm is 0

    with learning rate α = lr, β₁ = beta1, β₂ = beta2, ε = eps, λ = weight_decay. ‖x‖/‖u‖
    is the trust ratio; the norms are those of each parameter tensor separately.

    State: two arrays of the parameters' size, m and v.

    The same as optax's lamb. u is the paper's r + λ·x; its scaling function φ is the identity
    here.

    Use it when batches are very large and layers differ in scale. Avoid it for small batches:
    adamw does as well.

    Reference: Y. You and others, Large batch optimization for deep learning: training BERT
    in 76 minutes, 2020, algorithm 2.

    Example: `optimizer: {name: lamb, lr: 0.01, weight_decay: 0.01}`
    """

    state: ClassVar[tuple[str, ...]] = ("m", "v")
    scratch: ClassVar[tuple[str, ...]] = ("u", "w")
    decay: ClassVar[Decay] = "own"

    beta1: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the first moment")] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the second moment")] = 0.999
    eps: Annotated[float, Ge(0), Doc("small constant for numerical stability")] = 1e-6
    weight_decay: Annotated[float, Ge(0), Doc("weight decay, added to the step before scaling")] = (
        0.0
    )

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        # with a learning rate of 1, alpha_t·m / (√v + eps_hat) is m̂ / (√v̂ + ε)
        adam = corrected(1.0, self.beta1, self.beta2, self.eps, t)
        return {**adam, "weight_decay": self.weight_decay, "lr": self.lr}

    def update(
        self,
        x: Array,
        g: Array,
        m: Array,
        v: Array,
        u: Array,
        w: Array,
        beta1: Array,
        one_minus_beta1: Array,
        beta2: Array,
        one_minus_beta2: Array,
        alpha_t: Array,
        eps_hat: Array,
        weight_decay: Array,
        lr: Array,
    ) -> None:
        moments(m, v, g, beta1, one_minus_beta1, beta2, one_minus_beta2, u)  # m, v
        # u = m̂ / (√v̂ + ε) + λ·x
        quotient(m, v, eps_hat, u)
        np.multiply(u, alpha_t, u)
        np.multiply(x, weight_decay, w)
        np.add(u, w, u)
        # x ← x − α · ‖x‖/‖u‖ · u
        np.multiply(u, lr * ratio(norm(x), norm(u), otherwise=1), u)
        np.subtract(x, u, x)
