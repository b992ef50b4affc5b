"""Muon: momentum, made orthogonal."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.arrays import Array
from optcli.optimizers.base import OPTIMIZERS, Decay, Shaped, mix, norm, power
from optcli.specs import Doc, Ge, Gt, Lt


@OPTIMIZERS.register("muon")
@dataclass(frozen=True)
class Muon(Shaped):
    """Turn the momentum of each weight into the nearest matrix that only rotates.

        B ← μ·B + (1 − μ)·G
        X = (1 − μ)·G + μ·B                           (without nesterov: B)
        X ← X / max(‖X‖, ε)
        ns_steps times:  A = X·Xᵀ,   X ← a·X + (b·A + c·A²)·X
        W ← W − α·(√max(1, outputs/inputs)·X + λ·W)

    with learning rate α = lr, μ = momentum, ε = eps, λ = weight_decay and (a, b, c) =
    (3.4445, −4.775, 2.0315). The kernel of a convolution is taken as a matrix, one row for
    each output channel. Biases and other vectors are moved by adamw, with beta1, beta2, eps
    and the same lr and λ.

    State: one array of the size of the weights, two of the biases'.

    The same as torch's Muon, but that computes X in half the digits (bfloat16), and takes
    no vectors. optax's contrib.muon corrects the momentum's bias.

    Reference: K. Jordan and others, Muon: an optimizer for hidden layers in neural
    networks, 2024.

    Example: `optimizer: {name: muon, lr: 0.01}`
    """

    decay: ClassVar[Decay] = "decoupled"
    structure: ClassVar[tuple[str, ...]] = ("ns_steps",)

    momentum: Annotated[float, Ge(0), Lt(1), Doc("how much of the mean stays")] = 0.95
    nesterov: Annotated[bool, Doc("look ahead along the mean")] = True
    ns_steps: Annotated[int, Ge(1), Lt(100), Doc("steps towards orthogonality")] = 5
    eps: Annotated[float, Gt(0), Doc("least norm; of vectors, added to the root")] = 1e-7
    beta1: Annotated[float, Ge(0), Lt(1), Doc("of vectors: how much of the mean stays")] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1), Doc("of vectors: of the mean square")] = 0.999
    weight_decay: Annotated[float, Ge(0), Doc("decoupled: shrinks x by lr times it")] = 0.1

    def spaces(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return {"mean": shape, "square": shape} if len(shape) < 2 else {"mean": shape}

    def rooms(self, shape: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
        if len(shape) < 2:
            return (shape,)
        low, high = sorted((shape[0], math.prod(shape[1:])))
        return shape, (low, high), (low, high), (low, low), (low, low)

    def coefficients(self, t: Array) -> tuple[Array | float, ...]:
        root = np.sqrt(1 - power(self.beta2, t))  # √v̂ = √v / root
        rate = self.lr * root / (1 - power(self.beta1, t))
        betas = self.beta1, 1 - self.beta1, self.beta2, 1 - self.beta2
        matrices = self.lr, self.momentum, 1 - self.momentum, self.eps
        return *matrices, *betas, rate, self.eps * root

    def update(self, x: Array, g: Array, *rest: Array) -> None:
        if x.ndim > 2:
            self._matrix(x, g, *rest[:-6])
        else:
            m, v, s, _, _, _, _, *numbers = rest
            self._vector(x, g, m, v, s, *numbers)

    def _matrix(
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
        momentum: Array,
        new: Array,
        eps: Array,
    ) -> None:
        np.subtract(g, B, s)
        np.multiply(s, new, s)
        np.add(B, s, B)
        np.subtract(B, g, s)
        np.multiply(s, momentum, s)
        np.add(s, g, s)
        matrix = (s if self.nesterov else B).reshape(len(x), x.shape[1], -1)
        rows, columns = matrix.shape[1:]
        # the shorter side first, so that A is small
        matrix = matrix.swapaxes(1, 2) if rows > columns else matrix
        np.copyto(X, matrix)
        np.divide(X, np.maximum(norm(X), eps.reshape(-1, 1, 1)), X)
        orthogonalize(X, self.ns_steps, Y, A, C)
        # a dense layer's weight is (inputs, outputs), a kernel (outputs, inputs, …)
        outputs, inputs = (columns, rows) if x.ndim == 3 else (rows, columns)
        step = (X.swapaxes(1, 2) if rows > columns else X).reshape(x.shape)
        np.multiply(step, lr * math.sqrt(max(1, outputs / inputs)), s)
        np.subtract(x, s, x)

    def _vector(
        self,
        x: Array,
        g: Array,
        m: Array,
        v: Array,
        s: Array,
        beta1: Array,
        new1: Array,
        beta2: Array,
        new2: Array,
        rate: Array,
        eps: Array,
    ) -> None:
        mix(m, g, beta1, new1, s)
        np.multiply(g, g, s)
        mix(v, s, beta2, new2, s)
        np.sqrt(v, s)
        np.add(s, eps, s)
        np.divide(m, s, s)
        np.multiply(s, rate, s)
        np.subtract(x, s, x)


def orthogonalize(X: Array, steps: int, Y: Array, A: Array, C: Array) -> None:
    """Bring the singular values of X (R, m, n) near 1, in place: Newton and Schulz.

    Y (R, m, n), A and C (R, m, m) are room to work in.
    """
    for _ in range(steps):
        np.matmul(X, X.swapaxes(1, 2), out=A)
        np.matmul(A, A, out=C)
        np.multiply(C, 2.0315, C)
        np.multiply(A, -4.775, A)
        np.add(A, C, A)
        np.matmul(A, X, out=Y)
        np.multiply(X, 3.4445, X)
        np.add(X, Y, X)
