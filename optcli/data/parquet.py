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

from optcli.arrays import Array
from optcli.data import delimited
from optcli.data.columns import Column, Contents, Mixed, Numbers, Words, short
from optcli.data.opening import check_room
from optcli.data.reading import Reading
from optcli.errors import Fault, InvalidInput

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


def pieces(path: Path, reading: Reading, block: Callable[[int], int]) -> Iterator[Contents]:
    """The same in pieces of `block(columns)` rows; raises InvalidInput."""
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
        yield of_frame(found, path, reading)
    if not rows or not names:
        raise InvalidInput(Fault("has no rows", file=str(path)))


def values(path: Path) -> int:
    """Rows times columns, as the file says; raises InvalidInput where it is none."""
    import polars as pl

    with _refusing(path):
        return _values(pl.scan_parquet(path))


def of_frame(frame: Any, path: Path, reading: Reading) -> Contents:
    """The columns of a polars data frame, or of a list of series."""
    import polars as pl

    columns: dict[str, Column] = {}
    mixed: dict[str, Mixed] = {}
    unread: dict[str, str] = {}
    for series in frame:
        name = series.name.strip()
        _check_name(name, columns, path)
        if series.dtype.is_numeric() and name not in reading.categorical:
            numbers = series.cast(pl.Float64).fill_null(np.nan).to_numpy()
            columns[name] = Numbers(numbers)
            continue
        texts = None
        if not series.dtype.is_nested():
            with contextlib.suppress(pl.exceptions.PolarsError):
                texts = series.cast(pl.String)
        if texts is None:
            unread[name] = f"holds {series.dtype}; only numbers and text can be read, exclude it"
            columns[name] = Words(np.zeros(len(series), np.intp), ("…",))
            continue
        columns[name], oddity = delimited.from_series(texts, as_text=name in reading.categorical)
        if oddity is not None:
            mixed[name] = oddity
    if not columns or not all(map(len, columns.values())):
        raise InvalidInput(Fault("has no rows", file=str(path)))
    return Contents(columns, mixed, unread=unread)


def _check_name(name: str, others: Collection[str], path: Path) -> None:
    message = None
    if not name:
        message = f"column {len(others) + 1} has no name; give it one"
    elif name in others:
        first = list(others).index(name) + 1
        message = (
            f"columns {first} and {len(others) + 1} are both called '{short(name)}'; rename one"
        )
    if message is not None:
        raise InvalidInput(Fault(message, file=str(path)))


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
    return InvalidInput(Fault("is not a parquet file, or damaged; write it anew", file=str(path)))


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
