"""Table: the columns of the live table, and which of them fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from optcli.display.aligned import GAP
from optcli.display.record import Row
from optcli.display.words import escaped, metric, number, rate, short


@dataclass(frozen=True)
class Column:
    """One column: a heading of two lines, and how a row's value is written."""

    key: str
    top: str
    name: str
    write: Callable[[float], str]
    least: int  # characters its values take
    rank: int  # columns of high rank go first when there is no room

    @property
    def width(self) -> int:
        return max(self.least, len(self.top), len(self.name))

    def cell(self, row: Row) -> str:
        value = row.get(self.key)
        return ("" if value is None else self.write(value)).rjust(self.width)


def columns(metrics: Sequence[str], validates: bool, epochs: int, width: int) -> list[Column]:
    """The columns that fit into `width` characters, marks included.

    First go the training metrics (where there are validation metrics), then the rows a
    second, the gradient's norm, the learning rate, the metrics from the last, the
    validation loss; epoch and training loss stay.
    """
    digits = max(5, len(str(epochs)))
    found = [
        Column("epoch", "", "epoch", lambda v: str(int(v)), digits, 0),
        Column("train_loss", "training", "loss", number, 9, 1),
        *_metrics("train", "training", metrics, 50 if validates else 3),
    ]
    if validates:
        found.append(Column("validation_loss", "validation", "loss", number, 9, 2))
        found += _metrics("validation", "validation", metrics, 3)
    found += [
        Column("lr", "", "lr", short, 9, 20),
        Column("gradient_norm", "gradient", "norm", number, 9, 21),
        Column("rows_per_second", "", "rows/s", rate, 6, 22),
    ]
    while len(found) > 2 and line_width(found) > width:
        found.remove(max(found, key=lambda column: column.rank))
    return found


def _metrics(part: str, top: str, metrics: Sequence[str], rank: int) -> list[Column]:
    return [
        Column(f"{part}_{name}", top, _clipped(name), metric, 9, rank + i)
        for i, name in enumerate(metrics)
    ]


def _clipped(name: str) -> str:
    name = escaped(name)
    return name if len(name) <= 14 else name[:11] + "..."


def line_width(found: Sequence[Column]) -> int:
    """Characters of a line: the columns, the gaps, the mark before them."""
    return 1 + sum(column.width for column in found) + len(GAP) * (len(found) - 1)


def heading(found: Sequence[Column]) -> list[str]:
    """The two lines of the heading."""
    return [
        " " + GAP.join(column.top.rjust(column.width) for column in found),
        " " + GAP.join(column.name.rjust(column.width) for column in found),
    ]


def line(found: Sequence[Column], row: Row, mark: str = " ") -> str:
    """One row."""
    return mark + GAP.join(column.cell(row) for column in found)
