"""Cross-entropy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from optcli.losses.base import LOSSES, Loss
from optcli.specs import TargetKind


@LOSSES.register("cross_entropy", "softmax", "softmax_loss", "multinomial_logistic", "logistic")
@dataclass(frozen=True)
class CrossEntropy(Loss):
    """Cross-entropy of softmax scores."""

    target: ClassVar[TargetKind] = "classes"
