"""MADGRAD: momentumized, adaptive dual averaging."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt, Lt
from optcli.optimizers.base import OPTIMIZERS, Optimizer


@OPTIMIZERS.register("madgrad")
@dataclass(frozen=True)
class MADGRAD(Optimizer):
    """MADGRAD: adaptive dual averaging with momentum and a cube root.

        λ = α·√t
        s ← s + λ·g
        v ← v + λ·g²
        z = x₀ − s / (∛v + ε)
        x ← (1 − c)·x + c·z                           c = 1 − μ

    with learning rate α = lr (plus ε, as in optax and the authors' code), μ = momentum,
    ε = eps, and x₀ the initial parameters.

    State: three arrays of the parameters' size, x₀ among them.

    The same as optax.contrib.madgrad.

    Use it when problems are sparse or adam generalizes badly. Avoid it with adam's rates or
    weight decay: it needs its own.

    Reference: A. Defazio and S. Jelassi, Adaptivity without compromise: a momentumized,
    adaptive, dual averaged gradient method for stochastic optimization, 2021, algorithm 1.

    Example: `optimizer: {name: madgrad, lr: 0.01}`
    """

    state: ClassVar[tuple[str, ...]] = ("s", "v", "x0")
    scratch: ClassVar[tuple[str, ...]] = ("w",)

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 1e-2
    momentum: Annotated[float, Ge(0), Lt(1), Doc("momentum coefficient")] = 0.9
    eps: Annotated[float, Gt(0), Doc("small constant for numerical stability")] = 1e-6
    weight_decay: Annotated[float, Ge(0), Doc("L2 weight decay, added to the gradient")] = 0.0

    def start(self, x: Array, x0: Array) -> None:
        x0[:] = x

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        return {
            "lamb": (self.lr + self.eps) * np.sqrt(t),  # λ
            "momentum": self.momentum,
            "c": 1 - np.asarray(self.momentum),
            "eps": self.eps,
        }

    def update(
        self,
        x: Array,
        g: Array,
        s: Array,
        v: Array,
        x0: Array,
        w: Array,
        lamb: Array,
        momentum: Array,
        c: Array,
        eps: Array,
    ) -> None:
        np.multiply(g, lamb, w)
        np.add(s, w, s)  # s ← s + λ·g
        np.multiply(w, g, w)
        np.add(v, w, v)  # v ← v + λ·g²
        # z = x₀ − s / (∛v + ε)
        np.cbrt(v, w)
        np.add(w, eps, w)
        np.divide(s, w, w)
        np.subtract(x0, w, w)
        # x ← (1 − c)·x + c·z
        np.multiply(w, c, w)
        np.multiply(x, momentum, x)
        np.add(x, w, x)
