"""Trials: single runs of a comparison, trained together in cohorts."""

from __future__ import annotations

import functools
import itertools
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from optcli.core.environment import blas_threads
from optcli.core.errors import Fault, InvalidInput
from optcli.core.events import Ended, EpochEnded, Progress, Started
from optcli.core.parameters import Parameters
from optcli.data.opening import check_there
from optcli.data.preparation import Part, Prepared
from optcli.optimizers.base import Optimizer
from optcli.optimizers.stepper import kind
from optcli.plugins import loading
from optcli.storage import files
from optcli.training import Cohort, Evaluation, Replica, State, train_cohort
from optcli.training.checks import check
from optcli.training.task import Task

# A cohort's parameters, state and activations are to stay in the cache.
COHORT_BYTES = 32_000_000
LEAST_REPLICAS = 8
# Of a job, to know how long it takes.
PROBE_SECONDS = 0.02


@dataclass(frozen=True)
class Trial:
    """One run: who takes part, with which settings, from which seed."""

    label: str
    optimizer: Optimizer
    seed: int


@dataclass(frozen=True)
class TrialResult:
    """What became of a trial.

    history: the columns `epoch`, `step`, `train_loss`, `validation_loss` and the metrics.
    The first entry is epoch 0, before training. test: loss and metrics on the test rows by
    the best parameters, where they were measured.
    """

    trial: Trial
    outcome: str
    steps: int
    history: Mapping[str, Sequence[float]]
    test: Mapping[str, float]

    @property
    def best(self) -> int | None:
        """The index of the epoch whose parameters are kept; None where none was finite."""
        losses, train = self.history["validation_loss"], self.history["train_loss"]
        finite = [
            i for i in range(1, len(losses)) if math.isfinite(losses[i]) and math.isfinite(train[i])
        ]
        return min(finite, key=losses.__getitem__, default=None)

    def measured(self, column: str) -> float:
        """A column at the best epoch; NaN where there is none."""
        return math.nan if self.best is None else self.history[column][self.best]


@dataclass(frozen=True)
class Measure:
    """What is compared: a column of the history, the lower the better once turned."""

    column: str = "validation_loss"
    higher: bool = False

    def signed(self, value: float) -> float:
        """The value, or its negative where more is better; and back again."""
        return -value if self.higher else value

    def of(self, result: TrialResult) -> float:
        """At the best epoch, turned; infinite where the run diverged."""
        value = result.measured(self.column)
        diverged = result.outcome == "diverged" or not math.isfinite(value)
        return math.inf if diverged else self.signed(value)

    def course(self, result: TrialResult) -> list[float]:
        """At every evaluation, turned, the one before training included."""
        return [self.signed(value) for value in result.history[self.column]]

    @property
    def words(self) -> str:
        """The column in words."""
        return self.column.replace("_", " ", 1)


@dataclass(frozen=True)
class Job:
    """Trials of one task that train together; a pure function of this is `train`.

    fixed_split: the config's split for all, instead of one by each trial's seed. test:
    measure the test rows, too.
    """

    task: Task
    trials: tuple[Trial, ...]
    fixed_split: bool = False
    test: bool = False


