"""Prodigy: Adam with an estimated learning rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt, Lt
from optcli.optimizers.adam import quotient
from optcli.optimizers.base import OPTIMIZERS, Decay, Shaped, dot, mix, power, ratio


@OPTIMIZERS.register("prodigy")
@dataclass(frozen=True)
class Prodigy(Shaped):
    """Prodigy: Adam that estimates its learning rate during training.

        γ = α·d·√(1 − β₂ᵗ)/(1 − β₁ᵗ)
        r ← β₃·r + γ·d·⟨g, x₀ − x⟩/d₀                 β₃ = √β₂
        m ← β₁·m + (1 − β₁)·d·g
        v ← β₂·v + (1 − β₂)·(d·g)²
        s ← β₃·s + γ·d·g/d₀
        d′ = max(d, c·r/‖s‖₁)
        x ← x − γ·(m / (√v + d′·ε) + λ·x),   d ← d′

    with α = lr, a factor that a schedule may change, d₀ = estim_lr0 the initial d, c =
    estim_lr_coef, β₁ = beta1, β₂ = beta2, ε = eps, λ = weight_decay, and x₀ the initial
    parameters. Product and norm are over all parameters. d estimates the distance from x₀
    to the solution.

    State: four arrays of the parameters' size, x₀ among them, and two numbers.

    The same as optax.contrib.prodigy.

    Use it when adam suits the problem and no rate is to be tuned. Avoid very short runs: its
    estimate needs steps to grow.

    Reference: K. Mishchenko and A. Defazio, Prodigy: an expeditiously adaptive
    parameter-free learner, 2023, algorithm 4.

    Example: `optimizer: {name: prodigy}`
    """

    scratch: ClassVar[tuple[str, ...]] = ("u", "w")
    whole: ClassVar[bool] = True
    decay: ClassVar[Decay] = "own"
    lr_is_rate: ClassVar[bool] = False

    lr: Annotated[float, Gt(0), Doc("multiplier of the estimated learning rate")] = 1.0
    beta1: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the first moment")] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the second moment")] = 0.999
    eps: Annotated[float, Ge(0), Doc("small constant for numerical stability")] = 1e-8
    estim_lr0: Annotated[float, Gt(0), Doc("initial estimate of the distance to the solution")] = (
        1e-6
    )
    estim_lr_coef: Annotated[float, Gt(0), Doc("multiplier of the distance estimate")] = 1.0
    weight_decay: Annotated[float, Ge(0), Doc("decoupled weight decay, scaled by γ")] = 0.0

    def state_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return {"m": shape, "v": shape, "s": shape, "x0": shape, "d": (1,), "r": (1,)}

    def start(self, x: Array, x0: Array, d: Array) -> None:
        x0[:] = x
        d[:] = self.estim_lr0

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        root = np.sqrt(1 - power(self.beta2, t))
        return {
            "gamma_over_d": self.lr * root / (1 - power(self.beta1, t)),
            "beta1": self.beta1,
            "beta2": self.beta2,
            "beta3": np.sqrt(self.beta2),
            "one_minus_beta1": 1 - np.asarray(self.beta1),
            "one_minus_beta2": 1 - np.asarray(self.beta2),
            "eps": self.eps,
            "d0": self.estim_lr0,
            "c": self.estim_lr_coef,
            "weight_decay": self.weight_decay,
        }

    def update(
        self,
        x: Array,
        g: Array,
        m: Array,
        v: Array,
        s: Array,
        x0: Array,
        d: Array,
        r: Array,
        u: Array,
        w: Array,
        gamma_over_d: Array,
        beta1: Array,
        beta2: Array,
        beta3: Array,
        one_minus_beta1: Array,
        one_minus_beta2: Array,
        eps: Array,
        d0: Array,
        c: Array,
        weight_decay: Array,
    ) -> None:
        gamma = d * gamma_over_d  # γ = α·d·√(1 − β₂ᵗ)/(1 − β₁ᵗ)
        # r ← β₃·r + γ·d·⟨g, x₀ − x⟩/d₀
        np.subtract(x0, x, u)
        r[:] = beta3 * r + d / d0 * gamma * dot(g, u)
        np.multiply(g, d, u)  # d·g
        mix(m, u, beta1, one_minus_beta1, w)  # m ← β₁·m + (1 − β₁)·d·g
        mix(s, u, beta3, gamma / d0, w)  # s ← β₃·s + γ·d·g/d₀
        np.multiply(u, u, u)
        mix(v, u, beta2, one_minus_beta2, u)  # v ← β₂·v + (1 − β₂)·(d·g)²
        # d′ = max(d, c·r/‖s‖₁)
        np.abs(s, u)
        np.maximum(d, ratio(c * r, u.sum(axis=1, keepdims=True), 0), out=d)
        # x ← x − γ·(m / (√v + d′·ε) + λ·x)
        quotient(m, v, d * eps, u)
        np.multiply(x, weight_decay, w)
        np.add(u, w, u)
        np.multiply(u, gamma, u)
        np.subtract(x, u, x)
