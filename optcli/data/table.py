"""Table: the raw columns of a data set, from a file or from memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import Fault, InvalidInput
from optcli.data import (
    arrays,
    columnar,
    delimited,
    formats,
    frames,
    naming,
    ndjson,
    spreadsheet,
    unsupported_files,
)
from optcli.data.cells import number, objection
from optcli.data.characters import clean
from optcli.data.columns import Column, Numbers, Words, short
from optcli.data.contents import PLAIN, Contents, Found, Header, Image, Mixed, Note, from_values
from optcli.data.opening import STDIN, contents, named, opened, parts
from optcli.data.reading_rules import CURRENT, Reading
from optcli.data.stored import taken

OWN = ("pandas", "polars")  # frames that are read as they are, not through Arrow

__all__ = ["Column", "Mixed", "Numbers", "Table", "Words", "of", "read"]


@dataclass(frozen=True)
class Table:
    """Columns of equal length N.

    columns: by name, in the file's order. source: the file, or what else messages
    call it. faults: of columns that hold both numbers and text (they come as
    words), or neither; they matter to those who use the column. lines: of each
    row, (N,), where the table is a text file. make: where arrays as long as the table
    come from: memory, or a file where the table itself stays in one. reading: how it was
    read. notes: what was done to columns in reading. header: what there is to say of the
    names. aside: columns that are no data unless they are asked for, with the reason.
    bad_cells: the faults of mixed columns, in the words for rows of a trained model. parts: where
    the table is in several files, of each the rows before it and its name, and `lines` are
    rows: those of the whole table, or of a spreadsheet. image: where some columns are pixels.
    """

    columns: Mapping[str, Column]
    source: str = "the table"
    faults: Mapping[str, Fault] = field(default_factory=dict)
    lines: Array | None = None
    make: Callable[..., Array] = np.empty
    reading: Reading = CURRENT
    notes: tuple[Note, ...] = ()
    header: Header = PLAIN
    aside: Mapping[str, str] = field(default_factory=dict)
    bad_cells: Mapping[str, Fault] = field(default_factory=dict)
    parts: tuple[tuple[int, str], ...] = ()
    image: Image | None = None

    @property
    def rows(self) -> int:
        """N."""
        return len(next(iter(self.columns.values())))

    @property
    def stored(self) -> bool:
        """Whether the columns stay in a file."""
        return self.make is not np.empty

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.columns)

    def select(self, rows: Any) -> Table:
        """Some rows, by slice, index or mask, in the order given."""
        columns: dict[str, Column] = {n: column.select(rows) for n, column in self.columns.items()}
        lines = None if self.lines is None else taken(self.lines, rows)
        return replace(self, columns=columns, lines=lines)

    def check_header(self, name: str) -> None:
        """Raise InvalidInput where a column is not there because the header may be none."""
        doubt = self.header.doubt
        if doubt is not None and name not in self.columns and number(name) is None:
            raise InvalidInput(doubt)

    def line(self, row: int) -> int | None:
        """The line of the file that a row begins in."""
        return None if self.lines is None else int(self.lines[row : row + 1][0])

    def where(self, row: int) -> str:
        """The place of a row in words: `line 5`, or `row 4` where there are no lines."""
        line = self.line(row)
        if line is not None and self.parts:
            name, number = self._place(line)
            return f"row {number}" + (f" of {name}" if len(self.parts) > 1 else "")
        return f"row {row + 1}" if line is None else f"line {line}"

    def fault(self, column: str, message: str, row: int | None = None) -> Fault:
        """A fault of a column, or of the cell in `row` of it."""
        line, source = None if row is None else self.line(row), self.source
        if line is not None and self.parts:
            source, number = self._place(line)
            line, message = None, f"row {number} {message}"
        elif row is not None and line is None:
            message = f"row {row + 1} {message}"
        key = f"column '{short(column)}'"
        if column in self.header.unnamed:
            key += " (the first, which has no name)"
        return Fault(message, key, source, line)

    def _place(self, number: int) -> tuple[str, int]:
        """The file that a row is in, and its number there."""
        before, name = next(part for part in reversed(self.parts) if part[0] < number)
        return name, number - before


def read(
    path: str | Path,
    reading: Reading = CURRENT,
    *,
    sheet: str | int | None = None,
    labels: str | Path | None = None,
) -> Table:
    """Read a table in any format of `formats`; `-` is standard input.

    A folder or a pattern stands for the Parquet files in it. A column is numeric when every
    value is a number; in text, an empty cell, NA, N/A, #N/A, NaN, null, none, ? and - are
    missing values, in any case of letters. sheet: of a workbook, by name or number from 1.
    labels: the file with the labels of arrays; by default one that is called as theirs is.
    Raises InvalidInput with file and line, EnvironmentFailed where reading is not allowed.
    """
    path = named(path)
    found = contents_of(path, reading, sheet=sheet, labels=labels)
    return assembled(found, str(path), reading)


def contents_of(
    path: Path,
    reading: Reading,
    raw: Collection[str] | None = None,
    *,
    sheet: str | int | None = None,
    labels: str | Path | None = None,
) -> Contents:
    """What a file holds, see `read`. raw: columns of which all cells come as text."""
    path = named(path)
    check_delimiter(reading.delimiter)
    form = formats.of(path)
    with opened(path):
        files = [(each, contents(each)) for each in parts(path)]
    data, beside_it = files[0][1], None
    if path is STDIN:
        form = formats.of_content(data)
    if form in (formats.NPY, formats.IDX):
        beside = arrays.labels_beside(path) if labels is None else Path(labels)
        if beside is not None:
            with opened(beside):
                beside_it = beside, contents(beside)
    with opened(path):
        if form in (formats.PARQUET, formats.ARROW) or len(files) > 1:
            found = columnar.read(files, path, reading, raw)
        elif form is formats.SPREADSHEET:
            found = spreadsheet.read(data, path, reading, sheet, raw)
        elif form in formats.ARRAYS:
            found = arrays.read(data, path, form, reading, beside_it, raw)
        elif form is formats.NDJSON:
            found = ndjson.read(data, str(path), reading, raw)
        else:
            unsupported_files.refuse(data, path)
            found = delimited.read(data, str(path), reading, raw)
    return found


def check_delimiter(delimiter: str | None) -> None:
    """Raise InvalidInput for what cannot stand between fields."""
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
        raise InvalidInput(
            Fault(f"is {delimiter!r}; must be one character", key="dataset.delimiter")
        )


def of(
    data: Any,
    names: Sequence[str] | None = None,
    *,
    reading: Reading = CURRENT,
    source: str = "the data",
) -> Table:
    """A table of what is in memory.

    data: a mapping of column names to sequences of numbers, texts and None, or to one
    value each, which makes one row; a data frame, or what gives itself to Arrow; an array with
    named fields; or an array (N, D), whose columns `names` names, or of images. An array of more
    axes in a mapping is columns, as `arrays` says. What an array masks is missing.
    """
    if hasattr(data, "__arrow_c_stream__") and type(data).__module__.split(".")[0] not in OWN:
        data = frames.of_arrow(data)
    if reading.rules > 1 and type(data).__module__.startswith("polars"):
        return assembled(frames.of_frame(collected(data), source, reading), source, reading)
    images = isinstance(data, np.ndarray) and data.ndim > 2
    if images or (isinstance(data, Mapping) and any(map(_is_wide, data.values()))):
        found = arrays.table_of({"X": data} if images else data)
        if images and names is not None and len(names) == len(found.columns):
            found = arrays.called(found, names)
        return assembled(arrays.contents(found, reading, source), source, reading)
    columns: dict[str, Found] = {}
    given = _sequences(data, names, source)
    own, unnamed = naming.called(list(given))
    for name, values in zip(own, given.values(), strict=True):
        try:
            columns[name] = from_values(values, name, reading)
        except ValueError as error:
            what = "durations" if "durations" in str(error) else "lists"
            message = f"holds {what}; must hold numbers or texts"
            raise InvalidInput(Fault(message, f"column '{name}'", source)) from None
    lengths = {len(found.column) for found in columns.values()}
    if len(lengths) != 1 or lengths == {0}:
        what = "no rows" if lengths <= {0} else f"columns of {sorted(lengths)} rows"
        raise InvalidInput(f"{source}: has {what}; must have one or more, the same in each column")
    return assembled(Contents.of(columns, header=Header(unnamed)), source, reading)


def _is_wide(values: Any) -> bool:
    """Whether a value of a mapping is an array of several columns."""
    return isinstance(values, np.ndarray) and values.ndim > 1


def collected(data: Any) -> Any:
    """The data, computed where it is a frame that is not computed yet."""
    return data.collect() if hasattr(data, "collect") else data


def _sequences(data: Any, names: Sequence[str] | None, source: str) -> dict[str, Any]:
    """The columns of what is in memory, by name."""
    data = collected(data)
    own = getattr(getattr(data, "dtype", None), "names", None) or getattr(data, "columns", None)
    if own is not None:  # an array with named fields, or a data frame
        return {clean(str(name)): data[name] for name in own}
    if isinstance(data, Mapping):
        single = all(map(_is_one, data.values()))
        return {str(name): [values] if single else values for name, values in data.items()}
    try:
        array = data if isinstance(data, np.ma.MaskedArray) else np.asarray(data)
    except ValueError:
        raise InvalidInput(f"{source}: has rows of different lengths") from None
    if array.dtype.kind in "US" and isinstance(data, list | tuple):
        array = np.array(data, object)  # a list may hold more than text
    if array.ndim != 2:
        raise InvalidInput(f"{source}: has shape {array.shape}; must be (rows, columns)")
    names = names or [f"x{i + 1}" for i in range(array.shape[1])]
    if len(names) != array.shape[1]:
        raise InvalidInput(
            f"{source}: has {array.shape[1]} columns; must have {len(names)}: " + listed(names)
        )
    return dict(zip(names, array.T, strict=True))


def _is_one(value: Any) -> bool:
    """Whether a value is that of one row, no column."""
    return bool(np.isscalar(value)) or value is None or isinstance(value, date)


def assembled(contents: Contents, source: str, reading: Reading) -> Table:
    """The table of these columns, with a fault for each that is mixed or was not read.

    Raises InvalidInput for columns without a name, as far as they need one.
    """
    line = None if contents.lines is None else 1
    unnamed = naming.aside(contents.columns, contents.header, source, line)
    aside = {**contents.aside, **unnamed}
    table = Table(
        contents.columns,
        source,
        lines=contents.lines,
        reading=reading.knowing(contents.forms),
        notes=(*contents.notes, *naming.notes(contents.columns, aside, contents.header)),
        header=contents.header,
        aside=aside,
        parts=contents.parts,
        image=contents.image,
    )
    faults = {name: table.fault(name, message) for name, message in contents.unread.items()}
    bad_cells = {}
    for name, odd in contents.mixed.items():
        what = odd.why or objection(odd.text, reading.rules, several=odd.several)
        message = f"is '{short(odd.text)}', {what}"
        remedy = odd.why or f"{what.partition(';')[0]}; correct it or remove the row"
        bad_cells[name] = table.fault(name, f"is '{short(odd.text)}', {remedy}", odd.row)
        if odd.word is not None:
            message += f"; and correct '{short(odd.word[1])}' in {table.where(odd.word[0])}"
        faults[name] = table.fault(name, message, odd.row)
    return replace(table, faults=faults, bad_cells=bad_cells)


def listed(names: Sequence[str], most: int = 20) -> str:
    """Names in a row, the first `most` of them."""
    rest = f" … and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(short(name) or "''" for name in names[:most]) + rest
