"""Nesterov: momentum with the gradient at the look-ahead point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optcli.core.arrays import Array
from optcli.optimizers.base import OPTIMIZERS
from optcli.optimizers.momentum import Momentum


@OPTIMIZERS.register("nesterov", "nag")
@dataclass(frozen=True)
class Nesterov(Momentum):
    """Nesterov's accelerated gradient: momentum with the gradient at the look-ahead point.

        g ← g + λ·x                                   before `update`, by the Stepper
        v ← μ·v − α·∇f(x + μ·v)                       eq. 3
        x ← x + v                                     eq. 4

    with learning rate α = lr, μ = momentum and λ = weight_decay. Training keeps the
    look-ahead point x + μ·v, at which the gradient is taken, as its parameters; for them
    the update is

        v ← μ·v − α·g
        x ← x + μ·v − α·g

    State: one array of the parameters' size.

    The same as torch's and optax's SGD with nesterov for a constant learning rate. Here a
    change of the learning rate leaves the present velocity as it is; there it rescales it.

    Use it when momentum overshoots: it corrects earlier. Avoid large rates: on a quadratic it
    diverges from 2(1 + μ)/((1 + 2μ)·λ) on, with λ the largest curvature, momentum from
    2(1 + μ)/λ on.

    Reference: Y. Nesterov, A method of solving a convex programming problem with
    convergence rate O(1/k²), 1983; in this form I. Sutskever and others, On the importance
    of initialization and momentum in deep learning, 2013, eqs. 3 and 4.

    Example: `optimizer: {name: nesterov, lr: 0.01, momentum: 0.9}`
    """

    @property
    def stability_limit(self) -> float:
        return 2 * (1 + self.momentum) / (1 + 2 * self.momentum)

    def update(self, x: Array, g: Array, v: Array, s: Array, lr: Array, mu: Array) -> None:
        np.multiply(g, lr, s)
        # v ← μ·v − α·g
        np.multiply(v, mu, v)
        np.subtract(v, s, v)
        # x ← x + μ·v − α·g
        np.subtract(x, s, x)
        np.multiply(v, mu, s)
        np.add(x, s, x)
