"""Random local search: random steps, kept where the loss decreases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Gt
from optcli.optimizers.base import OPTIMIZERS, Shaped


@OPTIMIZERS.register("random_local_search")
@dataclass(frozen=True)
class RandomLocalSearch(Shaped):
    """Random local search: random steps from the best point so far.

        x* ← x  where f(x) < f*,   f* ← min(f(x), f*)
        x ← x* + σ·N(0, 1)

    with σ = lr. It uses only the loss f, without gradient and regularization. Use
    `batch_size: full`: otherwise f* is the loss of one lucky batch. Training evaluates x;
    the model, which is validated and saved, is x*. The random numbers are determined by the
    run's seed and the step.

    State: one array of the parameters' size, x*, and one number; the noise needs one
    more array.

    Neither torch nor optax has it.

    Use it when there is no gradient, or you want to see what it is worth. Avoid it beyond a few
    dimensions.

    Reference: J. Matyas, Random optimization, 1965.

    Example: `optimizer: {name: random_local_search, lr: 0.05}`
    """

    whole: ClassVar[bool] = True
    model: ClassVar[str] = "x_best"
    lr_is_rate: ClassVar[bool] = False

    lr: Annotated[float, Gt(0), Doc("std. dev. of the proposed steps")] = 0.01

    def state_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return {"x_best": shape, "f_best": (1,)}

    def start(self, x: Array, x_best: Array, f_best: Array) -> None:
        x_best[:] = x
        f_best.fill(np.inf)

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        return {"sigma": self.lr}

    def update(
        self,
        x: Array,
        x_best: Array,
        f_best: Array,
        noise: Array,
        s: Array,
        sigma: Array,
        loss: Array,
    ) -> None:
        better = loss < f_best
        np.copyto(x_best, x, where=better)
        np.copyto(f_best, loss, where=better)
        np.multiply(noise, sigma, s)
        np.add(x_best, s, x)  # x* + σ·N(0, 1)
