"""Adadelta: steps in the units of the parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt, Le
from optcli.optimizers.base import OPTIMIZERS, Optimizer, mix


@OPTIMIZERS.register("adadelta")
@dataclass(frozen=True)
class Adadelta(Optimizer):
    """Adadelta: steps scaled by the ratio of RMS past updates to RMS past gradients.

        g ← g + λ·x                                   before `update`, by the Stepper
        E[g²] ← ρ·E[g²] + (1 − ρ)·g²
        Δ     = √(E[Δ²] + ε) / √(E[g²] + ε) · g
        E[Δ²] ← ρ·E[Δ²] + (1 − ρ)·Δ²
        x     ← x − α·Δ

    with learning rate α = lr, ρ = rho, ε = eps, λ = weight_decay.

    State: two arrays of the parameters' size.

    The same as torch's and optax's Adadelta. The paper has α = 1.

    Use it when you want steps without choosing their scale. Avoid it where speed counts: it
    starts slowly, and a tuned adam or sgd is usually ahead.

    Reference: M. D. Zeiler, ADADELTA: an adaptive learning rate method, 2012,
    algorithm 1.

    Example: `optimizer: {name: adadelta, lr: 1, rho: 0.95}`
    """

    state: ClassVar[tuple[str, ...]] = ("Eg2", "Ed2")
    scratch: ClassVar[tuple[str, ...]] = ("s", "w")

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 1.0
    rho: Annotated[float, Ge(0), Le(1), Doc("decay rate of both moving averages")] = 0.9
    eps: Annotated[
        float, Gt(0), Doc("small constant under the square roots; sets the first step")
    ] = 1e-6
    weight_decay: Annotated[float, Ge(0), Doc("L2 weight decay, added to the gradient")] = 0.0

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        return {
            "lr": self.lr,
            "rho": self.rho,
            "one_minus_rho": 1 - np.asarray(self.rho),
            "eps": self.eps,
        }

    def update(
        self,
        x: Array,
        g: Array,
        Eg2: Array,
        Ed2: Array,
        s: Array,
        w: Array,
        lr: Array,
        rho: Array,
        one_minus_rho: Array,
        eps: Array,
    ) -> None:
        # E[g²] ← ρ·E[g²] + (1 − ρ)·g²
        np.multiply(g, g, s)
        mix(Eg2, s, rho, one_minus_rho, s)
        # Δ = √(E[Δ²] + ε) / √(E[g²] + ε) · g
        np.add(Ed2, eps, s)
        np.sqrt(s, s)
        np.add(Eg2, eps, w)
        np.sqrt(w, w)
        np.divide(s, w, s)
        np.multiply(s, g, s)
        # E[Δ²] ← ρ·E[Δ²] + (1 − ρ)·Δ²
        np.multiply(s, s, w)
        mix(Ed2, w, rho, one_minus_rho, w)
        # x ← x − α·Δ
        np.multiply(s, lr, s)
        np.subtract(x, s, x)
