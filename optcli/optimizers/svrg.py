"""SVRG: stochastic variance reduced gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt
from optcli.optimizers.base import OPTIMIZERS, Oracle, Shaped


@OPTIMIZERS.register("svrg")
@dataclass(frozen=True)
class SVRG(Shaped):
    """SVRG: stochastic variance-reduced gradient, with a snapshot of the full gradient.

        x̃ ← x,  μ̃ ← ∇F(x̃)                     every `epochs` epochs, F over all rows
        x ← x − α·(g − ∇f(x̃) + μ̃)

    with learning rate α = lr, g = ∇f(x) the gradient on the batch and ∇f(x̃) that on the same
    batch at the snapshot x̃. As x and x̃ approach the minimum, the noise of the batch
    cancels: with a constant α it converges, where `sgd` only reaches a neighbourhood.

    State: two arrays of the parameters' size, x̃ and μ̃. A step computes two gradients, a
    snapshot takes one pass over all rows. Of the objectives of `trace`, only
    `noisy_quadratic` and `reddi` have noise.

    Neither torch nor optax has it. The next snapshot is the last point, the paper's
    option I.

    Use it when a convex problem should converge at a constant rate, with mini-batches. Avoid it
    for networks: the snapshot is outdated soon, and each costs a pass.

    Reference: R. Johnson and T. Zhang, Accelerating stochastic gradient descent using
    predictive variance reduction, 2013, figure 1; `epochs: 2` is its m = 2n.

    Example: `optimizer: {name: svrg, lr: 0.1, epochs: 2}`
    """

    state: ClassVar[tuple[str, ...]] = ("x_tilde", "mu_tilde")
    whole: ClassVar[bool] = True
    needs_oracle: ClassVar[bool] = True
    structure: ClassVar[tuple[str, ...]] = ("epochs",)

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 0.1
    epochs: Annotated[int, Ge(1), Doc("epochs between snapshots")] = 2

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        return {"lr": self.lr, "done": t - 1}

    def update(
        self,
        x: Array,
        g: Array,
        x_tilde: Array,
        mu_tilde: Array,
        s: Array,
        lr: Array,
        done: Array,
        oracle: Oracle,
    ) -> None:
        if done.item(0) % (self.epochs * oracle.steps_per_epoch) == 0:
            np.copyto(x_tilde, x)
            oracle.full_gradient(x_tilde, mu_tilde)
        # x ← x − α·(g − ∇f(x̃) + μ̃)
        oracle.gradient(x_tilde, s)
        np.subtract(g, s, s)
        np.add(s, mu_tilde, s)
        np.multiply(s, lr, s)
        np.subtract(x, s, x)
