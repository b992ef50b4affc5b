"""A Python that has no more than Windows: with this folder on PYTHONPATH it is imported first.

Taken away: calls and modules of POSIX that the standard library here does without. Refused, as
there: to open a folder, and to replace, rename or delete a file that this process has open, or a
folder with one in it. The lock is taken through the library filelock.
"""

import contextlib
import errno
import fcntl
import mmap
import os
import shutil
import signal
import sys
import tempfile

import filelock
import psutil  # reads numbers of Linux by the module resource


class Lock:
    """As WindowsFileLock: held by an open file, ends with its process, its file goes."""

    def __init__(self, path, timeout, flock=fcntl.flock):
        self.path, self.flock, self.descriptor = os.fspath(path), flock, None
        assert timeout == 0

    def acquire(self):
        self.descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT)
        try:
            self.flock(self.descriptor, 6)  # exclusive, without waiting
        except BlockingIOError:
            self.release(unlink=False)
            raise filelock.Timeout(self.path) from None

    def release(self, unlink=True):
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None
            if unlink:
                with contextlib.suppress(OSError):
                    os.unlink(self.path)  # noqa: PTH108


filelock.FileLock = Lock
assert psutil.cpu_count()
tempfile.gettempdir()

for module in ("fcntl", "resource", "termios", "tty", "pwd", "grp", "syslog", "pty", "readline"):
    sys.modules[module] = None
for name in dir(signal):
    kept = ["ABRT", "FPE", "ILL", "INT", "SEGV", "TERM"]
    if name.startswith("SIG") and name[3:] not in (*kept, "_DFL", "_IGN", "_BLOCK", "_UNBLOCK"):
        delattr(signal, name)
for name in (
    *("sched_getaffinity", "sysconf", "posix_fallocate", "posix_fadvise", "fork"),
    *("getuid", "geteuid", "getgid", "chown", "fchmod", "fchown", "killpg", "setsid", "nice"),
    *("mkfifo", "getloadavg", "sync", "ctermid", "openpty", "setpgid", "getpgid"),
    *("O_NOFOLLOW", "O_DIRECTORY", "O_CLOEXEC", "O_SYNC", "O_NOCTTY"),
):
    if hasattr(os, name):
        delattr(os, name)
if hasattr(mmap, "MADV_DONTNEED"):
    del mmap.MADV_DONTNEED
os.supports_dir_fd = set()
shutil._use_fd_functions = False


def _is_open(path):
    """Whether this process has the file open, or one in the folder."""
    path = os.path.realpath(path)
    for number in os.listdir("/proc/self/fd"):  # noqa: PTH208
        try:
            there = os.readlink(f"/proc/self/fd/{number}")  # noqa: PTH115
        except OSError:
            continue
        if there == path or there.startswith(path + os.sep):
            return True
    return False


def _refusing(call, places):
    def refused(*arguments, **keywords):
        for place in arguments[:places]:
            if isinstance(place, str | os.PathLike) and _is_open(place):
                raise PermissionError(errno.EACCES, "The file is in use", str(place))
        return call(*arguments, **keywords)

    return refused


for name, places in {"replace": 2, "rename": 2, "unlink": 1, "remove": 1, "rmdir": 1}.items():
    setattr(os, name, _refusing(getattr(os, name), places))


def _open(path, *arguments, call=os.open, **keywords):
    if os.path.isdir(path):  # noqa: PTH112
        raise PermissionError(errno.EACCES, "Permission denied", str(path))
    return call(path, *arguments, **keywords)


os.open = _open
