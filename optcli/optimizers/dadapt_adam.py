"""D-Adapted Adam: Adam that finds its learning rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.arrays import Array
from optcli.optimizers.base import OPTIMIZERS, Decay, Shaped, dot, power, ratio
from optcli.specs import Doc, Ge, Gt, Lt


@OPTIMIZERS.register("dadapt_adam")
@dataclass(frozen=True)
class DAdaptAdam(Shaped):
    """Adam with a lower bound on the distance to the solution for a learning rate.

        γ = α·d·√(1 − β₂ᵗ)/(1 − β₁ᵗ)
        r ← √β₂·r + (1 − √β₂)·γ·⟨g, s/(√v + ε)⟩
        m ← β₁·m + (1 − β₁)·γ·g
        v ← β₂·v + (1 − β₂)·g²
        s ← √β₂·s + (1 − √β₂)·γ·g
        d ← max(d, r/((1 − √β₂)·‖s‖₁))
        x ← x − m / (√v + ε) − γ·λ·x

    with α = lr, a factor for schedules, β₁ = beta1, β₂ = beta2, ε = eps, λ = weight_decay,
    and d = estim_lr0 at the start. Product and norm are over all parameters.

    State: three arrays of the parameters' size, and two numbers.

    The same as optax's contrib.dadapt_adamw.

    Reference: A. Defazio and K. Mishchenko, Learning-rate-free learning by D-adaptation,
    2023, algorithm 5.

    Example: `optimizer: {name: dadapt_adam}`
    """

    whole: ClassVar[bool] = True
    scratch: ClassVar[int] = 2
    decay: ClassVar[Decay] = "own"

    lr: Annotated[float, Gt(0), Doc("factor on the learning rate that is found")] = 1.0
    beta1: Annotated[float, Ge(0), Lt(1), Doc("how much of the mean stays")] = 0.9
    beta2: Annotated[float, Gt(0), Lt(1), Doc("how much of the mean square stays")] = 0.999
    eps: Annotated[float, Gt(0), Doc("added to the root, against division by 0")] = 1e-8
    estim_lr0: Annotated[float, Gt(0), Doc("first estimate of the distance")] = 1e-6
    weight_decay: Annotated[float, Ge(0), Doc("decoupled: shrinks x by the step times it")] = 0.0

    def spaces(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        arrays = {"mean": shape, "square": shape, "sum": shape}
        return {**arrays, "distance": (1,), "progress": (1,)}

    def start(self, x: Array, *slots: Array) -> None:
        slots[3][:] = self.estim_lr0

    def coefficients(self, t: Array) -> tuple[Array | float, ...]:
        rate = self.lr * np.sqrt(1 - power(self.beta2, t)) / (1 - power(self.beta1, t))
        root = np.sqrt(self.beta2)
        new = 1 - np.asarray(self.beta1), 1 - np.asarray(self.beta2), 1 - root
        return rate, self.beta1, self.beta2, root, *new, self.eps, self.weight_decay

    def update(
        self,
        x: Array,
        g: Array,
        m: Array,
        v: Array,
        total: Array,
        d: Array,
        progress: Array,
        s: Array,
        w: Array,
        rate: Array,
        beta1: Array,
        beta2: Array,
        root: Array,
        new1: Array,
        new2: Array,
        new: Array,
        eps: Array,
        decay: Array,
    ) -> None:
        gamma = d * rate
        np.sqrt(v, s)
        np.add(s, eps, s)
        np.divide(total, s, s)
        progress[:] = root * progress + new * gamma * dot(g, s)
        np.multiply(m, beta1, m)
        np.multiply(g, new1 * gamma, s)
        np.add(m, s, m)
        np.multiply(total, root, total)
        np.multiply(g, new * gamma, s)
        np.add(total, s, total)
        np.multiply(g, g, s)
        np.multiply(s, new2, s)
        np.multiply(v, beta2, v)
        np.add(v, s, v)
        np.abs(total, s)
        np.maximum(d, ratio(progress, new * s.sum(axis=1, keepdims=True), 0), out=d)
        np.sqrt(v, s)
        np.add(s, eps, s)
        np.divide(m, s, s)
        np.multiply(x, gamma * decay, w)
        np.add(s, w, s)
        np.subtract(x, s, x)
