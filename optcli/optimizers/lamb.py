"""LAMB: Adam with a step for each array in proportion to its size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Lt
from optcli.optimizers.adam import corrected, moments, quotient
from optcli.optimizers.base import OPTIMIZERS, Decay, Shaped, norm, ratio


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

    state: ClassVar[tuple[str, ...]] = ("m", "v")
    scratch: ClassVar[tuple[str, ...]] = ("u", "w")
    decay: ClassVar[Decay] = "own"

    beta1: Annotated[float, Ge(0), Lt(1), Doc("how much of the mean stays")] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1), Doc("how much of the mean square stays")] = 0.999
    eps: Annotated[float, Ge(0), Doc("added to the root, against division by 0")] = 1e-6
    weight_decay: Annotated[float, Ge(0), Doc("adds its multiple of x to the step")] = 0.0

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        # at a learning rate of 1, `rate` is that of m̂ / (√v̂ + ε) itself
        adam = corrected(1.0, self.beta1, self.beta2, self.eps, t)
        return {**adam, "decay": self.weight_decay, "lr": self.lr}

    def update(
        self,
        x: Array,
        g: Array,
        m: Array,
        v: Array,
        u: Array,
        w: Array,
        beta1: Array,
        new1: Array,
        beta2: Array,
        new2: Array,
        rate: Array,
        eps: Array,
        decay: Array,
        lr: Array,
    ) -> None:
        moments(m, v, g, beta1, new1, beta2, new2, u)
        # u = m̂ / (√v̂ + ε) + λ·x
        quotient(m, v, eps, u)
        np.multiply(u, rate, u)
        np.multiply(x, decay, w)
        np.add(u, w, u)
        # x ← x − α · ‖x‖/‖u‖ · u
        np.multiply(u, lr * ratio(norm(x), norm(u), 1), u)
        np.subtract(x, u, x)
