"""Faults: errors and notes on stderr, one line each."""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO

from optcli.core.errors import PYTHON, OptcliError, ParameterNames
from optcli.display.output import Output
from optcli.display.text import escaped


def faults(error: OptcliError, stream: TextIO | None, names: ParameterNames = PYTHON) -> None:
    """One plain line for each fault of the error, in the words of the names."""
    output = Output(stream)
    for fault in error.faults:
        output.line(escaped(f"error: {fault.told(names)}"))


def say(*, quiet: bool, stream: TextIO | None) -> Callable[[str], None]:
    """What writes a note to a stream, or nowhere."""
    output = Output(None if quiet else stream)
    return lambda text: output.line(f"note: {text}")
