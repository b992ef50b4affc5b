"""AdEMAMix: AdamW with a second, slower moving average of the gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Lt
from optcli.optimizers.adam import moments, quotient
from optcli.optimizers.base import OPTIMIZERS, Decay, Optimizer, mix, power


@OPTIMIZERS.register("ademamix")
@dataclass(frozen=True)
class AdEMAMix(Optimizer):
    """AdEMAMix: AdamW with two moving averages of the gradient, a fast and a slow one.

        m₁ ← β₁·m₁ + (1 − β₁)·g
        m₂ ← β₃·m₂ + (1 − β₃)·g
        v  ← β₂·v + (1 − β₂)·g²
        m̂₁ = m₁ / (1 − β₁ᵗ),   v̂ = v / (1 − β₂ᵗ)
        x ← x − κ·((m̂₁ + α·m₂) / (√v̂ + ε) + λ·x)

    with learning rate κ = lr, βᵢ = beta1, beta2, beta3, α = alpha, ε = eps, λ =
    weight_decay.

    State: three arrays of the parameters' size, m₁, m₂ and v.

    The same as optax.contrib.ademamix with constant α and β₃. The paper increases both over
    the first part of training.

    Use it when training is long, so that gradients of thousands of steps ago still help. Avoid it
    for short runs: its slow average never fills.

    Reference: M. Pagliardini, P. Ablin and D. Grangier, The AdEMAMix optimizer: better,
    faster, older, 2024, algorithm 1.

    Example: `optimizer: {name: ademamix, lr: 0.001, beta3: 0.999}`
    """

    state: ClassVar[tuple[str, ...]] = ("m1", "m2", "v")
    scratch: ClassVar[tuple[str, ...]] = ("s", "w")
    decay: ClassVar[Decay] = "decoupled"

    beta1: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the fast average")] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the second moment")] = 0.999
    beta3: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the slow average")] = 0.9999
    alpha: Annotated[float, Ge(0), Doc("weight of the slow average")] = 5.0
    eps: Annotated[float, Ge(0), Doc("small constant for numerical stability")] = 1e-8
    weight_decay: Annotated[float, Ge(0), Doc("decoupled weight decay, scaled by lr")] = 0.0

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        root = np.sqrt(1 - power(self.beta2, t))  # √v̂ = √v / root
        kappa = self.lr * root  # the root cancels against that of √v̂
        return {
            "beta1": self.beta1,
            "one_minus_beta1": 1 - self.beta1,
            "beta2": self.beta2,
            "one_minus_beta2": 1 - self.beta2,
            "beta3": self.beta3,
            "one_minus_beta3": 1 - self.beta3,
            "m1_rate": kappa / (1 - power(self.beta1, t)),
            "m2_rate": kappa * self.alpha,
            "eps_hat": self.eps * root,
        }

    def update(
        self,
        x: Array,
        g: Array,
        m1: Array,
        m2: Array,
        v: Array,
        s: Array,
        w: Array,
        beta1: Array,
        one_minus_beta1: Array,
        beta2: Array,
        one_minus_beta2: Array,
        beta3: Array,
        one_minus_beta3: Array,
        m1_rate: Array,
        m2_rate: Array,
        eps_hat: Array,
    ) -> None:
        moments(m1, v, g, beta1, one_minus_beta1, beta2, one_minus_beta2, s)  # m₁, v
        mix(m2, g, beta3, one_minus_beta3, s)  # m₂ ← β₃·m₂ + (1 − β₃)·g
        # κ·(m̂₁ + α·m₂)
        np.multiply(m1, m1_rate, s)
        np.multiply(m2, m2_rate, w)
        np.add(s, w, s)
        quotient(s, v, eps_hat, w)  # … / (√v̂ + ε)
        np.subtract(x, w, x)
