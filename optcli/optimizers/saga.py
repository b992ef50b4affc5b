"""SAGA: a gradient remembered for each training row."""

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
    """Gradient descent on batches, without their noise: each row's last gradient is kept.

        x ← x − α·(g − Σᵢ sᵢ·φᵢ + φ̄)                i over the rows of the batch
        φ̄ ← φ̄ + Σᵢ Sᵢ·(∇fᵢ(x) − φᵢ)                 x the point before the step
        φᵢ ← ∇fᵢ(x)

    with learning rate α = lr, g the gradient on the batch, φᵢ the gradient of row i when it
    was last seen, 0 at first, and φ̄ their mean over all rows; sᵢ is the share of row i in
    the batch, Sᵢ that in all rows: 1/B and 1/N, or by weights. Near the minimum the noise of
    the batch cancels, with a constant α. Regularization is in g, and has no noise.

    State: an array of the parameters' size for each training row, φ, and one, φ̄; while it
    works, one for each row of a batch. Refused where that does not fit: then use `svrg`.
    Rows are looked at one by one, which batch norm does not allow.

    Neither torch nor optax has it. The paper takes single rows: `batch_size: 1`.

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
        np.add(g, phi_bar, s)
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
