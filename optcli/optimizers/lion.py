"""Lion: evolved sign momentum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt, Lt
from optcli.optimizers.base import OPTIMIZERS, Decay, Optimizer, mix


@OPTIMIZERS.register("lion")
@dataclass(frozen=True)
class Lion(Optimizer):
    """Lion: steps by the sign of an interpolation of momentum and gradient.

        c = β₁·m + (1 − β₁)·g
        x ← x − α·(sign(c) + λ·x)
        m ← β₂·m + (1 − β₂)·g

    with learning rate α = lr, β₁ = beta1, β₂ = beta2, λ = weight_decay. It needs a
    learning rate three to ten times smaller than adamw's.

    State: one array of the parameters' size, m.

    The same as optax's lion; the default of lr is the paper's for large models.

    Use it when memory is short, or a network trains with large batches; take a rate of a third to
    a tenth of adamw's. Avoid it without a schedule: all steps have the same size to the end.

    Reference: X. Chen and others, Symbolic discovery of optimization algorithms, 2023,
    algorithm 2.

    Example: `optimizer: {name: lion, lr: 0.0001, weight_decay: 0.1}`
    """

    state: ClassVar[tuple[str, ...]] = ("m",)
    scratch: ClassVar[tuple[str, ...]] = ("s", "w")
    decay: ClassVar[Decay] = "decoupled"

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 1e-4
    beta1: Annotated[float, Ge(0), Lt(1), Doc("interpolation weight of the momentum")] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the momentum")] = 0.99
    weight_decay: Annotated[float, Ge(0), Doc("decoupled weight decay, scaled by lr")] = 1e-3

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        betas = {"beta1": self.beta1, "one_minus_beta1": 1 - self.beta1}
        return {"lr": self.lr, **betas, "beta2": self.beta2, "one_minus_beta2": 1 - self.beta2}

    def update(
        self,
        x: Array,
        g: Array,
        m: Array,
        s: Array,
        w: Array,
        lr: Array,
        beta1: Array,
        one_minus_beta1: Array,
        beta2: Array,
        one_minus_beta2: Array,
    ) -> None:
        # c = β₁·m + (1 − β₁)·g
        np.multiply(m, beta1, s)
        np.multiply(g, one_minus_beta1, w)
        np.add(s, w, s)
        # x ← x − α·sign(c)
        np.sign(s, s)
        np.multiply(s, lr, s)
        np.subtract(x, s, x)
        mix(m, g, beta2, one_minus_beta2, s)  # m ← β₂·m + (1 − β₂)·g
