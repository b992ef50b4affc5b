"""Price: what a step costs, measured apart from the runs that are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from optcli.comparison.trials import prepared
from optcli.events import Ended
from optcli.optimizers.base import Optimizer
from optcli.optimizers.sgd import SGD
from optcli.task import Task, blas_threads
from optcli.training import Replica, train_cohort

ROUNDS = 20
SECONDS = 0.3  # of all rounds together, where a step is short enough
STEPS = 100  # of a round, at most
SPREAD = 0.25  # between the quartiles of the rounds, beyond which there is no price
NAME = ""  # of plain SGD, where it is none of the labels


def prices(settings: Mapping[str, tuple[Task, Optimizer]]) -> dict[str, float | None]:
    """The seconds of a step by label, over those of plain SGD on the first one's task.

    Each trains alone, in turn, in 20 rounds; the price is the median of the rounds' ratios.
    None where their quartiles differ by more than a quarter of it: another measurement would
    give another price.
    """
    first = next(iter(settings.values()))[0]
    plain = next(
        (label for label, (task, own) in settings.items() if task is first and _is_plain(own)), NAME
    )
    everyone = {plain: (first, SGD()), **settings}
    each = SECONDS / ROUNDS / len(everyone)
    steps, rounds = {}, []
    with blas_threads(first.training.threads):  # to set it takes longer than a round
        for label, (task, optimizer) in everyone.items():
            trial = seconds(task, optimizer, 2)
            steps[label] = max(2, min(STEPS, int(each / max(trial, 1e-9))))
        for _ in range(ROUNDS):
            rounds.append({label: seconds(*everyone[label], steps[label]) for label in everyone})
    ratios = {label: [own[label] / own[plain] for own in rounds] for label in settings}
    return {label: steady(own) for label, own in ratios.items()}


def steady(ratios: Sequence[float]) -> float | None:
    """The median, where the quartiles are near enough to it."""
    low, middle, high = np.quantile(ratios, (0.25, 0.5, 0.75)).tolist()
    return middle if high - low <= SPREAD * middle else None


def _is_plain(optimizer: Optimizer) -> bool:
    """Whether it is plain SGD, of whatever learning rate."""
    return isinstance(optimizer, SGD) and replace(optimizer, lr=SGD().lr) == SGD()


def seconds(task: Task, optimizer: Optimizer, steps: int) -> float:
    """The seconds of a step, by the clock of the training."""
    training = replace(task.training, steps=steps, early_stopping=None, time_limit=None)
    short = replace(task, training=training, metrics=())
    cohort = short.cohort([Replica(optimizer, prepared(task, None), task.seed)])
    *_, event = train_cohort(cohort)
    assert isinstance(event, Ended)
    return event.seconds / max(1, int(event.steps[0]))
