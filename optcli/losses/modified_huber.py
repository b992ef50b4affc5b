"""Modified Huber loss: a smooth hinge loss that is robust to outliers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from optcli.core.arrays import Array, Workspace
from optcli.losses.base import LOSSES, MarginLoss, buffers, constant


@LOSSES.register("modified_huber")
@dataclass(frozen=True)
class ModifiedHuber(MarginLoss):
    """Modified Huber loss for binary labels: squared hinge, linear for margins below −1.

    With scores s and labels t of 0 and 1, which count as −1 and +1, z = (2t − 1)·s,
    h = max(0, 1 − z) and q = min(h, 2):

        ℓ = mean over j of q·(2h − q): max(0, 1 − z)² where z ≥ −1, else −4z
        ∂ℓ/∂s_j = −2·(2t_j − 1)·q_j / C

    The same as scikit-learn's modified_huber of SGDClassifier. The probability of label 1
    is (c + 1)/2 with c the score clipped to [−1, 1].

    Use it when a hinge loss is wanted that is smooth and not moved far by wrong labels. Avoid
    it where calibrated probabilities are needed.

    Reference: T. Zhang, Solving large scale linear prediction problems using stochastic
    gradient descent algorithms, ICML 2004.

    Example: `loss: modified_huber`
    """

    analytic: ClassVar[bool] = True

    def margins(self, z: Array, slope: Array | None, work: Workspace) -> Array:
        (held,) = buffers(work, z, "held")
        np.subtract(1, z, z)
        np.maximum(z, constant(work, z, 0), out=z)
        np.minimum(z, constant(work, z, 2), out=held)
        if slope is not None:
            np.multiply(held, -2, slope)
        np.multiply(z, 2, z)
        np.subtract(z, held, z)
        return np.multiply(z, held, z)
