"""D-Adapt Adam: Adam with an estimated learning rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt, Lt
from optcli.optimizers.adam import quotient
from optcli.optimizers.base import OPTIMIZERS, Decay, Shaped, dot, mix, power, ratio


@OPTIMIZERS.register("dadapt_adam")
@dataclass(frozen=True)
class DAdaptAdam(Shaped):
    """Adam with D-adaptation: the learning rate is estimated during training.

        γ = α·d·√(1 − β₂ᵗ)/(1 − β₁ᵗ)
        r ← √β₂·r + (1 − √β₂)·γ·⟨g, s/(√v + ε)⟩
        m ← β₁·m + (1 − β₁)·γ·g
        v ← β₂·v + (1 − β₂)·g²
        s ← √β₂·s + (1 − √β₂)·γ·g
        d ← max(d, r/((1 − √β₂)·‖s‖₁))
        x ← x − m / (√v + ε) − γ·λ·x

    with α = lr, a factor that a schedule may change, β₁ = beta1, β₂ = beta2, ε = eps, λ =
    weight_decay, and d = estim_lr0 at the start. Product and norm are over all parameters.
    d is a lower bound of the distance from the start to the solution.

    State: three arrays of the parameters' size, and two numbers.

    The same as optax.contrib.dadapt_adamw.

    Use it when adam suits the problem and its rate is unknown. Avoid it with large noise or few
    steps: the estimate grows slowly.

    Reference: A. Defazio and K. Mishchenko, Learning-rate-free learning by D-adaptation,
    2023, algorithm 5.

    Example: `optimizer: {name: dadapt_adam}`
    """

    scratch: ClassVar[tuple[str, ...]] = ("u", "w")
    whole: ClassVar[bool] = True
    decay: ClassVar[Decay] = "own"
    initial_only: ClassVar[tuple[str, ...]] = ("estim_lr0",)
    lr_is_rate: ClassVar[bool] = False

    lr: Annotated[float, Gt(0), Doc("multiplier of the estimated learning rate")] = 1.0
    beta1: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the first moment")] = 0.9
    beta2: Annotated[float, Gt(0), Lt(1), Doc("decay rate of the second moment")] = 0.999
    eps: Annotated[float, Gt(0), Doc("small constant for numerical stability")] = 1e-8
    estim_lr0: Annotated[float, Gt(0), Doc("initial estimate of the distance to the solution")] = (
        1e-6
    )
    weight_decay: Annotated[float, Ge(0), Doc("decoupled weight decay, scaled by γ")] = 0.0

    def state_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return {"m": shape, "v": shape, "s": shape, "d": (1,), "r": (1,)}

    def start(self, d: Array) -> None:
        d[:] = self.estim_lr0

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        sqrt_beta2 = np.sqrt(self.beta2)
        root = np.sqrt(1 - power(self.beta2, t))
        return {
            "gamma_over_d": self.lr * root / (1 - power(self.beta1, t)),
            "beta1": self.beta1,
            "beta2": self.beta2,
            "sqrt_beta2": sqrt_beta2,
            "one_minus_beta1": 1 - np.asarray(self.beta1),
            "one_minus_beta2": 1 - np.asarray(self.beta2),
            "one_minus_sqrt_beta2": 1 - sqrt_beta2,
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
        d: Array,
        r: Array,
        u: Array,
        w: Array,
        gamma_over_d: Array,
        beta1: Array,
        beta2: Array,
        sqrt_beta2: Array,
        one_minus_beta1: Array,
        one_minus_beta2: Array,
        one_minus_sqrt_beta2: Array,
        eps: Array,
        weight_decay: Array,
    ) -> None:
        gamma = d * gamma_over_d  # γ = α·d·√(1 − β₂ᵗ)/(1 − β₁ᵗ)
        # r ← √β₂·r + (1 − √β₂)·γ·⟨g, s/(√v + ε)⟩
        quotient(s, v, eps, u)
        r[:] = sqrt_beta2 * r + one_minus_sqrt_beta2 * gamma * dot(g, u)
        mix(m, g, beta1, one_minus_beta1 * gamma, u)  # m ← β₁·m + (1 − β₁)·γ·g
        mix(s, g, sqrt_beta2, one_minus_sqrt_beta2 * gamma, u)  # s ← √β₂·s + (1 − √β₂)·γ·g
        np.multiply(g, g, u)
        mix(v, u, beta2, one_minus_beta2, u)  # v ← β₂·v + (1 − β₂)·g²
        # d ← max(d, r/((1 − √β₂)·‖s‖₁))
        np.abs(s, u)
        np.maximum(d, ratio(r, one_minus_sqrt_beta2 * u.sum(axis=1, keepdims=True), 0), out=d)
        # x ← x − m / (√v + ε) − γ·λ·x
        quotient(m, v, eps, u)
        np.multiply(x, gamma * weight_decay, w)
        np.add(u, w, u)
        np.subtract(x, u, x)
