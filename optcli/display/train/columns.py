"""The columns of the live table, and the order in which they go."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from optcli.display.table import Column, Table
from optcli.display.text import escaped, metric, number, rate, short, shortened
from optcli.display.train.record import Row

NAME = 14  # characters of a metric's name

# How the value of a column is written; metrics as `metric`.
FORMATS: Mapping[str, Callable[[float], str]] = {
    "epoch": lambda value: str(int(value)),
    "train_loss": number,
    "validation_loss": number,
    "lr": short,
    "gradient_norm": number,
    "rows_per_second": rate,
}


def table(
    metrics: Sequence[str], validates: bool, epochs: int, width: int, unit: str = "epoch"
) -> Table:
    """The table that fits into `width` characters.

    First go the training metrics (where there are validation metrics), then the rows a
    second, the gradient's norm, the learning rate, the metrics from the last, and the training
    loss where there is a validation loss, which decides which epoch is the best.
    """
    digits = max(5, len(str(epochs)))
    found = [
        Column("epoch", unit, least=digits),
        Column("train_loss", "training\nloss", least=9, rank=2 if validates else 0),
        *_metrics("train", "training", metrics, 50 if validates else 3),
    ]
    if validates:
        found.append(Column("validation_loss", "validation\nloss", least=9))
        found += _metrics("validation", "validation", metrics, 3)
    found += [
        Column("lr", "learning\nrate", least=9, rank=20),
        Column("gradient_norm", "gradient\nnorm", least=9, rank=21),
        Column("rows_per_second", "rows/s", least=6, rank=22),
    ]
    return Table(found, width)


def _metrics(part: str, top: str, metrics: Sequence[str], rank: int) -> list[Column]:
    return [
        Column(f"{part}_{name}", f"{top}\n{_heading(name)}", least=9, rank=rank + i)
        for i, name in enumerate(metrics)
    ]


def _heading(name: str) -> str:
    return shortened(escaped(name), NAME)


def cells(row: Row) -> dict[str, str]:
    """A row in words."""
    return {key: FORMATS.get(key, metric)(value) for key, value in row.items()}
