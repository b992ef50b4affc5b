"""`Config`: the checked settings of a run, and the sections they come in."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optcli.config.validation import located
from optcli.config.yaml_text import Document
from optcli.core.errors import Fault, InvalidInput
from optcli.core.registry import Registry
from optcli.core.specs import Registered, fields, named
from optcli.data.base import DATASETS, Dataset
from optcli.data.in_memory import holding
from optcli.data.split import Split
from optcli.losses.base import LOSSES, Loss
from optcli.metrics import Metric
from optcli.models import MODELS, Model
from optcli.objectives.base import OBJECTIVES, Objective
from optcli.objectives.dataset import ObjectiveDataset
from optcli.optimizers.base import OPTIMIZERS, Optimizer
from optcli.schedules import SCHEDULES, Schedule
from optcli.training.settings import Regularization, Training
from optcli.training.task import Task

REGISTERED_SECTIONS: dict[str, Registry[Any]] = {
    "dataset": DATASETS,
    "objective": OBJECTIVES,
    "model": MODELS,
    "loss": LOSSES,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
}

PLAIN_SECTIONS: dict[str, type[Any]] = {
    "split": Split,
    "regularization": Regularization,
    "training": Training,
}

SECTIONS = (
    "dataset",
    "objective",
    "split",
    "model",
    "loss",
    "optimizer",
    "schedule",
    "regularization",
    "training",
    "metrics",
    "seed",
    "dtype",
)

# What a search varies stands in a section of its own, which is no part of what is trained.
KEYS = (*SECTIONS, "tune")
TUNABLE = ("model", "loss", "optimizer", "schedule", "regularization", "training")

REQUIRED = ("dataset", "model", "loss", "optimizer")

# What an objective stands for, and what has no meaning beside one.
REPLACED = ("dataset", "model", "loss")
OF_ROWS = ("split", "regularization", "metrics")
OF_BATCHES = ("batch_size", "shuffle", "accumulate")

DEFAULTS: dict[str, Any] = {
    "split": {},
    "schedule": "constant",
    "regularization": {},
    "training": {},
    "metrics": None,
    "seed": 0,
    "dtype": "float32",
}


@dataclass(frozen=True)
class Axis:
    """A key that a search varies, dotted, and over what.

    values: a choice of them; else all numbers from `low` to `high`, evenly by their logarithms
    with `log`, whole ones with `integer`.
    """

    key: str
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    integer: bool = False
    values: tuple[Any, ...] = ()

    def at(self, share: float) -> Any:
        """The value at a share in [0, 1] of the way; a number has four digits at most."""
        if self.values:
            return self.values[min(len(self.values) - 1, int(share * len(self.values)))]
        low, high = self.low, self.high + self.integer  # each whole number has an equal share
        found = low * (high / low) ** share if self.log else low + share * (high - low)
        if self.integer:
            return int(min(self.high, math.floor(found)))
        return min(self.high, max(self.low, float(f"{found:.4g}")))

    def has(self, value: Any) -> bool:
        """Whether a value lies on the axis."""
        if self.values:
            return value in self.values
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and self.low <= value <= self.high

    def described(self) -> dict[str, Any]:
        """As the section `tune` has it."""
        if self.values:
            return {"values": list(self.values)}
        ends = [int(x) if self.integer else x for x in (self.low, self.high)]
        flags = {"log": self.log, "integer": self.integer}
        return {"from": ends[0], "to": ends[1], **{name: True for name, on in flags.items() if on}}


@dataclass(frozen=True)
class Config:
    """A checked config. metrics: None stands for the usual ones of the task.

    objective: where there is one, dataset, model and loss are made of it. space: what `tune`
    searches, None where the config does not say it.
    """

    dataset: Dataset
    objective: Objective | None
    split: Split
    model: Model
    loss: Loss
    optimizer: Optimizer
    schedule: Schedule
    regularization: Regularization
    training: Training
    metrics: tuple[Metric, ...] | None
    seed: int
    dtype: str
    space: tuple[Axis, ...] | None = dataclasses.field(compare=False)
    document: Document = dataclasses.field(compare=False, repr=False)

    @property
    def title(self) -> str:
        """What the config is called: its file's name without the ending."""
        return Path(self.document.file).stem if self.document.file else "config"

    def with_data(self, data: Any) -> Config:
        """The same on a table in memory; None changes nothing. Raises InvalidInput."""
        if data is None:
            return self
        with self.locating_faults():
            return dataclasses.replace(self, dataset=holding(self.dataset, data))

    def task(self) -> Task:
        """All but the optimizer."""
        return Task(**{field.name: getattr(self, field.name) for field in dataclasses.fields(Task)})

    @contextlib.contextmanager
    def locating_faults(self) -> Iterator[None]:
        """Give the faults of what is done inside their place in the config."""
        try:
            yield
        except InvalidInput as error:
            raise InvalidInput(*(self.locate(fault) for fault in error.faults)) from error

    @property
    def default_batch(self) -> bool:
        """Whether the batch size is nobody's choice."""
        return "batch_size" not in (self.document.value.get("training") or {})

    def locate(self, fault: Fault) -> Fault:
        """The same fault with file and line of its key, or of the nearest above it."""
        words = re.findall(r"[^.\[\]]+", fault.key or "")
        key = tuple(int(word) if word.isdecimal() else word for word in words)
        if fault.file or fault.parameter or not key or key[0] not in KEYS:
            return fault
        return located(self.document, key, fault.message)

    def resolved(self) -> dict[str, Any]:
        """Every key with its value, defaults filled in, in the order of the sections."""
        values: dict[str, Any] = {}
        for section in SECTIONS:
            value = getattr(self, section)
            if section == "objective" and value is None:
                continue
            if self.objective is not None and section in (*REPLACED, *OF_ROWS):
                continue
            if section in REGISTERED_SECTIONS:
                value = named(value)
            elif section in PLAIN_SECTIONS:
                value = _keys(value)
                if value.get("steps") is not None:
                    del value["epochs"]  # they exclude each other
                if value.get("folds") is not None:
                    del value["validation"]
                if section == "training" and self.objective is not None:
                    value = {k: v for k, v in value.items() if k not in OF_BATCHES}
            elif section == "metrics" and value is not None:
                value = [named(metric) if fields(type(metric)) else metric.name for metric in value]
            if isinstance(self.dataset, ObjectiveDataset) and section == "objective":
                value["start"] = list(self.dataset.start)
            values[section] = value
        return values


def _keys(value: Any) -> dict[str, Any]:
    """The keys of a section, with all that they hold."""
    keys = dataclasses.asdict(value)
    chosen = {name: getattr(value, name) for name in keys}
    return keys | {k: named(each) for k, each in chosen.items() if isinstance(each, Registered)}
