"""What a worker process does: it is prepared once, then takes jobs.

A process of this machine ends with the one that started it, however that ends. It imports the
script that started it only where that has registered something, as a class of its own.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import multiprocessing
import os
import pickle
import platform
import runpy
import signal
import sys
import threading
import types
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.machinery import ModuleSpec
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from optcli.core.environment import differences, environment
from optcli.core.errors import EnvironmentFailed, Fault, InvalidInput, OptcliError
from optcli.core.registry import homes
from optcli.storage.dispatch.pool import Pool

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
_importing: list[str] = []  # the script, while a worker imports it


def begin(setting: Setting, script: tuple[str, bool] | None) -> None:
    """In a new process: Ctrl-C is for the one who started it. script: to import, if any."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        if script is not None:
            _import_script(*script)
        prepare(setting)
    except OptcliError as error:
        _refusals.append(error)


def _end_with_parent() -> None:
    """The process that started this one cannot tell it to end when it is killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


def script() -> tuple[str, bool] | None:
    """The script that workers must import, and whether it is known by a module's name.

    None where it has registered nothing. Raises InvalidInput where there is no file to import.
    """
    if "__main__" not in homes():
        return None
    main = sys.modules["__main__"]
    if main.__spec__ is not None:
        return main.__spec__.name, True
    file = getattr(main, "__file__", None)
    if file is None:
        raise InvalidInput(
            "what is registered in a notebook or console is not known to worker processes; "
            "put it into a file and load that as a plug-in, or use one job"
        )
    return str(Path(file).absolute()), False


def _import_script(name: str, is_module: bool) -> None:
    """Import the script as `multiprocessing` does, but say in one line why it cannot be."""
    main = types.ModuleType("__mp_main__")
    _importing.append(name)
    try:
        run = runpy.run_module if is_module else runpy.run_path
        main.__dict__.update(run(name, run_name="__mp_main__"))
    except OptcliError:
        raise
    except (Exception, SystemExit) as error:
        message = f"fails when a worker imports it: {type(error).__name__}: {error}"
        raise InvalidInput(Fault(message, file=name)) from error
    finally:
        _importing.clear()
    sys.modules["__main__"] = sys.modules["__mp_main__"] = main


def check_not_importing() -> None:
    """Raise InvalidInput in a script that a worker imports: it would all be done again."""
    if _importing:
        message = "registers something, so each worker imports it; call optcli under "
        message += "if __name__ == '__main__':"
        raise InvalidInput(Fault(message, file=_importing[0]))


@contextlib.contextmanager
def without_script() -> Iterator[None]:
    """Processes that start meanwhile do not import the script that started this one.

    `multiprocessing` does, to know what is defined there; without a guard it would begin anew.
    """
    main = sys.modules["__main__"]
    before = main.__spec__
    main.__spec__ = ModuleSpec("optcli.__main__", None)  # such modules are not imported
    try:
        yield
    finally:
        main.__spec__ = before
