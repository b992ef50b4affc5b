"""Random search: random points, of which the best is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Gt
from optcli.optimizers.base import OPTIMIZERS, Shaped


@OPTIMIZERS.register("random_search")
@dataclass(frozen=True)
class RandomSearch(Shaped):
    """Random search: random points around the start; the model is the best of them.

        x* ← x  where f(x) < f*,   f* ← min(f(x), f*)
        x ← x₀ + σ·N(0, 1)

    with σ = lr and x₀ the initial parameters. It uses only the loss f, without gradient and
    regularization. Use `batch_size: full`: otherwise f* is the loss of one lucky batch.
    Training evaluates x; the model, which is validated and saved, is x*. The random numbers
    are determined by the run's seed and the step.

    State: two arrays of the parameters' size, x* and x₀, and one number; the noise needs
    one more array.

    Neither torch nor optax has it.

    Use it when you want the baseline that every method must beat. Avoid it for training: it does
    not learn from what it finds.

    Reference: J. Bergstra and Y. Bengio, Random search for hyper-parameter optimization,
    2012; L. A. Rastrigin, The convergence of the random search method, 1963.

    Example: `optimizer: {name: random_search, lr: 0.5}`
    """

    whole: ClassVar[bool] = True
    model: ClassVar[str] = "x_best"
    lr_is_rate: ClassVar[bool] = False

    lr: Annotated[float, Gt(0), Doc("std. dev. of the sampled points")] = 0.1

    def state_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return {"x_best": shape, "x0": shape, "f_best": (1,)}

    def start(self, x: Array, x_best: Array, x0: Array, f_best: Array) -> None:
        x_best[:] = x0[:] = x
        f_best.fill(np.inf)

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        return {"sigma": self.lr}

    def update(
        self,
        x: Array,
        x_best: Array,
        x0: Array,
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
        np.add(x0, s, x)  # x₀ + σ·N(0, 1)
