"""AggMo: several momenta at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.arrays import Array
from optcli.optimizers.base import OPTIMIZERS, Optimizer, power
from optcli.specs import Doc, Ge, Gt, Le, Lt


@OPTIMIZERS.register("aggmo")
@dataclass(frozen=True)
class AggMo(Optimizer):
    """Average velocities of different memory: the slow ones carry, the fast ones damp.

        vᵢ ← βᵢ·vᵢ − g                                βᵢ = 1 − aⁱ⁻¹, for i = 1 … K
        x  ← x + α/K · Σ vᵢ

    with learning rate α = lr, K = velocities, a = base: 0, 0.9 and 0.99 by default.

    State: K arrays of the parameters' size.

    Neither torch nor optax has it. K = 1 is sgd.

    Reference: J. Lucas and others, Aggregated momentum: stability through passive damping,
    2019, eq. 3.

    Example: `optimizer: {name: aggmo, lr: 0.1, velocities: 4}`
    """

    structure: ClassVar[tuple[str, ...]] = ("velocities",)

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 1e-2
    velocities: Annotated[int, Ge(1), Le(10), Doc("how many")] = 3
    base: Annotated[float, Gt(0), Lt(1), Doc("each forgets this much as fast as the last")] = 0.1
    weight_decay: Annotated[float, Ge(0), Doc("coupled: adds its multiple of x to g")] = 0.0

    def slots(self) -> tuple[str, ...]:
        return tuple(f"velocity{i + 1}" for i in range(self.velocities))

    def coefficients(self, t: Array) -> tuple[Array | float, ...]:
        betas = [1 - power(self.base, float(i)) for i in range(self.velocities)]
        return self.lr / self.velocities, *betas

    def update(self, x: Array, g: Array, *rest: Array) -> None:
        K = self.velocities
        velocities, (s, lr, *betas) = rest[:K], rest[K:]
        s.fill(0)
        for v, beta in zip(velocities, betas, strict=True):
            np.multiply(v, beta, v)
            np.subtract(v, g, v)
            np.add(s, v, s)
        np.multiply(s, lr, s)
        np.add(x, s, x)
