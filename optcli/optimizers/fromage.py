"""Fromage: Frobenius matched gradient descent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Gt
from optcli.optimizers.base import OPTIMIZERS, Shaped, norm


@OPTIMIZERS.register("fromage")
@dataclass(frozen=True)
class Fromage(Shaped):
    """Fromage: SGD in which the step of each array is proportional to the array's norm.

        x ← (x − α·‖x‖/‖g‖·g) / √(1 + α²)

    with learning rate α = lr. The norms are those of each parameter tensor, with
    lower bound min_norm. Dividing by √(1 + α²) keeps ‖x‖ from growing.

    State: none.

    The same as optax's fromage; the default of lr is the paper's.

    Use it when networks of many layers should train at one rate without tuning. Avoid it for
    linear models and biases that start at zero.

    Reference: J. Bernstein and others, On the distance between two neural networks and the
    stability of learning, 2020, algorithm 1.

    Example: `optimizer: {name: fromage, lr: 0.01}`
    """

    lr: Annotated[float, Gt(0), Doc("learning rate, relative to the array's norm")] = 1e-2
    min_norm: Annotated[float, Gt(0), Doc("lower bound of both norms")] = 1e-6

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        scale = 1 / np.sqrt(1 + np.square(self.lr))
        return {"lr": self.lr, "scale": scale, "least": self.min_norm}

    def update(self, x: Array, g: Array, s: Array, lr: Array, scale: Array, least: Array) -> None:
        trust = np.maximum(norm(x), least) / np.maximum(norm(g), least)  # ‖x‖/‖g‖
        np.multiply(g, lr * trust, s)
        np.subtract(x, s, x)
        np.multiply(x, scale, x)  # 1/√(1 + α²)
