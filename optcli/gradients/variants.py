"""Variants: a registered class with its defaults, and with each hyperparameter changed."""

from __future__ import annotations

import dataclasses
import operator
import types
import typing
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from optcli.errors import InvalidInput
from optcli.specs import Ge, Gt, Le, Lt

# Tried in turn for a number, until one lies in its range.
NUMBERS = (0.3, 1.3, 2.3, 0.03, -0.7)
# For hyperparameters that take one number for each of the three classes or labels; for
# the rest of their kind a number will do.
FOR_EACH = (0.4, 1.0, 2.5)


def variants(cls: type[Any], **given: Any) -> Iterator[tuple[str, Any]]:
    """What differs from the defaults, in words, and the instance; `given` holds for all.

    Where the kind of a hyperparameter is not known here, there is no variant of it. Raises
    InvalidInput for a class that cannot be made without more being given.
    """
    try:
        yield "", cls(**given)
    except TypeError as error:
        raise InvalidInput(f"'{cls.name}' cannot be made from its defaults: {error}") from error
    hints = typing.get_type_hints(cls, include_extras=True)
    for field in dataclasses.fields(cls):
        if field.name in given:
            continue
        for value in others(hints[field.name], field.default):
            try:
                instance = cls(**given, **{field.name: value})
            except InvalidInput:
                continue
            yield words(field.name, value), instance


def words(name: str, value: Any) -> str:
    """`batch_norm`, `delta 0.3`, `class_weights 0.4, 1.0, 2.5`."""
    if isinstance(value, bool):
        return name if value else f"no {name}"
    said = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return f"{name} {said}"


def others(hint: Any, default: Any) -> list[Any]:
    """Values that are not the default, one for each kind that the annotation allows."""
    base, notes = unwrapped(hint)
    if base is bool:
        return [not default]
    if typing.get_origin(base) is Literal:
        return [value for value in typing.get_args(base) if value != default]
    if typing.get_origin(base) in (typing.Union, types.UnionType):
        found = []
        for part in typing.get_args(base):
            found += others(Annotated[part, *notes] if notes else part, default)
        return found
    if base is float:
        fit = [v for v in NUMBERS if v != default and all(holds(v, note) for note in notes)]
        return fit[:1]
    if base is int and isinstance(default, int):
        return [default + 1] if all(holds(default + 1, note) for note in notes) else []
    if typing.get_origin(base) is tuple and float in map(plain, typing.get_args(base)):
        return [FOR_EACH]
    return []


def unwrapped(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """The type and its notes."""
    if typing.get_origin(hint) is Annotated:
        base, *notes = typing.get_args(hint)
        return base, tuple(notes)
    return hint, ()


def plain(hint: Any) -> Any:
    """The type without its notes."""
    return unwrapped(hint)[0]


BOUNDS = {Ge: operator.ge, Gt: operator.gt, Le: operator.le, Lt: operator.lt}


def limit(bound: Any) -> float:
    """The number of a bound."""
    return float(dataclasses.astuple(bound)[0])


def holds(value: float, note: Any) -> bool:
    """Whether the value keeps to the bound, if the note is one."""
    compare = BOUNDS.get(type(note))
    return compare is None or bool(compare(value, limit(note)))
