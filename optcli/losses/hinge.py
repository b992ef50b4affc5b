"""Hinge loss, as in support vector machines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array, Workspace
from optcli.core.specs import Doc, Gt
from optcli.losses.base import LOSSES, Kink, MarginLoss, constant


@LOSSES.register("hinge", "svm", "hinge_loss")
@dataclass(frozen=True)
class Hinge(MarginLoss):
    """Hinge loss for binary labels, as in support vector machines.

    With scores s and labels t of 0 and 1, which count as −1 and +1, z = (2t − 1)·s and
    the margin m:

        ℓ = mean over j of max(0, m − z_j)
        ∂ℓ/∂s_j = (−(2t_j − 1) where z_j < m, else 0) / C

    The same as optax's hinge_loss and scikit-learn's hinge_loss (margin 1), which take
    labels −1 and +1. The score is not a logit: there are no probabilities.

    Use it when only the decision between two classes counts, with a margin. Avoid it where
    probabilities are needed.

    Reference: C. Cortes and V. Vapnik, Support-vector networks, Machine Learning 20, 1995.

    Example: `loss: hinge`
    """

    kinks: ClassVar[tuple[Kink, ...]] = (
        Kink("(2t − 1)·s = margin", (1.0, 0.3), (1.0, 0.0)),
        Kink("(2t − 1)·s = margin", (-1.0, 0.3), (0.0, 0.0)),
    )
    analytic: ClassVar[bool] = True

    margin: Annotated[float, Gt(0), Doc("margin beyond which the loss is 0")] = 1.0

    def margins(self, z: Array, slope: Array | None, work: Workspace) -> Array:
        np.subtract(self.margin, z, z)
        np.maximum(z, constant(work, z, 0), out=z)
        if slope is not None:
            np.sign(z, slope)
            np.negative(slope, slope)
        return z
