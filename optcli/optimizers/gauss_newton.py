"""Gauss-Newton: Newton's method with the Gauss-Newton matrix for the Hessian."""

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
    """Damped Gauss-Newton method with a backtracking line search.

        G = (1/B) Σᵢ Jᵢᵀ·∇²ℓᵢ·Jᵢ
        d = −(G + δ)⁻¹·g
        α ← α/2  until  f(x + α·d) ≤ f(x) + 10⁻⁴·α·gᵀd
        x ← x + α·d

    with Jᵢ the Jacobian of the scores of row i with respect to the parameters, ∇²ℓᵢ the
    Hessian of its loss with respect to the scores, δ = damping, and the line search
    starting at α = lr. G includes the `l2` term. For a convex loss G is positive
    semidefinite, so that d is a descent direction; for a linear model G is the Hessian; for
    `mse` it is 2·JᵀJ/B (over the outputs), the matrix of Gauss and Levenberg. J·v and the
    change of the loss's gradient are four-point differences; the product with Jᵀ is exact.

    State: none. Memory and time are as for `newton`; a model too large for the memory is
    rejected.

    Neither torch nor optax has it. δ is constant: the line search replaces Marquardt's
    rule. An objective of `trace` has no scores: use `newton` there.

    Use it when a regression or classification of few parameters should be fitted exactly in few
    steps. Avoid it beyond some thousand parameters, or for noisy mini-batches.

    Reference: N. Schraudolph, Fast curvature matrix-vector products for second-order
    gradient descent, 2002, section 3; K. Levenberg, A method for the solution of certain
    non-linear problems in least squares, 1944.

    Example: `optimizer: {name: gauss_newton, damping: 0.001}`
    """

    needs_model: ClassVar[Literal["", "scores", "rows"]] = "scores"

    damping: Annotated[float, Ge(0), Doc("damping added to every eigenvalue")] = 1e-6

    def product(
        self, oracle: Oracle, x: Array, v: Array, out: Array, at: Array, slope: Array
    ) -> None:
        oracle.gauss_newton(x, v, out)
