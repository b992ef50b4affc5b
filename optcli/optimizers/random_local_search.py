"""Random local search: try a step, and take it if it is downhill."""

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
    """Try points around the best one so far, at random.

        x* ← x  where f(x) < f*,   f* ← min(f(x), f*)
        x ← x* + σ·N(0, 1)

    with σ = lr. It looks at the loss f alone, not at the gradient (and not at
    regularization); meant for `batch_size: full`, for else f* is the luck of a batch. The
    parameters that are evaluated are x; the model is x*: it is what is validated and
    saved. The numbers follow from the run's seed and the step.

    State: one array of the parameters' size, x*, and a number; the noise has one more
    array.

    Neither torch nor optax has it: it is where lectures begin.

    Reference: J. Matyas, Random optimization, 1965.

    Example: `optimizer: {name: random_local_search, lr: 0.05}`
    """

    whole: ClassVar[bool] = True
    model: ClassVar[str] = "x_best"

    lr: Annotated[float, Gt(0), Doc("deviation of the steps tried")] = 0.01

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
        np.add(x_best, s, x)
