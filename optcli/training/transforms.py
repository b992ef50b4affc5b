"""Transforms of the gradient, the same for every optimizer.

Regularization, centralization, clipping, noise; each is bound once to its arrays and changes
the gradient in place when called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from optcli.core.arrays import Array
from optcli.core.randomness import Stream
from optcli.training.settings import GradientNoise, Regularization


class Regularize:
    """Add the gradient of l2 · ½·ΣW² + l1 · Σ|W|, which is l2 · W + l1 · sign W.

    weights: pairs of the weights (R, …) and their gradient, as views.
    """

    def __init__(
        self, regularization: Regularization, weights: Sequence[tuple[Array, Array]]
    ) -> None:
        self.l2, self.l1 = regularization.l2, regularization.l1
        self.weights = [(w, dw, np.empty_like(w)) for w, dw in weights]

    def __call__(self) -> None:
        for w, dw, work in self.weights:
            if self.l2:
                np.multiply(w, self.l2, work)
                np.add(dw, work, dw)
            if self.l1:
                np.sign(w, work)
                np.multiply(work, self.l1, work)
                np.add(dw, work, dw)


class ClipValue:
    """Clip every entry of the gradient g to ±limit."""

    def __init__(self, limit: float, g: Array) -> None:
        self.limit, self.g = limit, g

    def __call__(self) -> None:
        np.clip(self.g, -self.limit, self.limit, out=self.g)


class ClipNorm:
    """Scale the gradient g (R, P) of a replica down to a norm of at most `limit`.

    As torch's clip_grad_norm_: multiply by limit / (norm + 1e-6) if that is below 1.
    Reference: R. Pascanu, T. Mikolov, Y. Bengio, On the difficulty of training
    recurrent neural networks, 2013, algorithm 1.
    """

    def __init__(self, limit: float, g: Array) -> None:
        self.limit, self.g = limit, g

    def __call__(self) -> None:
        scale = self.limit / (norm(self.g) + 1e-6)
        np.multiply(self.g, np.minimum(scale, 1)[:, None], self.g)


class Centralize:
    """Subtract from the gradient of each unit's weights its mean.

    A unit is an output of a dense layer, (R, D, H), or a channel of a convolution,
    (R, channels, …); vectors are not changed.

    Reference: H. Yong and others, Gradient centralization: a new optimization technique
    for deep neural networks, 2020, equation 1.
    """

    def __init__(self, gradients: Iterable[Array]) -> None:
        self.units = [units(g) for g in gradients if g.ndim > 2]
        self.ones = [np.full(g.shape[2], 1 / g.shape[2], g.dtype) for g in self.units]

    def __call__(self) -> None:
        for g, ones in zip(self.units, self.ones, strict=True):
            np.subtract(g, np.vecdot(g, ones)[..., None], g)


class ClipAdaptive:
    """Limit the norm of each unit's gradient relative to the norm of its weights.

    Multiply by λ·max(‖W‖, 0.001)/‖G‖ if that is below 1. Units are those of `Centralize`; a
    vector is one unit. The same as optax's adaptive_grad_clip.

    pairs: parameters and gradients (R, …).

    Reference: A. Brock and others, High-performance large-scale image recognition without
    normalization, 2021, equation 3.
    """

    def __init__(self, share: float, pairs: Iterable[tuple[Array, Array]]) -> None:
        self.share = share
        self.pairs = [(units(w), units(g)) for w, g in pairs]

    def __call__(self) -> None:
        for w, g in self.pairs:
            most = self.share * np.maximum(norm(w), 1e-3)
            scale = most / np.maximum(norm(g), 1e-6)
            np.multiply(g, np.minimum(scale, 1)[..., None], g)


class AddNoise:
    """Add normal numbers of variance η/(1 + t)^γ to the gradient g (R, P) of step t, from 0.

    seeds: of the replicas. step: returns t. The same in distribution as optax's add_noise.

    Reference: A. Neelakantan and others, Adding gradient noise improves learning for very
    deep networks, 2015, equation 1.
    """

    def __init__(
        self, spec: GradientNoise, g: Array, seeds: Sequence[int], step: Callable[[], int]
    ) -> None:
        self.spec, self.g, self.step = spec, g, step
        self.streams = [Stream(seed, "gradient noise") for seed in seeds]
        self.noise = np.empty_like(g[0])

    def __call__(self) -> None:
        t, noise = self.step(), self.noise
        size = (self.spec.eta / (1 + t) ** self.spec.gamma) ** 0.5
        for row, stream in zip(self.g, self.streams, strict=True):
            stream.at(t).standard_normal(dtype=noise.dtype, out=noise)
            np.multiply(noise, size, noise)
            np.add(row, noise, row)


def units(array: Array) -> Array:
    """Parameters (R, …) with one row for each unit, (R, units, numbers); a view.

    Dense weights (R, D, H) have a unit for each of H outputs, those of a convolution
    (R, channels, …) one for each channel; a vector is one unit.
    """
    replicas, *shape = array.shape
    if sum(size > 1 for size in shape) <= 1:
        return array.reshape(replicas, 1, -1, copy=False)
    if len(shape) == 2:
        return array.swapaxes(1, 2)
    return array.reshape(replicas, shape[0], -1, copy=False)


def norm(rows: Array) -> Array:
    """The Euclidean norm of each row of (R, P), as (R,); of (…, P), as (…)."""
    lengths: Array = np.sqrt(np.vecdot(rows, rows))
    return lengths
