"""COCOB: bet on coins, and do without a learning rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt
from optcli.optimizers.base import OPTIMIZERS, Optimizer


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

    state: ClassVar[tuple[str, ...]] = ("x0", "L", "G", "R", "theta")
    scratch: ClassVar[tuple[str, ...]] = ("s", "w")

    lr: Annotated[float, Gt(0), Doc("factor on the gradient; leave it")] = 1.0
    alpha: Annotated[float, Gt(0), Doc("holds the first bets back")] = 100.0
    eps: Annotated[float, Gt(0), Doc("largest gradient at the start")] = 1e-8
    weight_decay: Annotated[float, Ge(0), Doc("coupled: adds its multiple of x to g")] = 0.0

    def start(self, x: Array, x0: Array, L: Array) -> None:
        x0[:] = x
        L[:] = self.eps

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        return {"lr": self.lr, "alpha": self.alpha}

    def update(
        self,
        x: Array,
        g: Array,
        x0: Array,
        L: Array,
        G: Array,
        R: Array,
        theta: Array,
        s: Array,
        w: Array,
        lr: Array,
        alpha: Array,
    ) -> None:
        np.multiply(g, lr, s)  # g
        np.abs(s, w)
        np.maximum(L, w, out=L)
        np.add(G, w, G)
        # R ← max(R − g·(x − x₀), 0)
        np.subtract(x, x0, w)
        np.multiply(w, s, w)
        np.subtract(R, w, R)
        np.maximum(R, 0, out=R)
        np.subtract(theta, s, theta)
        # θ / (L·max(G + L, α·L)) · (L + R)
        np.add(G, L, s)
        np.multiply(L, alpha, w)
        np.maximum(s, w, out=s)
        np.multiply(s, L, s)
        np.divide(theta, s, s)
        np.add(L, R, w)
        np.multiply(s, w, s)
        np.add(x0, s, x)
