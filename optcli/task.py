"""Task: all of a config but the optimizer and the seed of the run; what replicas have in common."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from optcli.arrays import DTYPES
from optcli.data.base import Dataset
from optcli.data.batches import Windows
from optcli.data.columns import blocks
from optcli.data.preparation import Prepared, prepare
from optcli.data.reading import RULES
from optcli.data.table import Table
from optcli.errors import Fault, InvalidInput
from optcli.layers.normalization import Normalization
from optcli.losses.base import Loss
from optcli.metrics import METRICS, Additive, Metric, usual
from optcli.models import Model
from optcli.optimizers.base import Optimizer
from optcli.schedules import Schedule
from optcli.specs import Regularization, Split, Training, fields
from optcli.training import Cohort, Replica
from optcli.wrappers import Average

USUAL_BATCH = 32  # rows, to suggest
PLANNED = 100_000  # steps at which a schedule is looked at before it begins


@dataclass(frozen=True)
class Task:
    """What is trained, and for how long. metrics: None stands for the usual ones.

    seed: of made-up data, and of the split where that names none. default_batch: whether
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
        told = [getattr(self.dataset, key, None) for key in ("samples", "features", "outputs")]
        samples, *columns = [size if isinstance(size, int) else 0 for size in told]
        needed, there = 2 * 8 * samples * max(2, sum(columns)), memory_available()
        if needed > there:
            message = f"is {samples:,}; needs about {needed / 1e9:,.1f} GB of memory, of which "
            raise InvalidInput(Fault(f"{message}{there / 1e9:.1f} GB are free", "dataset.samples"))
        return self.dataset.table(self.seed, rules)

    def prepare(self, table: Table, split_seed: int | None = None) -> Prepared:
        """The data as arrays, divided by the config's seed or another; raises InvalidInput."""
        split = self.split if split_seed is None else replace(self.split, seed=split_seed)
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


