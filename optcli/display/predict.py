"""What `optcli predict` writes: predictions of new rows, as CSV, JSON Lines or Parquet."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable, Iterator, Mapping
from json import dumps
from typing import Any, TextIO

from optcli.core.arrays import Array
from optcli.data.cells import number
from optcli.display.jsonl import JsonLines
from optcli.display.output import Output
from optcli.display.text import escaped
from optcli.storage.files import jsonable


def as_csv(
    columns: Mapping[str, Array], delimiter: str = ",", word: Callable[[str], str] = str
) -> str:
    """A header, and a line for each row; numbers in full precision.

    word: what is written for a text.
    """
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(map(word, columns))
    cells = (column.tolist() for column in columns.values())
    words = (map(word, c) if c and isinstance(c[0], str) else c for c in cells)
    writer.writerows(zip(*words, strict=True))
    return text.getvalue()


def no_formula(text: str) -> str:
    """The text, with an apostrophe before what a spreadsheet would take for a formula.

    A number is none, also with a sign.
    """
    if not text.startswith(("=", "+", "-", "@", "\t", "\r")) or number(text) is not None:
        return text
    return f"'{text}"


# The suffixes that predictions can be written by.
TEXTS = (".csv", ".csv.gz", ".tsv")
FORMS = (*TEXTS, ".parquet", ".ndjson", ".jsonl")


def packed(columns: Mapping[str, Array], form: str, *, safe: bool = False) -> bytes:
    """The columns as a file of one of the forms. safe: without formulas of spreadsheets."""
    if form == ".parquet":
        from optcli.data import frames

        return frames.packed(columns)
    if form in (".ndjson", ".jsonl"):
        lines = [dumps(jsonable(row), ensure_ascii=False) for row in _rows(columns)]
        return "".join(f"{line}\n" for line in lines).encode()
    word = no_formula if safe else str
    text = as_csv(columns, "\t" if form == ".tsv" else ",", word).encode()
    return gzip.compress(text, mtime=0) if form == ".csv.gz" else text


def _rows(columns: Mapping[str, Array]) -> Iterator[dict[str, Any]]:
    for row in zip(*(column.tolist() for column in columns.values()), strict=True):
        yield dict(zip(columns, row, strict=True))


def predictions(
    columns: Mapping[str, Array],
    file: str | None,
    *,
    quiet: bool,
    json: bool,
    stream: TextIO,
    safe: bool = False,
) -> None:
    """The rows (N,) of each column; where they are in a file, only how many.

    On a terminal no text acts. safe: as for `packed`.
    """
    rows = len(next(iter(columns.values())))
    if file is not None:
        fields: dict[str, Any] = {"rows": rows, "file": file}
        if json:
            JsonLines(stream).emit("predictions", fields)
        elif not quiet:
            Output(stream).line(escaped(f"predictions: {rows:,} rows in {file}"))
    elif json:
        lines = JsonLines(stream)
        for row in _rows(columns):
            lines.emit("prediction", {"values": row})
    elif not quiet:
        output = Output(stream)
        word = no_formula if safe else str
        if stream.isatty():
            plain = word
            word = lambda text: escaped(plain(text))  # noqa: E731
        output.write(output.encodable(as_csv(columns, ",", word)))
