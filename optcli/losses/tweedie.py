"""Tweedie loss: nonnegative values with many zeros, such as insurance claims."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array, Workspace
from optcli.core.specs import Bound, Doc, Ge, Gt, Le, Lt
from optcli.losses.base import LOSSES, EntryLoss, buffers

if TYPE_CHECKING:
    from optcli.core.onnx_graph import OnnxGraph


@LOSSES.register("tweedie", "tweedie_nll")
@dataclass(frozen=True)
class Tweedie(EntryLoss):
    """Tweedie loss between poisson (power 1) and gamma (power 2), with a log link.

    With scores s and targets t ≥ 0 of C outputs, and the power 1 < p < 2:

        ℓ = mean over j of exp((2 − p)·s_j)/(2 − p) − t_j·exp((1 − p)·s_j)/(1 − p)
        ∂ℓ/∂s_j = (exp((2 − p)·s_j) − t_j·exp((1 − p)·s_j)) / C

    The variance is proportional to the mean to the power p. Predictions are exp(s). The same
    as scikit-learn's HalfTweedieLoss, with the same default: half the Tweedie deviance
    without terms that do not depend on the scores. Scores beyond about ±700
    overflow at powers near 1 and 2 (±88 in float32).

    Use it when values are positive with many exact zeros, as claims and rainfall. Avoid it
    where values may be negative.

    Reference: B. Jørgensen, Exponential dispersion models, J. R. Statist. Soc. B 49, 1987.

    Example: `loss: {name: tweedie, power: 1.3}`
    """

    targets: ClassVar[tuple[Bound, ...]] = (Ge(0),)
    scores: ClassVar[tuple[Bound, ...]] = (Ge(-700), Le(700))
    analytic: ClassVar[bool] = True

    power: Annotated[float, Gt(1), Lt(2), Doc("power of the mean in the variance")] = 1.5

    def respond(self, scores: Array) -> Array:
        with np.errstate(over="ignore"):
            mean: Array = np.exp(scores)
        return mean

    def onnx(self, graph: OnnxGraph, scores: str, columns: int) -> str:
        return graph.node("Exp", scores)

    def entries(self, s: Array, t: Array, slope: Array | None, work: Workspace) -> Array:
        own, drawn = buffers(work, s, "own", "drawn")
        np.multiply(s, 2 - self.power, own)
        np.exp(own, own)
        np.multiply(s, 1 - self.power, drawn)
        np.exp(drawn, drawn)
        np.multiply(drawn, t, drawn)
        if slope is not None:
            np.subtract(own, drawn, slope)
        np.divide(own, 2 - self.power, own)
        np.divide(drawn, self.power - 1, drawn)
        return np.add(own, drawn, own)
