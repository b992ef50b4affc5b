"""Plug-ins: files and installed packages that register something of their own."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path

from optcli.errors import Fault, InvalidInput, OptcliError, shown

# The files that were loaded, in order: a worker process loads the same.
loaded: list[Path] = []


def load(paths: Iterable[Path]) -> None:
    """Run each file once, so that what it registers is known; raises InvalidInput if it fails."""
    for path in paths:
        if path.resolve() in loaded:
            continue
        if not path.is_file():
            wrong = "is a folder; must be a .py file" if path.is_dir() else "no such file"
            raise InvalidInput(Fault(wrong, file=str(path), key="--plugin"))
        spec = importlib.util.spec_from_file_location(
            f"optcli_plugin_{len(loaded)}_{path.stem}", path
        )
        if spec is None or spec.loader is None:
            raise InvalidInput(Fault("is no Python file (.py)", file=str(path), key="--plugin"))
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        try:
            spec.loader.exec_module(module)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            message = f"fails on import: {type(error).__name__}: {error}"
            if isinstance(error, OptcliError):
                message = str(error)
            raise InvalidInput(
                Fault(message, file=str(path), line=_line(error, path), key="--plugin")
            ) from error
        loaded.append(path.resolve())


def failure(error: BaseException) -> InvalidInput | None:
    """What to say of an error that passed through the code of a plug-in; None for any other."""
    for path in loaded:
        line = _line(error, path)
        if line is not None:
            message = f"fails: {type(error).__name__}: {error}"
            found = InvalidInput(Fault(message, file=shown(path), line=line, key="--plugin"))
            found.__cause__ = error
            return found
    return None


def suspect(error: BaseException) -> InvalidInput | None:
    """What to say of an error out of nowhere, where a plug-in is loaded: it does not fit."""
    if not loaded:
        return None
    message = f"does not fit optcli: {type(error).__name__}: {error} (--debug says where)"
    return InvalidInput(Fault(message, file=", ".join(map(shown, loaded)), key="--plugin"))


def _line(error: BaseException, path: Path) -> int | None:
    """The last line of the file that the error passed through."""
    if isinstance(error, SyntaxError) and Path(error.filename or "").resolve() == path.resolve():
        return error.lineno
    line, trace = None, error.__traceback__
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename).resolve() == path.resolve():
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
