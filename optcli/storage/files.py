"""Files: atomic writes. What has its final name is whole.

Every change of the disk is a call of `os` in here: a test makes the N-th of them fail.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import math
import mmap
import os
import shutil
import tempfile
import threading
import time
import weakref
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import NO_PATH, EnvironmentFailed, Fault, InvalidInput
from optcli.core.jsonable import jsonable
from optcli.storage.interruption import Deferred

MOST_JSON = 1 << 27  # bytes; what optcli writes has far less
STALE = 24 * 3600  # seconds after which a file that was begun has been given up
MOST_TOUCHED = 1 << 27  # bytes of maps, before their memory is given back
LARGE_PAGE = 1 << 21  # bytes; what the system maps at once, at most
UNHELD = "-unheld"  # ends the name of one that could not be held
BEGUN = ".new-"  # begins the names of files and folders that are not whole
MODE = 0o644  # of a file that is new
# Seconds between tries to replace a file: on Windows whoever reads it stands in the way, such as
# a virus scanner. Elsewhere nobody does.
PATIENCE = (0.01, 0.03, 0.1, 0.3, 1.0) if os.name == "nt" else ()
SMALL = 1 << 20  # bytes of an array for which no file is worth its while
PIECE = 1 << 20  # bytes that are read at once

# The maps of this process, and how many bytes of them were looked at since the last release.
_maps: weakref.WeakSet[mmap.mmap] = weakref.WeakSet()
_touched = 0


@contextlib.contextmanager
def os_errors_named(path: Path) -> Iterator[None]:
    """Turn what the system says of a path into EnvironmentFailed, with its volume.

    A path that cannot be one, such as too long a name, is InvalidInput.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in NO_PATH:
            raise InvalidInput(Fault(f"cannot be written: {reason}", file=str(path))) from error
        raise EnvironmentFailed(f"{path}: cannot be written: {reason}{_volume(path)}") from error


def _volume(path: Path) -> str:
    """The volume that a path is on, and how much room it has."""
    try:
        place = path.absolute().parent
        while not os.path.ismount(place) and place != place.parent:
            place = place.parent
        free = shutil.disk_usage(place).free
    except OSError:
        return ""
    return f" (volume {place}, {free / 1e9:.1f} GB free)"


def write(path: Path, content: bytes, known_as: Path | None = None, mode: int = MODE) -> None:
    """Replace the file in one move; raises EnvironmentFailed and leaves the old one whole.

    known_as: the path to name in the error, where it will be moved there later. mode: who
    may read and write it.
    """
    with atomic_writer(path, known_as, mode) as add:
        add(content)


def write_through(path: Path, content: bytes) -> None:
    """Write to a pipe, a device or what is open already; raises EnvironmentFailed.

    A reader that has gone is no failure.
    """
    with os_errors_named(path), contextlib.suppress(BrokenPipeError):
        # without O_BINARY Windows would write other line ends
        binary = getattr(os, "O_BINARY", 0)
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | binary)
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def atomic_writer(
    path: Path,
    known_as: Path | None = None,
    mode: int = MODE,
    *,
    begun: str = BEGUN,
    hold: Callable[[int], bool] = lambda _: True,
    lasting: bool = True,
    named: Callable[[], Path] | None = None,
) -> Iterator[Callable[[Any], None]]:
    """A file to be written piece by piece; it takes its name in one move when it is whole.

    Gives the function that adds bytes. Raises EnvironmentFailed; what was there before
    stays until the move. known_as, mode: as for `write`. begun: how its name begins until then.
    hold: called with its descriptor before anything is in it; of a file that it could not hold
    the name gets another end, by which nobody takes it for one that was left. lasting: whether to
    wait until the disk has it; what can be made again, and tells whether it is whole, need not.
    named: gives its name, in the folder of `path`, where that follows from what was written.
    """
    with os_errors_named(known_as or path), Deferred() as signals:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=begun)

        def add(content: Any) -> None:
            rest = memoryview(content).cast("B")
            while rest:
                rest = rest[os.write(descriptor, rest) :]

        try:
            try:
                if not hold(descriptor):
                    Path(name).rename(f"{name}{UNHELD}")
                    name += UNHELD
                signals.end()
                yield add
                if lasting:
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)
            Path(name).chmod(mode)
            _replace(Path(name), path if named is None else named())
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
        if lasting:
            sync(path.parent)


