"""Mean squared error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from optcli.core.arrays import Array, Workspace
from optcli.losses.base import LOSSES, EntryLoss, buffers


@LOSSES.register("mse", "mean_squared_error", "squared_error", "l2_loss")
@dataclass(frozen=True)
class MSE(EntryLoss):
    """Mean squared error over samples and outputs.

    With predictions s and targets t of C outputs:

        ℓ = mean over j of (s_j − t_j)²
        ∂ℓ/∂s_j = 2·(s_j − t_j) / C

    The same as torch's mse_loss and scikit-learn's mean_squared_error; optax's
    l2_loss and many lecture notes have an additional factor ½.

    Use it when the mean is asked for and errors have no heavy tails: the usual first choice.
    Avoid it with gross outliers: each counts by its square.

    Reference: C. F. Gauss, Theoria combinationis observationum, 1823, art. 6.

    Example: `loss: mse`
    """

    analytic: ClassVar[bool] = True
    scales_target: ClassVar[bool] = True

    def entries(self, s: Array, t: Array, slope: Array | None, work: Workspace) -> Array:
        (r,) = buffers(work, s, "difference")
        np.subtract(s, t, r)
        if slope is not None:
            np.multiply(r, 2, slope)
        return np.multiply(r, r, r)
