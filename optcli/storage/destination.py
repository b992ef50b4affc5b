"""Destination: where a command leaves its results, claimed in one way by all.

A folder is held before anything is looked at or written in it, and until the command ends: of
two commands that want the same one, one is refused. A new folder has its final name only when
its first files are in it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optcli.core.errors import EnvironmentFailed, Fault, InvalidInput, OptcliError, setting
from optcli.storage import files, kinds, run_folder
from optcli.storage.dispatch import script
from optcli.storage.files import BEGUN
from optcli.storage.interruption import Deferred
from optcli.storage.kinds import Kind
from optcli.storage.lock import Held, lock
from optcli.storage.paths import safe_name
from optcli.storage.seals import SUMS

RUNS = Path("runs")  # where folders lie that were given no other place


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
        folder = self.folder
        if run_folder.is_rest(folder) or (folder.is_dir() and run_folder.is_vacant(folder)):
            return False
        return kinds.of(folder) == self.kind

    def check(self) -> None:
        """Raise InvalidInput where `claim` would; nothing is changed."""
        script.check_not_importing()
        folder = self.folder
        if self.out is None:
            return
        with files.os_errors_named(folder):
            above = (folder, *folder.parents)
            there = next((each for each in above if os.path.lexists(each)), folder)
            if os.path.lexists(there) and not there.is_dir():
                what = "a file" if there.exists() else "a broken link"
                message = f"{folder} is {what}; must be a folder, or new"
                if there != folder:
                    message = f"{folder} cannot be made, as {there} is {what}; choose another place"
                raise InvalidInput(Fault(message, parameter="out"))
            for each in folder.resolve().parents:
                whole = kinds.guessed(each) in (kinds.BENCHMARK, kinds.BENCHMARK_SHARD)
                part = self.kind in (kinds.COMPARE, kinds.SHARD) and whole
                if run_folder.is_own(each) and not part:
                    message = f"{folder} lies in a run folder, {each}; choose another place"
                    raise InvalidInput(Fault(message, parameter="out"))
            if not folder.exists() or self._free:
                return
        if self.overwrite:
            run_folder.check_own(folder)
            return
        message = f"{folder} is not empty, and was not made by optcli; choose another"
        if run_folder.is_own(folder) and (kind := kinds.guessed(folder)):
            message = f"{folder} holds {kind.what}; choose another, or add {setting('overwrite')}"
        raise InvalidInput(Fault(message, parameter="out"))

    @property
    def _free(self) -> bool:
        """Whether the folder, which is there, may be written in without --overwrite."""
        if run_folder.is_rest(self.folder):
            run_folder.check_own(self.folder)
            return True
        return run_folder.is_vacant(self.folder) or self.continued

    @contextlib.contextmanager
    def claim(self, config: str, environment: Mapping[str, Any]) -> Iterator[Path]:
        """The folder with its first files, held while this lasts.

        config: what config.yaml says. environment: what environment.json says, but for the
        kind. A folder that is continued is as it was left. A new one goes where an error leaves
        nothing of use in it. Raises InvalidInput, EnvironmentFailed.
        """
        self.check()
        contents = kinds.first_files(self.kind, config, environment)
        run_folder.sweep(self.folder.parent)
        with Deferred() as signals:
            if self.out is not None and self.folder.exists():
                with lock(self.folder) as held:
                    self.check()  # another may have taken it, and be done
                    if self.continued:
                        signals.end()
                        yield self.folder
                        return
                    parts = run_folder.parts_held(self.folder)
                    with parts, self._removed_if_useless(held, contents):
                        with files.os_errors_named(self.folder):
                            run_folder.clear(self.folder)
                        for name, content in contents.items():
                            files.write(self.folder / name, content)
                        signals.end()
                        yield self.folder
                return
            new = self._named(contents) if self.out is None else self._made(contents)
            with new as held, self._removed_if_useless(held, contents):
                signals.end()
                yield held.folder

    @contextlib.contextmanager
    def _made(self, contents: Mapping[str, bytes]) -> Iterator[Held]:
        """Make `out` with these files."""
        folder = self.folder
        with files.os_errors_named(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
        with _beside(folder, contents) as held:
            with files.os_errors_named(folder):
                try:
                    held.move(folder)
                except OSError as error:
                    if not folder.exists():
                        raise
                    message = (
                        f"{folder} was created by another command in the meantime; choose another"
                    )
                    raise InvalidInput(Fault(message, parameter="out")) from error
                files.sync(folder.parent)
            yield held

    @contextlib.contextmanager
    def _named(self, contents: Mapping[str, bytes]) -> Iterator[Held]:
        """Make a folder with these files under runs/; where its name is taken it gets a number."""
        parent, name = RUNS, f"{safe_name(self.name)}-{time.strftime('%Y%m%d-%H%M%S')}"
        if parent.exists() and not parent.is_dir():
            message = "is a file, where the folder of runs should be; name another"
            message += f" ({setting('out', 'DIR')})"
            raise EnvironmentFailed(Fault(message, file=str(parent)))
        with files.os_errors_named(parent / name):
            parent.mkdir(parents=True, exist_ok=True)
        with _beside(parent / name, contents) as held:
            with files.os_errors_named(parent / name):
                for number in itertools.count(1):
                    folder = parent / (name if number == 1 else f"{name}-{number}")
                    if folder.exists():
                        continue
                    try:
                        held.move(folder)
                        break
                    except OSError:
                        if not folder.exists():
                            raise
                files.sync(parent)
            yield held

    @contextlib.contextmanager
    def _removed_if_useless(self, held: Held, contents: Mapping[str, bytes]) -> Iterator[None]:
        """Remove the folder where an error leaves nothing of use in it.

        Of a kind that can be resumed results are of use; of any other only what is whole. What
        stays has its first files, should they have been deleted meanwhile.
        """
        try:
            yield
        except BaseException:
            with Deferred(), contextlib.suppress(OSError, OptcliError):
                folder = held.folder
                if self.kind.resumable:
                    useless = not _has_results(folder)
                else:
                    useless = not (folder / SUMS).exists()
                if useless:
                    run_folder.check_own(folder)
                    run_folder.discard(held)
                for name, content in contents.items() if not useless else ():
                    if not (folder / name).exists():
                        files.write(folder / name, content)
            raise


@contextlib.contextmanager
def _beside(folder: Path, contents: Mapping[str, bytes]) -> Iterator[Held]:
    """A folder without its final name, with these files, held; gone at the end, unless renamed."""
    with files.os_errors_named(folder):
        made = Path(tempfile.mkdtemp(dir=folder.parent, prefix=BEGUN))
    try:
        with lock(made, known_as=folder) as held:
            try:
                made.chmod(0o755)
                for name, content in contents.items():
                    files.write(made / name, content, known_as=folder / name)
                yield held
            finally:
                if held.folder == made:
                    with contextlib.suppress(OSError):
                        run_folder.discard(held)
    finally:
        with contextlib.suppress(OSError):
            made.rmdir()  # it could not be held


def _has_results(folder: Path) -> bool:
    """Whether there are results in the folder, or in one of its parts."""
    places = [folder, *run_folder.parts(folder)]
    return any((place / name).exists() for place in places for name in run_folder.RESULTS)
