"""NovoGrad: momentum of gradients normalized by layerwise second moments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt, Lt
from optcli.optimizers.base import OPTIMIZERS, Decay, Shaped, dot


@OPTIMIZERS.register("novograd")
@dataclass(frozen=True)
class NovoGrad(Shaped):
    """NovoGrad: momentum of gradients normalized by layerwise second moments.

        v ← β₂·v + (1 − β₂)·‖g‖²                      (v ← ‖g‖² at the first step)
        m ← β₁·m + (g / (√v + ε) + λ·x)
        x ← x − α·m

    with learning rate α = lr, β₁ = beta1, β₂ = beta2, ε = eps, λ = weight_decay. The norm
    is that of each parameter tensor.

    State: one array of the parameters' size, and one number for each parameter tensor.

    The same as optax's novograd; the default of lr is the paper's for images.

    Use it when layers have gradients of different sizes and memory is short: a second moment for
    each layer. Avoid it where entries within a layer differ much.

    Reference: B. Ginsburg and others, Training deep networks with stochastic gradient
    normalized by layerwise adaptive second moments, 2020, algorithm 1.

    Example: `optimizer: {name: novograd, lr: 0.01, weight_decay: 0.001}`
    """

    scratch: ClassVar[tuple[str, ...]] = ("s", "w")
    decay: ClassVar[Decay] = "own"

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 1e-2
    beta1: Annotated[float, Ge(0), Lt(1), Doc("momentum coefficient")] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the second moment")] = 0.25
    eps: Annotated[float, Gt(0), Doc("small constant for numerical stability")] = 1e-6
    weight_decay: Annotated[float, Ge(0), Doc("weight decay, added to the normalized gradient")] = (
        0.0
    )

    def state_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return {"m": shape, "v": (1,) * len(shape)}

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        beta2 = np.where(t == 1, 0.0, self.beta2)
        return {
            "lr": self.lr,
            "beta1": self.beta1,
            "beta2": beta2,
            "one_minus_beta2": 1 - beta2,
            "eps": self.eps,
            "weight_decay": self.weight_decay,
        }

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
        beta2: Array,
        one_minus_beta2: Array,
        eps: Array,
        weight_decay: Array,
    ) -> None:
        v[:] = beta2 * v + one_minus_beta2 * dot(g, g)  # v ← β₂·v + (1 − β₂)·‖g‖²
        # m ← β₁·m + (g / (√v + ε) + λ·x)
        np.divide(g, np.sqrt(v) + eps, s)
        np.multiply(x, weight_decay, w)
        np.add(s, w, s)
        np.multiply(m, beta1, m)
        np.add(m, s, m)
        np.multiply(m, lr, s)
        np.subtract(x, s, x)
