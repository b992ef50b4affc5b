"""LaProp: Adam with momentum after normalization."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt, Lt
from optcli.optimizers.base import OPTIMIZERS, Decay, Optimizer, mix, power


@OPTIMIZERS.register("laprop")
@dataclass(frozen=True)
class LaProp(Optimizer):
    """LaProp: Adam that normalizes the gradient before momentum, not after.

        n ← ν·n + (1 − ν)·g²
        m ← μ·m + (1 − μ)·g / (√(n/(1 − νᵗ)) + ε)
        x ← x − α·m/(1 − μᵗ)

    with learning rate α = lr, μ = beta1, ν = beta2, ε = eps.

    State: two arrays of the parameters' size, m and n.

    Neither torch nor optax has it. The defaults are the paper's. weight_decay is
    adamw's; the authors' code subtracts weight_decay·x, without the learning rate.

    Use it when adam with a large momentum is unstable, as it may be with a small `beta2`. Avoid
    it as a first choice: it mostly follows adam.

    Reference: L. Ziyin, Z. T. Wang and M. Ueda, LaProp: separating momentum and
    adaptivity in Adam, 2020, algorithm 1.

    Example: `optimizer: {name: laprop, lr: 0.0004}`
    """

    state: ClassVar[tuple[str, ...]] = ("m", "n")
    decay: ClassVar[Decay] = "decoupled"

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 4e-4
    beta1: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the first moment")] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the second moment")] = 0.999
    eps: Annotated[float, Ge(0), Doc("small constant for numerical stability")] = 1e-15
    weight_decay: Annotated[float, Ge(0), Doc("decoupled weight decay, scaled by lr")] = 0.0

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        return {
            "mu": self.beta1,
            "one_minus_mu": 1 - self.beta1,
            "nu": self.beta2,
            "one_minus_nu": 1 - self.beta2,
            "alpha_t": self.lr / (1 - power(self.beta1, t)),
            "root": 1 / np.sqrt(1 - power(self.beta2, t)),
            "eps": self.eps,
        }

    def update(
        self,
        x: Array,
        g: Array,
        m: Array,
        n: Array,
        s: Array,
        mu: Array,
        one_minus_mu: Array,
        nu: Array,
        one_minus_nu: Array,
        alpha_t: Array,
        root: Array,
        eps: Array,
    ) -> None:
        np.multiply(g, g, s)
        mix(n, s, nu, one_minus_nu, s)  # n ← ν·n + (1 − ν)·g²
        # g / (√(n/(1 − νᵗ)) + ε)
        np.sqrt(n, s)
        np.multiply(s, root, s)
        np.add(s, eps, s)
        np.divide(g, s, s)
        mix(m, s, mu, one_minus_mu, s)  # m ← μ·m + (1 − μ)·…
        np.multiply(m, alpha_t, s)  # α·m/(1 − μᵗ)
        np.subtract(x, s, x)
