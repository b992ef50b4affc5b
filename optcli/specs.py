"""Specs: plain frozen dataclasses, and what their annotations say.

The fields of a spec are the single source for the config's keys, defaults and
ranges, for the JSON Schema, for `explain`, and for the error messages:

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 1e-3
"""

from __future__ import annotations

import dataclasses
import functools
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, Le, Lt, MinLen

from optcli.arrays import Array
from optcli.errors import Fault, InvalidInput

__all__ = [
    "SAM",
    "Bound",
    "Columns",
    "Doc",
    "EarlyStopping",
    "Field",
    "Ge",
    "GradientNoise",
    "Gt",
    "Le",
    "Lookahead",
    "Lt",
    "MinLen",
    "Named",
    "Registered",
    "Regularization",
    "Split",
    "TargetKind",
    "Training",
    "fields",
    "hints",
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
    """The fields of a spec class, in the order of their definition."""
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
        doc = next((note.text for note in notes if isinstance(note, Doc)), "")
        inner = [n for each in typing.get_args(hint) for n in getattr(each, "__metadata__", ())]
        limits = notes if range_text(notes) else tuple(inner)
        bounds = tuple(note for note in limits if isinstance(note, Bound))
        found.append(Field(field.name, hint, default, doc, range_text(limits), bounds))
    return tuple(found)


def range_text(notes: tuple[Any, ...]) -> str:
    """The bounds among an annotation's notes in words: `in [0, 1)`, `above 0`."""
    low = next((n for n in notes if isinstance(n, Ge | Gt)), None)
    high = next((n for n in notes if isinstance(n, Le | Lt)), None)
    if low is not None and high is not None:
        left = f"[{low.ge}" if isinstance(low, Ge) else f"({low.gt}"
        right = f"{high.le}]" if isinstance(high, Le) else f"{high.lt})"
        return f"in {left}, {right}"
    if low is not None:
        return f"at least {low.ge}" if isinstance(low, Ge) else f"above {low.gt}"
    if high is not None:
        return f"at most {high.le}" if isinstance(high, Le) else f"below {high.lt}"
    return ""


Seed = Annotated[int, Ge(0), Lt(2**63), Doc("seed of the random generators")]
Part = Annotated[float, Ge(0), Lt(1)]
Count = Annotated[int, Ge(1)]


@dataclass(frozen=True)
class Split:
    """Which rows train, which validate, which test.

    A fraction takes rows at random, stratified for classes unless `stratify` is false; then
    a part may lack a class. A mapping says how
    else: `{column: name}` reads the part from a column (its values are train,
    validation and test), `{group: name, fraction: f}` keeps the rows of a group
    together, `{last: f}` takes the last rows of the table. A text is the path of
    a table of its own.
    """

    validation: Annotated[
        Part | str | dict[str, Any], Doc("fraction, a table's path, or a mapping")
    ] = 0.2
    test: Annotated[Part | str | dict[str, Any], Doc("the same, for the test rows")] = 0.0
    seed: Annotated[int | None, Ge(0), Doc("seed of the split; by default the run's")] = None
    stratify: Annotated[
        bool, Doc("keep the classes in proportion, and each in every part; false: as it comes")
    ] = True


@dataclass(frozen=True)
class Regularization:
    """Adds l2 · ½·ΣW² + l1 · Σ|W| over weights, not biases, to what is minimised."""

    l2: Annotated[float, Ge(0), Doc("weight of ½·ΣW²")] = 0.0
    l1: Annotated[float, Ge(0), Doc("weight of Σ|W|")] = 0.0


@dataclass(frozen=True)
class EarlyStopping:
    """Stop when the monitored value has not improved for `patience` epochs."""

    patience: Annotated[int, Ge(1), Doc("epochs without improvement")] = 10
    min_delta: Annotated[float, Ge(0), Doc("least change that counts")] = 0.0
    monitor: Annotated[str, Doc("a column of the history")] = "validation_loss"


@dataclass(frozen=True)
class GradientNoise:
    """Adds normal numbers of variance eta/(1 + t)^gamma to the gradient of step t, from 0."""

    eta: Annotated[float, Gt(0), Doc("variance at the first step")] = 0.01
    gamma: Annotated[float, Ge(0), Doc("how fast it falls")] = 0.55


@dataclass(frozen=True)
class Lookahead:
    """Slow weights follow the optimizer's, which then start again from them."""

    every: Annotated[int, Ge(1), Doc("steps from one to the next")] = 5
    alpha: Annotated[float, Gt(0), Le(1), Doc("share of the way that the slow weights go")] = 0.5


@dataclass(frozen=True)
class SAM:
    """Sharpness-aware minimization: the gradient of the worst point nearby."""

    rho: Annotated[float, Gt(0), Doc("how far it is to that point")] = 0.05
    adaptive: Annotated[bool, Doc("in units of the parameters' own size")] = False


@dataclass(frozen=True)
class Training:
    """How long, in what batches, with what limits."""

    epochs: Annotated[int, Ge(1), Doc("passes over the training rows")] = 100
    steps: Annotated[int | None, Ge(1), Doc("updates in all, instead of epochs")] = None
    batch_size: Annotated[Count | Literal["full"], Doc("rows a step, or full")] = 32
    shuffle: Annotated[bool, Doc("a new order of the rows in every epoch")] = True
    clip_norm: Annotated[float | None, Gt(0), Doc("largest norm of the whole gradient")] = None
    clip_value: Annotated[float | None, Gt(0), Doc("largest size of one entry")] = None
    clip_adaptive: Annotated[
        float | None, Gt(0), Doc("largest norm of a unit's gradient, as a share of the unit's")
    ] = None
    centralize: Annotated[bool, Doc("take its mean from the gradient of each unit")] = False
    gradient_noise: Annotated[GradientNoise | None, Doc("noise added to the gradient")] = None
    accumulate: Annotated[int, Ge(1), Doc("batches whose gradients make one step")] = 1
    sam: Annotated[SAM | None, Doc("the gradient of the worst point nearby")] = None
    weight_decay: Annotated[float, Ge(0), Doc("of all parameters, for any optimizer")] = 0.0
    decoupled_weight_decay: Annotated[
        bool, Doc("decay the parameters themselves, and not through the gradient")
    ] = False
    lookahead: Annotated[Lookahead | None, Doc("slow weights that follow every few steps")] = None
    average: Annotated[
        Registered | None, Named("averages"), Doc("the model is a mean of the points on the way")
    ] = None
    early_stopping: Annotated[EarlyStopping | None, Doc("when to stop early")] = None
    checkpoint_every: Annotated[int | None, Ge(1), Doc("epochs between checkpoints")] = None
    time_limit: Annotated[float | None, Gt(0), Doc("seconds of training")] = None
    on_divergence: Annotated[
        Literal["stop", "continue"], Doc("whether a run that diverged goes on")
    ] = "stop"
    threads: Annotated[int, Ge(1), Le(1024), Doc("BLAS threads")] = 1

    def __post_init__(self) -> None:
        if self.accumulate > 1 and self.batch_size == "full":
            message = f"is {self.accumulate}; a full batch leaves nothing to accumulate"
            raise InvalidInput(Fault(message, "accumulate"))
