"""Opening: a table's file, before anything is known of its columns."""

from __future__ import annotations

import contextlib
import gzip
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from optcli.errors import EnvironmentFailed, Fault, InvalidInput, suggestion, unreadable

CHUNK = 1 << 22  # bytes that are unpacked at a time
GZIP = b"\x1f\x8b"
UNREADABLE = "is compressed in a way that is not read; unpack it, or compress it as .gz"

# What files that are no text begin with.
MARKS = {
    b"PK\x03\x04": "is a spreadsheet or archive; export the table as CSV",
    b"\xd0\xcf\x11\xe0": "is a spreadsheet or archive; export the table as CSV",
    b"\xff\xfe": "is UTF-16; save the file as UTF-8",
    b"\xfe\xff": "is UTF-16; save the file as UTF-8",
    b"PAR1": "is a parquet file; its name must end in .parquet",
    b"ARROW1": "is an Arrow file; write it as parquet or CSV",
    b"SQLite format 3\0": "is a database; export the table as CSV",
    b"\x89HDF": "is an HDF5 file; export the table as CSV",
    b"\x93NUMPY": "is a NumPy array; write it as parquet or CSV",
    b"%PDF-": "is a PDF document; export the table as CSV",
    b"\x89PNG": "is a picture, not a table",
    b"\xff\xd8\xff": "is a picture, not a table",
    b"BZh91AY&SY": UNREADABLE,
    b"\xfd7zXZ\0": UNREADABLE,
    b"\x28\xb5\x2f\xfd": UNREADABLE,
}


def suffix(path: Path) -> str:
    """How the name ends, in lower case: `.gz`, `.parquet`, or anything else for text."""
    return path.suffix.lower()


def contents(path: Path) -> bytes:
    """The bytes of a file, unpacked; raises InvalidInput where there is no room for them."""
    with opened(path):
        check_room(path, path.stat().st_size)
        if suffix(path) == ".gz":
            with gzip.open(path) as file:
                data = _unpacked(cast("BinaryIO", file), path)
        else:
            data = path.read_bytes()
    if not data or data.isspace():
        raise InvalidInput(Fault("is empty", file=str(path)))
    return data


def check_room(path: Path, size: int) -> None:
    """Raise InvalidInput for what takes more than half of the memory."""
    if size > memory() / 2:
        message = f"takes {in_bytes(size)} or more, of {in_bytes(memory())} of memory"
        message += "; set dataset.stream to true, or take a part of it"
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
        message = "is cut off or damaged; compress or download it anew"
        if not _starts(path, GZIP) and path.stat().st_size:
            message = "is not compressed by gzip, though its name ends in .gz; rename it"
        raise InvalidInput(Fault(message, file=file)) from None
    except OSError as error:
        raise unreadable(file, error) from None
    except MemoryError:
        message = "does not fit in memory; set dataset.stream to true, or take a part of it"
        raise EnvironmentFailed(f"{file}: {message}") from None


def check_there(path: str | Path, key: str) -> None:
    """Raise InvalidInput for a config's key that names a file which is not there."""
    with opened(Path(path)):
        if not Path(path).exists():
            raise InvalidInput(Fault(f"{path}: {_not_found(Path(path))}", key))
        if Path(path).is_dir():
            raise InvalidInput(Fault(f"{path}: is a folder; must be a file", key))


def refuse_what_is_no_text(data: bytes, path: Path) -> None:
    """Raise InvalidInput for what begins like a file of another kind."""
    start = data[:512].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    what = next((what for mark, what in MARKS.items() if data.startswith(mark)), None)
    if data.startswith(GZIP):
        what = f"is compressed; name it {path.name}.gz"
        if suffix(path) == ".gz":
            what = "is compressed twice; unpack it once"
    elif start.startswith((b"<!doctype", b"<html", b"<?xml")):
        what = "is a web page, not a table; download the file itself"
    elif start.startswith((b'{"', b"[{", b"{\n", b"[\n", b"[[")):
        what = "is JSON, not a table; write it as CSV or parquet"
    elif b"\0" in (data[:1], data[1:2]) and data[:64].count(b"\0") * 3 > len(data[:64]):
        what = what or "is UTF-16; save the file as UTF-8"
    if what is not None:
        raise InvalidInput(Fault(what, file=str(path)))


def _starts(path: Path, mark: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(mark)) == mark


def _not_found(path: Path) -> str:
    if not path.parent.is_dir():
        return f"no such file; there is no folder {path.parent}"
    return "no such file" + suggestion(path.name, [p.name for p in path.parent.iterdir()])


def in_bytes(size: float) -> str:
    """A size as one would say it: `38 MB`, `12 GB`."""
    return f"{size / 1e9:.0f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def memory() -> float:
    """The bytes of memory there are, as far as the system tells."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE")) * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not told on this system
        return float("inf")
