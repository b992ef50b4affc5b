"""Opening: a table's file, before anything is known of its columns."""

from __future__ import annotations

import contextlib
import gzip
import os
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from optcli.core.errors import EnvironmentFailed, Fault, InvalidInput, path_suggestion, unreadable
from optcli.core.machine import memory

CHUNK = 1 << 22  # bytes that are unpacked at a time
GZIP = b"\x1f\x8b"
STDIN = Path("standard input")  # as messages call it
_NAMES_OF_STDIN = ("-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")


def named(path: str | Path) -> Path:
    """The path, or `STDIN` for what means it, such as `-`."""
    return STDIN if str(path) in _NAMES_OF_STDIN else Path(path)


def at_home(path: str | Path) -> Path:
    """The path, with `~` and `~user` at its beginning as the home folder where that is known."""
    try:
        return Path(path).expanduser()
    except RuntimeError:  # nobody is called that
        return Path(path)


def suffix(path: Path) -> str:
    """How the name ends, in lower case: `.gz`, `.parquet`, or anything else for text."""
    return path.suffix.lower()


def contents(path: Path) -> bytes:
    """The bytes of a file, unpacked; raises InvalidInput where there is no room for them."""
    with opened(path):
        if path is STDIN:
            data = _unpacked(sys.stdin.buffer, path) if sys.stdin is not None else b""
        elif not path.is_file() and path.exists() and not path.is_dir():
            with path.open("rb") as file:  # a pipe or a device, of no size that is known
                data = _unpacked(file, path)
        else:
            data = _of_file(path)
    if not data or data.isspace():
        raise InvalidInput(Fault("is empty", file=str(path)))
    return data


def _of_file(path: Path) -> bytes:
    check_room(path, path.stat().st_size)
    if suffix(path) != ".gz":
        return path.read_bytes()
    with gzip.open(path) as file:
        return _unpacked(cast("BinaryIO", file), path)


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
    except (EOFError, zlib.error, gzip.BadGzipFile):
        message = "is truncated or damaged; compress or download it again"
        if not _starts(path, GZIP) and path.stat().st_size:
            message = "is not compressed by gzip, though its name ends in .gz; rename it"
        raise InvalidInput(Fault(message, file=file)) from None
    except OSError as error:
        raise unreadable(file, error) from None
    except MemoryError:
        message = "does not fit in memory; set dataset.stream to true, or use part of the file"
        raise EnvironmentFailed(f"{file}: {message}") from None


def check_there(path: str | Path, key: str) -> None:
    """Raise InvalidInput for a config's key that names a file which is not there."""
    with opened(Path(path)):
        if not Path(path).exists():
            raise InvalidInput(Fault(f"{path}: {_not_found(Path(path))}", key))
        if Path(path).is_dir():
            raise InvalidInput(Fault(f"{path}: is a folder; must be a file", key))


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
    if not path.parent.is_dir():
        return f"no such file; there is no folder {path.parent}"
    return "no such file" + path_suggestion(
        path, (Path(each.name) for each in path.parent.iterdir())
    )


def in_bytes(size: float) -> str:
    """A size as one would say it: `38 MB`, `12 GB`."""
    return f"{size / 1e9:.0f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
