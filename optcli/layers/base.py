"""Layer: the description of a layer. Pass: its computation on batches of one size.

A layer is data: it computes the shapes of its parameters and its output. Bound to a cohort's
parameters, their gradients and a number of rows, it becomes a pass, which owns its buffers and
allocates nothing more.
"""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from optcli.core import former_paths
from optcli.core.arrays import Array
from optcli.core.errors import Fault, InvalidInput
from optcli.core.registry import Registry
from optcli.core.specs import Registered

if TYPE_CHECKING:
    from optcli.core.onnx_graph import OnnxGraph


class Clock:
    """The present step of a network, from 0; random masks depend on it and the seeds only.

    whole: whether the pass is one of those over all training rows, not a sample of them.
    """

    step = 0
    whole = False


class Binding:
    """What a layer is bound to: parameters, gradients and buffers for B rows of R replicas.

    parameters, gradients: by name, each (R, *shape). shape: of one input row.
    inputs_wanted: whether an earlier layer needs the gradient with respect to the input.
    training: whether dropout and batch norm are active. statistics: by name, the running
    statistics; empty if they are not kept. seeds: of the replicas, for dropout. clock: of
    the network. place: where the next layer wants the output, (R, B, *output), or None.

    A single replica has no axis R: all arrays of a binding and of a pass have one axis
    less, and `product` is np.dot, which gives the same bits as np.matmul with half the
    overhead.
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
        self.place: Array | None = None
        self.position: tuple[int, ...] = ()  # of the layer, from the outermost inwards
        self.leading = (rows,) if self.single else (replicas, rows)
        self.product: Callable[[Array, Array, Array], Array] = np.dot if self.single else np.matmul

    def _own(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        return {name: array[0] if self.single else array for name, array in arrays.items()}

    def inner(self, step: Step, index: int, *, inputs_wanted: bool) -> Binding:
        """The binding of one layer of several; its names begin with the step's name."""

        def own(arrays: dict[str, Array]) -> dict[str, Array]:
            start = f"{step.name}."
            return {n.removeprefix(start): a for n, a in arrays.items() if n.startswith(start)}

        binding = copy.copy(self)
        binding.parameters, binding.gradients = own(self.parameters), own(self.gradients)
        binding.statistics = own(self.statistics)
        binding.shape, binding.inputs_wanted, binding.place = step.shape, inputs_wanted, None
        binding.position = (*self.position, index)
        return binding

    def empty(self, *shape: int) -> Array:
        """A new buffer of shape (R, B, *shape) for features (D,) or images (C, H, W).

        Its rows are innermost in memory, (R, D, B) or (R, C, H, W, B): what belongs to one
        feature lies together, a convolution copies long contiguous runs, and a row of ones
        below the features is their bias (see `Dense`).
        """
        if len(shape) not in (1, 3):
            return np.empty((*self.leading, *shape), self.dtype)
        *replicas, rows = self.leading
        return rows_first(np.empty((*replicas, *shape, rows), self.dtype))

    def output(self, *shape: int) -> Array:
        """The buffer (R, B, *shape) for the output: where the next layer wants it, or a new one."""
        return self.empty(*shape) if self.place is None else self.place

    def constant(self, value: float) -> Array:
        """B output rows filled with a value, without the axis R, in the layout of `output`."""
        if self.place is not None:
            return np.full_like(self.place if self.single else self.place[0], value)
        if len(self.shape) not in (1, 3):
            return np.full((self.rows, *self.shape), value, self.dtype)
        return rows_first(np.full((*self.shape, self.rows), value, self.dtype))


# By the number of axes, where the axis of rows goes: (B, D), (R, B, D), (B, C, H, W) and
# (R, B, C, H, W).
FIRST = {2: (1, 0), 3: (0, 2, 1), 4: (3, 0, 1, 2), 5: (0, 4, 1, 2, 3)}
LAST = {2: (1, 0), 3: (0, 2, 1), 4: (1, 2, 3, 0), 5: (0, 2, 3, 4, 1)}


def rows_first(memory: Array) -> Array:
    """View (…, B, *shape) of features or images (…, *shape, B)."""
    return memory.transpose(FIRST[memory.ndim])


def rows_last(array: Array) -> Array:
    """View (…, *shape, B) of features or images (…, B, *shape)."""
    return array.transpose(LAST[array.ndim])


