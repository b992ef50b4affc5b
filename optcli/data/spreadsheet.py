"""Spreadsheet: a sheet of an Excel workbook, read by fastexcel, the extra `xlsx`.

Cells are what a CSV file of the sheet would hold, so that the rules of text decide on columns.
Numbers are taken as numbers: as texts fastexcel gives nine decimals of them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from optcli.core.errors import Fault, InvalidInput, suggestion
from optcli.data.cells import number, number_text
from optcli.data.columns import short
from optcli.data.contents import Contents, Found, Note, from_cells, of_numbers
from optcli.data.dates import moment
from optcli.data.delimited import header_of
from optcli.data.dialect import Dialect
from optcli.data.reading_rules import Reading

INSTALL = 'reading .xlsx takes fastexcel; install it: pip install "optcli[xlsx]"'
MIDNIGHT = " 00:00:00"


def read(
    data: bytes,
    path: Path,
    reading: Reading,
    sheet: str | int | None = None,
    raw: Collection[str] | None = None,
) -> Contents:
    """The table in a sheet, given by its name or its number from 1; by default the first.

    The first row that is not blank names the columns. Raises InvalidInput.
    """
    try:
        import fastexcel
    except ImportError:
        raise InvalidInput(Fault(INSTALL, file=str(path))) from None
    try:
        book = fastexcel.read_excel(data)
        names = list(book.sheet_names)
        index = _index(names, sheet, path)
        texts = book.load_sheet(index, header_row=None, skip_rows=0, dtypes="string").to_polars()
        rows = texts.rows()
        first = next((i for i, row in enumerate(rows) if any(row)), len(rows))
        options: dict[str, Any] = {"header_row": None, "skip_rows": first + 1}
        options["schema_sample_rows"] = None  # all of them
        typed = numbers = None
        if first + 1 < len(rows):
            typed = book.load_sheet(index, **options).to_polars()
            numbers = book.load_sheet(index, dtypes="float", **options).to_polars()
    except fastexcel.FastExcelError:
        message = "is truncated, damaged or not an Excel workbook; save it again"
        raise InvalidInput(Fault(message, file=str(path))) from None
    where = f"{path}, sheet '{short(names[index])}'" if len(names) > 1 else str(path)
    while len(rows) > first + 1 and not any(rows[-1]):
        del rows[-1]
    if len(rows) <= first + 1 or typed is None or numbers is None:
        what = "is empty" if first == len(rows) else "has a header but no rows"
        raise InvalidInput(Fault(what, file=where))
    blank = next((i for i, row in enumerate(rows[first:], first + 1) if not any(row)), None)
    if blank is not None:
        raise InvalidInput(Fault(f"row {blank} is blank; remove the row", file=where))
    head = [text or "" for text in rows[first]]
    while head and not head[-1] and not any(row[len(head) - 1] for row in rows):
        head.pop()
    own, header = header_of(head, where, Dialect(","), first + 1)
    count = len(rows) - first - 1
    found = {
        name: _column(typed.to_series(i)[:count], numbers.to_series(i)[:count], name, reading, raw)
        for i, name in enumerate(own)
    }
    lines = np.arange(first + 2, first + 2 + count)
    told = Contents.of(found, lines, header=header)
    notes = told.notes
    if sheet is None and len(names) > 1:
        others = ", ".join(f"'{short(name)}'" for name in names[1:4]) + ", …" * (len(names) > 4)
        text = f"{path}: sheet '{short(names[0])}' is read; set dataset.sheet for {others}"
        notes = (Note(text), *notes)
    return replace(told, notes=notes, parts=((0, where),))


def _index(names: list[str], sheet: str | int | None, path: Path) -> int:
    """The place of the sheet in the workbook; raises InvalidInput."""
    if sheet is None:
        return 0
    if sheet in names:
        return names.index(str(sheet))
    if isinstance(sheet, int) and 1 <= sheet <= len(names):
        return sheet - 1
    told = ", ".join(f"'{short(name)}'" for name in names)
    message = f"has no sheet {sheet!r}{suggestion(str(sheet), names)}; its sheets are {told}"
    raise InvalidInput(Fault(message, "dataset.sheet", str(path)))


def _column(
    typed: Any, numbers: Any, name: str, reading: Reading, raw: Collection[str] | None
) -> Found:
    """A column, of its cells as they are and as numbers."""
    import polars as pl

    if typed.dtype.is_numeric() and name not in {
        *reading.categorical,
        *reading.dates,
        *(raw or ()),
    }:
        values = typed.cast(pl.Float64).fill_null(np.nan).to_numpy()
        return of_numbers(values, name, reading)
    if typed.dtype.is_numeric():
        return from_cells([_number(value) for value in typed.to_list()], name, reading, raw=raw)
    if typed.dtype == pl.Boolean:
        return from_cells([_text(value) for value in typed.to_list()], name, reading, raw=raw)
    cells = ["" if text is None else text for text in typed.cast(pl.String).to_list()]
    if typed.dtype.is_temporal():
        cells = list(map(moment, cells))
        if all(not cell or cell.endswith(MIDNIGHT) for cell in cells):
            cells = [cell.removesuffix(MIDNIGHT) for cell in cells]
    if typed.dtype == pl.String:
        values = numbers.to_list() if numbers.dtype.is_numeric() else [None] * len(cells)
        cells = [_exact(cell, value) for cell, value in zip(cells, values, strict=True)]
    return from_cells(cells, name, reading, raw=raw)


def _number(value: float | None) -> str:
    return "" if value is None else number_text(value)


def _text(value: bool | None) -> str:
    return "" if value is None else str(value).lower()


def _exact(cell: str, value: float | None) -> str:
    """A cell of mixed ones; of a number all digits."""
    if value is None or (there := number(cell)) is None or there == value:
        return cell
    return number_text(value)
