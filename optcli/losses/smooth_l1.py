"""Smooth L1: the Huber loss divided by its threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array, Workspace
from optcli.core.specs import Doc, Gt
from optcli.losses.base import LOSSES, EntryLoss
from optcli.losses.huber import huber


@LOSSES.register("smooth_l1", "smooth_l1_loss")
@dataclass(frozen=True)
class SmoothL1(EntryLoss):
    """Smooth L1 loss: quadratic for errors below beta, absolute error beyond.

    With r = s − t for each of C outputs:

        ℓ = mean over j of ½r²/β where |r| < β, else |r| − β/2
        ∂ℓ/∂s_j = (r/β clipped to [−1, 1]) / C

    It is the Huber loss divided by beta. The same as torch's smooth_l1_loss; for torch's
    beta = 0 use mae.

    Use it when huber suits and its slope for large errors should be 1. Avoid it where the mean
    is asked for.

    Reference: R. Girshick, Fast R-CNN, ICCV 2015, eq. 3.

    Example: `loss: {name: smooth_l1, beta: 0.1}`
    """

    analytic: ClassVar[bool] = True
    scales_target: ClassVar[bool] = True

    beta: Annotated[float, Gt(0), Doc("absolute error beyond which the loss is linear")] = 1.0

    def entries(self, s: Array, t: Array, slope: Array | None, work: Workspace) -> Array:
        entries = huber(s, t, self.beta, slope, work)
        if slope is not None:
            np.divide(slope, self.beta, slope)
        return np.divide(entries, self.beta, entries)
