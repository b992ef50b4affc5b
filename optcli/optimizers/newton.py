"""Newton's method, damped, with a line search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt
from optcli.optimizers.base import OPTIMIZERS, Oracle, Shaped, dot, hessian_product
from optcli.optimizers.shampoo import eigen

# Armijo's condition: the required fraction of the predicted decrease, and the largest number
# of halvings of the step.
ARMIJO, HALVINGS = 1e-4, 40


@OPTIMIZERS.register("newton")
@dataclass(frozen=True)
class Newton(Shaped):
    """Newton's method, damped, with a backtracking line search.

        H = ∇²f(x) = Q·Λ·Qᵀ
        d = −Q·(|Λ| + δ)⁻¹·Qᵀ·g
        α ← α/2  until  f(x + α·d) ≤ f(x) + 10⁻⁴·α·gᵀd
        x ← x + α·d

    with δ = damping, and the line search starting at α = lr. Where f is convex, d is
    −(H + δ)⁻¹·g; elsewhere |Λ| makes d a descent direction, which leads away from saddle
    points. Each column of H is a four-point difference of gradients, accurate to about 12
    digits in float64 and 5 in float32. Use it for convex problems of up to some thousand
    parameters with `batch_size: full` and `dtype: float64`: a dozen steps then reach the
    minimum to rounding.

    State: none. A step needs two P × P matrices for P parameters, and time of order P³. With
    a million parameters that is 8 TB in float32. A model too large for the memory is
    rejected; use `lbfgs` then.

    Neither torch nor optax has it.

    Use it when a convex problem has few parameters: it ends in a handful of steps. Avoid it
    beyond some thousand parameters, where the Hessian costs too much, and with mini-batches.

    Reference: S. Boyd and L. Vandenberghe, Convex optimization, 2004, algorithm 9.5; |Λ|:
    Y. Dauphin and others, Identifying and attacking the saddle point problem, 2014.

    Example: `optimizer: {name: newton, damping: 0.001}`
    """

    whole: ClassVar[bool] = True
    needs_oracle: ClassVar[bool] = True
    lr_is_rate: ClassVar[bool] = False

    lr: Annotated[float, Gt(0), Doc("initial step size of the line search")] = 1.0
    damping: Annotated[float, Ge(0), Doc("damping added to every eigenvalue")] = 1e-8

    def scratch_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        (size,) = shape
        square = (size, size)
        return {"d": shape, "v": shape, "at": shape, "slope": shape, "H": square, "Q": square}

    def coefficients(self, t: Array) -> dict[str, Array | float]:
        return {"lr": self.lr, "damping": self.damping}

    def update(
        self,
        x: Array,
        g: Array,
        d: Array,
        v: Array,
        at: Array,
        slope: Array,
        H: Array,
        Q: Array,
        lr: Array,
        damping: Array,
        oracle: Oracle,
    ) -> None:
        v.fill(0)
        for column in range(x.shape[1]):
            v[:, column] = 1
            self.product(oracle, x, v, d, at, slope)
            H[:, column] = d
            v[:, column] = 0
        np.add(H, H.swapaxes(1, 2), Q)  # symmetrize: (H + Hᵀ)/2
        np.multiply(Q, 0.5, H)
        # H = Q·Λ·Qᵀ
        curvatures, Q[:] = eigen(H)
        np.abs(curvatures, curvatures)
        np.add(curvatures, damping, curvatures)  # |Λ| + δ
        # a direction with curvature 0 is not moved
        inverse = np.divide(1, curvatures, out=np.zeros_like(curvatures), where=curvatures != 0)
        # d = −Q·(|Λ| + δ)⁻¹·Qᵀ·g
        along = np.matmul(g[:, None], Q)[:, 0] * inverse
        np.matmul(Q, along[..., None], out=d[..., None])
        np.negative(d, d)
        step_down(oracle, x, d, dot(g, d), lr, at, slope)

    def product(
        self, oracle: Oracle, x: Array, v: Array, out: Array, at: Array, slope: Array
    ) -> None:
        """Write the curvature matrix at x times v into `out`; at, slope: scratch."""
        hessian_product(oracle, x, v, out, at, slope)


def step_down(
    oracle: Oracle, x: Array, d: Array, slope: Array, step: Array, at: Array, g: Array
) -> None:
    """Move x along d (R, P), halving `step` (R, 1) until Armijo's condition holds.

    slope: gᵀd at x, (R, 1). at, g: scratch.
    """
    start = oracle.gradient(x, g)[:, None].copy()
    # tolerance for rounding, which decides near the minimum
    limit = start + 4 * np.finfo(x.dtype).eps * np.abs(start)
    for _ in range(HALVINGS):
        np.multiply(d, step, at)
        np.add(x, at, at)
        value = oracle.gradient(at, g)[:, None]
        # f(x + α·d) ≤ f(x) + 10⁻⁴·α·gᵀd
        enough = value <= limit + ARMIJO * step * slope
        if enough.all():
            break
        oracle.needed = ~enough[:, 0]
        step = np.where(enough, step, step / 2)
    oracle.needed = None
    np.multiply(d, step, at)
    np.add(x, at, x)
