"""Binary focal loss: binary cross-entropy with less weight on easy labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array, Workspace, magnitude
from optcli.core.specs import Doc, Ge, Le
from optcli.losses.base import LOSSES, MarginLoss, buffers, constant


@LOSSES.register("binary_focal", "sigmoid_focal", "sigmoid_focal_loss", "binary_focal_loss")
@dataclass(frozen=True)
class BinaryFocal(MarginLoss):
    """Binary cross-entropy times (1 − p_t)^gamma, which gives easy labels less weight.

    With scores s and labels t of 0 and 1, z = (2t − 1)·s, c = log(1 + exp(−z)), the
    cross-entropy, and r = 1 − exp(−c), the probability of the wrong label:

        ℓ = mean over j of α_t·r_j^γ·c_j
        ∂ℓ/∂s_j = −(2t_j − 1)·α_t·r_j^γ·(r_j + γ·(1 − r_j)·c_j) / C

    α_t is alpha for positive and 1 − alpha for negative labels, and 1 without alpha. The same
    as the mean of optax's sigmoid_focal_loss; torchvision's has the defaults alpha = 0.25 and
    reduction='none'.

    Use it when positives are rare and easy negatives swamp them. Avoid it where probabilities
    are to be believed: they are drawn towards the middle.

    Reference: T.-Y. Lin and others, Focal loss for dense object detection, ICCV 2017, eq. 5.

    Example: `loss: {name: binary_focal, alpha: 0.25}`
    """

    analytic: ClassVar[bool] = True

    gamma: Annotated[float, Ge(0), Doc("focusing exponent; 0 is cross-entropy")] = 2.0
    alpha: Annotated[
        float | None, Ge(0), Le(1), Doc("weight of positive labels; 1 − alpha of negative ones")
    ] = None

    def entries(self, s: Array, t: Array, slope: Array | None, work: Workspace) -> Array:
        entries = super().entries(s, t, slope, work)
        if self.alpha is not None:
            (factor,) = buffers(work, t, "alpha")
            np.multiply(t, 2 * self.alpha - 1, factor)
            np.add(factor, 1 - self.alpha, factor)
            np.multiply(entries, factor, entries)
            if slope is not None:
                np.multiply(slope, factor, slope)
        return entries

    def margins(self, z: Array, slope: Array | None, work: Workspace) -> Array:
        c, r = buffers(work, z, "cross-entropy", "wrong")
        magnitude(z, c)
        np.negative(c, c)
        np.exp(c, c)
        np.log1p(c, c)
        np.minimum(z, constant(work, z, 0), out=z)
        np.subtract(c, z, c)
        np.negative(c, r)
        np.expm1(r, r)
        np.negative(r, r)
        np.power(r, self.gamma, z)  # z is no longer needed
        if slope is not None:
            np.subtract(1, r, slope)
            np.multiply(slope, c, slope)
            np.multiply(slope, -self.gamma, slope)
            np.subtract(slope, r, slope)
            np.multiply(slope, z, slope)
        return np.multiply(z, c, c)
