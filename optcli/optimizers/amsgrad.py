"""AMSGrad: Adam whose divisor never shrinks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from optcli.arrays import Array
from optcli.optimizers.base import OPTIMIZERS, Optimizer, mix, power
from optcli.specs import Doc, Ge, Lt


@OPTIMIZERS.register("amsgrad")
@dataclass(frozen=True)
class AMSGrad(Optimizer):
    """Adam that divides by the largest mean square so far, so that it converges.

        m ← β₁·m + (1 − β₁)·g
        v ← β₂·v + (1 − β₂)·g²
        w ← max(w, v)
        x ← x − α · m/(1 − β₁ᵗ) / (√(w/(1 − β₂ᵗ)) + ε)

    with learning rate α = lr, β₁ = beta1, β₂ = beta2, ε = eps.

    State: three arrays of the parameters' size, m, v and w.

    The same as torch's Adam with amsgrad. optax takes the maximum of v/(1 − β₂ᵗ). The
    paper corrects no bias.

    Reference: S. J. Reddi, S. Kale and S. Kumar, On the convergence of Adam and beyond,
    2018, algorithm 2.

    Example: `optimizer: {name: amsgrad, lr: 0.001}`
    """

    beta1: Annotated[float, Ge(0), Lt(1), Doc("how much of the mean stays")] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1), Doc("how much of the mean square stays")] = 0.999
    eps: Annotated[float, Ge(0), Doc("added to the root, against division by 0")] = 1e-8
    weight_decay: Annotated[float, Ge(0), Doc("coupled: adds its multiple of x to g")] = 0.0

    def slots(self) -> tuple[str, ...]:
        return ("mean", "square", "largest")

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
        w: Array,
        s: Array,
        beta1: Array,
        new1: Array,
        beta2: Array,
        new2: Array,
        rate: Array,
        eps: Array,
    ) -> None:
        mix(m, g, beta1, new1, s)
        np.multiply(g, g, s)
        mix(v, s, beta2, new2, s)
        np.maximum(w, v, out=w)
        np.sqrt(w, s)
        np.add(s, eps, s)
        np.divide(m, s, s)
        np.multiply(s, rate, s)
        np.subtract(x, s, x)
