"""Cauchy loss: the logarithm of one plus the squared error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array, Workspace
from optcli.core.specs import Doc, Gt
from optcli.losses.base import LOSSES, EntryLoss, buffers


@LOSSES.register("cauchy", "lorentzian")
@dataclass(frozen=True)
class Cauchy(EntryLoss):
    """Cauchy (Lorentzian) loss, which is robust: the influence of large errors decreases.

    With r = s − t for each of C outputs, and the scale c:

        ℓ = mean over j of ½c²·log(1 + (r/c)²)
        ∂ℓ/∂s_j = r / (1 + (r/c)²) / C

    It is not convex. The same as the cost of scipy's least_squares with
    loss='cauchy' and f_scale = c. With a standardized target, the scale is in
    standard deviations of the target.

    Use it when values have gross errors that should be all but ignored. Avoid it from a poor
    start: far errors hardly pull, and it is not convex.

    Reference: M. J. Black and P. Anandan, The robust estimation of multiple motions,
    CVIU 63, 1996.

    Example: `loss: {name: cauchy, scale: 0.5}`
    """

    analytic: ClassVar[bool] = True
    scales_target: ClassVar[bool] = True

    scale: Annotated[float, Gt(0), Doc("error of maximal gradient")] = 1.0

    def entries(self, s: Array, t: Array, slope: Array | None, work: Workspace) -> Array:
        r, square = buffers(work, s, "difference", "square")
        np.subtract(s, t, r)
        np.divide(r, self.scale, square)
        np.multiply(square, square, square)
        if slope is not None:
            np.add(square, 1, slope)
            np.divide(r, slope, slope)
        np.log1p(square, square)
        return np.multiply(square, self.scale**2 / 2, square)
