"""SGD: stochastic gradient descent; with `batch_size: full`, gradient descent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Lt
from optcli.optimizers.base import OPTIMIZERS, Optimizer, mix


@OPTIMIZERS.register("sgd", "gradient_descent")
@dataclass(frozen=True)
class SGD(Optimizer):
    """Stochastic gradient descent, optionally with momentum.

        g ← g + λ·x                                   before `update`, by the Stepper
        b ← μ·b + (1 − τ)·g        (b ← g at the first step)
        x ← x − α·b                (nesterov: x − α·(g + μ·b))

    with learning rate α = lr, μ = momentum, τ = dampening, λ = weight_decay. Without
    momentum, b = g.

    State: none; with momentum, one array of the parameters' size, b.

    The same as torch's SGD. The learning rate multiplies the whole velocity, so that a
    change of it takes effect at once; in `momentum` it applies to new gradients only.

    Use it when you want the simplest method, or a tuned baseline; with momentum it is strong on
    convolutional networks. Avoid it where gradients differ much in size between parameters.

    Reference: H. Robbins and S. Monro, A stochastic approximation method, 1951; for
    momentum I. Sutskever and others, On the importance of initialization and momentum in
    deep learning, 2013.

    Example: `optimizer: {name: sgd, lr: 0.1, momentum: 0.9, nesterov: true}`
    """

    momentum: Annotated[float, Ge(0), Lt(1), Doc("momentum coefficient")] = 0.0
    dampening: Annotated[float, Ge(0), Lt(1), Doc("dampening of the momentum")] = 0.0
    nesterov: Annotated[bool, Doc("use Nesterov momentum")] = False
    weight_decay: Annotated[float, Ge(0), Doc("L2 weight decay, added to the gradient")] = 0.0

    def state_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return {"b": shape} if self.momentum else {}

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        g_weight = np.where(t == 1, 1.0, 1 - self.dampening)  # 1 − τ
        return {"lr": self.lr, "mu": self.momentum, "g_weight": g_weight}

    @property
    def stability_limit(self) -> float:
        mu, tau = self.momentum, self.dampening
        if not mu:
            return 2.0
        return 2 * (1 + mu) / ((1 + mu + mu * (1 - tau)) if self.nesterov else (1 - tau))

    def update_for(self, shape: tuple[int, ...]) -> Callable[..., None]:
        return self.with_momentum if self.momentum else self.update

    def update(self, x: Array, g: Array, s: Array, lr: Array) -> None:
        np.multiply(g, lr, s)
        np.subtract(x, s, x)

    def with_momentum(
        self, x: Array, g: Array, b: Array, s: Array, lr: Array, mu: Array, g_weight: Array
    ) -> None:
        """Step along the velocity b."""
        mix(b, g, mu, g_weight, s)  # b ← μ·b + (1 − τ)·g
        if self.nesterov:
            np.multiply(b, mu, s)
            np.add(s, g, s)  # g + μ·b
            np.multiply(s, lr, s)
        else:
            np.multiply(b, lr, s)
        np.subtract(x, s, x)
