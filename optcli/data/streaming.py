"""Streaming: a table that is larger than memory goes once into a file of its columns.

The file, the table's cache, is read a few rows of a column at a time. It holds
numbers in blocks of K rows, each block column by column, then a header (JSON:
names, kinds, categories, ends of the numbers, the checksum of each column of a block),
and at its end the header's length and SHA-256. It is called by the size and the content of
the table's file and the options of reading it, so a changed table gets a new one.

A piece of the table is read as a small table would be, by `delimited`; what
columns are follows from the pieces together. Meanwhile a thread takes the checksum of the
bytes that were read, and writes the blocks.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import astuple, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import Fault, InvalidInput
from optcli.data import columnar, delimited, formats, forms, ndjson, table, unsupported_files
from optcli.data import dialect as dialects
from optcli.data.cells import judge
from optcli.data.columns import NOTHING, Column, Numbers, Span, Words, short
from optcli.data.contents import Contents, Header, Mixed, Note, description, first_rows
from optcli.data.formats import ARROW, NDJSON, PARQUET, TEXT, packing
from optcli.data.forms import Evidence
from optcli.data.opening import opened, parts, unpacking
from optcli.data.reading_rules import Form, Reading
from optcli.data.stored import Blocks, Codes, Stored, as_array, checksum
from optcli.data.table import Table
from optcli.storage import files, run_folder
from optcli.storage.background import Background

CACHE = Path("runs", ".cache")
LARGE = 100_000_000  # bytes of a table that is cached
CHUNK = 6 << 20  # bytes of text that are read at a time
LINE = 1 << 12  # bytes in which something is written, as a rule
MOST_CHUNKS = 8  # that one row may take
BLOCK_BYTES = 1 << 23  # of the cache, at most
BLOCK_ROWS = 1 << 16
MOST_PACKED = 1032  # how many times smaller gzip makes a text, at most
MOST_WORDS = 100_000  # different texts of a column; they are held in memory
MAGIC = b"optcli table 9"
STAND_IN = "1.5"  # for the numbers of a column, beside which its texts are judged
TAIL = 8 + 32 + len(MAGIC)  # length and SHA-256 of the header, MAGIC


def is_large(path: str | Path) -> bool:
    """Whether a table has more than LARGE bytes: of text, unpacked, or 8 for each value.

    Formats that are not streamed are never large.
    """
    path = Path(path)
    with opened(path):
        files = parts(path)
        form, size = formats.of(files[0]), sum(each.stat().st_size for each in files)
        if not form.streams:
            return False
        if form in (PARQUET, ARROW):
            return size > 0 and columnar.values(files) * 8 > LARGE
        if not packing(path) or size > LARGE:
            return size > LARGE
        if packing(path) == ".gz" and size * MOST_PACKED <= LARGE:
            return False
        with unpacking(path) as file:
            unpacked = 0
            while (chunk := file.read(CHUNK)) and unpacked <= LARGE:
                unpacked += len(chunk)
            return unpacked > LARGE


def read(path: str | Path, folder: Path, reading: Reading) -> Table:
    """The same as `table.read`, with columns that stay in the cache in `folder`.

    Raises InvalidInput for the table, EnvironmentFailed for the cache.
    """
    path = Path(path)
    table.check_delimiter(reading.delimiter)
    with opened(path):
        files_read = parts(path)
        form = formats.of(files_read[0])
    if not form.streams:
        message = f"is {form.name}, which is not streamed; remove dataset.stream"
        raise InvalidInput(Fault(message, file=str(path)))
    if run_folder.is_own(folder) or (folder.exists() and not folder.is_dir()):
        what = "a run folder" if folder.is_dir() else "a file"
        message = f"is {str(folder)!r}, {what}; must be a folder of its own"
        raise InvalidInput(Fault(message, "dataset.cache"))
    files.open_cache(folder)
    there = _there(folder, path, files_read, reading)
    if there is None:
        cache = _build(folder, path, files_read, reading)
        header = _header(cache)
        assert header is not None
        there = cache, header
    return _checked(*there, path, files_read, reading)


def cached(path: str | Path, folder: Path, reading: Reading) -> Table | None:
    """What `read` gives, where it is in the cache already and the table is large; else None."""
    path = Path(path)
    if not any(folder.glob("*.table")) or not is_large(path):
        return None
    with opened(path):
        files_read = parts(path)
    there = _there(folder, path, files_read, reading)
    return None if there is None else _checked(*there, path, files_read, reading)


def _there(
    folder: Path, path: Path, files_read: Sequence[Path], reading: Reading
) -> tuple[Path, dict[str, Any]] | None:
    """The cache of a table and its header, where there is a whole one."""
    with opened(path):
        if not any(folder.glob(f"{_size(files_read)}-*.table")):
            return None  # so that the checksum may be taken when the table is read
        sums = [files.checksum(each) for each in files_read]
    cache = folder / _name(sums, files_read, reading)
    header = _header(cache)
    return None if header is None else (cache, header)


def _size(files_read: Sequence[Path]) -> int:
    return sum(each.stat().st_size for each in files_read)


def _name(sums: Sequence[str], files_read: Sequence[Path], reading: Reading) -> str:
    """What the cache of a table is called, by its content and the options of reading it.

    sums: SHA-256 of each of its files.
    """
    options = [formats.of(files_read[0]).name, reading.to_json(), BLOCK_ROWS]
    key = hashlib.sha256(f"{' '.join(sums)} {options}".encode()).hexdigest()[:32]
    return f"{_size(files_read)}-{key}.table"


def _checked(
    cache: Path,
    header: Mapping[str, Any],
    path: Path,
    files_read: Sequence[Path],
    reading: Reading,
) -> Table:
    """The table behind a header; raises InvalidInput where that is inconsistent."""
    folder = cache.parent
    try:
        return _mapped(cache, header, path, files_read, folder, reading)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        message = f"is damaged: its header is inconsistent ({error!r}); delete it"
        raise InvalidInput(Fault(message, file=str(cache))) from error


# ---- the cache -----------------------------------------------------------------------


def _header(cache: Path) -> dict[str, Any] | None:
    """What the header says, or None where there is no whole cache."""
    with suppress(OSError, ValueError, KeyError, TypeError), cache.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(size - TAIL)
        tail = file.read()
        length = int.from_bytes(tail[:8], "little")
        file.seek(size - TAIL - length)
        text = file.read(length)
        if tail[8:] != hashlib.sha256(text).digest() + MAGIC:
            return None
        header: dict[str, Any] = json.loads(text)
        body = 8 * int(np.prod(header["shape"]))
        if size == body + length + TAIL and header["table"] == cache.stem:
            return header
    return None


def _mapped(
    cache: Path,
    header: Mapping[str, Any],
    path: Path,
    files_read: Sequence[Path],
    folder: Path,
    reading: Reading,
) -> Table:
    """The table behind a header."""
    source = str(path)
    blocks = Blocks(cache, tuple(header["shape"]), header["sums"])
    columns: dict[str, Column] = {}
    for i, kind in enumerate(header["columns"]):
        stored = Stored(blocks, i, header["rows"])
        if kind["values"] is not None:
            values = Codes(stored, np.array([*kind["values"], np.nan], np.float64))
            columns[kind["name"]] = Numbers(as_array(values))
        elif kind["order"] is None:
            columns[kind["name"]] = Numbers(as_array(stored), Span(*kind["span"]))
        else:
            codes = Codes(stored, np.array([*kind["order"], -1], np.intp))
            words = Words(as_array(codes), tuple(kind["categories"]), kind["gap"])
            columns[kind["name"]] = words
    lines = None
    if header["lines"]:
        lines = as_array(Stored(blocks, len(columns), header["rows"]))
    mixed = {name: Mixed(*odd) for name, odd in header["mixed"].items()}
    notes = tuple(Note(*note) for note in header["notes"])
    doubt = header["doubt"] and Fault(header["doubt"], file=source, line=1)
    names = Header(tuple(header["unnamed"]), doubt)
    starts = zip(header["parts"], files_read, strict=False)
    places = tuple((int(start), str(each)) for start, each in starts)
    known = Reading.from_json(header["reading"])
    shown = {name: form for name in columns if (form := known.form(name)) is not None}
    unread = header["unread"]
    contents = Contents(columns, mixed, lines, unread, notes, names, places, forms=shown)
    return replace(
        table.assembled(contents, source, reading), make=partial(files.temporary_array, folder)
    )


def _build(folder: Path, path: Path, files_read: Sequence[Path], reading: Reading) -> Path:
    """Write the cache of a table, and tell where it is.

    A column of which some pieces are numbers and others are text is read once more, with all
    its cells as text.
    """
    form = formats.of(files_read[0])
    typed, alone = form.typed, form in (TEXT, NDJSON) and not packing(files_read[0])
    sums: list[str] = []
    if not alone:  # polars or a library that unpacks reads the bytes
        with opened(path):
            sums = [files.checksum(each) for each in files_read]

    def cache() -> Path:
        return folder / _name(sums, files_read, reading)

    raw: dict[str, Mixed | None] = {}
    names: Sequence[str] = ()
    known = reading  # with how listed columns are written, which a first look must show
    shows = {name: forms.evidence(name, reading) for name in (*reading.dates, *reading.numeric)}
    while True:
        before = _stamp(files_read)
        again, digest = False, hashlib.sha256()
        begun = files.atomic_writer(folder / "table", folder, lasting=False, named=cache)
        with begun as add, Background() as later:
            writer = _Writer(add, later, known, shows)
            look = partial(later, digest.update) if alone else None
            try:
                with opened(path), closing(pieces(files_read, known, raw, names, look)) as found:
                    for piece in found:
                        writer.add(piece)
            except ndjson.NewColumns as new:
                names, again = new.names, True
            later.settle()
            if alone:
                sums = [digest.hexdigest()]
            if _stamp(files_read) != before:
                raise InvalidInput(Fault("changed while it was read; start again", file=str(path)))
            both = {
                name: kind for name, kind in writer.kinds.items() if kind.numbers and kind.texts
            }
            if not again:
                known, undecided = known.knowing(writer.forms()), writer.undecided
                if not undecided and (raw or not both):
                    writer.close(cache().stem, known, typed, raw)
                    return cache()
        if not again:
            raw = {name: kind.mixed(reading, typed) for name, kind in both.items()}


def _stamp(paths: Sequence[Path]) -> list[tuple[int, int]]:
    statuses = [path.stat() for path in paths]
    return [(status.st_size, status.st_mtime_ns) for status in statuses]


@dataclass
class _Kind:
    """What is known of a column so far.

    texts: its different cells, each with its code and, in `rows`, the first row that has it.
    """

    texts: dict[str, int] = field(default_factory=dict)
    rows: list[int] = field(default_factory=list)
    numbers: bool = False  # whether a piece came as numbers
    filled: bool = False  # and any of them was not missing
    unread: str = ""  # why it is not kept
    form: Form | None = None  # of a listed column

    def values(self, column: Column, start: int) -> Array:
        """A piece of the column, which begins in row `start`, as numbers or codes."""
        if isinstance(column, Numbers):
            self.numbers, self.filled = True, self.filled or column.gaps() < len(column)
            return column.values
        if len(self.texts) > MOST_WORDS:
            self.unread = f"is text with more than {MOST_WORDS:,} different values"
            self.unread += "; list it in dataset.exclude"
            return np.zeros(len(column))
        if not self.texts.keys() >= set(column.categories):
            rows = first_rows(column.codes, len(column.categories))
            for text, row in zip(column.categories, rows, strict=True):
                if self.texts.setdefault(text, len(self.texts)) == len(self.rows):
                    self.rows.append(start + row)
        codes = [self.texts[text] for text in column.categories]
        return np.array(codes, np.float64)[column.codes]

    @property
    def both(self) -> bool:
        """Whether some pieces are numbers and others are text."""
        return self.numbers and bool(self.texts)

    def mixed(self, reading: Reading, typed: bool) -> Mixed | None:
        """What is odd beside the pieces that are numbers."""
        texts = [*self.texts, *[STAND_IN] * self.filled]
        rows = [*self.rows, *[0] * self.filled]
        verdict = judge(texts, reading, typed=typed)
        return description(verdict, texts, rows)[3] if verdict.odd else None

    def description(self, name: str, reading: Reading, typed: bool) -> _Described:
        """What the header says of it."""
        column: dict[str, Any] = {"name": name, "values": None, "order": None}
        texts = list(self.texts)
        if self.unread:
            column |= {"order": [0] * len(texts), "categories": ["…"], "gap": ""}
            return _Described(column)
        if not texts:
            return _Described(column)
        verdict = judge(texts, reading, as_text=name in reading.categorical, typed=typed)
        if verdict.numbers is not None:
            column["values"] = [np.nan if value is None else value for value in verdict.numbers]
            return _Described(column, None, verdict.note)
        categories, order, gap, mixed = description(verdict, texts, self.rows)
        column |= {"order": order.tolist(), "categories": categories, "gap": gap}
        return _Described(column, mixed, verdict.note)


class _Listed(_Kind):
    """What is known of a column of dates or written numbers so far.

    A first look at all of it shows how they are written; a second one has their values.
    """

    def __init__(self, name: str, reading: Reading, shows: Evidence) -> None:
        super().__init__()
        self.name, self.reading = name, reading
        self.form = reading.form(name)
        self.shows = shows
        self.odd: Mixed | None = None

    def values(self, column: Column, start: int) -> Array:
        if isinstance(column, Numbers):
            return column.values
        present = [t for t in column.categories if not forms.is_gap(t, self.name, self.reading)]
        if self.form is None:
            self.shows.add([text for text in present if text not in self.texts])
            if len(self.texts) < MOST_WORDS:
                self.texts.update(dict.fromkeys(present, 0))
            return np.zeros(len(column))
        numbers, odd = forms.values(present, self.form)
        if odd and self.odd is None:
            rows = first_rows(column.codes, len(column.categories))
            first_of = dict(zip(column.categories, rows, strict=True))
            text = min(odd, key=first_of.__getitem__)
            self.odd = Mixed(start + first_of[text], text, None, len(odd) > 1, odd[text])
        found = dict(zip(present, numbers, strict=True))
        values = [found.get(text, np.nan) for text in column.categories]
        return np.array([*values, np.nan])[column.codes]

    def decided(self) -> Form:
        """How it is written, as far as the rows show."""
        return self.form or self.shows.form

    def description(self, name: str, reading: Reading, typed: bool) -> _Described:
        column = {"name": name, "values": None, "order": None}
        return _Described(column, self.odd, self.shows.note)


class _Described(NamedTuple):
    """What the header says of a column, what is odd in it, and what was done in reading."""

    column: dict[str, Any]
    mixed: Mixed | None = None
    note: str = ""


class _Writer:
    """Gathers pieces into blocks, which are written while the next one is gathered."""

    def __init__(
        self,
        write: Callable[[Any], None],
        later: Background,
        reading: Reading,
        shows: Mapping[str, Evidence],
    ) -> None:
        self.write, self.later, self.reading, self.shows = write, later, reading, shows
        self.kinds: dict[str, _Kind] = {}
        self.block = self.other = np.empty((0, 0))
        self.spans: list[Span] = []
        self.lines = False
        self.header = Header()
        self.rows = self.filled = 0
        self.sums: list[list[int]] = []
        self.parts: list[int] = []  # the rows before each file, where there are several

    def add(self, piece: Contents) -> None:
        if not self.kinds:
            for name in piece.columns:
                shows = self.shows.get(name)
                self.kinds[name] = _Listed(name, self.reading, shows) if shows else _Kind()
            self.lines = piece.lines is not None
            width = len(self.kinds) + self.lines
            self.block = np.empty((width, _block_rows(width)))
            self.other = np.empty_like(self.block)
            self.spans = [NOTHING] * width
            self.header = piece.header
        self.parts += [start for start, _ in piece.parts if start not in self.parts]
        for name, message in piece.unread.items():
            self.kinds[name].unread = message
        for name, form in piece.forms.items():
            self.kinds[name].form = form
        values = [kind.values(piece.columns[name], self.rows) for name, kind in self.kinds.items()]
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

    def forms(self) -> dict[str, Form]:
        """How the listed columns are written."""
        kinds = ((name, kind) for name, kind in self.kinds.items() if isinstance(kind, _Listed))
        return {name: kind.decided() for name, kind in kinds}

    @property
    def undecided(self) -> bool:
        """Whether it showed only now how some listed columns are written."""
        return any(isinstance(kind, _Listed) and kind.form is None for kind in self.kinds.values())

    def _end_block(self) -> None:
        self.block[:, self.filled :] = np.nan
        self.later.settle()  # the other block has been written
        self.later(self._write, self.block, self.filled)
        self.block, self.other, self.filled = self.other, self.block, 0

    def _write(self, block: Array, rows: int) -> None:
        """Write a block, of which so many rows are the table's."""
        sums, spans = [], []
        for cells, span in zip(block, self.spans, strict=True):
            sums.append(checksum(cells))
            spans.append(span.beside(cells[:rows]))
        self.sums.append(sums)
        self.spans = spans
        self.write(block)

    def close(
        self, key: str, reading: Reading, typed: bool, raw: Mapping[str, Mixed | None]
    ) -> None:
        """Write what is left, and the header.

        key: what the cache is called, by the table and the options of reading. raw: what is
        odd in columns that were read once more, should their texts be too many.
        """
        if self.filled:
            self._end_block()
        self.later.settle()
        found = {name: kind.description(name, reading, typed) for name, kind in self.kinds.items()}
        mixed = {
            name: raw.get(name) if self.kinds[name].unread else of.mixed
            for name, of in found.items()
        }
        header = {
            "table": key,
            "rows": self.rows,
            "shape": [len(self.sums), *self.block.shape],
            "sums": self.sums,
            "columns": [
                of.column | {"span": span}
                for of, span in zip(found.values(), self.spans, strict=False)
            ],
            "mixed": {name: list(astuple(odd)) for name, odd in mixed.items() if odd},
            "unread": {name: kind.unread for name, kind in self.kinds.items() if kind.unread},
            "notes": [[f"column '{short(n)}' {of.note}", n] for n, of in found.items() if of.note],
            "lines": self.lines,
            "parts": self.parts,
            "unnamed": self.header.unnamed,
            "doubt": self.header.doubt and self.header.doubt.message,
            "reading": reading.to_json(),
        }
        text = json.dumps(header).encode()
        self.write(text + len(text).to_bytes(8, "little"))
        self.write(hashlib.sha256(text).digest() + MAGIC)


