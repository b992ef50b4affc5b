"""signSGD: gradient descent by signs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Gt
from optcli.optimizers.base import OPTIMIZERS, Optimizer


@OPTIMIZERS.register("sign_sgd", "signsgd")
@dataclass(frozen=True)
class SignSGD(Optimizer):
    """signSGD: steps of size lr against the sign of the gradient.

        x ← x − α·sign(g)

    with learning rate α = lr.

    State: none.

    The same as optax's sign_sgd; the default of lr is the paper's for images.

    Use it when only signs can be sent or trusted. Avoid it without a schedule: its steps never
    shrink.

    Reference: J. Bernstein and others, signSGD: compressed optimisation for non-convex
    problems, 2018, algorithm 1.

    Example: `optimizer: {name: sign_sgd, lr: 0.0001}`
    """

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 1e-4

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        return {"lr": self.lr}

    def update(self, x: Array, g: Array, s: Array, lr: Array) -> None:
        np.sign(g, s)
        np.multiply(s, lr, s)
        np.subtract(x, s, x)
