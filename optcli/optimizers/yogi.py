"""Yogi: Adam whose mean square moves by no more than the gradient's."""

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
    """Adam with a mean square that cannot fall fast, so that steps cannot jump.

        m ← β₁·m + (1 − β₁)·g
        v ← v − (1 − β₂)·sign(v − g²)·g²
        m̂ = m / (1 − β₁ᵗ),   v̂ = v / (1 − β₂ᵗ)
        x ← x − α · m̂ / (√v̂ + ε)

    with learning rate α = lr, β₁ = beta1, β₂ = beta2, ε = eps. m and v start at
    initial_accumulator_value.

    State: two arrays of the parameters' size.

    The same as optax's yogi, whose m starts off 0, too; the default of lr is the paper's.
    The paper corrects no bias.

    Reference: M. Zaheer and others, Adaptive methods for nonconvex optimization, 2018,
    algorithm 2.

    Example: `optimizer: {name: yogi, lr: 0.01}`
    """

    state: ClassVar[tuple[str, ...]] = ("m", "v")
    scratch: ClassVar[tuple[str, ...]] = ("s", "w")

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 1e-2
    beta1: Annotated[float, Ge(0), Lt(1), Doc("how much of the mean stays")] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1), Doc("how slowly the mean square moves")] = 0.999
    eps: Annotated[float, Ge(0), Doc("added to the root, against division by 0")] = 1e-3
    initial_accumulator_value: Annotated[float, Ge(0), Doc("of mean and mean square")] = 1e-6
    weight_decay: Annotated[float, Ge(0), Doc("coupled: adds its multiple of x to g")] = 0.0

    def start(self, m: Array, v: Array) -> None:
        m[:] = v[:] = self.initial_accumulator_value

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        root = 1 / np.sqrt(1 - power(self.beta2, t))
        return {
            "beta1": self.beta1,
            "new1": 1 - np.asarray(self.beta1),
            "new2": 1 - np.asarray(self.beta2),
            "rate": self.lr / (1 - power(self.beta1, t)) / root,
            "eps": self.eps / root,
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
        new1: Array,
        new2: Array,
        rate: Array,
        eps: Array,
    ) -> None:
        mix(m, g, beta1, new1, s)
        # v ← v − (1 − β₂)·sign(v − g²)·g²
        np.multiply(g, g, w)
        np.subtract(v, w, s)
        np.sign(s, s)
        np.multiply(s, w, s)
        np.multiply(s, new2, s)
        np.subtract(v, s, v)
        quotient(m, v, eps, s)
        np.multiply(s, rate, s)
        np.subtract(x, s, x)
