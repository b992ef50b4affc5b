"""Listeners: who hears of a command's work as it goes on, in three ways for each command.

Quiet says nothing; a text listener writes plain lines or a live view; a JSON listener writes
one object a line. Each is called with every event, and closed at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TextIO

from optcli.display.terminal import is_live


class Listener(Protocol):
    """What every display of a command's work is: called with events, finished, closed."""

    def __call__(self, event: Any, /) -> None:
        """Take note of an event."""

    @property
    def finish(self) -> Callable[..., None]:
        """Say what it all came to; takes what the command has found."""

    def close(self) -> None:
        """Leave the terminal in order; may be called at any time, and again."""


class Quiet:
    """Says nothing."""

    def __call__(self, event: Any) -> None:
        """Say nothing."""

    def finish(self, *results: Any, **more: Any) -> None:
        """Say nothing."""

    def close(self) -> None:
        """There is nothing to put in order."""


def choose(
    quiet: bool,
    json: bool,
    stream: TextIO | None,
    *,
    plain: Callable[[TextIO], Listener],
    lines: Callable[[TextIO], Listener],
    live: Callable[[TextIO], Listener] | None = None,
) -> Listener:
    """The listener for `stream` (None where stdout is closed).

    json comes before quiet: a program that asks for lines gets them. live: for a terminal,
    where that is another than `plain`.
    """
    make: Callable[[TextIO], Listener] = plain
    if stream is None or (quiet and not json):
        return Quiet()
    if json:
        make = lines
    elif live is not None and is_live(stream):
        make = live
    return make(stream)
