"""Run folders: which folders are optcli's, and their removal.

A removal is decided in one move: the folder is renamed and then deleted, or, where it must stay
(--overwrite), environment.json is renamed first. Whatever a kill leaves of it is cleared by the
next command that claims or removes a folder there.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from optcli.core.errors import Fault, InvalidInput, OptcliError
from optcli.storage import files, kinds
from optcli.storage.files import BEGUN
from optcli.storage.kinds import OWN
from optcli.storage.lock import FULL, LOCK, Held, lock
from optcli.storage.seals import PICTURES, SUMS

REST = f"{BEGUN}removed"  # what environment.json is called once the removal is decided
# All that optcli may have put there.
RESULTS = ("history.csv", "summary.json", "model.npz", "checkpoint.npz", "runs.csv", "paths.csv")
SEARCHED = ("trials.csv", "best.yaml", "folds.csv")
EVALUATED = (
    *("evaluation.json", "measures.csv", "confusion.csv", "roc.csv", "precision-recall.csv"),
    *("reliability.csv", "thresholds.csv", "importance.csv", "residuals.csv"),
)
MAPPED = ("grid.csv", "cuts.csv", "walks.csv")
NAMES = (
    *(*OWN, SUMS, LOCK, kinds.REPORT, *RESULTS, *SEARCHED, "training-rows.npz", kinds.MLFLOW),
    *(*EVALUATED, *MAPPED),
)
# Folders within, and the kind that has them.
_WITHIN = {kinds.BEST: kinds.COMPARE, kinds.MODELS: kinds.COMPARE, kinds.EVENTS: kinds.TRAIN}
_NOT_OURS = "which is not optcli's; move it, or leave the folder"
_OF_ITS_OWN = "of its own; move it, or remove it first"
FRESH = 60.0  # seconds within which a folder without files may be one that is just begun


# ---- recognising ---------------------------------------------------------------------


def is_own(folder: Path) -> bool:
    """Whether optcli made the folder."""
    return all((folder / name).is_file() for name in OWN) or kinds.is_picture(folder)


def is_left(folder: Path) -> bool:
    """Whether there is anything by which to know a folder of optcli's, be it damaged."""
    names = (*OWN, "summary.json", SUMS, REST)
    return any((folder / name).exists() for name in names) or is_own(folder)


def is_rest(folder: Path) -> bool:
    """Whether the folder is what is left of one whose removal was interrupted."""
    return (folder / REST).exists()


def is_vacant(folder: Path) -> bool:
    """Whether a folder holds nothing, or only what a command that was killed left of its begin.

    environment.json is written before config.yaml, so without that it is all there is.
    """
    names = {path.name for path in folder.iterdir() if not path.name.startswith(BEGUN)} - {LOCK}
    if names != {kinds.ENVIRONMENT}:
        return not names
    with contextlib.suppress(InvalidInput):
        return kinds.recorded(folder).get("kind") in kinds.KINDS
    return False


def whole_of(folder: Path) -> Path:
    """The folder that a comparison is a part of, or its own."""
    return folder.parent if is_own(folder.parent) and has_parts(folder.parent) else folder


def has_parts(folder: Path) -> bool:
    """Whether a folder of optcli's is for folders of other kinds."""
    kind = kinds.guessed(folder)
    return kind is not None and kind.parts


def parts(folder: Path) -> Iterator[Path]:
    """The folders within a folder that are parts of what it holds."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink() and not path.name.startswith(BEGUN):
            yield path


def check_own(folder: Path) -> None:
    """Raise InvalidInput unless all that the folder holds is optcli's, and of one command."""
    begun = is_vacant(folder) and any(folder.iterdir())
    if not (is_own(folder) or is_rest(folder) or begun):
        message = "was not made by optcli, and is left alone"
        raise InvalidInput(Fault(message, file=str(folder)))
    if foreign := _foreign(folder):
        raise InvalidInput(Fault(f"holds {foreign}", file=str(folder)))


def _foreign(folder: Path, rest: bool = False) -> str | None:
    """The first thing in a folder that was not put there by the command that made it.

    rest: whether what is within may be partly removed.
    """
    rest = rest or is_rest(folder)
    for path in sorted(folder.iterdir()):
        if path.name.startswith(BEGUN):
            continue
        if not path.is_dir() or path.is_symlink():
            if path.is_dir() or not (path.name in NAMES or path.suffix in PICTURES):
                return f"'{path.name}', {_NOT_OURS}"
            continue
        if path.name in _WITHIN and (rest or kinds.guessed(folder) == _WITHIN[path.name]):
            if foreign := _foreign_within(path, rest):
                return foreign
            continue
        begun = is_vacant(path) and (rest or any(path.iterdir()))
        if not (begun or is_rest(path) or (is_own(path) and (rest or has_parts(folder)))):
            if not is_own(path):
                return f"'{path.name}', {_NOT_OURS}"
            return f"'{path.name}', {_what(path)} {_OF_ITS_OWN}"
        if is_own(path) and not kinds.is_part(path):
            return f"'{path.name}', {_what(path)} {_OF_ITS_OWN}"
        if foreign := _foreign(path, rest):
            return foreign
    return None


