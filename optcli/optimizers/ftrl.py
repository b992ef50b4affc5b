"""FTRL: follow the regularized leader."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt
from optcli.optimizers.base import OPTIMIZERS, Optimizer


@OPTIMIZERS.register("ftrl", "ftrl_proximal")
@dataclass(frozen=True)
class FTRL(Optimizer):
    """FTRL-Proximal: follow the regularized leader, for sparse linear models.

    Each step minimizes the sum of all linearized losses so far plus a proximal term:

        n ← n + g²
        d′ = (β + √n)/α                               inverse learning rate
        z ← z + g − (d′ − d)·x,   d ← d′
        x ← 0                                         where |z| ≤ λ₁
            −(z − sign(z)·λ₁) / (d + λ₂)              elsewhere

    with α = lr, β = beta, λ₁ = l1, λ₂ = l2. λ₁ > 0 makes parameters exactly 0.

    State: three arrays of the parameters' size: z, n and d.

    Neither torch nor optax has it. The paper starts at x = 0; for other starts, z is
    initialized so that the last line gives x. A schedule of α changes d, too.

    Use it when a linear model on many sparse features should itself be sparse. Avoid it for
    networks.

    Reference: H. B. McMahan and others, Ad click prediction: a view from the trenches,
    2013, algorithm 1.

    Example: `optimizer: {name: ftrl, lr: 0.1, l1: 0.001}`
    """

    state: ClassVar[tuple[str, ...]] = ("z", "n", "d")
    scratch: ClassVar[tuple[str, ...]] = ("s", "w")

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 0.1
    beta: Annotated[float, Gt(0), Doc("limits the size of the first steps")] = 1.0
    l1: Annotated[float, Ge(0), Doc("L1 regularization strength")] = 0.0
    l2: Annotated[float, Ge(0), Doc("L2 regularization strength, of ½·x²")] = 0.0

    def start(self, x: Array, z: Array, d: Array) -> None:
        d[:] = self.beta / self.lr
        z[:] = -x * (d + self.l2) - np.sign(x) * self.l1

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        # with a learning rate of 0, a huge 1/α keeps x in place
        one_over_alpha = 1 / np.maximum(self.lr, 1e-30)
        return {"one_over_alpha": one_over_alpha, "beta": self.beta, "l1": self.l1, "l2": self.l2}

    def update(
        self,
        x: Array,
        g: Array,
        z: Array,
        n: Array,
        d: Array,
        s: Array,
        w: Array,
        one_over_alpha: Array,
        beta: Array,
        l1: Array,
        l2: Array,
    ) -> None:
        np.multiply(g, g, s)
        np.add(n, s, n)  # n ← n + g²
        # d′ = (β + √n)/α
        np.sqrt(n, s)
        np.add(s, beta, s)
        np.multiply(s, one_over_alpha, s)
        # z ← z + g − (d′ − d)·x,   d ← d′
        np.subtract(s, d, w)
        np.copyto(d, s)
        np.multiply(w, x, w)
        np.subtract(g, w, w)
        np.add(z, w, z)
        # x ← −sign(z)·max(|z| − λ₁, 0) / (d + λ₂)
        np.abs(z, w)
        np.subtract(w, l1, w)
        np.maximum(w, 0, out=w)
        np.add(d, l2, s)
        np.divide(w, s, w)
        np.sign(z, s)
        np.multiply(w, s, w)
        np.negative(w, x)
