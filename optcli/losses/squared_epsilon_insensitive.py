"""Squared epsilon-insensitive loss: squared error beyond a tolerance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array, Workspace, magnitude
from optcli.core.specs import Doc, Ge
from optcli.losses.base import LOSSES, EntryLoss, buffers, constant


@LOSSES.register("squared_epsilon_insensitive")
@dataclass(frozen=True)
class SquaredEpsilonInsensitive(EntryLoss):
    """Squared error beyond a tolerance epsilon.

    With r = s − t for each of C outputs:

        ℓ = mean over j of max(|r| − ε, 0)²
        ∂ℓ/∂s_j = 2·sign(r)·max(|r| − ε, 0) / C

    The same as scikit-learn's squared_epsilon_insensitive of SGDRegressor, with the same
    default. With a standardized target, epsilon is in standard deviations of the target.

    Use it when errors below a tolerance do not count and large ones count much. Avoid it with
    outliers.

    Reference: V. Vapnik, The nature of statistical learning theory, 2nd edition, 2000, ch. 6.

    Example: `loss: {name: squared_epsilon_insensitive, epsilon: 0.05}`
    """

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
            np.multiply(r, 2, r)
            np.multiply(r, excess, slope)
        return np.multiply(excess, excess, excess)
