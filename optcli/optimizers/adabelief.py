"""AdaBelief: Adam scaled by the variance of the gradient around its moving average."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Lt
from optcli.optimizers.adam import quotient
from optcli.optimizers.base import OPTIMIZERS, Optimizer, mix, power


@OPTIMIZERS.register("adabelief")
@dataclass(frozen=True)
class AdaBelief(Optimizer):
    """AdaBelief: Adam scaled by the variance of the gradient around its moving average.

        g ← g + λ·x                                   before `update`, by the Stepper
        m ← β₁·m + (1 − β₁)·g
        s ← β₂·s + (1 − β₂)·(g − m)² + ε′
        m̂ = m / (1 − β₁ᵗ),   ŝ = s / (1 − β₂ᵗ)
        x ← x − α · m̂ / (√ŝ + ε)

    with learning rate α = lr, β₁ = beta1, β₂ = beta2, ε = eps, ε′ = eps_root,
    λ = weight_decay.

    State: two arrays of the parameters' size.

    The same as optax's adabelief. The paper has one ε for both.

    Use it when gradients are noisy and adam's steps are too timid where the gradient is steady.
    Avoid it where an untuned `eps` would matter: results depend on it more than with adam.

    Reference: J. Zhuang and others, AdaBelief optimizer: adapting stepsizes by the belief
    in observed gradients, 2020, algorithm 2.

    Example: `optimizer: {name: adabelief, lr: 0.001}`
    """

    state: ClassVar[tuple[str, ...]] = ("m", "s")
    scratch: ClassVar[tuple[str, ...]] = ("d", "w")

    beta1: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the first moment")] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the second moment")] = 0.999
    eps: Annotated[float, Ge(0), Doc("small constant for numerical stability")] = 1e-16
    eps_root: Annotated[float, Ge(0), Doc("small constant added to s at each step")] = 1e-16
    weight_decay: Annotated[float, Ge(0), Doc("L2 weight decay, added to the gradient")] = 0.0

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        alpha = self.lr / (1 - power(self.beta1, t))  # α·m̂ = alpha · m
        root = 1 / np.sqrt(1 - power(self.beta2, t))  # √ŝ = root · √s
        return {
            "beta2": self.beta2,
            "one_minus_beta1": 1 - np.asarray(self.beta1),
            "one_minus_beta2": 1 - np.asarray(self.beta2),
            "alpha_t": alpha / root,
            "eps_hat": self.eps / root,
            "eps_root": self.eps_root,
        }

    def update(
        self,
        x: Array,
        g: Array,
        m: Array,
        s: Array,
        d: Array,
        w: Array,
        beta2: Array,
        one_minus_beta1: Array,
        one_minus_beta2: Array,
        alpha_t: Array,
        eps_hat: Array,
        eps_root: Array,
    ) -> None:
        # m ← m + (1 − β₁)·(g − m), the same as the formula
        np.subtract(g, m, d)
        np.multiply(d, one_minus_beta1, w)
        np.add(m, w, m)
        # s ← β₂·s + (1 − β₂)·(g − m)² + ε′
        np.subtract(g, m, d)
        np.multiply(d, d, d)
        mix(s, d, beta2, one_minus_beta2, d)
        np.add(s, eps_root, s)
        quotient(m, s, eps_hat, d)  # m / (√s + ε̂)
        np.multiply(d, alpha_t, d)  # α · m̂ / (√ŝ + ε)
        np.subtract(x, d, x)
