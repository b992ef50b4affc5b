"""QHAdam: quasi-hyperbolic Adam."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Le, Lt
from optcli.optimizers.base import OPTIMIZERS, Optimizer, mix, power


@OPTIMIZERS.register("qhadam")
@dataclass(frozen=True)
class QHAdam(Optimizer):
    """Quasi-hyperbolic Adam: both moments are averaged with the current gradient.

        g ← g + λ·x                                   before `update`, by the Stepper
        m̂, v̂ as in adam
        x ← x − α · ((1 − ν₁)·g + ν₁·m̂) / (√((1 − ν₂)·g² + ν₂·v̂) + ε)

    with learning rate α = lr, β₁ = beta1, β₂ = beta2, ν₁ = nu1, ν₂ = nu2, ε = eps,
    λ = weight_decay. With ν₁ = ν₂ = 1 it is adam.

    State: two arrays of the parameters' size, m and v.

    Neither torch nor optax has it. The defaults are the paper's recommendation.

    Use it when adam's momentum should weigh the current gradient more. Avoid it as a first
    choice: it has two more numbers to tune.

    Reference: J. Ma and D. Yarats, Quasi-hyperbolic momentum and Adam for deep learning,
    2019, the update of QHAdam.

    Example: `optimizer: {name: qhadam, lr: 0.001, nu1: 0.7}`
    """

    state: ClassVar[tuple[str, ...]] = ("m", "v")
    scratch: ClassVar[tuple[str, ...]] = ("s", "w")

    beta1: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the first moment")] = 0.995
    beta2: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the second moment")] = 0.999
    nu1: Annotated[float, Ge(0), Le(1), Doc("weight of the first moment against g")] = 0.7
    nu2: Annotated[float, Ge(0), Le(1), Doc("weight of the second moment against g²")] = 1.0
    eps: Annotated[float, Ge(0), Doc("small constant for numerical stability")] = 1e-8
    weight_decay: Annotated[float, Ge(0), Doc("L2 weight decay, added to the gradient")] = 0.0

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        m_rate = self.nu1 / (1 - power(self.beta1, t))
        v_weight = self.nu2 / (1 - power(self.beta2, t))
        return {
            "beta1": self.beta1,
            "one_minus_beta1": 1 - self.beta1,
            "beta2": self.beta2,
            "one_minus_beta2": 1 - self.beta2,
            "m_rate": self.lr * m_rate,  # α·ν₁·m̂ = m_rate·m
            "g_rate": self.lr * (1 - self.nu1),
            "v_weight": v_weight,  # ν₂·v̂ = v_weight·v
            "g2_weight": 1 - self.nu2,
            "eps": self.eps,
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
        beta2: Array,
        one_minus_beta2: Array,
        m_rate: Array,
        g_rate: Array,
        v_weight: Array,
        g2_weight: Array,
        eps: Array,
    ) -> None:
        mix(m, g, beta1, one_minus_beta1, s)  # m ← β₁·m + (1 − β₁)·g
        np.multiply(g, g, s)
        mix(v, s, beta2, one_minus_beta2, w)  # v ← β₂·v + (1 − β₂)·g²
        # √((1 − ν₂)·g² + ν₂·v̂) + ε
        np.multiply(s, g2_weight, s)
        np.multiply(v, v_weight, w)
        np.add(s, w, s)
        np.sqrt(s, s)
        np.add(s, eps, s)
        # x ← x − α·(1 − ν₁)·g/… − α·ν₁·m̂/…
        np.divide(g, s, w)
        np.multiply(w, g_rate, w)
        np.subtract(x, w, x)
        np.divide(m, s, s)
        np.multiply(s, m_rate, s)
        np.subtract(x, s, x)
