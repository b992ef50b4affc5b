"""Frames: the columns of polars data frames."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import Fault, InvalidInput
from optcli.data.cells import NULL
from optcli.data.characters import clean
from optcli.data.columns import Numbers, Words
from optcli.data.contents import (
    Contents,
    Found,
    Header,
    from_cells,
    from_codes,
    from_values,
    of_numbers,
)
from optcli.data.dates import MICRO, moment
from optcli.data.naming import called, doubled
from optcli.data.reading_rules import DateForm, Reading

MOMENT = "%Y-%m-%d %H:%M:%S%.6f"


def of_frame(
    frame: Any, source: Path | str, reading: Reading, raw: Collection[str] | None = None
) -> Contents:
    """The columns of a polars data frame, or of a list of series. raw: see `from_codes`."""
    columns: dict[str, Found] = {}
    unread: dict[str, str] = {}
    written = [clean(series.name) if reading.rules > 1 else series.name.strip() for series in frame]
    faults = doubled(written)
    if faults:
        raise InvalidInput(*(Fault(fault, file=str(source)) for fault in faults))
    names, unnamed = called(written)
    for name, series in zip(names, frame, strict=True):
        found = from_series(series, name, reading, typed=True, raw=raw)
        if found is None:
            unread[name] = f"holds {series.dtype}; only numbers and text can be read, exclude it"
            found = Found(Words(np.zeros(len(series), np.intp), ("…",)))
        columns[name] = found
    if not columns or not all(len(found.column) for found in columns.values()):
        raise InvalidInput(Fault("has no rows", file=str(source)))
    return Contents.of(columns, unread=unread, header=Header(unnamed))


def of_arrow(data: Any) -> Any:
    """The polars data frame of what gives itself to Arrow, as pyarrow's tables do."""
    import polars as pl

    return pl.DataFrame(data)


def from_series(
    series: Any,
    name: str,
    reading: Reading,
    *,
    typed: bool,
    raw: Collection[str] | None = None,
) -> Found | None:
    """The column in a polars series, None where it is neither numbers nor text.

    typed, raw: see `from_codes`.
    """
    import polars as pl

    dtype = series.dtype
    as_text = name in {*reading.categorical, *reading.dates, *(raw or ())}
    if dtype.is_numeric() and not as_text:
        values = series.cast(pl.Float64).fill_null(np.nan).to_numpy()
        return of_numbers(values, name, reading)
    if dtype in (pl.Date, pl.Datetime) and name in reading.dates and name not in (raw or ()):
        return _moments(series, name, reading, raw)
    if dtype == pl.Object:
        return from_values(series.to_list(), name, reading)
    if dtype.is_nested() or dtype == pl.Duration:
        return None
    null = NULL if typed and reading.rules > 1 else ""
    try:
        texts = series.cast(pl.String)
    except pl.exceptions.PolarsError:
        return None
    distinct = texts.drop_nulls().unique()
    codes = texts.cast(pl.Enum(distinct)).to_physical().cast(pl.Int64).fill_null(len(distinct))
    cells = distinct.to_list()
    if reading.rules > 1:  # as Python, and most writers of text files, put them
        if dtype.is_float():
            cells = [null if text == "NaN" else repr(float(text)) for text in cells]
        elif dtype == pl.Datetime:
            cells = list(map(moment, cells))
    cells += [null] * series.has_nulls()
    return from_codes(codes.to_numpy(), cells, name, reading, typed=typed, raw=raw)


def _moments(series: Any, name: str, reading: Reading, raw: Collection[str] | None) -> Found:
    """The column of dates in a polars series of them; it has a time zone, if it has one."""
    import polars as pl

    timed = series.dtype == pl.Datetime
    form = DateForm(zone=series.dtype.time_zone is not None if timed else None)
    known = reading.dates[name]
    if known is not None and None not in (known.zone, form.zone) and known.zone != form.zone:
        texts = series.cast(pl.Datetime("us")).dt.to_string(MOMENT + "Z" * bool(form.zone))
        return from_cells(texts.fill_null(NULL).to_list(), name, reading, raw=raw)
    micros = series.cast(pl.Datetime("us")).dt.timestamp("us").cast(pl.Float64)
    return Found(Numbers((micros / MICRO).fill_null(np.nan).to_numpy()), form=form)


def csv_rows(columns: Mapping[str, Array], delimiter: str, field: Callable[[str], str]) -> bytes:
    """The lines that the csv module would write of columns (N,), faster: without a header.

    Numbers are written as `repr` does. field: what is written for a text, quoted as needed.
    """
    import polars as pl

    texts = {}
    for name, column in columns.items():
        if column.dtype.kind in "OU":
            series = pl.Series(column.tolist(), dtype=pl.String)
            distinct = series.drop_nulls().unique().to_list()
            ways = {text: way for text in distinct if (way := field(text)) != text}
            texts[name] = series.replace(list(ways), list(ways.values())) if ways else series
        else:
            texts[name] = _written(column)
    file = io.BytesIO()
    pl.DataFrame(texts).write_csv(
        file, include_header=False, separator=delimiter, quote_style="never"
    )
    return file.getvalue()


def _written(column: Array) -> Any:
    """Numbers (N,) as texts, as `repr` writes them; polars puts some exponents otherwise."""
    import polars as pl

    texts = pl.Series(np.ascontiguousarray(column)).cast(pl.String)
    if column.dtype.kind != "f":
        return texts
    size = np.abs(column)
    odd = np.flatnonzero(~((size >= 1e-4) & (size < 1e16)) & (column != 0))
    return texts.scatter(odd, list(map(repr, column[odd].tolist()))) if len(odd) else texts


def packed(blocks: Sequence[Mapping[str, Array]], form: str) -> bytes:
    """A Parquet or Arrow file with the rows of these blocks, each of columns (N,).

    They are texts, None for a missing one, or numbers in full precision. form: its suffix.
    """
    import polars as pl

    found = [pl.DataFrame({name: _series(of) for name, of in block.items()}) for block in blocks]
    file = io.BytesIO()
    whole = pl.concat(found)
    if form == ".parquet":
        whole.write_parquet(file)
    else:
        whole.write_ipc(file)
    return file.getvalue()


def _series(column: Array) -> Any:
    """A column (N,) as a polars series."""
    import polars as pl

    if column.dtype.kind in "OU":
        return pl.Series(column.tolist(), dtype=pl.String)
    return pl.Series(np.ascontiguousarray(column))
