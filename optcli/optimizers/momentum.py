"""Momentum: Polyak's heavy ball."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt, Lt
from optcli.optimizers.base import OPTIMIZERS, Optimizer


@OPTIMIZERS.register("momentum", "heavy_ball")
@dataclass(frozen=True)
class Momentum(Optimizer):
    """Polyak's heavy-ball momentum, with the learning rate inside the velocity.

        g ← g + λ·x                                   before `update`, by the Stepper
        v ← μ·v − α·g
        x ← x + v

    with learning rate α = lr, μ = momentum and λ = weight_decay.

    State: one array of the parameters' size.

    The same as torch's SGD with momentum for a constant learning rate. Here a change of
    the learning rate leaves the present velocity as it is; in torch it rescales it.

    Use it when curvatures differ and the gradient oscillates across a valley: the usual form of
    sgd. Avoid large rates: its steps are up to 1/(1 − momentum) times those of sgd.

    Reference: B. T. Polyak, Some methods of speeding up the convergence of
    iteration methods, 1964, eq. 9.

    Example: `optimizer: {name: momentum, lr: 0.01, momentum: 0.9}`
    """

    state: ClassVar[tuple[str, ...]] = ("v",)

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 1e-2
    momentum: Annotated[float, Ge(0), Lt(1), Doc("momentum coefficient")] = 0.9
    weight_decay: Annotated[float, Ge(0), Doc("L2 weight decay, added to the gradient")] = 0.0

    @property
    def stability_limit(self) -> float:
        return 2 * (1 + self.momentum)

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        return {"lr": self.lr, "mu": self.momentum}

    def update(self, x: Array, g: Array, v: Array, s: Array, lr: Array, mu: Array) -> None:
        np.multiply(v, mu, v)
        np.multiply(g, lr, s)
        np.subtract(v, s, v)  # v ← μ·v − α·g
        np.add(x, v, x)
