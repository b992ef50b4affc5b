"""Activations: functions of one number, each with its derivative beside it."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.arrays import Array
from optcli.layers.base import Layer, Pass, Place
from optcli.registry import Registry
from optcli.specs import Doc, Ge, Gt, Lt, Registered


@dataclass(frozen=True)
class Activation(Registered, Layer):
    """y = f(x), entry by entry, for arrays of any shape."""

    # The usual initializer of the weights before it.
    usual_init: ClassVar[str] = "lecun"
    # Whether the derivative follows from y alone, so that y may be written over x.
    in_place: ClassVar[bool] = False

    def buffers(self, place: Place) -> tuple[Array, ...]:
        """What `value` keeps for `chain`, and work space."""
        return ()

    @abstractmethod
    def value(self, x: Array, y: Array, keep: tuple[Array, ...]) -> None:
        """Write f(x) into y. Where the activation works in place, x is y."""

    @abstractmethod
    def chain(self, dy: Array, x: Array, y: Array, keep: tuple[Array, ...]) -> None:
        """Multiply dy by f′(x) in place; all else is as `value` left it, and may be spoiled."""

    def bind(self, place: Place) -> Pass:
        return ActivationPass(self, place)


class ActivationPass(Pass):
    """An activation at work."""

    def __init__(self, activation: Activation, place: Place) -> None:
        self.activation = activation
        self.keep = activation.buffers(place)
        self.own = None if activation.in_place else place.empty(*place.shape)

    def forward(self, x: Array) -> Array:
        self.x = x
        self.y = x if self.own is None else self.own
        self.activation.value(x, self.y, self.keep)
        return self.y

    def backward(self, dy: Array) -> Array:
        self.activation.chain(dy, self.x, self.y, self.keep)
        return dy


ACTIVATIONS: Registry[Activation] = Registry(
    "activation", "activations", "optcli.layers.activations"
)


def magnitude(x: Array, out: Array) -> Array:
    """|x|, analytically where x is complex: −x left of 0, x right of it."""
    if np.iscomplexobj(x):
        return np.multiply(x, np.where(x.real < 0, -1, 1), out)
    return np.abs(x, out)


def sigmoid(x: Array, out: Array) -> Array:
    """1/(1 + e⁻ˣ) as (1 + tanh(x/2))/2, which never overflows."""
    np.multiply(x, 0.5, out)
    np.tanh(out, out)
    np.multiply(out, 0.5, out)
    return np.add(out, 0.5, out)


def softplus(x: Array, out: Array, work: Array) -> Array:
    """log(1 + eˣ) as max(x, 0) + log1p(e^−|x|), which never overflows."""
    magnitude(x, work)
    np.negative(work, work)
    np.exp(work, work)
    np.log1p(work, work)
    np.maximum(x, 0, out=out)
    return np.add(out, work, out)


# (1 + 2x)·exp(x²)·erfc(x) as a polynomial in t = (x − 3.75)/(x + 3.75), highest power
# first: its Chebyshev series for x ≥ 0, as proposed by Shepherd and Laframboise, 1981,
# computed to 25 terms with 60 digits. The error of erf is below 2e-16.
ERFC = (
    4.2514714447963898e-10,
    3.1114333809799252e-10,
    -5.1739902140113096e-9,
    -3.7442100809620186e-9,
    3.8675334242222357e-8,
    2.3263508708859124e-8,
    -2.5866850716155885e-7,
    -5.7218230603224088e-8,
    1.7516376488490621e-6,
    -9.7355989673677493e-7,
    -1.1444146237700523e-5,
    2.238423915508223e-5,
    5.1649098892682403e-5,
    -0.00029015408054084171,
    0.00029371366559134482,
    0.0017556258528952954,
    -0.0097465795580292755,
    0.028362277418956404,
    -0.058693398589636774,
    0.092304321160377478,
    -0.10880393014174886,
    0.082276738490145208,
    0.0035854154854644294,
    -0.14024059858554696,
    1.2375126308378276,
)


def erf(x: Array, out: Array, scale: Array, work: Array) -> Array:
    """The error function 2/√π·∫₀ˣ exp(−u²)du, to 2e-16; scale and work are spoiled."""
    magnitude(x, scale)
    np.add(scale, 3.75, out)
    np.subtract(scale, 3.75, work)
    np.divide(work, out, work)  # t
    out.fill(ERFC[0])
    for coefficient in ERFC[1:]:
        np.multiply(out, work, out)
        np.add(out, coefficient, out)
    np.multiply(scale, 2, work)
    np.add(work, 1, work)
    np.divide(out, work, out)
    np.multiply(scale, scale, work)
    np.negative(work, work)
    np.exp(work, work)
    np.multiply(out, work, out)  # erfc(|x|)
    np.subtract(1, out, out)
    np.add(scale, np.finfo(scale.dtype).smallest_subnormal, scale)  # so that 0/0 is 0
    np.divide(x, scale, work)  # the sign of x
    return np.multiply(out, work, out)


@ACTIVATIONS.register("relu")
@dataclass(frozen=True)
class Relu(Activation):
    """max(0, x); the derivative at 0 is taken to be 0, as torch takes it."""

    usual_init = "he"
    in_place = True

    def buffers(self, place: Place) -> tuple[Array, ...]:
        # Two whole arrays are compared several times as fast as an array and a scalar.
        shape = (place.rows, *place.shape)
        return np.zeros(shape, place.dtype), np.ones(shape, place.dtype)

    def value(self, x: Array, y: Array, keep: tuple[Array, ...]) -> None:
        zeros, _ = keep
        np.maximum(x, zeros, out=y)

    def chain(self, dy: Array, x: Array, y: Array, keep: tuple[Array, ...]) -> None:
        _, ones = keep
        np.minimum(y, ones, out=y)
        np.ceil(y, y)  # 1 where y > 0, else 0
        np.multiply(dy, y, dy)


@ACTIVATIONS.register("leaky_relu")
@dataclass(frozen=True)
class LeakyRelu(Activation):
    """x where x > 0, else slope·x. Maas and others, 2013."""

    usual_init = "he"

    slope: Annotated[float, Ge(0), Lt(1), Doc("of the negative side")] = 0.01

    def value(self, x: Array, y: Array, keep: tuple[Array, ...]) -> None:
        np.multiply(x, self.slope, y)
        np.maximum(x, y, out=y)

    def chain(self, dy: Array, x: Array, y: Array, keep: tuple[Array, ...]) -> None:
        np.greater(x, 0, out=y)
        np.multiply(y, 1 - self.slope, y)
        np.add(y, self.slope, y)  # 1 or the slope
        np.multiply(dy, y, dy)


@ACTIVATIONS.register("tanh")
@dataclass(frozen=True)
class Tanh(Activation):
    """tanh x, with derivative 1 − y²."""

    usual_init = "glorot"
    in_place = True

    def value(self, x: Array, y: Array, keep: tuple[Array, ...]) -> None:
        np.tanh(x, y)

    def chain(self, dy: Array, x: Array, y: Array, keep: tuple[Array, ...]) -> None:
        np.multiply(y, y, y)
        np.subtract(1, y, y)
        np.multiply(dy, y, dy)


@ACTIVATIONS.register("sigmoid")
@dataclass(frozen=True)
class Sigmoid(Activation):
    """σ(x) = 1/(1 + e⁻ˣ), with derivative y·(1 − y)."""

    usual_init = "glorot"
    in_place = True

    def value(self, x: Array, y: Array, keep: tuple[Array, ...]) -> None:
        sigmoid(x, y)

    def chain(self, dy: Array, x: Array, y: Array, keep: tuple[Array, ...]) -> None:
        np.multiply(dy, y, dy)
        np.subtract(1, y, y)
        np.multiply(dy, y, dy)


@ACTIVATIONS.register("silu", "swish")
@dataclass(frozen=True)
class Silu(Activation):
    """x·σ(x), with derivative σ + y·(1 − σ). Elfwing and others, 2017."""

    usual_init = "he"

    def buffers(self, place: Place) -> tuple[Array, ...]:
        return (place.empty(*place.shape),)

    def value(self, x: Array, y: Array, keep: tuple[Array, ...]) -> None:
        (s,) = keep
        sigmoid(x, s)
        np.multiply(x, s, y)

    def chain(self, dy: Array, x: Array, y: Array, keep: tuple[Array, ...]) -> None:
        (s,) = keep
        np.subtract(1, s, x)
        np.multiply(y, x, y)
        np.add(y, s, y)
        np.multiply(dy, y, dy)


@ACTIVATIONS.register("gelu")
@dataclass(frozen=True)
class Gelu(Activation):
    """x·Φ(x), Φ the normal distribution; derivative Φ + x·φ(x). Hendrycks and Gimpel, 2016.

    The exact form, as torch's default; not its approximation by tanh.
    """

    usual_init = "he"

    def buffers(self, place: Place) -> tuple[Array, ...]:
        return place.empty(*place.shape), place.empty(*place.shape), place.empty(*place.shape)

    def value(self, x: Array, y: Array, keep: tuple[Array, ...]) -> None:
        normal, work, more = keep
        np.multiply(x, math.sqrt(0.5), work)
        erf(work, normal, y, more)
        np.add(normal, 1, normal)
        np.multiply(normal, 0.5, normal)  # Φ(x) = (1 + erf(x/√2))/2
        np.multiply(x, normal, y)

    def chain(self, dy: Array, x: Array, y: Array, keep: tuple[Array, ...]) -> None:
        normal, density, _ = keep
        np.multiply(x, x, density)
        np.multiply(density, -0.5, density)
        np.exp(density, density)
        np.multiply(density, 1 / math.sqrt(2 * math.pi), density)  # φ(x)
        np.multiply(x, density, density)
        np.add(normal, density, density)
        np.multiply(dy, density, dy)


@ACTIVATIONS.register("elu")
@dataclass(frozen=True)
class Elu(Activation):
    """x where x > 0, else alpha·(eˣ − 1). Clevert and others, 2015."""

    usual_init = "he"

    alpha: Annotated[float, Gt(0), Doc("minus the limit on the negative side")] = 1.0

    def buffers(self, place: Place) -> tuple[Array, ...]:
        return (place.empty(*place.shape),)

    def value(self, x: Array, y: Array, keep: tuple[Array, ...]) -> None:
        (low,) = keep
        np.minimum(x, 0, out=low)
        np.expm1(low, low)
        np.multiply(low, self.alpha, low)
        np.maximum(x, 0, out=y)
        np.add(y, low, y)

    def chain(self, dy: Array, x: Array, y: Array, keep: tuple[Array, ...]) -> None:
        (low,) = keep
        np.greater(x, 0, out=y)
        np.multiply(y, 1 - self.alpha, y)
        np.add(y, self.alpha, y)
        np.add(y, low, y)  # 1, or alpha·eˣ
        np.multiply(dy, y, dy)


@ACTIVATIONS.register("softplus")
@dataclass(frozen=True)
class Softplus(Activation):
    """log(1 + eˣ), a smooth relu, with derivative σ(x). Dugas and others, 2001.

    torch returns x itself from 20 on, which differs by less than 2.1e-9.
    """

    usual_init = "he"

    def buffers(self, place: Place) -> tuple[Array, ...]:
        return (place.empty(*place.shape),)

    def value(self, x: Array, y: Array, keep: tuple[Array, ...]) -> None:
        (work,) = keep
        softplus(x, y, work)

    def chain(self, dy: Array, x: Array, y: Array, keep: tuple[Array, ...]) -> None:
        sigmoid(x, y)
        np.multiply(dy, y, dy)
