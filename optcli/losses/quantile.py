"""Quantile loss: absolute error with different weights above and below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array, Workspace
from optcli.core.specs import Doc, Gt, Lt
from optcli.losses.base import LOSSES, EntryLoss, Kink, buffers


@LOSSES.register("quantile", "pinball", "quantile_loss", "pinball_loss", "check_loss")
@dataclass(frozen=True)
class Quantile(EntryLoss):
    """Quantile (pinball) loss; the target's quantile minimizes it.

    With r = s − t for each of C outputs, and the quantile q:

        ℓ = mean over j of max((1 − q)·r, −q·r)
        ∂ℓ/∂s_j = ((1 − q) where r > 0, else −q) / C

    The same as scikit-learn's mean_pinball_loss (its alpha is q); at q = ½ it is half
    of mae. At s = t the slope is −q, as in scikit-learn.

    Use it when a quantile is asked for: the median, or both ends of a range. Avoid extreme
    quantiles with few rows.

    Reference: R. Koenker and G. Bassett, Regression quantiles, Econometrica 46, 1978.

    Example: `loss: {name: quantile, quantile: 0.9}`
    """

    kinks: ClassVar[tuple[Kink, ...]] = (Kink("s = t", (0.5, -1.0), (0.5, 2.0)),)
    analytic: ClassVar[bool] = True
    scales_target: ClassVar[bool] = True

    quantile: Annotated[float, Gt(0), Lt(1), Doc("quantile to predict")] = 0.5

    def entries(self, s: Array, t: Array, slope: Array | None, work: Workspace) -> Array:
        r, below = buffers(work, s, "difference", "below")
        np.subtract(s, t, r)
        if slope is not None:
            np.greater(r, 0, out=slope)
            np.subtract(slope, self.quantile, slope)
        np.multiply(r, -self.quantile, below)
        np.multiply(r, 1 - self.quantile, r)
        return np.maximum(r, below, out=r)