# ---- the table's file, in pieces -----------------------------------------------------


def pieces(
    paths: Sequence[Path],
    reading: Reading,
    raw: Collection[str],
    names: Sequence[str] = (),
    look: Callable[[bytes], object] | None = None,
) -> Generator[Contents, None, None]:
    """Pieces of a table, not judged yet, see `from_codes`; raises InvalidInput.

    raw: columns of which all cells come as text. names: the columns, as far as they are known.
    look: called with all bytes of a text, as they are read.
    """
    path = paths[0]
    form = formats.of(path)
    if not path.stat().st_size:
        raise InvalidInput(Fault("is empty", file=str(path)))
    if form in (PARQUET, ARROW):
        yield from columnar.pieces(paths, reading, raw, _block_rows)
        return
    with unpacking(path) as whole:
        file = whole if look is None else cast("BinaryIO", _Looked(whole, look))
        if form is NDJSON:
            yield from ndjson.pieces(file, str(path), reading, raw, names)
        else:
            yield from _text(file, path, reading, raw)


@dataclass(frozen=True)
class _Looked:
    """A file, the bytes of which are shown to a function when they are read."""

    file: BinaryIO
    look: Callable[[bytes], object]

    def read(self, size: int) -> bytes:
        found = self.file.read(size)
        self.look(found)
        return found


