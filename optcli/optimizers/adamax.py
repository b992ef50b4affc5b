"""AdaMax: Adam with the infinity norm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt, Lt
from optcli.optimizers.base import OPTIMIZERS, Optimizer, mix, power


@OPTIMIZERS.register("adamax")
@dataclass(frozen=True)
class AdaMax(Optimizer):
    """AdaMax: Adam with the infinity norm in place of the second moment.

        g ← g + λ·x                                   before `update`, by the Stepper
        m ← β₁·m + (1 − β₁)·g
        u ← max(β₂·u, |g| + ε)
        x ← x − α / (1 − β₁ᵗ) · m / u

    with learning rate α = lr, β₁ = beta1, β₂ = beta2, ε = eps, λ = weight_decay.

    State: two arrays of the parameters' size, m and u.

    The same as torch's Adamax. optax's also has ε inside the maximum. The paper has no ε.

    Use it when no step should be longer than about lr in any parameter. Avoid it as a first
    choice: adam is better understood.

    Reference: D. P. Kingma and J. Ba, Adam: a method for stochastic optimization, 2015,
    algorithm 2.

    Example: `optimizer: {name: adamax, lr: 0.002}`
    """

    state: ClassVar[tuple[str, ...]] = ("m", "u")

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 2e-3
    beta1: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the first moment")] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the infinity norm")] = 0.999
    eps: Annotated[float, Ge(0), Doc("added to |g|, against division by 0")] = 1e-8
    weight_decay: Annotated[float, Ge(0), Doc("L2 weight decay, added to the gradient")] = 0.0

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        return {
            "beta1": self.beta1,
            "one_minus_beta1": 1 - self.beta1,
            "beta2": self.beta2,
            "alpha_t": self.lr / (1 - power(self.beta1, t)),
            "eps": self.eps,
        }

    def update(
        self,
        x: Array,
        g: Array,
        m: Array,
        u: Array,
        s: Array,
        beta1: Array,
        one_minus_beta1: Array,
        beta2: Array,
        alpha_t: Array,
        eps: Array,
    ) -> None:
        mix(m, g, beta1, one_minus_beta1, s)  # m ← β₁·m + (1 − β₁)·g
        # u ← max(β₂·u, |g| + ε)
        np.abs(g, s)
        np.add(s, eps, s)
        np.multiply(u, beta2, u)
        np.maximum(u, s, out=u)
        # x ← x − α / (1 − β₁ᵗ) · m / u
        np.divide(m, u, s)
        np.multiply(s, alpha_t, s)
        np.subtract(x, s, x)
