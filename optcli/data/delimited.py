"""Delimited text: CSV and its relatives, read into columns.

The standard library's csv module reads, and knows the line of everything that
is wrong. Large files take a shortcut through polars; it is believed only where
nothing at all is peculiar, so that both always give the same columns.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np

from optcli.data.columns import (
    MISSING,
    Column,
    Contents,
    Mixed,
    Numbers,
    from_cells,
    from_codes,
    number,
    short,
    transposed,
)
from optcli.data.reading import Reading
from optcli.errors import Fault, InvalidInput

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}

csv.field_size_limit(2**31 - 1)  # a long text is no fault

NAMES_FIRST = "the first line must name the columns, remove titles and comments"
FIRST_LINES = 9  # among which titles and comments stand

LARGE = 2_000_000  # bytes; below, importing polars takes longer than the csv module
SAMPLE = 1 << 16  # bytes from which the shortcut takes a column's kind
MOST_COLUMNS = 100_000


def read(data: bytes, file: str, reading: Reading) -> Contents:
    """The table in `data`; `file` is its name in messages.

    Raises InvalidInput.
    """
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
    if b"\n" not in data:
        data = data.replace(b"\r", b"\n")  # lines that end as on very old Macs
    header = data[: data.find(b"\n") + 1] or data
    delimiter = reading.delimiter or find_delimiter(header.decode(errors="replace"))
    if len(data) > LARGE:
        contents = _shortcut(data, file, delimiter, reading)
        if contents is not None:
            return contents
    return _plain(data, file, delimiter, reading)


def find_delimiter(header: str) -> str:
    """The one of comma, semicolon, tab and bar that the header line has most of."""
    outside_quotes = "".join(header.split('"')[::2])
    return max(DELIMITERS, key=outside_quotes.count)


def _plain(data: bytes, file: str, delimiter: str, reading: Reading) -> Contents:
    rows = _rows(_decoded(data, file), file, delimiter)
    _, header = next(rows, (1, []))
    names = _names(header, file)
    lines, cells = [], []
    for line, row in rows:
        if len(row) != len(names):
            raise InvalidInput(_wrong_width(row, names, delimiter, file, line))
        lines.append(line)
        cells.append(row)
    if not cells:
        raise InvalidInput(Fault("has a header but no rows", file=file))
    columns, mixed = {}, {}
    for name, column in zip(names, transposed(cells, len(names)), strict=True):
        columns[name], oddity = from_cells(column, as_text=name in reading.categorical)
        if oddity is not None:
            mixed[name] = oddity
    return Contents(columns, mixed, np.array(lines))


def _rows(text: str, file: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Each row with the line it begins in; blank lines may stand at the end only."""
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True
    )
    line, blank = 1, None
    try:
        for row in reader:
            if len(row) <= 1 and not "".join(row).strip():
                blank = blank or line
            elif blank is not None:
                raise InvalidInput(Fault("is blank; remove the line", file=file, line=blank))
            else:
                yield line, row
            line = reader.line_num + 1
    except csv.Error as error:
        what = str(error)
        if "end of data" in what:
            what = "a quote is opened and never closed"
        elif "expected after" in what:
            what = "text follows a closing quote; write a quote inside a field twice"
        raise InvalidInput(Fault(what, file=file, line=line)) from None


