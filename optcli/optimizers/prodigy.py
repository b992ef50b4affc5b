"""Prodigy: Adam that finds its learning rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.arrays import Array
from optcli.optimizers.base import OPTIMIZERS, Decay, Shaped, dot, power, ratio
from optcli.specs import Doc, Ge, Gt, Lt


@OPTIMIZERS.register("prodigy")
@dataclass(frozen=True)
class Prodigy(Shaped):
    """Adam with the distance to the solution, as it is estimated, for a learning rate.

        γ = α·d·√(1 − β₂ᵗ)/(1 − β₁ᵗ)
        r ← β₃·r + γ·d·⟨g, x₀ − x⟩/d₀                 β₃ = √β₂
        m ← β₁·m + (1 − β₁)·d·g
        v ← β₂·v + (1 − β₂)·(d·g)²
        s ← β₃·s + γ·d·g/d₀
        d′ = max(d, c·r/‖s‖₁)
        x ← x − γ·(m / (√v + d′·ε) + λ·x),   d ← d′

    with α = lr, a factor for schedules, d₀ = estim_lr0 the first d, c = estim_lr_coef, β₁ =
    beta1, β₂ = beta2, ε = eps, λ = weight_decay, and x₀ where training starts. Product and
    norm are over all parameters.

    State: four arrays of the parameters' size, x₀ among them, and two numbers.

    The same as optax's contrib.prodigy.

    Reference: K. Mishchenko and A. Defazio, Prodigy: an expeditiously adaptive
    parameter-free learner, 2023, algorithm 4.

    Example: `optimizer: {name: prodigy}`
    """

    whole: ClassVar[bool] = True
    scratch: ClassVar[int] = 2
    decay: ClassVar[Decay] = "own"

    lr: Annotated[float, Gt(0), Doc("factor on the learning rate that is found")] = 1.0
    beta1: Annotated[float, Ge(0), Lt(1), Doc("how much of the mean stays")] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1), Doc("how much of the mean square stays")] = 0.999
    eps: Annotated[float, Ge(0), Doc("added to the root, against division by 0")] = 1e-8
    estim_lr0: Annotated[float, Gt(0), Doc("first estimate of the distance")] = 1e-6
    estim_lr_coef: Annotated[float, Gt(0), Doc("factor on the estimate")] = 1.0
    weight_decay: Annotated[float, Ge(0), Doc("decoupled: shrinks x by the step times it")] = 0.0

    def spaces(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        arrays = {"mean": shape, "square": shape, "sum": shape, "origin": shape}
        return {**arrays, "distance": (1,), "progress": (1,)}

    def start(self, x: Array, *slots: Array) -> None:
        slots[3][:] = x
        slots[4][:] = self.estim_lr0

    def coefficients(self, t: Array) -> tuple[Array | float, ...]:
        rate = self.lr * np.sqrt(1 - power(self.beta2, t)) / (1 - power(self.beta1, t))
        beta3 = np.sqrt(self.beta2)
        betas = (
            self.beta1,
            self.beta2,
            beta3,
            1 - np.asarray(self.beta1),
            1 - np.asarray(self.beta2),
        )
        return rate, *betas, self.eps, self.estim_lr0, self.estim_lr_coef, self.weight_decay

    def update(
        self,
        x: Array,
        g: Array,
        m: Array,
        v: Array,
        total: Array,
        origin: Array,
        d: Array,
        progress: Array,
        s: Array,
        w: Array,
        rate: Array,
        beta1: Array,
        beta2: Array,
        beta3: Array,
        new1: Array,
        new2: Array,
        eps: Array,
        first: Array,
        factor: Array,
        decay: Array,
    ) -> None:
        gamma = d * rate
        np.subtract(origin, x, s)
        progress[:] = beta3 * progress + d / first * gamma * dot(g, s)
        np.multiply(g, d, s)
        np.multiply(m, beta1, m)
        np.multiply(s, new1, w)
        np.add(m, w, m)
        np.multiply(total, beta3, total)
        np.multiply(s, gamma / first, w)
        np.add(total, w, total)
        np.multiply(s, s, s)
        np.multiply(s, new2, s)
        np.multiply(v, beta2, v)
        np.add(v, s, v)
        np.abs(total, s)
        np.maximum(d, ratio(factor * progress, s.sum(axis=1, keepdims=True), 0), out=d)
        np.sqrt(v, s)
        np.add(s, d * eps, s)
        np.divide(m, s, s)
        np.multiply(x, decay, w)
        np.add(s, w, s)
        np.multiply(s, gamma, s)
        np.subtract(x, s, x)
