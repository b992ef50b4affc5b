"""Run folders: claimed by one command, locked while it writes, sealed when it is done.

`Destination` makes a folder, or takes one that is there, in one way for all commands. A folder
has its final name only when its first files are in it. `seal` writes checksums.json over all
files; while something changes, a folder has none.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optcli.core.errors import EnvironmentFailed, Fault, InvalidInput, OptcliError, setting
from optcli.storage import files, kinds
from optcli.storage.kinds import Kind
from optcli.storage.lock import LOCK, lock

RUNS = Path("runs")  # where folders lie that were given no other place
# The files that tell a folder of optcli's own making from any other.
OWN = (kinds.CONFIG, kinds.ENVIRONMENT)
SUMS = "checksums.json"
BEGUN = ".new-"  # begins the names of files and folders that are not whole
# All that optcli may have put there.
RESULTS = ("history.csv", "summary.json", "model.npz", "checkpoint.npz", "runs.csv", "paths.csv")
NAMES = (*OWN, SUMS, LOCK, *RESULTS)
ENDINGS = (".png", ".svg", ".pdf", ".gif")


# ---- claiming ------------------------------------------------------------------------


@dataclass(frozen=True)
class Destination:
    """Where a command leaves its results: in `out`, or in a new folder under runs/.

    kind: what the folder will hold. name: a new one is called runs/<name>-<date>-<time>.
    overwrite: whether a folder of optcli's own making is replaced. continues: whether one of
    the same kind is continued instead.
    """

    kind: Kind
    name: str
    out: str | Path | None = None
    overwrite: bool = False
    continues: bool = False

    @property
    def folder(self) -> Path:
        """The folder; of a new one the name is not known yet, but where it lies."""
        return RUNS / "new" if self.out is None else Path(self.out)

    @property
    def continued(self) -> bool:
        """Whether what is there will be continued. Raises InvalidInput where it is damaged."""
        if self.out is None or self.overwrite or not self.continues:
            return False
        return kinds.of(self.folder) == self.kind

    def check(self) -> None:
        """Raise InvalidInput where `claim` would; nothing is changed."""
        folder = self.folder
        if self.out is None:
            return
        with files.os_errors_named(folder):
            above = (folder, *folder.parents)
            there = next((each for each in above if os.path.lexists(each)), folder)
            if os.path.lexists(there) and not there.is_dir():
                what = "a file" if there.exists() else "a link that leads nowhere"
                message = f"{folder} is {what}; must be a folder, or new"
                if there != folder:
                    message = f"{folder} cannot be made, as {there} is {what}; choose another place"
                raise InvalidInput(Fault(message, parameter="out"))
            for each in folder.resolve().parents:
                if is_own(each) and not _has_parts(each):
                    message = f"{folder} lies in a run folder, {each}; choose another place"
                    raise InvalidInput(Fault(message, parameter="out"))
            if not folder.exists() or not any(folder.iterdir()) or self.continued:
                return
        if self.overwrite:
            check_own(folder)
            return
        message = f"{folder} is not empty, and was not made by optcli; choose another"
        if is_own(folder) and (kind := kinds.guessed(folder)):
            message = f"{folder} holds {kind.what}; choose another, or add {setting('overwrite')}"
        raise InvalidInput(Fault(message, parameter="out"))

    @contextlib.contextmanager
    def claim(self, config: str, environment: Mapping[str, Any]) -> Iterator[Path]:
        """The folder with its first files, held while this lasts.

        config: what config.yaml says. environment: what environment.json says, but for the
        kind. A folder that is continued is as it was left. A new one goes where an error leaves
        nothing of use in it. Raises InvalidInput, EnvironmentFailed.
        """
        self.check()
        if self.continued:
            with lock(self.folder):
                yield self.folder
            return
        contents = kinds.first_files(self.kind, config, environment)
        folder = self._new(contents) if self.out is None else self._taken(contents)
        with _removed_if_useless(folder, self.kind), lock(folder):
            yield folder

    def _new(self, contents: Mapping[str, bytes]) -> Path:
        """Make a folder with these files; where its name is taken it gets a number."""
        parent, name = RUNS, f"{self.name}-{time.strftime('%Y%m%d-%H%M%S')}"
        if parent.exists() and not parent.is_dir():
            message = "is a file, where the folder of runs should be; name another"
            message += f" ({setting('out', 'DIR')})"
            raise EnvironmentFailed(Fault(message, file=str(parent)))
        with files.os_errors_named(parent / name):
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

    def _taken(self, contents: Mapping[str, bytes]) -> Path:
        """Make `out` with these files, or put them there once it is empty."""
        folder = self.folder
        with files.os_errors_named(folder):
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


@contextlib.contextmanager
def _beside(folder: Path, contents: Mapping[str, bytes]) -> Iterator[Path]:
    """A folder without its final name, with these files; gone at the end, unless renamed."""
    made = Path(tempfile.mkdtemp(dir=folder.parent, prefix=BEGUN))
    try:
        made.chmod(0o755)
        for name, content in contents.items():
            files.write(made / name, content, known_as=folder / name)
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextlib.contextmanager
def _removed_if_useless(folder: Path, kind: Kind) -> Iterator[None]:
    """Remove the folder where an error leaves nothing of use in it.

    Of a kind that can be resumed results are of use, and after Ctrl-C the settings too, to begin
    again; of any other only what is whole.
    """
    try:
        yield
    except BaseException as error:
        if kind.resumable:
            useless = not isinstance(error, KeyboardInterrupt) and not _has_results(folder)
        else:
            useless = not (folder / SUMS).exists()
        if useless:
            with contextlib.suppress(OSError, OptcliError):
                remove(folder)
        raise


def _has_results(folder: Path) -> bool:
    """Whether there are results in the folder, or in one of its parts."""
    places = [folder, *(path for path in folder.iterdir() if path.is_dir())]
    return any((place / name).exists() for place in places for name in RESULTS)


def rewrite(folder: Path, kind: Kind, config: str, environment: Mapping[str, Any]) -> None:
    """Write config.yaml and environment.json of a claimed folder again."""
    for name, content in kinds.first_files(kind, config, environment).items():
        files.write(folder / name, content)


# ---- recognising ---------------------------------------------------------------------


def is_own(folder: Path) -> bool:
    """Whether optcli made the folder."""
    return all((folder / name).is_file() for name in OWN) or kinds.is_picture(folder)


def is_left(folder: Path) -> bool:
    """Whether there is anything by which to know a folder of optcli's, be it damaged."""
    names = (*OWN, "summary.json", SUMS)
    return any((folder / name).exists() for name in names) or is_own(folder)


