"""Folders: what a run leaves. Made at once, locked while written, sealed when whole."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from optcli.core.errors import EnvironmentFailed, Fault, InvalidInput, OptcliError
from optcli.storage import files

# The files that tell a folder of optcli's own making from any other.
OWN = ("config.yaml", "environment.json")
SUMS = "checksums.json"
LOCK = ".lock"
# All that optcli may have put there.
RESULTS = ("history.csv", "summary.json", "model.npz", "checkpoint.npz", "runs.csv", "paths.csv")
NAMES = (*OWN, SUMS, LOCK, *RESULTS)
ENDINGS = (".png", ".svg", ".pdf", ".gif")


def new(parent: Path, name: str, contents: Mapping[str, bytes]) -> Path:
    """Make parent/name, or parent/name-2 and so on where that is taken, with its first files."""
    if parent.exists() and not parent.is_dir():
        raise EnvironmentFailed(f"{parent}: is a file, where the folder of runs should be; --out")
    with files.said(parent / name):
        parent.mkdir(parents=True, exist_ok=True)
        with _beside(parent / name, contents) as made:
            for number in itertools.count(1):
                folder = parent / (name if number == 1 else f"{name}-{number}")
                if folder.exists():
                    continue
                try:
                    made.rename(folder)
                except OSError:
                    if not folder.exists():
                        raise
                    continue  # another was quicker
                files.sync(parent)
                return folder
    raise AssertionError("count does not end")


def claim(folder: Path, contents: Mapping[str, bytes], *, overwrite: bool) -> Path:
    """Make `folder` with its first files; an empty one is taken, optcli's own overwritten.

    Raises InvalidInput where something else is there.
    """
    check_claim(folder, overwrite=overwrite)
    with files.said(folder):
        if folder.exists() and any(folder.iterdir()):
            with lock(folder):
                _empty(folder)
        if folder.exists():
            for name, content in contents.items():
                files.write(folder / name, content)
            return folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _beside(folder, contents) as made:
            made.rename(folder)
        files.sync(folder.parent)
    return folder


def check_claim(folder: Path, *, overwrite: bool) -> None:
    """Raise InvalidInput where `claim` would; nothing is changed."""
    with files.said(folder):
        there = next((each for each in (folder, *folder.parents) if os.path.lexists(each)), folder)
        if os.path.lexists(there) and not there.is_dir():
            what = "a file" if there.exists() else "a link that leads nowhere"
            message = f"{folder} is {what}; must be a folder, or new"
            if there != folder:
                message = f"{folder} cannot be made, as {there} is {what}; choose another place"
            raise InvalidInput(Fault(message, "--out"))
        for above in folder.resolve().parents:
            if is_own(above) and not _gathers(above):
                message = f"{folder} lies in a run folder, {above}; choose another place"
                raise InvalidInput(Fault(message, "--out"))
        if not folder.exists() or not any(folder.iterdir()):
            return
    if not overwrite:
        message = f"{folder} is not empty; choose another, or add --overwrite"
        raise InvalidInput(Fault(message, "--out"))
    check_own(folder)


@contextlib.contextmanager
def _beside(folder: Path, contents: Mapping[str, bytes]) -> Iterator[Path]:
    """A folder without its final name, with these files; gone at the end, unless renamed."""
    made = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".new-"))
    try:
        made.chmod(0o755)
        for name, content in contents.items():
            files.write(made / name, content, known_as=folder / name)
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def is_own(folder: Path) -> bool:
    """Whether optcli made the folder."""
    return all((folder / name).is_file() for name in OWN)


def _gathers(folder: Path) -> bool:
    """Whether a folder of optcli's making is for folders: a benchmark's comparisons."""
    return (folder / "config.yaml").read_bytes().startswith(b"benchmark:")


def check_own(folder: Path) -> None:
    """Raise InvalidInput unless all that the folder holds is optcli's."""
    if not is_own(folder):
        message = f"{folder} was not made by optcli; --overwrite leaves it alone"
        raise InvalidInput(Fault(message, "--out"))
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".new-"):
            continue
        known = path.name in NAMES or path.suffix in ENDINGS
        if path.is_dir():
            known = is_own(path) and not path.is_symlink()
        if not known:
            message = f"holds '{path.name}', which is not optcli's; move it, or leave the folder"
            raise InvalidInput(Fault(message, file=str(folder)))
        if path.is_dir():
            check_own(path)


