"""Nesterov: momentum with the gradient at the look-ahead point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt, Lt
from optcli.optimizers.base import OPTIMIZERS, Optimizer


@OPTIMIZERS.register("nesterov", "nag")
@dataclass(frozen=True)
class Nesterov(Optimizer):
    """Nesterov's accelerated gradient: momentum with the gradient at the look-ahead point.

        v ← μ·v − α·∇f(x + μ·v)                       eq. 3
        x ← x + v                                     eq. 4

    with learning rate α = lr and μ = momentum. Training keeps the look-ahead
    point x + μ·v, at which the gradient is taken, as its parameters; for them the update is

        v ← μ·v − α·g
        x ← x + μ·v − α·g

    State: one array of the parameters' size.

    The same as torch's and optax's SGD with nesterov for a constant learning rate. Here a
    change of the learning rate leaves the present velocity as it is; there it rescales it.

    Reference: Y. Nesterov, A method of solving a convex programming problem with
    convergence rate O(1/k²), 1983; in this form I. Sutskever and others, On the importance
    of initialization and momentum in deep learning, 2013, eqs. 3 and 4.

    Example: `optimizer: {name: nesterov, lr: 0.01, momentum: 0.9}`
    """

    state: ClassVar[tuple[str, ...]] = ("v",)

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 1e-2
    momentum: Annotated[float, Ge(0), Lt(1), Doc("momentum coefficient")] = 0.9
    weight_decay: Annotated[float, Ge(0), Doc("L2 weight decay, added to the gradient")] = 0.0

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        return {"lr": self.lr, "mu": self.momentum}

    def update(self, x: Array, g: Array, v: Array, s: Array, lr: Array, mu: Array) -> None:
        np.multiply(g, lr, s)
        # v ← μ·v − α·g
        np.multiply(v, mu, v)
        np.subtract(v, s, v)
        # x ← x + μ·v − α·g
        np.subtract(x, s, x)
        np.multiply(v, mu, s)
        np.add(x, s, x)
