"""NDJSON: an object in each line, whose keys are the columns.

Python's json module reads, and knows the line of everything that is wrong. Large texts take a
shortcut through polars, which is believed only where nothing is peculiar.
"""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np

from optcli.core.errors import Fault, InvalidInput
from optcli.data import frames
from optcli.data.characters import clean
from optcli.data.columns import Words, short
from optcli.data.contents import Contents, Found, Header, from_values
from optcli.data.naming import called, doubled
from optcli.data.reading_rules import Reading

LARGE = 2_000_000  # bytes; below, importing polars takes longer than the json module
CHUNK = 1 << 22  # bytes of text that are read at a time
MOST_LINE = 1 << 25  # bytes that one row may take


class NewColumns(Exception):
    """A piece has columns that the pieces before it had not."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(names)
        self.names = names


def read(
    data: bytes,
    file: str,
    reading: Reading,
    raw: Collection[str] | None = None,
    *,
    names: Sequence[str] = (),
    before: int = 0,
) -> Contents:
    """The table in `data`; `file` is its name in messages.

    raw: of a piece of a larger table, see `from_codes`. names: columns that come first, whether
    they are in it or not. before: lines before this piece. Raises InvalidInput.
    """
    data = data.removeprefix(b"\xef\xbb\xbf")
    if len(data) > LARGE:
        contents = _shortcut(data, file, reading, raw, names, before)
        if contents is not None:
            return contents
    return _plain(data, file, reading, raw, names, before)


def pieces(
    file: BinaryIO, path: str, reading: Reading, raw: Collection[str], names: Sequence[str]
) -> Iterator[Contents]:
    """The same in pieces that are not judged yet; raises InvalidInput, NewColumns.

    names: the columns, as far as they are known.
    """
    data, before, more = b"", 0, True
    while more:
        chunk = file.read(CHUNK)
        more = bool(chunk)
        data += chunk
        end = data.rfind(b"\n") + 1 if more else len(data)
        if not end:
            if len(data) > MOST_LINE:
                message = f"no row ends within {len(data) >> 20} MB; is this NDJSON, row by row?"
                raise InvalidInput(Fault(message, file=path, line=before + 1))
            continue
        if data[:end].strip():
            piece = read(data[:end], path, reading, raw, names=names, before=before)
            if names and (new := [name for name in piece.columns if name not in names]):
                raise NewColumns([*names, *new])
            names = list(piece.columns)
            yield piece
        before, data = before + data.count(b"\n", 0, end), data[end:]
    if not names:
        raise InvalidInput(Fault("is empty", file=path))


def _plain(
    data: bytes,
    file: str,
    reading: Reading,
    raw: Collection[str] | None,
    names: Sequence[str],
    before: int,
) -> Contents:
    values: dict[str, list[Any]] = {name: [] for name in names}
    nested: dict[str, str] = {}
    lines: list[int] = []
    for line, text in enumerate(data.split(b"\n"), before + 1):
        if not text.strip():
            continue
        row = _row(text, file, line)
        for name, value in row.items():
            if isinstance(value, dict | list) and name not in nested:
                what = "an object" if isinstance(value, dict) else "a list"
                nested[name] = f"holds nested values ({what} in line {line})"
            column = values.get(name)
            if column is None:
                column = values[name] = [None] * len(lines)
            column.append(value)
        lines.append(line)
        if len(row) < len(values):
            for column in values.values():
                if len(column) < len(lines):
                    column.append(None)
    if not lines:
        raise InvalidInput(Fault("is empty", file=file))
    found: dict[str, Found] = {}
    written = [clean(name) for name in values]
    if faults := doubled(written):
        raise InvalidInput(*(Fault(fault, file=file) for fault in faults))
    own, unnamed = called(written)
    if not own:
        raise InvalidInput(Fault("has rows without a column", file=file))
    unread = {}
    for name, (key, column) in zip(own, values.items(), strict=True):
        if key in nested:
            unread[name] = f"{nested[key]}; only numbers and text can be read, exclude it"
            found[name] = Found(Words(np.zeros(len(lines), np.intp), ("…",)))
        else:
            found[name] = from_values(column, name, reading, raw=raw)
    return Contents.of(found, np.array(lines), unread, Header(unnamed))


def _row(text: bytes, file: str, line: int) -> dict[str, Any]:
    """The object in a line; raises InvalidInput."""
    try:
        row = json.loads(text)
    except UnicodeDecodeError:
        message = "is not UTF-8; save the file as UTF-8"
    except (ValueError, RecursionError) as error:
        reason = getattr(error, "msg", "it is nested too deeply").lower()
        message = f"is not a JSON object ({reason}); NDJSON has one object in each line"
    else:
        if isinstance(row, dict):
            return row
        what = "a list" if isinstance(row, list) else f"the value {short(str(row))}"
        message = f"is {what}, not an object; NDJSON has one object in each line"
    raise InvalidInput(Fault(message, file=file, line=line))


def _shortcut(
    data: bytes,
    file: str,
    reading: Reading,
    raw: Collection[str] | None,
    names: Sequence[str],
    before: int,
) -> Contents | None:
    """The same through polars, or None where the plain way has to look."""
    import polars as pl

    try:
        frame = pl.read_ndjson(io.BytesIO(data), infer_schema_length=None)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None
    if b"\\" in data or data.count(b"\n") + (not data.endswith(b"\n")) != frame.height:
        return None
    simple = {pl.Int64, pl.Float64, pl.String, pl.Boolean}
    if not set(frame.dtypes) <= simple or any(name != clean(name) for name in frame.columns):
        return None
    texts = [frame[name] for name in frame.columns if frame[name].dtype == pl.String]
    # Every row has every key, and what polars gives as text is text, where the quotes add up.
    quoted = frame.height * frame.width + sum(len(of) - of.null_count() for of in texts)
    if data.count(b'"') != 2 * quoted:
        return None
    as_text = {*reading.categorical, *reading.dates, *(raw or ())}
    if any(frame[name].dtype == pl.Float64 for name in as_text & set(frame.columns)):
        return None
    rest = [name for name in frame.columns if name not in names]
    if not {*names} <= {*frame.columns}:
        return None
    found = frames.of_frame(frame.select([*names, *rest]), file, reading, raw)
    return replace(found, lines=np.arange(before + 1, before + frame.height + 1))
