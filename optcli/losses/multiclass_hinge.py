"""Multiclass hinge loss: every wrong class must stay below the true one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array, Workspace, product
from optcli.core.specs import Doc, Gt, TargetKind
from optcli.losses.base import LOSSES, Kink, Loss, buffers, constant
from optcli.losses.cross_entropy import pick, room_of


@LOSSES.register("multiclass_hinge", "multiclass_svm", "multi_margin", "weston_watkins")
@dataclass(frozen=True)
class MulticlassHinge(Loss):
    """Multiclass support vector loss: what each wrong class lacks of the margin, summed.

    With scores s, class y and margin m:

        ℓ = Σ over j ≠ y of max(0, s_j − s_y + m)
        ∂ℓ/∂s_j = [s_j − s_y + m > 0] for j ≠ y
        ∂ℓ/∂s_y = −(how many of them)

    As in lecture notes on linear classification. torch's multi_margin_loss is this
    divided by the number of classes. The scores are no logits: there are no
    probabilities.

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

    margin: Annotated[float, Gt(0), Doc("how far above the others costs nothing")] = 1.0

    def samples(
        self, prediction: Array, target: Array, gradient: Array | None, work: Workspace
    ) -> Array:
        room = room_of(prediction, work)
        (lack,) = buffers(work, prediction, "lack")
        losses = work.buffer("hinges", room.total.shape, room.total.dtype)

        pick(target, prediction, room)
        np.subtract(room.own, self.margin, room.own)
        np.subtract(prediction, room.own[..., None], lack)
        lack.put(room.at, constant(work, room.own, 0), "clip")
        np.maximum(lack, constant(work, lack, 0), out=lack)
        product(lack, room.ones, losses)
        if gradient is not None:
            np.sign(lack, gradient)
            product(gradient, room.ones, room.total)
            np.negative(room.total[..., 0], room.own)
            gradient.put(room.at, room.own, "clip")
        return losses[..., 0]
