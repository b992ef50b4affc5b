"""MoMo: momentum with an adaptive step size of Polyak's type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt, Lt
from optcli.optimizers.base import OPTIMIZERS, Decay, Shaped, dot, mix, ratio


@OPTIMIZERS.register("momo")
@dataclass(frozen=True)
class MoMo(Shaped):
    """MoMo: momentum with an adaptive step size of Polyak's type.

    The step size is capped by a model of the loss, built from moving averages:

        m ← β·m + (1 − β)·g
        f̄ ← β·f̄ + (1 − β)·f,   γ ← β·γ + (1 − β)·⟨g, x⟩
        h = (1 + α·λ)·(f̄ − f* − γ) + ⟨m, x⟩
        τ = min(α, max(h, 0) / ‖m‖²)                  0 where ‖m‖² is below 2.2e-16
        x ← x/(1 + α·λ) − τ·m

    with f the loss of the batch without regularization, α = lr the largest step size, β =
    momentum, f* = lower_bound, λ = weight_decay; the averages start at the first values.
    With adapt_lower_bound, f* is estimated, and never below lower_bound. Products
    and norm are over all parameters.

    State: one array of the parameters' size, and three numbers.

    The same as optax.contrib.momo, whose beta is momentum here.

    Use it when momentum suits the problem, its rate is uncertain, and the lowest loss is about
    known (0 by default). Avoid it where the loss cannot come near that bound.

    Reference: F. Schaipp and others, MoMo: momentum models for adaptive learning rates,
    2023, algorithm 1.

    Example: `optimizer: {name: momo, lr: 1}`
    """

    whole: ClassVar[bool] = True
    decay: ClassVar[Decay] = "own"

    lr: Annotated[float, Gt(0), Doc("maximum step size")] = 1.0
    momentum: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the moving averages")] = 0.9
    lower_bound: Annotated[float, Doc("lower bound of the loss")] = 0.0
    adapt_lower_bound: Annotated[bool, Doc("estimate the lower bound during training")] = False
    weight_decay: Annotated[float, Ge(0), Doc("weight decay: x is divided by 1 + lr·λ")] = 0.0

    def state_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return {"m": shape, "f_bar": (1,), "gamma": (1,), "f_star": (1,)}

    def start(self, f_star: Array) -> None:
        f_star[:] = self.lower_bound

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        beta = np.where(t == 1, 0.0, self.momentum)
        shrink = 1 + self.lr * np.asarray(self.weight_decay)  # 1 + α·λ
        return {
            "lr": self.lr,
            "beta": beta,
            "one_minus_beta": 1 - beta,
            "least": self.lower_bound,
            "shrink": shrink,
        }

    def update(
        self,
        x: Array,
        g: Array,
        m: Array,
        f_bar: Array,
        gamma: Array,
        f_star: Array,
        s: Array,
        lr: Array,
        beta: Array,
        one_minus_beta: Array,
        least: Array,
        shrink: Array,
        loss: Array,
    ) -> None:
        f_bar[:] = beta * f_bar + one_minus_beta * loss
        gamma[:] = beta * gamma + one_minus_beta * dot(g, x)
        mix(m, g, beta, one_minus_beta, s)  # m ← β·m + (1 − β)·g
        square, inner = dot(m, m), dot(m, x)
        if self.adapt_lower_bound:
            cap = shrink * (f_bar - gamma) + inner
            lowered = np.maximum(cap / (2 * shrink), least)
            np.copyto(f_star, lowered, where=cap < shrink * f_star)
        h = np.maximum(shrink * (f_bar - f_star - gamma) + inner, 0)
        small = square <= np.finfo(np.float64).eps
        tau = np.minimum(ratio(h, np.where(small, 0, square), 0), lr)  # τ
        if self.adapt_lower_bound:
            np.maximum(f_bar + inner - gamma - 0.5 * tau * square, least, out=f_star)
        # x ← x/(1 + α·λ) − τ·m
        np.multiply(m, tau, s)
        np.divide(x, shrink, x)
        np.subtract(x, s, x)
