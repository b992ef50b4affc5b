"""What a worker process does: it is prepared once, then takes jobs.

A process of this machine ends with the one that started it, however that ends. It imports the
script that started it only where that has registered something, as a class of its own.
"""

from __future__ import annotations

import functools
import importlib
import multiprocessing
import os
import pickle
import platform
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from optcli.core.environment import differences, environment
from optcli.core.errors import EnvironmentFailed, Fault, InvalidInput, OptcliError
from optcli.core.registry import homes
from optcli.storage.dispatch.pool import Pool
from optcli.storage.dispatch.script import import_script

Setting = tuple[Callable[..., object] | None, tuple[Any, ...], tuple[str, ...]]


def setting(pool: Pool) -> Setting:
    """What a worker is prepared by: a function, its arguments, and modules to import then."""
    return pool.prepare, pool.arguments, tuple(sorted(homes() - {"__main__"}))


def payload(function: Callable[[Any], Any], job: Any, pool: Pool) -> bytes:
    """What `work` takes."""
    return pickle.dumps((function, job, pool.failure))


def prepare(setting: Setting) -> None:
    """Make a worker ready for jobs. Raises InvalidInput."""
    function, arguments, modules = setting
    if function is not None:
        function(*arguments)
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as error:
            message = f"module '{module}' registers something, but a worker cannot import it "
            raise InvalidInput(f"{message}({error}); load it as a plug-in") from error


def work(payload: bytes) -> Any:
    """Do a job; it is unpickled here, after the worker was prepared."""
    if _refusals:
        raise _refusals[0]
    try:
        function, job, failure = pickle.loads(payload)
    except (AttributeError, ImportError) as error:
        message = f"a worker does not know what a job is made of ({error}); load it as a plug-in"
        raise InvalidInput(message) from error
    try:
        return function(job)
    except (Exception, SystemExit) as error:
        found = failure and failure(error)
        if found:
            raise found from error  # the traceback goes along, as text, for --debug
        raise


# ---- workers that others started ------------------------------------------------------

_ready: list[Setting] = []  # what this process was prepared by
_alone = threading.Lock()  # the number of BLAS threads is that of the process


def work_prepared(setting: Setting, payload: bytes) -> Any:
    """Do a job, one at a time in this process, which is prepared once."""
    with _alone:
        try:
            if setting not in _ready:
                prepare(setting)
                _ready.append(setting)
            return work(payload)
        except OptcliError as error:  # the folder here is not that of the command
            faults = [
                replace(f, file=f.file and str(Path(f.file).absolute())) for f in error.faults
            ]
            raise type(error)(*faults) from error


def lent(
    setting: Setting, theirs: dict[str, Any], payload: bytes
) -> tuple[str, dict[str, Any], Any]:
    """Do a job for another process: this host, what it is, and the result.

    theirs: the environment there. Raises EnvironmentFailed where this one gives other bits.
    """
    ours = _environment()
    host = platform.node()
    if unlike := differences(theirs, ours):
        message = f"a worker on {host} would give other bits: {'; '.join(unlike)}"
        raise EnvironmentFailed(Fault(message, parameter="executor"))
    record = {name: ours[name] for name in ("platform", "cpu", "cores", "python")}
    return host, record, work_prepared(setting, payload)


@functools.cache
def _environment() -> dict[str, Any]:
    return environment(1, None)


# ---- processes of this machine -------------------------------------------------------

# Why this worker cannot take a job: it is said in the place of the first one's result.
_refusals: list[OptcliError] = []


def begin(setting: Setting, script: tuple[str, bool] | None) -> None:
    """In a new process: Ctrl-C is for the one who started it. script: to import, if any."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        if script is not None:
            import_script(*script)
        prepare(setting)
    except OptcliError as error:
        _refusals.append(error)


def _end_with_parent() -> None:
    """The process that started this one cannot tell it to end when it is killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
