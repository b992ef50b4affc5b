"""Task: all of a config but the optimizer and the seed of the run; what replicas have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from optcli.core.arrays import DTYPES
from optcli.core.errors import Fault, InvalidInput
from optcli.core.machine import memory_available
from optcli.core.specs import CacheFolder, InputFile, marked, with_texts
from optcli.data.base import Dataset
from optcli.data.batches import Windows
from optcli.data.opening import check_there
from optcli.data.preparation import Prepared, prepare
from optcli.data.reading_rules import RULES
from optcli.data.split import Draw, Split
from optcli.data.streaming import CACHE
from optcli.data.table import Table
from optcli.losses.base import Loss
from optcli.metrics import METRICS, Additive, Metric, usual
from optcli.models import Model
from optcli.schedules import Schedule
from optcli.schedules.constant import Constant
from optcli.training import Cohort, Replica
from optcli.training.settings import Regularization, Training

S = TypeVar("S")


@dataclass(frozen=True)
class Task:
    """What is trained, and for how long. metrics: None stands for the usual ones.

    seed: of synthetic data, and of the split where that names none. default_batch: whether
    the batch size is the default, which is as large as the training rows allow.
    """

    dataset: Dataset
    split: Split
    model: Model
    loss: Loss
    schedule: Schedule
    regularization: Regularization
    training: Training
    metrics: tuple[Metric, ...] | None
    seed: int
    dtype: str
    default_batch: bool = False

    def table(self, rules: int = RULES) -> Table:
        """The raw data, read by these rules; raises InvalidInput, also where there is no room."""
        for key, path in self.dataset.input_files():
            check_there(path, key)
        cells, there = self.dataset.cells(), memory_available()
        needed = 2 * 8 * cells
        if needed > there:
            message = f"makes {cells:,} numbers, which takes {needed / 1e9:,.1f} GB of memory"
            raise InvalidInput(Fault(f"{message}; {there / 1e9:.1f} GB are free", "dataset"))
        return self.dataset.table(self.seed, rules)

    def anywhere(self) -> Task:
        """The same for a process in another folder: paths are absolute, that of the cache too."""

        def absolute(spec: S) -> S:
            changed = {
                name: with_texts(getattr(spec, name), lambda path: str(Path(path).absolute()))
                for name in marked(type(spec), InputFile, CacheFolder)
            }
            return replace(spec, **changed) if changed else spec  # type: ignore[type-var]

        dataset = absolute(self.dataset.cached_in(CACHE))
        return replace(self, dataset=dataset, split=absolute(self.split))

    def files(self) -> list[str]:
        """The paths of all tables, that of validation rows among them."""
        values = [
            getattr(spec, name)
            for spec in (self.dataset, self.split)
            for name in marked(type(spec), InputFile)
        ]
        return [
            path
            for value in values
            for path in (value if isinstance(value, list | tuple) else [value])
            if isinstance(path, str)
        ]

    def prepare(self, table: Table, rows: int | Draw | None = None) -> Prepared:
        """The data as arrays, divided as the config says; raises InvalidInput.

        rows: another seed of the split, or a draw of other validation rows.
        """
        split = replace(self.split, seed=rows) if isinstance(rows, int) else self.split
        return prepare(
            self.dataset,
            table,
            target=self.loss.target,
            split=split,
            seed=self.seed,
            dtype=DTYPES[self.dtype],
            loss=self.loss.name,
            scale_target=self.loss.scales_target,
            bounds=self.loss.targets,
            ordered=self.loss.ordered,
            draw=rows if isinstance(rows, Draw) else None,
        )

    def fitted(self, data: Prepared) -> Loss:
        """The loss, with what it takes from the training rows, as balanced class weights."""
        return self.loss.fitted(data.train.y, data.train.weight, data.encoder.names)

    def measures(self, data: Prepared) -> tuple[Metric, ...]:
        """The metrics, checked against the data; raises InvalidInput."""
        metrics = self.metrics
        if metrics is None:
            names = usual(self.loss.target, data.outputs)
            metrics = tuple(METRICS.find(name)() for name in names)
        for metric in metrics:
            metric.check(self.loss.target, data.outputs)
            if data.train.streamed and not isinstance(metric, Additive):
                message = f"'{metric.name}' needs all rows at once, but the table is streamed"
                raise InvalidInput(Fault(f"{message}; choose others", "metrics"))
        return metrics

    def cohort(self, replicas: Sequence[Replica]) -> Cohort:
        """Replicas of this task, ready to train; their fitted losses are equal."""
        data, training = replicas[0].data, self.training
        if self.default_batch and training.batch_size != "full":
            smaller = min(training.batch_size, len(data.train.x))
            training = replace(training, batch_size=smaller)
        return Cohort(
            replicas=replicas,
            model=self.model,
            loss=self.fitted(data),
            schedule=self.schedule,
            regularization=self.regularization,
            training=training,
            metrics=self.measures(data),
            dtype=np.dtype(self.dtype),
        )


def lengths(cohort: Cohort) -> tuple[int, int]:
    """Steps of the whole training, by which schedules go, and of an epoch."""
    spec = cohort.training
    per_epoch = -(-cohort.rows // (cohort.batch * spec.accumulate))
    return spec.steps or spec.epochs * per_epoch, per_epoch


def last_step(cohort: Cohort) -> int:
    """The step after which training ends, at the latest."""
    return cohort.training.last_step(*lengths(cohort))


def notes(cohort: Cohort) -> tuple[str, ...]:
    """Sentences on the data and the schedule that are worth saying."""
    data, optimizer = cohort.replicas[0].data, cohort.replicas[0].optimizer
    found = list(data.warnings)
    if data.train.streamed:
        windows = Windows.of(data.train, cohort.batch)
        found.append(windows.note(cohort.rows, shuffle=cohort.training.shuffle))
    scheduled = not isinstance(cohort.schedule, Constant) or cohort.schedule.warmup
    if scheduled and {"lr"} & set(cohort.schedule.of) & set(optimizer.initial_only):
        found.append(
            f"the schedule of lr has no effect: {optimizer.name} uses lr before the first step only"
        )
    return tuple(found)
