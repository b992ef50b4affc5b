"""Ordinal logistic loss: ordered classes, with a logit for each threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from optcli.core.arrays import Array, Workspace, magnitude, product
from optcli.core.specs import TargetKind
from optcli.losses.base import LOSSES, Loss, buffers, constant

if TYPE_CHECKING:
    from optcli.core.onnx_graph import OnnxGraph


@LOSSES.register("ordinal_logistic", "all_thresholds", "ordinal")
@dataclass(frozen=True)
class OrdinalLogistic(Loss):
    """Ordinal logistic loss: a logit for each threshold between ordered classes.

    For K classes in their order, 0 to K − 1, there are K − 1 scores. Score s_k is the
    logit of a class above k. With class y, z_k = +1 where y > k, else −1, and σ the
    logistic function:

        ℓ = Σ_k log(1 + exp(−z_k·s_k))
        ∂ℓ/∂s_k = −z_k·σ(−z_k·s_k)

    The classes must be numbers, which give the order. The probability of class c is
    proportional to exp(−ℓ) for y = c. The same as coral_loss of coral-pytorch. In mord's
    LogisticAT all scores share their weights except for the bias; here each score has its
    own weights.

    Use it when classes are ordered, as grades. Avoid it where they are not: it forces one
    direction on them.

    Reference: J. D. M. Rennie and N. Srebro, Loss functions for preference levels:
    regression with discrete ordered labels, IJCAI workshop 2005 (all-threshold, logistic).

    Example: `loss: ordinal_logistic`
    """

    target: ClassVar[TargetKind] = "classes"
    analytic: ClassVar[bool] = True
    ordered: ClassVar[bool] = True

    def outputs(self, columns: int) -> int:
        return columns - 1

    def respond(self, scores: Array) -> Array:
        # from class c to c + 1, −ℓ increases by s_c
        logits = np.zeros((*scores.shape[:-1], scores.shape[-1] + 1), scores.dtype)
        np.cumsum(scores, axis=-1, out=logits[..., 1:])
        return logits

    def onnx(self, graph: OnnxGraph, scores: str, columns: int) -> str:
        thresholds = np.arange(columns - 1)[:, None] < np.arange(columns)
        return graph.node("MatMul", scores, thresholds.astype(graph.dtype))

    def samples(
        self, prediction: Array, target: Array, gradient: Array | None, work: Workspace
    ) -> Array:
        R, B, T = prediction.shape
        dtype = prediction.dtype
        z, small, cells = buffers(work, prediction, "margin", "small", "cells")
        sign = work.buffer("sign", (*target.shape, T), prediction.real.dtype)
        thresholds = work.constant(("thresholds", T), lambda: np.arange(T))
        ones = work.constant(("ones", T, dtype), lambda: np.ones((T, 1), dtype))
        losses = work.buffer("losses", (R, B, 1), dtype)

        np.greater(target[..., None], thresholds, out=sign)
        np.multiply(sign, 2, sign)
        np.subtract(sign, 1, sign)
        np.multiply(prediction, sign, z)
        magnitude(z, small)
        np.negative(small, small)
        np.exp(small, small)  # e^−|z|
        if gradient is not None:
            # σ(−z) is 1/(1 + e^−|z|) left of 0, and e^−|z|/(1 + e^−|z|) right of it
            np.less_equal(z, 0, out=gradient)
            np.maximum(gradient, small, out=gradient)
            np.add(small, 1, cells)
            np.divide(gradient, cells, gradient)
            np.multiply(gradient, sign, gradient)
            np.negative(gradient, gradient)
        np.log1p(small, small)
        np.minimum(z, constant(work, z, 0), out=z)
        np.subtract(small, z, small)
        product(small, ones, losses)
        return losses[..., 0]