def check(cohort: Cohort) -> None:
    """Whether the batch, the schedule, the optimizer and the memory fit; raises InvalidInput."""
    spec, steps = cohort.training, lengths(cohort)
    streamed = cohort.replicas[0].data.train.streamed
    if spec.batch_size != "full" and spec.batch_size > cohort.rows:
        message = f"is {spec.batch_size}; there are {cohort.rows} training rows"
        raise InvalidInput(Fault(message, "training.batch_size"))
    batches = -(-cohort.rows // cohort.batch)
    if spec.accumulate > batches:
        message = f"is {spec.accumulate}; an epoch has {batches} batches"
        raise InvalidInput(Fault(message, "training.accumulate"))
    check_norms(cohort)
    if isinstance(spec.average, Average):
        spec.average.check(*steps)
    if spec.batch_size == "full" and streamed:
        message = "is full, but the table is streamed; must be a number of rows"
        raise InvalidInput(Fault(message, "training.batch_size"))
    for optimizer in dict.fromkeys(replica.optimizer for replica in cohort.replicas):
        if optimizer.needs_oracle and streamed:
            message = f"'{optimizer.name}' asks for more than a batch, but the table is streamed"
            raise InvalidInput(Fault(f"{message}; choose another", "optimizer"))
        numbers = [f.name for f in fields(type(optimizer)) if isinstance(f.default, float)]
        numbers += ["weight_decay"] if spec.weight_decay else []
        cohort.schedule.check(*steps, numbers)
        if optimizer.needs_model == "rows" and cohort.architecture().statistics.size:
            message = f"{optimizer.name} looks at rows one by one, batch norm at batches; use svrg"
            raise InvalidInput(Fault(message, "optimizer"))
        if "momentum" in cohort.schedule.sets and not getattr(optimizer, "momentum", 0):
            message = f"is true, but {optimizer.name} has no 'momentum' to move, or one of 0"
            raise InvalidInput(Fault(message, "schedule.cycle_momentum"))
        check_planned(cohort.schedule, optimizer, *steps)
        check_wrappers(spec, optimizer)
    needed, there = cohort.memory(), memory_available()
    if needed > there:
        size = cohort.architecture().layout.size
        message = (
            f"needs about {needed / 1e9:,.1f} GB of memory for {size:,} parameters; "
            f"{there / 1e9:.1f} GB are free"
        )
        greedy = cohort.memory_of_optimizers() > needed / 2
        raise InvalidInput(Fault(message, "optimizer" if greedy else "model"))


def check_planned(
    schedule: Schedule, optimizer: Optimizer, steps: int, steps_per_epoch: int
) -> None:
    """Whether the schedule leaves each hyperparameter in its range; raises InvalidInput.

    A learning rate may come to 0. Of a long run 100,000 steps are looked at.
    """
    t = np.linspace(1, steps, min(steps, PLANNED)).round()
    factor = schedule.factor(t, steps, steps_per_epoch)
    # as it begins, and after all drops, which come near to 0 but not to it
    factors = np.concatenate([factor, factor * max(schedule.least, 1e-9)])
    faults = []
    for field in fields(type(optimizer)):
        own = getattr(optimizer, field.name)
        if field.name in schedule.sets:
            values = schedule.values(t, steps, steps_per_epoch)[field.name]
        elif field.name in schedule.of:
            values = own * factors
        else:
            continue
        outside = ~field.holds(values) & ((field.name != "lr") | (values != 0))
        if outside.any():
            first = int(outside.argmax())
            when = f"at step {t[first]:,.0f}" if first < len(t) else "after many drops"
            message = (
                f"takes '{field.name}' of {optimizer.name} from {own:g} to {values[first]:.4g} "
                f"{when}; must stay {field.range or 'finite'}; choose another schedule"
            )
            faults.append(Fault(message, "schedule"))
    if faults:
        raise InvalidInput(*faults)


def check_norms(cohort: Cohort) -> None:
    """Whether every norm has two values or more to normalize; raises InvalidInput."""
    rows, size = cohort.rows, cohort.batch
    steps, per_epoch = lengths(cohort)
    # the last batch of an epoch may be smaller, and a short run never gets there
    last = rows % size or size
    smallest = last if steps >= per_epoch else size
    for step in cohort.architecture().every_step():
        if not isinstance(step.layer, Normalization):
            continue
        name, count = step.layer.name, partial(step.layer.count, step.shape)
        if count(2) == 1:
            units = getattr(cohort.model, "hidden", ())
            message = f"{name} makes 0 of a single unit; must be 2 units or more in each layer"
            message = f"is {list(units)}; {message}" if units else message
            raise InvalidInput(Fault(message, "model.hidden" if units else "model"))
        if count(smallest) > 1:
            continue
        if rows == 1:
            message = f"leaves 1 row to train on, of which {name} makes 0; train without it"
            raise InvalidInput(Fault(message, "split"))
        instead = _fitting(rows, size if size > 1 else USUAL_BATCH)
        message = f"is 1; {name} makes 0 of a batch of one row; must be more"
        if size > 1:
            message = (
                f"is {size}; the last batch of the {rows:,} training rows has one row, "
                f"of which {name} makes 0; must be another"
            )
        raise InvalidInput(Fault(f"{message}, such as {instead}", "training.batch_size"))


def _fitting(rows: int, near: int) -> int:
    """The batch size nearest to one that leaves no batch with a single one of the rows."""
    for away in range(rows):
        for size in (near - away, near + away):
            if 2 <= size <= rows and rows % size != 1:
                return size
    return rows


def check_wrappers(spec: Training, optimizer: Optimizer) -> None:
    """Whether what goes around the optimizer fits it; raises InvalidInput."""
    faults = []
    if spec.decoupled_weight_decay and not spec.weight_decay:
        message = "is true, but there is no training.weight_decay to decouple"
        faults.append(Fault(message, "training.decoupled_weight_decay"))
    if spec.weight_decay and getattr(optimizer, "weight_decay", 0):
        message = (
            f"stands beside a weight_decay of {optimizer.name}'s own; "
            "set one of the two (optimizer.weight_decay=0)"
        )
        faults.append(Fault(message, "training.weight_decay"))
    for name in ("lookahead", "average"):
        if getattr(spec, name) is not None and optimizer.model:
            message = f"does not go with {optimizer.name}, which averages on its own"
            faults.append(Fault(message, f"training.{name}"))
    if optimizer.needs_oracle and (spec.sam or spec.accumulate > 1):
        message = f"does not go with {optimizer.name}, which looks at one batch a step"
        faults.append(Fault(message, "training.sam" if spec.sam else "training.accumulate"))
    if faults:
        raise InvalidInput(*faults)


def lengths(cohort: Cohort) -> tuple[int, int]:
    """Steps of the whole training, and of an epoch."""
    spec = cohort.training
    per_epoch = -(-cohort.rows // (cohort.batch * spec.accumulate))
    return spec.steps or spec.epochs * per_epoch, per_epoch


def memory_available() -> float:
    """Bytes of memory that are free, as far as the system tells."""
    try:
        return float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):
        return float("inf")


def notes(cohort: Cohort) -> tuple[str, ...]:
    """Sentences on the data that are worth saying."""
    data = cohort.replicas[0].data
    if not data.train.streamed:
        return data.warnings
    windows = Windows.of(data.train, cohort.batch)
    how = windows.note(cohort.rows, shuffle=cohort.training.shuffle)
    return (*data.warnings, how)


def checksum(data: Prepared) -> str:
    """SHA-256 over the prepared rows, in hexadecimal."""
    digest = hashlib.sha256()
    for part in (data.train, data.validation, data.test):
        if part is not None:
            for rows in blocks(len(part.x)):
                digest.update(np.ascontiguousarray(part.x[rows]).data)
            digest.update(np.ascontiguousarray(part.y).data)
    return digest.hexdigest()


@contextlib.contextmanager
def blas_threads(count: int) -> Iterator[None]:
    """Hold the BLAS to a number of threads; another number may give other bits."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(count, user_api="blas"):
        yield
