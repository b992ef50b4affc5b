"""Laws of data sets: a table that follows from its seed, with the columns that are told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from optcli.data.base import Dataset
from optcli.data.reading_rules import RULES
from optcli.data.table import Table
from optcli.plugins.laws.base import FIELDS, Law


def cells(table: Table) -> dict[str, Sequence[Any]]:
    """The values of each column."""
    return {name: np.asarray(getattr(c, "values", c)).tolist() for name, c in table.columns.items()}


def has_its_columns(dataset: Dataset) -> str:
    """Whether there is a table, with the target among its columns."""
    table, roles = dataset.table(0, RULES), dataset.roles()
    if not isinstance(table, Table):
        return f"table returns {type(table).__name__}; must return a Table, as table_of makes it"
    if not table.rows:
        return "its table has no rows"
    sizes = {len(column) for column in table.columns.values()}
    if len(sizes) > 1:
        return f"its columns have unequal lengths: {', '.join(map(str, sorted(sizes)))}"
    named = [*roles.target, *(roles.features or ()), *([roles.weights] if roles.weights else [])]
    if missing := [name for name in named if name not in table.columns]:
        known = ", ".join(map(str, table.columns))
        return f"roles names '{missing[0]}', which is no column of its table ({known})"
    if not roles.target:
        return "roles names no target"
    return ""


def follows_from_its_seed(dataset: Dataset) -> str:
    """Whether the same seed gives the same table."""
    if repr(cells(dataset.table(3, RULES))) == repr(cells(dataset.table(3, RULES))):
        return ""
    return "the same seed gives another table: draw from generator(seed, …) alone"


def _of_its_class(dataset: Dataset) -> str:
    return FIELDS.fault(type(dataset))


LAWS: tuple[Law[Dataset], ...] = (
    Law(FIELDS.says, _of_its_class),
    Law("there is a table, with its target", has_its_columns),
    Law("the same seed gives the same table", follows_from_its_seed),
)
