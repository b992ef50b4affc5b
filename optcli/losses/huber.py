"""Huber loss: squared for small errors, absolute for large ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array, Workspace
from optcli.core.specs import Doc, Gt
from optcli.losses.base import LOSSES, EntryLoss, buffers, constant


@LOSSES.register("huber", "huber_loss")
@dataclass(frozen=True)
class Huber(EntryLoss):
    """Huber loss: quadratic for errors up to delta, linear beyond.

    With r = s − t for each of C outputs, and c = r clipped to [−δ, δ]:

        ℓ = mean over j of c·(r − c/2): ½r² within, δ·(|r| − δ/2) beyond
        ∂ℓ/∂s_j = c / C

    The same as torch's and optax's huber_loss and scikit-learn's HuberLoss; torch's
    smooth_l1 is this divided by delta. With a standardized target, delta is in standard
    deviations of the target.

    Use it when most errors are small and some are huge. Avoid it where the mean itself is asked
    for: large errors count less.

    Reference: P. J. Huber, Robust estimation of a location parameter, Ann. Math.
    Statist. 35, 1964.

    Example: `loss: {name: huber, delta: 0.5}`
    """

    analytic: ClassVar[bool] = True
    scales_target: ClassVar[bool] = True

    delta: Annotated[float, Gt(0), Doc("absolute error beyond which the loss is linear")] = 1.0

    def entries(self, s: Array, t: Array, slope: Array | None, work: Workspace) -> Array:
        return huber(s, t, self.delta, slope, work)


def huber(s: Array, t: Array, delta: float, slope: Array | None, work: Workspace) -> Array:
    """The Huber loss of each entry, and its slope."""
    r, held, half = buffers(work, s, "difference", "held", "half")
    np.subtract(s, t, r)
    np.minimum(r, constant(work, r, delta), out=held)
    np.maximum(held, constant(work, r, -delta), out=held)
    if slope is not None:
        np.copyto(slope, held)
    np.multiply(held, 0.5, half)
    np.subtract(r, half, r)
    return np.multiply(r, held, r)