class Pass(ABC):
    """A layer's computation on (R, B, …) batches; the next call overwrites its arrays.

    input: where it wants x, so that no copy is needed; the layer before may write it there.
    """

    input: Array | None = None

    @abstractmethod
    def forward(self, x: Array) -> Array:
        """Return the output (R, B, *out) for x (R, B, *in); may overwrite x."""

    @abstractmethod
    def backward(self, dy: Array) -> Array:
        """Return the gradient with respect to the last x, given dy with respect to the output.

        Writes the gradients with respect to the parameters into their views; may overwrite
        dy. The return value is undefined if the binding has inputs_wanted false.
        """


@dataclass(frozen=True)
class Layer(Registered, ABC):
    """The description of a layer."""

    # Whether `forward` accepts complex numbers and is analytic between its kinks.
    analytic: ClassVar[bool] = False

    def parameters(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the parameters, for input rows of `shape`.

        Regularization applies to those called `weight`.
        """
        return {}

    def statistics(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Names and shapes of running statistics; `variance` starts at 1, others at 0."""
        return {}

    def initialize(
        self,
        parameters: Mapping[str, Array],
        shape: tuple[int, ...],
        random: np.random.Generator,
    ) -> None:
        """Write initial values into the parameters (*shape), which are zero."""

    def output(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of one output row; raises InvalidInput for a `shape` that does not fit."""
        return shape

    def buffer_size(self, shape: tuple[int, ...]) -> int:
        """Roughly how many numbers a pass keeps for each row."""
        return 3 * math.prod(self.output(shape))

    @abstractmethod
    def bind(self, binding: Binding) -> Pass:
        """Make the pass."""

    def onnx(
        self, graph: OnnxGraph, x: str, arrays: Mapping[str, Array], shape: tuple[int, ...]
    ) -> str:
        """Add the ONNX nodes of the evaluation to a graph; returns the output's name.

        x: the name of the input (N, *shape). arrays: parameters and running statistics, by name.
        """
        kind = self.name or type(self).__name__
        message = f"its layer '{kind}' has no method onnx, see docs/plugins.md; add it, or export"
        raise InvalidInput(Fault(f"{message} to a .safetensors file", "model"))


LAYERS: Registry[Layer] = Registry("layer", "layers", "optcli.layers", Layer)


@dataclass(frozen=True)
class Step:
    """One of a sequence of layers: its name, such as `dense1`, and the shape of its input rows."""

    name: str
    layer: Layer
    shape: tuple[int, ...]

    @property
    def output(self) -> tuple[int, ...]:
        """The shape of its output rows."""
        return self.layer.output(self.shape)


def row_of(layers: Sequence[Layer], shape: tuple[int, ...]) -> list[Step]:
    """The layers as steps with unique names, each with the output of the one before as input."""
    steps: list[Step] = []
    counts: dict[str, int] = {}
    for layer in layers:
        kind = layer.name or type(layer).__name__.lower()
        counts[kind] = counts.get(kind, 0) + 1
        steps.append(Step(f"{kind}{counts[kind]}", layer, shape))
        shape = layer.output(shape)
    return steps


def bind_row(steps: Sequence[Step], binding: Binding) -> list[Pass]:
    """Make the passes of the layers, each with its part of the binding.

    The last one is made first: each tells the one before it where it wants its input.
    """
    inner, wanted = [], binding.inputs_wanted
    for index, step in enumerate(steps):
        inner.append(binding.inner(step, index, inputs_wanted=wanted))
        wanted = wanted or bool(inner[-1].gradients)
    passes: list[Pass] = []
    for step, own in zip(reversed(steps), reversed(inner), strict=True):
        own.place = passes[0].input if passes else binding.place
        passes.insert(0, step.layer.bind(own))
    return passes


def onnx_of_row(
    steps: Sequence[Step], graph: OnnxGraph, x: str, arrays: Mapping[str, Array]
) -> str:
    """Add the ONNX nodes of the layers, one after the other; returns the last one's output."""
    for step in steps:
        start = f"{step.name}."
        own = {n.removeprefix(start): a for n, a in arrays.items() if n.startswith(start)}
        x = step.layer.onnx(graph, x, own, step.shape)
    return x


def __getattr__(name: str) -> object:
    """What was called otherwise in version 0.1."""
    return former_paths.moved(__name__, name)
