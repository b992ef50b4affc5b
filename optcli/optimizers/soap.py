"""SOAP: Adam in the axes of Shampoo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.arrays import Array
from optcli.optimizers.base import OPTIMIZERS, Decay, Shaped, mix, power
from optcli.optimizers.shampoo import eigen
from optcli.specs import Doc, Ge, Gt, Lt


@OPTIMIZERS.register("soap")
@dataclass(frozen=True)
class SOAP(Shaped):
    """Run Adam in the eigenvectors of Shampoo's preconditioners, which turn slowly.

        G′ = Qₗᵀ·G·Qᵣ
        M ← β₁·M + (1 − β₁)·G,   M′ = Qₗᵀ·M·Qᵣ
        V ← β₂·V + (1 − β₂)·G′²
        N = Qₗ·(M′ / (√V + ε))·Qᵣᵀ
        W ← W − α·(√(1 − β₂ᵏ)/(1 − β₁ᵏ)·N + λ·W)      k = t − 1
        L ← β₂·L + (1 − β₂)·G·Gᵀ,   R ← β₂·R + (1 − β₂)·Gᵀ·G
        every `frequency` steps:  Qₗ ← QR(L·Qₗ),  Qᵣ ← QR(R·Qᵣ)

    with learning rate α = lr, β₁ = beta1, β₂ = beta2, ε = eps, λ = weight_decay. The axes
    are sorted by their eigenvalues before the QR decomposition, and V with them. The first
    step only decays W and takes the axes from the first gradient. The kernel of a
    convolution is taken as a matrix, one row for each output channel; vectors are not
    turned.

    State: for an m × n weight two arrays of its size, two m × m matrices and two n × n; of
    the size of the biases two arrays. A step that turns the axes needs time of the order
    of m³ + n³, and room of its own.

    Neither torch nor optax has it. As in the authors' code, the bias is corrected, and M
    stays in the weight's own axes; there the first step does not decay W either.

    Reference: N. Vyas and others, SOAP: improving and stabilizing Shampoo using Adam, 2025,
    algorithms 3 and 4.

    Example: `optimizer: {name: soap, lr: 0.003, frequency: 10}`
    """

    matrices: ClassVar[bool] = True
    structure: ClassVar[tuple[str, ...]] = ("frequency",)
    decay: ClassVar[Decay] = "decoupled"

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 3e-3
    beta1: Annotated[float, Ge(0), Lt(1), Doc("how much of the mean stays")] = 0.95
    beta2: Annotated[float, Ge(0), Lt(1), Doc("how much of squares and axes stays")] = 0.95
    eps: Annotated[float, Gt(0), Doc("added to the root, against division by 0")] = 1e-8
    frequency: Annotated[int, Ge(1), Doc("steps from one turn of the axes to the next")] = 10
    weight_decay: Annotated[float, Ge(0), Doc("decoupled: shrinks x by lr times it")] = 1e-2

    def spaces(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        moments = {"mean": shape, "square": shape}
        if len(shape) < 2:
            return moments
        m, n = shape
        sides = {"left": (m, m), "right": (n, n), "left_axes": (m, m), "right_axes": (n, n)}
        return moments | sides

    def rooms(self, shape: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
        if len(shape) < 2:
            return (shape, shape)
        m, n = shape
        return shape, shape, (m, m), (n, n)

    def coefficients(self, t: Array) -> tuple[Array | float, ...]:
        k = np.maximum(t - 1, 1)
        rate = self.lr * np.sqrt(1 - power(self.beta2, k)) / (1 - power(self.beta1, k))
        new = 1 - np.asarray(self.beta1), 1 - np.asarray(self.beta2)
        return rate, t, (t - 1) % self.frequency, self.beta1, self.beta2, *new, self.eps

    def update(self, x: Array, g: Array, *rest: Array) -> None:
        if x.ndim > 2:
            self._matrix(x, g, *rest)
        else:
            self._vector(x, g, *rest)

    def _vector(
        self,
        x: Array,
        g: Array,
        m: Array,
        v: Array,
        s: Array,
        w: Array,
        rate: Array,
        t: Array,
        _: Array,
        beta1: Array,
        beta2: Array,
        new1: Array,
        new2: Array,
        eps: Array,
    ) -> None:
        if t.item(0) == 1:
            return
        mix(m, g, beta1, new1, s)
        np.multiply(g, g, w)
        mix(v, w, beta2, new2, s)
        np.sqrt(v, s)
        np.add(s, eps, s)
        np.divide(m, s, s)
        np.multiply(s, rate, s)
        np.subtract(x, s, x)

    def _matrix(
        self,
        x: Array,
        g: Array,
        m: Array,
        v: Array,
        L: Array,
        R: Array,
        left: Array,
        right: Array,
        s: Array,
        w: Array,
        LL: Array,
        RR: Array,
        rate: Array,
        t: Array,
        phase: Array,
        beta1: Array,
        beta2: Array,
        new1: Array,
        new2: Array,
        eps: Array,
    ) -> None:
        first = t.item(0) == 1
        if not first:
            mix(m, g, beta1, new1, s)
            np.matmul(left.swapaxes(1, 2), g, out=w)
            np.matmul(w, right, out=s)
            np.multiply(s, s, s)
            mix(v, s, beta2, new2, w)
            np.matmul(left.swapaxes(1, 2), m, out=w)
            np.matmul(w, right, out=s)
            np.sqrt(v, w)
            np.add(w, eps, w)
            np.divide(s, w, s)
            np.matmul(left, s, out=w)
            np.matmul(w, right.swapaxes(1, 2), out=s)
            np.multiply(s, rate, s)
            np.subtract(x, s, x)
        np.matmul(g, g.swapaxes(1, 2), out=LL)
        L[:] = beta2 * L + new2 * LL
        np.matmul(g.swapaxes(1, 2), g, out=RR)
        R[:] = beta2 * R + new2 * RR
        if first:
            left[:] = eigen(L)[1][..., ::-1]
            right[:] = eigen(R)[1][..., ::-1]
        elif phase.item(0) == 0:
            rows, columns = turn(left, L), turn(right, R)
            sorted_rows = np.take_along_axis(v, rows[:, :, None], axis=1)
            v[:] = np.take_along_axis(sorted_rows, columns[:, None, :], axis=2)


def turn(Q: Array, A: Array) -> Array:
    """Turn axes Q (R, n, n) towards the eigenvectors of A, by one step of power iteration.

    Gives the order (R, n) in which the old axes now stand, by falling eigenvalue.
    """
    pulled = np.matmul(A, Q)
    order = np.argsort(-(Q * pulled).sum(axis=1), axis=1, kind="stable")
    Q[:] = np.linalg.qr(np.take_along_axis(pulled, order[:, None, :], axis=2)).Q
    return order
