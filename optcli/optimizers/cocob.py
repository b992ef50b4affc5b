"""COCOB: bet on coins, and do without a learning rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.arrays import Array
from optcli.optimizers.base import OPTIMIZERS, Optimizer
from optcli.specs import Doc, Ge, Gt


@OPTIMIZERS.register("cocob")
@dataclass(frozen=True)
class COCOB(Optimizer):
    """Each parameter bets a share of its wealth on the sign of its next gradient.

        L ← max(L, |g|)                               largest gradient
        G ← G + |g|                                   sum of their sizes
        R ← max(R − g·(x − x₀), 0)                    what was won
        θ ← θ − g
        x ← x₀ + θ / (L·max(G + L, α·L)) · (L + R)

    with α = alpha, and x₀ where training starts. There is no learning rate: lr multiplies
    the gradient, of which the rule looks at the direction alone.

    State: five arrays of the parameters' size, x₀ among them.

    The same as optax's contrib.cocob.

    Reference: F. Orabona and T. Tommasi, Training deep networks without learning rates
    through coin betting, 2017, algorithm 2.

    Example: `optimizer: {name: cocob}`
    """

    scratch: ClassVar[int] = 2

    lr: Annotated[float, Gt(0), Doc("factor on the gradient; leave it")] = 1.0
    alpha: Annotated[float, Gt(0), Doc("holds the first bets back")] = 100.0
    eps: Annotated[float, Gt(0), Doc("largest gradient at the start")] = 1e-8
    weight_decay: Annotated[float, Ge(0), Doc("coupled: adds its multiple of x to g")] = 0.0

    def slots(self) -> tuple[str, ...]:
        return ("origin", "largest", "sizes", "won", "sum")

    def start(self, x: Array, *slots: Array) -> None:
        slots[0][:] = x
        slots[1][:] = self.eps

    def coefficients(self, t: Array) -> tuple[Array | float, ...]:
        return self.lr, self.alpha

    def update(
        self,
        x: Array,
        g: Array,
        origin: Array,
        L: Array,
        G: Array,
        won: Array,
        theta: Array,
        s: Array,
        w: Array,
        lr: Array,
        alpha: Array,
    ) -> None:
        np.multiply(g, lr, s)
        np.abs(s, w)
        np.maximum(L, w, out=L)
        np.add(G, w, G)
        np.subtract(x, origin, w)
        np.multiply(w, s, w)
        np.subtract(won, w, won)
        np.maximum(won, 0, out=won)
        np.subtract(theta, s, theta)
        np.add(G, L, s)
        np.multiply(L, alpha, w)
        np.maximum(s, w, out=s)
        np.multiply(s, L, s)
        np.divide(theta, s, s)
        np.add(L, won, w)
        np.multiply(s, w, s)
        np.add(origin, s, x)