def _decoded(data: bytes, file: str) -> str:
    position = data.find(b"\0")
    if position >= 0:
        line = data.count(b"\n", 0, position) + 1
        raise InvalidInput(
            Fault("has a NUL byte; is this a text file, saved as UTF-8?", file=file, line=line)
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = f"0x{data[error.start]:02x}"
        raise InvalidInput(
            Fault(f"is not UTF-8 (byte {byte}); save the file as UTF-8", file=file, line=line)
        ) from None


def _names(header: list[str], file: str) -> list[str]:
    names = [name.strip() for name in header]
    faults = []
    alone = bool(names) and not "".join(names[1:])
    if alone and names[0].lower().startswith("sep="):
        faults.append("is a note for spreadsheets, not the names of columns; remove the line")
    elif alone and len(names) > 2:
        faults.append(f"is '{short(names[0])}' alone; {NAMES_FIRST}")
    elif not names:
        faults.append("is blank; it must name the columns")
    elif all(number(name) is not None for name in names):
        faults.append("holds numbers, not the names of columns; add a header line")
    elif len(names) > MOST_COLUMNS:
        faults.append(f"has {len(names):,} columns; at most {MOST_COLUMNS:,} can be read")
    else:
        places: dict[str, int] = {}
        for i, name in enumerate(names):
            before = places.setdefault(name, i)
            if not name:
                rather = ", or remove it if it counts the rows" if i == 0 else ""
                if 0 < i == len(names) - 1:
                    rather = ", or end no line with a delimiter"
                faults.append(f"column {i + 1} has no name; give it one{rather}")
            elif before < i:
                faults.append(
                    f"columns {before + 1} and {i + 1} are both called '{short(name)}'; rename one"
                )
    if faults:
        raise InvalidInput(*(Fault(fault, file=file, line=1) for fault in faults))
    return names


def _wrong_width(row: list[str], names: list[str], delimiter: str, file: str, line: int) -> Fault:
    comment = names[0].startswith(("#", "%", "//"))
    if (comment or len(names) == 1) and len(row) > len(names) and line <= FIRST_LINES:
        message = f"is '{short(names[0])}', but line {line} has {len(row)} fields; {NAMES_FIRST}"
        return Fault(message, file=file, line=1)
    message = f"has {len(row)} field{'s' * (len(row) != 1)}, the header has {len(names)}"
    mark = DELIMITERS.get(delimiter, f"'{delimiter}'")
    if len(row) == len(names) + 1 and not row[-1].strip():
        message += f"; remove the {mark} at its end"
    elif len(row) > len(names):
        message += f"; a field that holds a {mark} must be quoted"
        if delimiter == ",":
            message += ", and decimals need a point"
    else:
        message += "; fill in what is missing"
    return Fault(message, file=file, line=line)


def _shortcut(data: bytes, file: str, delimiter: str, reading: Reading) -> Contents | None:
    """The same through polars, or None where the plain way has to look."""
    end = data.find(b"\n") + 1
    if data.find(b'"', end) >= 0 or data.find(b"\0") >= 0 or len(delimiter.encode()) != 1:
        return None  # quotes are where readers differ
    [(_, header)] = islice(_rows(_decoded(data[:end], file), file, delimiter), 1)
    names = _names(header, file)
    if len(names) == 1:
        return None  # a missing value is a blank line
    numeric = _numeric(data[end : end + SAMPLE], file, delimiter, names)
    if numeric is None:
        return None

    import polars as pl

    kinds = {
        name: pl.Float64 if name in numeric and name not in reading.categorical else pl.String
        for name in names
    }
    try:
        frame = pl.read_csv(
            data,
            has_header=False,
            skip_rows=1,
            schema=kinds,
            separator=delimiter,
            quote_char=None,
            null_values=[spelling for m in MISSING for spelling in (m, m.upper()) if m],
        )
    except pl.exceptions.PolarsError:
        return None
    # No row is longer than the header, or polars had raised. So, where lines and
    # delimiters add up, no line is blank and no row is short.
    lines = data.count(b"\n", end) + (not data.endswith(b"\n"))
    delimiters = data.count(delimiter.encode(), end)
    if lines != frame.height or delimiters != (len(names) - 1) * frame.height:
        return None
    columns: dict[str, Column] = {}
    mixed = {}
    for name in names:
        if frame[name].dtype == pl.Float64:
            columns[name] = Numbers(frame[name].fill_null(np.nan).to_numpy())
            continue
        columns[name], oddity = from_series(frame[name], as_text=name in reading.categorical)
        if oddity is not None:
            mixed[name] = oddity
    return Contents(columns, mixed, np.arange(2, frame.height + 2))


def _numeric(sample: bytes, file: str, delimiter: str, names: list[str]) -> set[str] | None:
    """Columns that hold numbers, as far as the first rows tell; None where rows are odd."""
    whole, _, _ = sample.rpartition(b"\n")
    try:
        rows = [row for _, row in _rows(_decoded(whole, file), file, delimiter)]
    except InvalidInput:
        return None
    if any(len(row) != len(names) for row in rows):
        return None
    columns = zip(names, transposed(rows, len(names)), strict=True)
    return {name for name, cells in columns if isinstance(from_cells(cells)[0], Numbers)}


def from_series(series: Any, *, as_text: bool = False) -> tuple[Column, Mixed | None]:
    """The column in a polars series of texts."""
    import polars as pl

    series = series.fill_null("").str.strip_chars()
    distinct = series.unique().sort()
    codes = series.cast(pl.Enum(distinct)).to_physical().to_numpy().astype(np.intp)
    return from_codes(codes, distinct.to_list(), as_text=as_text)
