"""Courses: what was measured along the final runs of an entry, seed by seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from optcli.comparison.trials import Measure, Ran
from optcli.core.arrays import Array


def courses(measure: Measure, runs: Sequence[Ran]) -> tuple[Array, Array]:
    """Steps (E,) and values (S, E) of S runs, as they were measured; NaN where one was over.

    Where one has diverged its value is infinite, the worst, as in the verdict.
    """
    found = [measure.course(run) for run in runs]
    steps = np.asarray(max((own for own, _ in found), key=len), float)
    values = np.full((len(runs), len(steps)), np.nan)
    for row, run, (_, course) in zip(values, runs, found, strict=True):
        row[: len(course)] = [measure.signed(value) for value in course]
        if run.outcome == "diverged":
            worst = measure.signed(np.inf)
            row[len(course) :] = worst
            row[1:][~np.isfinite(row[1:])] = worst
    return steps, values
