"""Errors: what is wrong with its value and where, what is allowed, what to do.

The core raises children of `OptcliError`; the command line alone turns them
into text and an exit code.
"""

from __future__ import annotations

import difflib
import errno
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

# Failures of the streams that are written to: work goes on, but the command ends with an error.
lost: list[OSError] = []


# What the system says of names that no file can have: too long, a loop of links, letters that it
# does not allow (Windows), a socket.
NO_PATH = (errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL, errno.ENXIO)


class ParameterNames:
    """The words for parameters of those who came in by Python; the command line has its own."""

    def place(self, parameter: str, key: str | None) -> str:
        """What a fault concerns: `seeds`, or `overrides: optimizer.lr` where there is a key."""
        return parameter if key is None else f"{parameter}: {key}"

    def setting(self, parameter: str, value: str) -> str:
        """What to set: `overwrite=True`, `out=DIR`, `overrides=["dataset.path=FILE"]`."""
        if parameter == "overrides":
            return f'overrides=["{value}"]'
        if parameter == "plugin":
            return f'optcli.plugins.loading.load([Path("{value}")])'
        return f"{parameter}={value or 'True'}"


PYTHON = ParameterNames()
_SETTING = re.compile("\x02(\\w+)=(.*?)\x03", re.DOTALL)


def setting(parameter: str, value: str = "") -> str:
    """A parameter in the message of a fault, for the door to put into its words.

    value: what to give it; nothing for a switch.
    """
    return f"\x02{parameter}={value}\x03"


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong.

    key: the dotted config key or the column it concerns, as in `optimizer.lr`.
    file, line: where it stands, where that is known (lines count from 1).
    parameter: that of the library's function which it concerns, as in `seeds`.
    """

    message: str
    key: str | None = None
    file: str | None = None
    line: int | None = None
    parameter: str | None = None

    def __str__(self) -> str:
        return self.told(PYTHON)

    def told(self, names: ParameterNames) -> str:
        """`FILE:LINE: KEY: message`, parameters in the words of the names."""
        place = self.file or ""
        if place and self.line is not None:
            place = f"{place}:{self.line}"
        key = self.key if self.parameter is None else names.place(self.parameter, self.key)
        message = _SETTING.sub(lambda found: names.setting(found[1], found[2]), self.message)
        return ": ".join(part for part in (place, key, message) if part)

    def at(self, file: str | None, line: int | None = None) -> Fault:
        """The same fault, placed; a place that it already has is kept."""
        if self.file is not None:
            return self
        return replace(self, file=file, line=line)


class Grave(str):
    """A note that must be read before the results are believed; it is said before them."""

    __slots__ = ()


class OptcliError(Exception):
    """Anything optcli has to say no to. `exit_code` is the command's."""

    exit_code = 1

    def __init__(self, *faults: Fault | str) -> None:
        self.faults = tuple(Fault(f) if isinstance(f, str) else f for f in faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class InvalidInput(OptcliError):
    """Options, config, data, plug-in or run folder are not as they must be."""

    exit_code = 2


class EnvironmentFailed(OptcliError):
    """The disk is full, permission is missing, workers are lost."""

    exit_code = 3


def unreadable(file: str, error: OSError) -> OptcliError:
    """What to raise for a file that cannot be read: no such path, or the system's refusal."""
    if isinstance(error, PermissionError):
        return EnvironmentFailed(f"{file}: no permission to read it")
    reason = error.strerror or str(error)
    if isinstance(error, NotADirectoryError) or error.errno in NO_PATH:
        return InvalidInput(Fault(f"cannot be read: {reason}", file=file))
    return EnvironmentFailed(f"{file}: cannot be read: {reason}")


def shown(path: Path) -> str:
    """A path as short as it can be said from the current folder."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def suggestion(wrong: str, right: Iterable[str]) -> str:
    """`; did you mean 'adam'?` where one of `right` is near, else nothing."""
    return _suggestion(wrong, {name.lower(): name for name in right})


def path_suggestion(wrong: Path, right: Iterable[Path]) -> str:
    """The same of paths by their names; that endings are alike makes none near."""
    return _suggestion(wrong.stem, {path.stem.lower(): str(path) for path in right})


def _suggestion(wrong: str, choices: Mapping[str, str]) -> str:
    near = difflib.get_close_matches(wrong.lower(), choices, n=5, cutoff=0.6)
    if not near:
        return ""
    nearest = min(near, key=lambda name: distance(wrong.lower(), name))
    return f"; did you mean '{choices[nearest]}'?"


def distance(one: str, other: str) -> int:
    """Letters to add, drop, change, or swap with their neighbour, to turn one into the other.

    Reference: F. J. Damerau, A technique for computer detection and correction of
    spelling errors, 1964.
    """
    rows = [list(range(len(other) + 1))]
    for i, a in enumerate(one, 1):
        row = [i]
        for j, b in enumerate(other, 1):
            least = min(row[-1] + 1, rows[-1][j] + 1, rows[-1][j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and b == one[i - 2]:
                least = min(least, rows[-2][j - 2] + 1)
            row.append(least)
        rows.append(row)
    return rows[-1][-1]
