"""Layer: a shape and a rule. Pass: the rule at work on batches of one size.

A layer is data: it knows the shapes of its parameters and of its output. To
work it is bound to the parameters of a cohort, their gradients and a number
of rows; the pass that comes of it owns its buffers and allocates nothing more.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from optcli.arrays import Array


class Place:
    """What a layer is bound to: parameters, gradients, and room for B rows of R replicas.

    parameters, gradients: by name, each (R, *shape). shape: of one input row.
    inputs_wanted: whether the gradient by the input is needed by a layer before.
    training: whether dropout and batch norm are on.

    A single replica goes without its axis: all that a place hands out, and all
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
    ) -> None:
        single = replicas == 1
        self.parameters = {n: v[0] if single else v for n, v in parameters.items()}
        self.gradients = {n: v[0] if single else v for n, v in gradients.items()}
        self.rows, self.shape, self.dtype = rows, shape, np.dtype(dtype)
        self.inputs_wanted, self.training = inputs_wanted, training
        self.leading = (rows,) if single else (replicas, rows)
        self.product: Callable[[Array, Array, Array], Array] = np.dot if single else np.matmul

    def empty(self, *shape: int) -> Array:
        """A new buffer of shape (R, B, *shape)."""
        return np.empty((*self.leading, *shape), self.dtype)


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
class Layer(ABC):
    """One step of a model."""

    def parameters(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the parameters, for input rows of `shape`."""
        return {}

    def initializer(self) -> str:
        """The name of the initializer of its weights, where it has any."""
        raise NotImplementedError

    def fans(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Fan-in and fan-out of its weights."""
        raise NotImplementedError

    def output(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of one output row."""
        return shape

    @abstractmethod
    def bind(self, place: Place) -> Pass:
        """The layer at work."""
