"""Lock: one process at a time writes into a folder.

The system lets go of the lock of a process that dies, however it ends. Where there is `flock` it
is called as it is; elsewhere, as on Windows, the library filelock has the system's own lock. A
folder is held before anything else is done to it, and stays so when it is renamed.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import platform
import re
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from optcli.core.errors import Fault, InvalidInput
from optcli.storage import files

LOCK = ".lock"
BEGINS = 60.0  # seconds within which a file without content may be one that is just begun
MOST_OF_A_NAME = 40  # characters of a file's name, in the one that it has until it is whole
FULL = (errno.ENOSPC, errno.EDQUOT)  # what the system says of a full disk


class Held:
    """A folder that this process holds. folder: where it lies now."""

    blocks_renaming = False  # whether the folders above cannot be renamed meanwhile

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def move(self, folder: Path) -> None:
        """Rename the folder, and hold it still; raises OSError."""
        self.folder.rename(folder)
        self.folder = folder

    def release(self) -> None:
        """Let go, and take the lock's file away; a second time it does nothing."""


@contextlib.contextmanager
def lock(folder: Path, known_as: Path | None = None) -> Iterator[Held]:
    """Hold the folder; raises InvalidInput where another process does.

    known_as: the folder to name in an error, where it will be moved there later. On a full disk,
    which has no room for the lock's file, a folder that nobody holds can still be removed: it
    counts as held without one.
    """
    known_as = known_as or folder
    held = Held(folder)
    with files.os_errors_named(known_as / LOCK):
        try:
            held = _locked(folder, known_as)
        except OSError as error:
            if error.errno not in FULL:
                raise
    try:
        yield held
    finally:
        held.release()


def _locked(folder: Path, known_as: Path) -> Held:
    """The folder, held in the system's way; raises InvalidInput, OSError."""
    try:
        import fcntl
    except ImportError:
        return _ByFilelock(folder, known_as)
    return _ByFlock(folder, known_as, fcntl)


def _in_use(folder: Path, by: str) -> InvalidInput:
    return InvalidInput(Fault(f"is in use by {by}; wait until it ends", file=str(folder)))


class _ByFlock(Held):
    """Held by `flock`; the file goes with the lock."""

    def __init__(self, folder: Path, known_as: Path, fcntl: ModuleType) -> None:
        super().__init__(folder)
        path = folder / LOCK
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
            with contextlib.ExitStack() as unless_locked:
                unless_locked.callback(os.close, descriptor)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except (BlockingIOError, PermissionError) as error:
                    owner = os.read(descriptor, 20).decode("ascii", "replace").strip()
                    by = f"process {owner}" if owner else "another process"
                    raise _in_use(known_as, by) from error
                unless_locked.pop_all()
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), path.stat()):
                    break
            os.close(descriptor)  # its owner has just taken it away
        self._descriptor: int | None = descriptor
        with contextlib.suppress(OSError):  # others are told who holds it, no more
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        if self._descriptor is None:
            return
        path = self.folder / LOCK
        with contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(self._descriptor), path.stat()):
                path.unlink()
        os.close(self._descriptor)
        self._descriptor = None


# ---- a file that is being written --------------------------------------------------------


def file_begins(name: str) -> str:
    """How a file of that name is called while it is written, before eight letters of `tempfile`.

    The machine is part of it: a lock on a network's disk may be known to one machine alone.
    """
    machine = zlib.crc32(platform.node().encode())
    return f"{files.BEGUN}{name[:MOST_OF_A_NAME]}-{machine:08x}-"


def hold_file(descriptor: int) -> bool:
    """Hold an open file until it is closed: `sweep_files` leaves it. Whether that is so.

    Where there is no `flock`, as on Windows, no file can be deleted while it is open.
    """
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def sweep_files(folder: Path, begun: str) -> None:
    """Delete what processes of this machine that were killed left of files they wrote.

    These are files with a name of `tempfile` after `begun` that nobody holds; where locks cannot
    be taken none is deleted.
    """
    for path in folder.glob(f"{glob.escape(begun)}*"):
        if not re.fullmatch("[a-z0-9_]{8}", path.name.removeprefix(begun)) or path.is_symlink():
            continue
        with contextlib.suppress(OSError):
            status = path.stat()
            if not status.st_size and time.time() - status.st_mtime < BEGINS:
                continue  # it may have been made a moment ago, and not be held yet
            descriptor = os.open(path, os.O_RDWR)  # NFS locks nothing that is open for reading
            try:
                with contextlib.suppress(ImportError):
                    import fcntl

                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            finally:
                os.close(descriptor)
            path.unlink()


class _ByFilelock(Held):
    """Held by the library; the file stays where the folder does."""

    blocks_renaming = True  # as Windows renames no folder in which a file is open

    def __init__(self, folder: Path, known_as: Path) -> None:
        super().__init__(folder)
        self._lock = self._acquired(known_as)

    def _acquired(self, known_as: Path) -> Any:
        from filelock import FileLock, Timeout

        found = FileLock(self.folder / LOCK, timeout=0)
        try:
            found.acquire()
        except Timeout as error:
            # which one is out of reach: Windows lets nobody read a locked file
            raise _in_use(known_as, "another process") from error
        return found

    def move(self, folder: Path) -> None:
        self._lock.release()
        super().move(folder)
        self._lock = self._acquired(folder)

    def release(self) -> None:
        self._lock.release()
