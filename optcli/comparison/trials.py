"""Trials: single runs of a comparison, trained together in cohorts."""

from __future__ import annotations

import functools
import itertools
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from optcli.comparison.crossfit import FoldValues
from optcli.comparison.held_out import FRESH, Rows
from optcli.core.arrays import Array
from optcli.core.environment import blas_threads
from optcli.core.errors import Fault, InvalidInput
from optcli.core.events import Ended, EpochEnded, Paused, Progress, Started
from optcli.data.opening import check_there
from optcli.data.preparation import Part, Prepared, labelled
from optcli.data.split import Draw
from optcli.data.table import Table
from optcli.optimizers.base import Optimizer
from optcli.optimizers.stepper import kind
from optcli.plugins import loading
from optcli.storage import files
from optcli.training import Evaluation, Replica, State, train_cohort
from optcli.training.checks import check
from optcli.training.task import Task, lengths

# A cohort's parameters, state and activations are to stay in the cache.
COHORT_BYTES = 32_000_000
LEAST_REPLICAS = 8
# Of a job, to know how long it takes.
PROBE_SECONDS = 0.02
# How often the verdict's rows are measured in a run, at least, where it has so many steps.
EVALUATIONS = 50


@dataclass(frozen=True)
class Trial:
    """One run: who takes part, with which settings, from which seed."""

    label: str
    optimizer: Optimizer
    seed: int

    def __hash__(self) -> int:
        # the other hyperparameters rarely differ where these do not, and take longer
        return hash((self.label, self.optimizer.lr, self.seed))


@dataclass(frozen=True)
class TrialResult:
    """What became of a trial.

    history: the columns `epoch`, `step`, `train_loss`, `validation_loss` and the metrics, and
    those of the test rows where they were measured. The first entry is epoch 0, before
    training; entries within an epoch have no training loss. crossfit: loss and metrics of the
    validation rows, at epochs that other rows chose; infinite where the run diverged. test:
    those of the test rows at the best epoch, or at the last where that is compared.
    gradient_evaluations: forward and backward passes over the rows of one batch, NaN where they
    were not counted.
    """

    trial: Trial
    outcome: str
    steps: int
    history: Mapping[str, Sequence[float]]
    crossfit: Mapping[str, float]
    test: Mapping[str, float]
    gradient_evaluations: float = math.nan

    @functools.cached_property
    def best(self) -> int | None:
        """The index of the epoch whose parameters are kept; None where none was finite."""
        return self._best()

    def _best(self, until: float = math.inf) -> int | None:
        losses = self.history["validation_loss"]
        return min(self._finite(until), key=losses.__getitem__, default=None)

    @functools.cached_property
    def last(self) -> int | None:
        """The index of the last epoch; None where none was finite."""
        return max(self._finite(), default=None)

    def _finite(self, until: float = math.inf) -> list[int]:
        """Epochs, up to a step, whose losses are finite."""
        losses, train = self.history["validation_loss"], self.history["train_loss"]
        return [
            i
            for i, step in enumerate(self.history["step"])
            if i > 0 and step <= until and math.isfinite(losses[i]) and math.isfinite(train[i])
        ]

    def measured(self, column: str, at: str = "best", until: float = math.inf) -> float:
        """A column at the best epoch, or the last, up to a step; NaN where there is none."""
        if until < math.inf:
            last = max(self._finite(until), default=None)
            index = last if at == "last" else self._best(until)
        else:
            index = self.last if at == "last" else self.best
        return math.nan if index is None else self.history[column][index]


class Ran(Protocol):
    """A run that is over: its outcome, and the columns of its history."""

    @property
    def outcome(self) -> str:
        """How it ended."""

    @property
    def history(self) -> Mapping[str, Sequence[float]]:
        """Columns by name; the first entry is before training."""


