"""Files, folders and runs that a word may become."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

CONFIGS = (".yaml", ".yml", ".json")


def files(word: str, endings: tuple[str, ...] = ()) -> list[str]:
    """Files whose name begins with the word, and folders, which end with `/`."""
    return _listed(word, lambda path: path.name.lower().endswith(endings or ("",)))


def folders(word: str) -> list[str]:
    """Folders alone."""
    return _listed(word, lambda _: False)


def runs(word: str) -> list[str]:
    """Run folders, and folders on the way to one; without a word those in `runs`."""
    found = _listed(word, lambda _: False)
    inside = [] if word else _listed("runs/", lambda _: False)
    made = [each.rstrip("/") for each in (*inside, *found) if _is_run(each)]
    return made or found


def _is_run(folder: str) -> bool:
    return Path(folder, "environment.json").is_file()


def _listed(word: str, wanted: Callable[[Path], bool]) -> list[str]:
    head, _, start = word.rpartition("/")
    head = f"{head}/" if "/" in word else ""
    found = []
    try:
        with os.scandir(os.path.expanduser(head) or ".") as entries:  # noqa: PTH111
            for entry in sorted(entries, key=lambda each: each.name):
                hidden = entry.name.startswith(".") and not start.startswith(".")
                if hidden or not entry.name.startswith(start):
                    continue
                if entry.is_dir():
                    found.append(f"{head}{entry.name}/")
                elif wanted(Path(entry.name)):
                    found.append(head + entry.name)
    except OSError:
        return []
    return found
