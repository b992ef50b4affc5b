"""NovoGrad: momentum over gradients scaled array by array."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.arrays import Array
from optcli.optimizers.base import OPTIMIZERS, Decay, Shaped, dot
from optcli.specs import Doc, Ge, Gt, Lt


@OPTIMIZERS.register("novograd")
@dataclass(frozen=True)
class NovoGrad(Shaped):
    """Divide the gradient of each array by a running size of it, then take momentum.

        v ← β₂·v + (1 − β₂)·‖g‖²                      (v ← ‖g‖² at the first step)
        m ← β₁·m + (g / (√v + ε) + λ·x)
        x ← x − α·m

    with learning rate α = lr, β₁ = beta1, β₂ = beta2, ε = eps, λ = weight_decay. The norm
    is that of each weight and bias by itself.

    State: one array of the parameters' size, and a number for each weight and bias.

    The same as optax's novograd; the default of lr is the paper's for images.

    Reference: B. Ginsburg and others, Training deep networks with stochastic gradient
    normalized by layerwise adaptive second moments, 2020, algorithm 1.

    Example: `optimizer: {name: novograd, lr: 0.01, weight_decay: 0.001}`
    """

    scratch: ClassVar[int] = 2
    decay: ClassVar[Decay] = "own"

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 1e-2
    beta1: Annotated[float, Ge(0), Lt(1), Doc("how much of the velocity stays")] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1), Doc("how much of the mean square norm stays")] = 0.25
    eps: Annotated[float, Gt(0), Doc("added to the root, against division by 0")] = 1e-6
    weight_decay: Annotated[float, Ge(0), Doc("adds its multiple of x to the scaled g")] = 0.0

    def spaces(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return {"velocity": shape, "square": (1,) * len(shape)}

    def coefficients(self, t: Array) -> tuple[Array | float, ...]:
        stays = np.where(t == 1, 0.0, self.beta2)
        return self.lr, self.beta1, stays, 1 - stays, self.eps, self.weight_decay

    def update(
        self,
        x: Array,
        g: Array,
        m: Array,
        v: Array,
        s: Array,
        w: Array,
        lr: Array,
        beta1: Array,
        stays: Array,
        new: Array,
        eps: Array,
        decay: Array,
    ) -> None:
        v[:] = stays * v + new * dot(g, g)
        np.divide(g, np.sqrt(v) + eps, s)
        np.multiply(x, decay, w)
        np.add(s, w, s)
        np.multiply(m, beta1, m)
        np.add(m, s, m)
        np.multiply(m, lr, s)
        np.subtract(x, s, x)
