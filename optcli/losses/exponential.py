"""Exponential loss, as in boosting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from optcli.core.arrays import Array, Workspace
from optcli.core.specs import Bound, Ge, Le
from optcli.losses.base import LOSSES, MarginLoss

if TYPE_CHECKING:
    from optcli.core.onnx_graph import OnnxGraph


@LOSSES.register("exponential", "exponential_loss", "adaboost")
@dataclass(frozen=True)
class Exponential(MarginLoss):
    """Exponential loss of AdaBoost for binary labels; the score is half the logit.

    With scores s and labels t of 0 and 1, which count as −1 and +1, and z = (2t − 1)·s:

        ℓ = mean over j of exp(−z_j)
        ∂ℓ/∂s_j = −(2t_j − 1)·exp(−z_j) / C

    The probability of label 1 is the sigmoid of 2s. The same as scikit-learn's
    ExponentialLoss. Scores beyond about ±700 overflow (±88 in float32).

    Use it when you study boosting. Avoid it with wrong labels: a single one may dominate.

    Reference: J. Friedman, T. Hastie and R. Tibshirani, Additive logistic regression,
    Ann. Statist. 28, 2000, sec. 4.

    Example: `loss: exponential`
    """

    scores: ClassVar[tuple[Bound, ...]] = (Ge(-700), Le(700))
    analytic: ClassVar[bool] = True

    def respond(self, scores: Array) -> Array:
        logits: Array = 2 * scores
        return logits

    def onnx(self, graph: OnnxGraph, scores: str, columns: int) -> str:
        return graph.node("Mul", scores, 2)

    def margins(self, z: Array, slope: Array | None, work: Workspace) -> Array:
        np.negative(z, z)
        np.exp(z, z)
        if slope is not None:
            np.negative(z, slope)
        return z
