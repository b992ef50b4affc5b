"""An objective as a loss: its value at the scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from optcli.core.arrays import Array, Workspace
from optcli.core.specs import TargetKind
from optcli.losses.base import Loss
from optcli.objectives.base import Objective


@dataclass(frozen=True)
class ObjectiveLoss(Loss):
    """The objective's value at the scores."""

    name: ClassVar[str] = "objective"
    target: ClassVar[TargetKind] = "values"

    objective: Objective

    def samples(
        self, prediction: Array, target: Array, gradient: Array | None, work: Workspace
    ) -> Array:
        R, B, n = prediction.shape
        points = prediction.reshape(-1, n)
        if gradient is not None:
            self.objective.gradient(points, gradient.reshape(-1, n, copy=False))
        values = self.objective.value(points).astype(prediction.dtype, copy=False)
        return values.reshape(R, B)
