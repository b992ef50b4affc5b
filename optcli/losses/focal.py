"""Focal loss: cross-entropy with less weight on easy samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Self

import numpy as np

from optcli.core.arrays import Array, Workspace
from optcli.core.specs import Doc, Ge, TargetKind
from optcli.losses.base import LOSSES, Loss, Weight, Weights, buffers, named_weights, settled
from optcli.losses.cross_entropy import cross_entropy


@LOSSES.register("focal", "focal_loss", "categorical_focal_cross_entropy")
@dataclass(frozen=True)
class Focal(Loss):
    """Cross-entropy times (1 − p_y)^gamma, which gives easy samples less weight.

    With scores s and class y, p = softmax(s), c = −log p_y and r = 1 − p_y:

        ℓ = α_y·r^γ·c
        ∂ℓ/∂s_j = α_y·r^γ·(1 + γ·p_y·c/r)·(p_j − [j = y])

    At γ = 0 it is the cross-entropy. alpha is one factor, or one for each class; the
    mean over a batch does not divide by it. Neither torch nor optax has it; Keras's
    CategoricalFocalCrossentropy has α = 0.25 by default.

    Use it when classes are rare and easy rows swamp the others. Avoid it where probabilities
    are to be believed.

    Reference: T.-Y. Lin and others, Focal loss for dense object detection, ICCV 2017, eq. 5.

    Example: `loss: {name: focal, gamma: 1.5}`
    """

    target: ClassVar[TargetKind] = "classes"
    analytic: ClassVar[bool] = True

    gamma: Annotated[float, Ge(0), Doc("focusing exponent; 0 is cross-entropy")] = 2.0
    alpha: Annotated[
        Weight | Weights | None,
        Doc("weight of all classes, or of each as a list or by name"),
    ] = None

    def fitted(self, target: Array, weight: Array | None, names: Sequence[str]) -> Self:
        if self.alpha is None or isinstance(self.alpha, float | int):
            return self
        return replace(self, alpha=named_weights("alpha", self.alpha, names))

    def samples(
        self, prediction: Array, target: Array, gradient: Array | None, work: Workspace
    ) -> Array:
        c = cross_entropy(prediction, target, gradient, work)
        r, factor, part = buffers(work, c, "rest", "factor", "part")
        np.negative(c, r)
        np.expm1(r, r)
        np.negative(r, r)  # 1 − p_y
        np.power(r, self.gamma, factor)
        if self.alpha is not None:
            np.multiply(factor, self._alpha(target, work), factor)
        if gradient is not None:
            np.subtract(1, r, part)
            np.multiply(part, c, part)
            np.multiply(part, self.gamma, part)
            np.maximum(r, np.finfo(r.dtype).tiny, out=r)  # so that 0/0 is 0
            np.divide(part, r, part)
            np.add(part, 1, part)
            np.multiply(part, factor, part)
            np.multiply(gradient, part[..., None], gradient)
        return np.multiply(c, factor, c)

    def _alpha(self, target: Array, work: Workspace) -> Array | float:
        if self.alpha is None or isinstance(self.alpha, float | int):
            return self.alpha or 0.0
        weights = settled("alpha", self.alpha)
        own = work.buffer("alpha", target.shape, np.float64)
        return work.constant(("alpha", weights), lambda: np.array(weights)).take(
            target, None, own, "clip"
        )
