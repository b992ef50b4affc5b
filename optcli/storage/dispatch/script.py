"""The script that started the workers of this machine, which they import where they must."""

from __future__ import annotations

import runpy
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from pathlib import Path

from optcli.core.errors import Fault, InvalidInput, OptcliError
from optcli.core.registry import homes

_importing: list[str] = []  # the script, while a worker imports it


def started_by() -> tuple[str, bool] | None:
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


def import_script(name: str, is_module: bool) -> None:
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


@contextmanager
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
