"""Schedule-free SGD: averaging in place of a learning-rate schedule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt, Le
from optcli.optimizers.base import OPTIMIZERS, Shaped, power, ratio


@OPTIMIZERS.register("schedule_free_sgd")
@dataclass(frozen=True)
class ScheduleFreeSGD(Shaped):
    """Schedule-free SGD: averaging in place of a learning-rate schedule.

        y = (1 − β)·z + β·x                           eq. 3; g is the gradient at y
        z ← z − α·g                                   eq. 4
        x ← (1 − c)·x + c·z                           eq. 5
        c = wₜ / (w₁ + ⋯ + wₜ),   wₜ = (largest α so far)ʳ

    with learning rate α = lr, β = momentum, r = weight_lr_power. Training moves y;
    the model, which is validated and saved, is x. The statistics of batch norm are those
    at y.

    State: two arrays of the parameters' size, x and z, and two numbers.

    The same as optax.contrib.schedule_free_sgd, whose b1 is momentum here. optax computes x
    from y and z.

    Use it when sgd should need no schedule, or the length of the run is open. Avoid it together
    with a decaying schedule.

    Reference: A. Defazio and others, The road less scheduled, 2024, eqs. 3 to 5.

    Example: `optimizer: {name: schedule_free_sgd, lr: 1}`
    """

    point: ClassVar[str] = "y"
    whole: ClassVar[bool] = True
    model: ClassVar[str] = "x"

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 1.0
    momentum: Annotated[float, Ge(0), Le(1), Doc("weight of the average x in y")] = 0.9
    weight_lr_power: Annotated[float, Ge(0), Doc("exponent of lr in the averaging weights")] = 2.0
    weight_decay: Annotated[float, Ge(0), Doc("L2 weight decay at y, added to the gradient")] = 0.0

    def state_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return {"x": shape, "z": shape, "w_sum": (1,), "lr_max": (1,)}

    def start(self, y: Array, x: Array, z: Array) -> None:
        x[:] = z[:] = y

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        one_minus_beta = 1 - np.asarray(self.momentum)
        return {
            "lr": self.lr,
            "beta": self.momentum,
            "one_minus_beta": one_minus_beta,
            "r": self.weight_lr_power,
        }

    def update(
        self,
        y: Array,
        g: Array,
        x: Array,
        z: Array,
        w_sum: Array,
        lr_max: Array,
        s: Array,
        lr: Array,
        beta: Array,
        one_minus_beta: Array,
        r: Array,
    ) -> None:
        np.multiply(g, lr, s)
        np.subtract(z, s, z)  # eq. 4
        average(x, z, share(w_sum, lr_max, lr, r), s)  # eq. 5
        np.multiply(x, beta, y)  # eq. 3
        np.multiply(z, one_minus_beta, s)
        np.add(y, s, y)


def share(w_sum: Array, lr_max: Array, lr: Array, r: Array) -> Array:
    """The weight c of this step in the average; keeps the sum of weights and the largest lr."""
    np.maximum(lr_max, lr, out=lr_max)
    w = power(lr_max, r)
    np.add(w_sum, w, w_sum)
    return ratio(w, w_sum, 0)


def average(x: Array, z: Array, c: Array, work: Array) -> None:
    """Let x become (1 − c)·x + c·z."""
    np.multiply(x, 1 - c, x)
    np.multiply(z, c, work)
    np.add(x, work, x)
