"""Shell: commands to be typed, quoted for the shells of this system.

Commands that folders keep are quoted as POSIX has it, on every system.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable

WINDOWS = os.name == "nt"
# No shell of Windows does anything to them; commas make a list in PowerShell.
_PLAIN = re.compile(r"[\w.:/\\=+-]+")


def quoted(word: str) -> str:
    r"""A word as it is typed; on Windows for cmd and PowerShell.

    There programs split the command line themselves, by the rules of `subprocess.list2cmdline`:
    `\"` is a quote, and backslashes before a quote are doubled. What a shell expands between
    quotes stays so (`%NAME%` in cmd, `$name` in PowerShell).
    """
    if not WINDOWS:
        return shlex.quote(word)
    if _PLAIN.fullmatch(word):
        return word
    escaped = re.sub(r'(\\*)"', r"\1\1\\" + '"', word)
    return '"' + re.sub(r"(\\+)$", r"\1\1", escaped) + '"'


def joined(words: Iterable[str]) -> str:
    """A command line."""
    return " ".join(map(quoted, words))


def within(directory: str, command: str) -> str:
    """The command in another folder; `cd` of cmd would stay on the drive."""
    return f"{'pushd' if WINDOWS else 'cd'} {quoted(directory)} && {command}"
