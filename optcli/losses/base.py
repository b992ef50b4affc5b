"""Loss: the mean over the samples of a batch, and its gradient by the scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from optcli.registry import Registry
from optcli.specs import Registered, TargetKind


@dataclass(frozen=True)
class Loss(Registered):
    """A mean over samples."""

    target: ClassVar[TargetKind] = "values"


LOSSES: Registry[Loss] = Registry("loss", "losses", "optcli.losses")
