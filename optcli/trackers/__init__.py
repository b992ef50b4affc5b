"""Trackers: TensorBoard and MLflow as listeners of a training, as `training.log` names them.

base: what a tracker is, and the packages that they need. tracking: `Tracking`, the listener; a
tracker that fails is let go, with a warning, and training goes on. tensorboard: event files in the
run folder. mlflow: a run at the user's own MLflow. Packages are imported when a tracker begins.
"""

from optcli.trackers.base import Beginning, require
from optcli.trackers.tracking import Tracking

__all__ = ["Beginning", "Tracking", "require"]
