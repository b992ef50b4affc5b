"""Signum: signSGD with momentum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt, Lt
from optcli.optimizers.base import OPTIMIZERS, Optimizer, mix


@OPTIMIZERS.register("signum")
@dataclass(frozen=True)
class Signum(Optimizer):
    """Signum: steps of size lr against the sign of the momentum.

        m ← β·m + (1 − β)·g
        x ← x − α·sign(m)

    with learning rate α = lr and β = momentum.

    State: one array of the parameters' size, m.

    The same as optax's signum, whose beta is momentum here; the default of lr is the
    paper's for images.

    Use it when sign_sgd suits, and single gradients are noisy. Avoid it without a schedule: its
    steps never shrink.

    Reference: J. Bernstein and others, signSGD: compressed optimisation for non-convex
    problems, 2018, algorithm 2.

    Example: `optimizer: {name: signum, lr: 0.0001, momentum: 0.9}`
    """

    state: ClassVar[tuple[str, ...]] = ("m",)

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 1e-4
    momentum: Annotated[float, Ge(0), Lt(1), Doc("momentum coefficient")] = 0.9

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        return {"lr": self.lr, "beta": self.momentum, "one_minus_beta": 1 - self.momentum}

    def update(
        self, x: Array, g: Array, m: Array, s: Array, lr: Array, beta: Array, one_minus_beta: Array
    ) -> None:
        mix(m, g, beta, one_minus_beta, s)  # m ← β·m + (1 − β)·g
        np.sign(m, s)
        np.multiply(s, lr, s)
        np.subtract(x, s, x)
