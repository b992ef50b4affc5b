"""RAdam: Adam with a rectified variance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt, Lt
from optcli.optimizers.adam import moments, quotient
from optcli.optimizers.base import OPTIMIZERS, Optimizer, power


@OPTIMIZERS.register("radam")
@dataclass(frozen=True)
class RAdam(Optimizer):
    """Rectified Adam: a correction of the adaptive variance in place of warm-up.

        g ← g + λ·x                                   before `update`, by the Stepper
        m ← β₁·m + (1 − β₁)·g
        v ← β₂·v + (1 − β₂)·g²
        m̂ = m / (1 − β₁ᵗ)
        ρ∞ = 2/(1 − β₂) − 1,   ρ = ρ∞ − 2t·β₂ᵗ/(1 − β₂ᵗ)
        ρ > 5:  l = √(1 − β₂ᵗ) / (√v + ε)
                r = √((ρ − 4)(ρ − 2)ρ∞ / ((ρ∞ − 4)(ρ∞ − 2)ρ))
                x ← x − α·r·l·m̂
        else:   x ← x − α·m̂

    with ρ the length of the approximated moving average, learning rate α = lr, β₁ = beta1,
    β₂ = beta2, ε = eps, λ = weight_decay.

    State: two arrays of the parameters' size, m and v.

    The same as torch's RAdam (without decoupled decay). optax adds ε to the
    bias-corrected root, and adapts where ρ ≥ 5. The paper has no ε, and ρ > 4.

    Use it when adam would need a warm-up. Avoid it where you have one: it does much of the same.

    Reference: L. Liu and others, On the variance of the adaptive learning rate and
    beyond, 2020, algorithm 2.

    Example: `optimizer: {name: radam, lr: 0.001}`
    """

    state: ClassVar[tuple[str, ...]] = ("m", "v")

    beta1: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the first moment")] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the second moment")] = 0.999
    eps: Annotated[float, Gt(0), Doc("small constant for numerical stability")] = 1e-8
    weight_decay: Annotated[float, Ge(0), Doc("L2 weight decay, added to the gradient")] = 0.0

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        alpha_t = self.lr / (1 - power(self.beta1, t))  # α·m̂ = alpha_t · m
        beta2_t = power(self.beta2, t)
        rho_inf = 2 / (1 - self.beta2) - 1 + 0 * t  # ρ∞
        rho = rho_inf - 2 * t * beta2_t / (1 - beta2_t)  # ρ
        adapts = rho > 5
        one = np.where(adapts, rho, 6.0)  # any length that has a root
        far = np.maximum(rho_inf, 5.0)
        r = np.sqrt((one - 4) * (one - 2) * far / ((far - 4) * (far - 2) * one))
        betas = {"beta1": self.beta1, "one_minus_beta1": 1 - self.beta1}
        betas |= {"beta2": self.beta2, "one_minus_beta2": 1 - self.beta2}
        return {
            **betas,
            "adaptive": np.where(adapts, alpha_t * r * np.sqrt(1 - beta2_t), 0),
            "plain": np.where(adapts, 0, alpha_t),
            "eps": self.eps,
        }

    def update(
        self,
        x: Array,
        g: Array,
        m: Array,
        v: Array,
        s: Array,
        beta1: Array,
        one_minus_beta1: Array,
        beta2: Array,
        one_minus_beta2: Array,
        adaptive: Array,
        plain: Array,
        eps: Array,
    ) -> None:
        moments(m, v, g, beta1, one_minus_beta1, beta2, one_minus_beta2, s)  # m, v
        # α·r·l·m̂, or α·m̂: one of the two rates is 0
        quotient(adaptive, v, eps, s)
        np.add(s, plain, s)
        np.multiply(s, m, s)
        np.subtract(x, s, x)
