"""Outputs: a file that the user names to write to. Nothing that must stay is replaced.

A regular file is replaced in one move, also through a link, which stays. Pipes and devices
are written to. Refused: what is read, files of run folders, what is write-protected, folders,
disks, and suffixes that mean another format.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from optcli.core.errors import EnvironmentFailed, Fault, InvalidInput, setting
from optcli.storage import files, run_folder
from optcli.storage.lock import file_begins, hold_file, sweep_files
from optcli.storage.seals import SUMS

STDOUT = "-"
PICTURES = ("png", "svg", "pdf")
# Names of descriptors: what they lead to is open, and continued.
_DESCRIPTOR = re.compile(r"/dev/(stdin|stdout|stderr|fd/\d+)|/proc/(self|\d+)/fd/\d+")


def is_stdout(name: str) -> bool:
    """Whether the name is `-`, or leads to where standard output goes."""
    if name == STDOUT:
        return True
    try:
        return os.path.samestat(Path(name).stat(), os.fstat(1))
    except OSError:
        return False


def suffix(name: str, allowed: Sequence[str]) -> str:
    """Which of the allowed suffixes a name has, whatever its case; the first for one without.

    Pipes and devices may be called anything. Raises InvalidInput for any other suffix.
    """
    path = Path(name)
    for ending in sorted(allowed, key=len, reverse=True):
        if path.name.lower().endswith(ending):
            return ending
    if path.suffix and not _is_stream(path):
        message = f"its suffix is '{path.suffix}'; must be one of {', '.join(allowed)}"
        raise InvalidInput(Fault(message, file=name))
    return allowed[0]


def check(name: str, inputs: Iterable[str | Path] = (), said: str = "the table itself") -> None:
    """Raise InvalidInput or EnvironmentFailed where `write` may not write; nothing is changed.

    inputs: files that are read, and must stay, `-` for standard input; said: what one of them is.
    """
    path, wrong = Path(name), ""
    try:
        found = path.stat()
    except FileNotFoundError:
        found = None
    except OSError as error:
        raise InvalidInput(Fault(f"cannot be a file: {error.strerror}", file=name)) from error
    kind = 0 if found is None else found.st_mode
    real = Path(os.path.realpath(path))  # what a link leads to
    if stat.S_ISDIR(kind) or name.endswith(os.sep):
        wrong = "is a folder; must be a file"
    elif stat.S_ISBLK(kind) or stat.S_ISSOCK(kind):
        what = "a disk" if stat.S_ISBLK(kind) else "a socket"
        wrong = f"is {what}; must be a file, a pipe or a terminal"
    elif found is not None and not stat.S_ISCHR(kind) and _is_one_of(found, inputs):
        wrong = f"is {said}; write elsewhere"
    elif _is_stream(path):
        return
    elif run_folder.is_own(real.parent) or (real.parent / SUMS).exists():
        wrong = "lies in a run folder; write elsewhere"
    elif not real.parent.is_dir():
        wrong = f"there is no folder {real.parent if path.is_symlink() else path.parent}; make it"
    if wrong:
        raise InvalidInput(Fault(wrong, file=name))
    # root may write anywhere: the file's own word counts
    if found is not None and not (kind & stat.S_IWUSR and os.access(path, os.W_OK)):
        raise EnvironmentFailed(f"{name}: is write-protected; write elsewhere, or chmod u+w")


def check_free(name: str, *, overwrite: bool = False) -> None:
    """`check`, and refuse a file that is there already, unless it may be overwritten."""
    check(name)
    if Path(name).is_file() and not overwrite:
        message = f"exists already; name another file, or give {setting('overwrite')}"
        raise InvalidInput(Fault(message, file=name))


def _is_one_of(found: os.stat_result, inputs: Iterable[str | Path]) -> bool:
    for each in inputs:
        try:
            there = os.fstat(0) if str(each) == STDOUT else Path(each).stat()
            if os.path.samestat(found, there):
                return True
        except OSError:
            continue
    return False


def _is_stream(path: Path) -> bool:
    """Whether a path is to be written to, not replaced."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or bool(_DESCRIPTOR.fullmatch(str(path)))


def picture_format(plots: bool | str) -> str:
    """The format of a command's pictures, where `plots` is what it was asked for, or True.

    Raises InvalidInput for one that does not exist; False stands for any, as nothing is drawn.
    """
    if isinstance(plots, bool):
        return PICTURES[0]
    if plots not in PICTURES:
        message = f"is '{plots}'; must be {', '.join(PICTURES)}"
        raise InvalidInput(Fault(message, parameter="plots"))
    return plots


def check_picture(
    name: str, inputs: Iterable[str | Path] = (), said: str = "the table itself"
) -> str:
    """`check` for a picture; its format, by the suffix of the name."""
    kind = suffix(name, [f".{each}" for each in PICTURES])
    check(name, inputs, said)
    return kind.removeprefix(".")


def write(name: str, content: bytes) -> None:
    """Write what `check` has let pass; raises EnvironmentFailed."""
    with writer(name) as add:
        add(content)


def is_stream(name: str) -> bool:
    """Whether what is written cannot be taken back."""
    return _is_stream(Path(name))


@contextlib.contextmanager
def writer(name: str) -> Iterator[Callable[[bytes], object]]:
    """`write`, piece by piece; a file takes its place when it is whole.

    What processes that were killed left of the same file is swept away.
    """
    path = Path(name)
    if _is_stream(path):
        pieces: list[bytes] = []
        yield pieces.append
        files.write_through(path, b"".join(pieces))
        return
    real = Path(os.path.realpath(path))
    mode = stat.S_IMODE(real.stat().st_mode) if real.exists() else files.MODE
    begun = file_begins(real.name)
    sweep_files(real.parent, begun)
    with files.atomic_writer(real, path, mode, begun=begun, hold=hold_file) as add:
        yield add
