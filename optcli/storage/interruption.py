"""Interruption: Ctrl-C and SIGTERM end what is going on after the step; a second one at once."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt):
    """Ended by a signal; exit_code is the command's, 128 and the signal's number."""

    def __init__(self, number: int) -> None:
        self.exit_code = 128 + number
        super().__init__(signal.Signals(number).name)


class Interruption:
    """Whether a signal came, and which."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def came(self) -> bool:
        """Whether to end after the step."""
        return self.signal is not None

    def take(self, number: int, _frame: FrameType | None) -> None:
        """Take note of the first; the second is the system's, and ends the process."""
        self.signal = number
        for each in SIGNALS:
            signal.signal(each, signal.SIG_DFL)


raised: list[int] = []  # the signals that `at_once` was called with


def at_once(number: int, _frame: FrameType | None) -> None:
    """A handler that raises Interrupted."""
    raised.append(number)
    raise Interrupted(number)


def check() -> None:
    """Raise Interrupted where it was raised and lost, as in a finalizer or a callback."""
    if raised:
        raise Interrupted(raised[-1])


@contextlib.contextmanager
def watched() -> Iterator[Interruption]:
    """While this lasts, a first signal is only taken note of.

    Signals reach the main thread alone; in others nothing is watched.
    """
    found = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield found
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number in before:
        signal.signal(number, found.take)
    try:
        yield found
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
