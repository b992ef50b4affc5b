"""Schedules: hyperparameters, the learning rate above all, as functions of the step.

`base` has `Schedule`; then one file each.
"""

from __future__ import annotations

from optcli.schedules.base import SCHEDULES, Schedule

__all__ = ["SCHEDULES", "Schedule"]
