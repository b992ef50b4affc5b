"""AggMo: aggregated momentum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt, Le, Lt
from optcli.optimizers.base import OPTIMIZERS, Optimizer, power


@OPTIMIZERS.register("aggmo")
@dataclass(frozen=True)
class AggMo(Optimizer):
    """Aggregated momentum: the average of several velocities with different coefficients.

        g ← g + λ·x                                   before `update`, by the Stepper
        vᵢ ← βᵢ·vᵢ − g                                βᵢ = 1 − aⁱ⁻¹, for i = 1 … K
        x  ← x + α/K · Σ vᵢ

    with learning rate α = lr, λ = weight_decay, K = velocities, a = base: 0, 0.9 and
    0.99 by default.

    State: K arrays of the parameters' size.

    Neither torch nor optax has it. K = 1 is sgd. Velocities with large β speed up consistent
    directions, those with small β damp oscillations.

    Use it when a high momentum would be fast, but oscillates. Avoid it where
    parameters need rates of different sizes: all share one.

    Reference: J. Lucas and others, Aggregated momentum: stability through passive damping,
    2019, section 3.

    Example: `optimizer: {name: aggmo, lr: 0.1, velocities: 4}`
    """

    structure: ClassVar[tuple[str, ...]] = ("velocities",)

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 1e-2
    velocities: Annotated[int, Ge(1), Le(10), Doc("number of velocities")] = 3
    base: Annotated[float, Gt(0), Lt(1), Doc("ratio of successive 1 − β")] = 0.1
    weight_decay: Annotated[float, Ge(0), Doc("L2 weight decay, added to the gradient")] = 0.0

    def state_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return {f"v{i}": shape for i in range(1, self.velocities + 1)}

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        betas = {
            f"beta{i}": 1 - power(self.base, float(i - 1)) for i in range(1, self.velocities + 1)
        }
        return {"alpha_over_K": self.lr / self.velocities, **betas}

    def update(self, x: Array, g: Array, s: Array, alpha_over_K: Array, **pairs: Array) -> None:
        s.fill(0)
        for i in range(1, self.velocities + 1):
            v, beta = pairs[f"v{i}"], pairs[f"beta{i}"]
            np.multiply(v, beta, v)
            np.subtract(v, g, v)  # vᵢ ← βᵢ·vᵢ − g
            np.add(s, v, s)
        np.multiply(s, alpha_over_K, s)  # α/K · Σ vᵢ
        np.add(x, s, x)
