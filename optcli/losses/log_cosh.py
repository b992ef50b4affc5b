"""Log-cosh: the logarithm of the hyperbolic cosine of the error."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from optcli.core.arrays import Array, Workspace, magnitude
from optcli.losses.base import LOSSES, EntryLoss, buffers


@LOSSES.register("log_cosh", "logcosh")
@dataclass(frozen=True)
class LogCosh(EntryLoss):
    """Log-cosh of the error: about ½r² for small errors, |r| − log 2 for large ones.

    With r = s − t for each of C outputs:

        ℓ = mean over j of log cosh r = |r| + log(1 + exp(−2|r|)) − log 2
        ∂ℓ/∂s_j = tanh(r) / C

    The second form does not overflow. The same as the mean of optax's log_cosh.

    Use it when a smooth compromise of mse and mae is wanted, as for methods of second order.
    Avoid it where the border between small and large errors must be chosen: use huber.

    Reference: P. J. Green, Bayesian reconstructions from emission tomography data
    using a modified EM algorithm, IEEE Trans. Medical Imaging 9, 1990.

    Example: `loss: log_cosh`
    """

    analytic: ClassVar[bool] = True
    scales_target: ClassVar[bool] = True

    def entries(self, s: Array, t: Array, slope: Array | None, work: Workspace) -> Array:
        r, small = buffers(work, s, "difference", "small")
        np.subtract(s, t, r)
        if slope is not None:
            np.tanh(r, slope)
        magnitude(r, r)
        np.multiply(r, -2, small)
        np.exp(small, small)
        np.log1p(small, small)
        np.add(r, small, r)
        return np.subtract(r, math.log(2), r)
