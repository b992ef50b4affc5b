"""Muon: orthogonalized momentum."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt, Lt
from optcli.optimizers.adam import corrected, moments, quotient
from optcli.optimizers.base import OPTIMIZERS, Decay, Shaped, norm


@OPTIMIZERS.register("muon")
@dataclass(frozen=True)
class Muon(Shaped):
    """Muon: orthogonalized momentum for weight matrices.

    Newton-Schulz iterations turn the momentum into approximately the nearest semi-orthogonal
    matrix:

        B ← μ·B + (1 − μ)·G
        X = (1 − μ)·G + μ·B                           (without nesterov: B)
        X ← X / max(‖X‖, ε)
        ns_steps times:  A = X·Xᵀ,   X ← a·X + (b·A + c·A²)·X
        W ← W − α·(√max(1, outputs/inputs)·X + λ·W)

    with learning rate α = lr, μ = momentum, ε = eps, λ = weight_decay and (a, b, c) =
    (3.4445, −4.775, 2.0315). The kernel of a convolution is reshaped to a matrix, one row
    for each output channel. Biases and other vectors are updated by adamw, with beta1, beta2,
    eps and the same lr and λ.

    State: one array of the weights' size, two of the biases'.

    The same as torch's Muon, except that torch computes X in bfloat16 and accepts only
    matrices. optax.contrib.muon also corrects the bias of the momentum.

    Use it when a network's hidden weights are matrices of some size. Avoid it for tiny or linear
    models; embeddings, biases and the like are left to adamw.

    Reference: K. Jordan and others, Muon: an optimizer for hidden layers in neural
    networks, 2024.

    Example: `optimizer: {name: muon, lr: 0.01}`
    """

    decay: ClassVar[Decay] = "decoupled"
    structure: ClassVar[tuple[str, ...]] = ("ns_steps",)

    momentum: Annotated[float, Ge(0), Lt(1), Doc("momentum coefficient")] = 0.95
    nesterov: Annotated[bool, Doc("use Nesterov momentum")] = True
    ns_steps: Annotated[int, Ge(1), Lt(100), Doc("number of Newton-Schulz iterations")] = 5
    eps: Annotated[float, Gt(0), Doc("small constant for numerical stability")] = 1e-7
    beta1: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the first moment, for vectors")] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the second moment, for vectors")] = (
        0.999
    )
    weight_decay: Annotated[float, Ge(0), Doc("decoupled weight decay, scaled by lr")] = 0.1

    def state_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return {"m": shape, "v": shape} if len(shape) < 2 else {"B": shape}

    def scratch_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        if len(shape) < 2:
            return {"s": shape}
        low, high = sorted((shape[0], math.prod(shape[1:])))
        work = {"Y": (low, high), "A": (low, low), "C": (low, low)}
        return {"s": shape, "X": (low, high), **work}

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        matrices = {"lr": self.lr, "mu": self.momentum, "one_minus_mu": 1 - self.momentum}
        vectors = corrected(self.lr, self.beta1, self.beta2, self.eps, t)
        return {**matrices, "least": self.eps, **vectors}

    def update_for(self, shape: tuple[int, ...]) -> Callable[..., None]:
        return self.vector if len(shape) < 2 else self.matrix

    def matrix(
        self,
        x: Array,
        g: Array,
        B: Array,
        s: Array,
        X: Array,
        Y: Array,
        A: Array,
        C: Array,
        lr: Array,
        mu: Array,
        one_minus_mu: Array,
        least: Array,
    ) -> None:
        """Update a weight."""
        # B ← μ·B + (1 − μ)·G, as B ← B + (1 − μ)·(G − B)
        np.subtract(g, B, s)
        np.multiply(s, one_minus_mu, s)
        np.add(B, s, B)
        # (1 − μ)·G + μ·B, as G + μ·(B − G)
        np.subtract(B, g, s)
        np.multiply(s, mu, s)
        np.add(s, g, s)
        matrix = (s if self.nesterov else B).reshape(len(x), x.shape[1], -1)
        rows, columns = matrix.shape[1:]
        # the shorter side first, so that A is small
        matrix = matrix.swapaxes(1, 2) if rows > columns else matrix
        np.copyto(X, matrix)
        np.divide(X, np.maximum(norm(X), least.reshape(-1, 1, 1)), X)
        orthogonalize(X, self.ns_steps, Y, A, C)
        # a dense layer's weight is (inputs, outputs), a kernel (outputs, inputs, …)
        outputs, inputs = (columns, rows) if x.ndim == 3 else (rows, columns)
        step = (X.swapaxes(1, 2) if rows > columns else X).reshape(x.shape)
        np.multiply(step, lr * math.sqrt(max(1, outputs / inputs)), s)
        np.subtract(x, s, x)

    def vector(
        self,
        x: Array,
        g: Array,
        m: Array,
        v: Array,
        s: Array,
        beta1: Array,
        one_minus_beta1: Array,
        beta2: Array,
        one_minus_beta2: Array,
        alpha_t: Array,
        eps_hat: Array,
    ) -> None:
        """Update a bias, as adam does."""
        moments(m, v, g, beta1, one_minus_beta1, beta2, one_minus_beta2, s)  # m, v
        quotient(m, v, eps_hat, s)  # m / (√v + ε̂)
        np.multiply(s, alpha_t, s)
        np.subtract(x, s, x)


def orthogonalize(X: Array, steps: int, Y: Array, A: Array, C: Array) -> None:
    """Bring the singular values of X (R, m, n) near 1 by Newton-Schulz iterations, in place.

    Y (R, m, n), A and C (R, m, m): scratch.
    """
    for _ in range(steps):
        # A = X·Xᵀ,   X ← a·X + (b·A + c·A²)·X
        np.matmul(X, X.swapaxes(1, 2), out=A)
        np.matmul(A, A, out=C)
        np.multiply(C, 2.0315, C)
        np.multiply(A, -4.775, A)
        np.add(A, C, A)
        np.matmul(A, X, out=Y)
        np.multiply(X, 3.4445, X)
        np.add(X, Y, X)
