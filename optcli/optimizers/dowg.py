"""DoWG: distance over weighted gradients, in place of a learning rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt
from optcli.optimizers.base import OPTIMIZERS, Shaped, dot


@OPTIMIZERS.register("dowg")
@dataclass(frozen=True)
class DoWG(Shaped):
    """DoWG: DoG with gradients weighted by the distance moved.

        g ← g + λ·x                                   before `update`, by the Stepper
        r² ← max(r², ‖x − x₀‖²)
        v  ← v + r²·‖g‖²
        x  ← x − α·r²/(√v + ε)·g

    with α = lr, a factor that a schedule may change, ε = eps, initially r² =
    init_estim_sq_dist, and x₀ the initial parameters, λ = weight_decay. The norms are over
    all parameters.

    State: one array of the parameters' size, x₀, and two numbers.

    The same as optax.contrib.dowg. The paper has no ε.

    Use it when dog starts too slowly: later gradients weigh more. Avoid it with very noisy
    gradients: the paper's guarantees are for exact ones.

    Reference: A. Khaled, K. Mishchenko and C. Jin, DoWG unleashed: an efficient universal
    parameter-free gradient descent method, 2023, algorithm 1.

    Example: `optimizer: {name: dowg}`
    """

    whole: ClassVar[bool] = True
    initial_only: ClassVar[tuple[str, ...]] = ("init_estim_sq_dist",)
    lr_is_rate: ClassVar[bool] = False

    lr: Annotated[float, Gt(0), Doc("multiplier of the estimated learning rate")] = 1.0
    init_estim_sq_dist: Annotated[float, Gt(0), Doc("initial estimate of the squared distance")] = (
        1e-4
    )
    eps: Annotated[float, Gt(0), Doc("small constant for numerical stability")] = 1e-4
    weight_decay: Annotated[float, Ge(0), Doc("L2 weight decay, added to the gradient")] = 0.0

    def state_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return {"x0": shape, "r2": (1,), "v": (1,)}

    def start(self, x: Array, x0: Array, r2: Array) -> None:
        x0[:] = x
        r2[:] = self.init_estim_sq_dist

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        return {"lr": self.lr, "eps": self.eps}

    def update(
        self,
        x: Array,
        g: Array,
        x0: Array,
        r2: Array,
        v: Array,
        s: Array,
        lr: Array,
        eps: Array,
    ) -> None:
        np.subtract(x, x0, s)
        np.maximum(r2, dot(s, s), out=r2)  # r² ← max(r², ‖x − x₀‖²)
        np.add(v, r2 * dot(g, g), v)  # v ← v + r²·‖g‖²
        np.multiply(g, lr * r2 / (np.sqrt(v) + eps), s)  # α·r²/(√v + ε)·g
        np.subtract(x, s, x)
