"""Shampoo: one preconditioner for rows and one for columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt
from optcli.optimizers.base import OPTIMIZERS, Shaped


@OPTIMIZERS.register("shampoo")
@dataclass(frozen=True)
class Shampoo(Shaped):
    """Shampoo: matrix preconditioners for the rows and the columns of each weight.

        g ← g + λ·x                                   before `update`, by the Stepper
        L ← L + G·Gᵀ
        R ← R + Gᵀ·G
        W ← W − α · L^(−¼)·G·R^(−¼)

    with learning rate α = lr, and initially L = R = ε·I, λ = weight_decay. The roots are
    computed every `frequency` steps. The kernel of a convolution is reshaped to a matrix,
    one row for each output channel. Biases and other vectors have a diagonal
    preconditioner: v ← v + g², x ← x − α·g/√v.

    State: for an m × n weight two m × m and two n × n matrices; for biases one array of
    their size. A step that computes roots needs time of order m³ + n³, and more memory.

    Neither torch nor optax has it. The paper uses a full matrix with exponent −½ for
    vectors, and k matrices for an array of k dimensions.

    Use it when weights are matrices of moderate size and steps are expensive, so that better ones
    pay. Avoid it for wide layers: it needs roots of matrices.

    Reference: V. Gupta, T. Koren and Y. Singer, Shampoo: preconditioned stochastic tensor
    optimization, 2018, algorithm 1.

    Example: `optimizer: {name: shampoo, lr: 0.1, frequency: 10}`
    """

    matrices: ClassVar[bool] = True
    structure: ClassVar[tuple[str, ...]] = ("frequency",)

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 0.1
    eps: Annotated[float, Gt(0), Doc("initial diagonal of the preconditioners")] = 1e-4
    frequency: Annotated[int, Ge(1), Doc("steps between root computations")] = 1
    weight_decay: Annotated[float, Ge(0), Doc("L2 weight decay, added to the gradient")] = 0.0

    def state_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        if len(shape) < 2:
            return {"v": shape}
        m, n = shape
        return {"L": (m, m), "R": (n, n), "L_root": (m, m), "R_root": (n, n)}

    def scratch_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        if len(shape) < 2:
            return {"s": shape}
        m, n = shape
        return {"s": shape, "w": shape, "GGt": (m, m), "GtG": (n, n)}

    def start(self, **state: Array) -> None:
        eps = np.asarray(self.eps)
        if "v" in state:
            state["v"][:] = eps
            return
        for matrix in (state["L"], state["R"]):
            matrix[:] = eps[..., None] * np.eye(matrix.shape[1])

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        return {"lr": self.lr, "waits": (t - 1) % self.frequency, "eps": self.eps}

    def update_for(self, shape: tuple[int, ...]) -> Callable[..., None]:
        return self.vector if len(shape) < 2 else self.matrix

    def vector(self, x: Array, g: Array, v: Array, s: Array, lr: Array) -> None:
        """Update a bias."""
        np.multiply(g, g, s)
        np.add(v, s, v)  # v ← v + g²
        np.sqrt(v, s)
        np.divide(g, s, s)  # g/√v
        np.multiply(s, lr, s)
        np.subtract(x, s, x)

    def matrix(
        self,
        x: Array,
        g: Array,
        L: Array,
        R: Array,
        L_root: Array,
        R_root: Array,
        s: Array,
        w: Array,
        GGt: Array,
        GtG: Array,
        lr: Array,
        waits: Array,
        eps: Array,
    ) -> None:
        """Update a weight."""
        np.matmul(g, g.swapaxes(1, 2), out=GGt)
        np.add(L, GGt, L)  # L ← L + G·Gᵀ
        np.matmul(g.swapaxes(1, 2), g, out=GtG)
        np.add(R, GtG, R)  # R ← R + Gᵀ·G
        if waits.item(0) == 0:
            L_root[:] = roots(L, -0.25, eps)
            R_root[:] = roots(R, -0.25, eps)
        # W ← W − α · L^(−¼)·G·R^(−¼)
        np.matmul(L_root, g, out=s)
        np.matmul(s, R_root, out=w)
        np.multiply(w, lr, w)
        np.subtract(x, w, x)


def roots(A: Array, exponent: float, least: Array) -> Array:
    """Powers of symmetric matrices A (R, n, n), with eigenvalues of at least `least`."""
    values, vectors = eigen(A)
    scaled = vectors * np.maximum(values, least[..., 0])[:, None] ** exponent
    result: Array = np.matmul(scaled, vectors.swapaxes(1, 2))
    return result


def eigen(A: Array) -> tuple[Array, Array]:
    """Eigenvalues (R, n), ascending, and eigenvectors of symmetric matrices A (R, n, n).

    NaN for a matrix that is not finite, for which LAPACK would raise an error.
    """
    finite = np.asarray(np.isfinite(A).all(axis=(1, 2), keepdims=True))
    values, vectors = np.linalg.eigh(np.where(finite, A, 0))
    return np.where(finite[..., 0], values, np.nan), np.where(finite, vectors, np.nan)
