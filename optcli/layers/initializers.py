"""Initializers: the distributions of initial weights. Biases start at zero.

The variance depends on fan-in and fan-out (the inputs and outputs of a unit), so that the
variance of activations or gradients stays about constant from layer to layer.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.registry import Registry
from optcli.core.specs import Registered

# Weights that are drawn at a time, in float64.
PIECE = 65_536


@dataclass(frozen=True)
class Initializer(Registered, ABC):
    """A distribution of weights."""

    # Whether weights are drawn one after the other, each by itself.
    one_by_one: ClassVar[bool] = False

    @abstractmethod
    def draw(
        self, random: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> Array:
        """Weights of `shape`, float64."""


INITIALIZERS: Registry[Initializer] = Registry(
    "initializer", "initializers", "optcli.layers.initializers", Initializer
)


def _normal(random: np.random.Generator, shape: tuple[int, ...], variance: float) -> Array:
    found = random.standard_normal(shape)
    return np.multiply(found, math.sqrt(variance), found)


def _uniform(random: np.random.Generator, shape: tuple[int, ...], variance: float) -> Array:
    limit = math.sqrt(3 * variance)
    return random.uniform(-limit, limit, shape)


@INITIALIZERS.register("he", "he_normal", "kaiming_normal")
@dataclass(frozen=True)
class He(Initializer):
    """Normal with variance 2/fan_in, for relu and variants. He and others, 2015, eq. 10.

    Use it when activations are relu or its like. Avoid it for tanh: units saturate.
    """

    one_by_one: ClassVar[bool] = True

    def draw(
        self, random: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> Array:
        return _normal(random, shape, 2 / fan_in)


@INITIALIZERS.register("he_uniform", "kaiming_uniform")
@dataclass(frozen=True)
class HeUniform(Initializer):
    """Uniform with variance 2/fan_in. He and others, 2015, eq. 10.

    Use it when he suits and weights should be bounded. Avoid it for tanh.
    """

    one_by_one: ClassVar[bool] = True

    def draw(
        self, random: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> Array:
        return _uniform(random, shape, 2 / fan_in)


@INITIALIZERS.register("glorot", "glorot_uniform", "xavier", "xavier_uniform")
@dataclass(frozen=True)
class Glorot(Initializer):
    """Uniform with variance 2/(fan_in + fan_out), for tanh. Glorot and Bengio, 2010, eq. 16.

    Use it when activations are tanh or sigmoid. Avoid it for deep relu networks: with
    layers of equal width the mean square of signals halves in each.
    """

    one_by_one: ClassVar[bool] = True

    def draw(
        self, random: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> Array:
        return _uniform(random, shape, 2 / (fan_in + fan_out))


@INITIALIZERS.register("glorot_normal", "xavier_normal")
@dataclass(frozen=True)
class GlorotNormal(Initializer):
    """Normal with variance 2/(fan_in + fan_out). Glorot and Bengio, 2010, eq. 12.

    Use it when glorot suits and a normal distribution is wanted. Avoid it for deep relu networks.
    """

    one_by_one: ClassVar[bool] = True

    def draw(
        self, random: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> Array:
        return _normal(random, shape, 2 / (fan_in + fan_out))


@INITIALIZERS.register("lecun", "lecun_normal")
@dataclass(frozen=True)
class Lecun(Initializer):
    """Normal with variance 1/fan_in, for linear units and selu. LeCun and others, 1998, eq. 16.

    Use it when activations are selu, or the layer is linear. Avoid it for deep relu networks:
    signals shrink.
    """

    one_by_one: ClassVar[bool] = True

    def draw(
        self, random: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> Array:
        return _normal(random, shape, 1 / fan_in)


@INITIALIZERS.register("lecun_uniform")
@dataclass(frozen=True)
class LecunUniform(Initializer):
    """Uniform with variance 1/fan_in. LeCun and others, 1998, eq. 16.

    Use it when lecun suits and weights should be bounded. Avoid it for deep relu networks.
    """

    one_by_one: ClassVar[bool] = True

    def draw(
        self, random: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> Array:
        return _uniform(random, shape, 1 / fan_in)


@INITIALIZERS.register("small")
@dataclass(frozen=True)
class Small(Initializer):
    """Normal with variance 0.01/fan_in, a tenth of lecun's std. dev., for output layers.

    The scores are near zero, so that the first loss is about that of a constant prediction: the
    logarithm of the number of classes, or the variance of a standardized target.

    Use it when the layer is the last one: first predictions are nearly constant. Avoid it for
    hidden layers: gradients would vanish.
    """

    one_by_one: ClassVar[bool] = True

    def draw(
        self, random: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> Array:
        return _normal(random, shape, 0.01 / fan_in)


@INITIALIZERS.register("zeros")
@dataclass(frozen=True)
class Zeros(Initializer):
    """All zero, for linear models and output layers: hidden units would stay equal.

    Use it when the model is linear, or the layer the last one. Avoid it for hidden layers.
    """

    def draw(
        self, random: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> Array:
        return np.zeros(shape)


def draw(name: str, weight: Array, fan_in: int, fan_out: int, random: np.random.Generator) -> None:
    """Fill weights by the initializer of this name."""
    rule = INITIALIZERS.find(name)()
    rows = max(1, PIECE * len(weight) // weight.size) if rule.one_by_one else len(weight)
    for start in range(0, len(weight), rows):
        piece = weight[start : start + rows]
        piece[...] = rule.draw(random, piece.shape, fan_in, fan_out)
