"""RMSprop: root mean square propagation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt, Lt
from optcli.optimizers.base import OPTIMIZERS, Optimizer, mix


@OPTIMIZERS.register("rmsprop")
@dataclass(frozen=True)
class RMSprop(Optimizer):
    """RMSprop: steps divided by the root of the moving average of squared gradients.

        g ← g + λ·x                                   before `update`, by the Stepper
        v ← ρ·v + (1 − ρ)·g²
        d = g / (√v + ε)
        x ← x − α·d

    with learning rate α = lr, ρ = rho, ε = eps, λ = weight_decay. With `centered` the
    denominator is the standard deviation, √(v − m²) + ε with m ← ρ·m + (1 − ρ)·g. With
    momentum μ the step is α·b with b ← μ·b + d.

    State: one array of the parameters' size, one more with momentum, and one more with
    `centered`.

    The same as torch's RMSprop; rho is torch's alpha. With `centered`, v − m², which can
    become negative by rounding, has lower bound 0 here; torch returns NaN. optax adds ε
    under the root.

    Use it when gradients change their scale during training, as in reinforcement learning. Avoid
    it where adam serves: it lacks bias correction, and momentum by default.

    Reference: T. Tieleman and G. Hinton, lecture 6.5 of Neural networks for machine
    learning, 2012; centered: A. Graves, Generating sequences with recurrent neural
    networks, 2013, eqs. 38 to 45.

    Example: `optimizer: {name: rmsprop, lr: 0.001, rho: 0.9}`
    """

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 1e-2
    rho: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the moving averages")] = 0.99
    eps: Annotated[float, Ge(0), Doc("small constant for numerical stability")] = 1e-8
    momentum: Annotated[float, Ge(0), Lt(1), Doc("momentum coefficient")] = 0.0
    centered: Annotated[bool, Doc("divide by the std. dev. of the gradient")] = False
    weight_decay: Annotated[float, Ge(0), Doc("L2 weight decay, added to the gradient")] = 0.0

    def state_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        names = ["v", *(["m"] if self.centered else []), *(["b"] if self.momentum else [])]
        return dict.fromkeys(names, shape)

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        return {
            "lr": self.lr,
            "rho": self.rho,
            "one_minus_rho": 1 - np.asarray(self.rho),
            "eps": self.eps,
            "mu": self.momentum,
        }

    def update(
        self,
        x: Array,
        g: Array,
        v: Array,
        s: Array,
        lr: Array,
        rho: Array,
        one_minus_rho: Array,
        eps: Array,
        mu: Array,
        **more: Array,
    ) -> None:
        np.multiply(g, g, s)
        mix(v, s, rho, one_minus_rho, s)  # v ← ρ·v + (1 − ρ)·g²
        if self.centered:
            m = more["m"]
            mix(m, g, rho, one_minus_rho, s)  # m ← ρ·m + (1 − ρ)·g
            # √(v − m²)
            np.multiply(m, m, s)
            np.subtract(v, s, s)
            np.maximum(s, 0, out=s)
            np.sqrt(s, s)
        else:
            np.sqrt(v, s)
        np.add(s, eps, s)
        np.divide(g, s, s)  # d
        if self.momentum:
            b = more["b"]
            np.multiply(b, mu, b)
            np.add(b, s, b)  # b ← μ·b + d
            np.multiply(b, lr, s)
        else:
            np.multiply(s, lr, s)
        np.subtract(x, s, x)
