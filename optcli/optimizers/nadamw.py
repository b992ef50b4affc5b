"""NAdamW: AdamW with Nesterov's momentum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.arrays import Array
from optcli.optimizers.base import OPTIMIZERS, Decay, Optimizer, power
from optcli.specs import Doc, Ge, Lt


@OPTIMIZERS.register("nadamw")
@dataclass(frozen=True)
class NAdamW(Optimizer):
    """AdamW whose mean looks one step ahead.

        m ← β₁·m + (1 − β₁)·g
        v ← β₂·v + (1 − β₂)·g²
        m̂ = β₁·m / (1 − β₁^(t+1)) + (1 − β₁)·g / (1 − β₁ᵗ)
        v̂ = v / (1 − β₂ᵗ)
        x ← x − α·(m̂ / (√v̂ + ε) + λ·x)

    with learning rate α = lr, β₁ = beta1, β₂ = beta2, ε = eps, λ = weight_decay.

    State: two arrays of the parameters' size, holding m/(1 − β₁) and v/(1 − β₂).

    The same as optax's nadamw. torch's NAdam with decoupled decay has a momentum that
    warms up besides: see nadam.

    Reference: T. Dozat, Incorporating Nesterov momentum into Adam, 2016, algorithm 2 with
    a constant μ; I. Loshchilov and F. Hutter, Decoupled weight decay regularization, 2019.

    Example: `optimizer: {name: nadamw, lr: 0.001, weight_decay: 0.01}`
    """

    scratch: ClassVar[int] = 2
    decay: ClassVar[Decay] = "decoupled"

    beta1: Annotated[float, Ge(0), Lt(1), Doc("how much of the mean stays")] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1), Doc("how much of the mean square stays")] = 0.999
    eps: Annotated[float, Ge(0), Doc("added to the root, against division by 0")] = 1e-8
    weight_decay: Annotated[float, Ge(0), Doc("decoupled: shrinks x by lr times it")] = 1e-4

    def slots(self) -> tuple[str, ...]:
        return ("mean", "square")

    def coefficients(self, t: Array) -> tuple[Array | float, ...]:
        new = 1 - np.asarray(self.beta1)
        root = np.sqrt((1 - self.beta2) / (1 - power(self.beta2, t)))  # √v̂ = root · √V
        ahead = self.beta1 * new / (1 - power(self.beta1, t + 1))
        now = new / (1 - power(self.beta1, t))
        return self.beta1, self.beta2, self.lr * ahead / root, self.lr * now / root, self.eps / root

    def update(
        self,
        x: Array,
        g: Array,
        M: Array,
        V: Array,
        s: Array,
        w: Array,
        beta1: Array,
        beta2: Array,
        ahead: Array,
        now: Array,
        eps: Array,
    ) -> None:
        np.multiply(M, beta1, M)
        np.add(M, g, M)
        np.multiply(g, g, s)
        np.multiply(V, beta2, V)
        np.add(V, s, V)
        np.multiply(M, ahead, s)
        np.multiply(g, now, w)
        np.add(s, w, s)
        np.sqrt(V, w)
        np.add(w, eps, w)
        np.divide(s, w, s)
        np.subtract(x, s, x)