def _text(file: BinaryIO, path: Path, reading: Reading, raw: Collection[str]) -> Iterator[Contents]:
    """Pieces of whole rows, each read with the header before it."""
    data = file.read(CHUNK)
    while b"\n" not in data and len(data) < MOST_CHUNKS * CHUNK and (chunk := file.read(CHUNK)):
        data += chunk
    if not data or data.isspace():
        raise InvalidInput(Fault("is empty", file=str(path)))
    unsupported_files.refuse(data, path)
    data = data.removeprefix(b"\xef\xbb\xbf")
    old = b"\n" not in data  # lines that end as on very old Macs
    data = data.replace(b"\r", b"\n") if old else data
    end = data.find(b"\n") + 1 or len(data)
    while data.count(b'"', 0, end) % 2 and data.find(b"\n", end) > 0:
        end = data.find(b"\n", end) + 1
    header, data = data[:end], data[end:]
    dialect = dialects.of(header + data, str(path), reading)
    before = header.count(b"\n")
    line, empty, more = before + 1, True, True
    while more:
        chunk = file.read(CHUNK)
        more = bool(chunk)
        data += chunk.replace(b"\r", b"\n") if old else chunk
        data = data if more else delimited.without_end(data)
        end = _whole(data, dialect.delimiter) if more else len(data)
        if (more and not end) or (not empty and _is_blank(data, end)):
            if len(data) > MOST_CHUNKS * CHUNK:
                message = f"no row ends within {len(data) >> 20} MB; is this a table, row by row?"
                raise InvalidInput(Fault(message, file=str(path), line=line))
            continue
        try:
            text = b"".join((header, memoryview(data)[:end]))
            piece = delimited.read(text, str(path), reading, raw, dialect)
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
        quoted = data.find(b'"', 0, end) >= 0  # a row may have several lines
        line += delimited.count(data, b"\n", 0, end) if quoted else len(piece.lines)
        empty, data = False, data[end:]


def _is_blank(data: bytes, end: int) -> bool:
    """Whether the first bytes, up to `end`, are nothing but blanks."""
    return not data[: min(end, LINE)].strip() and not data[:end].strip()


def _filled(data: bytes, end: int) -> int:
    """The bytes before `end`, without the blanks at their end."""
    tail = data[max(0, end - LINE) : end]
    return end - len(tail) + len(tail.rstrip()) if tail.strip() else len(data[:end].rstrip())


def _whole(data: bytes, delimiter: str) -> int:
    """The bytes that are whole rows, up to blank lines at the end; 0 where more is needed."""
    filled = _filled(data, data.rfind(b"\n") + 1)
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
