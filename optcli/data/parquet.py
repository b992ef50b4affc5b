"""Parquet files, whole or in pieces, and what is wrong with them in words."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from optcli.data import delimited
from optcli.data.columns import Column, Mixed, Numbers
from optcli.errors import Fault, InvalidInput

if TYPE_CHECKING:
    import polars as pl

TOGETHER = 4  # columns that are unpacked together

Result = TypeVar("Result")


def read(data: bytes, file: str, categorical: Collection[str]) -> delimited.Contents:
    """The columns of a file that is held in memory. Raises InvalidInput."""
    import polars as pl

    frame = _tried(lambda: pl.read_parquet(data), file)
    if not frame.height or not frame.width:
        raise InvalidInput(Fault("has no rows", file=file))
    return _contents(frame, file, categorical)


def pieces(
    path: str, categorical: Collection[str], block: Callable[[int], int]
) -> Iterator[delimited.Contents]:
    """The same of a file on disk, some rows at a time: `block(columns)` of them."""
    rows, names = shape(path)
    if not rows or not names:
        raise InvalidInput(Fault("has no rows", file=path))
    step = block(len(names))
    for start in range(0, rows, step):
        columns: dict[str, Column] = {}
        mixed: dict[str, Mixed] = {}
        for at in range(0, len(names), TOGETHER):
            some = names[at : at + TOGETHER]
            found = _contents(_rows(path, some, start, step), path, categorical)
            columns |= found.columns
            mixed |= found.mixed
        yield delimited.Contents(columns, mixed, np.empty(0))


def shape(path: str) -> tuple[int, list[str]]:
    """How many rows a file says that it has, and its columns. Raises InvalidInput."""
    import polars as pl

    def look() -> tuple[int, list[str]]:
        scan = pl.scan_parquet(path)
        return scan.select(pl.len()).collect().item(), scan.collect_schema().names()

    return _tried(look, path)


def _rows(path: str, names: list[str], start: int, count: int) -> pl.DataFrame:
    import polars as pl

    return _tried(lambda: pl.scan_parquet(path).select(names).slice(start, count).collect(), path)


def _contents(frame: pl.DataFrame, file: str, categorical: Collection[str]) -> delimited.Contents:
    import polars as pl

    columns: dict[str, Column] = {}
    mixed = {}
    for series in frame:
        name = series.name
        if not name:
            message = f"column {len(columns) + 1} has no name; give it one"
            raise InvalidInput(Fault(message, file=file))
        if series.dtype.is_numeric() and name not in categorical:
            values = series.cast(pl.Float64).fill_null(np.nan).to_numpy()
            columns[name] = Numbers(values)
            continue
        try:
            texts = series.cast(pl.String)
        except pl.exceptions.PolarsError:
            texts = None
        if texts is None or series.dtype.is_nested():
            message = f"holds {series.dtype}; only numbers and text can be read"
            raise InvalidInput(Fault(message, f"column '{name}'", file))
        columns[name], oddity = delimited.from_series(texts, as_text=name in categorical)
        if oddity is not None:
            mixed[name] = oddity
    return delimited.Contents(columns, mixed, np.empty(0))


def _tried(read: Callable[[], Result], file: str) -> Result:
    """What polars reads. It panics at some damaged files, which is no Exception."""
    import polars as pl

    try:
        with _without_stderr():
            return read()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
        message = "is not a parquet file, or damaged; write it anew"
        raise InvalidInput(Fault(message, file=file)) from None


@contextlib.contextmanager
def _without_stderr() -> Iterator[Any]:
    """Keep the pages that a panic writes to file descriptor 2 from the reader."""
    try:
        kept = os.dup(2)
    except OSError:  # it is closed
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
