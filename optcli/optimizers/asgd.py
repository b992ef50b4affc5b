"""ASGD: averaged stochastic gradient descent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt
from optcli.optimizers.base import OPTIMIZERS, Optimizer, power


@OPTIMIZERS.register("asgd", "averaged_sgd")
@dataclass(frozen=True)
class ASGD(Optimizer):
    """Averaged SGD: a decreasing step size; the model is the average of the iterates.

        α_t = α / (1 + λ·α·(t − 1))^κ
        x ← (1 − λ·α_t)·x − α_t·g
        x̄ ← x̄ + (x − x̄) / max(1, t − 1 − t₀)

    with learning rate α = lr, λ = lambd, κ = alpha, t₀ = t0. The model, which is
    validated and saved, is x̄; until step t₀ + 2 it equals x.

    State: one array of the parameters' size, the average.

    The same as torch's ASGD, except that torch leaves x̄ in the optimizer's state and
    computes α_t one step late.

    Use it when the problem is convex and the gradient noisy: the average converges at the best
    rate. Avoid it for networks, unless it averages late.

    Reference: B. T. Polyak and A. B. Juditsky, Acceleration of stochastic approximation by
    averaging, 1992; these steps: L. Bottou, Stochastic gradient descent tricks, 2012, §5.

    Example: `optimizer: {name: asgd, lr: 0.01, t0: 1000}`
    """

    state: ClassVar[tuple[str, ...]] = ("x_bar",)
    model: ClassVar[str] = "x_bar"

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 1e-2
    lambd: Annotated[float, Ge(0), Doc("decay rate of the step size and of x")] = 1e-4
    alpha: Annotated[float, Ge(0), Doc("exponent of the step-size decay")] = 0.75
    t0: Annotated[float, Ge(0), Doc("step at which averaging starts")] = 1e6
    weight_decay: Annotated[float, Ge(0), Doc("L2 weight decay, added to the gradient")] = 0.0

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        alpha_t = self.lr / power(1 + self.lambd * self.lr * (t - 1), self.alpha)
        share = 1 / np.maximum(1, t - 1 - self.t0)
        return {"alpha_t": alpha_t, "shrink": 1 - self.lambd * alpha_t, "share": share}

    def update(
        self,
        x: Array,
        g: Array,
        x_bar: Array,
        s: Array,
        alpha_t: Array,
        shrink: Array,
        share: Array,
    ) -> None:
        # x ← (1 − λ·α_t)·x − α_t·g
        np.multiply(x, shrink, x)
        np.multiply(g, alpha_t, s)
        np.subtract(x, s, x)
        # x̄ ← x̄ + (x − x̄) / max(1, t − 1 − t₀)
        np.subtract(x, x_bar, s)
        np.multiply(s, share, s)
        np.add(x_bar, s, x_bar)
