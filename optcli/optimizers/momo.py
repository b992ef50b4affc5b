"""MoMo: momentum with Polyak's step size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.arrays import Array
from optcli.optimizers.base import OPTIMIZERS, Decay, Shaped, dot, ratio
from optcli.specs import Doc, Ge, Gt, Lt


@OPTIMIZERS.register("momo")
@dataclass(frozen=True)
class MoMo(Shaped):
    """Momentum whose step is capped by a model of the loss, built of averages.

        m ← β·m + (1 − β)·g
        f̄ ← β·f̄ + (1 − β)·f,   γ ← β·γ + (1 − β)·⟨g, x⟩
        h = (1 + α·λ)·(f̄ − f* − γ) + ⟨m, x⟩
        τ = min(α, max(h, 0) / ‖m‖²)                  0 where ‖m‖² is below 2.2e-16
        x ← x/(1 + α·λ) − τ·m

    with f the loss of the batch (regularization left out), α = lr the largest step, β =
    momentum, f* = lower_bound, λ = weight_decay; the averages start at the first values.
    With adapt_lower_bound f* is estimated, and lower_bound is its least value. Products
    and norm are over all parameters.

    State: one array of the parameters' size, and three numbers.

    The same as optax's contrib.momo, whose beta is momentum here.

    Reference: F. Schaipp and others, MoMo: momentum models for adaptive learning rates,
    2023, algorithm 1.

    Example: `optimizer: {name: momo, lr: 1}`
    """

    whole: ClassVar[bool] = True
    sees_loss: ClassVar[bool] = True
    decay: ClassVar[Decay] = "own"

    lr: Annotated[float, Gt(0), Doc("largest step")] = 1.0
    momentum: Annotated[float, Ge(0), Lt(1), Doc("how much of the averages stays")] = 0.9
    lower_bound: Annotated[float, Doc("least value of the loss")] = 0.0
    adapt_lower_bound: Annotated[bool, Doc("estimate the least value")] = False
    weight_decay: Annotated[float, Ge(0), Doc("shrinks x by 1 over 1 plus lr times it")] = 0.0

    def spaces(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return {"mean": shape, "loss": (1,), "product": (1,), "bound": (1,)}

    def start(self, x: Array, *slots: Array) -> None:
        slots[3][:] = self.lower_bound

    def coefficients(self, t: Array) -> tuple[Array | float, ...]:
        stays = np.where(t == 1, 0.0, self.momentum)
        shrink = 1 + self.lr * np.asarray(self.weight_decay)
        return self.lr, stays, 1 - stays, self.lower_bound, shrink

    def update(
        self,
        x: Array,
        g: Array,
        m: Array,
        mean: Array,
        product: Array,
        bound: Array,
        s: Array,
        lr: Array,
        stays: Array,
        new: Array,
        least: Array,
        shrink: Array,
        loss: Array,
    ) -> None:
        mean[:] = stays * mean + new * loss
        product[:] = stays * product + new * dot(g, x)
        np.multiply(m, stays, m)
        np.multiply(g, new, s)
        np.add(m, s, m)
        square, inner = dot(m, m), dot(m, x)
        if self.adapt_lower_bound:
            cap = shrink * (mean - product) + inner
            lowered = np.maximum(cap / (2 * shrink), least)
            np.copyto(bound, lowered, where=cap < shrink * bound)
        high = np.maximum(shrink * (mean - bound - product) + inner, 0)
        small = square <= np.finfo(np.float64).eps
        step = np.minimum(ratio(high, np.where(small, 0, square), 0), lr)
        if self.adapt_lower_bound:
            np.maximum(mean + inner - product - 0.5 * step * square, least, out=bound)
        np.multiply(m, step, s)
        np.divide(x, shrink, x)
        np.subtract(x, s, x)
