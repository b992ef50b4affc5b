"""COCOB: continuous coin betting, without a learning rate."""

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
    """COCOB: continuous coin betting, without a learning rate.

    Each parameter bets a fraction of its wealth on the sign of its next gradient:

        L ← max(L, |g|)                               largest gradient
        G ← G + |g|                                   sum of absolute gradients
        R ← max(R − g·(x − x₀), 0)                    reward
        θ ← θ − g                                     negative sum of gradients
        x ← x₀ + θ / (L·max(G + L, α·L)) · (L + R)

    with α = alpha and x₀ the initial parameters. There is no learning rate: lr multiplies
    the gradient, and the rule does not depend on the gradient's scale.

    State: five arrays of the parameters' size, x₀ among them.

    The same as optax.contrib.cocob.

    Use it when no learning rate can be tuned. Avoid it where a tuned rate is to be had: it is
    usually slower.

    Reference: F. Orabona and T. Tommasi, Training deep networks without learning rates
    through coin betting, 2017, algorithm 2.

    Example: `optimizer: {name: cocob}`
    """

    state: ClassVar[tuple[str, ...]] = ("x0", "L", "G", "R", "theta")
    scratch: ClassVar[tuple[str, ...]] = ("s", "w")
    initial_only: ClassVar[tuple[str, ...]] = ("eps",)
    lr_is_rate: ClassVar[bool] = False

    lr: Annotated[float, Gt(0), Doc("multiplier of the gradient; leave at 1")] = 1.0
    alpha: Annotated[float, Gt(0), Doc("limits the size of the first bets")] = 100.0
    eps: Annotated[float, Gt(0), Doc("initial value of the largest gradient")] = 1e-8
    weight_decay: Annotated[float, Ge(0), Doc("L2 weight decay, added to the gradient")] = 0.0

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
        np.maximum(L, w, out=L)  # L ← max(L, |g|)
        np.add(G, w, G)  # G ← G + |g|
        # R ← max(R − g·(x − x₀), 0)
        np.subtract(x, x0, w)
        np.multiply(w, s, w)
        np.subtract(R, w, R)
        np.maximum(R, 0, out=R)
        np.subtract(theta, s, theta)  # θ ← θ − g
        # θ / (L·max(G + L, α·L)) · (L + R)
        np.add(G, L, s)
        np.multiply(L, alpha, w)
        np.maximum(s, w, out=s)
        np.multiply(s, L, s)
        np.divide(theta, s, s)
        np.add(L, R, w)
        np.multiply(s, w, s)
        np.add(x0, s, x)
