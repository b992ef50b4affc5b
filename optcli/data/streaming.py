"""Streaming: a table that is larger than memory goes once into a file of its columns.

The file, the table's cache, is mapped: the system reads what is looked at and
lets go of it again. It holds numbers in blocks of K rows, each block column by
column, then a header (JSON: names, kinds, categories), and at its end the
header's length and SHA-256. It is called by the content of the table's file
and the options of reading it, so a changed table gets a new one.

A piece of the table is read as a small table would be, by `delimited`; what
columns are follows from the pieces together.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import os
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from optcli import files, folders
from optcli.arrays import Array
from optcli.data import delimited, parquet, table
from optcli.data.columns import (
    ALMOST_NUMBER,
    Column,
    Contents,
    Mixed,
    Numbers,
    Words,
    first,
    number,
)
from optcli.data.opening import opened, refuse_what_is_no_text, suffix
from optcli.data.reading import Reading
from optcli.data.stored import Codes, Stored
from optcli.data.table import Table
from optcli.errors import Fault, InvalidInput

CACHE = Path("runs", ".cache")
LARGE = 100_000_000  # bytes of a table that is streamed
CHUNK = 1 << 22  # bytes of text that are read at a time
MOST_CHUNKS = 8  # that one row may take
BLOCK_BYTES = 1 << 24  # of the cache, at most
BLOCK_ROWS = 1 << 16
MOST_WORDS = 100_000  # different texts of a column; they are held in memory
MAGIC = b"optcli table 2"
TAIL = 8 + 32 + len(MAGIC)  # length and SHA-256 of the header, MAGIC


def is_large(path: str | Path) -> bool:
    """Whether a table has more than LARGE bytes: of text, unpacked, or 8 for each value."""
    path = Path(path)
    with opened(path):
        size = path.stat().st_size
        if suffix(path) == ".parquet":
            return size > 0 and parquet.values(path) * 8 > LARGE
        if suffix(path) != ".gz" or size > LARGE or size * 1032 <= LARGE:  # deflate's best
            return size > LARGE
        with gzip.open(path) as file:
            return any(file.tell() > LARGE for _ in iter(lambda: file.read(CHUNK), b""))


def read(path: str | Path, folder: Path, reading: Reading) -> Table:
    """The same as `table.read`, with columns that stay in the cache in `folder`.

    Raises InvalidInput for the table, EnvironmentFailed for the cache.
    """
    path = Path(path)
    table.check_delimiter(reading.delimiter)
    with opened(path):
        options = [suffix(path) == ".parquet", reading.to_json(), BLOCK_ROWS]
        key = hashlib.sha256(f"{files.checksum(path)} {options}".encode()).hexdigest()[:32]
    if folders.is_own(folder) or (folder.exists() and not folder.is_dir()):
        what = "a run folder" if folder.is_dir() else "a file"
        message = f"is {str(folder)!r}, {what}; must be a folder of its own"
        raise InvalidInput(Fault(message, "dataset.cache"))
    files.open_cache(folder)
    cache = folder / f"{key}.table"
    header = _header(cache)
    if header is None:
        _build(cache, path, reading)
        header = _header(cache)
        assert header is not None
    return _mapped(cache, header, str(path), folder, reading)


# ---- the cache -----------------------------------------------------------------------


def _header(cache: Path) -> dict[str, Any] | None:
    """What the header says, or None where there is no whole cache."""
    with suppress(OSError, ValueError), cache.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(size - TAIL)
        tail = file.read()
        length = int.from_bytes(tail[:8], "little")
        file.seek(size - TAIL - length)
        text = file.read(length)
        if tail[8:] != hashlib.sha256(text).digest() + MAGIC:
            return None
        header: dict[str, Any] = json.loads(text)
        if size == 8 * int(np.prod(header["shape"])) + length + TAIL:
            return header
    return None


def _mapped(
    cache: Path, header: Mapping[str, Any], source: str, folder: Path, reading: Reading
) -> Table:
    """The table behind a header."""
    blocks = files.mapped(cache, tuple(header["shape"]), np.float64)
    columns: dict[str, Column] = {}
    for i, kind in enumerate(header["columns"]):
        stored = Stored(blocks, i, header["rows"])
        if kind["order"] is None:
            columns[kind["name"]] = Numbers(cast("Array", stored))
        else:
            codes = Codes(stored, np.array([*kind["order"], -1], np.intp))
            words = Words(cast("Array", codes), tuple(kind["categories"]), kind["gap"])
            columns[kind["name"]] = words
    lines = Stored(blocks, len(columns), header["rows"]) if header["lines"] else None
    mixed = {name: Mixed(*odd) for name, odd in header["mixed"].items()}
    contents = Contents(columns, mixed, cast("Array | None", lines), header["unread"])
    return replace(table.assembled(contents, source, reading), make=partial(files.scratch, folder))


def _build(cache: Path, path: Path, reading: Reading) -> None:
    """Write the cache of a table."""
    mixed: dict[str, Mixed] = {}
    while True:
        before = _stamp(path)
        with files.growing(cache) as add:
            writer = _Writer(add)
            as_text = replace(reading, categorical=(*reading.categorical, *mixed))
            with opened(path), closing(_pieces(path, as_text)) as pieces:
                for piece in pieces:
                    writer.add(piece)
            if _stamp(path) != before:
                raise InvalidInput(Fault("changed while it was read; start again", file=str(path)))
            odd = {
                n: found
                for n in writer.kinds
                if n not in reading.categorical and (found := writer.kinds[n].mixed())
            }
            writer.close(mixed or odd)
        if mixed or not odd:
            return
        mixed = odd  # what else those columns hold is text, too: once more


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


@dataclass
class _Kind:
    """What is known of a column so far."""

    codes: dict[str, int] = field(default_factory=dict)
    numbers: bool = False
    odd: Mixed | None = None  # the first cell that is no number
    gap: str | None = None  # how the first missing value is spelled
    unread: str = ""  # why it is not kept

    def values(self, column: Column, oddity: Mixed | None, start: int) -> Array:
        """A piece of the column, which begins in row `start`, as numbers."""
        if isinstance(column, Numbers):
            self.numbers |= column.gaps() < len(column)
            if column.gaps():
                self.gap = self.gap or ""
            return column.values
        if self.odd is None and oddity is not None:
            self.odd = Mixed(start + oddity.row, oddity.text)
        elif self.odd is None and column.gaps() < len(column):
            row = first(~column.missing)
            self.odd = Mixed(start + row, column.text(row))
        if self.gap is None and column.gaps():
            self.gap = column.gap
        if len(self.codes) > MOST_WORDS:
            self.unread = f"is text with more than {MOST_WORDS:,} different values"
            self.unread += "; list it in dataset.exclude"
            return np.zeros(len(column))
        codes = [self.codes.setdefault(text, len(self.codes)) for text in column.categories]
        return np.array([*codes, np.nan])[column.codes]

    def mixed(self) -> Mixed | None:
        """The first cell that is no number, in a column that should be one thing."""
        numeric = self.numbers or any(number(text) is not None for text in self.codes)
        if self.codes and (numeric or all(map(ALMOST_NUMBER.fullmatch, self.codes))):
            return self.odd
        return None

    def description(self, name: str) -> dict[str, Any]:
        """What the header says of it."""
        if not self.codes:
            return {"name": name, "order": None}
        categories = sorted(self.codes)
        place = {text: i for i, text in enumerate(categories)}
        order = [place[text] for text in self.codes]
        if self.unread:
            order, categories = [0] * len(order), ["…"]
        return {"name": name, "order": order, "categories": categories, "gap": self.gap or ""}


class _Writer:
    """Gathers pieces into blocks and writes them."""

    def __init__(self, write: Callable[[Any], None]) -> None:
        self.write = write
        self.kinds: dict[str, _Kind] = {}
        self.block = np.empty((0, 0))
        self.lines = False
        self.rows = self.filled = self.count = 0

    def add(self, piece: Contents) -> None:
        if not self.kinds:
            self.kinds = {name: _Kind() for name in piece.columns}
            self.lines = piece.lines is not None
            width = len(self.kinds) + self.lines
            self.block = np.empty((width, _block_rows(width)))
        for name, message in piece.unread.items():
            self.kinds[name].unread = message
        values = [
            kind.values(piece.columns[name], piece.mixed.get(name), self.rows)
            for name, kind in self.kinds.items()
        ]
        if piece.lines is not None:
            values.append(piece.lines)
        done, rows = 0, len(values[0])
        while done < rows:
            more = min(rows - done, self.block.shape[1] - self.filled)
            for cells, column in zip(self.block, values, strict=True):
                cells[self.filled : self.filled + more] = column[done : done + more]
            done, self.filled = done + more, self.filled + more
            if self.filled == self.block.shape[1]:
                self._end_block()
        self.rows += rows

    def _end_block(self) -> None:
        self.block[:, self.filled :] = np.nan
        self.write(self.block)
        self.count, self.filled = self.count + 1, 0

    def close(self, mixed: Mapping[str, Mixed]) -> None:
        if self.filled:
            self._end_block()
        header = {
            "rows": self.rows,
            "shape": [self.count, *self.block.shape],
            "columns": [kind.description(name) for name, kind in self.kinds.items()],
            "mixed": {name: [odd.row, odd.text] for name, odd in mixed.items()},
            "unread": {name: kind.unread for name, kind in self.kinds.items() if kind.unread},
            "lines": self.lines,
        }
        text = json.dumps(header).encode()
        self.write(text + len(text).to_bytes(8, "little"))
        self.write(hashlib.sha256(text).digest() + MAGIC)


# ---- the table's file, in pieces -----------------------------------------------------


def _pieces(path: Path, reading: Reading) -> Generator[Contents, None, None]:
    if not path.stat().st_size:
        raise InvalidInput(Fault("is empty", file=str(path)))
    if suffix(path) == ".parquet":
        yield from parquet.pieces(path, reading, _block_rows)
        return
    with gzip.open(path) if suffix(path) == ".gz" else path.open("rb") as file:
        yield from _text(cast("BinaryIO", file), path, reading)


def _text(file: BinaryIO, path: Path, reading: Reading) -> Iterator[Contents]:
    """Pieces of whole rows, each read with the header before it."""
    data = file.read(CHUNK)
    while b"\n" not in data and len(data) < MOST_CHUNKS * CHUNK and (chunk := file.read(CHUNK)):
        data += chunk
    if not data or data.isspace():
        raise InvalidInput(Fault("is empty", file=str(path)))
    refuse_what_is_no_text(data, path)
    data = data.removeprefix(b"\xef\xbb\xbf")
    old = b"\n" not in data  # lines that end as on very old Macs
    data = data.replace(b"\r", b"\n") if old else data
    end = data.find(b"\n") + 1 or len(data)
    while data.count(b'"', 0, end) % 2 and data.find(b"\n", end) > 0:
        end = data.find(b"\n", end) + 1
    header, data = data[:end], data[end:]
    delimiter = reading.delimiter or delimited.find_delimiter(header.decode(errors="replace"))
    before = header.count(b"\n")
    line, empty, more = before + 1, True, True
    while more:
        chunk = file.read(CHUNK)
        more = bool(chunk)
        data += chunk.replace(b"\r", b"\n") if old else chunk
        end = _whole(data, delimiter) if more else len(data)
        if (more and not end) or (not empty and not data[:end].strip()):
            if len(data) > MOST_CHUNKS * CHUNK:
                message = f"no row ends within {len(data) >> 20} MB; is this a table, row by row?"
                raise InvalidInput(Fault(message, file=str(path), line=line))
            continue
        try:
            piece = delimited.read(
                header + data[:end], str(path), replace(reading, delimiter=delimiter)
            )
        except InvalidInput as error:
            moved = line - before - 1
            raise InvalidInput(
                *(
                    replace(f, line=f.line + moved) if f.line and f.line > before else f
                    for f in error.faults
                )
            ) from None
        assert piece.lines is not None
        yield replace(piece, lines=piece.lines + (line - before - 1))
        line, empty, data = line + data.count(b"\n", 0, end), False, data[end:]


def _whole(data: bytes, delimiter: str) -> int:
    """The bytes that are whole rows, up to blank lines at the end; 0 where more is needed."""
    filled = len(data[: data.rfind(b"\n") + 1].rstrip())
    end = data.find(b"\n", filled) + 1 if filled else 0
    if data.find(b'"', 0, end) < 0 or len(data) > MOST_CHUNKS * CHUNK:
        return end
    text = data[:end].decode(errors="surrogateescape")
    read = whole = 0

    def lines() -> Iterator[str]:
        nonlocal read
        for each in io.StringIO(text, newline=""):
            read += len(each.encode(errors="surrogateescape"))
            yield each

    # that a quote is open ends the rows here, other errors are said by `delimited`
    with suppress(csv.Error):
        for _ in csv.reader(lines(), delimiter=delimiter, skipinitialspace=True, strict=True):
            whole = read
    return whole


def _block_rows(columns: int) -> int:
    return max(1, min(BLOCK_ROWS, BLOCK_BYTES // (8 * columns)))
