"""Time: of a step, relative to SGD, and of runs before they begin; measured apart from them."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from optcli.comparison.trials import Job, Measure, Trial, prepared, seconds
from optcli.comparison.tuning import Competitor
from optcli.core.environment import blas_threads
from optcli.optimizers.base import Optimizer, Shaped
from optcli.optimizers.sgd import SGD
from optcli.schedules.constant import Constant
from optcli.training import Replica, train_cohort
from optcli.training.task import Task

ROUNDS = 20  # at least
# Of an optimizer, in all rounds and in one, at least. Many short rounds repeat as well as few long
# ones of twice the time.
SECONDS, ROUND = 0.04, 0.001
SPREAD = 0.25  # between the quartiles of 20 rounds, beyond which no time is given
FEW_ROUNDS, LONG_ROUND = 6, 0.002  # for seconds; the first round does not count
LONG = 10  # how many times as long as the others' a run is that is announced
STEPS = 10**9  # more than are taken
NAME = ""  # of plain SGD, where it is none of the labels


def relative_step_times(settings: Mapping[str, tuple[Task, Optimizer]]) -> dict[str, float | None]:
    """The seconds of a step by label, over those of plain SGD on the first one's task.

    Each trains alone, in turn, in 20 rounds or more; the result is the interquartile mean of the
    rounds' ratios. None where their quartiles differ by more than a quarter of the median (of n
    rounds: √(n/20) quarters): another measurement would give another number. What an optimizer
    does less often than in every second round (the snapshots of `svrg`, of many rows) is not seen.
    """
    first = next(iter(settings.values()))[0]
    plain = next(
        (label for label, (task, own) in settings.items() if task is first and _is_plain(own)), NAME
    )
    everyone = {plain: (first, SGD()), **settings}
    training = {label: rounds(*everyone[label], ROUND) for label in everyone}
    found: list[dict[str, float]] = []
    with blas_threads(first.training.threads):  # to set it takes longer than a round
        for own in training.values():
            next(own)  # the first steps find nothing in the cache
        end = time.thread_time() + SECONDS * len(everyone)
        while len(found) < ROUNDS or time.thread_time() < end:
            found.append({label: next(own) for label, own in training.items()})
    ratios = {label: [own[label] / own[plain] for own in found] for label in settings}
    return {label: steady(own) for label, own in ratios.items()}


def step_seconds(settings: Mapping[str, tuple[Task, Optimizer]]) -> dict[str, float]:
    """The processor seconds of a step by label: the median of a few rounds, each in its turn."""
    training = {label: rounds(task, own, LONG_ROUND) for label, (task, own) in settings.items()}
    with blas_threads(next(iter(settings.values()))[0].training.threads):
        found = [{label: next(own) for label, own in training.items()} for _ in range(FEW_ROUNDS)]
    return {label: float(np.median([own[label] for own in found[1:]])) for label in settings}


def long_runs(entries: Sequence[Competitor]) -> list[str]:
    """Notes on entries whose runs take over ten times as long as the others'.

    Times are those of a few steps. Elementwise rules on one task take about the same; nothing is
    measured where all are such. Raises InvalidInput.
    """
    plain = all(not isinstance(entry.optimizer, Shaped) for entry in entries)
    if plain and all(entry.task == entries[0].task for entry in entries):
        return []
    took = {}
    for entry in entries:
        trial = Trial(entry.label, entry.optimizer, entry.task.seed)
        took[entry.label] = seconds(Job(entry.task, (trial,), Measure(), fixed_split=True))
    notes = []
    for label, own in took.items():
        others = statistics.median(other for name, other in took.items() if name != label)
        if own > LONG * others:
            notes.append(
                f"a run of {label} takes about {own / others:.0f} times as long as one of the "
                f"others ({own:.2g} s against {others:.2g} s)"
            )
    return notes


def steady(ratios: Sequence[float]) -> float | None:
    """Their interquartile mean, where the quartiles are near enough to the median."""
    low, middle, high = np.quantile(ratios, (0.25, 0.5, 0.75)).tolist()
    if not high - low <= SPREAD * math.sqrt(len(ratios) / ROUNDS) * middle:
        return None
    rest = len(ratios) // 4
    return math.fsum(sorted(ratios)[rest : len(ratios) - rest]) / (len(ratios) - 2 * rest)


def _is_plain(optimizer: Optimizer) -> bool:
    """Whether it is plain SGD, of whatever learning rate."""
    return isinstance(optimizer, SGD) and replace(optimizer, lr=SGD().lr) == SGD()


def rounds(task: Task, optimizer: Optimizer, least: float) -> Iterator[float]:
    """The seconds of a step, over and over, each time of steps that take `least` or longer.

    Seconds that this thread had a processor, whatever else the machine does; what evaluation
    takes is not counted, and there is none; the learning rate is constant.
    """
    training = replace(
        task.training,
        steps=STEPS,
        early_stopping=None,
        time_limit=None,
        on_divergence="continue",
    )
    data = replace(prepared(task, None), validation=None, test=None)
    short = replace(task, training=training, schedule=Constant(), metrics=())
    cohort = short.cohort([Replica(optimizer, data, task.seed)])
    steps, seconds = 0, 0.0
    for event in train_cohort(cohort, clock=time.thread_time, every=least):
        state = event.state
        if state.seconds - seconds >= least and state.step > steps:
            yield (state.seconds - seconds) / (state.step - steps)
            steps, seconds = state.step, state.seconds
