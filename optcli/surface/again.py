"""Again: training once more, with the parameters kept on the way.

A run folder keeps its best and its last parameters, not the path between them. But a run is
reproducible to the bit, so that its path is had by training again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optcli.core.arrays import Array
from optcli.core.events import Ended, EpochEnded, Paused, Started
from optcli.training.cohort import Cohort
from optcli.training.loop import train_cohort
from optcli.training.task import last_step, lengths

MOST_POINTS = 200  # of a path, at most twice as many
LEAST_POINTS = 40  # of a path of that many steps
PATH_BYTES = 1 << 28


@dataclass(frozen=True)
class Retrained:
    """What one run came to, trained again.

    steps: (K,), updates before each point, 0 first. points: parameters (K, P) of the model, which
    may be an average of those that are trained, in float64; statistics: (K, S). epochs: (K,).
    best, best_statistics: those of the best epoch, as model.npz has them.
    """

    outcome: str
    steps: Array
    epochs: Array
    points: Array
    statistics: Array
    best: Array
    best_statistics: Array


def retrained(cohort: Cohort) -> Retrained:
    """Train a cohort of one, and keep its parameters at the start, on the way and at the end."""
    _, per_epoch = lengths(cohort)
    epochs = -(-last_step(cohort) // per_epoch)
    within = min(per_epoch, -(-LEAST_POINTS // max(1, epochs)))
    pauses = {round(k * per_epoch / within) for k in range(1, within)}
    kept: list[tuple[int, float, Array, Array]] = []
    every, seen = 1, 0
    most = max(8, min(MOST_POINTS, PATH_BYTES // (8 * cohort.architecture().layout.size)) * 2)
    for event in train_cohort(cohort, pauses=pauses):
        state = event.state
        point = (
            state.step,
            state.step / per_epoch,
            state.model.buffer[0].astype(np.float64),
            state.model_statistics.buffer[0].astype(np.float64),
        )
        if isinstance(event, Started | EpochEnded | Paused):
            if seen % every == 0:
                kept.append(point)
            seen += 1
            if len(kept) > most:
                kept, every = kept[::2], 2 * every
        elif isinstance(event, Ended):
            if kept[-1][0] != point[0]:
                kept.append(point)
            finite = [each for each in kept if np.isfinite(each[2]).all()]
            columns = (np.array(column) for column in zip(*finite, strict=True))
            at, fractions, points, statistics = columns
            return Retrained(
                event.outcomes[0],
                at,
                fractions,
                points,
                statistics,
                state.best[0].copy(),
                state.best_statistics[0].copy(),
            )
    raise AssertionError("training ends with Ended")
