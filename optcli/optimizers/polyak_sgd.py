"""Polyak's step size: as far as the loss is above its minimum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt
from optcli.optimizers.base import OPTIMIZERS, Shaped, dot, ratio


@OPTIMIZERS.register("polyak_sgd", "sps")
@dataclass(frozen=True)
class PolyakSGD(Shaped):
    """Gradient descent, by the step that would reach the minimum if the loss were linear.

        γ = min((f − f*) / (‖g‖² + ε), γmax)          0 where ‖g‖² + ε is below 2.2e-16
        x ← x − α·γ·g

    with f the loss of the batch (regularization left out), f* = f_min its least value, ε =
    eps, γmax = max_learning_rate and α = lr, a factor for schedules. The norm is over all
    parameters.

    State: none.

    The same as optax's polyak_sgd with a scaling of 1. There the scaling counts in the norm,
    too, so that a smaller one makes larger steps.

    Reference: B. T. Polyak, Introduction to optimization, 1987, §5.3; for batches N. Loizou
    and others, Stochastic Polyak step-size for SGD, 2021, SPSmax with c = 1.

    Example: `optimizer: {name: polyak_sgd, max_learning_rate: 1}`
    """

    whole: ClassVar[bool] = True

    lr: Annotated[float, Gt(0), Doc("factor on the step")] = 1.0
    max_learning_rate: Annotated[float, Gt(0), Doc("largest step")] = 1.0
    f_min: Annotated[float, Doc("least value of the loss")] = 0.0
    eps: Annotated[float, Ge(0), Doc("added to the squared norm")] = 0.0

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        return {
            "lr": self.lr,
            "largest": self.max_learning_rate,
            "f_star": self.f_min,
            "eps": self.eps,
        }

    def update(
        self,
        x: Array,
        g: Array,
        s: Array,
        lr: Array,
        largest: Array,
        f_star: Array,
        eps: Array,
        loss: Array,
    ) -> None:
        square = dot(g, g) + eps
        square *= square > np.finfo(np.float64).eps
        gamma = np.minimum(ratio(loss - f_star, square, 0), largest)
        np.multiply(g, lr * gamma, s)
        np.subtract(x, s, x)
