"""SOAP: Adam in Shampoo's eigenbasis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt, Lt
from optcli.optimizers.adam import moments, quotient
from optcli.optimizers.base import OPTIMIZERS, Decay, Shaped, mix, power
from optcli.optimizers.shampoo import eigen


@OPTIMIZERS.register("soap")
@dataclass(frozen=True)
class SOAP(Shaped):
    """SOAP: Adam in the eigenbasis of Shampoo's preconditioners.

        G′ = Qₗᵀ·G·Qᵣ
        M ← β₁·M + (1 − β₁)·G,   M′ = Qₗᵀ·M·Qᵣ
        V ← β₂·V + (1 − β₂)·G′²
        N = Qₗ·(M′ / (√V + ε))·Qᵣᵀ
        W ← W − α·(√(1 − β₂ᵏ)/(1 − β₁ᵏ)·N + λ·W)      k = t − 1
        L ← β₂·L + (1 − β₂)·G·Gᵀ,   R ← β₂·R + (1 − β₂)·Gᵀ·G
        every `frequency` steps:  Qₗ ← QR(L·Qₗ),  Qᵣ ← QR(R·Qᵣ)

    with learning rate α = lr, β₁ = beta1, β₂ = beta2, ε = eps, λ = weight_decay. The
    eigenvectors are sorted by their eigenvalues before the QR decomposition, and V with
    them. The first step only decays W and computes the eigenvectors of the first gradient's
    L and R. The kernel of a convolution is reshaped to a matrix, one row for each output
    channel; vectors are updated without rotation.

    State: for an m × n weight two arrays of its size, two m × m and two n × n matrices; for
    biases two arrays of their size. A step that updates the eigenvectors needs time of order
    m³ + n³, and more memory.

    Neither torch nor optax has it. As in the authors' code, there is bias correction, and
    M is stored unrotated; the authors' first step does not decay W.

    Use it when shampoo's directions should come with adam's steadiness. Avoid it for wide layers
    or cheap steps: it rotates every gradient.

    Reference: N. Vyas and others, SOAP: improving and stabilizing Shampoo using Adam, 2025,
    algorithms 3 and 4.

    Example: `optimizer: {name: soap, lr: 0.003, frequency: 10}`
    """

    matrices: ClassVar[bool] = True
    structure: ClassVar[tuple[str, ...]] = ("frequency",)
    decay: ClassVar[Decay] = "decoupled"

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 3e-3
    beta1: Annotated[float, Ge(0), Lt(1), Doc("decay rate of the first moment")] = 0.95
    beta2: Annotated[
        float, Ge(0), Lt(1), Doc("decay rate of second moment and preconditioners")
    ] = 0.95
    eps: Annotated[float, Gt(0), Doc("small constant for numerical stability")] = 1e-8
    frequency: Annotated[int, Ge(1), Doc("steps between updates of the eigenbasis")] = 10
    weight_decay: Annotated[float, Ge(0), Doc("decoupled weight decay, scaled by lr")] = 1e-2

    def state_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        if len(shape) < 2:
            return {"m": shape, "v": shape}
        m, n = shape
        sides = {"L": (m, m), "R": (n, n), "Q_L": (m, m), "Q_R": (n, n)}
        return {"M": shape, "V": shape, **sides}

    def scratch_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        if len(shape) < 2:
            return {"s": shape, "w": shape}
        m, n = shape
        return {"s": shape, "w": shape, "GGt": (m, m), "GtG": (n, n)}

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        k = np.maximum(t - 1, 1)
        return {
            "alpha_t": self.lr * np.sqrt(1 - power(self.beta2, k)) / (1 - power(self.beta1, k)),
            "t": t,
            "phase": (t - 1) % self.frequency,
            "beta1": self.beta1,
            "beta2": self.beta2,
            "one_minus_beta1": 1 - np.asarray(self.beta1),
            "one_minus_beta2": 1 - np.asarray(self.beta2),
            "eps": self.eps,
        }

    def update_for(self, shape: tuple[int, ...]) -> Callable[..., None]:
        return self.vector if len(shape) < 2 else self.matrix

    def vector(
        self,
        x: Array,
        g: Array,
        m: Array,
        v: Array,
        s: Array,
        alpha_t: Array,
        t: Array,
        beta1: Array,
        beta2: Array,
        one_minus_beta1: Array,
        one_minus_beta2: Array,
        eps: Array,
    ) -> None:
        """Update a bias, as adam does, from the second step on."""
        if t.item(0) == 1:
            return
        moments(m, v, g, beta1, one_minus_beta1, beta2, one_minus_beta2, s)  # m, v
        quotient(m, v, eps, s)
        np.multiply(s, alpha_t, s)
        np.subtract(x, s, x)

    def matrix(
        self,
        x: Array,
        g: Array,
        M: Array,
        V: Array,
        L: Array,
        R: Array,
        Q_L: Array,
        Q_R: Array,
        s: Array,
        w: Array,
        GGt: Array,
        GtG: Array,
        alpha_t: Array,
        t: Array,
        phase: Array,
        beta1: Array,
        beta2: Array,
        one_minus_beta1: Array,
        one_minus_beta2: Array,
        eps: Array,
    ) -> None:
        """Update a weight."""
        first = t.item(0) == 1
        if not first:
            mix(M, g, beta1, one_minus_beta1, s)  # M ← β₁·M + (1 − β₁)·G
            # V ← β₂·V + (1 − β₂)·G′²,   G′ = Qₗᵀ·G·Qᵣ
            np.matmul(Q_L.swapaxes(1, 2), g, out=w)
            np.matmul(w, Q_R, out=s)
            np.multiply(s, s, s)
            mix(V, s, beta2, one_minus_beta2, w)
            # N = Qₗ·(M′ / (√V + ε))·Qᵣᵀ,   M′ = Qₗᵀ·M·Qᵣ
            np.matmul(Q_L.swapaxes(1, 2), M, out=w)
            np.matmul(w, Q_R, out=s)
            quotient(s, V, eps, w)
            np.matmul(Q_L, w, out=s)
            np.matmul(s, Q_R.swapaxes(1, 2), out=w)
            np.multiply(w, alpha_t, w)  # α·√(1 − β₂ᵏ)/(1 − β₁ᵏ)·N
            np.subtract(x, w, x)
        np.matmul(g, g.swapaxes(1, 2), out=GGt)
        L[:] = beta2 * L + one_minus_beta2 * GGt  # L ← β₂·L + (1 − β₂)·G·Gᵀ
        np.matmul(g.swapaxes(1, 2), g, out=GtG)
        R[:] = beta2 * R + one_minus_beta2 * GtG  # R ← β₂·R + (1 − β₂)·Gᵀ·G
        if first:
            Q_L[:] = eigen(L)[1][..., ::-1]
            Q_R[:] = eigen(R)[1][..., ::-1]
        elif phase.item(0) == 0:
            rows, columns = turn(Q_L, L), turn(Q_R, R)
            sorted_rows = np.take_along_axis(V, rows[:, :, None], axis=1)
            V[:] = np.take_along_axis(sorted_rows, columns[:, None, :], axis=2)


def turn(Q: Array, A: Array) -> Array:
    """Move Q (R, n, n) towards the eigenvectors of A by one power iteration, in place.

    Returns the new order (R, n) of the old columns, by descending eigenvalue.
    """
    pulled = np.matmul(A, Q)
    order = np.argsort(-(Q * pulled).sum(axis=1), axis=1, kind="stable")
    Q[:] = np.linalg.qr(np.take_along_axis(pulled, order[:, None, :], axis=2)).Q
    return order
