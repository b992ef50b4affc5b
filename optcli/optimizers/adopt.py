"""ADOPT: Adam that normalizes the gradient before averaging it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt, Lt
from optcli.optimizers.base import OPTIMIZERS, Decay, Optimizer, mix


@OPTIMIZERS.register("adopt")
@dataclass(frozen=True)
class ADOPT(Optimizer):
    """ADOPT: Adam that normalizes by the previous second moment before averaging.

        v ← g²                                        only this at the first step; then
        c = clip(g / max(√v, ε), ±(t − 1)^¼)
        m ← β₁·m + (1 − β₁)·c
        x ← x − α·m
        v ← β₂·v + (1 − β₂)·g²

    with learning rate α = lr, β₁ = beta1, β₂ = beta2, ε = eps. `clipping: false` omits
    the clip.

    State: two arrays of the parameters' size.

    The same as optax.contrib.adopt.

    Use it when adam fails to settle, or `beta2` cannot be chosen for the problem. Avoid it where
    the first batches have outliers, which set its first scale.

    Reference: S. Taniguchi and others, ADOPT: modified Adam can converge with any β₂ with
    the optimal rate, 2024, algorithm 2 (clipped), with t counted from 0.

    Example: `optimizer: {name: adopt, lr: 0.001}`
    """

    state: ClassVar[tuple[str, ...]] = ("m", "v")
    decay: ClassVar[Decay] = "decoupled"

    beta1: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the first moment")] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the second moment")] = 0.9999
    eps: Annotated[float, Gt(0), Doc("lower bound of the denominator")] = 1e-6
    clipping: Annotated[bool, Doc("clip the normalized gradient to ±(t − 1)^¼")] = True
    weight_decay: Annotated[float, Ge(0), Doc("decoupled weight decay, scaled by lr")] = 0.0

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        first = t == 1  # v ← g², and no step
        limit = np.sqrt(np.sqrt(t - 1))
        return {
            "lr": np.where(first, 0.0, self.lr),
            "beta1": self.beta1,
            "c_weight": np.where(first, 0.0, 1 - np.asarray(self.beta1)),
            "beta2": self.beta2,
            "g2_weight": np.where(first, 1.0, 1 - np.asarray(self.beta2)),
            "eps": self.eps,
            "highest": limit,
            "lowest": -limit,
        }

    def update(
        self,
        x: Array,
        g: Array,
        m: Array,
        v: Array,
        s: Array,
        lr: Array,
        beta1: Array,
        c_weight: Array,
        beta2: Array,
        g2_weight: Array,
        eps: Array,
        highest: Array,
        lowest: Array,
    ) -> None:
        # c = clip(g / max(√v, ε), ±(t − 1)^¼)
        np.sqrt(v, s)
        np.maximum(s, eps, out=s)
        np.divide(g, s, s)
        if self.clipping:
            np.minimum(s, highest, out=s)
            np.maximum(s, lowest, out=s)
        mix(m, s, beta1, c_weight, s)  # m ← β₁·m + (1 − β₁)·c
        np.multiply(g, g, s)
        mix(v, s, beta2, g2_weight, s)  # v ← β₂·v + (1 − β₂)·g²
        np.multiply(m, lr, s)  # α·m
        np.subtract(x, s, x)
