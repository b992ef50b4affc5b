"""An objective as a dataset: one row without features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from optcli.core.errors import Fault, InvalidInput
from optcli.data.base import Dataset, Roles
from optcli.data.encoding import Encoder
from optcli.data.preparation import Part, Prepared
from optcli.data.reading_rules import RULES, Reading
from optcli.data.table import Table
from optcli.data.targets import Target
from optcli.metrics import Metric
from optcli.objectives.base import Objective
from optcli.objectives.metrics import Distance, First, Second


@dataclass(frozen=True, kw_only=True)
class ObjectiveDataset(Dataset):
    """Where a descent takes place: an objective and a start (n,). It has no rows to read."""

    objective: Objective
    start: tuple[float, ...]

    def table(self, seed: int, rules: int = RULES) -> Table:
        message = "has no rows; 'optcli train' and 'optcli trace' take an objective"
        raise InvalidInput(Fault(message, "objective"))

    def roles(self) -> Roles:
        return Roles(self._names())

    def other(self, path: str, reading: Reading) -> Table:
        return self.table(0)

    def _names(self) -> tuple[str, ...]:
        return tuple(f"x{i}" for i in range(1, self.objective.size + 1))

    def prepared(self, dtype: Any) -> Prepared:
        """One row, to train on and to measure the end by."""
        n = self.objective.size
        part = Part(np.zeros((1, 0), dtype), np.zeros((1, n), dtype), None)
        target = Target("values", self._names(), mean=(0.0,) * n, scale=(1.0,) * n)
        return Prepared(part, None, part, Encoder((), target), n)

    def metrics(self) -> tuple[Metric, ...]:
        """How far the nearest minimum is, and the coordinates that a picture shows."""
        return Distance(self.objective), First(), Second()
