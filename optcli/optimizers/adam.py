"""Adam."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from optcli.optimizers.base import OPTIMIZERS, Optimizer
from optcli.specs import Doc, Ge, Lt


@OPTIMIZERS.register("adam")
@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam."""

    beta1: Annotated[float, Ge(0), Lt(1), Doc("decay of the first moment")] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1), Doc("decay of the second moment")] = 0.999
    eps: Annotated[float, Ge(0), Doc("added to the root of the second moment")] = 1e-8
    weight_decay: Annotated[float, Ge(0), Doc("coupled: added to the gradient")] = 0.0
