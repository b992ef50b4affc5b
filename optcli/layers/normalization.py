"""Normalization: the common base of batch norm and layer norm."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Gt
from optcli.layers.base import Binding, Layer, Pass, rows_last


@dataclass(frozen=True)
class Normalization(Layer):
    """y = scale·q + shift, where q is x with mean 0 and variance 1 along some axes."""

    eps: Annotated[float, Gt(0), Doc("small constant added to the variance")] = 1e-5

    @abstractmethod
    def count(self, shape: tuple[int, ...], rows: int) -> int:
        """The number of values of a mean, in a batch of `rows` rows of `shape`.

        With one value, q is always 0.
        """

    def initialize(
        self,
        parameters: Mapping[str, Array],
        shape: tuple[int, ...],
        random: np.random.Generator,
    ) -> None:
        parameters["scale"].fill(1)


class NormalizationPass(Pass):
    """The pass of a normalization, on matrices of features and samples.

    Rows, (R, D, B) in memory, are such a matrix: D features of B samples. Images, (R, C, H, W, B)
    in memory, are reshaped to one with `features` C, (R, C, H·W·B), or C·H·W, (R, C·H·W, B).
    Mean and variance are taken along one axis; scale and shift belong to the features.
    """

    def __init__(
        self,
        layer: Normalization,
        binding: Binding,
        features: int,
        along: Literal["samples", "features"],
    ) -> None:
        self.axes, self.features = len(binding.shape) + 1, features
        self.y = binding.output(*binding.shape)
        self.y_matrix = self.matrix(self.y)
        dtype, shape = binding.dtype, self.y_matrix.shape
        axis = -1 if along == "samples" else -2
        self.eps, self.count = layer.eps, shape[axis]
        self.sum = summation(binding, axis, self.count)
        self.sum_samples = summation(binding, -1, shape[-1])
        self.q = np.empty(shape, dtype)
        self.work = np.empty(shape, dtype)
        one_each = list(shape)
        one_each[axis] = 1
        self.mean, self.variance, self.inverse = np.empty((3, *one_each), dtype)
        self.scale = self.of_features(binding.parameters["scale"])
        self.shift = self.of_features(binding.parameters["shift"])
        if binding.gradients:
            self.dscale = self.of_features(binding.gradients["scale"])
            self.dshift = self.of_features(binding.gradients["shift"])
            self.dx = binding.empty(*binding.shape) if binding.inputs_wanted else None

    def matrix(self, array: Array) -> Array:
        """The matrix of (R, B, *shape); a view if the layout is that of `Binding.empty`."""
        memory = rows_last(array)
        return memory.reshape(*memory.shape[: -self.axes], self.features, -1)

    def of_features(self, parameter: Array) -> Array:
        """View of a parameter (R, …) of one number per feature, as a column."""
        return parameter.reshape(*self.y_matrix.shape[:-1], 1, copy=False)

    def forward(self, x: Array) -> Array:
        x = self.matrix(x)
        q, inverse, share = self.q, self.inverse, 1 / self.count
        np.multiply(self.sum(x, self.mean), share, self.mean)
        np.subtract(x, self.mean, q)
        np.multiply(q, q, self.work)
        np.multiply(self.sum(self.work, self.variance), share, self.variance)
        np.add(self.variance, self.eps, inverse)
        np.sqrt(inverse, inverse)
        np.divide(1, inverse, inverse)
        np.multiply(q, inverse, q)
        np.multiply(q, self.scale, self.y_matrix)
        np.add(self.y_matrix, self.shift, self.y_matrix)
        return self.y

    def backward(self, dy: Array) -> Array:
        dy_matrix, work = self.matrix(dy), self.work
        self.sum_samples(dy_matrix, self.dshift)
        np.multiply(dy_matrix, self.q, work)
        self.sum_samples(work, self.dscale)
        if self.dx is None:
            return dy
        # with g = scale·dy, dx = (g − mean g − q · mean q·g) / std. dev.
        g, share, mean = self.matrix(self.dx), 1 / self.count, self.mean
        np.multiply(work, self.scale, work)
        np.multiply(self.sum(work, mean), share, mean)
        np.multiply(self.q, mean, self.q)
        np.multiply(dy_matrix, self.scale, g)
        np.multiply(self.sum(g, mean), share, mean)
        np.subtract(g, mean, g)
        np.subtract(g, self.q, g)
        np.multiply(g, self.inverse, g)
        return self.dx


def summation(binding: Binding, axis: int, count: int) -> Callable[[Array, Array], Array]:
    """A function that sums matrices along the last or second-last axis, keeping it.

    It multiplies by ones, which uses the BLAS, and gives a replica the same bits whatever
    the other replicas.
    """
    product = binding.product
    if axis == -2:
        row = np.ones((1, count), binding.dtype)
        return lambda matrix, out: product(row, matrix, out)
    column = np.ones((count, 1), binding.dtype)
    return lambda matrix, out: product(matrix, column, out)
