"""Predictions of new rows, as CSV or JSON lines; and how good they are."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from optcli.arrays import Array
from optcli.display.jsonl import JsonLines
from optcli.display.output import Output
from optcli.display.words import escaped, measures


def as_csv(columns: Mapping[str, Array]) -> str:
    """A header, and a line for each row; numbers in full precision."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))
    return text.getvalue()


def predictions(
    columns: Mapping[str, Array],
    file: Path | None,
    *,
    quiet: bool,
    json: bool,
    stream: TextIO,
) -> None:
    """The rows (N,) of each column; where they are in a file, only how many."""
    rows = len(next(iter(columns.values())))
    if file is not None:
        fields: dict[str, Any] = {"rows": rows, "file": str(file)}
        if json:
            JsonLines(stream).emit("predictions", fields)
        elif not quiet:
            Output(stream).line(escaped(f"predictions: {rows:,} rows in {file}"))
    elif json:
        lines = JsonLines(stream)
        for row in zip(*(column.tolist() for column in columns.values()), strict=True):
            fields = dict(zip(columns, row, strict=True))
            lines.emit("prediction", {"values": fields})
    elif not quiet:
        output = Output(stream)
        output.write(output.encodable(as_csv(columns)))


def evaluation(found: Mapping[str, float], *, quiet: bool, json: bool, stream: TextIO) -> None:
    """Loss and metrics, by name."""
    if json:
        JsonLines(stream).emit("evaluation", found)
    elif not quiet:
        Output(stream).line(escaped(measures(found)))
