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

        g ← g + λ·x                                   before `update`, by the Stepper
        m ← β₁·m + (1 − β₁)·g
        v ← β₂·v + (1 − β₂)·g²
        m̂ = m / (1 − β₁ᵗ),   v̂ = v / (1 − β₂ᵗ)
        x ← x − α · m̂ / (√v̂ + ε)

    with learning rate α = lr, β₁ = beta1, β₂ = beta2, ε = eps, λ = weight_decay.

    State: two arrays of the parameters' size, m and v. m̂ and v̂ are never stored: the code
    moves the bias corrections into the step size and ε, as the end of section 2 of the paper
    suggests:

        α_t = α·√(1 − β₂ᵗ)/(1 − β₁ᵗ),   ε̂ = ε·√(1 − β₂ᵗ)
        x ← x − α_t · m / (√v + ε̂)

    In exact arithmetic that is the step above. `bias_correction: false` leaves the corrections out,
    to see what they do: the first steps are then up to (1 − β₁)/√(1 − β₂) = 3.2 times as large.

    The same as torch's and optax's Adam.

    Use it when you want a first result without much tuning, or gradients differ much in size
    between parameters. Avoid its `weight_decay` for regularization: adamw decays all weights
    alike.

    Reference: D. P. Kingma and J. Ba, Adam: a method for stochastic optimization, 2015,
    algorithm 1.

    Example: `optimizer: {name: adam, lr: 0.001, beta2: 0.99}`
    """

    state: ClassVar[tuple[str, ...]] = ("m", "v")

    beta1: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the first moment")] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the second moment")] = 0.999
    eps: Annotated[float, Ge(0), Doc("small constant for numerical stability")] = 1e-8
    weight_decay: Annotated[float, Ge(0), Doc("L2 weight decay, added to the gradient")] = 0.0
    bias_correction: Annotated[bool, Doc("correct m and v for having started at 0")] = True

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        if self.bias_correction:
            return corrected(self.lr, self.beta1, self.beta2, self.eps, t)
        # as for t → ∞: m̂ = m and v̂ = v
        return corrected(self.lr, self.beta1, self.beta2, self.eps, np.full_like(t, np.inf))

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
        alpha_t: Array,
        eps_hat: Array,
    ) -> None:
        moments(m, v, g, beta1, one_minus_beta1, beta2, one_minus_beta2, s)  # m, v
        quotient(m, v, eps_hat, s)  # m / (√v + ε̂)
        np.multiply(s, alpha_t, s)  # α · m̂ / (√v̂ + ε)
        np.subtract(x, s, x)


def corrected(
    lr: float, beta1: float, beta2: float, eps: float, t: Array
) -> dict[str, Array | float]:
    """The coefficients of Adam at step t: the decay rates, and the α_t and ε̂ of `Adam`.

    α · m̂ / (√v̂ + ε) is alpha_t · m / (√v + eps_hat), as √v̂ = √v / √(1 − β₂ᵗ).
    """
    root = np.sqrt(1 - power(beta2, t))
    alpha_t = lr * root / (1 - power(beta1, t))
    betas = {
        "beta1": beta1,
        "one_minus_beta1": 1 - beta1,
        "beta2": beta2,
        "one_minus_beta2": 1 - beta2,
    }
    return {**betas, "alpha_t": alpha_t, "eps_hat": eps * root}


def moments(
    m: Array,
    v: Array,
    g: Array,
    beta1: Array,
    one_minus_beta1: Array,
    beta2: Array,
    one_minus_beta2: Array,
    s: Array,
) -> None:
    """Update the moving averages m of g and v of g², in place; s: scratch."""
    # m ← β₁·m + (1 − β₁)·g
    np.multiply(m, beta1, m)
    np.multiply(g, one_minus_beta1, s)
    np.add(m, s, m)
    # v ← β₂·v + (1 − β₂)·g²
    np.multiply(v, beta2, v)
    np.multiply(g, g, s)
    np.multiply(s, one_minus_beta2, s)
    np.add(v, s, v)


def quotient(m: Array, v: Array, eps: Array, out: Array) -> None:
    """Write m / (√v + ε) into `out`."""
    np.sqrt(v, out)
    np.add(out, eps, out)
    np.divide(m, out, out)
