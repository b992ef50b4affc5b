"""Failures: what the code of a plug-in raised, in words for its author."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import FrozenInstanceError
from pathlib import Path
from types import FrameType
from typing import Any

from optcli.core.errors import EnvironmentFailed, Fault, OptcliError, shown
from optcli.core.registry import REGISTRIES, Registry

_HOUSE = Path(__file__).resolve().parents[1]


def failure(error: BaseException, path: Path) -> Fault | None:
    """An error that passed through a plug-in: `p.py:9: optimizer 'ngd', update: NameError: …`.

    None for one that did not.
    """
    line = line_of(error, path)
    if line is None:
        return None
    message, where = words(error), method(error, path)
    return Fault(f"{where}: {message}" if where else message, None, shown(path), line)


def words(error: BaseException) -> str:
    """What was raised; of optcli's own errors their messages."""
    if isinstance(error, OptcliError):
        return "; ".join(fault.message for fault in error.faults)
    if isinstance(error, FrozenInstanceError):
        names = re.findall(r"'(\w+)'", str(error))
        what = f"self.{names[0]}" if names else "an attribute"
        return f"{what} cannot be set: nothing can be kept on self; {_instead(error)}"
    return f"{type(error).__name__}: {error}".removesuffix(": ")


def method(error: BaseException, path: Path) -> str:
    """The method of a registered class, or the function, that the error came from."""
    frames = [frame for frame, _ in _frames(error) if _is(frame, path)]
    for frame in reversed(frames):
        cls: Any = type(frame.f_locals.get("self"))
        if (registry := _registry(cls)) is not None:
            name = cls.name
            return f"{registry.kind} '{name}', {frame.f_code.co_name}"
    inner = frames[-1].f_code.co_name if frames else ""
    return "" if inner.startswith("<") else inner


def line_of(error: BaseException, path: Path) -> int | None:
    """The last line of the file that the error passed through; None where it did not."""
    if isinstance(error, SyntaxError) and Path(error.filename or "").resolve() == path.resolve():
        return error.lineno
    lines = [line for frame, line in _frames(error) if _is(frame, path)]
    return lines[-1] if lines else None


def files(error: BaseException, places: Iterable[Path]) -> list[Path]:
    """The files in or at these places that an error passed through, the last first."""
    roots = [place.resolve() for place in places]
    if not roots:
        return []
    passed = [Path(frame.f_code.co_filename).resolve() for frame, _ in _frames(error)]
    found = [file for file in reversed(passed) if any(file.is_relative_to(r) for r in roots)]
    return list(dict.fromkeys(found))


def lacking(error: BaseException) -> EnvironmentFailed | None:
    """What to say of a module that optcli itself imports and that is not installed."""
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return None
    files = [Path(frame.f_code.co_filename) for frame, _ in _frames(error)]
    files = [file for file in files if not str(file).startswith("<")]  # Python's own importing
    if not files or not files[-1].resolve().is_relative_to(_HOUSE):
        return None
    found = EnvironmentFailed(f"optcli needs the module '{error.name}'; install optcli again")
    found.__cause__ = error
    return found


def _instead(error: BaseException) -> str:
    """What to do in place of keeping something on self."""
    for frame, _ in reversed(list(_frames(error))):
        registry = _registry(type(frame.f_locals.get("self")))
        if registry is not None and registry.kind == "optimizer":
            return "use a state array"
    return "compute it in each call"


def _registry(cls: type[Any]) -> Registry[object] | None:
    name = vars(cls).get("name")
    return next((each for each in REGISTRIES.values() if each.holds(cls, name)), None)


def _frames(error: BaseException) -> Iterator[tuple[FrameType, int]]:
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next


def _is(frame: FrameType, path: Path) -> bool:
    return Path(frame.f_code.co_filename).resolve() == path.resolve()
