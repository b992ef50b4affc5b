"""Yogi: Adam with additive updates of the second moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt, Lt
from optcli.optimizers.adam import quotient
from optcli.optimizers.base import OPTIMIZERS, Optimizer, mix, power


@OPTIMIZERS.register("yogi")
@dataclass(frozen=True)
class Yogi(Optimizer):
    """Yogi: Adam with an additive, sign-controlled update of the second moment.

        g ← g + λ·x                                   before `update`, by the Stepper
        m ← β₁·m + (1 − β₁)·g
        v ← v − (1 − β₂)·sign(v − g²)·g²
        m̂ = m / (1 − β₁ᵗ),   v̂ = v / (1 − β₂ᵗ)
        x ← x − α · m̂ / (√v̂ + ε)

    with learning rate α = lr, β₁ = beta1, β₂ = beta2, ε = eps, λ = weight_decay. m and v
    start at initial_accumulator_value.

    State: two arrays of the parameters' size.

    The same as optax's yogi, in which m, too, starts at that value; the default of lr is the
    paper's. The paper has no bias correction.

    Use it when adam forgets rare large gradients too soon. Avoid it where gradients begin large
    and shrink: its second moment falls slowly.

    Reference: M. Zaheer and others, Adaptive methods for nonconvex optimization, 2018,
    algorithm 2.

    Example: `optimizer: {name: yogi, lr: 0.01}`
    """

    state: ClassVar[tuple[str, ...]] = ("m", "v")
    scratch: ClassVar[tuple[str, ...]] = ("s", "w")
    initial_only: ClassVar[tuple[str, ...]] = ("initial_accumulator_value",)

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 1e-2
    beta1: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the first moment")] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the second moment")] = 0.999
    eps: Annotated[float, Ge(0), Doc("small constant for numerical stability")] = 1e-3
    initial_accumulator_value: Annotated[float, Ge(0), Doc("initial value of both moments")] = 1e-6
    weight_decay: Annotated[float, Ge(0), Doc("L2 weight decay, added to the gradient")] = 0.0

    def start(self, m: Array, v: Array) -> None:
        m[:] = v[:] = self.initial_accumulator_value

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        root = 1 / np.sqrt(1 - power(self.beta2, t))
        return {
            "beta1": self.beta1,
            "one_minus_beta1": 1 - np.asarray(self.beta1),
            "one_minus_beta2": 1 - np.asarray(self.beta2),
            "alpha_t": self.lr / (1 - power(self.beta1, t)) / root,
            "eps_hat": self.eps / root,
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
        one_minus_beta2: Array,
        alpha_t: Array,
        eps_hat: Array,
    ) -> None:
        mix(m, g, beta1, one_minus_beta1, s)  # m ← β₁·m + (1 − β₁)·g
        # v ← v − (1 − β₂)·sign(v − g²)·g²
        np.multiply(g, g, w)
        np.subtract(v, w, s)
        np.sign(s, s)
        np.multiply(s, w, s)
        np.multiply(s, one_minus_beta2, s)
        np.subtract(v, s, v)
        quotient(m, v, eps_hat, s)  # m / (√v + ε̂)
        np.multiply(s, alpha_t, s)  # α · m̂ / (√v̂ + ε)
        np.subtract(x, s, x)
