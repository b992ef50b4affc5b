"""Positional: support for plug-in optimizers written for version 0.1, until version 0.3.

In version 0.1 `update` took its arguments in a fixed order, x, g, *state, noise, *scratch,
*coefficients, loss, oracle; `coefficients` returned a tuple; state arrays were declared by
`slots` or `spaces`, scratch arrays by a number or `rooms`. Each class is warned about once.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from optcli.core.errors import InvalidInput

if TYPE_CHECKING:
    from optcli.optimizers.base import Optimizer

# The replacement of each name of version 0.1.
INSTEAD = {
    "slots": "state",
    "spaces": "state_shapes",
    "rooms": "scratch_shapes",
    "asks": "needs_oracle",
    "of_models": "needs_model",
    "noisy": "a parameter `noise` of update",
    "sees_loss": "a parameter `loss` of update",
}
# The warning issued for each class, by module and name.
_warned: dict[tuple[str, str], str] = {}


def adapt(cls: type[Any]) -> None:
    """Translate the attributes of version 0.1 of a class to the present ones."""
    own = vars(cls)
    old = [name for name in INSTEAD if name in own]
    if "slots" in own:
        cls.state_shapes = lambda self, shape: dict.fromkeys(self.slots(), shape)
    if "spaces" in own:
        cls.state_shapes = own["spaces"]
    if "rooms" in own:
        cls.scratch_shapes = lambda self, shape: _numbered(self.rooms(shape))
    if "asks" in own:
        cls.needs_oracle = own["asks"]
    if "of_models" in own:
        cls.needs_model = own["of_models"]
    scratch = own.get("scratch")
    if isinstance(scratch, int) and not isinstance(scratch, bool) and scratch >= 0:
        cls.scratch = tuple(f"scratch{i}" for i in range(scratch))
        old.append("scratch")
    if old:
        first = old[0]
        instead = INSTEAD.get(first, "a tuple of names")
        _warn(cls, f"'{first}' is of version 0.1: now it is {instead}")


def named(rule: Optimizer, found: Any) -> Any:
    """Name the coefficients that a rule of version 0.1 returns as a tuple, by number."""
    if not isinstance(found, tuple | list):
        return found
    _warn(type(rule), "coefficients returns a tuple: now it is a dictionary of names and values")
    return dict(zip(_ordinals(len(found)), found, strict=True))


def order(
    rule: Optimizer,
    update: Callable[..., None],
    state: Sequence[str],
    scratch: Sequence[str],
    numbers: Sequence[str],
) -> tuple[str, ...]:
    """The names of the arguments of an update of version 0.1, in order; () for any other."""
    flags = [name for name in ("noisy", "sees_loss") if getattr(rule, name, False)]
    of_old = bool(numbers) and tuple(numbers) == _ordinals(len(numbers))
    whole = (
        *(rule.point, "g", *state, *(["noise"] if "noisy" in flags else []), *scratch),
        *(*numbers, *(["loss"] if "sees_loss" in flags else [])),
        *(["oracle"] if rule.needs_oracle else []),
    )
    if not of_old and not (_inherits_numbers(rule) and _counts(update, whole)):
        return ()
    _warn(type(rule), "update takes its arguments in order: now it takes them by name")
    parameters = inspect.signature(update).parameters.values()
    few = not any(each.kind is each.VAR_POSITIONAL for each in parameters)
    if few and len(parameters) != len(whole):
        taken = ", ".join(each.name for each in parameters)
        counts = f"takes {len(parameters)} arguments ({taken}), but gets {len(whole)}"
        raise InvalidInput(f"{type(rule).__name__}.update {counts} ({', '.join(whole)})")
    return whole


def warned(cls: type) -> str:
    """The warning issued for a class; "" for none."""
    return _warned.get((cls.__module__, cls.__qualname__), "")


def _inherits_numbers(rule: Optimizer) -> bool:
    """Whether `coefficients` is inherited from optcli, but `update` is not."""
    cls = type(rule)
    where = {
        name: next((each.__module__ for each in cls.__mro__ if name in vars(each)), "")
        for name in ("coefficients", "update")
    }
    own = {name: module.partition(".")[0] == "optcli" for name, module in where.items()}
    return own["coefficients"] and not own["update"]


def _counts(update: Callable[..., None], names: Sequence[str]) -> bool:
    """Whether an update has as many parameters as `names`, with other names."""
    parameters = inspect.signature(update).parameters.values()
    if any(each.kind is each.VAR_POSITIONAL for each in parameters):
        return True
    unknown = [each.name for each in parameters if each.name not in names]
    return bool(unknown) and len(parameters) == len(names)


def _ordinals(count: int) -> tuple[str, ...]:
    """Names for coefficients without names."""
    return tuple(f"coefficient{i}" for i in range(count))


def _numbered(shapes: Sequence[tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    return {f"scratch{i}": shape for i, shape in enumerate(shapes)}


def _warn(cls: type, what: str) -> None:
    """Warn once for each class."""
    key = cls.__module__, cls.__qualname__
    if key not in _warned:
        _warned[key] = f"{what} (docs/plugins.md); it works until version 0.3"
        message = f"optimizer {cls.__name__}: {_warned[key]}"
        warnings.warn(message, DeprecationWarning, stacklevel=4)