def _foreign_within(folder: Path, rest: bool) -> str | None:
    """The same in best/*.yaml, models/NAME/SEED/ of a comparison, tensorboard/* of a run."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith(BEGUN) or path.name == LOCK:
            continue
        known = path.suffix == ".yaml" and path.is_file()
        if folder.name == kinds.EVENTS:
            known = path.name.startswith("events.out.tfevents.") and path.is_file()
        if path.is_symlink() or not (path.is_dir() if folder.name == kinds.MODELS else known):
            return f"'{folder.name}/{path.name}', {_NOT_OURS}"
        for run in sorted(path.iterdir()) if path.is_dir() else ():
            name = f"{folder.name}/{path.name}/{run.name}"
            if run.is_symlink() or not run.is_dir():
                return f"'{name}', {_NOT_OURS}"
            if is_vacant(run):
                continue
            if not (is_rest(run) or is_own(run)):
                return f"'{name}', {_NOT_OURS}"
            if is_own(run) and not kinds.is_part(run):
                return f"'{name}', {_what(run)} {_OF_ITS_OWN}"
            if foreign := _foreign(run, rest):
                return foreign
    return None


def _what(folder: Path) -> str:
    kind = kinds.guessed(folder)
    return kind.what if kind else "a folder"


# ---- filling -------------------------------------------------------------------------


def write_configs(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write the configs that a comparison chose, by name, and take away those of before.

    Raises InvalidInput, EnvironmentFailed.
    """
    place = folder / kinds.BEST
    _check_no_link(place)
    with files.os_errors_named(place):
        place.mkdir(exist_ok=True)
        for path in place.glob("*.yaml"):
            if path.name not in contents:
                path.unlink()
    for name, content in contents.items():
        files.write(place / name, content)


def empty(place: Path) -> Path:
    """An empty folder for a run that is part of another folder.

    Raises InvalidInput, EnvironmentFailed.
    """
    _check_no_link(place)
    with files.os_errors_named(place):
        place.mkdir(parents=True, exist_ok=True)
        clear(place)
    return place


def model_folder(folder: Path, name: str, seed: int) -> Path:
    """Where a comparison keeps a run."""
    return folder / kinds.MODELS / name / str(seed)


def check_no_links(place: Path) -> None:
    """Raise InvalidInput where one of the folders of a kept model is a link."""
    for above in place.parents[:2]:
        _check_no_link(above)


def _check_no_link(path: Path) -> None:
    if path.is_symlink():
        raise InvalidInput(Fault("is a link, which optcli does not make", file=str(path)))


# ---- removing ------------------------------------------------------------------------


def remove(folder: Path) -> None:
    """Delete a folder of optcli's making; raises InvalidInput where it holds other things."""
    if folder.is_symlink():
        raise InvalidInput(Fault("is a link; remove the folder itself", file=str(folder)))
    check_own(folder)
    with files.os_errors_named(folder), lock(folder) as held, parts_held(folder) as inner:
        check_own(folder)
        for part in inner:
            if part.blocks_renaming:
                part.release()
        discard(held)
    sweep(folder.parent)


@contextlib.contextmanager
def parts_held(folder: Path) -> Iterator[list[Held]]:
    """Hold the parts of a folder as well; raises InvalidInput where another process does."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(lock(part)) for part in parts(folder)]


def discard(held: Held) -> None:
    """Delete a folder that is held, and was looked through; raises OSError.

    It loses its name first. Where the disk is too full even for that, it is cleared in its place.
    """
    place = held.folder.resolve()
    try:
        held.move(place.with_name(f"{BEGUN}{os.urandom(4).hex()}"))
    except OSError as error:
        if error.errno not in FULL:
            raise
    files.sync(place.parent)
    clear(held.folder)
    held.release()
    (held.folder / LOCK).unlink(missing_ok=True)
    held.folder.rmdir()


def clear(folder: Path) -> None:
    """Delete what a folder that is held has in it, but for the lock; raises OSError.

    From the first move on, what is left is known as rubbish (`is_rest`).
    """
    with contextlib.suppress(FileNotFoundError):
        try:
            (folder / kinds.ENVIRONMENT).rename(folder / REST)
        except OSError as error:
            if error.errno not in FULL:
                raise
    files.sync(folder)
    for path in sorted(folder.iterdir()):
        if path.name in (LOCK, REST):
            continue
        if not path.is_dir() or path.is_symlink():
            path.unlink()
        elif path.name.startswith(BEGUN):
            shutil.rmtree(path)
        else:
            clear(path)
            (path / LOCK).unlink(missing_ok=True)
            path.rmdir()
    (folder / REST).unlink(missing_ok=True)


def sweep(parent: Path) -> None:
    """Delete what commands that were killed left in a folder of run folders.

    These are folders without a final name that nobody holds, with nothing in them that is not
    optcli's.
    """
    for folder in parent.glob(f"{BEGUN}*"):
        with contextlib.suppress(OSError, OptcliError):
            if folder.is_symlink() or not folder.is_dir() or _is_fresh(folder):
                continue
            with lock(folder):
                if _foreign(folder, rest=True):
                    continue
                clear(folder)
            (folder / LOCK).unlink(missing_ok=True)
            folder.rmdir()


def _is_fresh(folder: Path) -> bool:
    """Whether another process may have made the folder a moment ago, and not held it yet."""
    return not any(folder.iterdir()) and time.time() - folder.stat().st_mtime < FRESH
