"""RMSprop: divide the gradient by its own running size."""

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
    """Divide the gradient by the root of a running mean of its square.

        v ← ρ·v + (1 − ρ)·g²
        d = g / (√v + ε)
        x ← x − α·d

    with learning rate α = lr, ρ = rho, ε = eps. With `centered` the divisor is the
    deviation, √(v − m²) + ε with m ← ρ·m + (1 − ρ)·g; with momentum μ the step is along
    b ← μ·b + d.

    State: one array of the parameters' size; one more with momentum, one more when
    centered.

    The same as torch's RMSprop; rho is torch's alpha. When centered, v − m², which
    rounding may push below 0, is held at 0 here, where torch's turns to NaN. optax adds ε
    under the root.

    Reference: T. Tieleman and G. Hinton, lecture 6.5 of Neural networks for machine
    learning, 2012; centered: A. Graves, Generating sequences with recurrent neural
    networks, 2013, eqs. 38 to 45.

    Example: `optimizer: {name: rmsprop, lr: 0.001, rho: 0.9}`
    """

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 1e-2
    rho: Annotated[float, Ge(0), Lt(1), Doc("how much of the mean square stays")] = 0.99
    eps: Annotated[float, Ge(0), Doc("added to the root, against division by 0")] = 1e-8
    momentum: Annotated[float, Ge(0), Lt(1), Doc("how much of the velocity stays")] = 0.0
    centered: Annotated[bool, Doc("divide by the deviation, not by the root of the square")] = False
    weight_decay: Annotated[float, Ge(0), Doc("coupled: adds its multiple of x to g")] = 0.0

    def state_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        names = ["v", *(["m"] if self.centered else []), *(["b"] if self.momentum else [])]
        return dict.fromkeys(names, shape)

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        return {
            "lr": self.lr,
            "rho": self.rho,
            "new": 1 - np.asarray(self.rho),
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
        new: Array,
        eps: Array,
        mu: Array,
        **more: Array,
    ) -> None:
        np.multiply(g, g, s)
        mix(v, s, rho, new, s)
        if self.centered:
            m = more["m"]
            mix(m, g, rho, new, s)
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
            np.add(b, s, b)
            np.multiply(b, lr, s)
        else:
            np.multiply(s, lr, s)
        np.subtract(x, s, x)
