"""Categories: the different values of a column, and which of the known ones its cells are."""

from __future__ import annotations

import functools
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import Fault, suggestion
from optcli.data.cells import canonical, number, number_text
from optcli.data.columns import Column, Numbers, Words, short
from optcli.data.reading_rules import RULES
from optcli.data.table import Table, listed


def classes_of(column: Column) -> tuple[str, ...]:
    """The distinct values of a column: by number where all are numbers, else as text."""
    if isinstance(column, Numbers):
        return tuple(number_text(value) for value in column.distinct())
    names = [column.categories[code] for code in column.distinct()]
    if all(number(name) is not None for name in names):
        names.sort(key=float)
    return tuple(names)


@dataclass(frozen=True)
class Known:
    """The categories or classes that a model knows.

    merged: those for which the last of them stands. rules: those by which cells are read.
    open: whether the last stands for all that are unknown, too.
    """

    texts: tuple[str, ...]
    merged: tuple[str, ...] = ()
    rules: int = RULES
    open: bool = False

    def codes(self, column: Column) -> Array:
        """Codes (N,) of a column into `texts`, -1 where a value is missing or unknown.

        What another source spells otherwise is the same value: `True` and `true`, 1.0 and 1.
        """
        words = column if isinstance(column, Words) else column.words()
        return np.asarray(_places(words.categories, self)[words.codes])

    def unknown(self, piece: Column) -> Array:
        """Where a value is none of them, (N,) bool."""
        found: Array = (replace(self, open=False).codes(piece) < 0) & ~piece.missing
        return found

    def counts_unknown(self, column: Column) -> Counter[str]:
        """How often each unknown value of a column occurs."""
        closed = replace(self, open=False)
        found: Counter[str] = Counter()
        if isinstance(column, Words) and np.all(_places(column.categories, closed)[:-1] >= 0):
            return found
        for _, piece in column.pieces():
            if np.any(unknown := self.unknown(piece)):
                some = piece.select(unknown)
                words = some if isinstance(some, Words) else some.words()
                there = zip(words.categories, words.counts().tolist(), strict=True)
                found.update({text: count for text, count in there if count})
        return found

    def fault(self, table: Table, name: str, what: str) -> Fault | None:
        """The fault of the first value of a column that is unknown; what: it should be."""
        column = table.columns[name]
        row = column.find(self.unknown)
        if row is None:
            return None
        text = column.text(row) if isinstance(column, Words) else number_text(column.value(row))
        hint = suggestion(text, self.texts)
        message = f"is the unknown {what} '{short(text)}'{hint} (known: {listed(self.texts)})"
        count = sum(int(self.unknown(piece).sum()) for _, piece in column.pieces())
        rows = "the row" if count == 1 else f"the {count} rows with an unknown {what}"
        message += f"; correct the value, remove {rows}, or train the model with it"
        return table.fault(name, message, row)


@functools.lru_cache(maxsize=64)  # a streamed table asks for every batch
def _places(texts: tuple[str, ...], known: Known) -> Array:
    """The code of each text, and -1 behind them for a missing one."""
    position = dict.fromkeys(known.merged, len(known.texts) - 1)
    position |= {text: code for code, text in enumerate(known.texts)}
    if known.rules > 1:
        spelled = Counter(map(canonical, position))
        alike = {c: p for text, p in position.items() if spelled[c := canonical(text)] == 1}
        near = {text: alike[c] for text in texts if (c := canonical(text)) in alike}
        position = near | position
    other = len(known.texts) - 1 if known.open else -1
    return np.array([*(position.get(text, other) for text in texts), -1], np.intp)
