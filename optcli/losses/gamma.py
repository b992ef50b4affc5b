"""Gamma loss: positive values with a log link."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from optcli.core.arrays import Array, Workspace
from optcli.core.specs import Bound, Ge, Gt
from optcli.losses.base import LOSSES, EntryLoss, buffers

if TYPE_CHECKING:
    from optcli.core.onnx_graph import OnnxGraph


@LOSSES.register("gamma", "gamma_nll")
@dataclass(frozen=True)
class Gamma(EntryLoss):
    """Negative log-likelihood of the gamma distribution; the score is the log of the mean.

    With scores s and targets t > 0 of C outputs:

        ℓ = mean over j of s_j + t_j·exp(−s_j)
        ∂ℓ/∂s_j = (1 − t_j·exp(−s_j)) / C

    Predictions are exp(s). The same as scikit-learn's HalfGammaLoss; half the gamma
    deviance without the constant log t + 1. Scores below about −700 overflow (−88
    in float32).

    Use it when values are positive and their spread grows with their size, as of costs. Avoid
    it where zeros occur: use tweedie.

    Reference: P. McCullagh and J. A. Nelder, Generalized linear models, 1989, ch. 8.

    Example: `loss: gamma`
    """

    targets: ClassVar[tuple[Bound, ...]] = (Gt(0),)
    scores: ClassVar[tuple[Bound, ...]] = (Ge(-700),)
    analytic: ClassVar[bool] = True

    def respond(self, scores: Array) -> Array:
        with np.errstate(over="ignore"):
            mean: Array = np.exp(scores)
        return mean

    def onnx(self, graph: OnnxGraph, scores: str, columns: int) -> str:
        return graph.node("Exp", scores)

    def entries(self, s: Array, t: Array, slope: Array | None, work: Workspace) -> Array:
        (ratio,) = buffers(work, s, "ratio")
        np.negative(s, ratio)
        np.exp(ratio, ratio)
        np.multiply(ratio, t, ratio)
        if slope is not None:
            np.subtract(1, ratio, slope)
        return np.add(s, ratio, ratio)
