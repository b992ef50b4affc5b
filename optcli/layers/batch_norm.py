"""Batch normalization."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Gt, Le
from optcli.layers.base import LAYERS, Binding, Pass
from optcli.layers.normalization import Normalization, NormalizationPass

if TYPE_CHECKING:
    from optcli.core.onnx_graph import OnnxGraph


@LAYERS.register("batch_norm", "batch_normalization", "batchnorm")
@dataclass(frozen=True)
class BatchNorm(Normalization):
    """Batch normalization: mean 0 and variance 1 over the batch, then a learned scale and shift.

    With mean and variance over the N samples of a feature (the B rows; for images also all
    pixels, so that a channel is one feature):

        q = (x − mean) / √(variance + eps)        y = scale·q + shift

        ∂/∂scale = Σ q·dy        ∂/∂shift = Σ dy
        ∂/∂x = scale/√(variance + eps) · (dy − mean of dy − q · mean of q·dy)

    Scale starts at 1, shift at 0; neither is regularized. Evaluation uses running mean and
    variance: each training step updates them to (1 − momentum)·running + momentum·new,
    where the new variance is Σ(x − mean)²/(N − 1).

    The same as torch's BatchNorm1d and BatchNorm2d, with the same defaults. Training with a
    single value per channel is rejected, as in torch.

    Use it when deep networks train slowly and batches have 16 rows or more. Avoid it with tiny
    batches: its statistics are noise.

    Reference: S. Ioffe and C. Szegedy, Batch normalization, 2015, algorithms 1 and 2.
    """

    analytic: ClassVar[bool] = True

    momentum: Annotated[float, Gt(0), Le(1), Doc("weight of a batch in the running statistics")] = (
        0.1
    )

    def count(self, shape: tuple[int, ...], rows: int) -> int:
        return rows * math.prod(shape[1:])

    def parameters(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return {"scale": shape[:1], "shift": shape[:1]}

    def statistics(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return {"mean": shape[:1], "variance": shape[:1]}

    def bind(self, binding: Binding) -> Pass:
        return (BatchNormPass if binding.training else EvaluationPass)(self, binding)

    def onnx(
        self, graph: OnnxGraph, x: str, arrays: Mapping[str, Array], shape: tuple[int, ...]
    ) -> str:
        a = arrays["scale"] / np.sqrt(arrays["variance"] + self.eps)
        b = arrays["shift"] - arrays["mean"] * a
        each = (-1,) + (1,) * (len(shape) - 1)
        scaled = graph.node("Mul", x, a.reshape(each))
        return graph.node("Add", scaled, b.reshape(each))


class BatchNormPass(NormalizationPass):
    """Batch norm in training."""

    def __init__(self, layer: BatchNorm, binding: Binding) -> None:
        super().__init__(layer, binding, binding.shape[0], "samples")
        self.momentum = layer.momentum
        unbiased = self.count / (self.count - 1) if self.count > 1 else 0.0
        running = {name: self.of_features(own) for name, own in binding.statistics.items()}
        # each running statistic, the batch's, and the factor of the latter
        self.running: list[tuple[Array, Array, float]] = []
        if running:
            self.running.append((running["mean"], self.mean, self.momentum))
        if running and unbiased:
            self.running.append((running["variance"], self.variance, self.momentum * unbiased))
        self.step, self.factor = np.empty((2, *self.mean.shape), binding.dtype)

    def forward(self, x: Array) -> Array:
        """With c = x − mean, y = scale/std. dev. · c + shift."""
        x, c, y, inverse, share = (
            self.matrix(x),
            self.q,
            self.y_matrix,
            self.inverse,
            1 / self.count,
        )
        np.multiply(self.sum(x, self.mean), share, self.mean)
        np.subtract(x, self.mean, c)
        np.multiply(self.dot(c, c, self.variance), share, self.variance)
        np.add(self.variance, self.eps, inverse)
        np.sqrt(inverse, inverse)
        np.divide(1, inverse, inverse)
        np.multiply(self.scale, inverse, self.factor)
        np.multiply(c, self.factor, y)
        np.add(y, self.shift, y)
        for running, new, part in self.running:
            np.multiply(running, 1 - self.momentum, running)
            np.multiply(new, part, self.step)
            np.add(running, self.step, running)
        return self.y

    def backward(self, dy: Array) -> Array:
        """With q = c/std. dev., dx = scale/std. dev. · (dy − mean dy − q · mean q·dy)."""
        g, c, mean, share = self.matrix(dy), self.q, self.mean, 1 / self.count
        self.sum(g, self.dshift)
        np.multiply(self.dot(c, g, mean), self.inverse, self.dscale)
        if self.dx is None:
            return dy
        dx = self.matrix(self.dx)
        np.multiply(self.dscale, self.inverse, mean)
        np.multiply(mean, share, mean)
        np.multiply(c, mean, c)
        np.subtract(g, c, dx)
        np.multiply(self.dshift, share, mean)
        np.subtract(dx, mean, dx)
        np.multiply(dx, self.factor, dx)
        return self.dx

    def dot(self, a: Array, b: Array, out: Array) -> Array:
        """The sums of a·b over the samples, written into `out` (…, features, 1)."""
        if np.iscomplexobj(a):  # vecdot would take the conjugate
            return self.sum(np.multiply(a, b, self.work), out)
        np.vecdot(a, b, out[..., 0])
        return out


class EvaluationPass(NormalizationPass):
    """Batch norm in evaluation, with running mean and variance: y = a·x + b."""

    def __init__(self, layer: BatchNorm, binding: Binding) -> None:
        super().__init__(layer, binding, binding.shape[0], "samples")
        if not binding.statistics:
            raise ValueError("batch norm needs statistics in evaluation")
        self.differentiates = bool(binding.gradients)
        self.running_mean = self.of_features(binding.statistics["mean"])
        self.running_variance = self.of_features(binding.statistics["variance"])

    def forward(self, x: Array) -> Array:
        a, b = self.inverse, self.mean
        np.add(self.running_variance, self.eps, a)
        np.sqrt(a, a)
        np.divide(self.scale, a, a)
        np.multiply(self.running_mean, a, b)
        np.subtract(self.shift, b, b)
        np.multiply(self.matrix(x), a, self.y_matrix)
        np.add(self.y_matrix, b, self.y_matrix)
        if self.differentiates:
            np.subtract(self.matrix(x), self.running_mean, self.q)
        return self.y

    def backward(self, dy: Array) -> Array:
        """Of y = a·x + b, where the running statistics do not depend on x."""
        dy_matrix, inverse = self.matrix(dy), self.inverse
        np.add(self.running_variance, self.eps, inverse)
        np.sqrt(inverse, inverse)
        np.divide(1, inverse, inverse)
        self.sum_samples(dy_matrix, self.dshift)
        np.multiply(dy_matrix, self.q, self.work)
        np.multiply(self.work, inverse, self.work)
        self.sum_samples(self.work, self.dscale)
        if self.dx is None:
            return dy
        np.multiply(inverse, self.scale, inverse)
        np.multiply(dy_matrix, inverse, self.matrix(self.dx))
        return self.dx
