"""Columnar: Parquet and Arrow files, which polars reads; of Parquet also several as one table."""

from __future__ import annotations

import contextlib
import io
import os
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from optcli.core.errors import Fault, InvalidInput
from optcli.data import formats, frames
from optcli.data.columns import short
from optcli.data.contents import Contents
from optcli.data.formats import ARROW, Format
from optcli.data.opening import STDIN, check_room
from optcli.data.reading_rules import Reading

TOGETHER = 4  # columns that are unpacked together
STREAM = b"\xff\xff\xff\xff"  # begins Arrow's streaming format
OLD = b"FEA1"  # begins Feather's first version, which polars does not read

_one_at_a_time = threading.RLock()


def read(
    files: Sequence[tuple[Path, bytes]],
    source: Path,
    reading: Reading,
    raw: Collection[str] | None = None,
) -> Contents:
    """The table in the bytes of one or more files; raises InvalidInput.

    source: what they are called together. raw: see `from_codes`.
    """
    import polars as pl

    scans, size = [], 0
    for path, data in files:
        with _refusing(path, data):
            scan = _scan(path, data)
            size += 8 * _values(scan)
            check_room(source, size)
            scans.append((path, scan, _rows(scan)))
    frames_found = []
    for (path, scan, rows), (_, data) in zip(_agreed(scans), files, strict=True):
        with _refusing(path, data):
            frame = scan.collect()
        if frame.height != rows:
            raise _damaged(path)  # it promises other rows than it has
        frames_found.append(frame)
    if len(frames_found) == 1:
        return frames.of_frame(frames_found[0], source, reading, raw)
    whole = pl.concat(frames_found, how="vertical_relaxed")
    starts = np.cumsum([0, *(frame.height for frame in frames_found)])
    parts = tuple((int(n), str(path)) for n, (path, _) in zip(starts, files, strict=False))
    found = frames.of_frame(whole, source, reading, raw)
    return replace(found, lines=np.arange(1, whole.height + 1), parts=parts)


def pieces(
    paths: Sequence[Path],
    reading: Reading,
    raw: Collection[str] | None,
    block: Callable[[int], int],
) -> Iterator[Contents]:
    """The same in pieces of `block(columns)` rows, not judged yet; raises InvalidInput.

    raw: see `from_codes`.
    """
    scans = []
    for path in paths:
        with _refusing(path):
            scan = _scan(path)
            scans.append((path, scan, _rows(scan)))
    before = 0
    for path, scan, rows in _agreed(scans):
        with _refusing(path):
            names = scan.collect_schema().names()
        step = block(max(1, len(names)))
        for start in range(0, rows if names else 0, step):
            found: list[Any] = []
            for at in range(0, len(names), TOGETHER):
                few = scan.select(names[at : at + TOGETHER]).slice(start, step)
                with _refusing(path):
                    found += few.collect().get_columns()
            if any(len(series) != min(step, rows - start) for series in found):
                raise _damaged(path)  # it promises other rows than it has
            piece = frames.of_frame(found, path, reading, raw)
            if len(paths) > 1:
                lines = np.arange(before + start + 1, before + start + len(found[0]) + 1)
                piece = replace(piece, lines=lines, parts=((before, str(path)),))
            yield piece
        before += rows
        if not names:
            break
    if not before or not names:
        raise InvalidInput(Fault("has no rows", file=str(path)))


def values(paths: Sequence[Path]) -> int:
    """Rows times columns, as the files say; raises InvalidInput where one is none."""
    total = 0
    for path in paths:
        with _refusing(path):
            total += _values(_scan(path))
    return total


def _scan(path: Path, data: bytes | None = None) -> Any:
    """The file as a lazy frame of polars."""
    import polars as pl

    source = path if data is None else io.BytesIO(data)
    beginning = _beginning(path) if data is None else data[:8]
    if _format(path, beginning) is not ARROW:
        return pl.scan_parquet(source, glob=False)
    if beginning.startswith(STREAM):
        return pl.read_ipc_stream(source).lazy()
    return pl.scan_ipc(source)


def _format(path: Path, beginning: bytes) -> Format | None:
    """What a file is by its name, or by its content where it has none."""
    return formats.by_mark(beginning) if path is STDIN else formats.of(path)


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(8)


def _rows(scan: Any) -> int:
    import polars as pl

    return int(scan.select(pl.len()).collect().item())


def _values(scan: Any) -> int:
    return _rows(scan) * len(scan.collect_schema())


def _agreed(scans: Sequence[tuple[Path, Any, int]]) -> Iterator[tuple[Path, Any, int]]:
    """Files of one table, with their columns in the order of the first; raises InvalidInput."""
    first, whole, _ = scans[0]
    if len(scans) == 1:
        yield from scans
        return
    with _refusing(first):
        kinds = dict(whole.collect_schema())
    faults = []
    for path, scan, _ in scans[1:]:
        with _refusing(path):
            own = dict(scan.collect_schema())
        for name in [name for name in kinds if name not in own]:
            message = f"lacks the column '{short(name)}', which {first} has"
            faults.append(Fault(message, file=str(path)))
        for name in [name for name in own if name not in kinds]:
            message = f"has the column '{short(name)}', which {first} lacks"
            faults.append(Fault(message, file=str(path)))
        for name in [name for name in own if name in kinds]:
            if _kind(kinds[name]) == "Null":
                kinds[name] = own[name]  # a column without a value may become anything
            elif _kind(own[name]) not in ("Null", _kind(kinds[name])):
                message = f"is {own[name]}; in {first} it is {kinds[name]}"
                faults.append(Fault(message, f"column '{short(name)}'", str(path)))
    if faults:
        raise InvalidInput(*faults)
    for path, scan, rows in scans:
        yield path, scan.select(list(kinds)), rows


def _kind(dtype: Any) -> str:
    """What must be the same in all files of a table."""
    if dtype.is_numeric():
        return "number"
    name = str(dtype.base_type())
    return "String" if name in ("Categorical", "Enum") else name


def _damaged(path: Path, data: bytes | None = None) -> InvalidInput:
    form = formats.of(path)
    if path is STDIN and data is not None:
        form = formats.by_mark(data) or form
    message = f"is damaged or not {form.name}; write it again"
    with contextlib.suppress(OSError):
        beginning = _beginning(path) if data is None else data[:8]
        if beginning.startswith(OLD):
            message = "is a Feather file of version 1; write it as version 2, Parquet or CSV"
        elif not beginning.startswith(form.marks):
            message = formats.renamed(beginning) or message
    return InvalidInput(Fault(message, file=str(path)))


@contextlib.contextmanager
def _refusing(path: Path, data: bytes | None = None) -> Iterator[None]:
    """Say that a file is none, where polars gives up; it may panic at a damaged one.

    Of several thousand damaged files there is one for which polars asks for so much
    memory that the process is aborted; that is out of reach from here.
    """
    import polars as pl

    try:
        with _hushed():
            yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
        raise _damaged(path, data) from None


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
