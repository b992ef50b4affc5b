"""NAdam: Adam with Nesterov momentum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt, Lt
from optcli.optimizers.adam import moments, quotient
from optcli.optimizers.base import OPTIMIZERS, Optimizer, power


@OPTIMIZERS.register("nadam")
@dataclass(frozen=True)
class NAdam(Optimizer):
    """NAdam: Adam with Nesterov momentum and a momentum schedule.

        g ← g + λ·x                                   before `update`, by the Stepper
        μ_t = β₁·(1 − ½·0.96^(t·ψ))
        m ← β₁·m + (1 − β₁)·g
        v ← β₂·v + (1 − β₂)·g²
        m̂ = μ_(t+1)·m / (1 − μ₁⋯μ_(t+1)) + (1 − μ_t)·g / (1 − μ₁⋯μ_t)
        v̂ = v / (1 − β₂ᵗ)
        x ← x − α · m̂ / (√v̂ + ε)

    with learning rate α = lr, β₁ = beta1, β₂ = beta2, ε = eps, ψ = momentum_decay,
    λ = weight_decay.

    State: two arrays of the parameters' size, m and v, and one number, μ₁⋯μ_t.

    The same as torch's NAdam. The paper's algorithm 2 differs in two places: m decays with
    μ_t instead of β₁, and v̂ = β₂·v / (1 − β₂ᵗ), with a further β₂. It leaves μ_t open; the
    schedule with 0.96 and ψ = 1/250 is that of Keras, which torch adopted. optax's nadam has
    a constant momentum: see nadamw.

    Use it when adam is a little slow to follow the gradient. Avoid it as a remedy for
    instability: it reacts faster than adam.

    Reference: T. Dozat, Incorporating Nesterov momentum into Adam, 2016, algorithm 2.

    Example: `optimizer: {name: nadam, lr: 0.002}`
    """

    state: ClassVar[tuple[str, ...]] = ("m", "v")
    scratch: ClassVar[tuple[str, ...]] = ("s", "w")
    products: ClassVar[tuple[str, ...]] = ("mu_product",)

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 2e-3
    beta1: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the first moment")] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the second moment")] = 0.999
    eps: Annotated[float, Ge(0), Doc("small constant for numerical stability")] = 1e-8
    momentum_decay: Annotated[float, Ge(0), Doc("decay ψ of the momentum schedule")] = 4e-3
    weight_decay: Annotated[float, Ge(0), Doc("L2 weight decay, added to the gradient")] = 0.0

    def mu(self, t: Array) -> Array:
        """μ_t."""
        return self.beta1 * (1 - 0.5 * power(0.96, t * self.momentum_decay))

    def coefficients(self, t: Array, mu_product: Array | float = 1.0) -> dict[str, Array | float]:
        mu, mu_next = self.mu(t), self.mu(t + 1)
        start = np.broadcast_to(mu_product, mu[:1].shape)
        products = np.multiply.accumulate(np.concatenate([start, mu]), axis=0)[1:]  # μ₁⋯μ_t
        root = np.sqrt(1 - power(self.beta2, t))  # √v̂ = √v / root
        alpha = self.lr * root  # the root cancels against that of √v̂
        return {
            "mu_product": products,
            "beta1": self.beta1,
            "one_minus_beta1": 1 - self.beta1,
            "beta2": self.beta2,
            "one_minus_beta2": 1 - self.beta2,
            "m_rate": alpha * mu_next / (1 - products * mu_next),
            "g_rate": alpha * (1 - mu) / (1 - products),
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
