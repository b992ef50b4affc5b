"""By epoch: the sharpness of the model over its training, as a column of the history."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from optcli.core.arrays import Array
from optcli.core.events import EpochEnded, TrainingEvent
from optcli.surface.curvature import STEPS, hessian, largest
from optcli.surface.heights import Slopes
from optcli.training.cohort import Cohort
from optcli.training.state import State

MOST_ROWS = 10_000  # of the training rows, as `landscape` takes


def with_sharpness(events: Iterator[TrainingEvent], cohort: Cohort) -> Iterator[TrainingEvent]:
    """The events of a training, with the sharpness in each `training.sharpness`-th epoch's.

    It is the largest eigenvalue of the Hessian of the loss on the training rows, as `evaluate`
    measures that, at `state.model`. Nothing of the training is touched, and its clock stands.
    """
    every = cohort.training.sharpness
    if every is None:
        yield from events
        return
    gauge = Gauge(cohort)
    for event in events:
        if isinstance(event, EpochEnded):
            due = event.epoch % every == 0
            found = gauge(event.state) if due else np.full(len(cohort.replicas), np.nan)
            event = replace(event, sharpness=found)
        yield event


class Gauge:
    """Measures the sharpness of each replica of a cohort on its own training rows."""

    def __init__(self, cohort: Cohort) -> None:
        self.seeds = [replica.seed for replica in cohort.replicas]
        self.slopes = [
            Slopes(cohort, each.data.train.sampled(MOST_ROWS), statistics, 1)
            for each, statistics in zip(
                cohort.replicas,
                np.zeros((len(cohort.replicas), cohort.architecture().statistics.size)),
                strict=True,
            )
        ]

    def __call__(self, state: State) -> Array:
        """The sharpness (R,) of `state.model`; NaN where a replica has diverged."""
        points = state.model.buffer.astype(np.float64)
        found = np.full(len(points), np.nan)
        for replica, (slopes, seed) in enumerate(zip(self.slopes, self.seeds, strict=True)):
            point = points[replica]
            if np.isfinite(point).all():
                slopes.statistics.buffer[0] = state.model_statistics.buffer[replica]
                found[replica] = largest(hessian(slopes, point, STEPS[0]), len(point), seed=seed)
        return found
