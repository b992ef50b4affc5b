"""Activations: scalar functions, each with its derivative."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array, magnitude, sigmoid, softplus
from optcli.core.registry import Registry
from optcli.core.specs import Doc, Ge, Gt, Lt
from optcli.layers.base import Binding, Layer, Pass

if TYPE_CHECKING:
    from optcli.core.onnx_graph import OnnxGraph


@dataclass(frozen=True)
class Activation(Layer):
    """y = f(x) for each entry of arrays of any shape."""

    # Points at which the derivative jumps, and whether it jumps upwards.
    kinks: ClassVar[tuple[float, ...]] = ()
    convex_at_kinks: ClassVar[bool] = True
    # The default initializer of the weights before it.
    usual_init: ClassVar[str] = "lecun"
    # Whether f′ can be computed from y alone, so that y may overwrite x.
    in_place: ClassVar[bool] = False

    def buffers(self, binding: Binding) -> tuple[Array, ...]:
        """Buffers that `value` fills for `chain`, and scratch."""
        return ()

    @abstractmethod
    def value(self, x: Array, y: Array, keep: tuple[Array, ...]) -> None:
        """Write f(x) into y; for an in-place activation, x is y."""

    @abstractmethod
    def chain(self, dy: Array, x: Array, y: Array, keep: tuple[Array, ...]) -> None:
        """Multiply dy by f′(x) in place; x, y and keep are as `value` left them, and scratch."""

    def bind(self, binding: Binding) -> Pass:
        return ActivationPass(self, binding)


class ActivationPass(Pass):
    """An activation bound to its buffers."""

    def __init__(self, activation: Activation, binding: Binding) -> None:
        self.activation = activation
        self.keep = activation.buffers(binding)
        self.own = None if activation.in_place else binding.output(*binding.shape)
        self.input = binding.place if activation.in_place else None

    def forward(self, x: Array) -> Array:
        self.x = x
        self.y = x if self.own is None else self.own
        self.activation.value(x, self.y, self.keep)
        return self.y

    def backward(self, dy: Array) -> Array:
        self.activation.chain(dy, self.x, self.y, self.keep)
        return dy


ACTIVATIONS: Registry[Activation] = Registry(
    "activation", "activations", "optcli.layers.activations", Activation
)

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
    """The error function 2/√π·∫₀ˣ exp(−u²)du, to 2e-16; scale, work: scratch."""
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


def onnx_sigmoid(graph: OnnxGraph, x: str) -> str:
    """1/(1 + e⁻ˣ) as ONNX nodes; by tanh, as `arrays.sigmoid`, to the last digits in the tails."""
    half = graph.node("Mul", graph.node("Tanh", graph.node("Mul", x, 0.5)), 0.5)
    return graph.node("Add", half, 0.5)


def onnx_softplus(graph: OnnxGraph, x: str) -> str:
    """log(1 + eˣ) as ONNX nodes, as `arrays.softplus`."""
    small = graph.node("Exp", graph.node("Neg", graph.node("Abs", x)))
    return graph.node(
        "Add", graph.node("Max", x, 0), graph.node("Log", graph.node("Add", small, 1))
    )


def onnx_elu(graph: OnnxGraph, x: str, low: float, high: float) -> str:
    """high·max(0, x) + low·(eˣ − 1 where x < 0) as ONNX nodes."""
    below = graph.node("Sub", graph.node("Exp", graph.node("Min", x, 0)), 1)
    above = graph.node("Mul", graph.node("Relu", x), high)
    return graph.node("Add", above, graph.node("Mul", below, low))


def onnx_erf(graph: OnnxGraph, x: str) -> str:
    """The error function as ONNX nodes; in float64, in which runtimes lack it, as `erf`."""
    if graph.dtype == np.float32:
        return graph.node("Erf", x)
    size = graph.node("Abs", x)
    t = graph.node("Div", graph.node("Sub", size, 3.75), graph.node("Add", size, 3.75))
    found = graph.node("Mul", t, ERFC[0])
    for coefficient in ERFC[1:-1]:
        found = graph.node("Mul", graph.node("Add", found, coefficient), t)
    found = graph.node("Add", found, ERFC[-1])
    found = graph.node("Div", found, graph.node("Add", graph.node("Mul", size, 2), 1))
    small = graph.node("Exp", graph.node("Neg", graph.node("Mul", x, x)))
    return graph.node(
        "Mul", graph.node("Sign", x), graph.node("Sub", 1, graph.node("Mul", found, small))
    )


@ACTIVATIONS.register("relu")
@dataclass(frozen=True)
class Relu(Activation):
    """Rectified linear unit, max(0, x).

        f(x) = max(0, x)        f′(x) = 1 where x > 0, else 0

    The same as torch's ReLU, at 0 too.

    Use it when you want a fast first choice for hidden layers. Avoid it with a large learning
    rate: units may die, their gradient being 0 for every row.

    Reference: K. Fukushima, 1975; V. Nair and G. E. Hinton, Rectified linear units improve
    restricted Boltzmann machines, 2010.
    """

    analytic: ClassVar[bool] = True
    kinks = (0.0,)
    usual_init = "he"
    in_place = True

    def buffers(self, binding: Binding) -> tuple[Array, ...]:
        # NumPy compares two arrays several times as fast as an array and a scalar.
        return binding.constant(0), binding.constant(1)

    def value(self, x: Array, y: Array, keep: tuple[Array, ...]) -> None:
        zeros, _ = keep
        np.maximum(x, zeros, out=y)

    def chain(self, dy: Array, x: Array, y: Array, keep: tuple[Array, ...]) -> None:
        _, ones = keep
        np.minimum(y, ones, out=y)
        np.ceil(y, y)  # 1 where y > 0, else 0
        np.multiply(dy, y, dy)

    def onnx(
        self, graph: OnnxGraph, x: str, arrays: Mapping[str, Array], shape: tuple[int, ...]
    ) -> str:
        return graph.node("Relu", x)


@ACTIVATIONS.register("leaky_relu")
@dataclass(frozen=True)
class LeakyRelu(Activation):
    """Leaky ReLU: slope·x for negative x.

        f(x) = x where x > 0, else slope·x        f′(x) = 1 where x > 0, else slope

    The same as torch's LeakyReLU, at 0 too.

    Use it when relu leaves units dead. Avoid it where sparse outputs are wanted.

    Reference: A. L. Maas, A. Y. Hannun, A. Y. Ng, Rectifier nonlinearities improve neural
    network acoustic models, 2013.
    """

    analytic: ClassVar[bool] = True
    kinks = (0.0,)
    usual_init = "he"

    slope: Annotated[float, Ge(0), Lt(1), Doc("slope for negative x")] = 0.01

    def value(self, x: Array, y: Array, keep: tuple[Array, ...]) -> None:
        np.multiply(x, self.slope, y)
        np.maximum(x, y, out=y)

    def chain(self, dy: Array, x: Array, y: Array, keep: tuple[Array, ...]) -> None:
        np.greater(x, 0, out=y)
        np.multiply(y, 1 - self.slope, y)
        np.add(y, self.slope, y)  # 1 or the slope
        np.multiply(dy, y, dy)

    def onnx(
        self, graph: OnnxGraph, x: str, arrays: Mapping[str, Array], shape: tuple[int, ...]
    ) -> str:
        return graph.node("Max", x, graph.node("Mul", x, self.slope))


@ACTIVATIONS.register("tanh")
@dataclass(frozen=True)
class Tanh(Activation):
    """Hyperbolic tangent, from −1 to 1.

        y = tanh x        f′(x) = 1 − y²

    Use it when the network is small, or outputs around 0 and bounded are wanted. Avoid it in deep
    networks without normalization: saturated units learn slowly.

    Reference: Y. LeCun and others, Efficient backprop, 1998, section 4.4.
    """

    analytic: ClassVar[bool] = True
    usual_init = "glorot"
    in_place = True

    def value(self, x: Array, y: Array, keep: tuple[Array, ...]) -> None:
        np.tanh(x, y)

    def chain(self, dy: Array, x: Array, y: Array, keep: tuple[Array, ...]) -> None:
        np.multiply(y, y, y)
        np.subtract(1, y, y)
        np.multiply(dy, y, dy)

    def onnx(
        self, graph: OnnxGraph, x: str, arrays: Mapping[str, Array], shape: tuple[int, ...]
    ) -> str:
        return graph.node("Tanh", x)


@ACTIVATIONS.register("sigmoid")
@dataclass(frozen=True)
class Sigmoid(Activation):
    """Logistic function, from 0 to 1.

        y = σ(x) = 1/(1 + e⁻ˣ)        f′(x) = y·(1 − y)

    Use it when outputs between 0 and 1 are wanted inside the network. Avoid it in deep networks:
    its slope is at most ¼, and gradients vanish. As the last layer the loss has it already.

    Reference: P.-F. Verhulst, 1845; D. E. Rumelhart, G. E. Hinton, R. J. Williams, Learning
    representations by back-propagating errors, 1986.
    """

    analytic: ClassVar[bool] = True
    usual_init = "glorot"
    in_place = True

    def value(self, x: Array, y: Array, keep: tuple[Array, ...]) -> None:
        sigmoid(x, y)

    def chain(self, dy: Array, x: Array, y: Array, keep: tuple[Array, ...]) -> None:
        np.multiply(dy, y, dy)
        np.subtract(1, y, y)
        np.multiply(dy, y, dy)

    def onnx(
        self, graph: OnnxGraph, x: str, arrays: Mapping[str, Array], shape: tuple[int, ...]
    ) -> str:
        return onnx_sigmoid(graph, x)


@ACTIVATIONS.register("silu", "swish")
@dataclass(frozen=True)
class Silu(Activation):
    """Sigmoid linear unit (swish), x·σ(x).

        y = x·σ(x)        f′(x) = σ(x) + y·(1 − σ(x))

    Use it when relu trains, and a smooth function may do better. Avoid it where speed counts: it
    takes an exponential.

    Reference: S. Elfwing, E. Uchibe, K. Doya, Sigmoid-weighted linear units for neural network
    function approximation in reinforcement learning, 2017; P. Ramachandran, B. Zoph,
    Q. V. Le, Searching for activation functions, 2017.
    """

    analytic: ClassVar[bool] = True
    usual_init = "he"

    def buffers(self, binding: Binding) -> tuple[Array, ...]:
        return (binding.empty(*binding.shape),)

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

    def onnx(
        self, graph: OnnxGraph, x: str, arrays: Mapping[str, Array], shape: tuple[int, ...]
    ) -> str:
        return graph.node("Mul", x, onnx_sigmoid(graph, x))


@ACTIVATIONS.register("gelu")
@dataclass(frozen=True)
class Gelu(Activation):
    """Gaussian error linear unit, in its exact form.

        f(x) = x·Φ(x)        f′(x) = Φ(x) + x·φ(x)

    with Φ the standard normal distribution function and φ its density. The same as torch's
    GELU; its approximation by tanh is gelu_tanh.

    Use it when a smooth activation is wanted, as in transformers. Avoid it where speed counts: it
    takes an error function.

    Reference: D. Hendrycks and K. Gimpel, Gaussian error linear units, 2016.
    """

    analytic: ClassVar[bool] = True
    usual_init = "he"

    def buffers(self, binding: Binding) -> tuple[Array, ...]:
        return (
            binding.empty(*binding.shape),
            binding.empty(*binding.shape),
            binding.empty(*binding.shape),
        )

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

    def onnx(
        self, graph: OnnxGraph, x: str, arrays: Mapping[str, Array], shape: tuple[int, ...]
    ) -> str:
        normal = onnx_erf(graph, graph.node("Mul", x, math.sqrt(0.5)))
        normal = graph.node("Mul", graph.node("Add", normal, 1), 0.5)
        return graph.node("Mul", x, normal)


@ACTIVATIONS.register("elu")
@dataclass(frozen=True)
class Elu(Activation):
    """Exponential linear unit, which saturates at −alpha for negative x.

        f(x) = x where x > 0, else alpha·(eˣ − 1)
        f′(x) = 1 where x > 0, else alpha·eˣ

    At 0 the derivative is alpha, as in torch's ELU.

    Use it when relu's dead units trouble a network without normalization. Avoid it where speed
    counts: it takes an exponential.

    Reference: D.-A. Clevert, T. Unterthiner, S. Hochreiter, Fast and accurate deep network
    learning by exponential linear units, 2015.
    """

    analytic: ClassVar[bool] = True
    kinks = (0.0,)  # unless alpha is 1
    usual_init = "he"

    alpha: Annotated[float, Gt(0), Doc("−alpha is the limit for x → −∞")] = 1.0

    def buffers(self, binding: Binding) -> tuple[Array, ...]:
        return (binding.empty(*binding.shape),)

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

    def onnx(
        self, graph: OnnxGraph, x: str, arrays: Mapping[str, Array], shape: tuple[int, ...]
    ) -> str:
        return onnx_elu(graph, x, self.alpha, 1)


@ACTIVATIONS.register("softplus")
@dataclass(frozen=True)
class Softplus(Activation):
    """Softplus, log(1 + eˣ): a smooth ReLU.

        f(x) = log(1 + eˣ)        f′(x) = σ(x)

    torch's Softplus returns x itself above 20, which differs by less than 2.1e-9.

    Use it when positive outputs with a derivative everywhere are wanted. Avoid it as a plain
    replacement of relu: it is slower and no better.

    Reference: C. Dugas and others, Incorporating second-order functional knowledge for
    better option pricing, 2001.
    """

    analytic: ClassVar[bool] = True
    usual_init = "he"

    def buffers(self, binding: Binding) -> tuple[Array, ...]:
        return (binding.empty(*binding.shape),)

    def value(self, x: Array, y: Array, keep: tuple[Array, ...]) -> None:
        (work,) = keep
        softplus(x, y, work)

    def chain(self, dy: Array, x: Array, y: Array, keep: tuple[Array, ...]) -> None:
        sigmoid(x, y)
        np.multiply(dy, y, dy)

    def onnx(
        self, graph: OnnxGraph, x: str, arrays: Mapping[str, Array], shape: tuple[int, ...]
    ) -> str:
        return onnx_softplus(graph, x)


@ACTIVATIONS.register("selu")
@dataclass(frozen=True)
class Selu(Activation):
    """Scaled exponential linear unit, for self-normalizing networks.

        f(x) = λ·x where x > 0, else λ·α·(eˣ − 1)
        f′(x) = λ where x > 0, else λ·α·eˣ
        λ = 1.0507009873554805, α = 1.6732632423543772

    The same as torch's SELU, at 0 too.

    Use it when a deep dense network has no normalization; start it with lecun. Avoid it with
    other initializations or batch norm.

    Reference: G. Klambauer and others, Self-normalizing neural networks, 2017, eq. 2.
    """

    analytic: ClassVar[bool] = True
    kinks = (0.0,)
    convex_at_kinks = False

    def buffers(self, binding: Binding) -> tuple[Array, ...]:
        return (binding.empty(*binding.shape),)

    def value(self, x: Array, y: Array, keep: tuple[Array, ...]) -> None:
        (low,) = keep
        np.minimum(x, 0, out=low)
        np.expm1(low, low)
        np.multiply(low, SELU_ALPHA * SELU_SCALE, low)
        np.maximum(x, 0, out=y)
        np.multiply(y, SELU_SCALE, y)
        np.add(y, low, y)

    def chain(self, dy: Array, x: Array, y: Array, keep: tuple[Array, ...]) -> None:
        (low,) = keep
        np.greater(x, 0, out=y)
        np.multiply(y, SELU_SCALE * (1 - SELU_ALPHA), y)
        np.add(y, SELU_SCALE * SELU_ALPHA, y)
        np.add(y, low, y)  # λ, or λ·α·eˣ
        np.multiply(dy, y, dy)

    def onnx(
        self, graph: OnnxGraph, x: str, arrays: Mapping[str, Array], shape: tuple[int, ...]
    ) -> str:
        return onnx_elu(graph, x, SELU_ALPHA * SELU_SCALE, SELU_SCALE)


# The fixed point of mean 0 and variance 1; in the paper, eq. 14.
SELU_SCALE = 1.0507009873554804934193349852946
SELU_ALPHA = 1.6732632423543772848170429916717


@ACTIVATIONS.register("gelu_tanh")
@dataclass(frozen=True)
class GeluTanh(Activation):
    """Gaussian error linear unit in its tanh approximation, as in BERT and GPT-2.

        f(x) = x·s        s = (1 + tanh u)/2        u = √(2/π)·(x + 0.044715·x³)
        f′(x) = s + x·2s·(1 − s)·u′        u′ = √(2/π)·(1 + 0.134145·x²)

    Within 0.0005 of gelu. The same as torch's GELU with approximate="tanh".

    Use it when weights come from a model trained with it. Avoid it otherwise: gelu is the exact
    function.

    Reference: D. Hendrycks and K. Gimpel, Gaussian error linear units, 2016.
    """

    analytic: ClassVar[bool] = True
    usual_init = "he"

    def buffers(self, binding: Binding) -> tuple[Array, ...]:
        return binding.empty(*binding.shape), binding.empty(*binding.shape)

    def value(self, x: Array, y: Array, keep: tuple[Array, ...]) -> None:
        s, work = keep
        np.multiply(x, x, work)
        np.multiply(work, 2 * GELU_SLOPE * GELU_CUBE, work)
        np.add(work, 2 * GELU_SLOPE, work)
        np.multiply(work, x, work)  # 2u
        sigmoid(work, s)  # (1 + tanh u)/2
        np.multiply(x, s, y)

    def chain(self, dy: Array, x: Array, y: Array, keep: tuple[Array, ...]) -> None:
        s, slope = keep
        np.multiply(x, x, slope)
        np.multiply(slope, 6 * GELU_SLOPE * GELU_CUBE, slope)
        np.add(slope, 2 * GELU_SLOPE, slope)  # 2u′
        np.multiply(slope, y, slope)
        np.subtract(1, s, y)
        np.multiply(slope, y, slope)
        np.add(slope, s, slope)
        np.multiply(dy, slope, dy)

    def onnx(
        self, graph: OnnxGraph, x: str, arrays: Mapping[str, Array], shape: tuple[int, ...]
    ) -> str:
        u = graph.node("Mul", graph.node("Mul", x, x), 2 * GELU_SLOPE * GELU_CUBE)
        u = graph.node("Mul", graph.node("Add", u, 2 * GELU_SLOPE), x)  # 2u
        return graph.node("Mul", x, onnx_sigmoid(graph, u))


GELU_SLOPE = math.sqrt(2 / math.pi)
GELU_CUBE = 0.044715


@ACTIVATIONS.register("mish")
@dataclass(frozen=True)
class Mish(Activation):
    """Mish, x·tanh(softplus(x)).

        f(x) = x·t        t = tanh(log(1 + eˣ))
        f′(x) = t + x·(1 − t²)·σ(x)

    The same as torch's Mish.

    Use it when silu suits and a little smoothness is worth the time. Avoid it where speed counts.

    Reference: D. Misra, Mish: a self regularized non-monotonic activation function, 2019.
    """

    analytic: ClassVar[bool] = True
    usual_init = "he"

    def buffers(self, binding: Binding) -> tuple[Array, ...]:
        return binding.empty(*binding.shape), binding.empty(*binding.shape)

    def value(self, x: Array, y: Array, keep: tuple[Array, ...]) -> None:
        t, work = keep
        softplus(x, t, work)
        np.tanh(t, t)
        np.multiply(x, t, y)

    def chain(self, dy: Array, x: Array, y: Array, keep: tuple[Array, ...]) -> None:
        t, work = keep
        sigmoid(x, work)
        np.multiply(work, x, work)
        np.multiply(t, t, y)
        np.subtract(1, y, y)
        np.multiply(work, y, work)
        np.add(work, t, work)
        np.multiply(dy, work, dy)

    def onnx(
        self, graph: OnnxGraph, x: str, arrays: Mapping[str, Array], shape: tuple[int, ...]
    ) -> str:
        return graph.node("Mul", x, graph.node("Tanh", onnx_softplus(graph, x)))


@ACTIVATIONS.register("hardswish", "hard_swish")
@dataclass(frozen=True)
class Hardswish(Activation):
    """Hard swish: a piecewise approximation of silu, 0 up to −3 and x from 3 on.

        f(x) = x·s        s = min(max(x + 3, 0), 6)/6
        f′(x) = s + x/6 where −3 < x < 3, else s

    The same as torch's Hardswish, at −3 and 3 too.

    Use it when silu suits and should be cheap. Avoid it for checks by curvature: it has kinks in
    its slope.

    Reference: A. Howard and others, Searching for MobileNetV3, 2019, section 5.2.
    """

    analytic: ClassVar[bool] = True
    kinks = (-3.0, 3.0)
    convex_at_kinks = False
    usual_init = "he"

    def buffers(self, binding: Binding) -> tuple[Array, ...]:
        return (binding.empty(*binding.shape),)

    def value(self, x: Array, y: Array, keep: tuple[Array, ...]) -> None:
        (s,) = keep
        np.add(x, 3, s)
        np.maximum(s, 0, out=s)
        np.minimum(s, 6, out=s)
        np.multiply(s, 1 / 6, s)
        np.multiply(x, s, y)

    def chain(self, dy: Array, x: Array, y: Array, keep: tuple[Array, ...]) -> None:
        (s,) = keep
        np.greater(s, 0, out=y)
        np.multiply(y, x, x)
        np.less(s, 1, out=y)
        np.multiply(y, x, x)  # x where it is between
        np.multiply(x, 1 / 6, x)
        np.add(x, s, x)
        np.multiply(dy, x, dy)

    def onnx(
        self, graph: OnnxGraph, x: str, arrays: Mapping[str, Array], shape: tuple[int, ...]
    ) -> str:
        s = graph.node("Min", graph.node("Max", graph.node("Add", x, 3), 0), 6)
        return graph.node("Mul", x, graph.node("Mul", s, 1 / 6))
