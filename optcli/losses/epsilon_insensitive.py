"""Epsilon-insensitive loss: absolute error beyond a tolerance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array, Workspace, magnitude
from optcli.core.specs import Doc, Ge
from optcli.losses.base import LOSSES, EntryLoss, Kink, buffers, constant


@LOSSES.register("epsilon_insensitive", "svr")
@dataclass(frozen=True)
class EpsilonInsensitive(EntryLoss):
    """Absolute error beyond a tolerance epsilon, as in support vector regression.

    With r = s − t for each of C outputs:

        ℓ = mean over j of max(|r| − ε, 0)
        ∂ℓ/∂s_j = (sign(r) where |r| > ε, else 0) / C

    The same as scikit-learn's epsilon_insensitive of SGDRegressor, with the same default
    (LinearSVR's epsilon is 0). With a standardized target, epsilon is in standard
    deviations of the target.

    Use it when errors below a tolerance do not count. Avoid it where the size of small errors
    matters.

    Reference: V. Vapnik, The nature of statistical learning theory, 2nd edition, 2000, ch. 6.

    Example: `loss: {name: epsilon_insensitive, epsilon: 0.05}`
    """

    kinks: ClassVar[tuple[Kink, ...]] = (
        Kink("s = t + epsilon", (0.1, 1.0), (0.0, 0.0)),
        Kink("s = t − epsilon", (-0.1, 1.0), (0.0, 0.0)),
    )
    analytic: ClassVar[bool] = True
    scales_target: ClassVar[bool] = True

    epsilon: Annotated[float, Ge(0), Doc("absolute errors up to this have zero loss")] = 0.1

    def entries(self, s: Array, t: Array, slope: Array | None, work: Workspace) -> Array:
        r, excess = buffers(work, s, "difference", "excess")
        np.subtract(s, t, r)
        magnitude(r, excess)
        np.subtract(excess, self.epsilon, excess)
        np.maximum(excess, constant(work, excess, 0), out=excess)
        if slope is not None:
            np.sign(r, r)
            np.sign(excess, slope)
            np.multiply(slope, r, slope)
        return excess
