"""Lock: one process at a time writes into a folder.

The system lets go of the lock of a process that dies, however it ends. Where there is `flock` it
is called as it is; elsewhere, as on Windows, the library filelock has the system's own lock.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from optcli.core.errors import Fault, InvalidInput
from optcli.storage import files

LOCK = ".lock"


@contextlib.contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold the folder; raises InvalidInput where another process does."""
    try:
        import fcntl
    except ImportError:
        yield from _by_filelock(folder)
    else:
        yield from _by_flock(folder, fcntl)


def _in_use(folder: Path, by: str) -> InvalidInput:
    return InvalidInput(Fault(f"is in use by {by}; wait until it ends", file=str(folder)))


def _by_flock(folder: Path, fcntl: ModuleType) -> Iterator[None]:
    path = folder / LOCK
    while True:
        with files.os_errors_named(path):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        with files.os_errors_named(path), contextlib.ExitStack() as unless_locked:
            unless_locked.callback(os.close, descriptor)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError) as error:
                owner = os.read(descriptor, 20).decode("ascii", "replace").strip()
                raise _in_use(folder, f"process {owner}") from error
            unless_locked.pop_all()
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                break
        os.close(descriptor)  # its owner has just taken it away
    try:
        with files.os_errors_named(path):
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _by_filelock(folder: Path) -> Iterator[None]:
    from filelock import FileLock, Timeout

    path = folder / LOCK
    held = FileLock(path, timeout=0)
    with files.os_errors_named(path):
        try:
            held.acquire()
        except Timeout as error:
            # which one is out of reach: Windows lets nobody read a locked file
            raise _in_use(folder, "another process") from error
    try:
        yield
    finally:
        held.release()
