"""Laws of what an optimizer declares: names, shapes, coefficients and parameters of update."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from optcli.core.errors import InvalidInput
from optcli.optimizers.base import Optimizer, Shaped
from optcli.optimizers.binding import kernel
from optcli.optimizers.stepper import coefficients_of, stack
from optcli.plugins.laws.optimizers.walk import LAYOUT, STATE, values


def names_its_state(rule: Optimizer) -> str:
    """Whether state, scratch and model are of their kinds."""
    cls = type(rule)
    for what in ("state", "scratch"):
        names = getattr(cls, what)
        if isinstance(names, str):
            return f"{what} is a text; must be a tuple of names, as in {what} = ('{names}',)"
        if not isinstance(names, tuple | list):
            return f"{what} is {names!r}; must be a tuple of names, as in {what} = ('s',)"
    if cls.decay not in ("coupled", "decoupled", "own"):
        return f"decay is {cls.decay!r}; must be 'coupled', 'decoupled' or 'own'"
    if unknown := [name for name in cls.structure if name not in values(rule)]:
        return f"structure names {unknown[0]!r}, which is none of its hyperparameters"
    for shape in _shapes(rule):
        for what in ("state_shapes", "scratch_shapes"):
            found = getattr(rule, what)(shape)
            if not isinstance(found, dict):
                return f"{what} must return a dictionary of names and shapes"
            if wrong := [name for name in found if not _is_name(name)]:
                return f"calls an array {wrong[0]!r}; must be a name, as in {STATE}"
            if not isinstance(rule, Shaped) and set(found.values()) - {shape}:
                return (
                    f"{what} has other shapes than that of the parameters; derive from Shaped, "
                    "whose update gets whole arrays"
                )
    names = tuple(name for shape in _shapes(rule) for name in rule.state_shapes(shape))
    if cls.model and cls.model not in names:
        there = ", ".join(dict.fromkeys(names))
        return f"model is '{cls.model}'; must be a state array: {there or 'it has none'}"
    return ""


def _shapes(rule: Optimizer) -> list[tuple[int, ...]]:
    """Shapes of the arrays that `update` gets."""
    return list(rule.seen(LAYOUT).shapes.values()) if isinstance(rule, Shaped) else [(5,)]


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and name.isidentifier()


def gives_coefficients(rule: Optimizer) -> str:
    """Whether coefficients are numbers by name, for one step and for many."""
    names: set[str] = set()
    for count in (1, 3):
        t = np.arange(1, 1 + count, dtype=np.float64)[:, None, None]
        rates: dict[str, Any] = {"lr": np.full((count, 2, 1), rule.lr)}
        at = replace(stack([rule] * 2), **rates)
        try:
            found: Any = coefficients_of(at, t, {name: np.ones((2, 1)) for name in rule.products})
        except (ValueError, TypeError) as error:
            if any(
                word in str(error) for word in ("truth value", "ambiguous", "integer", "scalar")
            ):
                return (
                    f"coefficients fails on columns ({error}): hyperparameters and t are arrays "
                    "there; use np.where, np.sqrt, … and name in `structure` what must be a plain "
                    "number"
                )
            raise
        if not isinstance(found, dict):
            return (
                f"coefficients returns {type(found).__name__}; must return a dictionary of names "
                'and numbers, as in `return {"lr": self.lr}`'
            )
        if wrong := [name for name in found if not _is_name(name)]:
            return f"calls a coefficient {wrong[0]!r}; must be a name, as in {{'lr': self.lr}}"
        if missing := [name for name in rule.products if name not in found]:
            return f"coefficients lacks '{missing[0]}', which `products` names"
        if names and set(found) != names:
            return "coefficients has other names for other numbers of steps"
        names = set(found)
        for name, value in found.items():
            array = np.asarray(value)
            if array.dtype.kind not in "fiub":
                return f"coefficient '{name}' is {value!r}; must be a number, or an array of them"
            try:
                np.broadcast_to(array, (count, 2, 1))
            except ValueError:
                return (
                    f"coefficient '{name}' has shape {array.shape} for {count} steps of 2 runs; "
                    "must have one number for each, (K, R, 1): no sums, no [0]"
                )
    return ""


def takes_its_arguments(rule: Optimizer) -> str:
    """Whether there is what `update` takes, and it takes all of the state."""
    if type(rule).update_for is Optimizer.update_for and not callable(
        getattr(rule, "update", None)
    ):
        return "lacks update(self, x, g, …), which writes into x"
    ones = {name: np.ones((1, 1)) for name in rule.products}
    found = coefficients_of(rule, np.ones((1, 1, 1)), ones)
    numbers = [name for name in found if name not in rule.products]
    try:
        for shape in _shapes(rule):
            taken = kernel(rule, shape, numbers)
            if left := [name for name in rule.state_shapes(shape) if not taken.takes(name)]:
                function = getattr(taken.update, "__name__", "update")
                return (
                    f"{function} does not take '{left[0]}', a state array; name it among its "
                    "parameters, or leave it out of the state"
                )
    except InvalidInput as error:
        return error.faults[0].message
    return ""
