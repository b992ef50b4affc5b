"""Specs: plain frozen dataclasses, and what their annotations say.

The fields of a spec are the single source for the config's keys, defaults and
ranges, for the JSON Schema, for `explain`, and for the error messages:

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 1e-3
"""

from __future__ import annotations

import dataclasses
import functools
import typing
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, Le, Lt, MinLen

from optcli.core.arrays import Array

__all__ = [
    "Bound",
    "CacheFolder",
    "Columns",
    "Doc",
    "Field",
    "Ge",
    "Gt",
    "InputFile",
    "Le",
    "Lt",
    "MinLen",
    "Named",
    "Registered",
    "TargetKind",
    "fields",
    "hints",
    "marked",
    "named",
    "unnamed",
    "with_texts",
]

# What a loss is about: `classes` one of many, as indices (N,); `labels` yes or no for
# each of C outputs, as 0 and 1 (N, C); `values` numbers (N, C); `probabilities` of each
# of C classes, rows (N, C) that sum to 1.
TargetKind = Literal["classes", "labels", "values", "probabilities"]

# A limit of numbers: Ge(0), say, or Gt(-1).
Bound = Ge | Gt | Le | Lt


@dataclass(frozen=True)
class Doc:
    """What a field means, in a few words; stands in the field's annotation."""

    text: str


@dataclass(frozen=True)
class Named:
    """The field holds a name out of a registry, given by its plural."""

    plural: str


@dataclass(frozen=True)
class Columns:
    """The field names columns of a table; a whole number is a name, too: `2010`."""


@dataclass(frozen=True)
class InputFile:
    """A text in the field is the path of a file that is read, relative to the config.

    What is read is known by its checksum, so that a run may find it elsewhere. The field may
    also be a tuple of such texts.
    """


@dataclass(frozen=True)
class CacheFolder:
    """A text in the field is the path of a folder to work in, relative to the config.

    It makes no difference to what is trained.
    """


@dataclass(frozen=True)
class Registered:
    """Base of all that a config can name; the registry fills in the name."""

    name: ClassVar[str] = ""
    aliases: ClassVar[tuple[str, ...]] = ()


@dataclass(frozen=True)
class Field:
    """One field of a spec, as read off its annotation."""

    name: str
    type: Any
    default: Any  # dataclasses.MISSING where it is required
    doc: str
    range: str  # such as "in [0, 1)", or "" where any value will do
    bounds: tuple[Bound, ...] = ()  # the same, to reckon with

    def holds(self, values: Array) -> Array:
        """Which of the numbers (K,) are finite and within the range, (K,)."""
        within = np.isfinite(values)
        for bound in self.bounds:
            for compare, limit in dataclasses.asdict(bound).items():
                within &= _COMPARE[compare](values, limit)
        return within


_COMPARE = {"ge": np.greater_equal, "gt": np.greater, "le": np.less_equal, "lt": np.less}


def hints(spec: type) -> Mapping[str, Any]:
    """The annotations of a class by name, with what stands beside each type; read once."""
    return _hints(spec)


@functools.cache
def _hints(spec: type) -> Mapping[str, Any]:
    return typing.get_type_hints(spec, include_extras=True)


def fields(spec: type) -> tuple[Field, ...]:
    """The fields of a spec class, in the order of their definition; read once."""
    return _fields(spec)


@functools.cache
def _fields(spec: type) -> tuple[Field, ...]:
    types = hints(spec)
    found = []
    for field in dataclasses.fields(spec):
        hint = types[field.name]
        notes: tuple[Any, ...] = ()
        if typing.get_origin(hint) is Annotated:
            hint, *rest = typing.get_args(hint)
            notes = tuple(rest)
        default = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        doc = next(
            (note.text for note in reversed(notes) if isinstance(note, Doc)), ""
        )  # outermost
        inner = [n for each in typing.get_args(hint) for n in getattr(each, "__metadata__", ())]
        limits = notes if range_text(notes) else tuple(inner)
        bounds = tuple(note for note in limits if isinstance(note, Bound))
        found.append(Field(field.name, hint, default, doc, range_text(limits), bounds))
    return tuple(found)


def marked(spec: type, *marks: type) -> tuple[str, ...]:
    """The names of the fields of which the annotation has one of the marks, as `InputFile`."""
    notes = {name: getattr(hint, "__metadata__", ()) for name, hint in hints(spec).items()}
    return tuple(
        field.name
        for field in dataclasses.fields(spec)
        if any(isinstance(note, marks) for note in notes[field.name])
    )


def with_texts(value: Any, change: Callable[[str], str]) -> Any:
    """The value with its texts changed: one text, or those in a list or tuple."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list | tuple):
        return type(value)(with_texts(each, change) for each in value)
    return value


_WORDS = "at least", "above", "at most", "below"


def range_text(notes: tuple[Any, ...], *, signs: bool = False) -> str:
    """The bounds among an annotation's notes: `in [0, 1)`, `above 0`; with signs: `> 0`."""
    low = next((n for n in notes if isinstance(n, Ge | Gt)), None)
    high = next((n for n in notes if isinstance(n, Le | Lt)), None)
    if low is not None and high is not None:
        left = f"[{low.ge}" if isinstance(low, Ge) else f"({low.gt}"
        right = f"{high.le}]" if isinstance(high, Le) else f"{high.lt})"
        return f"in {left}, {right}"
    at_least, above, at_most, below = ("≥", ">", "≤", "<") if signs else _WORDS
    if low is not None:
        return f"{at_least} {low.ge}" if isinstance(low, Ge) else f"{above} {low.gt}"
    if high is not None:
        return f"{at_most} {high.le}" if isinstance(high, Le) else f"{below} {high.lt}"
    return ""


Seed = Annotated[int, Ge(0), Lt(2**63), Doc("seed of the random generators")]


def named(spec: Registered) -> dict[str, Any]:
    """A registered spec as a config has it: its name, then its fields."""
    return {"name": spec.name, **asdict(spec)}


def unnamed(cls: type[Any], fields: Mapping[str, Any]) -> Any:
    """The spec of which `named` told; lists stand for tuples."""
    return cls(
        **{k: tuple(v) if isinstance(v, list) else v for k, v in fields.items() if k != "name"}
    )
