"""Adam: adaptive moment estimation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Lt
from optcli.optimizers.base import OPTIMIZERS, Optimizer, power


@OPTIMIZERS.register("adam")
@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam: adaptive moment estimation.

    The step goes along the moving average of gradients, m, divided by the root of the moving
    average of squared gradients, v; both are corrected for their bias towards 0:

        m ← β₁·m + (1 − β₁)·g
        v ← β₂·v + (1 − β₂)·g²
        m̂ = m / (1 − β₁ᵗ),   v̂ = v / (1 − β₂ᵗ)
        x ← x − α · m̂ / (√v̂ + ε)

    with learning rate α = lr, β₁ = beta1, β₂ = beta2, ε = eps.

    State: two arrays of the parameters' size, m and v. The code applies the bias corrections
    to α and ε, so that m̂ and v̂ are never stored: the same step in exact arithmetic.

    The same as torch's and optax's Adam.

    Reference: D. P. Kingma and J. Ba, Adam: a method for stochastic optimization, 2015,
    algorithm 1.

    Example: `optimizer: {name: adam, lr: 0.001, beta2: 0.99}`
    """

    state: ClassVar[tuple[str, ...]] = ("m", "v")

    beta1: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the first moment")] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the second moment")] = 0.999
    eps: Annotated[float, Ge(0), Doc("small constant for numerical stability")] = 1e-8
    weight_decay: Annotated[float, Ge(0), Doc("L2 weight decay, added to the gradient")] = 0.0

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        return corrected(self.lr, self.beta1, self.beta2, self.eps, t)

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
        moments(m, v, g, beta1, new1, beta2, new2, s)  # m, v
        quotient(m, v, eps, s)  # m / (√v + ε)
        np.multiply(s, rate, s)  # α · m̂ / (√v̂ + ε)
        np.subtract(x, s, x)


def corrected(
    lr: float, beta1: float, beta2: float, eps: float, t: Array
) -> dict[str, Array | float]:
    """The coefficients of Adam at step t, with its bias corrections within α and ε.

    α · m̂ / (√v̂ + ε) is rate · m / (√v + eps), as √v̂ = √v / √(1 − β₂ᵗ).
    """
    root = np.sqrt(1 - power(beta2, t))
    rate = lr * root / (1 - power(beta1, t))
    betas = {"beta1": beta1, "new1": 1 - beta1, "beta2": beta2, "new2": 1 - beta2}
    return {**betas, "rate": rate, "eps": eps * root}


def moments(
    m: Array,
    v: Array,
    g: Array,
    beta1: Array,
    new1: Array,
    beta2: Array,
    new2: Array,
    s: Array,
) -> None:
    """Let m become β₁·m + (1 − β₁)·g, and v β₂·v + (1 − β₂)·g²; s is scratch."""
    np.multiply(m, beta1, m)
    np.multiply(g, new1, s)
    np.add(m, s, m)
    np.multiply(v, beta2, v)
    np.multiply(g, g, s)
    np.multiply(s, new2, s)
    np.add(v, s, v)


def quotient(m: Array, v: Array, eps: Array, out: Array) -> None:
    """Write m / (√v + ε) into `out`."""
    np.sqrt(v, out)
    np.add(out, eps, out)
    np.divide(m, out, out)
