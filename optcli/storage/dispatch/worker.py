"""What a worker process does: it is prepared once, then takes jobs.

A process of this machine ends with the one that started it, however that ends. It imports the
script that started it only where that has registered something, as a class of its own.
"""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import pickle
import runpy
import signal
import sys
import threading
import types
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from optcli.core.errors import Fault, InvalidInput, OptcliError
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
    function, job, failure = pickle.loads(payload)
    try:
        return function(job)
    except (Exception, SystemExit) as error:
        found = failure and failure(error)
        if found:
            raise found from error  # the traceback goes along, as text, for --debug
        raise


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
