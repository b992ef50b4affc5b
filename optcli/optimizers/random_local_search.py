"""Random local search: try a step, and take it if it is downhill."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.arrays import Array
from optcli.optimizers.base import OPTIMIZERS, Shaped
from optcli.specs import Doc, Gt


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
    model: ClassVar[str] = "best"
    noisy: ClassVar[bool] = True
    sees_loss: ClassVar[bool] = True

    lr: Annotated[float, Gt(0), Doc("deviation of the steps tried")] = 0.01

    def spaces(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return {"best": shape, "lowest": (1,)}

    def start(self, x: Array, *slots: Array) -> None:
        best, lowest = slots
        best[:] = x
        lowest.fill(np.inf)

    def coefficients(self, t: Array) -> tuple[Array | float, ...]:
        return (self.lr,)

    def update(
        self,
        x: Array,
        g: Array,
        best: Array,
        lowest: Array,
        noise: Array,
        s: Array,
        sigma: Array,
        loss: Array,
    ) -> None:
        better = loss < lowest
        np.copyto(best, x, where=better)
        np.copyto(lowest, loss, where=better)
        np.multiply(noise, sigma, s)
        np.add(best, s, x)
