"""Paths: names that every system takes, and the way from one folder to a file."""

from __future__ import annotations

import hashlib
import itertools
import os
import re
from collections.abc import Iterable
from pathlib import Path

MOST_BYTES = 200  # of a name; systems take 255, of which a date and a number need some
# What Windows takes in no name, and the names that it keeps for devices, with any suffix.
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f\ud800-\udfff]')
_DEVICE = re.compile(r"(con|prn|aux|nul|com[1-9¹²³]|lpt[1-9¹²³])(?=\.|$)", re.IGNORECASE)


def safe_name(text: str) -> str:
    """The text as a name for a file or folder on any system, visible and not too long.

    What is left of a long one ends with a part of the checksum of the whole.
    """
    name = _FORBIDDEN.sub("-", text).strip(" .-") or "unnamed"
    name = _DEVICE.sub(r"\1_", name) if _DEVICE.match(name) else name
    if len(name.encode()) <= MOST_BYTES:
        return name
    mark = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:8]
    whole = name.encode()[: MOST_BYTES - len(mark) - 1].decode(errors="ignore")
    return f"{whole}-{mark}"


def safe_names(texts: Iterable[str]) -> dict[str, str]:
    """A safe name for each text, numbered where a system may take two for the same."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for text in texts:
        name = safe_name(text)
        numbered = (f"{name}-{number}" for number in itertools.count(2))
        names = itertools.chain([name], numbered)
        found[text] = next(each for each in names if each.casefold() not in taken)
        taken.add(found[text].casefold())
    return found


def relative(path: str | Path, folder: Path) -> str:
    """The path as seen from the folder, with `/`; absolute on another drive of Windows.

    Both are taken where they really lie: `..` of a link to a folder is beside what it leads to.
    A file that is itself a link stays one.
    """
    path = Path(path)
    real = Path(os.path.realpath(path.parent)) / path.name
    try:
        return Path(os.path.relpath(real, os.path.realpath(folder))).as_posix()
    except ValueError:
        return real.as_posix()
