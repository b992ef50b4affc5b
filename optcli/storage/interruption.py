"""Interruption: Ctrl-C, SIGTERM and a closed terminal (SIGHUP) end what is going on.

The command line raises `Interrupted` where it is, but neither while modules load, which may
swallow it, nor in what is `Deferred`: there it waits. Training is `watched` and ends after the
step. A second signal ends the process. One that is ignored, as by nohup, stays so.
"""

from __future__ import annotations

import _thread
import contextlib
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any

SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
# A terminal that closes and `timeout` send two: those that come so soon, in seconds, are one.
SAME_SECONDS = 0.5
AGAIN_SECONDS = 0.02  # until one is raised again that found no place for it
LOADING = "_find_and_load"  # a function of the interpreter, on the stack while a module loads


class Interrupted(KeyboardInterrupt):
    """Ended by a signal."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)


class Interruption:
    """Whether a signal came, and which."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self._at = 0.0

    def came(self) -> bool:
        """Whether to end after the step."""
        return self.signal is not None

    def take(self, number: int, _frame: FrameType | None = None) -> None:
        """Take note of the first; the second is the system's, and ends the process."""
        if self.signal is None:
            self.signal, self._at = number, time.monotonic()
        elif time.monotonic() - self._at > SAME_SECONDS:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)


class _OfCommand:
    """The signal that ends a command, from its coming until it is raised."""

    def __init__(self) -> None:
        self.found = Interruption()
        self.raised = False
        self.deferred = 0  # how many blocks are on their way in which it waits


_command = _OfCommand()


# ---- the command line ----------------------------------------------------------------


def install() -> None:
    """From now on a signal raises Interrupted in the main thread."""
    global _command
    _command = _OfCommand()
    sys.unraisablehook = _lost_in_a_finalizer
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, at_once)


def at_once(number: int, frame: FrameType | None) -> None:
    """A handler that raises Interrupted, now or as soon as nothing is in its way."""
    again = bool(_again)
    _again.clear()
    if not again:
        second = _command.found.came()
        _command.found.take(number)
        if second:
            return
    if _command.raised or _command.deferred:
        return
    if _is_loading(frame):
        _raise_soon()
        return
    _command.raised = True
    raise Interrupted(number)


def code() -> int:
    """The exit code of a command that was interrupted; without a handler by Ctrl-C."""
    global _command
    number = _command.found.signal or signal.SIGINT
    if signal.getsignal(signal.SIGTERM) is not at_once:  # the process goes on to other commands
        _command = _OfCommand()
    return 128 + number


def came() -> bool:
    """Whether a signal has come that ends the command."""
    return _command.found.came()


def check() -> None:
    """Raise Interrupted where it was raised and lost, as in a finalizer or a callback."""
    if _command.raised and _command.found.signal is not None:
        raise Interrupted(_command.found.signal)


_again: list[bool] = []  # whether the handler is called for a signal that it was called for


def _raise_soon() -> None:
    """Call the handler again; by a bare thread, as a handler must not wait for a lock."""
    assert _command.found.signal is not None
    number = signal.Signals(_command.found.signal)

    def again() -> None:
        time.sleep(AGAIN_SECONDS)
        _again.append(True)
        _thread.interrupt_main(number)

    _thread.start_new_thread(again, ())


def _is_loading(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_name == LOADING:
            return True
        frame = frame.f_back
    return False


def _lost_in_a_finalizer(found: Any) -> None:
    """Nothing can be raised through a finalizer: it is raised again when that is done."""
    if not isinstance(found.exc_value, Interrupted):
        sys.__unraisablehook__(found)
    elif _command.raised:
        _command.raised = False
        _raise_soon()


# ---- what is not to be broken off ----------------------------------------------------


class Deferred:
    """While this lasts, a signal to the command waits; it is raised at the end.

    Signals reach the main thread alone; in others nothing waits.
    """

    def __init__(self) -> None:
        self._open = False

    def __enter__(self) -> Deferred:
        if threading.current_thread() is threading.main_thread():
            self._open = True
            _command.deferred += 1
        return self

    def end(self) -> None:
        """The end, before that of the block. Raises Interrupted."""
        if not self._open:
            return
        self._open = False
        _command.deferred = max(0, _command.deferred - 1)
        number = _command.found.signal
        if number is not None and not (_command.raised or _command.deferred):
            _command.raised = True
            raise Interrupted(number)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end()


@contextlib.contextmanager
def kept_from_children() -> Iterator[None]:
    """Processes that start meanwhile never get these signals, and must end by other means."""
    mask = getattr(signal, "pthread_sigmask", None)
    if mask is None:
        yield
        return
    before = mask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        mask(signal.SIG_SETMASK, before)


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
    before = {number: own for number, own in before.items() if own is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, found.take)
    try:
        yield found
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
