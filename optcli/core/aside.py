"""Aside: a second process that loads what takes long, as matplotlib, while this one trains.

A thread would not do: while it loads modules hardly any other runs. What goes to the process and
comes back is pickled: a function of optcli, its arguments, and what it gives. Where the process
fails, the function is called here, and fails here if it must.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec, TypeVar, cast

from optcli.core import machine

P = ParamSpec("P")
T = TypeVar("T")

IDLE = 60.0  # seconds; who trains longer needs the memory more than the time
# The modules are those of the same places, whatever the folder.
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
def begun(module: str, *, wanted: bool = True) -> Iterator[None]:
    """Have the process, which calls `load` of the module, where there is a core for it.

    Not on Windows, where nothing tells it that nobody asks any more.
    """
    global _process
    try:
        if wanted and hasattr(os, "setpgid") and machine.cores() > 1:
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


def call(function: Callable[P, T], *args: P.args, **keys: P.kwargs) -> T:
    """What the function gives; it is called in the process, if there is one, or else here."""
    if _process is not None:
        try:
            done, value = _answer(_process, (function, args, keys))
        except Exception:  # the process has ended, or something cannot be pickled
            _end()
        except BaseException:  # a signal, which leaves an answer on its way
            _end()
            raise
        else:
            if done:
                return cast(T, value)
    return function(*args, **keys)


def _answer(process: subprocess.Popen[bytes], question: Any) -> tuple[bool, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(pickle.dumps(question))
    process.stdin.flush()
    answer: tuple[bool, Any] = pickle.load(process.stdout)
    return answer


def _end() -> None:
    global _process
    if _process is not None:
        process, _process = _process, None
        process.kill()
        process.communicate()


def serve() -> None:
    """Be the process: call what is asked for, until nobody asks any more."""
    asked, told = sys.stdin.buffer, sys.stdout.buffer
    while select.select([asked], [], [], IDLE)[0]:
        try:
            function, args, keys = pickle.load(asked)
            answer = pickle.dumps((True, function(*args, **keys)))
        except EOFError:
            return
        except Exception:
            answer = pickle.dumps((False, None))
        told.write(answer)
        told.flush()
