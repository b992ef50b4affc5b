"""Parquet: the columns of a file that polars reads."""

from __future__ import annotations

import contextlib
import io
import os
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import Fault, InvalidInput
from optcli.data.cells import NULL
from optcli.data.characters import clean
from optcli.data.columns import Numbers, Words
from optcli.data.contents import Contents, Found, Header, from_codes, from_values, without_listed
from optcli.data.dates import moment
from optcli.data.naming import called, doubled
from optcli.data.opening import check_room
from optcli.data.reading_rules import Reading

TOGETHER = 4  # columns that are unpacked together

_one_at_a_time = threading.RLock()


def read(data: bytes, path: Path, reading: Reading) -> Contents:
    """The table in the bytes `data` of a file; raises InvalidInput."""
    import polars as pl

    with _refusing(path):
        scan = pl.scan_parquet(io.BytesIO(data))
        check_room(path, 8 * _values(scan))
        rows, frame = _rows(scan), pl.read_parquet(data)
    if frame.height != rows:
        raise _damaged(path)  # it promises other rows than it has
    return of_frame(frame, path, reading)


def pieces(
    path: Path, reading: Reading, raw: Collection[str], block: Callable[[int], int]
) -> Iterator[Contents]:
    """The same in pieces of `block(columns)` rows, not judged yet; raises InvalidInput.

    raw: see `from_codes`.
    """
    import polars as pl

    with _refusing(path):
        scan = pl.scan_parquet(path)
        rows, names = _rows(scan), scan.collect_schema().names()
    step = block(max(1, len(names)))
    for start in range(0, rows if names else 0, step):
        found: list[Any] = []
        for at in range(0, len(names), TOGETHER):
            few = scan.select(names[at : at + TOGETHER]).slice(start, step)
            with _refusing(path):
                found += few.collect().get_columns()
        if any(len(series) != min(step, rows - start) for series in found):
            raise _damaged(path)  # it promises other rows than it has
        yield of_frame(found, path, reading, raw)
    if not rows or not names:
        raise InvalidInput(Fault("has no rows", file=str(path)))


def values(path: Path) -> int:
    """Rows times columns, as the file says; raises InvalidInput where it is none."""
    import polars as pl

    with _refusing(path):
        return _values(pl.scan_parquet(path))


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
    as_text = name in {*reading.categorical, *(raw or ())}
    if dtype.is_numeric() and not as_text:
        values = series.cast(pl.Float64).fill_null(np.nan).to_numpy()
        return Found(Numbers(without_listed(values, reading)))
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


def _rows(scan: Any) -> int:
    import polars as pl

    return int(scan.select(pl.len()).collect().item())


def packed(columns: Mapping[str, Array]) -> bytes:
    """A file with these columns (N,): texts, or numbers in full precision."""
    import polars as pl

    file = io.BytesIO()
    pl.DataFrame({name: column.tolist() for name, column in columns.items()}).write_parquet(file)
    return file.getvalue()


def _values(scan: Any) -> int:
    return _rows(scan) * len(scan.collect_schema())


def _damaged(path: Path) -> InvalidInput:
    return InvalidInput(Fault("is damaged or not a Parquet file; write it again", file=str(path)))


@contextlib.contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Say that a file is none, where polars gives up; it may panic at a damaged one.

    Of several thousand damaged files there is one for which polars asks for so much
    memory that the process is aborted; that is out of reach from here.
    """
    import polars as pl

    try:
        with _hushed():
            yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
        raise _damaged(path) from None


@contextlib.contextmanager
def _hushed() -> Iterator[None]:
    """Keep what a panic writes to the standard error of the process from the user.

    One thread at a time, so that all find again what was there before.
    """
    with _one_at_a_time, contextlib.ExitStack() as undo:
        with contextlib.suppress(OSError):  # there may be no standard error
            kept = os.dup(2)
            undo.callback(os.close, kept)
            undo.callback(os.dup2, kept, 2)
            null = os.open(os.devnull, os.O_WRONLY)
            undo.callback(os.close, null)
            os.dup2(null, 2)
        yield
