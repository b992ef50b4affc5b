"""AMSGrad: Adam with a denominator that never decreases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Lt
from optcli.optimizers.adam import corrected, moments, quotient
from optcli.optimizers.base import OPTIMIZERS, Optimizer


@OPTIMIZERS.register("amsgrad")
@dataclass(frozen=True)
class AMSGrad(Optimizer):
    """AMSGrad: Adam with the maximum of all second moments so far as denominator.

        g ← g + λ·x                                   before `update`, by the Stepper
        m ← β₁·m + (1 − β₁)·g
        v ← β₂·v + (1 − β₂)·g²
        w ← max(w, v)
        x ← x − α · m/(1 − β₁ᵗ) / (√(w/(1 − β₂ᵗ)) + ε)

    with learning rate α = lr, β₁ = beta1, β₂ = beta2, ε = eps, λ = weight_decay.

    State: three arrays of the parameters' size, m, v and w.

    The same as torch's Adam with amsgrad. optax takes the maximum of v/(1 − β₂ᵗ). The
    paper has no bias correction.

    Use it when adam does not converge because rare, large gradients are forgotten. Avoid it where
    gradients are large at the start only: the maximum keeps steps small for ever.

    Reference: S. J. Reddi, S. Kale and S. Kumar, On the convergence of Adam and beyond,
    2018, algorithm 2.

    Example: `optimizer: {name: amsgrad, lr: 0.001}`
    """

    state: ClassVar[tuple[str, ...]] = ("m", "v", "w")

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
        w: Array,
        s: Array,
        beta1: Array,
        one_minus_beta1: Array,
        beta2: Array,
        one_minus_beta2: Array,
        alpha_t: Array,
        eps_hat: Array,
    ) -> None:
        moments(m, v, g, beta1, one_minus_beta1, beta2, one_minus_beta2, s)  # m, v
        np.maximum(w, v, out=w)  # w ← max(w, v)
        quotient(m, w, eps_hat, s)  # m / (√w + ε̂)
        np.multiply(s, alpha_t, s)  # α, with both bias corrections
        np.subtract(x, s, x)
