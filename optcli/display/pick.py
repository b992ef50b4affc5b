"""Pick: which listener fits the stream."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol, TextIO

from optcli.core.events import Event
from optcli.display.jsonl import JsonLines
from optcli.display.live import LiveTable
from optcli.display.plain import PlainLines


class Listener(Protocol):
    """What every display is."""

    def __call__(self, event: Event) -> None:
        """Take note of an event."""

    def finish(
        self, summary: Mapping[str, Any], folder: Path | None = None, notes: Iterable[str] = ()
    ) -> None:
        """Say how it ended, what was found, and where it is."""

    def close(self) -> None:
        """Leave the terminal in order; may be called at any time, and again."""


class Quiet:
    """Says nothing."""

    def __call__(self, event: Event) -> None:
        pass

    def finish(
        self, summary: Mapping[str, Any], folder: Path | None = None, notes: Iterable[str] = ()
    ) -> None:
        pass

    def close(self) -> None:
        pass


def pick(quiet: bool, json: bool, stream: TextIO | None) -> Listener:
    """The listener for a run that is told to `stream` (None where stdout is closed).

    json comes before quiet: a program that asks for lines gets them.
    """
    if stream is None or (quiet and not json):
        return Quiet()
    if json:
        return JsonLines(stream)
    return LiveTable(stream) if is_live(stream) else PlainLines(stream)


def is_live(stream: TextIO) -> bool:
    """Whether the stream is a terminal that can move its cursor."""
    try:
        terminal = stream.isatty()
    except ValueError:  # closed
        return False
    known = os.environ.get("TERM", "" if os.name == "posix" else "windows")
    return terminal and known not in ("", "dumb", "unknown")
