"""Optimistic Adam: Adam that steps on what it expects to come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.arrays import Array
from optcli.optimizers.base import OPTIMIZERS, Optimizer, power
from optcli.specs import Doc, Ge, Lt


@OPTIMIZERS.register("optimistic_adam")
@dataclass(frozen=True)
class OptimisticAdam(Optimizer):
    """Take Adam's step, and by how much it differs from the one before again.

        u_t = m̂ / (√v̂ + ε)                            m̂, v̂ as in adam
        x ← x − γ·((α + β)·u_t − β·u_(t−1))           (u₀ = u₁)

    with learning rate γ = lr, α = alpha, β = optimism, and beta1, beta2 and ε = eps as in
    adam. With `nesterov`, m̂ = β₁·m/(1 − β₁^(t+1)) + (1 − β₁)·g/(1 − β₁ᵗ).

    State: three arrays of the parameters' size, holding m/(1 − β₁), v/(1 − β₂) and u.

    The same as optax's optimistic_adam_v2, whose beta is optimism here. The paper has no
    nesterov and α = β = 1, so that the step is −2γ·u_t + γ·u_(t−1).

    Reference: C. Daskalakis and others, Training GANs with optimism, 2018, algorithm 1.

    Example: `optimizer: {name: optimistic_adam, lr: 0.001, nesterov: false}`
    """

    scratch: ClassVar[int] = 2

    beta1: Annotated[float, Ge(0), Lt(1), Doc("how much of the mean stays")] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1), Doc("how much of the mean square stays")] = 0.999
    eps: Annotated[float, Ge(0), Doc("added to the root, against division by 0")] = 1e-8
    alpha: Annotated[float, Ge(0), Doc("weight of the step itself")] = 1.0
    optimism: Annotated[float, Ge(0), Doc("weight of its change")] = 1.0
    nesterov: Annotated[bool, Doc("look ahead along the mean")] = True
    weight_decay: Annotated[float, Ge(0), Doc("coupled: adds its multiple of x to g")] = 0.0

    def slots(self) -> tuple[str, ...]:
        return ("mean", "square", "before")

    def coefficients(self, t: Array) -> tuple[Array | float, ...]:
        new = 1 - np.asarray(self.beta1)
        root = np.sqrt((1 - self.beta2) / (1 - power(self.beta2, t)))
        now = new / (1 - power(self.beta1, t))
        ahead = self.beta1 * new / (1 - power(self.beta1, t + 1))
        # û = (mean·M + fresh·g) / (√V + ε)
        mean, fresh = (ahead, now) if self.nesterov else (now, 0.0)
        known = np.where(t == 1, 0.0, self.optimism)
        return (
            self.beta1,
            self.beta2,
            mean / root,
            fresh / root,
            self.eps / root,
            self.lr * (self.alpha + known),
            self.lr * known,
        )

    def update(
        self,
        x: Array,
        g: Array,
        M: Array,
        V: Array,
        before: Array,
        s: Array,
        w: Array,
        beta1: Array,
        beta2: Array,
        mean: Array,
        fresh: Array,
        eps: Array,
        rate: Array,
        back: Array,
    ) -> None:
        np.multiply(M, beta1, M)
        np.add(M, g, M)
        np.multiply(g, g, s)
        np.multiply(V, beta2, V)
        np.add(V, s, V)
        np.multiply(M, mean, s)
        np.multiply(g, fresh, w)
        np.add(s, w, s)
        np.sqrt(V, w)
        np.add(w, eps, w)
        np.divide(s, w, s)
        np.multiply(before, back, w)
        np.add(x, w, x)
        np.copyto(before, s)
        np.multiply(s, rate, s)
        np.subtract(x, s, x)
