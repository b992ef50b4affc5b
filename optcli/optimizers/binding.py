"""Binding: pass an update its arrays and numbers by the names of its parameters.

A `Kernel` is an update and these names, in order; they are read once. The arguments are
looked up when a `Stepper` is made, so that a step is a plain call.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from optcli.core.arrays import Array
from optcli.core.errors import InvalidInput, suggestion
from optcli.optimizers.base import Optimizer


@dataclass(frozen=True)
class Kernel:
    """An update, the names of its parameters in order, and those collected by its **."""

    update: Callable[..., None]
    names: tuple[str, ...]
    others: tuple[str, ...] = ()

    def takes(self, name: str) -> bool:
        """Whether the update is passed the argument of this name."""
        return name in self.names or name in self.others

    def bind(self, offered: Mapping[str, Any]) -> tuple[Callable[..., None], tuple[Any, ...]]:
        """The function to call, and its arguments in order."""
        others = {name: offered[name] for name in self.others}
        update = partial(self.update, **others) if others else self.update
        return update, tuple(offered[name] for name in self.names)


def kernel(rule: Optimizer, shape: tuple[int, ...], numbers: Sequence[str]) -> Kernel:
    """The update of arrays of `shape`; numbers: the names of its coefficients.

    Raises InvalidInput for a parameter that does not exist, or a name used twice.
    """
    own = {
        "state": tuple(rule.state_shapes(shape)),
        "scratch": tuple(rule.scratch_shapes(shape)),
        "coefficients": tuple(numbers),
    }
    always = (rule.point, "g", "noise", "loss", *(["oracle"] if rule.needs_oracle else []))
    _hold_apart(rule, {"always given": always, **own})
    update = rule.update_for(shape)
    if order := _positional(rule, update, own):
        return Kernel(update, order)
    names, others = [], False
    every = {*always, *(name for each in own.values() for name in each)}
    for parameter in _parameters(update):
        if parameter.kind is parameter.VAR_KEYWORD:
            others = True
        elif parameter.name in every:
            names.append(parameter.name)
        else:
            raise InvalidInput(_unknown(rule, update, parameter.name, always, own))
    rest = [name for each in own.values() for name in each if name not in names]
    return Kernel(update, tuple(names), tuple(rest) if others else ())


def starting(rule: Optimizer, offered: Mapping[str, Array]) -> None:
    """Call `start` of a rule with the point and the state arrays that its parameters name.

    Raises InvalidInput for any other name.
    """
    names, others = [], False
    for parameter in _parameters(rule.start):
        if parameter.kind is parameter.VAR_POSITIONAL:  # of version 0.1
            names += [name for name in offered if name not in names]
        elif parameter.kind is parameter.VAR_KEYWORD:
            others = True
        elif parameter.name in offered:
            names.append(parameter.name)
        else:
            cls = type(rule).__name__
            hint = suggestion(parameter.name, offered) or f"; must be among {', '.join(offered)}"
            raise InvalidInput(f"{cls}.start takes '{parameter.name}', which does not exist{hint}")
    rest = {name: array for name, array in offered.items() if others and name not in names}
    rule.start(*(offered[name] for name in names), **rest)


def _parameters(function: Callable[..., Any]) -> tuple[inspect.Parameter, ...]:
    """The parameters of a function, or those of a method after self; read once."""
    if inspect.ismethod(function):
        return _read(function.__func__)[1:]
    return _read(function)


@functools.cache
def _read(function: Callable[..., Any]) -> tuple[inspect.Parameter, ...]:
    return tuple(inspect.signature(function).parameters.values())


def _positional(
    rule: Optimizer, update: Callable[..., None], own: Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    """The order of an update of version 0.1; nothing for one that takes its arguments by name."""
    if type(rule).__module__.partition(".")[0] == "optcli":
        return ()
    from optcli.optimizers.positional import order

    return order(rule, update, own["state"], own["scratch"], own["coefficients"])


def _hold_apart(rule: Optimizer, names: Mapping[str, Iterable[str]]) -> None:
    """Raise InvalidInput where a name is used twice."""
    seen: dict[str, str] = {}
    for what, each in names.items():
        for name in each:
            if name in seen:
                cls = type(rule).__name__
                both = what if seen[name] == what else f"{seen[name]} and {what}"
                raise InvalidInput(f"{cls}: '{name}' is used twice ({both}); choose another name")
            seen[name] = what


def _unknown(
    rule: Optimizer,
    update: Callable[..., None],
    name: str,
    always: tuple[str, ...],
    own: Mapping[str, tuple[str, ...]],
) -> str:
    """The message for an update with an unknown parameter."""
    cls, function = type(rule).__name__, getattr(update, "__name__", "update")
    if name == "oracle":
        return f"{cls}.{function} takes 'oracle'; set needs_oracle = True on the class"
    every = [*always, *(each for group in own.values() for each in group)]
    groups = [f"{what} {', '.join(each)}" for what, each in own.items() if each]
    there = "; ".join([", ".join(always), *groups])
    hint = suggestion(name, every) or ";"
    return f"{cls}.{function} takes '{name}', which does not exist{hint} available: {there}"
