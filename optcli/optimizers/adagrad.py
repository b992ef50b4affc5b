"""Adagrad: a learning rate for each parameter, from its past gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt
from optcli.optimizers.adam import quotient
from optcli.optimizers.base import OPTIMIZERS, Optimizer


@OPTIMIZERS.register("adagrad")
@dataclass(frozen=True)
class Adagrad(Optimizer):
    """Adagrad: steps divided by the root of the sum of past squared gradients.

        g ← g + λ·x                       before `update`, by the Stepper
        G ← G + g²
        x ← x − α_t · g / (√G + ε)        α_t = α / (1 + (t − 1)·κ)

    with learning rate α = lr, ε = eps, κ = lr_decay, λ = weight_decay. G starts at
    initial_accumulator_value.

    State: one array of the parameters' size.

    The same as torch's Adagrad, whose page calls lr_decay η; in the paper η is the step size,
    and G the full matrix Σ g·gᵀ, of which this G is the diagonal.
    optax starts G at 0.1 and adds ε under the root.

    Use it when inputs are sparse, so that rare ones need larger steps, or the problem is convex.
    Avoid it for long training of networks: its rates only fall.

    Reference: J. Duchi, E. Hazan, Y. Singer, Adaptive subgradient methods for
    online learning and stochastic optimization, 2011, eq. 1 with the diagonal of G.

    Example: `optimizer: {name: adagrad, lr: 0.1}`
    """

    state: ClassVar[tuple[str, ...]] = ("G",)
    initial_only: ClassVar[tuple[str, ...]] = ("initial_accumulator_value",)

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 1e-2
    lr_decay: Annotated[float, Ge(0), Doc("learning-rate decay per step")] = 0.0
    eps: Annotated[float, Ge(0), Doc("small constant for numerical stability")] = 1e-10
    initial_accumulator_value: Annotated[float, Ge(0), Doc("initial sum of squares")] = 0.0
    weight_decay: Annotated[float, Ge(0), Doc("L2 weight decay, added to the gradient")] = 0.0

    def start(self, G: Array) -> None:
        G[:] = self.initial_accumulator_value

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        return {"alpha_t": self.lr / (1 + (t - 1) * self.lr_decay), "eps": self.eps}

    def update(self, x: Array, g: Array, G: Array, s: Array, alpha_t: Array, eps: Array) -> None:
        np.multiply(g, g, s)
        np.add(G, s, G)  # G ← G + g²
        quotient(g, G, eps, s)  # g / (√G + ε)
        np.multiply(s, alpha_t, s)  # α_t · g / (√G + ε)
        np.subtract(x, s, x)
