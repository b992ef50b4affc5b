"""Adam: adaptive moment estimation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from optcli.arrays import Array
from optcli.optimizers.base import OPTIMIZERS, Optimizer, power
from optcli.specs import Doc, Ge, Lt


@OPTIMIZERS.register("adam")
@dataclass(frozen=True)
class Adam(Optimizer):
    """Step along a running mean of the gradient, divided by the root of one of its square.

        m ← β₁·m + (1 − β₁)·g
        v ← β₂·v + (1 − β₂)·g²
        m̂ = m / (1 − β₁ᵗ),   v̂ = v / (1 − β₂ᵗ)
        x ← x − α · m̂ / (√v̂ + ε)

    with learning rate α = lr, β₁ = beta1, β₂ = beta2, ε = eps.

    State: two arrays of the parameters' size, m and v. The bias corrections, which are the
    same for all parameters, are applied to α and ε.

    The same as torch's and optax's Adam.

    Reference: D. P. Kingma and J. Ba, Adam: a method for stochastic
    optimization, 2015, algorithm 1.

    Example: `optimizer: {name: adam, lr: 0.001, beta2: 0.99}`
    """

    beta1: Annotated[float, Ge(0), Lt(1), Doc("how much of the mean stays")] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1), Doc("how much of the mean square stays")] = 0.999
    eps: Annotated[float, Ge(0), Doc("added to the root, against division by 0")] = 1e-8
    weight_decay: Annotated[float, Ge(0), Doc("coupled: adds its multiple of x to g")] = 0.0

    def slots(self) -> tuple[str, ...]:
        return ("mean", "square")

    def coefficients(self, t: Array) -> tuple[Array | float, ...]:
        root = np.sqrt(1 - power(self.beta2, t))  # √v̂ = √v / root
        rate = self.lr * root / (1 - power(self.beta1, t))
        return self.beta1, 1 - self.beta1, self.beta2, 1 - self.beta2, rate, self.eps * root

    def update(
        self,
        x: Array,
        g: Array,
        m: Array,
        v: Array,
        s: Array,
        beta1: Array,
        new1: Array,
        beta2: Array,
        new2: Array,
        rate: Array,
        eps: Array,
    ) -> None:
        # m ← β₁·m + (1 − β₁)·g
        np.multiply(m, beta1, m)
        np.multiply(g, new1, s)
        np.add(m, s, m)
        # v ← β₂·v + (1 − β₂)·g²
        np.multiply(v, beta2, v)
        np.multiply(g, g, s)
        np.multiply(s, new2, s)
        np.add(v, s, v)
        # x ← x − α · m̂ / (√v̂ + ε)
        np.sqrt(v, s)
        np.add(s, eps, s)
        np.divide(m, s, s)
        np.multiply(s, rate, s)
        np.subtract(x, s, x)
