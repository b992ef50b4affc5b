"""Optimistic Adam: Adam with an extrapolated step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Lt
from optcli.optimizers.adam import moments, quotient
from optcli.optimizers.base import OPTIMIZERS, Optimizer, power


@OPTIMIZERS.register("optimistic_adam")
@dataclass(frozen=True)
class OptimisticAdam(Optimizer):
    """Optimistic Adam: Adam with an extrapolated step.

    Each step adds the change from the previous step, as a prediction of the next:

        g ← g + λ·x                                   before `update`, by the Stepper
        u_t = m̂ / (√v̂ + ε)                            m̂, v̂ as in adam
        x ← x − γ·((α + β)·u_t − β·u_(t−1))           (u₀ = u₁)

    with learning rate γ = lr, α = alpha, β = optimism, and beta1, beta2 and ε = eps as in
    adam, λ = weight_decay. With `nesterov`, m̂ = β₁·m/(1 − β₁^(t+1)) +
    (1 − β₁)·g/(1 − β₁ᵗ).

    State: three arrays of the parameters' size, m, v and u.

    The same as optax's optimistic_adam_v2, whose beta is optimism here. The paper has no
    Nesterov momentum and α = β = 1: the step is −2γ·u_t + γ·u_(t−1).

    Use it when two players train against each other, or steps cycle. Avoid it for plain
    minimization: adam is as good.

    Reference: C. Daskalakis and others, Training GANs with optimism, 2018, algorithm 1.

    Example: `optimizer: {name: optimistic_adam, lr: 0.001, nesterov: false}`
    """

    state: ClassVar[tuple[str, ...]] = ("m", "v", "u_prev")
    scratch: ClassVar[tuple[str, ...]] = ("u", "w")

    beta1: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the first moment")] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the second moment")] = 0.999
    eps: Annotated[float, Ge(0), Doc("small constant for numerical stability")] = 1e-8
    alpha: Annotated[float, Ge(0), Doc("weight of the step u_t")] = 1.0
    optimism: Annotated[float, Ge(0), Doc("weight of the change u_t − u_(t−1)")] = 1.0
    nesterov: Annotated[bool, Doc("use Nesterov momentum")] = True
    weight_decay: Annotated[float, Ge(0), Doc("L2 weight decay, added to the gradient")] = 0.0

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        one_minus_beta1 = 1 - self.beta1
        root = np.sqrt(1 - power(self.beta2, t))  # √v̂ = √v / root
        # u = (m_weight·m + g_weight·g) / (√v + root·ε)
        m_weight, g_weight = root / (1 - power(self.beta1, t)), 0 * root
        if self.nesterov:
            g_weight = m_weight * one_minus_beta1
            m_weight = root * self.beta1 / (1 - power(self.beta1, t + 1))
        known = np.where(t == 1, 0.0, self.optimism)  # β, once there is u_(t−1)
        return {
            "beta1": self.beta1,
            "one_minus_beta1": one_minus_beta1,
            "beta2": self.beta2,
            "one_minus_beta2": 1 - self.beta2,
            "m_weight": m_weight,
            "g_weight": g_weight,
            "eps_hat": self.eps * root,
            "u_rate": self.lr * (self.alpha + known),
            "u_prev_rate": self.lr * known,
        }

    def update(
        self,
        x: Array,
        g: Array,
        m: Array,
        v: Array,
        u_prev: Array,
        u: Array,
        w: Array,
        beta1: Array,
        one_minus_beta1: Array,
        beta2: Array,
        one_minus_beta2: Array,
        m_weight: Array,
        g_weight: Array,
        eps_hat: Array,
        u_rate: Array,
        u_prev_rate: Array,
    ) -> None:
        moments(m, v, g, beta1, one_minus_beta1, beta2, one_minus_beta2, u)  # m, v
        # u_t = (m_weight·m + g_weight·g) / (√v + √(1 − β₂ᵗ)·ε)
        np.multiply(m, m_weight, w)
        np.multiply(g, g_weight, u)
        np.add(w, u, w)
        quotient(w, v, eps_hat, u)
        # x ← x + γ·β·u_(t−1) − γ·(α + β)·u_t
        np.multiply(u_prev, u_prev_rate, w)
        np.add(x, w, x)
        np.copyto(u_prev, u)
        np.multiply(u, u_rate, u)
        np.subtract(x, u, x)
