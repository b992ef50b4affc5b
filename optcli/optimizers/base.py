"""Optimizer: a rule, as data and a pure update. Stepper: the rule at work on a cohort."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from optcli.registry import Registry
from optcli.specs import Doc, Gt, Registered


@dataclass(frozen=True)
class Optimizer(Registered):
    """An update rule; its fields are its hyperparameters."""

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 1e-3


OPTIMIZERS: Registry[Optimizer] = Registry("optimizer", "optimizers", "optcli.optimizers")
