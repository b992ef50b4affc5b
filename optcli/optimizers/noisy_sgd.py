"""Noisy SGD: gradient descent with noise that dies away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt
from optcli.optimizers.base import OPTIMIZERS, Optimizer, power


@OPTIMIZERS.register("noisy_sgd")
@dataclass(frozen=True)
class NoisySGD(Optimizer):
    """Add normal noise to the gradient, less at each step.

        σ² = η / tᵞ
        x ← x − α·(g + σ·N(0, 1))

    with learning rate α = lr, η = eta, γ = gamma. The noise follows from the run's seed,
    the replica's own, and the step.

    State: none; the noise has an array of the parameters' size.

    The same as optax's noisy_sgd but for the numbers drawn. The paper divides by (1 + t)ᵞ,
    t from 0: the same.

    Reference: A. Neelakantan and others, Adding gradient noise improves learning for very
    deep networks, 2015, eq. 1.

    Example: `optimizer: {name: noisy_sgd, lr: 0.01, eta: 0.3}`
    """

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 1e-2
    eta: Annotated[float, Ge(0), Doc("variance of the noise at the first step")] = 0.01
    gamma: Annotated[float, Ge(0), Doc("power with which the variance falls")] = 0.55

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        return {"lr": self.lr, "sigma": np.sqrt(self.eta / power(t, self.gamma))}

    def update(self, x: Array, g: Array, noise: Array, s: Array, lr: Array, sigma: Array) -> None:
        np.multiply(noise, sigma, s)
        np.add(s, g, s)
        np.multiply(s, lr, s)
        np.subtract(x, s, x)
