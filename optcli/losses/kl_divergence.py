"""Kullback-Leibler divergence: target probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from optcli.core.arrays import Array, Workspace, product
from optcli.core.specs import TargetKind
from optcli.losses.base import LOSSES, Loss, buffers
from optcli.losses.cross_entropy import less_largest, scratch_of


@LOSSES.register("kl_divergence", "kl_div", "kullback_leibler", "kl", "listnet")
@dataclass(frozen=True)
class KLDivergence(Loss):
    """Kullback-Leibler divergence from target probabilities to the softmax of the scores.

    With scores s and target probabilities t of C classes, one column each, p = softmax(s)
    and T = Σ_j t_j, which is 1 up to rounding:

        ℓ = Σ_j t_j·(log t_j − log p_j), where 0·log 0 is 0
        ∂ℓ/∂s_j = T·p_j − t_j

    The same as torch's kl_div of log_softmax(s) with reduction='batchmean' (its 'mean'
    divides by C, too) and the mean of optax's kl_divergence. Cross-entropy with soft
    targets has the same gradient, and is larger by the entropy of t. The same holds for the
    listwise ranking loss, where t is an item's relevance divided by the list's (optax's
    ranking_softmax_loss).

    Use it when targets are probabilities, as from another model or from votes. Avoid it for
    single classes: it equals cross_entropy and needs a column for each.

    Reference: S. Kullback and R. A. Leibler, On information and sufficiency, Ann. Math.
    Statist. 22, 1951. Ranking: Z. Cao, T. Qin, T.-Y. Liu, M.-F. Tsai and H. Li, Learning to
    rank: from pairwise approach to listwise approach, ICML 2007, sec. 4.

    Example: `loss: kl_divergence`
    """

    target: ClassVar[TargetKind] = "probabilities"
    analytic: ClassVar[bool] = True

    def samples(
        self, prediction: Array, target: Array, gradient: Array | None, work: Workspace
    ) -> Array:
        scratch = scratch_of(prediction, work)
        total, sums = scratch.total, scratch.ones
        p = gradient
        if p is None:
            p = work.buffer("softmax", prediction.shape, prediction.dtype)
        (cells,) = buffers(work, prediction, "cells")
        losses = work.buffer("divergence", total.shape, total.dtype)
        (logs,) = buffers(work, target, "logs")
        C, real = target.shape[2], target.dtype
        ones = work.constant(("ones", C, real), lambda: np.ones((C, 1), real))
        whole = work.buffer("whole", (*target.shape[:2], 1), real)

        less_largest(prediction, p, scratch)
        np.maximum(target, np.finfo(target.dtype).tiny, out=logs)  # so that 0·log 0 is 0
        np.log(logs, logs)
        np.subtract(logs, p, cells)
        np.multiply(cells, target, cells)
        product(cells, sums, losses)
        np.exp(p, p)
        product(p, sums, total)
        product(target, ones, whole)  # T
        if gradient is not None:
            np.divide(whole, total, cells[..., :1])
            np.multiply(p, cells[..., :1], p)
            np.subtract(p, target, p)
        np.log(total, total)
        np.multiply(total, whole, total)
        np.add(losses, total, losses)
        return losses[..., 0]
