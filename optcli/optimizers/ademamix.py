"""AdEMAMix: Adam with a second, much slower mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.arrays import Array
from optcli.optimizers.base import OPTIMIZERS, Decay, Optimizer, power
from optcli.specs import Doc, Ge, Lt


@OPTIMIZERS.register("ademamix")
@dataclass(frozen=True)
class AdEMAMix(Optimizer):
    """AdamW along two means of the gradient, of which one forgets very slowly.

        m₁ ← β₁·m₁ + (1 − β₁)·g
        m₂ ← β₃·m₂ + (1 − β₃)·g
        v  ← β₂·v + (1 − β₂)·g²
        m̂₁ = m₁ / (1 − β₁ᵗ),   v̂ = v / (1 − β₂ᵗ)
        x ← x − κ·((m̂₁ + α·m₂) / (√v̂ + ε) + λ·x)

    with learning rate κ = lr, βᵢ = beta1, beta2, beta3, α = alpha, ε = eps, λ =
    weight_decay.

    State: three arrays of the parameters' size, each divided by its 1 − β.

    The same as optax's ademamix with constant α and β₃. The paper lets both rise over the
    first part of the training.

    Reference: M. Pagliardini, P. Ablin and D. Grangier, The AdEMAMix optimizer: better,
    faster, older, 2024, algorithm 1.

    Example: `optimizer: {name: ademamix, lr: 0.001, beta3: 0.999}`
    """

    scratch: ClassVar[int] = 2
    decay: ClassVar[Decay] = "decoupled"

    beta1: Annotated[float, Ge(0), Lt(1), Doc("how much of the fast mean stays")] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1), Doc("how much of the mean square stays")] = 0.999
    beta3: Annotated[float, Ge(0), Lt(1), Doc("how much of the slow mean stays")] = 0.9999
    alpha: Annotated[float, Ge(0), Doc("weight of the slow mean")] = 5.0
    eps: Annotated[float, Ge(0), Doc("added to the root, against division by 0")] = 1e-8
    weight_decay: Annotated[float, Ge(0), Doc("decoupled: shrinks x by lr times it")] = 0.0

    def slots(self) -> tuple[str, ...]:
        return ("mean", "slow", "square")

    def coefficients(self, t: Array) -> tuple[Array | float, ...]:
        mean = (1 - self.beta1) / (1 - power(self.beta1, t))
        slow = self.alpha * (1 - np.asarray(self.beta3))
        root = np.sqrt((1 - self.beta2) / (1 - power(self.beta2, t)))
        rate = self.lr / root
        return self.beta1, self.beta2, self.beta3, rate * mean, rate * slow, self.eps / root

    def update(
        self,
        x: Array,
        g: Array,
        M: Array,
        S: Array,
        V: Array,
        s: Array,
        w: Array,
        beta1: Array,
        beta2: Array,
        beta3: Array,
        mean: Array,
        slow: Array,
        eps: Array,
    ) -> None:
        np.multiply(M, beta1, M)
        np.add(M, g, M)
        np.multiply(S, beta3, S)
        np.add(S, g, S)
        np.multiply(g, g, s)
        np.multiply(V, beta2, V)
        np.add(V, s, V)
        np.multiply(M, mean, s)
        np.multiply(S, slow, w)
        np.add(s, w, s)
        np.sqrt(V, w)
        np.add(w, eps, w)
        np.divide(s, w, s)
        np.subtract(x, s, x)
