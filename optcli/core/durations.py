"""Durations: a fraction of the run, a number of steps, or `5 epochs`."""

from __future__ import annotations

import re
from typing import Annotated

from annotated_types import Predicate

from optcli.core.specs import Doc

_EPOCHS = re.compile(r"([0-9]+(?:\.[0-9]+)?) epochs?")


def _is_length(value: float) -> bool:
    return 0 <= value < 1 or (value >= 1 and value == int(value))


def _is_period(value: float) -> bool:
    return value > 0 and _is_length(value)


def _is_epochs(value: str) -> bool:
    return _EPOCHS.fullmatch(value) is not None


# Below 1 a fraction of the run, else steps; or, as text, epochs.
Epochs = Annotated[str, Predicate(_is_epochs), Doc("text such as '5 epochs'")]
Number = Doc("a fraction of the run (below 1) or a whole number of steps")
Length = Annotated[float, Predicate(_is_length), Number] | Epochs
# A length that is divided by: above 0.
Period = Annotated[float, Predicate(_is_period), Number] | Epochs


def in_steps(length: float | str, steps: int, epoch: int) -> float:
    """A length in steps, not rounded; of a run of `steps`, whose epochs have `epoch`."""
    if isinstance(length, str):
        found = _EPOCHS.fullmatch(length)
        assert found, length
        return float(found[1]) * epoch
    return length * steps if length < 1 else length


def counted(number: int, noun: str = "step") -> str:
    """`1 step`, `1,000 steps`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def said(length: float | str, steps: int, epoch: int) -> str:
    """A length in words: `5 epochs (200 steps)`, `200 steps`."""
    words = counted(round(in_steps(length, steps, epoch)))
    return f"{length} ({words})" if isinstance(length, str) else words
