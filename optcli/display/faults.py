"""Faults: errors and notes on stderr, one line each."""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO

from optcli.core.errors import InvalidInput, OptcliError
from optcli.display.output import Output
from optcli.display.words import escaped


def faults(error: OptcliError, stream: TextIO | None) -> None:
    """One plain line for each fault of the error; control characters are escaped."""
    found = error.faults if isinstance(error, InvalidInput) else (error,)
    output = Output(stream)
    for fault in found:
        output.line(escaped(str(fault)))


def say(*, quiet: bool, stream: TextIO | None) -> Callable[[str], None]:
    """What writes a note to a stream, or nowhere."""
    output = Output(None if quiet else stream)
    return lambda text: output.line(f"note: {text}")
