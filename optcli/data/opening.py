"""Opening: a table's file, before anything is known of its columns."""

from __future__ import annotations

import contextlib
import glob
import gzip
import io
import os
import re
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from optcli.core.errors import EnvironmentFailed, Fault, InvalidInput, path_suggestion, unreadable
from optcli.core.machine import memory
from optcli.data import formats
from optcli.data.formats import PACKINGS, ZSTD, packing

_URL = re.compile(r"(?:https?|ftp|s3|gs):/")
CHUNK = 1 << 22  # bytes that are unpacked at a time
STDIN = Path("standard input")  # as messages call it
_NAMES_OF_STDIN = ("-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")


def named(path: str | Path) -> Path:
    """The path, or `STDIN` for what means it, such as `-`."""
    return STDIN if path is STDIN or str(path) in _NAMES_OF_STDIN else Path(path)


def at_home(path: str | Path) -> Path:
    """The path, with `~` and `~user` at its beginning as the home folder where that is known."""
    try:
        return Path(path).expanduser()
    except RuntimeError:  # nobody is called that
        return Path(path)


def parts(path: Path) -> list[Path]:
    """The files that a path stands for: itself, or the Parquet files of a folder or a pattern.

    They come in the order of their names. Raises InvalidInput where there are none.
    """
    if path is STDIN or path.is_file() or not (path.is_dir() or glob.has_magic(str(path))):
        return [path]
    parquet, written = formats.PARQUET, str(path)
    if path.is_dir():
        inside = [each for each in path.iterdir() if not each.name.startswith((".", "_"))]
        found = sorted(each for each in inside if formats.of(each) is parquet and each.is_file())
        if not found:
            deeper = any(each.is_dir() for each in inside) and any(path.glob("*/**/*.parquet"))
            message = "is a folder; must be a file"
            if deeper:
                message += f", or name the Parquet files in it: {path / '**' / '*.parquet'}"
            raise InvalidInput(Fault(message, file=written))
        return found
    found = sorted(map(Path, glob.glob(written, recursive=True)))  # noqa: PTH207
    found = [each for each in found if not each.name.startswith("_")]  # as _SUCCESS
    if not found:
        raise InvalidInput(Fault("no such file; nothing matches this pattern", file=written))
    other = next((each for each in found if formats.of(each) is not parquet), None)
    if other is not None:
        message = f"matches {other}; a pattern may match .parquet files only"
        raise InvalidInput(Fault(message, file=written))
    return found


def contents(path: Path) -> bytes:
    """The bytes of a file, unpacked; raises InvalidInput where there is no room for them."""
    with opened(path):
        if path is STDIN:
            data = _standard_input()
            if data.startswith(tuple(PACKINGS.values())):
                data = _of_bytes(data, path)
        elif not path.is_file() and path.exists() and not path.is_dir():
            with path.open("rb") as file:  # a pipe or a device, of no size that is known
                data = _unpacked(file, path)
        else:
            data = _of_file(path)
    if not data or data.isspace():
        raise InvalidInput(Fault("is empty", file=str(path)))
    return data


_input: tuple[Any, bytes] | None = None  # standard input and what was in it


def _standard_input() -> bytes:
    """All of standard input, which can be read once; it is kept for who looks again."""
    global _input
    if sys.stdin is None:
        return b""
    if _input is None or _input[0] is not sys.stdin:
        _input = sys.stdin, _unpacked(sys.stdin.buffer, STDIN)
    return _input[1]


def _of_file(path: Path) -> bytes:
    check_room(path, path.stat().st_size)
    if not packing(path):
        return path.read_bytes()
    with unpacking(path) as file:
        return _unpacked(file, path)


def _of_bytes(data: bytes, path: Path) -> bytes:
    if data.startswith(ZSTD):
        return _unpacked(cast("BinaryIO", _Zstd(io.BytesIO(data))), path)
    with gzip.open(io.BytesIO(data)) as file:
        return _unpacked(cast("BinaryIO", file), path)


@contextlib.contextmanager
def unpacking(path: Path) -> Iterator[BinaryIO]:
    """The unpacked bytes of a file, to be read piece by piece."""
    if packing(path) == ".zst":
        form = formats.of(path)
        if form not in (formats.TEXT, formats.NDJSON):
            message = f"is {form.name} compressed by zstd, which is read for text only; unpack it"
            raise InvalidInput(Fault(message, file=str(path)))
        if not _starts(path, ZSTD):
            raise _Damaged
        yield cast("BinaryIO", _Zstd(path))
        return
    with gzip.open(path) if packing(path) == ".gz" else path.open("rb") as file:
        yield cast("BinaryIO", file)