@dataclass(frozen=True)
class Measure:
    """What is compared: the loss or a metric, on which rows, and at which epoch of a run.

    rows: `test`, `fresh` (test rows that were made anew) or `validation`. at: `best`, the
    epoch of the lowest validation loss, or `last`. Values are turned, so that lower is better.
    """

    metric: str = "loss"
    higher: bool = False
    rows: Rows = "test"
    at: str = "best"

    @property
    def quantity(self) -> str:
        """`test_loss`, `crossfit_loss`, …: what the verdict is about."""
        if self.rows != "validation":
            return f"test_{self.metric}"
        return f"crossfit_{self.metric}" if self.at == "best" else f"validation_{self.metric}"

    @property
    def words(self) -> str:
        """The quantity in words."""
        words = self.quantity.replace("_", " ", 1).replace("crossfit", "cross-fit validation")
        return words if self.at == "best" else f"{words} at the last epoch"

    @property
    def column(self) -> str:
        """The column of the history that follows it."""
        return f"{'validation' if self.rows == 'validation' else 'test'}_{self.metric}"

    def signed(self, value: float) -> float:
        """The value, or its negative where more is better; and back again."""
        return -value if self.higher else value

    def tuning(self, result: TrialResult) -> float:
        """What settings are chosen by, on validation rows alone; infinite where it diverged."""
        if self.at == "last":
            return self._turned(result, result.measured(f"validation_{self.metric}", "last"))
        return self._turned(result, result.crossfit.get(self.metric, math.inf))

    def of(self, result: TrialResult) -> float:
        """What the verdict is on, turned; infinite where the run diverged."""
        if self.rows == "validation":
            return self.tuning(result)
        return self._turned(result, result.measured(self.column, self.at))

    def cut(self, result: TrialResult, until: float) -> float:
        """What the verdict would be on had the run ended after so many steps, turned."""
        value = result.measured(self.column, self.at, until)
        if result.outcome == "diverged" and result.steps > until and math.isfinite(value):
            return self.signed(value)
        return self._turned(result, value)

    def _turned(self, result: TrialResult, value: float) -> float:
        diverged = result.outcome == "diverged" or not math.isfinite(value)
        return math.inf if diverged else self.signed(value)

    def course(self, result: Ran) -> tuple[list[float], list[float]]:
        """Steps and values, turned, of every evaluation, the one before training included."""
        values = result.history[self.column]
        known = [i for i, value in enumerate(values) if not math.isnan(value) or i == 0]
        steps = [result.history["step"][i] for i in known]
        return steps, [self.signed(values[i]) for i in known]

    def start(self, result: Ran) -> float:
        """What was measured before training, turned."""
        return self.signed(result.history[f"validation_{self.metric}"][0])


@dataclass(frozen=True)
class Job:
    """Trials of one task that train together; a pure function of this is `train`.

    fixed_split: the config's split for all, instead of one by each trial's seed. final: follow
    the verdict's rows, too, about fifty times a run; before, nothing looks at them. draws: by
    seed, which rows validate, where the test rows are those of the config's split for all.
    """

    task: Task
    trials: tuple[Trial, ...]
    measure: Measure
    fixed_split: bool = False
    final: bool = False
    draws: tuple[tuple[int, Draw], ...] = ()

    def rows_of(self, seed: int) -> int | Draw | None:
        """What decides the rows of a trial, by its seed: as `prepared` takes it."""
        if self.draws:
            return dict(self.draws)[seed]
        return None if self.fixed_split else seed


def jobs(
    tasks: Mapping[str, Task],
    trials: Sequence[Trial],
    measure: Measure,
    *,
    fixed_split: bool,
    final: bool,
    draws: tuple[tuple[int, Draw], ...] = (),
    workers: int = 1,
) -> list[Job]:
    """Cut trials into jobs that fit the cache; those of one seed stay neighbours.

    Those of one task are as many jobs as there are workers, or a multiple, and of about the same
    size.
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
        whole = Job(task, tuple(own), measure, fixed_split, final, draws)
        rounds = -(-len(own) // (_at_once(whole) * workers))
        count = -(-len(own) // (rounds * workers))
        found += [
            replace(whole, trials=whole.trials[start : start + count])
            for start in range(0, len(own), count)
        ]
    return found


def seconds(job: Job) -> float:
    """About how long a job takes, in processor time, by a few of its steps. Raises InvalidInput."""
    data = prepared(job.task, job.rows_of(job.trials[0].seed))
    replicas = [Replica(t.optimizer, data, t.seed) for t in job.trials]
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


def _at_once(job: Job) -> int:
    """How many replicas make a cohort."""
    data = prepared(job.task, job.rows_of(job.trials[0].seed))
    kinds = {type(trial.optimizer): trial.optimizer for trial in job.trials}
    needed = max(job.task.cohort([Replica(o, data, 0)]).memory() for o in kinds.values())
    return max(LEAST_REPLICAS, COHORT_BYTES // max(1, needed))


_prepared: dict[tuple[str, int | Draw | None], Prepared] = {}
KEPT = 16  # of the latest preparations, at most
KEPT_BYTES = 256_000_000  # of them all
_tables: dict[str, Table] = {}
SMALL = 1_000_000  # cells of a table that is kept for the next preparation


def prepared(task: Task, rows: int | Draw | None) -> Prepared:
    """The task's data, divided by a seed or a draw; the latest few stay. Raises InvalidInput."""
    key = repr((task.dataset, task.split, task.loss, task.seed, task.dtype)), rows
    if key not in _prepared:
        data = task.prepare(_table(task), rows)
        if data.validation is None and not task.split.folds:
            message = "is 0; a comparison takes validation rows"
            raise InvalidInput(Fault(message, "split.validation"))
        room = KEPT_BYTES - _bytes(data)
        while _prepared and (len(_prepared) >= KEPT or sum(map(_bytes, _prepared.values())) > room):
            del _prepared[next(iter(_prepared))]
        _prepared[key] = data
    return _prepared[key]


