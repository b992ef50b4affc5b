"""Errors: what is wrong with its value and where, what is allowed, what to do.

The core raises children of `OptcliError`; the command line alone turns them
into text and an exit code.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong.

    key: the dotted config key or the column it concerns, as in `optimizer.lr`.
    file, line: where it stands, where that is known (lines count from 1).
    """

    message: str
    key: str | None = None
    file: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        place = self.file or ""
        if place and self.line is not None:
            place = f"{place}:{self.line}"
        return ": ".join(part for part in (place, self.key, self.message) if part)

    def at(self, file: str | None, line: int | None = None) -> Fault:
        """The same fault, placed; a place that it already has is kept."""
        if self.file is not None:
            return self
        return replace(self, file=file, line=line)


class OptcliError(Exception):
    """Anything optcli has to say no to. `exit_code` is the command's."""

    exit_code = 1


class InvalidInput(OptcliError):
    """Options, config, data, plug-in or run folder are not as they must be."""

    exit_code = 2

    def __init__(self, *faults: Fault | str) -> None:
        self.faults = tuple(Fault(f) if isinstance(f, str) else f for f in faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class EnvironmentFailed(OptcliError):
    """The disk is full, permission is missing, workers are lost."""

    exit_code = 3


def suggestion(wrong: str, right: Iterable[str]) -> str:
    """`; did you mean 'adam'?` where one of `right` is near, else nothing."""
    choices = {name.lower(): name for name in right}
    near = difflib.get_close_matches(wrong.lower(), choices, n=1, cutoff=0.6)
    return f"; did you mean '{choices[near[0]]}'?" if near else ""
