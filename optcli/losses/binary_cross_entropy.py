"""Binary cross-entropy of the sigmoid of the scores: independent labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from optcli.arrays import Array, Workspace, product
from optcli.losses.base import LOSSES, Loss
from optcli.specs import TargetKind


@LOSSES.register(
    "binary_cross_entropy", "sigmoid_cross_entropy", "logistic", "bce", "bce_with_logits"
)
@dataclass(frozen=True)
class BinaryCrossEntropy(Loss):
    """Sigmoid cross-entropy, also called logistic loss, averaged over the labels.

    With scores s and labels t in [0, 1], and σ the logistic function:

        ℓ = mean over j of −t_j·log σ(s_j) − (1 − t_j)·log(1 − σ(s_j))
          = mean over j of max(s_j, 0) − t_j·s_j + log(1 + exp(−|s_j|))
        ∂ℓ/∂s_j = (σ(s_j) − t_j) / C

    The second form does not overflow, whatever the score.

    The same as torch's binary_cross_entropy_with_logits and optax's
    sigmoid_binary_cross_entropy, then the mean over samples and labels.

    Reference: C. M. Bishop, Pattern Recognition and Machine Learning, 2006,
    eq. 4.90 and 4.91.
    """

    target: ClassVar[TargetKind] = "labels"

    def samples(
        self, prediction: Array, target: Array, gradient: Array | None, work: Workspace
    ) -> Array:
        R, B, C = prediction.shape
        dtype = prediction.dtype
        shape = (R, B, C)
        small = work.buffer("small", shape, dtype)
        cells = work.buffer("cells", shape, dtype)
        ones = work.constant(("mean", C, dtype), lambda: np.full((C, 1), 1 / C, dtype))
        losses = work.buffer("losses", (R, B, 1), dtype)

        np.abs(prediction, small)
        np.negative(small, small)
        np.exp(small, small)  # e^−|s|
        if gradient is not None:
            # σ(s) is 1/(1 + e^−|s|) right of 0, and e^−|s|/(1 + e^−|s|) left of it
            np.greater_equal(prediction, 0, out=gradient)
            np.maximum(gradient, small, out=gradient)
            np.add(small, 1, cells)
            np.divide(gradient, cells, gradient)
            np.subtract(gradient, target, gradient)
            np.multiply(gradient, 1 / C, gradient)
        np.log1p(small, small)
        np.maximum(prediction, 0, out=cells)
        np.add(small, cells, small)
        np.multiply(prediction, target, cells)
        np.subtract(small, cells, small)
        product(small, ones, losses)
        return losses[..., 0]