def _table(task: Task) -> Table:
    """The raw data; that of the latest task is kept where it is small."""
    key = repr((task.dataset, task.seed))
    if key not in _tables:
        table = task.table()
        if table.rows * len(table.columns) > SMALL or table.stored:
            return table
        _tables.clear()
        _tables[key] = table
    return _tables[key]


def _bytes(data: Prepared) -> int:
    """What the parts of prepared data take in memory."""
    parts = [part for part in (data.train, data.validation, data.test) if part is not None]
    return sum(part.x.nbytes for part in parts if not part.streamed)


def forget() -> None:
    """Let go of what was prepared: files may have changed."""
    _prepared.clear()
    _tables.clear()


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
            message = "differs from the table on this machine; copy it again"
            raise InvalidInput(Fault(message, file=path))


def sendable(job: Job) -> Job:
    """The same for a process in another folder: its paths are absolute."""
    return replace(job, task=job.task.anywhere())


def fresh_rows(task: Task, data: Prepared, seed: int) -> Part:
    """Rows of a synthetic data set that no run has seen, as many as it has, 1,000 at least."""
    rows = max(FRESH, len(data.train.x))
    table = task.dataset.fresh(rows, task.seed, seed)
    assert table is not None
    return labelled(data.encoder, table, data.train.x.dtype, what="fresh")


def train(job: Job) -> list[TrialResult]:
    """Train the trials of a job, as one cohort for each size and fitted loss."""

    @functools.cache  # there may be more of them than are kept
    def data(rows: int | Draw | None) -> Prepared:
        return prepared(job.task, rows)

    @functools.cache
    def shared(rows: int | Draw | None) -> str:
        """What those of one cohort have in common."""
        found = data(rows)
        parts = (found.train, found.validation, found.test)
        shapes = [None if part is None else part.x.shape for part in parts]
        return repr((shapes, job.task.fitted(found)))

    @functools.cache
    def place(trial: Trial) -> tuple[str, ...]:
        """What is shared; then the kind, whose neighbours share calls."""
        rule = trial.optimizer
        return shared(job.rows_of(trial.seed)), rule.name, repr(kind(rule))

    results: list[TrialResult] = []
    ordered = sorted(job.trials, key=place)
    with blas_threads(job.task.training.threads):
        for _, together in itertools.groupby(ordered, key=lambda trial: place(trial)[0]):
            trials = list(together)
            results += _Training(job, trials, [data(job.rows_of(t.seed)) for t in trials]).run()
    return results


