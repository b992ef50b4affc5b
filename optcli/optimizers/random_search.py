"""Random search: guess, and keep the best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.arrays import Array
from optcli.optimizers.base import OPTIMIZERS, Shaped
from optcli.specs import Doc, Gt


@OPTIMIZERS.register("random_search")
@dataclass(frozen=True)
class RandomSearch(Shaped):
    """Try points around the start, at random; the best of them is the model.

        x* ← x  where f(x) < f*,   f* ← min(f(x), f*)
        x ← x₀ + σ·N(0, 1)

    with σ = lr and x₀ where training starts. It looks at the loss f alone, not at the
    gradient (and not at regularization); meant for `batch_size: full`, for else f* is the
    luck of a batch. The parameters that are evaluated are x; the model is x*: it is what
    is validated and saved. The numbers follow from the run's seed and the step.

    State: two arrays of the parameters' size, x* and x₀, and a number; the noise has one
    more array.

    Neither torch nor optax has it: it is where lectures begin.

    Reference: J. Bergstra and Y. Bengio, Random search for hyper-parameter optimization,
    2012; L. A. Rastrigin, The convergence of the random search method, 1963.

    Example: `optimizer: {name: random_search, lr: 0.5}`
    """

    whole: ClassVar[bool] = True
    model: ClassVar[str] = "best"
    noisy: ClassVar[bool] = True
    sees_loss: ClassVar[bool] = True

    lr: Annotated[float, Gt(0), Doc("deviation of the points tried")] = 0.1

    def spaces(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return {"best": shape, "origin": shape, "lowest": (1,)}

    def start(self, x: Array, *slots: Array) -> None:
        best, origin, lowest = slots
        best[:] = origin[:] = x
        lowest.fill(np.inf)

    def coefficients(self, t: Array) -> tuple[Array | float, ...]:
        return (self.lr,)

    def update(
        self,
        x: Array,
        g: Array,
        best: Array,
        origin: Array,
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
        np.add(origin, s, x)
