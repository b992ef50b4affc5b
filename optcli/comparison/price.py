"""Price: what a step costs, measured apart from the runs that are compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from optcli.comparison.trials import prepared
from optcli.events import Ended
from optcli.optimizers.base import Optimizer
from optcli.optimizers.sgd import SGD
from optcli.task import Task, blas_threads
from optcli.training import Replica, train_cohort

STEPS = 100
ROUNDS = 5
LONG = 0.1  # seconds of a round beyond which it gets fewer steps
NAME = ""  # of plain SGD, where it is none of the labels


def prices(settings: Mapping[str, tuple[Task, Optimizer]]) -> dict[str, float]:
    """The seconds of a step by label, over those of plain SGD on the first one's task.

    Each trains alone, in turn and in several rounds, of which the fastest counts.
    """
    first = next(iter(settings.values()))[0]
    plain = next(
        (label for label, (task, own) in settings.items() if task is first and _is_plain(own)), NAME
    )
    everyone = {plain: (first, SGD()), **settings}
    steps = dict.fromkeys(everyone, STEPS)
    least: dict[str, float] = {}
    for label, (task, optimizer) in everyone.items():
        with blas_threads(task.training.threads):
            trial = seconds(task, optimizer, 2)
        steps[label] = max(2, min(STEPS, int(LONG / max(trial, 1e-9))))
        least[label] = trial
    for _ in range(ROUNDS):
        for label, (task, optimizer) in everyone.items():
            with blas_threads(task.training.threads):
                least[label] = min(least[label], seconds(task, optimizer, steps[label]))
    return {label: least[label] / least[plain] for label in settings}


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
