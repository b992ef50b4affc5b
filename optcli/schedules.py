"""Schedules: the learning rate as a function of the step."""

from __future__ import annotations

from dataclasses import dataclass

from optcli.registry import Registry
from optcli.specs import Registered


@dataclass(frozen=True)
class Schedule(Registered):
    """A factor on the learning rate."""


SCHEDULES: Registry[Schedule] = Registry("schedule", "schedules", "optcli.schedules")


@SCHEDULES.register("constant")
@dataclass(frozen=True)
class Constant(Schedule):
    """The same learning rate throughout."""
