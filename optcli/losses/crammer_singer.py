"""Crammer and Singer's multiclass hinge loss: the margin to the best wrong class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array, Workspace
from optcli.core.specs import Doc, Gt, TargetKind
from optcli.losses.base import LOSSES, Kink, Loss, buffers, constant
from optcli.losses.cross_entropy import pick, scratch_of


@LOSSES.register("crammer_singer")
@dataclass(frozen=True)
class CrammerSinger(Loss):
    """Multiclass hinge loss of the highest-scoring wrong class (Crammer-Singer SVM).

    With scores s, class y, margin m, and k the wrong class of the highest score:

        ℓ = max(0, s_k − s_y + m)
        ∂ℓ/∂s_k = 1 and ∂ℓ/∂s_y = −1 where s_k − s_y + m > 0; all else is 0

    Of several highest wrong classes, k is the first. The same, for margin 1, as
    scikit-learn's hinge_loss for several classes and the mean of optax's
    multiclass_hinge_loss. The scores are not logits: there are no probabilities.

    Use it when only the decision counts and a margin is wanted. Avoid it where probabilities
    are needed.

    Reference: K. Crammer and Y. Singer, On the algorithmic implementation of multiclass
    kernel-based vector machines, JMLR 2, 2001.

    Example: `loss: crammer_singer`
    """

    target: ClassVar[TargetKind] = "classes"
    kinks: ClassVar[tuple[Kink, ...]] = (
        Kink("s_y = s_k + margin", (1.5, 0.5, 0.0), 0),
        Kink("two highest wrong classes", (0.5, 1.0, 0.5), 1),
        Kink("both at once", (1.0, 0.0, 0.0), 0),
    )
    analytic: ClassVar[bool] = True

    margin: Annotated[float, Gt(0), Doc("margin of the true class over the others")] = 1.0

    def samples(
        self, prediction: Array, target: Array, gradient: Array | None, work: Workspace
    ) -> Array:
        scratch = scratch_of(prediction, work)
        rival = gradient  # is reused as its buffer
        if rival is None:
            (rival,) = buffers(work, prediction, "rival")
        top, losses, zeros = scratch.own, scratch.losses, constant(work, scratch.losses, 0)

        pick(target, prediction, scratch)
        np.subtract(self.margin, scratch.own, losses)
        np.copyto(rival, prediction)
        rival.put(scratch.at, constant(work, top, -np.inf), "clip")
        rival.argmax(2, scratch.at)
        np.add(scratch.at, scratch.first, scratch.at)
        rival.take(scratch.at, None, top, "clip")
        np.add(losses, top, losses)
        np.maximum(losses, zeros, out=losses)
        if gradient is not None:
            np.sign(losses, top)
            gradient.fill(0)
            gradient.put(scratch.at, top, "clip")
            np.add(scratch.first, target, scratch.at)
            np.negative(top, top)
            gradient.put(scratch.at, top, "clip")
        return losses