def _replace(source: Path, target: Path) -> None:
    """Move the file to the place of another; where that is open on Windows, when it is closed."""
    for seconds in PATIENCE:
        try:
            source.replace(target)
            return
        except PermissionError:
            time.sleep(seconds)
    source.replace(target)


def link(path: Path, target: Path) -> None:
    """Make a link that leads to a file; raises EnvironmentFailed."""
    with os_errors_named(path), contextlib.suppress(FileExistsError):
        path.symlink_to(target.absolute())


def make_folder(path: Path) -> None:
    """Make a folder and those it lies in, where they are not there."""
    with os_errors_named(path):
        path.mkdir(parents=True, exist_ok=True)


def open_cache(folder: Path) -> None:
    """Make the folder, and remove what was begun in it by processes that are no more."""
    make_folder(folder)
    for begun in folder.glob(f"{BEGUN}*"):
        with contextlib.suppress(OSError):
            if time.time() - begun.stat().st_mtime > STALE:
                begun.unlink()


def temporary_array(folder: Path, shape: int | tuple[int, ...], dtype: Any) -> Array:
    """An array in a file without a name, which is gone with the array or the process.

    The room is taken at once: a full disk is EnvironmentFailed here, and no crash later.
    """
    size = math.prod(shape if isinstance(shape, tuple) else (shape,)) * np.dtype(dtype).itemsize
    if size < SMALL:
        return np.empty(shape, dtype)
    with os_errors_named(folder), tempfile.TemporaryFile(dir=folder) as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        else:
            for _ in range(0, size, SMALL):
                file.write(bytes(SMALL))
        return _map(np.memmap(file, dtype, "r+", shape=shape))


class Reader:
    """A file that is read at any place, by any thread or fork; it closes with the object."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        self._lock = threading.Lock()
        weakref.finalize(self, os.close, self._descriptor)

    def fill(self, out: Array, place: int) -> bool:
        """Fill a contiguous array with the bytes from a place on; whether there are as many."""
        rest = out.data.cast("B")
        while rest:
            count = self._some(rest, place)
            if not count:
                return False
            rest, place = rest[count:], place + count
        return True

    def _some(self, out: memoryview, place: int) -> int:
        if hasattr(os, "preadv"):
            return os.preadv(self._descriptor, [out], place)
        with self._lock:
            os.lseek(self._descriptor, place, os.SEEK_SET)
            found = os.read(self._descriptor, len(out))
        out[: len(found)] = found
        return len(found)


def _map(array: Any) -> Array:
    _maps.add(array._mmap)
    return np.asarray(array)


def count_mapped_read(size: int) -> None:
    """Note that so many bytes of maps were looked at; now and then `release` them."""
    global _touched
    _touched += size + LARGE_PAGE
    if _touched > MOST_TOUCHED:
        release_mapped()


def release_mapped() -> None:
    """Give the memory of all maps back; what they hold is read again when it is looked at."""
    global _touched
    _touched = 0
    if hasattr(mmap, "MADV_DONTNEED"):
        for each in _maps:
            each.madvise(mmap.MADV_DONTNEED)


def sync(folder: Path) -> None:
    """Make the names in a folder last, where the system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def json_bytes(data: Any) -> bytes:
    """Indented JSON; numbers that are not finite become null."""
    text = json.dumps(jsonable(data), indent=2, ensure_ascii=False, allow_nan=False)
    # an escape stands for a byte of a file's name that is no UTF-8
    return f"{text}\n".encode(errors="backslashreplace")


