"""DoG: distance over gradients, in place of a learning rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt
from optcli.optimizers.base import OPTIMIZERS, Shaped, dot, norm


@OPTIMIZERS.register("dog")
@dataclass(frozen=True)
class DoG(Shaped):
    """DoG: SGD whose step size is computed from distance moved and gradient norms.

        g ← g + λ·x                                   before `update`, by the Stepper
        r ← max(r, ‖x − x₀‖)                          initially r = ρ·(1 + ‖x₀‖)
        G ← G + ‖g‖²
        x ← x − α·r/√(G + ε)·g

    with α = lr, a factor that a schedule may change, ρ = reps_rel, ε = eps, and x₀ the
    initial parameters, λ = weight_decay. The norms are over all parameters.

    State: one array of the parameters' size, x₀, and two numbers.

    The same as optax.contrib.dog. The paper evaluates an average of the iterates.

    Use it when sgd suits the problem and its rate is unknown; use the averaged parameters. Avoid
    it where parameters need rates of different sizes.

    Reference: M. Ivgi, O. Hinder and Y. Carmon, DoG is SGD's best friend: a parameter-free
    dynamic step size schedule, 2023, eq. DoG.

    Example: `optimizer: {name: dog}`
    """

    whole: ClassVar[bool] = True
    initial_only: ClassVar[tuple[str, ...]] = ("reps_rel",)
    lr_is_rate: ClassVar[bool] = False

    lr: Annotated[float, Gt(0), Doc("multiplier of the estimated learning rate")] = 1.0
    reps_rel: Annotated[float, Gt(0), Doc("initial distance, relative to 1 + ‖x₀‖")] = 1e-6
    eps: Annotated[float, Gt(0), Doc("small constant under the square root")] = 1e-8
    weight_decay: Annotated[float, Ge(0), Doc("L2 weight decay, added to the gradient")] = 0.0

    def state_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return {"x0": shape, "r": (1,), "G": (1,)}

    def start(self, x: Array, x0: Array, r: Array) -> None:
        x0[:] = x
        r[:] = self.reps_rel * (1 + norm(x))

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        return {"lr": self.lr, "eps": self.eps}

    def update(
        self,
        x: Array,
        g: Array,
        x0: Array,
        r: Array,
        G: Array,
        s: Array,
        lr: Array,
        eps: Array,
    ) -> None:
        np.subtract(x, x0, s)
        np.maximum(r, norm(s), out=r)  # r ← max(r, ‖x − x₀‖)
        np.add(G, dot(g, g), G)  # G ← G + ‖g‖²
        np.multiply(g, lr * r / np.sqrt(G + eps), s)  # α·r/√(G + ε)·g
        np.subtract(x, s, x)
