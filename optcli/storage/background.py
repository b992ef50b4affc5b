"""Background: a thread that calls functions one after the other, while this one goes on."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any, Self


class Background:
    """Calls functions in a thread of its own, in the order in which they are handed over.

    `with Background() as later: later(function, argument)`. What a call raises, the next
    one, `settle` or the end of the block raises; then no further call is made. Leaving the block
    waits for the call that is being made, and for the others unless something was raised in it.
    """

    def __init__(self, waiting: int = 1) -> None:
        """waiting: how many calls may wait; a further one waits here."""
        self._calls: queue.Queue[tuple[Callable[..., object], tuple[Any, ...]] | None]
        self._calls = queue.Queue(waiting)
        self._raised: BaseException | None = None
        self._given_up = False
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._given_up = kind is not None
        self._calls.put(None)
        self._thread.join()
        if kind is None:
            self._check()

    def __call__(self, function: Callable[..., object], *arguments: Any) -> None:
        """Have a function called later."""
        self._check()
        self._calls.put((function, arguments))

    def settle(self) -> None:
        """Wait until all calls have been made."""
        self._calls.join()
        self._check()

    def _check(self) -> None:
        if self._raised is not None:
            raise self._raised

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            try:
                if not self._given_up and self._raised is None:
                    function, arguments = call
                    function(*arguments)
            except BaseException as error:
                self._raised = error
            finally:
                del call  # what it holds is large
                self._calls.task_done()
