"""Whether a cohort can be trained: batch, schedule, optimizer, norms, memory."""

from __future__ import annotations

from functools import partial

import numpy as np

from optcli.core.errors import Fault, InvalidInput
from optcli.core.machine import memory_available
from optcli.core.specs import fields
from optcli.data.encoding import widest
from optcli.data.opening import in_bytes
from optcli.layers.normalization import Normalization
from optcli.optimizers.base import Optimizer
from optcli.schedules import Schedule
from optcli.training import Cohort
from optcli.training.cohort import EVALUATION_ROWS
from optcli.training.settings import Training
from optcli.training.task import lengths
from optcli.training.wrappers import Average

MOST_BLOCK = 1 << 30  # bytes of rows that are encoded together
USUAL_BATCH = 32  # rows, to suggest
PLANNED = 100_000  # steps at which a schedule is looked at before it begins


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
            message = f"is true, but {optimizer.name} has no 'momentum' to schedule, or it is 0"
            raise InvalidInput(Fault(message, "schedule.cycle_momentum"))
        check_initial(cohort.schedule, optimizer)
        check_planned(cohort.schedule, optimizer, *steps)
        check_wrappers(spec, optimizer)
    check_block(cohort)
    needed, there = cohort.memory(), memory_available()
    if needed > there:
        size = cohort.architecture().layout.size
        message = (
            f"needs about {needed / 1e9:,.1f} GB of memory for {size:,} parameters; "
            f"{there / 1e9:.1f} GB are free"
        )
        greedy = cohort.memory_of_optimizers() > needed / 2
        raise InvalidInput(Fault(message, "optimizer" if greedy else "model"))


def check_block(cohort: Cohort) -> None:
    """Whether the rows of a streamed part that are taken together are few enough bytes."""
    rows = max(cohort.batch * cohort.training.accumulate, EVALUATION_ROWS)
    data = cohort.replicas[0].data
    size = rows * data.train.x.shape[-1] * cohort.dtype.itemsize
    if data.train.streamed and size > MOST_BLOCK:
        message = f"a block of {rows:,} rows takes {in_bytes(size)}, as {widest(data.encoder)}; "
        message += f"the most is {in_bytes(MOST_BLOCK)}; exclude a column"
        raise InvalidInput(Fault(message, "dataset"))


def check_initial(schedule: Schedule, optimizer: Optimizer) -> None:
    """Whether the schedule names nothing that only the start uses; raises InvalidInput.

    A schedule of the learning rate is noted instead, since it may be there for other optimizers.
    """
    for name in optimizer.initial_only:
        if name in schedule.of and name != "lr":
            message = (
                f"names '{name}', which {optimizer.name} uses before the first step only, so that "
                "a schedule cannot change it; leave it out"
            )
            raise InvalidInput(Fault(message, "schedule.of"))


def check_planned(
    schedule: Schedule, optimizer: Optimizer, steps: int, steps_per_epoch: int
) -> None:
    """Whether the schedule leaves each hyperparameter in its range; raises InvalidInput.

    A learning rate may come to 0. Of a long run 100,000 steps are looked at.
    """
    t = np.linspace(1, float(steps), min(steps, PLANNED)).round()
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
            message = f"{name} outputs only zeros for a single unit; use at least 2 in each layer"
            message = f"is {list(units)}; {message}" if units else message
            raise InvalidInput(Fault(message, "model.hidden" if units else "model"))
        if count(smallest) > 1:
            continue
        if rows == 1:
            message = (
                f"leaves 1 row to train on, for which {name} outputs only zeros; train without it"
            )
            raise InvalidInput(Fault(message, "split"))
        instead = _fitting(rows, size if size > 1 else USUAL_BATCH)
        message = (
            f"is 1; {name} outputs only zeros for a batch of one row; choose another batch size"
        )
        if size > 1:
            message = (
                f"is {size}; the last batch of the {rows:,} training rows has one row, "
                f"for which {name} outputs only zeros; choose another batch size"
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
            f"cannot be combined with {optimizer.name}'s own weight_decay; "
            "set only one (optimizer.weight_decay=0)"
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
