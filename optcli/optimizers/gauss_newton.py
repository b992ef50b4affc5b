"""Gauss-Newton: Newton's method with the curvature of the loss alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge
from optcli.optimizers.base import OPTIMIZERS, Oracle
from optcli.optimizers.newton import Newton


@OPTIMIZERS.register("gauss_newton", "levenberg_marquardt")
@dataclass(frozen=True)
class GaussNewton(Newton):
    """Newton's method, as if the model were linear in its parameters: it never points uphill.

        G = (1/B) Σᵢ Jᵢᵀ·∇²ℓᵢ·Jᵢ
        d = −(G + δ)⁻¹·g
        α ← α/2  until  f(x + α·d) ≤ f(x) + 10⁻⁴·α·gᵀd
        x ← x + α·d

    with Jᵢ the derivative of the scores of row i by the parameters, ∇²ℓᵢ the second of its
    loss by its scores, δ = damping, and the step starting at α = lr. G has what `l2` adds.
    For a convex loss G has no curvature below 0; for a linear model it is the Hessian; for
    `mse` it is 2·JᵀJ/B (over the outputs), the matrix of Gauss and of Levenberg. J·v and
    the change of the loss's gradient are differences at four points; the way back through
    the model is exact.

    State: none; memory and time as of `newton`, and refused where they do not fit.

    Neither torch nor optax has it. Marquardt's rule for δ is left out: the halving of the
    step is in its place. An objective of `trace` has no scores: there use `newton`.

    Reference: N. Schraudolph, Fast curvature matrix-vector products for second-order
    gradient descent, 2002, section 3; K. Levenberg, A method for the solution of certain
    non-linear problems in least squares, 1944.

    Example: `optimizer: {name: gauss_newton, damping: 0.001}`
    """

    needs_model: ClassVar[Literal["", "scores", "rows"]] = "scores"

    damping: Annotated[float, Ge(0), Doc("added to every curvature")] = 1e-6

    def product(
        self, oracle: Oracle, x: Array, v: Array, out: Array, at: Array, slope: Array
    ) -> None:
        oracle.gauss_newton(x, v, out)
