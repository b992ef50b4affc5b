"""Schedules: the learning rate and other hyperparameters as functions of the step.

`base` has `Schedule`; then one file each.
"""

from __future__ import annotations

from optcli.schedules.base import SCHEDULES, Schedule

__all__ = ["SCHEDULES", "Schedule"]
