"""Mean absolute error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from optcli.core.arrays import Array, Workspace, magnitude
from optcli.losses.base import LOSSES, EntryLoss, Kink, buffers


@LOSSES.register("mae", "mean_absolute_error", "absolute_error", "l1", "l1_loss")
@dataclass(frozen=True)
class MAE(EntryLoss):
    """Mean absolute error over samples and outputs; the median minimizes it.

    With predictions s and targets t of C outputs:

        ℓ = mean over j of |s_j − t_j|
        ∂ℓ/∂s_j = sign(s_j − t_j) / C, 0 at s_j = t_j

    The same as torch's l1_loss and scikit-learn's mean_absolute_error.

    Use it when the median is asked for, or outliers should not pull. Avoid it for methods of
    second order: it has no curvature.

    Reference: P. S. Laplace, Théorie analytique des probabilités, 1812, book 2.

    Example: `loss: mae`
    """

    kinks: ClassVar[tuple[Kink, ...]] = (Kink("s = t", (0.5, -1.0), (0.5, 2.0)),)
    analytic: ClassVar[bool] = True
    scales_target: ClassVar[bool] = True

    def entries(self, s: Array, t: Array, slope: Array | None, work: Workspace) -> Array:
        (r,) = buffers(work, s, "difference")
        np.subtract(s, t, r)
        if slope is not None:
            np.sign(r, slope)
        return magnitude(r, r)
