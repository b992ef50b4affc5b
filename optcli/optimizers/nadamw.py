"""NAdamW: AdamW with Nesterov momentum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Lt
from optcli.optimizers.adam import moments, quotient
from optcli.optimizers.base import OPTIMIZERS, Decay, Optimizer, power


@OPTIMIZERS.register("nadamw")
@dataclass(frozen=True)
class NAdamW(Optimizer):
    """AdamW with Nesterov momentum.

        m ← β₁·m + (1 − β₁)·g
        v ← β₂·v + (1 − β₂)·g²
        m̂ = β₁·m / (1 − β₁^(t+1)) + (1 − β₁)·g / (1 − β₁ᵗ)
        v̂ = v / (1 − β₂ᵗ)
        x ← x − α·(m̂ / (√v̂ + ε) + λ·x)

    with learning rate α = lr, β₁ = beta1, β₂ = beta2, ε = eps, λ = weight_decay.

    State: two arrays of the parameters' size, m and v.

    The same as optax's nadamw. torch's NAdam with decoupled decay also has a
    momentum schedule: see nadam.

    Use it when adamw suits the problem and should follow the gradient faster. Avoid it where
    adamw is unstable already.

    Reference: T. Dozat, Incorporating Nesterov momentum into Adam, 2016, algorithm 2 with
    a constant μ and without its factor β₂ in v̂; I. Loshchilov and F. Hutter, Decoupled
    weight decay regularization, 2019.

    Example: `optimizer: {name: nadamw, lr: 0.001, weight_decay: 0.01}`
    """

    state: ClassVar[tuple[str, ...]] = ("m", "v")
    scratch: ClassVar[tuple[str, ...]] = ("s", "w")
    decay: ClassVar[Decay] = "decoupled"

    beta1: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the first moment")] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the second moment")] = 0.999
    eps: Annotated[float, Ge(0), Doc("small constant for numerical stability")] = 1e-8
    weight_decay: Annotated[float, Ge(0), Doc("decoupled weight decay, scaled by lr")] = 1e-4

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        one_minus_beta1 = 1 - self.beta1
        root = np.sqrt(1 - power(self.beta2, t))  # √v̂ = √v / root
        return {
            "beta1": self.beta1,
            "one_minus_beta1": one_minus_beta1,
            "beta2": self.beta2,
            "one_minus_beta2": 1 - self.beta2,
            "m_rate": self.lr * root * self.beta1 / (1 - power(self.beta1, t + 1)),
            "g_rate": self.lr * root * one_minus_beta1 / (1 - power(self.beta1, t)),
            "eps_hat": self.eps * root,
        }

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
        m_rate: Array,
        g_rate: Array,
        eps_hat: Array,
    ) -> None:
        moments(m, v, g, beta1, one_minus_beta1, beta2, one_minus_beta2, s)  # m, v
        # α·√(1 − β₂ᵗ)·m̂ = m_rate·m + g_rate·g; the root cancels against that of √v̂
        np.multiply(m, m_rate, s)
        np.multiply(g, g_rate, w)
        np.add(s, w, s)
        quotient(s, v, eps_hat, w)  # α·m̂ / (√v̂ + ε)
        np.subtract(x, w, x)
