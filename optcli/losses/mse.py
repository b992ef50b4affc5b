"""Mean squared error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from optcli.arrays import Array, Workspace, product
from optcli.losses.base import LOSSES, Loss
from optcli.specs import TargetKind


@LOSSES.register("mse", "mean_squared_error", "squared_error", "l2_loss")
@dataclass(frozen=True)
class MSE(Loss):
    """Mean squared error over samples and outputs.

    With predictions s and targets t of C outputs:

        ℓ = mean over j of (s_j − t_j)²
        ∂ℓ/∂s_j = 2·(s_j − t_j) / C

    The same as torch's mse_loss and scikit-learn's mean_squared_error; optax's
    l2_loss is half of it, and so is the ½ of many lecture notes.

    Reference: C. F. Gauss, Theoria combinationis observationum, 1823, art. 6.
    """

    target: ClassVar[TargetKind] = "values"
    scales_target: ClassVar[bool] = True

    def samples(
        self, prediction: Array, target: Array, gradient: Array | None, work: Workspace
    ) -> Array:
        R, B, C = prediction.shape
        dtype = prediction.dtype
        difference = work.buffer("difference", (R, B, C), dtype)
        ones = work.constant(("mean", C, dtype), lambda: np.full((C, 1), 1 / C, dtype))
        losses = work.buffer("losses", (R, B, 1), dtype)

        np.subtract(prediction, target, difference)
        if gradient is not None:
            np.multiply(difference, 2 / C, gradient)
        np.multiply(difference, difference, difference)
        product(difference, ones, losses)
        return losses[..., 0]
