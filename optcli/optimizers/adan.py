"""Adan: adaptive Nesterov momentum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Lt
from optcli.optimizers.base import OPTIMIZERS, Decay, Optimizer, mix, power


@OPTIMIZERS.register("adan")
@dataclass(frozen=True)
class Adan(Optimizer):
    """Adan: adaptive Nesterov momentum, estimated from differences of gradients.

        d = g − g′                                    (0 at the first step)
        m ← β₁·m + (1 − β₁)·g
        v ← β₂·v + (1 − β₂)·d
        n ← β₃·n + (1 − β₃)·(g + (1 − β₂)·d)²
        m̂ = m/(1 − β₁ᵗ),   v̂ = v/(1 − β₂ᵗ),   n̂ = n/(1 − β₃ᵗ)
        x ← x − α · (m̂ + (1 − β₂)·v̂) / (√(n̂ + ε′) + ε)

    with g′ the previous gradient, learning rate α = lr, βᵢ = beta1, beta2, beta3, ε = eps,
    ε′ = eps_root.

    State: four arrays of the parameters' size, m, v, n and g′.

    The same as optax's adan: its β is the decay rate (the paper's β is one minus that), and
    its weight decay is adamw's, where the paper divides by 1 + λ·α.

    Use it when batches are large or training is short, and adamw's momentum lags. Avoid it where
    memory is short: it keeps four arrays, adam two.

    Reference: X. Xie and others, Adan: adaptive Nesterov momentum algorithm for faster
    optimizing deep models, 2022, algorithm 1.

    Example: `optimizer: {name: adan, lr: 0.001}`
    """

    state: ClassVar[tuple[str, ...]] = ("m", "v", "n", "g_prev")
    scratch: ClassVar[tuple[str, ...]] = ("s", "w")
    decay: ClassVar[Decay] = "decoupled"

    beta1: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the first moment")] = 0.98
    beta2: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the gradient differences")] = 0.92
    beta3: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the second moment")] = 0.99
    eps: Annotated[float, Ge(0), Doc("small constant for numerical stability")] = 1e-8
    eps_root: Annotated[float, Ge(0), Doc("small constant under the square root")] = 1e-8
    weight_decay: Annotated[float, Ge(0), Doc("decoupled weight decay, scaled by lr")] = 0.0

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        return {
            "beta1": self.beta1,
            "one_minus_beta1": 1 - self.beta1,
            "beta2": self.beta2,
            "one_minus_beta2": 1 - self.beta2,
            "beta3": self.beta3,
            "one_minus_beta3": 1 - self.beta3,
            "has_g_prev": np.where(t == 1, 0.0, 1.0),  # 0 where there is no g′ yet
            "m_rate": self.lr / (1 - power(self.beta1, t)),
            "v_rate": self.lr * (1 - self.beta2) / (1 - power(self.beta2, t)),
            "n_correction": 1 / (1 - power(self.beta3, t)),
            "eps": self.eps,
            "eps_root": self.eps_root,
        }

    def update(
        self,
        x: Array,
        g: Array,
        m: Array,
        v: Array,
        n: Array,
        g_prev: Array,
        s: Array,
        w: Array,
        beta1: Array,
        one_minus_beta1: Array,
        beta2: Array,
        one_minus_beta2: Array,
        beta3: Array,
        one_minus_beta3: Array,
        has_g_prev: Array,
        m_rate: Array,
        v_rate: Array,
        n_correction: Array,
        eps: Array,
        eps_root: Array,
    ) -> None:
        np.subtract(g, g_prev, s)
        np.multiply(s, has_g_prev, s)  # d
        mix(m, g, beta1, one_minus_beta1, w)  # m ← β₁·m + (1 − β₁)·g
        # v ← β₂·v + (1 − β₂)·d
        np.multiply(s, one_minus_beta2, s)
        np.multiply(v, beta2, v)
        np.add(v, s, v)
        # n ← β₃·n + (1 − β₃)·(g + (1 − β₂)·d)²
        np.add(s, g, s)
        np.multiply(s, s, s)
        mix(n, s, beta3, one_minus_beta3, s)
        # √(n̂ + ε′) + ε
        np.multiply(n, n_correction, s)
        np.add(s, eps_root, s)
        np.sqrt(s, s)
        np.add(s, eps, s)
        # α · (m̂ + (1 − β₂)·v̂)
        np.multiply(m, m_rate, w)
        np.multiply(v, v_rate, g_prev)
        np.add(w, g_prev, w)
        np.divide(w, s, s)
        np.subtract(x, s, x)
        np.copyto(g_prev, g)  # g′ ← g