def whole_of(folder: Path) -> Path:
    """The folder that a comparison is a part of, or its own."""
    return folder.parent if is_own(folder.parent) and _has_parts(folder.parent) else folder


def _has_parts(folder: Path) -> bool:
    """Whether a folder of optcli's is for folders of other kinds."""
    kind = kinds.guessed(folder)
    return kind is not None and kind.parts


def check_own(folder: Path) -> None:
    """Raise InvalidInput unless all that the folder holds is optcli's."""
    if not is_own(folder):
        message = "was not made by optcli, and is left alone"
        raise InvalidInput(Fault(message, file=str(folder)))
    for path in sorted(folder.iterdir()):
        if path.name.startswith(BEGUN):
            continue
        known = path.name in NAMES or path.suffix in ENDINGS
        if path.is_dir():
            known = is_own(path) and not path.is_symlink()
        if not known:
            message = f"holds '{path.name}', which is not optcli's; move it, or leave the folder"
            raise InvalidInput(Fault(message, file=str(folder)))
        if path.is_dir():
            check_own(path)


# ---- removing ------------------------------------------------------------------------


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
    with files.os_errors_named(folder):
        with lock(folder):
            _empty(folder)
        folder.rmdir()


# ---- sealing -------------------------------------------------------------------------


def unseal(folder: Path) -> None:
    """Take away checksums.json, as something is about to change."""
    with files.os_errors_named(folder / SUMS):
        (folder / SUMS).unlink(missing_ok=True)
        for path in folder.glob(f"{BEGUN}*"):  # of a process that died
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
    faults = [
        Fault(damage, file=str(folder / name))
        for name, entry in _sealed(folder).items()
        if (not names or name in names) and (damage := _damage(folder, name, entry))
    ]
    if faults:
        raise InvalidInput(*faults)


def first_damage(folder: Path) -> str | None:
    """The first file that is missing or of another size than it was; none of them is read.

    Raises InvalidInput where checksums.json is damaged.
    """
    if kinds.is_picture(folder):
        return None
    for name in OWN:
        if not (folder / name).is_file():
            return f"{name} is missing"
    for name, entry in _sealed(folder).items():
        if damage := _damage(folder, name, entry, read=False):
            return f"{name} {damage}"
    return None


def _sealed(folder: Path) -> dict[str, Any]:
    """What checksums.json says; nothing where there is none."""
    return files.read_json(folder / SUMS) if (folder / SUMS).exists() else {}


def _damage(folder: Path, name: str, entry: Any, *, read: bool = True) -> str | None:
    """What is wrong with a file, by its entry in checksums.json; None where it is whole.

    read: whether to read the file, instead of looking at its size alone.
    """
    path = folder / name
    if not isinstance(entry, dict) or Path(name).name != name or name == "..":
        return f"is damaged: {SUMS} does not tell of it as optcli does"
    if path.is_symlink():
        return "is a link, which optcli does not make"
    if not path.is_file():
        return "is missing"
    size = path.stat().st_size
    if size != entry.get("bytes"):
        return f"is damaged: it has {size:,} bytes, not {entry.get('bytes')}"
    if read and files.checksum(path) != entry.get("sha256"):
        return "is damaged: its checksum is another"
    return None
