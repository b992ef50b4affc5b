"""Transforms of the gradient, the same for every optimizer: regularization, clipping."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from optcli.arrays import Array
from optcli.specs import Regularization


class Regularize:
    """Add the gradient of l2 · ½·ΣW² + l1 · Σ|W|, which is l2 · W + l1 · sign W.

    weights: pairs of the weights (R, …) and their gradient, as views.
    """

    def __init__(
        self, regularization: Regularization, weights: Sequence[tuple[Array, Array]]
    ) -> None:
        self.l2, self.l1 = regularization.l2, regularization.l1
        self.weights = [(w, dw, np.empty_like(w)) for w, dw in weights]

    def __call__(self) -> None:
        for w, dw, work in self.weights:
            if self.l2:
                np.multiply(w, self.l2, work)
                np.add(dw, work, dw)
            if self.l1:
                np.sign(w, work)
                np.multiply(work, self.l1, work)
                np.add(dw, work, dw)


class ClipValue:
    """Hold every entry of the gradient g within ±limit."""

    def __init__(self, limit: float, g: Array) -> None:
        self.limit, self.g = limit, g

    def __call__(self) -> None:
        np.clip(self.g, -self.limit, self.limit, out=self.g)


class ClipNorm:
    """Scale the gradient g (R, P) of a replica down to a norm of at most `limit`.

    As torch's clip_grad_norm_: by limit / (norm + 1e-6), where that is below 1.
    Reference: R. Pascanu, T. Mikolov, Y. Bengio, On the difficulty of training
    recurrent neural networks, 2013, algorithm 1.
    """

    def __init__(self, limit: float, g: Array) -> None:
        self.limit, self.g = limit, g

    def __call__(self) -> None:
        scale = self.limit / (norm(self.g) + 1e-6)
        np.multiply(self.g, np.minimum(scale, 1)[:, None], self.g)


def norm(rows: Array) -> Array:
    """The Euclidean norm of each row of (R, P), as (R,)."""
    lengths: Array = np.sqrt(np.vecdot(rows, rows))
    return lengths
