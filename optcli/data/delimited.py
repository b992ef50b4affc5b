"""Delimited text: CSV and its relatives, read into columns.

The standard library's csv module reads, and knows the line of everything that
is wrong. Large files take a shortcut through polars; it is believed only where
nothing at all is peculiar, so that both always give the same columns.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import Fault, InvalidInput
from optcli.data import dialect as dialects
from optcli.data import frames
from optcli.data.cells import is_missing, number
from optcli.data.characters import clean
from optcli.data.columns import Numbers, short
from optcli.data.contents import Contents, Found, Header, from_cells, transposed, without_listed
from optcli.data.dialect import Dialect
from optcli.data.naming import called, doubled
from optcli.data.reading_rules import Reading

WHOLE = re.compile(r"0|[1-9]\d*")

END_OF_FILE = b"\x1a"  # with which old systems end a text

csv.field_size_limit(2**31 - 1)  # a long text is no fault

NO_NAMES = "holds numbers, not the names of columns; add a header line"
NAMES_FIRST = "the first line must name the columns, remove titles and comments"
FIRST_LINES = 9  # among which titles and comments stand

LARGE = 2_000_000  # bytes; below, importing polars takes longer than the csv module
TAIL = 256  # bytes in which the marks of a file's end are
LOOK = 1 << 16  # bytes that are looked at together, so that they stay in the cache
SAMPLE = 1 << 12  # bytes from which the shortcut takes a column's kind
MOST_COLUMNS = 100_000


def read(
    data: bytes,
    file: str,
    reading: Reading,
    raw: Collection[str] | None = None,
    dialect: Dialect | None = None,
) -> Contents:
    """The table in `data`; `file` is its name in messages.

    dialect: by default found in the first rows. raw: of a piece of a larger table, see
    `from_codes`. Raises InvalidInput.
    """
    data = without_end(data.removeprefix(b"\xef\xbb\xbf"))
    if b"\n" not in data:
        data = data.replace(b"\r", b"\n")  # lines that end as on very old Macs
    dialect = dialect or dialects.of(data, file, reading)
    if len(data) > LARGE:
        contents = _shortcut(data, file, dialect, reading, raw)
        if contents is not None:
            return contents
    return _plain(data, file, dialect, reading, raw)


def without_end(data: bytes) -> bytes:
    """The text without the marks of its end, which old systems write."""
    tail = data[-TAIL:].rstrip()
    if not tail.endswith(END_OF_FILE):
        return data
    return data[: max(0, len(data) - TAIL) + len(tail.rstrip(END_OF_FILE))]


def _plain(
    data: bytes,
    file: str,
    dialect: Dialect,
    reading: Reading,
    raw: Collection[str] | None = None,
) -> Contents:
    rows = _rows(_decoded(data, file), file, dialect)
    _, first = next(rows, (1, []))
    names, header = header_of(first, file, dialect)
    extra = len(first) > 1 and not first[-1].strip()
    ends = len(names) + 1 if dialect.beside == "last" else None
    lines, cells = [], []
    for line, row in rows:
        if len(row) == ends and not row[-1].strip():
            del row[-1]
        if len(row) != len(names):
            raise InvalidInput(_wrong_width(row, names, dialect, file, line, extra=extra))
        lines.append(line)
        cells.append(row)
    if not cells:
        raise InvalidInput(Fault("has a header but no rows", file=file))
    found = {
        name: from_cells(column, name, reading, raw=raw)
        for name, column in zip(names, transposed(cells, len(names)), strict=True)
    }
    return Contents.of(found, np.array(lines), header=header)


def _rows(text: str, file: str, dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """Each row with the line it begins in; blank lines may stand at the end only."""
    reader = dialects.reader(text, dialect.delimiter)
    line, blank, before = 1, None, 0
    try:
        for each in reader:
            row = dialects.trimmed(each, dialect.delimiter)
            if len(row) <= 1 and not "".join(row).strip():
                blank = blank or line
            elif blank is not None:
                what = NAMES_FIRST if before == 1 < len(row) else "remove the line"
                raise InvalidInput(Fault(f"is blank; {what}", file=file, line=blank))
            else:
                yield line, row
                before = len(row)
            line = reader.line_num + 1
    except csv.Error as error:
        if dialect.remedy is not None:
            raise InvalidInput(Fault(dialect.remedy, file=file, line=1)) from None
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


def header_of(
    header: list[str], file: str, dialect: Dialect, line: int = 1
) -> tuple[tuple[str, ...], Header]:
    """The names in the header line; raises InvalidInput where it is none."""
    names = [clean(name) for name in header]
    faults = []
    alone = bool(names) and not "".join(names[1:])
    if alone and names[0].lower().startswith("sep="):
        faults.append("is a note for spreadsheets, not the names of columns; remove the line")
    elif alone and len(names) > 2:
        faults.append(f"is '{short(names[0])}' alone; {NAMES_FIRST}")
    elif not names:
        faults.append("is blank; it must name the columns")
    elif len(names) > MOST_COLUMNS:
        faults.append(f"has {len(names):,} columns; at most {MOST_COLUMNS:,} can be read")
    elif _are_numbers(names) and not _may_be_names(names):
        faults.append(NO_NAMES)
    else:
        faults += doubled(names)
    if faults:
        raise InvalidInput(*(Fault(fault, file=file, line=line) for fault in faults))
    doubt = NO_NAMES if _are_numbers(names) else dialect.remedy
    odd = next((name for name in names if number(name) and not WHOLE.fullmatch(name)), None)
    if doubt is None and odd is not None:
        doubt = f"has '{short(odd)}' among the names of columns; add a header line if it is none"
    if dialect.beside == "first":
        names = ["", *names]
    found, unnamed = called(names)
    return found, Header(unnamed, None if doubt is None else Fault(doubt, file=file, line=line))


def _are_numbers(names: list[str]) -> bool:
    return all(number(name) is not None for name in names)


def _may_be_names(names: list[str]) -> bool:
    """Whether numbers may be names: whole ones such as years, each of them once."""
    return len(set(names)) == len(names) and all(map(WHOLE.fullmatch, names))


def _wrong_width(
    row: list[str],
    names: tuple[str, ...],
    dialect: Dialect,
    file: str,
    line: int,
    *,
    extra: bool,
) -> Fault:
    """The fault of a row. extra: whether the header ends with a delimiter."""
    first, count = names[0], len(names)
    comment = first.startswith(("#", "%", "//"))
    if (comment or count == 1) and len(row) > count and line <= FIRST_LINES:
        message = f"is '{short(first)}', but line {line} has {len(row)} fields; {NAMES_FIRST}"
        return Fault(message, file=file, line=1)
    message = f"has {len(row)} field{'s' * (len(row) != 1)}, the header has {count}"
    if dialect.better is not None:
        message += f", with {dialect.mark} as the delimiter; with {dialect.better} all rows fit"
        return Fault(message, file=file, line=line)
    if len(row) == count + 1 and not row[-1].strip():
        message += f"; remove the {dialect.mark} at its end"
    elif len(row) > count:
        message += f"; a field that holds a {dialect.mark} must be quoted"
        if dialect.delimiter == ",":
            message += ", and decimals need a point"
    elif extra and len(row) == count - 1:
        message += f"; remove the {dialect.mark} at the header's end"
    elif len(row) == 1 and count > 2:
        message += "; remove the line if it is a remark, or fill in what is missing"
    else:
        message += "; fill in what is missing"
    return Fault(message, file=file, line=line)


def _shortcut(
    data: bytes,
    file: str,
    dialect: Dialect,
    reading: Reading,
    raw: Collection[str] | None = None,
) -> Contents | None:
    """The same through polars, or None where the plain way has to look."""
    end = data.find(b"\n") + 1
    delimiter = dialect.delimiter
    if data.find(b'"', end) >= 0 or data.find(b"\0") >= 0 or len(delimiter.encode()) != 1:
        return None  # quotes are where readers differ
    if delimiter == " " or dialect.beside == "last":
        return None  # runs of blanks, and delimiters at the end
    [(_, first)] = islice(_rows(_decoded(data[:end], file), file, dialect), 1)
    names, header = header_of(first, file, dialect)
    if len(names) == 1:
        return None  # a missing value is a blank line
    numeric = _numeric(data[end : end + SAMPLE], file, dialect, names, reading)
    if numeric is None:
        return None
    numeric -= {*reading.as_text, *(raw or ())}

    # What may be spelled in more than one way is looked at as text.
    plain = reading.missing is None and not (reading.rules > 1 and leading_zeros(data, delimiter))
    frame = _frame(data, names, numeric, delimiter) if numeric and plain else None
    if frame is None:
        frame = _frame(data, names, (), delimiter)
    if frame is None:
        return None
    # No row is longer than the header, or polars had raised; one that is shorter lacks its last
    # cell. So, where lines and delimiters add up, no line is blank and no row is short.
    if count(data, b"\n", end) + (not data.endswith(b"\n")) != frame.height:
        return None
    if frame[names[-1]].null_count():
        delimiters = count(data, delimiter.encode(), end)
        if delimiters != (len(names) - 1) * frame.height:
            return None
    columns: dict[str, Found] = {}
    for name in names:
        series = frame[name]
        if name in numeric:
            values = _values(series, reading)
            if values is not None:
                columns[name] = Found(Numbers(values))
                continue
        found = frames.from_series(series, name, reading, typed=False, raw=raw)
        if found is None or (name in numeric and found.mixed is not None):
            return None
        columns[name] = found
    return Contents.of(columns, np.arange(2, frame.height + 2), header=header)


def _frame(data: bytes, names: Sequence[str], numeric: Collection[str], delimiter: str) -> Any:
    """The polars frame of the rows, with floats in the numeric columns, texts in the others.

    None where there is a cell that polars does not take.
    """
    import polars as pl

    try:
        return pl.read_csv(
            data,
            has_header=False,
            skip_rows=1,
            schema={name: pl.Float64 if name in numeric else pl.String for name in names},
            separator=delimiter,
            quote_char=None,
        )
    except pl.exceptions.PolarsError:
        return None


def _values(series: Any, reading: Reading) -> Array | None:
    """The numbers of a polars series of floats or texts; None where it holds anything else."""
    import polars as pl

    nan_is_missing = is_missing("nan", reading)
    if series.dtype == pl.Float64:
        values: Array = series.to_numpy()  # NaN for null
        return values if nan_is_missing or not series.is_nan().any() else None
    texts = series.fill_null("").str.strip_chars()
    if reading.rules > 1 and texts.str.contains(r"^[+-]?0[0-9]").any():
        return None
    numbers = texts.cast(pl.Float64, strict=False)
    odd = texts.filter(numbers.is_null() | numbers.is_nan()).unique().to_list()
    if not all(is_missing(clean(text), reading) for text in odd):
        return None
    return without_listed(numbers.fill_null(np.nan).to_numpy(), reading)


def count(data: bytes, character: bytes, start: int = 0, stop: int | None = None) -> int:
    """How often a character occurs; where it is frequent, in half the time of `bytes.count`."""
    text = np.frombuffer(data, np.uint8)[start:stop]
    looks = (text[at : at + LOOK] for at in range(0, len(text), LOOK))
    return sum(int(np.count_nonzero(look == character[0])) for look in looks)


def leading_zeros(data: bytes, delimiter: str) -> bool:
    """Whether any cell begins with a zero and a further digit; a look at all bytes."""
    text = np.frombuffer(data, np.uint8)
    between = np.frombuffer(f"\r\n\t {delimiter}".encode(), np.uint8)
    value = np.empty(LOOK + 3, np.uint8)
    zero, digit, within = (np.empty(LOOK + 3, bool) for _ in range(3))
    for start in range(0, len(text), LOOK):
        # with two characters before, and one after each zero
        some = text[max(0, start - 2) : start + LOOK + 1]
        length = len(some)
        own = np.subtract(some, 48, value[:length])
        first = np.equal(own[2:-1], 0, zero[: max(0, length - 3)])
        first &= np.less(own, 10, digit[:length])[3:]
        own += 2
        # and no digit or point before it
        np.greater(first, np.less(own, 12, within[:length])[1:-2], first)
        if not first.any():
            continue
        zeros = np.flatnonzero(first) + 2
        before = some[zeros - 1]
        signed = (before == 43) | (before == 45)
        if np.any(np.isin(np.where(signed, some[zeros - 2], before), between)):
            return True
    return False


def _numeric(
    sample: bytes, file: str, dialect: Dialect, names: Sequence[str], reading: Reading
) -> set[str] | None:
    """Columns that hold numbers, as far as the first rows tell; None where rows are odd."""
    whole, _, _ = sample.rpartition(b"\n")
    try:
        rows = [row for _, row in _rows(_decoded(whole, file), file, dialect)]
    except InvalidInput:
        return None
    if any(len(row) != len(names) for row in rows):
        return None
    columns = zip(names, transposed(rows, len(names)), strict=True)
    found = ((name, from_cells(cells, name, reading).column) for name, cells in columns)
    return {name for name, column in found if isinstance(column, Numbers)}
