"""Which optimizers of a suite cost too much for all of its problems."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from optcli.comparison.problem import Problem
from optcli.comparison.step_time import rounds
from optcli.comparison.tuning import Competitor
from optcli.core.environment import blas_threads

COSTLY = 10.0  # SGD steps; whose step costs more stands apart, on fewer problems
PROBE_ROUNDS, PROBE_SECONDS = 5, 0.002


def costly(problem: Problem, entries: Sequence[Competitor]) -> list[str]:
    """The labels of entries whose step takes more than ten steps of the problem's first one.

    Processor time of a few rounds each: medians, good to a factor of two.
    """
    times = {}
    with blas_threads(problem.entries[0].task.training.threads):
        for entry in [problem.entries[0], *entries]:
            steps = rounds(entry.task, entry.optimizer, PROBE_SECONDS)
            next(steps)  # the first steps find nothing in the cache
            times[entry.label] = float(np.median([next(steps) for _ in range(PROBE_ROUNDS)]))
    limit = COSTLY * times[problem.entries[0].label]
    return [entry.label for entry in entries if times[entry.label] > limit]
