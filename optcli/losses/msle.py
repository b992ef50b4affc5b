"""Mean squared logarithmic error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from optcli.core.arrays import Array, Workspace
from optcli.core.specs import Bound, Gt
from optcli.losses.base import LOSSES, EntryLoss, buffers

if TYPE_CHECKING:
    from optcli.core.onnx_graph import OnnxGraph


@LOSSES.register("msle", "mean_squared_logarithmic_error", "mean_squared_log_error")
@dataclass(frozen=True)
class MSLE(EntryLoss):
    """Mean squared logarithmic error; the score is log(1 + prediction).

    With scores s and targets t > −1 of C outputs:

        ℓ = mean over j of (s_j − log(1 + t_j))²
        ∂ℓ/∂s_j = 2·(s_j − log(1 + t_j)) / C

    Predictions are exp(s) − 1, and so above −1. The same as scikit-learn's
    mean_squared_log_error of these predictions.

    Use it when relative errors count and values are at least 0. Avoid it where negative values
    occur, or underestimates and overestimates of large values should count by their amount.

    Reference: the error measure of the Kaggle competition Bike sharing demand, 2014
    (its root, rmsle).

    Example: `loss: msle`
    """

    targets: ClassVar[tuple[Bound, ...]] = (Gt(-1),)
    analytic: ClassVar[bool] = True

    def respond(self, scores: Array) -> Array:
        with np.errstate(over="ignore"):
            prediction: Array = np.expm1(scores)
        return prediction

    def onnx(self, graph: OnnxGraph, scores: str, columns: int) -> str:
        return graph.node("Sub", graph.node("Exp", scores), 1)

    def entries(self, s: Array, t: Array, slope: Array | None, work: Workspace) -> Array:
        (r,) = buffers(work, s, "difference")
        log = work.buffer("log target", t.shape, t.dtype)
        np.log1p(t, log)
        np.subtract(s, log, r)
        if slope is not None:
            np.multiply(r, 2, slope)
        return np.multiply(r, r, r)