def csv_bytes(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """A table as the CSV files of a folder have it."""
    import csv  # most commands write none

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()


def write_json(path: Path, data: Any) -> None:
    """Write indented JSON; raises EnvironmentFailed."""
    write(path, json_bytes(data))


def read_json(path: Path) -> dict[str, Any]:
    """The object that `write_json` wrote; raises InvalidInput."""
    try:
        if path.stat().st_size > MOST_JSON:
            raise ValueError(f"it has more than {MOST_JSON:,} bytes")
        found = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise InvalidInput(Fault("no such file", file=str(path))) from error
    except (OSError, ValueError, RecursionError) as error:
        message = f"is damaged and cannot be read ({error})"
        raise InvalidInput(Fault(message, file=str(path))) from error
    if not isinstance(found, dict):
        raise InvalidInput(Fault("is damaged: it is not a JSON object", file=str(path)))
    return found


def write_arrays(path: Path, arrays: Mapping[str, Array], description: Any) -> None:
    """Write an uncompressed .npz without pickle; the description goes in as JSON."""
    text = json.dumps(jsonable(description), ensure_ascii=False, allow_nan=False).encode()
    whole = {"description": np.frombuffer(text, np.uint8), **arrays}
    with atomic_writer(path) as add, zipfile.ZipFile(_Pieces(add), "w") as archive:
        for name, array in whole.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                _write_array(entry, np.asarray(array, order="C"))


def _write_array(entry: IO[bytes], array: Array) -> None:
    """Write a .npy file as `np.save` does, which would copy 16 MB at a time."""
    about = np.lib.format.header_data_from_array_1_0(array)
    np.lib.format.write_array_header_1_0(entry, about)
    if array.size:
        entry.write(array.reshape(-1).view(np.uint8).data)


class _Pieces(io.RawIOBase):
    """A file that is written from its beginning to its end, so that no copy of it is kept."""

    def __init__(self, add: Callable[[Any], None]) -> None:
        super().__init__()
        self.add = add

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        self.add(content)
        return memoryview(content).nbytes


def read_arrays(path: Path) -> tuple[dict[str, Array], Any]:
    """What `write_arrays` wrote: arrays and description. Raises InvalidInput.

    Nothing is believed before it is checked: entries are stored as they are, within the
    file, under their checksum, of a size that fits their shape, and hold no objects.
    """
    try:
        size = path.stat().st_size
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
                raise ValueError("an entry is compressed")
            if sum(entry.file_size for entry in entries) > size:
                raise ValueError("it declares more than it holds")
            arrays = {}
            for entry in entries:
                with archive.open(entry) as file:
                    found = _read_array(file, entry.file_size)
                arrays[entry.filename.removesuffix(".npy")] = found
        description = json.loads(arrays.pop("description").tobytes())
    except FileNotFoundError as error:
        raise InvalidInput(Fault("no such file", file=str(path))) from error
    except _DAMAGE as error:
        message = f"is damaged and cannot be read ({error})"
        raise InvalidInput(Fault(message, file=str(path))) from error
    if not isinstance(description, dict):
        raise InvalidInput(Fault("is damaged: its description is invalid", file=str(path)))
    return arrays, description


# What reading a damaged archive may raise.
_DAMAGE = (
    OSError,
    ValueError,
    KeyError,
    MemoryError,
    EOFError,
    IndexError,
    NotImplementedError,
    RuntimeError,
    RecursionError,
    OverflowError,
    SyntaxError,
    zipfile.BadZipFile,
)


def _read_array(file: IO[bytes], size: int) -> Array:
    """The array in a .npy file of so many bytes; its size is checked before there is one."""
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        raise ValueError(f"an array of version {version}")
    shape, by_columns, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype.hasobject:
        raise ValueError("an array of objects")
    if not dtype.itemsize:
        raise ValueError("an array of empty texts")
    rest = size - file.tell()
    if math.prod(shape) * dtype.itemsize != rest:
        raise ValueError(f"an array of shape {shape} in {rest} bytes")
    array = np.empty(shape[::-1] if by_columns else shape, dtype)
    content = array.reshape(-1).view(np.uint8)
    for start in range(0, rest, PIECE):  # of which the archive makes a copy
        piece = content[start : start + PIECE]
        if file.readinto(piece) < len(piece):  # type: ignore[attr-defined]
            raise ValueError("less than its array")
    if file.read(1):  # at its end the archive compares checksums
        raise ValueError("more than its array")
    return array.T if by_columns else array


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
