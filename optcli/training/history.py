"""The history of a run: a row of numbers for each epoch."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping


class History:
    """The rows of history.csv: a column of numbers for each name."""

    def __init__(self) -> None:
        self.columns: dict[str, list[float]] = {}

    def append(self, row: Mapping[str, float]) -> None:
        """Take down an epoch; every row has the names of the first."""
        for name, value in row.items():
            self.columns.setdefault(name, []).append(value)

    def __len__(self) -> int:
        return len(self.columns.get("epoch", []))

    def row(self, index: int) -> dict[str, float]:
        """One epoch, by name."""
        return {name: values[index] for name, values in self.columns.items()}

    def csv(self) -> bytes:
        """The whole table, in full precision."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(zip(*self.columns.values(), strict=True))
        return text.getvalue().encode()
