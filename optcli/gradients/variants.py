"""Variants: instances of a registered class with changed hyperparameters.

Each hyperparameter is changed singly, then in pairs, then all together, since a gradient may
be wrong only in the interaction of two terms.
"""

from __future__ import annotations

import dataclasses
import itertools
import operator
import types
import typing
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

from optcli.core.errors import InvalidInput
from optcli.core.specs import Ge, Gt, Le, Lt

# Values tried in turn for a number, until one is in range and accepted by the class.
NUMBERS = (0.3, 1.3, 2.3, 0.03, -0.7)
# The value of hyperparameters with one number for each of the three classes or labels.
FOR_EACH = (0.4, 1.0, 2.5)
# If there are more pairs, only the first value of each hyperparameter is used.
MOST_PAIRS = 40
# The errors by which a class may reject a value.
REFUSALS = (InvalidInput, ValueError, TypeError, ArithmeticError, AssertionError)


def variants(
    cls: type[Any],
    *,
    accepts: Callable[[Any], object] | None = None,
    refused: list[str] | None = None,
    **given: Any,
) -> Iterator[tuple[str, Any]]:
    """Yield what differs from the defaults, in words, and the instance.

    given: hyperparameters of all instances. Hyperparameters of an unknown type are not
    changed; a value that the class rejects is replaced by another. accepts: raises an error
    for an instance that does not work. refused: collects a sentence for every rejected
    value. Raises InvalidInput if the class cannot be made from its defaults.
    """
    try:
        yield "", cls(**given)
    except TypeError as error:
        raise InvalidInput(f"'{cls.name}' cannot be made from its defaults: {error}") from error
    refused = [] if refused is None else refused

    def made(**changes: Any) -> tuple[str, Any]:
        instance = cls(**given, **changes)
        if accepts is not None:
            accepts(instance)
        return ", ".join(words(name, value) for name, value in changes.items()), instance

    taken: dict[str, list[Any]] = {}
    hints = typing.get_type_hints(cls, include_extras=True)
    for field in dataclasses.fields(cls):
        if field.name in given:
            continue
        for candidates in others(hints[field.name], field.default):
            for value in candidates:
                try:
                    variant = made(**{field.name: value})
                except REFUSALS as error:
                    if len(candidates) > 1 or not isinstance(error, InvalidInput):
                        refused.append(refusal(field.name, value, error))
                    continue
                taken.setdefault(field.name, []).append(value)
                yield variant
                break
    yield from _together(taken, made)


def _together(
    taken: dict[str, list[Any]], made: Callable[..., tuple[str, Any]]
) -> Iterator[tuple[str, Any]]:
    """Every two hyperparameters changed together, then all of them."""
    pairs = [
        {one: first, other: second}
        for one, other in itertools.combinations(taken, 2)
        for first in taken[one]
        for second in taken[other]
    ]
    first_values = {name: values[0] for name, values in taken.items()}
    if len(pairs) > MOST_PAIRS:
        pairs = [
            {one: first_values[one], other: first_values[other]}
            for one, other in itertools.combinations(taken, 2)
        ][:MOST_PAIRS]
    for changes in [*pairs, *([first_values] if len(taken) > 2 else [])]:
        try:
            yield made(**changes)
        except REFUSALS:
            continue  # each is accepted singly, but not both


def refusal(name: str, value: Any, error: BaseException) -> str:
    """The note on a rejected value, with a remedy."""
    text = str(error).partition("\n")[0] or type(error).__name__
    note = f"{words(name, value)}, a value that was tried, is rejected: {text}"
    if isinstance(value, float):
        note += f"; give the field its range, as in {name}: Annotated[float, Ge(1)]"
    return note


def words(name: str, value: Any) -> str:
    """`batch_norm`, `delta 0.3`, `class_weights 0.4, 1.0, 2.5`."""
    if isinstance(value, bool):
        return name if value else f"no {name}"
    text = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return f"{name} {text}"


def others(hint: Any, default: Any) -> list[list[Any]]:
    """Values other than the default: a list for each type that the annotation allows.

    Of each list the first accepted value is used.
    """
    base, notes = unwrapped(hint)
    if base is bool:
        return [[not default]]
    if typing.get_origin(base) is Literal:
        return [[value] for value in typing.get_args(base) if value != default]
    if typing.get_origin(base) in (typing.Union, types.UnionType):
        found = []
        for part in typing.get_args(base):
            found += others(Annotated[part, *notes] if notes else part, default)
        return found
    if base is float:
        fit = [v for v in NUMBERS if v != default and all(holds(v, note) for note in notes)]
        return [fit] if fit else []
    if base is int and isinstance(default, int):
        near = (default + 1, default + 2, 2 * default, default - 1)
        fit_int = [v for v in near if v != default and all(holds(v, note) for note in notes)]
        return [fit_int] if fit_int else []
    if typing.get_origin(base) is tuple and float in map(plain, typing.get_args(base)):
        return [[FOR_EACH]]
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
