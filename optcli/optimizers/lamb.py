"""LAMB: Adam with a step for each array in proportion to its size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.arrays import Array
from optcli.optimizers.base import OPTIMIZERS, Decay, Shaped, mix, norm, power, ratio
from optcli.specs import Doc, Ge, Lt


@OPTIMIZERS.register("lamb")
@dataclass(frozen=True)
class LAMB(Shaped):
    """AdamW whose step, array by array, is as long as the array times the learning rate.

        u = m̂ / (√v̂ + ε) + λ·x                        m̂, v̂ as in adam
        x ← x − α · ‖x‖/‖u‖ · u                       the ratio is 1 where either norm is 0

    with learning rate α = lr, β₁ = beta1, β₂ = beta2, ε = eps, λ = weight_decay. The norms
    are those of each weight and bias by itself.

    State: two arrays of the parameters' size, m and v.

    The same as optax's lamb. The paper's φ is the identity here.

    Reference: Y. You and others, Large batch optimization for deep learning: training BERT
    in 76 minutes, 2020, algorithm 2.

    Example: `optimizer: {name: lamb, lr: 0.01, weight_decay: 0.01}`
    """

    scratch: ClassVar[int] = 2
    decay: ClassVar[Decay] = "own"

    beta1: Annotated[float, Ge(0), Lt(1), Doc("how much of the mean stays")] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1), Doc("how much of the mean square stays")] = 0.999
    eps: Annotated[float, Ge(0), Doc("added to the root, against division by 0")] = 1e-6
    weight_decay: Annotated[float, Ge(0), Doc("adds its multiple of x to the step")] = 0.0

    def spaces(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return {"mean": shape, "square": shape}

    def coefficients(self, t: Array) -> tuple[Array | float, ...]:
        root = np.sqrt(1 - power(self.beta2, t))  # √v̂ = √v / root
        scale = root / (1 - power(self.beta1, t))
        betas = self.beta1, 1 - self.beta1, self.beta2, 1 - self.beta2
        return *betas, scale, self.eps * root, self.weight_decay, self.lr

    def update(
        self,
        x: Array,
        g: Array,
        m: Array,
        v: Array,
        s: Array,
        w: Array,
        beta1: Array,
        new1: Array,
        beta2: Array,
        new2: Array,
        scale: Array,
        eps: Array,
        decay: Array,
        lr: Array,
    ) -> None:
        mix(m, g, beta1, new1, s)
        np.multiply(g, g, s)
        mix(v, s, beta2, new2, s)
        np.sqrt(v, s)
        np.add(s, eps, s)
        np.divide(m, s, s)
        np.multiply(s, scale, s)
        np.multiply(x, decay, w)
        np.add(s, w, s)
        np.multiply(s, lr * ratio(norm(x), norm(s), 1), s)
        np.subtract(x, s, x)
