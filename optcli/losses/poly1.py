"""Poly-1: cross-entropy with an adjusted first polynomial coefficient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array, Workspace
from optcli.core.specs import Doc, Ge, TargetKind
from optcli.losses.base import LOSSES, Loss, buffers
from optcli.losses.cross_entropy import cross_entropy


@LOSSES.register("poly1", "poly_loss", "poly_loss_cross_entropy")
@dataclass(frozen=True)
class Poly1(Loss):
    """Cross-entropy plus epsilon times (1 − probability of the true class).

    With scores s and class y, and p = softmax(s):

        ℓ = −log p_y + ε·(1 − p_y)
        ∂ℓ/∂s_j = (1 + ε·p_y)·(p_j − [j = y])

    −log p_y is the sum of (1 − p_y)^k / k; ε is added to the coefficient of the first term.
    The same as the mean of optax's poly_loss_cross_entropy, with the same default.

    Use it when cross_entropy suits and one more number may be tuned. Avoid it as a first
    choice.

    Reference: Z. Leng and others, PolyLoss: a polynomial expansion perspective of
    classification loss functions, ICLR 2022, Poly-1.

    Example: `loss: {name: poly1, epsilon: 1}`
    """

    target: ClassVar[TargetKind] = "classes"
    analytic: ClassVar[bool] = True

    epsilon: Annotated[float, Ge(-1), Doc("value added to the first polynomial coefficient")] = 2.0

    def samples(
        self, prediction: Array, target: Array, gradient: Array | None, work: Workspace
    ) -> Array:
        losses = cross_entropy(prediction, target, gradient, work)
        (p,) = buffers(work, losses, "own probability")
        np.negative(losses, p)
        np.expm1(p, p)  # p_y − 1
        np.multiply(p, self.epsilon, p)
        np.subtract(losses, p, losses)
        if gradient is not None:
            np.add(p, 1 + self.epsilon, p)
            np.multiply(gradient, p[..., None], gradient)
        return losses
