"""Layer: a shape and a rule. Pass: the rule at work on batches of one size.

A layer is data: it knows the shapes of its parameters and of its output. To
work it is bound to the parameters of a cohort, their gradients and a number
of rows; the pass that comes of it owns its buffers and allocates nothing more.
"""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.registry import Registry
from optcli.core.specs import Registered


class Clock:
    """The step that a network is at, from 0; chance follows from it and the seeds alone."""

    step = 0


class Binding:
    """What a layer is bound to: parameters, gradients, and room for B rows of R replicas.

    parameters, gradients: by name, each (R, *shape). shape: of one input row.
    inputs_wanted: whether the gradient by the input is needed by a layer before.
    training: whether dropout and batch norm are on. statistics: by name, what a
    layer keeps without learning it; none where it is not to be kept. seeds: of
    the replicas, for dropout. clock: of the network.

    A single replica goes without its axis: all that a binding hands out, and all
    that a pass is given, then has one axis less, and `product` is np.dot. It
    has the bits of np.matmul at half the price of a call.
    """

    def __init__(
        self,
        parameters: Mapping[str, Array],
        gradients: Mapping[str, Array],
        replicas: int,
        rows: int,
        shape: tuple[int, ...],
        dtype: Any,
        *,
        inputs_wanted: bool,
        training: bool,
        statistics: Mapping[str, Array] | None = None,
        seeds: Sequence[int] = (),
        clock: Clock | None = None,
    ) -> None:
        self.single = replicas == 1
        self.parameters = self._own(parameters)
        self.gradients = self._own(gradients)
        self.statistics = self._own(statistics or {})
        self.rows, self.shape, self.dtype = rows, shape, np.dtype(dtype)
        self.inputs_wanted, self.training = inputs_wanted, training
        self.seeds = seeds or [0] * replicas
        self.clock = clock or Clock()
        self.position: tuple[int, ...] = ()  # of the layer, from the outermost inwards
        self.leading = (rows,) if self.single else (replicas, rows)
        self.product: Callable[[Array, Array, Array], Array] = np.dot if self.single else np.matmul

    def _own(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        return {name: array[0] if self.single else array for name, array in arrays.items()}

    def inner(self, step: Step, index: int, *, inputs_wanted: bool) -> Binding:
        """The binding of one of several layers, whose names begin with the step's."""

        def own(arrays: dict[str, Array]) -> dict[str, Array]:
            start = f"{step.name}."
            return {n.removeprefix(start): a for n, a in arrays.items() if n.startswith(start)}

        binding = copy.copy(self)
        binding.parameters, binding.gradients = own(self.parameters), own(self.gradients)
        binding.statistics = own(self.statistics)
        binding.shape, binding.inputs_wanted = step.shape, inputs_wanted
        binding.position = (*self.position, index)
        return binding

    def empty(self, *shape: int) -> Array:
        """A new buffer of shape (R, B, *shape).

        An image's rows lie innermost in memory, (R, C, H, W, B): neighbouring
        pixels of a channel are then neighbours for all rows at once, and what
        a convolution copies, it copies in long runs.
        """
        if len(shape) != 3:
            return np.empty((*self.leading, *shape), self.dtype)
        *replicas, rows = self.leading
        return rows_first(np.empty((*replicas, *shape, rows), self.dtype))

    def in_memory_order(self, array: Array) -> Array:
        """An array that `empty` made for this shape of row, with its axes as they lie in memory."""
        return rows_last(array) if len(self.shape) == 3 else array

    def constant(self, value: float) -> Array:
        """B input rows filled with a value, laid out as `empty` does, without replica axis."""
        if len(self.shape) != 3:
            return np.full((self.rows, *self.shape), value, self.dtype)
        return rows_first(np.full((*self.shape, self.rows), value, self.dtype))


def rows_first(image: Array) -> Array:
    """View (…, B, C, H, W) of an image (…, C, H, W, B)."""
    return image.transpose((3, 0, 1, 2) if image.ndim == 4 else (0, 4, 1, 2, 3))


def rows_last(image: Array) -> Array:
    """View (…, C, H, W, B) of an image (…, B, C, H, W)."""
    return image.transpose((1, 2, 3, 0) if image.ndim == 4 else (0, 2, 3, 4, 1))


class Pass(ABC):
    """One layer at work on (R, B, …) batches; its arrays are overwritten by the next call."""

    @abstractmethod
    def forward(self, x: Array) -> Array:
        """The output (R, B, *out) for x (R, B, *in); may write over x."""

    @abstractmethod
    def backward(self, dy: Array) -> Array:
        """The gradient by x, from that by the output, for the last forward's x.

        Writes the gradients by the parameters into their views, and may write
        over dy. Where the gradient by x is not wanted, what returns is undefined.
        """


@dataclass(frozen=True)
class Layer(Registered, ABC):
    """One step of a model."""

    # Whether `forward` takes complex numbers and is analytic between its kinks; only a
    # layer's author can know.
    analytic: ClassVar[bool] = False

    def parameters(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the parameters, for input rows of `shape`.

        Regularization reaches those called `weight`.
        """
        return {}

    def statistics(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Names and shapes of what is kept without being learned; a variance starts at 1."""
        return {}

    def initialize(
        self,
        parameters: Mapping[str, Array],
        shape: tuple[int, ...],
        random: np.random.Generator,
    ) -> None:
        """Write what a run starts from into the parameters (*shape), which are zero."""

    def output(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of one output row; raises InvalidInput where `shape` does not fit."""
        return shape

    def buffer_size(self, shape: tuple[int, ...]) -> int:
        """How many numbers a pass keeps for each row, about."""
        return 3 * math.prod(self.output(shape))

    @abstractmethod
    def bind(self, binding: Binding) -> Pass:
        """The layer at work."""


LAYERS: Registry[Layer] = Registry("layer", "layers", "optcli.layers", Layer)


@dataclass(frozen=True)
class Step:
    """One of several layers in a row: its name, as in `dense1`, and its input rows' shape."""

    name: str
    layer: Layer
    shape: tuple[int, ...]

    @property
    def output(self) -> tuple[int, ...]:
        """The shape of its output rows."""
        return self.layer.output(self.shape)


def row_of(layers: Sequence[Layer], shape: tuple[int, ...]) -> list[Step]:
    """The layers with names of their own, each fed by the one before."""
    steps: list[Step] = []
    counts: dict[str, int] = {}
    for layer in layers:
        kind = layer.name or type(layer).__name__.lower()
        counts[kind] = counts.get(kind, 0) + 1
        steps.append(Step(f"{kind}{counts[kind]}", layer, shape))
        shape = layer.output(shape)
    return steps


def bind_row(steps: Sequence[Step], binding: Binding) -> list[Pass]:
    """The layers at work, each in its part of the binding."""
    passes = []
    wanted = binding.inputs_wanted
    for index, step in enumerate(steps):
        inner = binding.inner(step, index, inputs_wanted=wanted)
        passes.append(step.layer.bind(inner))
        wanted = wanted or bool(inner.gradients)
    return passes
