"""Features: what becomes of a column that a model looks at."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import Fault
from optcli.data import dates
from optcli.data.categories import Known
from optcli.data.cells import LEADING_ZERO
from optcli.data.column_faults import first_word, missing_text, size_fault
from optcli.data.columns import Column, Numbers, Words, short
from optcli.data.reading_rules import RULES
from optcli.data.table import Table


@dataclass(frozen=True)
class DatePart:
    """One of `dates.PARTS`, which becomes (value - mean) / scale; a scale of 0 makes it 0.

    fill: what stands in for that of a missing date; None where none may be missing.
    """

    name: str
    mean: float = 0.0
    scale: float = 1.0
    fill: float | None = None


@dataclass(frozen=True)
class Feature:
    """One column and what becomes of it.

    categories: of a text column; each becomes an input of 0 or 1. None: a numeric
    one, which becomes (value - mean) / scale; a scale of 0 makes it 0.
    fill: what stands in for a missing value; None where none may be missing.
    parts: of a column of dates, each an input.
    merged: categories of few rows, for which the last category stands; it stands for unknown
    ones, too. ignores: whether unknown categories are let in, as one of which no input is 1.
    """

    name: str
    categories: tuple[str, ...] | None = None
    mean: float = 0.0
    scale: float = 1.0
    fill: float | str | None = None
    parts: tuple[DatePart, ...] | None = None
    merged: tuple[str, ...] = ()
    ignores: bool = False

    @property
    def inputs(self) -> int:
        """How many inputs it makes."""
        if self.parts is not None:
            return len(self.parts)
        return 1 if self.categories is None else len(self.categories)

    @property
    def input_names(self) -> tuple[str, ...]:
        """What they are called: `when.year`, `kind=a`, or the column's name."""
        if self.parts is not None:
            return tuple(f"{self.name}.{part.name}" for part in self.parts)
        if self.categories is not None:
            return tuple(f"{self.name}={text}" for text in self.categories)
        return (self.name,)

    @property
    def is_number(self) -> bool:
        """Whether the column is numeric, and one input."""
        return self.categories is None and self.parts is None

    def unknown(self, column: Column, rules: int = RULES) -> Counter[str]:
        """How often each category occurs in a column that is let in though it is unknown."""
        if not self.ignores and not self.merged:
            return Counter()
        return self.known(rules).counts_unknown(column)

    def known(self, rules: int = RULES) -> Known:
        """The categories there are."""
        assert self.categories is not None
        return Known(self.categories, self.merged, rules, bool(self.merged))

    def _codes(self, column: Column, rules: int) -> Array:
        """The indices (B,) of the categories; -1 for one that is ignored."""
        assert self.categories is not None
        fill = self.categories.index(self.fill) if isinstance(self.fill, str) else 0
        return np.where(column.missing, fill, self.known(rules).codes(column))

    def compact(self, column: Column, dtype: np.dtype[Any], rules: int = RULES) -> Array:
        """What `encode` follows from: the indices (B,) of categories, or the inputs (B, inputs)."""
        if self.categories is not None:
            return self._codes(column, rules).astype(np.int32)
        x = np.zeros((len(column), self.inputs), dtype)
        self.encode(column, x, rules)
        return x

    def encode(self, column: Column, x: Array, rules: int = RULES) -> None:
        """Encode some rows of a column that was checked into zeros x (B, inputs)."""
        if self.categories is not None:
            codes, rows = self._codes(column, rules), np.arange(len(x))
            if self.ignores:
                rows = np.flatnonzero(codes >= 0)
                codes = codes[rows]
            x[rows, codes] = 1
            return
        values = column.values if isinstance(column, Numbers) else np.full(len(column), np.nan)
        if self.parts is not None:
            for at, part in enumerate(self.parts):
                if part.scale:
                    own = dates.part(values, part.name)
                    if part.fill is not None:
                        own = np.where(np.isnan(own), part.fill, own)
                    x[:, at] = (own - part.mean) / part.scale
        elif self.scale:
            if self.fill is not None:
                values = np.where(np.isnan(values), self.fill, values)
            values = values - self.mean
            values /= self.scale
            x[:, 0] = values

    def faults(self, table: Table, dtype: np.dtype[Any], rules: int = RULES) -> list[Fault]:
        """What keeps the column of a table from being encoded."""
        name, column = self.name, table.columns[self.name]
        faults: list[Fault | None] = []
        if self.categories is not None:
            if not self.ignores and not self.merged:
                faults.append(self.known(rules).fault(table, name, "category"))
        elif name in table.faults:
            faults.append(table.bad_cells.get(name, table.faults[name]))
        elif isinstance(column, Words) and column.categories:
            row, text = first_word(column)
            why = ", text by its leading zero" if LEADING_ZERO.match(text) else ""
            why = why if text else ", an empty text"
            what = "number" if self.parts is None else "date"
            faults.append(table.fault(name, f"is '{short(text)}'{why}; must be a {what}", row))
        elif self.parts is None:
            faults.append(size_fault(table, name, dtype, self.mean, self.scale))
        filled = self.parts[0] if self.parts else self
        if filled.fill is None and column.gaps():
            rows_ = "row" if column.gaps() == 1 else "rows"
            remedy = f"remove the {rows_}, or train with dataset.missing: impute"
            faults.append(table.fault(name, f"{missing_text(table, name)}; {remedy}"))
        return [fault for fault in faults if fault is not None]
