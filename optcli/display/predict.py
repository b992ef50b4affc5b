"""What `optcli predict` writes: predictions of new rows, in any form that it reads, too."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from json import dumps
from typing import Any, TextIO

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import InvalidInput
from optcli.core.jsonable import jsonable
from optcli.data import packings
from optcli.data.cells import number
from optcli.data.pieces import Peculiar
from optcli.display.jsonl import JsonLines
from optcli.display.output import Output
from optcli.display.text import escaped
from optcli.storage import outputs


def as_csv(
    columns: Mapping[str, Array],
    delimiter: str = ",",
    word: Callable[[str], str] = str,
    *,
    header: bool = True,
) -> str:
    """A header, and a line for each row; numbers in full precision, nothing for None.

    word: what is written for a text.
    """
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    if header:
        writer.writerow(map(word, columns))
    if len(columns) > 1 and _height(columns) >= MANY:
        from optcli.data import frames

        def field(cell: str) -> str:
            return _field(word(cell), delimiter)

        return text.getvalue() + frames.csv_rows(columns, delimiter, field).decode()
    words = (
        column.tolist()
        if column.dtype.kind not in "OU"
        else [None if cell is None else word(cell) for cell in column.tolist()]
        for column in columns.values()
    )
    writer.writerows(zip(*words, strict=True))
    return text.getvalue()


def _field(cell: str, delimiter: str) -> str:
    """A text as the csv module writes it beside others."""
    if cell.isalnum():
        return cell
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerow([cell, ""])
    return text.getvalue()[: -len(delimiter) - 1]


def no_formula(text: str) -> str:
    """The text, with an apostrophe before what a spreadsheet would take for a formula.

    A number is none, also with a sign.
    """
    if not text.startswith(("=", "+", "-", "@", "\t", "\r")) or number(text) is not None:
        return text
    return f"'{text}"


MANY = 2000  # rows that polars writes faster than the csv module

# The suffixes that predictions can be written by.
PACKED = (".gz", ".zst")
TEXTS = tuple(f"{text}{packing}" for text in (".csv", ".tsv") for packing in ("", *PACKED))
LINES = tuple(f"{text}{packing}" for text in (".ndjson", ".jsonl") for packing in ("", *PACKED))
FRAMES = (".parquet", ".arrow", ".feather", ".ipc")
FORMS = (*TEXTS, *FRAMES, *LINES)

Columns = Mapping[str, Array]


def packed(columns: Columns, form: str, *, safe: bool = False) -> bytes:
    """The columns as a file of one of the forms. safe: without formulas of spreadsheets."""
    found: list[bytes] = []
    pack([columns], form, found.append, safe=safe)
    return b"".join(found)


def pack(
    blocks: Iterable[Columns], form: str, add: Callable[[bytes], object], *, safe: bool = False
) -> int:
    """Add blocks of rows to a file of one of the forms, piece by piece; returns their number.

    Parquet and Arrow are gathered in memory.
    """
    if form in FRAMES:
        from optcli.data import frames

        gathered = list(blocks)
        add(frames.packed(gathered, form))
        return sum(map(_height, gathered))
    packer = packings.packer(next((each for each in PACKED if form.endswith(each)), ""))
    delimiter, word = "\t" if form.startswith(".tsv") else ",", no_formula if safe else str
    rows = 0
    for columns in blocks:
        if form in LINES:
            lines = [dumps(jsonable(row), ensure_ascii=False) for row in _rows(columns)]
            text = "".join(f"{line}\n" for line in lines)
        else:
            text = as_csv(columns, delimiter, word, header=not rows)
        add(packer.add(text.encode()))
        rows += _height(columns)
    add(packer.end())
    return rows


def write(
    blocks: Callable[[bool], Iterable[Columns]], name: str, form: str, *, safe: bool = False
) -> int:
    """Write predictions to a file, block by block; returns the number of rows.

    blocks: makes them; told to read the whole table at once, where a block alone does not do.
    """
    ways = (True,) if outputs.is_stream(name) else (False, True)
    for whole in ways:
        try:
            with outputs.writer(name) as add:
                return pack(blocks(whole), form, add, safe=safe)
        except (Peculiar, InvalidInput):
            if whole:
                raise
    raise AssertionError


def _height(columns: Columns) -> int:
    return len(next(iter(columns.values())))


def _rows(columns: Mapping[str, Array]) -> Iterator[dict[str, Any]]:
    for row in zip(*(column.tolist() for column in columns.values()), strict=True):
        yield dict(zip(columns, row, strict=True))


def written(rows: int, file: str, *, quiet: bool, json: bool, stream: TextIO) -> None:
    """How many rows are in which file."""
    if json:
        JsonLines(stream).emit("predictions", {"rows": rows, "file": file})
    elif not quiet:
        Output(stream).line(escaped(f"predictions: {rows:,} rows in {file}"))


def predictions(
    columns: Columns, *, quiet: bool, json: bool, stream: TextIO, safe: bool = False
) -> None:
    """The rows (N,) of each column; on a terminal no text acts, and numbers are rounded.

    safe: as for `packed`.
    """
    if json:
        lines = JsonLines(stream)
        for row in _rows(columns):
            lines.emit("prediction", {"values": row})
    elif not quiet:
        output = Output(stream)
        word = no_formula if safe else str
        if stream.isatty():
            plain = word
            word = lambda text: escaped(plain(text))  # noqa: E731
            columns = {name: _rounded(column) for name, column in columns.items()}
        output.write(output.encodable(as_csv(columns, ",", word)))


def _rounded(column: Array) -> Array:
    """Numbers as they are shown, with five digits."""
    if column.dtype.kind != "f":
        return column
    return np.array([float(f"{value:.5g}") for value in column.tolist()])
