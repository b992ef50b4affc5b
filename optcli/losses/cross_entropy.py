"""Cross-entropy of the softmax of the scores: one class of many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from optcli.arrays import Array, Workspace, product
from optcli.losses.base import LOSSES, Loss
from optcli.specs import TargetKind


@LOSSES.register(
    "cross_entropy", "softmax", "softmax_loss", "multinomial_logistic", "categorical_cross_entropy"
)
@dataclass(frozen=True)
class CrossEntropy(Loss):
    """Softmax loss, also called multinomial logistic loss: −log of the class's probability.

    With scores s and class y, and p = softmax(s):

        ℓ = −log p_y = log Σ_j exp(s_j) − s_y
        ∂ℓ/∂s_j = p_j − [j = y]

    The largest score is subtracted first, so that no score overflows.

    The same as torch's cross_entropy and optax's
    softmax_cross_entropy_with_integer_labels, then the mean.

    Reference: C. M. Bishop, Pattern Recognition and Machine Learning, 2006,
    eq. 4.108 and 4.109.
    """

    target: ClassVar[TargetKind] = "classes"

    def samples(
        self, prediction: Array, target: Array, gradient: Array | None, work: Workspace
    ) -> Array:
        first, at, total, own, losses, sums, one = work.constant(
            ("cross_entropy", prediction.shape, prediction.dtype),
            lambda: self._buffers(prediction),
        )
        p = gradient
        if p is None:
            p = work.buffer("softmax", prediction.shape, prediction.dtype)

        # the largest score by its position: several times as fast as its value
        prediction.argmax(2, at)
        np.add(at, first, at)
        prediction.take(at, None, own, "clip")
        np.subtract(prediction, own[..., None], p)  # s − max s
        np.add(first, target, at)
        p.take(at, None, own, "clip")
        np.exp(p, p)
        product(p, sums, total)  # Σ exp(s − max s)
        np.log(total.reshape(own.shape), losses)
        np.subtract(losses, own, losses)
        if gradient is not None:
            np.divide(p, total, p)
            p.take(at, None, own, "clip")
            np.subtract(own, one, own)  # p_y − 1
            p.put(at, own, "clip")
        return losses

    @staticmethod
    def _buffers(prediction: Array) -> tuple[Array, ...]:
        """Where each row begins in the flat scores, and room for the numbers of a row."""
        R, B, C = prediction.shape
        dtype = prediction.dtype
        first = np.arange(0, R * B * C, C).reshape(R, B)
        at = np.empty_like(first)
        total = np.empty((R, B, 1), dtype)
        own, losses = np.empty((2, R, B), dtype)
        return first, at, total, own, losses, np.ones((C, 1), dtype), np.array(1, dtype)
