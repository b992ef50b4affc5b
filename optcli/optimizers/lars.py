"""LARS: momentum with a trust ratio for each array."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt, Lt
from optcli.optimizers.base import OPTIMIZERS, Shaped, norm, ratio


@OPTIMIZERS.register("lars")
@dataclass(frozen=True)
class LARS(Shaped):
    """LARS: momentum with a trust ratio for each parameter tensor.

        g ← g + λ·x
        γ = η·‖x‖ / (‖g‖ + ε)                         1 where either norm is 0
        v ← μ·v + α·γ·g
        x ← x − v                                     (nesterov: x − (μ·v + α·γ·g))

    with learning rate α = lr, η = trust_coefficient, μ = momentum, ε = eps, λ =
    weight_decay. The norms are those of each parameter tensor.

    State: one array of the parameters' size.

    The same as optax's lars, which has no default learning rate. The paper's γ divides by
    ‖g‖ + λ‖x‖.

    Use it when convolutional networks train with very large batches. Avoid it for small batches
    and for models without layers.

    Reference: Y. You, I. Gitman and B. Ginsburg, Large batch training of convolutional
    networks, 2017, algorithm 1.

    Example: `optimizer: {name: lars, lr: 1, momentum: 0.9}`
    """

    state: ClassVar[tuple[str, ...]] = ("v",)
    scratch: ClassVar[tuple[str, ...]] = ("s", "w")

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 1.0
    momentum: Annotated[float, Ge(0), Lt(1), Doc("momentum coefficient")] = 0.9
    trust_coefficient: Annotated[float, Gt(0), Doc("trust coefficient η")] = 1e-3
    eps: Annotated[float, Ge(0), Doc("small constant for numerical stability")] = 0.0
    nesterov: Annotated[bool, Doc("use Nesterov momentum")] = False
    weight_decay: Annotated[float, Ge(0), Doc("L2 weight decay, added to the gradient")] = 0.0

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        return {
            "lr": self.lr,
            "mu": self.momentum,
            "eta": self.trust_coefficient,
            "eps": self.eps,
        }

    def update(
        self,
        x: Array,
        g: Array,
        v: Array,
        s: Array,
        w: Array,
        lr: Array,
        mu: Array,
        eta: Array,
        eps: Array,
    ) -> None:
        length = norm(g)
        # α·γ·g
        np.multiply(g, lr * ratio(eta * norm(x), length + eps * (length > 0), 1), s)
        np.multiply(v, mu, v)
        np.add(v, s, v)  # v ← μ·v + α·γ·g
        if self.nesterov:
            np.multiply(v, mu, w)
            np.subtract(x, w, x)
            np.subtract(x, s, x)
        else:
            np.subtract(x, v, x)
