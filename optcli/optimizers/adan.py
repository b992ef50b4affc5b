"""Adan: adaptive Nesterov momentum, from gradients and their changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.arrays import Array
from optcli.optimizers.base import OPTIMIZERS, Decay, Optimizer, power
from optcli.specs import Doc, Ge, Lt


@OPTIMIZERS.register("adan")
@dataclass(frozen=True)
class Adan(Optimizer):
    """Nesterov's look ahead, estimated from how the gradient changes.

        d = g − g′                                    (0 at the first step)
        m ← β₁·m + (1 − β₁)·g
        v ← β₂·v + (1 − β₂)·d
        n ← β₃·n + (1 − β₃)·(g + (1 − β₂)·d)²
        m̂ = m/(1 − β₁ᵗ),   v̂ = v/(1 − β₂ᵗ),   n̂ = n/(1 − β₃ᵗ)
        x ← x − α · (m̂ + (1 − β₂)·v̂) / (√(n̂ + ε′) + ε)

    with g′ the gradient before, learning rate α = lr, βᵢ = beta1, beta2, beta3, ε = eps,
    ε′ = eps_root.

    State: four arrays of the parameters' size.

    The same as optax's adan: its β is what stays (the paper's is what is new), and it
    shrinks the weights as adamw does, where the paper divides by 1 + λ·α.

    Reference: X. Xie and others, Adan: adaptive Nesterov momentum algorithm for faster
    optimizing deep models, 2022, algorithm 1.

    Example: `optimizer: {name: adan, lr: 0.001}`
    """

    scratch: ClassVar[int] = 2
    decay: ClassVar[Decay] = "decoupled"

    beta1: Annotated[float, Ge(0), Lt(1), Doc("how much of the mean stays")] = 0.98
    beta2: Annotated[float, Ge(0), Lt(1), Doc("how much of the mean change stays")] = 0.92
    beta3: Annotated[float, Ge(0), Lt(1), Doc("how much of the mean square stays")] = 0.99
    eps: Annotated[float, Ge(0), Doc("added to the root, against division by 0")] = 1e-8
    eps_root: Annotated[float, Ge(0), Doc("added under the root")] = 1e-8
    weight_decay: Annotated[float, Ge(0), Doc("decoupled: shrinks x by lr times it")] = 0.0

    def slots(self) -> tuple[str, ...]:
        return ("mean", "change", "square", "before")

    def coefficients(self, t: Array) -> tuple[Array | float, ...]:
        new = [1 - np.asarray(beta) for beta in (self.beta1, self.beta2, self.beta3)]
        betas = (self.beta1, self.beta2, self.beta3)
        m, v, n = (a / (1 - power(b, t)) for a, b in zip(new, betas, strict=True))
        known = np.where(t == 1, 0.0, 1.0)
        return *betas, new[1], known, self.lr * m, self.lr * v * new[1], n, self.eps, self.eps_root

    def update(
        self,
        x: Array,
        g: Array,
        M: Array,
        V: Array,
        N: Array,
        before: Array,
        s: Array,
        w: Array,
        beta1: Array,
        beta2: Array,
        beta3: Array,
        new: Array,
        known: Array,
        rate: Array,
        ahead: Array,
        square: Array,
        eps: Array,
        eps_root: Array,
    ) -> None:
        np.subtract(g, before, s)
        np.multiply(s, known, s)
        np.multiply(M, beta1, M)
        np.add(M, g, M)
        np.multiply(V, beta2, V)
        np.add(V, s, V)
        np.multiply(s, new, s)
        np.add(s, g, s)
        np.multiply(s, s, s)
        np.multiply(N, beta3, N)
        np.add(N, s, N)
        np.multiply(N, square, s)
        np.add(s, eps_root, s)
        np.sqrt(s, s)
        np.add(s, eps, s)
        np.multiply(M, rate, w)
        np.multiply(V, ahead, before)
        np.add(w, before, w)
        np.divide(w, s, s)
        np.subtract(x, s, x)
        np.copyto(before, g)
