"""Schedules: hyperparameters, the learning rate above all, as functions of the step.

`base` has `Schedule`, and what a length is; then one file each.
"""

from __future__ import annotations

from optcli.schedules.base import SCHEDULES, Schedule

__all__ = ["SCHEDULES", "Schedule"]
