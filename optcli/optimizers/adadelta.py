"""Adadelta: steps in the parameters' own units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.arrays import Array
from optcli.optimizers.base import OPTIMIZERS, Optimizer
from optcli.specs import Doc, Ge, Gt, Le


@OPTIMIZERS.register("adadelta")
@dataclass(frozen=True)
class Adadelta(Optimizer):
    """Scale the gradient by the ratio of past steps to past gradients.

        E[g²] ← ρ·E[g²] + (1 − ρ)·g²
        Δ     = √(E[Δ²] + ε) / √(E[g²] + ε) · g
        E[Δ²] ← ρ·E[Δ²] + (1 − ρ)·Δ²
        x     ← x − α·Δ

    with learning rate α = lr, ρ = rho, ε = eps.

    State: two arrays of the parameters' size.

    The same as torch's and optax's Adadelta. The paper has α = 1.

    Reference: M. D. Zeiler, ADADELTA: an adaptive learning rate method, 2012,
    algorithm 1.

    Example: `optimizer: {name: adadelta, lr: 1, rho: 0.95}`
    """

    scratch: ClassVar[int] = 2

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 1.0
    rho: Annotated[float, Ge(0), Le(1), Doc("how much of the mean squares stays")] = 0.9
    eps: Annotated[float, Gt(0), Doc("added under the roots; lets the first step begin")] = 1e-6
    weight_decay: Annotated[float, Ge(0), Doc("coupled: adds its multiple of x to g")] = 0.0

    def slots(self) -> tuple[str, ...]:
        return ("square", "step")

    def coefficients(self, t: Array) -> tuple[Array | float, ...]:
        return self.lr, self.rho, 1 - np.asarray(self.rho), self.eps

    def update(
        self,
        x: Array,
        g: Array,
        v: Array,
        u: Array,
        s: Array,
        w: Array,
        lr: Array,
        rho: Array,
        fresh: Array,
        eps: Array,
    ) -> None:
        np.multiply(g, g, s)
        np.multiply(s, fresh, s)
        np.multiply(v, rho, v)
        np.add(v, s, v)
        # Δ = √(E[Δ²] + ε) / √(E[g²] + ε) · g
        np.add(u, eps, s)
        np.sqrt(s, s)
        np.add(v, eps, w)
        np.sqrt(w, w)
        np.divide(s, w, s)
        np.multiply(s, g, s)
        np.multiply(s, s, w)
        np.multiply(w, fresh, w)
        np.multiply(u, rho, u)
        np.add(u, w, u)
        np.multiply(s, lr, s)
        np.subtract(x, s, x)