def _empty(folder: Path) -> None:
    """Take away all that optcli made, but for the lock; first what tells of whole files."""
    (folder / SUMS).unlink(missing_ok=True)
    for path in sorted(folder.iterdir()):
        if path.name == LOCK:
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def remove(folder: Path) -> None:
    """Delete a folder of optcli's making; raises InvalidInput where it holds other things."""
    if folder.is_symlink():
        raise InvalidInput(Fault("is a link; remove the folder itself", file=str(folder)))
    check_own(folder)
    with files.said(folder):
        with lock(folder):
            _empty(folder)
        folder.rmdir()


@contextlib.contextmanager
def dropped_if_bare(folder: Path) -> Iterator[None]:
    """Where an error leaves no results in the folder, take it away."""
    try:
        yield
    except (Exception, SystemExit):
        if not any((folder / name).exists() for name in RESULTS):
            with contextlib.suppress(OSError, OptcliError):
                remove(folder)
        raise


@contextlib.contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold the folder; raises InvalidInput where another process does.

    The system lets go of the lock of a process that dies.
    """
    try:
        import fcntl
    except ImportError:  # no such locks here
        yield
        return
    path = folder / LOCK
    while True:
        with files.said(path):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.read(descriptor, 20).decode("ascii", "replace").strip()
            os.close(descriptor)
            message = f"is in use by process {owner}; wait until it ends"
            raise InvalidInput(Fault(message, file=str(folder))) from error
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                break
        os.close(descriptor)  # its owner has just taken it away
    try:
        with files.said(path):
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def open_for_writing(folder: Path) -> None:
    """What is about to change is no longer sealed."""
    with files.said(folder / SUMS):
        (folder / SUMS).unlink(missing_ok=True)
        for path in folder.glob(".new-*"):  # of a process that died
            path.unlink()


def seal(folder: Path) -> None:
    """Write checksums.json over all files of the folder: size and SHA-256 of each."""
    covered = sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and path.name != SUMS and not path.name.startswith(".")
    )
    sums = {
        path.name: {"bytes": path.stat().st_size, "sha256": files.checksum(path)}
        for path in covered
    }
    files.write_json(folder / SUMS, sums)


def check_seal(folder: Path, *names: str) -> None:
    """Hold files (all, without names) against checksums.json, where there is one.

    Raises InvalidInput with every one that is missing or damaged.
    """
    path = folder / SUMS
    if not path.exists():
        return
    sums = files.read_json(path)
    faults = [
        Fault(wrong, file=str(folder / name))
        for name, told in sums.items()
        if (not names or name in names) and (wrong := _damage(folder, name, told))
    ]
    if faults:
        raise InvalidInput(*faults)


def tells(name: str, told: Any) -> bool:
    """Whether checksums.json tells of a file of the folder, and as `seal` does."""
    return isinstance(told, dict) and Path(name).name == name and name != ".."


def _damage(folder: Path, name: str, told: Any) -> str | None:
    """What is wrong with a file, by what its checksum tells; None where it is whole."""
    path = folder / name
    if not tells(name, told):
        return f"is damaged: {SUMS} does not tell of it as optcli does"
    if path.is_symlink():
        return "is a link, which optcli does not make"
    if not path.is_file():
        return "is missing"
    size = path.stat().st_size
    if size != told.get("bytes"):
        return f"is damaged: it has {size:,} bytes, not {told.get('bytes')}"
    if files.checksum(path) != told.get("sha256"):
        return "is damaged: its checksum is another"
    return None
