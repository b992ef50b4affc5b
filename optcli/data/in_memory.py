"""The data set that is in memory: a data frame, a dict of columns, or arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any

from optcli.core.errors import Fault, InvalidInput
from optcli.core.specs import Doc
from optcli.data import table
from optcli.data.base import DATASETS, Dataset
from optcli.data.cells import spellings
from optcli.data.reading_rules import RULES, Reading
from optcli.data.table import Table
from optcli.data.table_file import TableColumns


@DATASETS.register("table")
@dataclass(frozen=True, kw_only=True)
class InMemory(TableColumns):
    """A table in memory, passed in Python: `optcli.train(config, data=frame)`.

    It is no part of the config: whoever repeats the run passes it again.
    """

    missing_values: Annotated[
        tuple[str | int | float, ...] | None,
        Doc("texts and numbers that mean missing, in addition to those that mean it in memory"),
    ] = None

    def table(self, seed: int, rules: int = RULES) -> Table:
        data = getattr(self, "_data", None)
        if data is None:
            message = "is 'table', which is in memory; pass it in Python: train(config, data=…)"
            raise InvalidInput(Fault(message, "dataset.name"))
        return table.of(data, reading=self.reading(rules), source="the data")

    def reading(self, rules: int) -> Reading:
        return replace(super().reading(rules), missing=spellings(self.missing_values))


def holding(dataset: Dataset, data: Any) -> Dataset:
    """The data set, with a table in memory; raises InvalidInput for one of another kind."""
    if not isinstance(dataset, InMemory):
        message = f"is '{dataset.name}', but data is given; must be 'table'"
        raise InvalidInput(Fault(message, "dataset.name"))
    held = replace(dataset)
    object.__setattr__(held, "_data", data)  # no field: it is not of the config
    return held
