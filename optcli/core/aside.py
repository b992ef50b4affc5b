"""Aside: a second process that loads what takes long, as matplotlib, while this one trains.

A thread would not do: while it loads modules hardly any other runs. What goes to the process and
comes back is pickled: a function with its arguments, and what it gives. Where the process fails,
the function is called here, and fails here if it must.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar, cast

from optcli.core import machine

T = TypeVar("T")

IDLE = 60.0  # seconds without a question, after which the process ends and frees its memory
# Modules are found where this process finds them.
CODE = """
import sys
sys.path[:] = {places}
from {module} import load
from optcli.core import aside
load()
aside.serve()
"""

_process: subprocess.Popen[bytes] | None = None


@contextlib.contextmanager
def begun(module: str) -> Iterator[None]:
    """Run the process within the block, if there are two cores; it calls `load` first.

    Not on Windows, where `select` does not wait for pipes.
    """
    global _process
    try:
        if hasattr(os, "setpgid") and machine.cores() > 1:
            with contextlib.suppress(OSError):
                _process = subprocess.Popen(
                    [sys.executable, "-c", CODE.format(places=sys.path, module=module)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    process_group=0,  # Ctrl-C is for this process alone
                )
        yield
    finally:
        _end()


def results(functions: Iterable[Callable[[], T]]) -> Iterator[T]:
    """Yield what each function returns; the process calls it, if there is one, or else this one.

    The process works on one function while this one prepares the next and uses the last result.
    """
    asked: list[Callable[[], T]] = []
    try:
        for function in functions:
            answers = [_answer(each) for each in asked]
            asked = [function] if _ask(function) else []
            yield from answers
            if not asked:
                yield function()
        answers, asked = [_answer(each) for each in asked], []
        yield from answers
    finally:
        if asked:  # its answer would be taken for that of the next question
            _end()


def _ask(function: Callable[[], Any]) -> bool:
    """Send a function to the process; returns whether there is one."""
    if _process is None:
        return False
    assert _process.stdin is not None
    with _ending():
        _process.stdin.write(pickle.dumps(function))
        _process.stdin.flush()
    return _process is not None


def _answer(function: Callable[[], T]) -> T:
    """What the function returned in the process; where that failed, what it returns here."""
    done, value = False, None
    if _process is not None:
        assert _process.stdout is not None
        with _ending():
            done, value = pickle.load(_process.stdout)
    return cast(T, value) if done else function()


@contextlib.contextmanager
def _ending() -> Iterator[None]:
    """End the process on any exception, and raise only what is no error, such as a signal."""
    try:
        yield
    except BaseException as error:
        _end()
        if not isinstance(error, Exception):
            raise


def _end() -> None:
    global _process
    if _process is not None:
        process, _process = _process, None
        process.kill()
        process.communicate()


def serve() -> None:
    """Call each function that is sent, and answer with its result, until the sender has ended."""
    asked, told = sys.stdin.buffer, sys.stdout.buffer
    while select.select([asked], [], [], IDLE)[0]:
        try:
            answer = pickle.dumps((True, pickle.load(asked)()))
        except EOFError:
            return
        except Exception:
            answer = pickle.dumps((False, None))
        told.write(answer)
        told.flush()
