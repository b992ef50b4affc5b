"""Polyak's step size for stochastic gradient descent."""

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
    """SGD with Polyak's step size, (f − f*)/‖g‖².

        γ = min((f − f*) / (‖g‖² + ε), γmax)          0 where ‖g‖² + ε is below 2.2e-16
        x ← x − α·γ·g

    with f the loss of the batch without regularization, f* = f_min a lower bound of it, ε =
    eps, γmax = max_learning_rate and α = lr, a factor that a schedule may change. The norm
    is over all parameters. γ is the step to f* if f were linear along g.

    State: none.

    The same as optax's polyak_sgd with scaling 1. In optax the scaling also multiplies the
    norm, so that a smaller one gives larger steps.

    Use it when the lowest loss is known, 0 where all rows can be fitted. Avoid it where it is
    not: too low a bound makes steps too large.

    Reference: B. T. Polyak, Introduction to optimization, 1987, §5.3; for batches N. Loizou
    and others, Stochastic Polyak step-size for SGD, 2021, SPSmax with c = 1.

    Example: `optimizer: {name: polyak_sgd, max_learning_rate: 1}`
    """

    whole: ClassVar[bool] = True
    lr_is_rate: ClassVar[bool] = False

    lr: Annotated[float, Gt(0), Doc("multiplier of the step size")] = 1.0
    max_learning_rate: Annotated[float, Gt(0), Doc("maximum step size")] = 1.0
    f_min: Annotated[float, Doc("lower bound of the loss")] = 0.0
    eps: Annotated[float, Ge(0), Doc("small constant for numerical stability")] = 0.0

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        return {
            "lr": self.lr,
            "gamma_max": self.max_learning_rate,
            "f_star": self.f_min,
            "eps": self.eps,
        }

    def update(
        self,
        x: Array,
        g: Array,
        s: Array,
        lr: Array,
        gamma_max: Array,
        f_star: Array,
        eps: Array,
        loss: Array,
    ) -> None:
        square = dot(g, g) + eps  # ‖g‖² + ε
        square *= square > np.finfo(np.float64).eps
        gamma = np.minimum(ratio(loss - f_star, square, 0), gamma_max)  # γ
        np.multiply(g, lr * gamma, s)
        np.subtract(x, s, x)
