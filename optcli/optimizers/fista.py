"""FISTA: accelerated proximal gradient descent with L1 regularization."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt
from optcli.optimizers.base import OPTIMIZERS, Optimizer


@OPTIMIZERS.register("fista")
@dataclass(frozen=True)
class FISTA(Optimizer):
    """FISTA: accelerated proximal gradient descent with L1 regularization.

    Minimizes f(x) + λ·Σ|x|, which sets parameters to exactly 0:

        x_k = shrink(y_k − α·∇f(y_k), α·λ)            eq. 4.1
        t_(k+1) = (1 + √(1 + 4·t_k²)) / 2             eq. 4.2, t₁ = 1
        y_(k+1) = x_k + (t_k − 1)/t_(k+1) · (x_k − x_(k−1))        eq. 4.3

    with soft thresholding shrink(u, c) = sign(u)·max(|u| − c, 0), step size α = lr and
    λ = l1. It converges for convex f whose gradient is Lipschitz with constant 1/α; use
    `batch_size: full` and a constant lr. Training moves y; the model, which is validated
    and saved, is x.

    State: one array of the parameters' size, x.

    Neither torch nor optax has it.

    Use it when an L1 penalty should give exact zeros, with full batches of a convex problem.
    Avoid it for mini-batches: noise breaks the acceleration.

    Reference: A. Beck and M. Teboulle, A fast iterative shrinkage-thresholding algorithm
    for linear inverse problems, 2009, section 4.

    Example: `optimizer: {name: fista, lr: 0.1, l1: 0.001}`
    """

    state: ClassVar[tuple[str, ...]] = ("x",)
    point: ClassVar[str] = "y"
    model: ClassVar[str] = "x"

    lr: Annotated[float, Gt(0), Doc("step size, at most 1/L with ∇f L-Lipschitz")] = 1e-2
    l1: Annotated[float, Ge(0), Doc("L1 regularization strength")] = 0.0

    def start(self, y: Array, x: Array) -> None:
        x[:] = y

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        age = ages(int(t[0].item()), len(t) + 1)[:, None, None]
        return {
            "lr": self.lr,
            "alpha_lambda": self.lr * self.l1,
            "beyond": (age[:-1] - 1) / age[1:],
        }

    def update(
        self, y: Array, g: Array, x: Array, s: Array, lr: Array, alpha_lambda: Array, beyond: Array
    ) -> None:
        np.multiply(g, lr, s)
        np.subtract(y, s, y)  # y_k − α·∇f(y_k)
        # x_k = shrink(y, α·λ), in s                  eq. 4.1
        np.abs(y, s)
        np.subtract(s, alpha_lambda, s)
        np.maximum(s, 0, out=s)
        np.copysign(s, y, s)
        # y ← x_k + beyond·(x_k − x_(k−1))            eq. 4.3
        np.subtract(s, x, x)
        np.multiply(x, beyond, x)
        np.add(s, x, y)
        np.copyto(x, s)


_AGES = [1.0]


def ages(first: int, count: int) -> Array:
    """The numbers t_k of eq. 4.2 from k = first on."""
    while len(_AGES) < first + count:
        _AGES.append((1 + math.sqrt(1 + 4 * _AGES[-1] ** 2)) / 2)
    return np.array(_AGES[first - 1 : first - 1 + count])
