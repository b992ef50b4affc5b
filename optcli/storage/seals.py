"""Seals: checksums.json tells of every file of a finished run folder its size and SHA-256.

Of a comparison it covers the chosen configs in best/, too, and of a run the events in tensorboard/;
models that a comparison kept are sealed runs themselves. While something changes, a folder has
none. Pictures are of no use to any number: one that is missing is no damage.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from optcli.core.errors import EnvironmentFailed, Fault, InvalidInput
from optcli.storage import files, kinds
from optcli.storage.kinds import Kind

SUMS = "checksums.json"
WITHIN = {kinds.COMPARE.name: kinds.BEST, kinds.TRAIN.name: kinds.EVENTS}  # covered, too
PICTURES = (".png", ".svg", ".pdf", ".gif")


def unseal(folder: Path) -> None:
    """Take away checksums.json, then summary.json, as something is about to change.

    The page on what was there before goes, too.
    """
    with files.os_errors_named(folder / SUMS):
        (folder / SUMS).unlink(missing_ok=True)
        (folder / "summary.json").unlink(missing_ok=True)
        (folder / kinds.REPORT).unlink(missing_ok=True)
        begun = f"{files.BEGUN}*"  # of a process that died
        places = (folder, *(folder / within for within in WITHIN.values()))
        for path in [path for place in places for path in place.glob(begun)]:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def seal(folder: Path, kind: Kind | None = None, *, pictures: bool = True) -> None:
    """Write checksums.json over all files of the folder: size and SHA-256 of each.

    kind: what the folder holds; raises EnvironmentFailed where one of its files was deleted
    meanwhile. pictures: whether they are covered; not while they are still drawn.
    """
    gone = [name for name in (kind.holds if kind else ()) if not (folder / name).is_file()]
    if kind and gone:
        were = "was" if len(gone) == 1 else "were"
        message = f"{', '.join(gone)} {were} deleted during the run; {kind.repeat}"
        raise EnvironmentFailed(Fault(message, file=str(folder)))
    whose = kind or kinds.guessed(folder)
    within = WITHIN.get(whose.name) if whose else None
    places = [folder, *([folder / within] if within and (folder / within).is_dir() else [])]
    covered = sorted(
        path
        for place in places
        for path in place.iterdir()
        if path.is_file()
        and path.name not in (SUMS, kinds.REPORT)
        and not path.name.startswith(".")
        if pictures or path.suffix not in PICTURES
    )
    sums = {
        path.relative_to(folder).as_posix(): {
            "bytes": path.stat().st_size,
            "sha256": files.checksum(path),
        }
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


def is_sealed(folder: Path) -> bool:
    """Whether the folder has checksums.json; version 0.1 wrote none over a picture alone."""
    return (folder / SUMS).exists() or kinds.is_picture(folder)


def first_damage(folder: Path) -> str | None:
    """The first file that is missing or of another size than it was; none of them is read.

    Raises InvalidInput where checksums.json is damaged.
    """
    if kinds.is_picture(folder):
        return None
    for name in kinds.OWN:
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
    path, (above, _, last) = folder / name, name.rpartition("/")
    plain = last if above in WITHIN.values() else name
    if not isinstance(entry, dict) or Path(plain).name != plain or plain == "..":
        return f"is damaged: {SUMS} does not describe it as optcli does"
    if path.is_symlink() or (plain != name and path.parent.is_symlink()):
        return "is a link, which optcli does not make"
    if not path.is_file():
        return None if path.suffix in PICTURES and not path.exists() else "is missing"
    size = path.stat().st_size
    if size != entry.get("bytes"):
        return f"is damaged: it has {size:,} bytes, not {entry.get('bytes')}"
    if read and files.checksum(path) != entry.get("sha256"):
        return "is damaged: its checksum differs"
    return None
