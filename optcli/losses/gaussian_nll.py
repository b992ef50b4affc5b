"""Gaussian negative log-likelihood: a predicted mean and variance for each value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array, Workspace, log1p, magnitude, product
from optcli.core.specs import Doc, Gt
from optcli.losses.base import LOSSES, Loss, buffers, constant

if TYPE_CHECKING:
    from optcli.core.onnx_graph import OnnxGraph


@LOSSES.register("gaussian_nll", "gaussian_nll_loss", "heteroscedastic")
@dataclass(frozen=True)
class GaussianNLL(Loss):
    """Negative log-likelihood of a normal distribution with predicted mean and variance.

    For C targets t there are 2·C scores: first the means μ, then the raw variances u, with
    v = eps + log(1 + exp(u)), r = μ − t and σ the logistic function:

        ℓ = mean over j of ½·(log v_j + r_j²/v_j)
        ∂ℓ/∂μ_j = (r_j/v_j) / C
        ∂ℓ/∂u_j = ½·(1 − r_j²/v_j)·(σ(u_j)/v_j) / C

    Predictions are the means. The same as torch's gaussian_nll_loss, which takes the
    variance v itself (full=False, with lower bound eps = 1e-6): softplus and eps keep v
    positive here. With a standardized target, v is in units of the target's variance.

    Use it when the uncertainty of each prediction is wanted. Avoid it with few rows: the
    variance is easily overfitted.

    Reference: B. Lakshminarayanan, A. Pritzel and C. Blundell, Simple and scalable
    predictive uncertainty estimation using deep ensembles, NeurIPS 2017, eq. 1.

    Example: `loss: {name: gaussian_nll, eps: 1e-4}`
    """

    analytic: ClassVar[bool] = True
    scales_target: ClassVar[bool] = True

    eps: Annotated[float, Gt(0), Doc("lower bound of the variance")] = 1e-6

    def outputs(self, columns: int) -> int:
        return 2 * columns

    def respond(self, scores: Array) -> Array:
        return scores[..., : scores.shape[-1] // 2]

    def onnx(self, graph: OnnxGraph, scores: str, columns: int) -> str:
        return graph.node("Slice", scores, np.array([0]), np.array([columns]), np.array([1]))

    def variance(self, scores: Array) -> Array:
        """The predicted variances (…, C) in training units, from scores (…, 2C)."""
        variance: Array = self.eps + np.logaddexp(0, scores[..., scores.shape[-1] // 2 :])
        return variance

    def samples(
        self, prediction: Array, target: Array, gradient: Array | None, work: Workspace
    ) -> Array:
        R, B, C = (*prediction.shape[:2], prediction.shape[2] // 2)
        dtype = prediction.dtype
        means, raw = prediction[..., :C], prediction[..., C:]
        r, small, v, cells = buffers(work, means, "difference", "small", "variance", "cells")
        half = work.constant(("half", C, dtype), lambda: np.full((C, 1), 0.5 / C, dtype))
        losses = work.buffer("losses", (R, B, 1), dtype)

        np.subtract(means, target, r)
        magnitude(raw, small)
        np.negative(small, small)
        np.exp(small, small)  # e^−|u|
        log1p(small, v)
        np.maximum(raw, constant(work, v, 0), out=cells)
        np.add(v, cells, v)
        np.add(v, self.eps, v)
        np.divide(r, v, cells)
        np.multiply(r, cells, r)  # r²/v
        if gradient is not None:
            np.multiply(cells, 1 / C, gradient[..., :C])
            slope = gradient[..., C:]
            np.greater_equal(raw, 0, out=slope)
            np.maximum(slope, small, out=slope)
            np.add(small, 1, small)
            np.divide(slope, small, slope)  # σ(u)
            np.divide(slope, v, slope)
            np.subtract(1, r, cells)
            np.multiply(cells, 0.5 / C, cells)
            np.multiply(slope, cells, slope)
        np.log(v, v)
        np.add(r, v, r)
        product(r, half, losses)
        return losses[..., 0]
