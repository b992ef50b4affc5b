"""Poisson loss: counts with a log link."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from optcli.core.arrays import Array, Workspace
from optcli.core.specs import Bound, Ge, Le
from optcli.losses.base import LOSSES, EntryLoss, buffers

if TYPE_CHECKING:
    from optcli.core.onnx_graph import OnnxGraph


@LOSSES.register("poisson", "poisson_nll", "poisson_nll_loss")
@dataclass(frozen=True)
class Poisson(EntryLoss):
    """Negative log-likelihood of the Poisson distribution; the score is the log of the mean.

    With scores s and targets t ≥ 0 of C outputs:

        ℓ = mean over j of exp(s_j) − t_j·s_j
        ∂ℓ/∂s_j = (exp(s_j) − t_j) / C

    Predictions are exp(s). The same as torch's poisson_nll_loss (log_input=True,
    full=False) and scikit-learn's HalfPoissonLoss; the constant log t! is omitted. Scores above
    about 700 overflow (88 in float32).

    Use it when targets are counts. Avoid it where their variance is far above their mean:
    intervals from it are too narrow.

    Reference: P. McCullagh and J. A. Nelder, Generalized linear models, 1989, ch. 6.

    Example: `loss: poisson`
    """

    targets: ClassVar[tuple[Bound, ...]] = (Ge(0),)
    scores: ClassVar[tuple[Bound, ...]] = (Le(700),)
    analytic: ClassVar[bool] = True

    def respond(self, scores: Array) -> Array:
        with np.errstate(over="ignore"):
            mean: Array = np.exp(scores)
        return mean

    def onnx(self, graph: OnnxGraph, scores: str, columns: int) -> str:
        return graph.node("Exp", scores)

    def entries(self, s: Array, t: Array, slope: Array | None, work: Workspace) -> Array:
        mean, linear = buffers(work, s, "mean", "linear")
        np.exp(s, mean)
        if slope is not None:
            np.subtract(mean, t, slope)
        np.multiply(s, t, linear)
        return np.subtract(mean, linear, mean)
