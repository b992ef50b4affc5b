"""Multiclass hinge loss: the margin to every wrong class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array, Workspace, product
from optcli.core.specs import Doc, Gt, TargetKind
from optcli.losses.base import LOSSES, Kink, Loss, buffers, constant
from optcli.losses.cross_entropy import pick, scratch_of


@LOSSES.register("multiclass_hinge", "multiclass_svm", "multi_margin", "weston_watkins")
@dataclass(frozen=True)
class MulticlassHinge(Loss):
    """Multiclass hinge loss, summed over all wrong classes (Weston-Watkins SVM).

    With scores s, class y and margin m:

        ℓ = Σ over j ≠ y of max(0, s_j − s_y + m)
        ∂ℓ/∂s_j = [s_j − s_y + m > 0] for j ≠ y
        ∂ℓ/∂s_y = −Σ over j ≠ y of ∂ℓ/∂s_j

    As in lecture notes on linear classification. torch's multi_margin_loss is this
    divided by the number of classes. The scores are not logits: there are no
    probabilities.

    Use it when decisions and margins between many classes count. Avoid it where probabilities
    are needed.

    Reference: J. Weston and C. Watkins, Support vector machines for multi-class pattern
    recognition, ESANN 1999.

    Example: `loss: {name: multiclass_hinge, margin: 1}`
    """

    target: ClassVar[TargetKind] = "classes"
    kinks: ClassVar[tuple[Kink, ...]] = (
        Kink("s_y = s_j + margin", (1.0, 0.0, 0.5), 0),
        Kink("s_y = s_j + margin for several j", (0.0, 1.0, 0.0), 1),
    )
    analytic: ClassVar[bool] = True

    margin: Annotated[float, Gt(0), Doc("margin of the true class over the others")] = 1.0

    def samples(
        self, prediction: Array, target: Array, gradient: Array | None, work: Workspace
    ) -> Array:
        scratch = scratch_of(prediction, work)
        (lack,) = buffers(work, prediction, "lack")
        losses = work.buffer("hinges", scratch.total.shape, scratch.total.dtype)

        pick(target, prediction, scratch)
        np.subtract(scratch.own, self.margin, scratch.own)
        np.subtract(prediction, scratch.own[..., None], lack)
        lack.put(scratch.at, constant(work, scratch.own, 0), "clip")
        np.maximum(lack, constant(work, lack, 0), out=lack)
        product(lack, scratch.ones, losses)
        if gradient is not None:
            np.sign(lack, gradient)
            product(gradient, scratch.ones, scratch.total)
            np.negative(scratch.total[..., 0], scratch.own)
            gradient.put(scratch.at, scratch.own, "clip")
        return losses[..., 0]