def jobs(
    tasks: Mapping[str, Task],
    trials: Sequence[Trial],
    *,
    fixed_split: bool,
    test: bool,
    workers: int = 1,
) -> list[Job]:
    """Cut trials into jobs that fit the cache; those of one seed stay neighbours.

    workers: those of one task are as many jobs as there are workers, or a multiple, and of
    about the same size.
    """
    distinct: list[tuple[Task, list[Trial]]] = []
    for trial in trials:
        task = tasks[trial.label]
        own = next((own for other, own in distinct if other == task), None)
        if own is None:
            distinct.append((task, own := []))
        own.append(trial)
    found = []
    for task, own in distinct:
        own.sort(key=lambda trial: trial.seed)
        count = _at_once(task, own, fixed_split=fixed_split)
        if workers > 1:
            rounds = -(-len(own) // (count * workers))
            count = -(-len(own) // (rounds * workers))
        found += [
            Job(task, tuple(own[start : start + count]), fixed_split, test)
            for start in range(0, len(own), count)
        ]
    return found


def seconds(job: Job) -> float:
    """About how long a job takes, in processor time, by a few of its steps. Raises InvalidInput."""
    seed = None if job.fixed_split else job.trials[0].seed
    replicas = [Replica(t.optimizer, prepared(job.task, seed), t.seed) for t in job.trials]
    first: tuple[int, float] | None = None
    with blas_threads(job.task.training.threads):
        for event in train_cohort(job.task.cohort(replicas), every=PROBE_SECONDS / 4):
            now = time.thread_time()
            if isinstance(event, Started):
                began, steps = now, event.steps
            elif isinstance(event, Progress | EpochEnded):
                if first is None:  # what is done once only, is done
                    first = event.state.step, now
                elif now - first[1] >= PROBE_SECONDS:
                    each = (now - first[1]) / (event.state.step - first[0])
                    return first[1] - began + each * (steps - first[0])
    return now - began


def _at_once(task: Task, trials: Sequence[Trial], *, fixed_split: bool) -> int:
    """How many replicas make a cohort."""
    data = prepared(task, None if fixed_split else trials[0].seed)
    kinds = {type(trial.optimizer): trial.optimizer for trial in trials}
    needed = max(task.cohort([Replica(o, data, 0)]).memory() for o in kinds.values())
    return max(LEAST_REPLICAS, COHORT_BYTES // max(1, needed))


_prepared: dict[tuple[str, int | None], Prepared] = {}
KEPT = 16  # of the latest preparations


def prepared(task: Task, split_seed: int | None) -> Prepared:
    """The task's data, divided by a seed; the latest few are kept. Raises InvalidInput."""
    key = repr(task), split_seed
    if key not in _prepared:
        while len(_prepared) >= KEPT:
            del _prepared[next(iter(_prepared))]
        data = task.prepare(task.table(), split_seed)
        if data.validation is None:
            message = "is 0; a comparison takes validation rows"
            raise InvalidInput(Fault(message, "split.validation"))
        _prepared[key] = data
    return _prepared[key]


def forget() -> None:
    """Let go of what was prepared: files may have changed."""
    _prepared.clear()


def ready(
    plugins: Sequence[Path], told: Sequence[Mapping[str, Any]], tables: Mapping[str, str]
) -> None:
    """Make a worker ready for jobs; raises InvalidInput where it has other files than here.

    plugins, told: as `loading.load_same` takes them. tables: their paths and checksums.
    """
    loading.load_same(plugins, told)
    for path, checksum in tables.items():
        check_there(path, "dataset.path")
        if files.checksum(Path(path)) != checksum:
            message = "is another table there than here; copy it anew"
            raise InvalidInput(Fault(message, file=path))


def sendable(job: Job) -> Job:
    """The same for a process in another folder: its paths are absolute."""
    return replace(job, task=job.task.anywhere())


def train(job: Job) -> list[TrialResult]:
    """Train the trials of a job, as one cohort for each size and fitted loss."""

    @functools.cache  # there may be more of them than are kept
    def data(trial: Trial) -> Prepared:
        return prepared(job.task, None if job.fixed_split else trial.seed)

    def place(trial: Trial) -> tuple[str, ...]:
        """What those of one cohort have in common; then the kind, whose neighbours share calls."""
        found, rule = data(trial), trial.optimizer
        parts = (found.train, found.validation, found.test)
        shapes = [None if part is None else part.x.shape for part in parts]
        return repr((shapes, job.task.fitted(found))), rule.name, repr(kind(rule))

    results: list[TrialResult] = []
    ordered = sorted(job.trials, key=place)
    with blas_threads(job.task.training.threads):
        for _, together in itertools.groupby(ordered, key=lambda trial: place(trial)[0]):
            results += _cohort(job, list(together), data)
    return results


def _cohort(job: Job, trials: list[Trial], data: Callable[[Trial], Prepared]) -> list[TrialResult]:
    replicas = [Replica(t.optimizer, data(t), t.seed) for t in trials]
    cohort = job.task.cohort(replicas)
    check(cohort)
    rows: list[dict[str, list[float]]] = []
    for event in train_cohort(cohort):
        if isinstance(event, Started):
            validation = [replica.data.validation for replica in replicas]
            for before in _measured(cohort, event.state, validation):
                rows.append({"epoch": [0], "step": [0]})
                rows[-1] |= {f"train_{name}": [math.nan] for name in before}
                rows[-1] |= {f"validation_{name}": [value] for name, value in before.items()}
        elif isinstance(event, EpochEnded):
            for replica, columns in enumerate(rows):
                row = event.row(replica)
                for name, values in columns.items():
                    values.append(row[name])
    assert isinstance(event, Ended)
    tests: list[dict[str, float]] = [{} for _ in trials]
    if job.test and replicas[0].data.test is not None:
        tests = _measured(cohort, event.state, [r.data.test for r in replicas], best=True)
    results = []
    for replica, trial in enumerate(trials):
        count = 1 + int(event.epochs[replica])
        history = {name: values[:count] for name, values in rows[replica].items()}
        steps = int(event.steps[replica])
        results.append(TrialResult(trial, event.outcomes[replica], steps, history, tests[replica]))
    return results


def _measured(
    cohort: Cohort, state: State, parts: Sequence[Part | None], *, best: bool = False
) -> list[dict[str, float]]:
    """Loss and metrics of each replica on a part of its data, as it is or at its best."""
    parameters, statistics = state.model, state.model_statistics
    if best:
        parameters = Parameters(state.parameters.layout, state.best)
        statistics = Parameters(state.statistics.layout, state.best_statistics)
    there = [part for part in parts if part is not None]
    measure = Evaluation(cohort, state.architecture, parameters, there, statistics)
    loss, metrics = measure()
    return [
        {"loss": float(loss[r])} | {name: float(of[r]) for name, of in metrics.items()}
        for r in range(len(parts))
    ]
