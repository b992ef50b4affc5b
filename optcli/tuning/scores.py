"""Scores: what the runs of a setting are worth, at an epoch that other runs chose.

The model at the end trains without validation rows, for the median of the best epochs. So each
run is measured as that model would be: on its own validation rows, at the median of the best
epochs of the other runs. A setting whose loss jumps from epoch to epoch, and has a good one by
luck, gains nothing by it. A run by itself has its cross-fit value, as in a comparison.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from optcli.comparison.trials import Measure, TrialResult


def scores(results: Sequence[TrialResult], measure: Measure) -> list[float]:
    """Of each run, turned so that lower is better; infinite where it diverged."""
    if len(results) == 1:
        return [measure.tuning(results[0])]
    if any(result.outcome == "diverged" or result.best is None for result in results):
        return [_alone(result, measure) for result in results]
    best = [int(result.history["epoch"][result.best or 0]) for result in results]
    return [
        at_epoch(result, median([*best[:k], *best[k + 1 :]]), measure)
        for k, result in enumerate(results)
    ]


def at_epoch(result: TrialResult, epoch: int, measure: Measure) -> float:
    """The validation loss or metric at an epoch, or the last before it, turned."""
    epochs = result.history["epoch"]
    at = max(i for i, each in enumerate(epochs) if each <= epoch)
    value = result.history[f"validation_{measure.metric}"][at]
    return measure.signed(value) if math.isfinite(value) else math.inf


def _alone(result: TrialResult, measure: Measure) -> float:
    """Beside runs that diverged it does not matter what another comes to."""
    return math.inf if result.outcome == "diverged" else measure.tuning(result)


def best_epochs(results: Sequence[TrialResult]) -> list[int]:
    """The epoch of the lowest validation loss of each run that had one."""
    return [int(r.history["epoch"][r.best]) for r in results if r.best is not None]


def median(epochs: Sequence[int]) -> int:
    """The median, of an even number the higher one of the middle two."""
    return max(1, statistics.median_high(epochs))
