"""ADOPT: Adam that converges with any β₂."""

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
    """Divide the gradient by the mean square before it, and only then take the mean.

        v ← g²                                        at the first step, and no more; then
        c = clip(g / max(√v, ε), ±(t − 1)^¼)
        m ← β₁·m + (1 − β₁)·c
        x ← x − α·m
        v ← β₂·v + (1 − β₂)·g²

    with learning rate α = lr, β₁ = beta1, β₂ = beta2, ε = eps. `clipping: false` leaves
    the clip out.

    State: two arrays of the parameters' size.

    The same as optax's contrib.adopt.

    Reference: S. Taniguchi and others, ADOPT: modified Adam can converge with any β₂ with
    the optimal rate, 2024, algorithm 2 (clipped), with t counted from 0.

    Example: `optimizer: {name: adopt, lr: 0.001}`
    """

    state: ClassVar[tuple[str, ...]] = ("m", "v")
    decay: ClassVar[Decay] = "decoupled"

    beta1: Annotated[float, Ge(0), Lt(1), Doc("how much of the mean stays")] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1), Doc("how much of the mean square stays")] = 0.9999
    eps: Annotated[float, Gt(0), Doc("least divisor")] = 1e-6
    clipping: Annotated[bool, Doc("hold the scaled gradient within a bound that grows")] = True
    weight_decay: Annotated[float, Ge(0), Doc("decoupled: shrinks x by lr times it")] = 0.0

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        first = t == 1  # where v ← g², and nothing moves
        limit = np.sqrt(np.sqrt(t - 1))
        return {
            "rate": np.where(first, 0.0, self.lr),
            "beta1": self.beta1,
            "new1": np.where(first, 0.0, 1 - np.asarray(self.beta1)),
            "beta2": self.beta2,
            "new2": np.where(first, 1.0, 1 - np.asarray(self.beta2)),
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
        rate: Array,
        beta1: Array,
        new1: Array,
        beta2: Array,
        new2: Array,
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
        mix(m, s, beta1, new1, s)
        np.multiply(g, g, s)
        mix(v, s, beta2, new2, s)
        np.multiply(m, rate, s)
        np.subtract(x, s, x)
