"""Squared hinge loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array, Workspace
from optcli.core.specs import Doc, Gt
from optcli.losses.base import LOSSES, MarginLoss, constant


@LOSSES.register("squared_hinge", "squared_hinge_loss")
@dataclass(frozen=True)
class SquaredHinge(MarginLoss):
    """Squared hinge loss for binary labels, which is differentiable.

    With scores s and labels t of 0 and 1, which count as −1 and +1, z = (2t − 1)·s and
    the margin m:

        ℓ = mean over j of max(0, m − z_j)²
        ∂ℓ/∂s_j = −2·(2t_j − 1)·max(0, m − z_j) / C

    The same as scikit-learn's squared_hinge (margin 1), which takes labels −1 and +1.
    The score is not a logit: there are no probabilities.

    Use it when a hinge loss is wanted with a derivative everywhere. Avoid it with wrong labels:
    violations count by their square.

    Reference: R.-E. Fan, K.-W. Chang, C.-J. Hsieh, X.-R. Wang and C.-J. Lin, LIBLINEAR: a
    library for large linear classification, JMLR 9, 2008, sec. 2.

    Example: `loss: squared_hinge`
    """

    analytic: ClassVar[bool] = True

    margin: Annotated[float, Gt(0), Doc("margin beyond which the loss is 0")] = 1.0

    def margins(self, z: Array, slope: Array | None, work: Workspace) -> Array:
        np.subtract(self.margin, z, z)
        np.maximum(z, constant(work, z, 0), out=z)
        if slope is not None:
            np.multiply(z, -2, slope)
        return np.multiply(z, z, z)