class _Training:
    """The training of trials as one cohort, and what is written down of each."""

    def __init__(self, job: Job, trials: list[Trial], data: Sequence[Prepared]) -> None:
        self.job, self.trials = job, trials
        self.replicas = [
            Replica(trial.optimizer, own, trial.seed)
            for trial, own in zip(trials, data, strict=True)
        ]
        self.cohort = job.task.cohort(self.replicas)
        check(self.cohort)
        validation = [r.data.validation for r in self.replicas]
        self.validation = [part for part in validation if part is not None]
        self.followed = self._followed() if job.final else []
        seeds = [trial.seed for trial in trials]
        metrics = job.measure.metric != "loss"
        self.folds = FoldValues(self.cohort, self.validation, seeds, metrics=metrics)
        # of each evaluation: epoch and step, and what was measured of the replicas
        self.places: list[tuple[float, int]] = []
        self.columns: dict[str, list[Array | None]] = {}

    def run(self) -> list[TrialResult]:
        """Train; the results in the order of the trials."""
        with np.errstate(all="ignore"):
            return self._run()

    def _run(self) -> list[TrialResult]:
        prefix = self.job.measure.column.partition("_")[0]
        metrics = self.job.measure.metric != "loss"
        follow: Evaluation | None = None
        for event in train_cohort(self.cohort, pauses=self._pauses()):
            if isinstance(event, Started):
                state = event.state
                known = _named("validation", self._evaluation(state, self.validation)())
                if self.followed:
                    follow = self._evaluation(state, self.followed)
                    known |= _named(prefix, follow())
                self._write(0, 0, known)
            elif isinstance(event, Paused) and follow is not None:
                per_epoch = lengths(self.cohort)[1]
                found = _named(prefix, follow(metrics=metrics))
                self._write(event.step / per_epoch, event.step, found)
            elif isinstance(event, EpochEnded):
                assert event.validation is not None
                self.folds.add(event.validation, event.validation_metrics)
                known = {"train_loss": event.train_loss}
                known |= {f"train_{name}": of for name, of in event.train_metrics.items()}
                assert event.validation_loss is not None
                known |= {"validation_loss": event.validation_loss}
                known |= {f"validation_{n}": of for n, of in event.validation_metrics.items()}
                if follow is not None and prefix == "test":
                    known |= _named(prefix, follow())
                self._write(event.epoch, event.step, known)
        assert isinstance(event, Ended)
        fits = self.folds.results([int(epochs) for epochs in event.epochs])
        return [self._result(replica, event, own) for replica, own in enumerate(fits)]

    def _followed(self) -> list[Part]:
        """The rows that the verdict is on, of each replica."""
        if self.job.measure.rows == "validation":
            return self.validation
        if self.job.measure.rows == "fresh":
            seeds = [0 if self.job.fixed_split else replica.seed for replica in self.replicas]
            rows: dict[int, Part] = {}
            for seed, replica in zip(seeds, self.replicas, strict=True):
                if seed not in rows:
                    rows[seed] = fresh_rows(self.job.task, replica.data, seed)
            return [rows[seed] for seed in seeds]
        return [r.data.test for r in self.replicas if r.data.test is not None]

    def _pauses(self) -> list[int]:
        """Steps within an epoch after which the verdict's rows are measured, too."""
        if not self.followed or self.followed[0].streamed:
            return []
        steps, per_epoch = lengths(self.cohort)
        each = min(per_epoch, -(-EVALUATIONS * per_epoch // steps))
        return sorted({round(i * per_epoch / each) for i in range(1, each)})

    def _evaluation(self, state: State, parts: Sequence[Part]) -> Evaluation:
        return Evaluation(
            self.cohort, state.architecture, state.model, parts, state.model_statistics
        )

    def _write(self, epoch: float, step: int, known: Mapping[str, Array]) -> None:
        """Add an evaluation of each replica; what was not measured is NaN."""
        self.places.append((epoch, step))
        for name, values in known.items():
            column = self.columns.setdefault(name, [])
            column += [None] * (len(self.places) - 1 - len(column))
            column.append(np.array(values, np.float64))

    @functools.cached_property
    def histories(self) -> dict[str, list[list[float]]]:
        """What was measured, by column and replica."""
        nothing = np.full(len(self.trials), np.nan)
        found = {}
        for name in sorted(self.columns, key=_place):
            column = self.columns[name]
            column += [None] * (len(self.places) - len(column))
            rows = np.stack([nothing if values is None else values for values in column])
            found[name] = rows.T.tolist()
        return found

    def _result(self, replica: int, event: Ended, fits: Mapping[str, float]) -> TrialResult:
        epochs = int(event.epochs[replica])
        places = [place for place in self.places if place[0] <= epochs]
        outcome, steps = event.outcomes[replica], int(event.steps[replica])
        history: dict[str, list[float]] = {
            "epoch": [epoch for epoch, _ in places],
            "step": [step for _, step in places],
        }
        history |= {name: own[replica][: len(places)] for name, own in self.histories.items()}
        evaluations = float(event.gradient_evaluations[replica])
        trial, test = self.trials[replica], dict[str, float]()
        result = TrialResult(trial, outcome, steps, history, fits, test, evaluations)
        test |= {
            name.removeprefix("test_"): result.measured(name, self.job.measure.at)
            for name in history
            if name.startswith("test_")
        }
        result.best  # noqa: B018  (cached here, by the worker, rather than in the process that collects)
        return result


def _place(column: str) -> int:
    """Training before validation before test rows; metrics stay in the config's order."""
    return ("train", "validation", "test").index(column.partition("_")[0])


def _named(part: str, found: tuple[Array, Mapping[str, Array]]) -> dict[str, Array]:
    """Loss and metrics by column."""
    loss, metrics = found
    return {f"{part}_loss": loss} | {f"{part}_{name}": of for name, of in metrics.items()}
