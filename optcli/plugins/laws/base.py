"""Law: a sentence about all members of a kind, and a function that looks whether it holds."""

from __future__ import annotations

import dataclasses
import inspect
import sys
import typing
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import Fault, shown
from optcli.gradients.variants import holds, unwrapped
from optcli.plugins import failures

T = TypeVar("T")


@dataclass(frozen=True)
class Law(Generic[T]):
    """What must hold of every member of a kind.

    says: the law, in words. fault: what is wrong with a member and what to write instead, in
    one line; "" where the law holds. It lets pass what the member's own code raises.
    """

    says: str
    fault: Callable[[T], str]


@dataclass(frozen=True)
class Finding:
    """A law, and what was found of one member; fault is "" where it holds.

    grave: whether it is broken, or a note to the author. line: of the plug-in, where known.
    error: what the member's own code raised.
    """

    law: str
    fault: str = ""
    grave: bool = True
    line: int | None = None
    error: BaseException | None = None


def examine(laws: Iterable[Law[T]], member: T) -> Iterator[Finding]:
    """What each law finds; what the member's code raises is a fault, and ends it."""
    for law in laws:
        try:
            with np.errstate(all="ignore"):
                yield Finding(law.says, law.fault(member))
        except (Exception, SystemExit) as error:
            cls = type(getattr(member, "layer", member))
            yield Finding(law.says, *raised(error, cls), error=error)
            return


def raised(error: BaseException, cls: type[Any]) -> tuple[str, bool, int | None]:
    """What a finding says of an error, that it is grave, and the line of the class's file."""
    file, _ = place(cls)
    path = Path(file or "")
    where = failures.method(error, path).rpartition(", ")[2] if file else ""
    message = failures.words(error)
    line = failures.line_of(error, path) if file else None
    return f"{where}: {message}" if where else message, True, line


def place(cls: type[Any]) -> tuple[str | None, int | None]:
    """The file and line in which a class begins; None where that is not known."""
    codes = [getattr(found, "__code__", None) for found in vars(cls).values()]
    files = [getattr(sys.modules.get(cls.__module__), "__file__", None)]
    files += [code.co_filename for code in codes if code is not None]
    file = next((each for each in files if each and Path(each).is_file()), None)
    line: int | None
    try:
        _, line = inspect.getsourcelines(cls)
    except (OSError, TypeError):
        own = [code.co_firstlineno for code in codes if code and code.co_filename == file]
        line = min(own, default=None)
    return (None, None) if file is None else (shown(Path(file)), line)


def placed(cls: type[Any], kind: str, message: str, line: int | None = None) -> Fault:
    """A fault of a class, with its file and line: `p.py:8: optimizer 'ngd': …`."""
    file, first = place(cls)
    name = getattr(cls, "name", "") or cls.__name__
    return Fault(message, f"{kind} '{name}'", file, line or first)


# ---- what all kinds have in common ---------------------------------------------------


def undeclared(cls: type[Any]) -> str:
    """Annotated attributes that are no fields, because the class is no dataclass of its own."""
    if "__dataclass_fields__" in vars(cls):
        return ""
    own = inspect.get_annotations(cls)
    lost = [name for name, hint in own.items() if "ClassVar" not in str(hint)]
    if not lost:
        return ""
    return (
        f"{', '.join(lost)} cannot be set in a config: the class is no dataclass of its own; "
        "put @dataclass(frozen=True) between its registration and `class`"
    )


FIELDS: Law[type[Any]] = Law("what is annotated is a hyperparameter", undeclared)


def notes(cls: type[Any]) -> Iterator[Finding]:
    """What the author may want to add: a docstring, and range and meaning of each field."""
    says = "docstring, and meaning and range of each field"
    inherited = any(cls.__doc__ == base.__doc__ for base in cls.__mro__[1:])
    generated = (cls.__doc__ or "").startswith(f"{cls.__name__}(")
    if not cls.__doc__ or inherited or generated:
        yield Finding(says, "has no docstring; its first line is what `optcli list` says", False)
    hints = typing.get_type_hints(cls, include_extras=True)
    for field in dataclasses.fields(cls):
        if any(field.name in getattr(b, "__dataclass_fields__", {}) for b in cls.__mro__[1:]):
            continue
        base, remarks = unwrapped(hints[field.name])
        lacking = []
        if not any(hasattr(remark, "text") for remark in remarks):
            lacking.append('its meaning: Doc("…")')
        if base in (float, int) and not any(_bounds(remark) for remark in remarks):
            lacking.append("its range, if it has one: Gt(0), Ge(0), Lt(1), …")
        if lacking:
            example = f"{field.name}: Annotated[{getattr(base, '__name__', base)}, …]"
            yield Finding(
                says, f"{field.name}: does not say {' and '.join(lacking)} ({example})", False
            )


def _bounds(remark: Any) -> bool:
    return type(remark).__name__ in ("Ge", "Gt", "Le", "Lt", "Interval")


def allowed(cls: type[Any], field: str, value: Any) -> bool:
    """Whether a value is in the range that the field's annotation states."""
    _, remarks = unwrapped(typing.get_type_hints(cls, include_extras=True)[field])
    return all(holds(value, remark) for remark in remarks)


def same(a: Array, b: Array) -> bool:
    """Whether arrays have the same bits, no number being equal to itself."""
    return bool(np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"))


def rounding(a: Array, b: Array) -> bool:
    """Whether arrays are equal up to rounding."""
    if a.shape != b.shape:
        return False
    close = 1e3 * float(np.finfo(a.dtype).eps) if a.dtype.kind in "fc" else 0
    return bool(
        np.allclose(a, b, rtol=close, atol=close * np.abs(b).max(initial=0), equal_nan=True)
    )