class _Damaged(Exception):
    """A file compressed by zstd is damaged, or was never compressed."""


class _Zstd:
    """The text in a file compressed by zstd, which polars unpacks, line by line.

    Every line ends with a line feed, whatever it ended with. The text must be UTF-8.
    """

    def __init__(self, source: Any) -> None:
        import polars as pl

        lines = pl.scan_lines(source, glob=False)
        self.source, self.batches = source, lines.collect_batches(maintain_order=True)
        self.rest = b""

    def read(self, size: int) -> bytes:
        """The next bytes, `size` of them or more while there are; b"" at the end."""
        import polars as pl

        found = [self.rest]
        total = len(self.rest)
        try:
            while total < size and (batch := next(self.batches, None)) is not None:
                text = io.BytesIO()
                batch.write_csv(text, include_header=False, quote_style="never")
                found.append(text.getvalue())
                total += len(found[-1])
        except (pl.exceptions.PolarsError, OSError) as error:
            if "utf8" in str(error):
                where = self.source if isinstance(self.source, Path) else STDIN
                message = "is not UTF-8; save the file as UTF-8"
                raise InvalidInput(Fault(message, file=str(where))) from None
            raise _Damaged from None
        data = b"".join(found)
        self.rest = data[size:]
        return data[:size]


def check_room(path: Path, size: int) -> None:
    """Raise InvalidInput for what takes more than half of the memory."""
    if size > memory() / 2:
        message = f"needs {in_bytes(size)} or more; the memory is {in_bytes(memory())}"
        message += "; set dataset.stream to true, or use part of the file"
        raise InvalidInput(Fault(message, file=str(path)))


def _unpacked(file: BinaryIO, path: Path) -> bytes:
    """All there is in a packed file, which may be a thousand times its size."""
    pieces, size = [], 0
    while piece := file.read(CHUNK):
        pieces.append(piece)
        size += len(piece)
        check_room(path, size)
    return b"".join(pieces)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[None]:
    """Say what the system has against reading a file."""
    file = str(path)
    try:
        yield
    except FileNotFoundError:
        raise InvalidInput(Fault(_not_found(path), file=file)) from None
    except IsADirectoryError:
        raise InvalidInput(Fault("is a folder; must be a file", file=file)) from None
    except (EOFError, zlib.error, gzip.BadGzipFile, _Damaged):
        message, ending = "is truncated or damaged; compress or download it again", packing(path)
        if ending and not _starts(path, PACKINGS[ending]) and path.stat().st_size:
            way = "zstd" if ending == ".zst" else "gzip"
            message = f"is not compressed by {way}, though its name ends in {ending}; rename it"
        raise InvalidInput(Fault(message, file=file)) from None
    except OSError as error:
        raise unreadable(file, error) from None
    except MemoryError:
        message = "does not fit in memory; set dataset.stream to true, or use part of the file"
        raise EnvironmentFailed(f"{file}: {message}") from None


def check_there(path: str | Path, key: str) -> None:
    """Raise InvalidInput for a config's key that names a file which is not there."""
    with opened(Path(path)):
        try:
            files = parts(Path(path))
        except InvalidInput as error:
            message = error.faults[0].message
            raise InvalidInput(Fault(f"{path}: {message}", key)) from None
        if not files[0].exists():
            raise InvalidInput(Fault(f"{path}: {_not_found(Path(path))}", key))


def _starts(path: Path, mark: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(mark)) == mark


def _not_found(path: Path) -> str:
    written = str(path)
    if path.is_symlink():
        return "is a broken link"
    if any(ord(letter) < 32 for letter in written):
        escape = repr(next(letter for letter in written if ord(letter) < 32))[1:-1]
        return f"no such file; {escape} in double quotes is an escape; use / or single quotes"
    if "\\" in written and os.sep == "/":
        there = Path(written.replace("\\", "/")).exists()
        return f"no such file; write / instead of \\{', and it is there' * there}"
    if _URL.match(written):
        return "no such file; to use a table on the web, download it first"
    if not path.parent.is_dir():
        return f"no such file; there is no folder {path.parent}"
    return "no such file" + path_suggestion(
        path, (Path(each.name) for each in path.parent.iterdir())
    )


def in_bytes(size: float) -> str:
    """A size as one would say it: `38 MB`, `12 GB`."""
    return f"{size / 1e9:.0f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
