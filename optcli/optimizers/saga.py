"""SAGA: variance reduction with a stored gradient for each training row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Gt
from optcli.optimizers.base import OPTIMIZERS, SAMPLES, Oracle, Shaped


@OPTIMIZERS.register("saga")
@dataclass(frozen=True)
class SAGA(Shaped):
    """SAGA: variance-reduced SGD with a stored gradient for each training row.

        x ← x − α·(g − Σᵢ sᵢ·φᵢ + φ̄)                sums over rows i of the batch
        φ̄ ← φ̄ + Σᵢ Sᵢ·(∇fᵢ(x) − φᵢ)                 at the x before the step
        φᵢ ← ∇fᵢ(x)

    with learning rate α = lr, g the gradient on the batch, φᵢ the last computed gradient of
    row i, initially 0, and φ̄ their mean over all rows; sᵢ is the weight of row i in the
    mean over the batch, Sᵢ that in the mean over all rows: 1/B and 1/N, or in proportion to
    the sample weights. Near the minimum the noise of the batch cancels, so that a constant α
    converges. Regularization is part of g only.

    State: one array of the parameters' size for each training row, φ, and one for φ̄; a step
    needs one more for each row of the batch. A run too large for the memory is rejected; use
    `svrg` then. Gradients of single rows do not exist with batch norm.

    Neither torch nor optax has it. The paper takes single rows: `batch_size: 1`.

    Use it when a linear model of not too many rows should reach its minimum exactly, with a
    constant rate. Avoid it for networks or many rows: it stores a gradient for each row.

    Reference: A. Defazio, F. Bach and S. Lacoste-Julien, SAGA: a fast incremental gradient
    method with support for non-strongly convex composite objectives, 2014, equation 1.

    Example: `optimizer: {name: saga, lr: 0.1}`
    """

    whole: ClassVar[bool] = True
    needs_oracle: ClassVar[bool] = True
    needs_model: ClassVar[Literal["", "scores", "rows"]] = "rows"

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 0.1

    def state_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return {"phi": (SAMPLES, *shape), "phi_bar": shape}

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        return {"lr": self.lr}

    def update(
        self,
        x: Array,
        g: Array,
        phi: Array,
        phi_bar: Array,
        s: Array,
        lr: Array,
        oracle: Oracle,
    ) -> None:
        gradients = oracle.row_gradients(x)
        np.add(g, phi_bar, s)  # g + φ̄
        rows, shares, shares_of_all = oracle.rows()
        for r, indices in enumerate(rows):
            for i, new, share, of_all in zip(
                indices, gradients[r], shares[r], shares_of_all[r], strict=True
            ):
                s[r] -= share * phi[r, i]  # sᵢ·φᵢ
                phi_bar[r] += of_all * (new - phi[r, i])  # Sᵢ·(∇fᵢ(x) − φᵢ)
                phi[r, i] = new
        np.multiply(s, lr, s)
        np.subtract(x, s, x)
