"""Schedule-free AdamW: averaging in place of momentum and schedule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt, Le, Lt
from optcli.optimizers.base import OPTIMIZERS, Decay, Shaped, mix, power
from optcli.optimizers.schedule_free_sgd import average, share


@OPTIMIZERS.register("schedule_free_adamw")
@dataclass(frozen=True)
class ScheduleFreeAdamW(Shaped):
    """Schedule-free AdamW: averaging in place of a learning-rate schedule.

        y = (1 − β₁)·z + β₁·x                         g is the gradient at y
        v ← β₂·v + (1 − β₂)·g²
        z ← z − α·(g / (√(v/(1 − β₂ᵗ)) + ε) + λ·y)
        x ← (1 − c)·x + c·z
        c = wₜ / (w₁ + ⋯ + wₜ),   wₜ = (largest α so far)ʳ

    with learning rate α = lr, β₁ = beta1, β₂ = beta2, ε = eps, λ = weight_decay, r =
    weight_lr_power. Training moves y; the model, which is validated and saved, is x. The
    statistics of batch norm are those at y.

    State: three arrays of the parameters' size, x, z and v, and two numbers.

    The same as optax.contrib.schedule_free_adamw. In the authors' code the bias correction
    is part of α, and so of the weights wₜ.

    Use it when adamw should need no schedule, or the length of the run is open. Avoid it together
    with a decaying schedule.

    Reference: A. Defazio and others, The road less scheduled, 2024, algorithm 1.

    Example: `optimizer: {name: schedule_free_adamw, lr: 0.0025}`
    """

    point: ClassVar[str] = "y"
    scratch: ClassVar[tuple[str, ...]] = ("s", "w")
    whole: ClassVar[bool] = True
    model: ClassVar[str] = "x"
    decay: ClassVar[Decay] = "own"

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 2.5e-3
    beta1: Annotated[float, Ge(0), Le(1), Doc("weight of the average x in y")] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the second moment")] = 0.999
    eps: Annotated[float, Ge(0), Doc("small constant for numerical stability")] = 1e-8
    weight_lr_power: Annotated[float, Ge(0), Doc("exponent of lr in the averaging weights")] = 2.0
    weight_decay: Annotated[float, Ge(0), Doc("decoupled weight decay at y, scaled by lr")] = 0.0

    def state_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return {"x": shape, "z": shape, "v": shape, "w_sum": (1,), "lr_max": (1,)}

    def start(self, y: Array, x: Array, z: Array) -> None:
        x[:] = z[:] = y

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        return {
            "lr": self.lr,
            "beta1": self.beta1,
            "one_minus_beta1": 1 - self.beta1,
            "beta2": self.beta2,
            "one_minus_beta2": 1 - self.beta2,
            "root": 1 / np.sqrt(1 - power(self.beta2, t)),
            "eps": self.eps,
            "r": self.weight_lr_power,
            "weight_decay": self.weight_decay,
        }

    def update(
        self,
        y: Array,
        g: Array,
        x: Array,
        z: Array,
        v: Array,
        w_sum: Array,
        lr_max: Array,
        s: Array,
        w: Array,
        lr: Array,
        beta1: Array,
        one_minus_beta1: Array,
        beta2: Array,
        one_minus_beta2: Array,
        root: Array,
        eps: Array,
        r: Array,
        weight_decay: Array,
    ) -> None:
        np.multiply(g, g, s)
        mix(v, s, beta2, one_minus_beta2, s)  # v ← β₂·v + (1 − β₂)·g²
        # z ← z − α·(g / (√(v/(1 − β₂ᵗ)) + ε) + λ·y)
        np.sqrt(v, s)
        np.multiply(s, root, s)
        np.add(s, eps, s)
        np.divide(g, s, s)
        np.multiply(y, weight_decay, w)
        np.add(s, w, s)
        np.multiply(s, lr, s)
        np.subtract(z, s, z)
        average(x, z, share(w_sum, lr_max, lr, r), s)  # x ← (1 − c)·x + c·z
        # y = (1 − β₁)·z + β₁·x
        np.multiply(x, beta1, y)
        np.multiply(z, one_minus_beta1, s)
        np.add(y, s, y)
