"""NAdam: Adam with Nesterov's momentum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.arrays import Array
from optcli.optimizers.base import OPTIMIZERS, Optimizer, power
from optcli.specs import Doc, Ge, Gt, Lt


@OPTIMIZERS.register("nadam")
@dataclass(frozen=True)
class NAdam(Optimizer):
    """Adam whose mean looks one step ahead, with a momentum that warms up.

        μ_t = β₁·(1 − ½·0.96^(t·ψ))
        m ← β₁·m + (1 − β₁)·g
        v ← β₂·v + (1 − β₂)·g²
        m̂ = μ_(t+1)·m / (1 − μ₁⋯μ_(t+1)) + (1 − μ_t)·g / (1 − μ₁⋯μ_t)
        v̂ = v / (1 − β₂ᵗ)
        x ← x − α · m̂ / (√v̂ + ε)

    with learning rate α = lr, β₁ = beta1, β₂ = beta2, ε = eps, ψ = momentum_decay.

    State: two arrays of the parameters' size, holding m/(1 − β₁) and v/(1 − β₂).

    The same as torch's NAdam. optax's nadam has no warming momentum: see nadamw.

    Reference: T. Dozat, Incorporating Nesterov momentum into Adam, 2016, algorithm 2.

    Example: `optimizer: {name: nadam, lr: 0.002}`
    """

    scratch: ClassVar[int] = 2

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 2e-3
    beta1: Annotated[float, Ge(0), Lt(1), Doc("how much of the mean stays")] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1), Doc("how much of the mean square stays")] = 0.999
    eps: Annotated[float, Ge(0), Doc("added to the root, against division by 0")] = 1e-8
    momentum_decay: Annotated[float, Ge(0), Doc("how fast the momentum warms up")] = 4e-3
    weight_decay: Annotated[float, Ge(0), Doc("coupled: adds its multiple of x to g")] = 0.0

    def slots(self) -> tuple[str, ...]:
        return ("mean", "square")

    def momentum(self, t: Array) -> Array:
        """μ_t."""
        return self.beta1 * (1 - 0.5 * power(0.96, t * self.momentum_decay))

    def left(self, t: Array) -> Array:
        """1 − μ₁⋯μ_t, and from when on μ₁⋯μ_t ≤ β₁ᵗ is lost in rounding, 1."""
        highest = np.max(self.beta1)
        seen = np.ceil(-54 / np.log2(highest)) if highest > 0 else 1
        steps = np.arange(1, min(t.max(), seen) + 1)[:, None, None]
        products = np.multiply.accumulate(self.momentum(steps), axis=0)
        at = np.minimum(t[:, 0, 0], len(steps)).astype(int) - 1
        return np.where(t > seen, 1.0, 1 - products[at])

    def coefficients(self, t: Array) -> tuple[Array | float, ...]:
        root = np.sqrt((1 - self.beta2) / (1 - power(self.beta2, t)))  # √v̂ = root · √V
        ahead = self.momentum(t + 1) * (1 - self.beta1) / self.left(t + 1)
        now = (1 - self.momentum(t)) / self.left(t)
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
