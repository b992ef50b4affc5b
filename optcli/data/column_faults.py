"""Column faults: what keeps the columns of a table from what they are meant for, in words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import Fault, InvalidInput, suggestion
from optcli.data.columns import Numbers, Words, short
from optcli.data.dialect import SET
from optcli.data.table import Table, listed


def require(table: Table, names: Any) -> None:
    """Raise InvalidInput, naming every column that the table lacks."""
    try:
        for name in names:
            table.check_header(name)
    except InvalidInput as error:  # a run has its delimiter, so that the table must change
        messages = [f.message.replace(SET, "write one of these for") for f in error.faults]
        faults = [replace(f, message=m) for f, m in zip(error.faults, messages, strict=True)]
        raise InvalidInput(*faults) from None
    missing = [name for name in names if name not in table.columns]
    if len(missing) > 2:
        message = f"missing columns: {listed(missing)}; the columns are {listed(table.names)}"
        raise InvalidInput(Fault(message, file=table.source))
    faults = [
        Fault(
            f"is missing{suggestion(name, table.names)} (the columns are {listed(table.names)})",
            f"column '{name}'",
            table.source,
        )
        for name in missing
    ]
    if faults:
        raise InvalidInput(*faults)


def missing_text(table: Table, name: str) -> str:
    """`2 missing values ('NA', first in line 5)`, of a column that has some."""
    column = table.columns[name]
    total, row = column.gaps(), column.find(lambda piece: piece.missing)
    assert row is not None
    spelled = f"'{short(column.gap)}', " if isinstance(column, Words) and column.gap else ""
    return f"{total} missing value{'s' * (total != 1)} ({spelled}first in {table.where(row)})"


def first_word(column: Words) -> tuple[int, str]:
    """The first row that holds a word, and the word; there is one."""
    row = column.find(lambda piece: ~piece.missing)
    assert row is not None
    return row, column.text(row)


def size_fault(
    table: Table, name: str, dtype: np.dtype[Any], mean: float = 0, scale: float = 1
) -> Fault | None:
    """What is wrong where a number is infinite, or beyond what `dtype` holds.

    mean, scale: what it is standardized by, after which `dtype` must hold it, too.
    """
    column = table.columns[name]
    if not isinstance(column, Numbers):
        return None
    most = float(np.finfo(dtype).max)
    ends = np.array([column.span.low, column.span.high] if column.span.size else [0.0])
    with np.errstate(invalid="ignore", over="ignore"):
        furthest = np.maximum(np.abs(ends), np.abs(ends - mean) / (scale or 1))
    if np.all(furthest <= most):
        return None

    def beyond(piece: Numbers) -> Array:
        size = np.maximum(np.abs(piece.values), np.abs(piece.values - mean) / (scale or 1))
        far: Array = size > most
        return far

    with np.errstate(invalid="ignore", over="ignore"):
        row = column.find(beyond)
    if row is None:
        return None
    value = column.value(row)
    if np.isinf(value):
        return table.fault(name, "is infinite; must be a finite number", row)
    message = f"is {value:g}, beyond the largest {dtype}; rescale the column"
    if abs(value) <= most:
        message = f"is {value:g}, too far from the training rows, whose mean is {mean:g}"
        message += "; correct it"
    if dtype != np.float64:
        message += ", or set dtype to float64"
    return table.fault(name, message, row)
