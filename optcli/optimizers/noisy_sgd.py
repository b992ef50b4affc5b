"""Noisy SGD: gradient descent with decreasing Gaussian noise."""

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
    """SGD with Gaussian noise of decreasing variance added to the gradient.

        σ² = η / tᵞ
        x ← x − α·(g + σ·N(0, 1))

    with learning rate α = lr, η = eta, γ = gamma. The noise is determined by the
    seeds of the run and of the replica, and by the step.

    State: none; the noise needs one array of the parameters' size.

    The same as optax's noisy_sgd, with other random numbers. The paper's (1 + t)ᵞ with t
    from 0 is the same.

    Use it when sgd should leave poor minima and saddle points. Avoid it where the minimum is to
    be met exactly: the noise never quite ends.

    Reference: A. Neelakantan and others, Adding gradient noise improves learning for very
    deep networks, 2015, eq. 1.

    Example: `optimizer: {name: noisy_sgd, lr: 0.01, eta: 0.3}`
    """

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 1e-2
    eta: Annotated[float, Ge(0), Doc("variance of the noise at step 1")] = 0.01
    gamma: Annotated[float, Ge(0), Doc("exponent of the variance decay")] = 0.55

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        return {"lr": self.lr, "sigma": np.sqrt(self.eta / power(t, self.gamma))}

    def update(self, x: Array, g: Array, noise: Array, s: Array, lr: Array, sigma: Array) -> None:
        np.multiply(noise, sigma, s)
        np.add(s, g, s)  # g + σ·N(0, 1)
        np.multiply(s, lr, s)
        np.subtract(x, s, x)
