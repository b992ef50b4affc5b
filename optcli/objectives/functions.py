"""The test functions, each with its known minima."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import Doc, Ge, Gt, Le
from optcli.objectives.base import OBJECTIVES, Box, Objective

Dimension = Annotated[int, Ge(2), Le(100), Doc("number of dimensions")]
Condition = Annotated[float, Ge(1), Doc("condition number")]

# A standard normal number is above it with a chance of 1/3.
ONE_IN_THREE = 0.43072729929545733


def repeated(values: tuple[float, ...], size: int) -> tuple[float, ...]:
    """The values repeated to length `size`."""
    return tuple(itertools.islice(itertools.cycle(values), size))


def columns(x: Array, y: Array) -> Array:
    """Two coordinates (R,) as points (R, 2)."""
    return np.stack([x, y], axis=-1)


@OBJECTIVES.register("quadratic")
@dataclass(frozen=True)
class Quadratic(Objective):
    """Convex quadratic with a given condition number and rotation.

        f(x) = ½ Σ λᵢ yᵢ²,   y = Q x

    with curvatures λ from 1 to `condition`, evenly spaced in logarithm, and Q a rotation by
    `rotation` degrees in each plane of adjacent coordinates. Minimum 0 at 0.

    Reference: Y. Nesterov, Introductory lectures on convex optimization, 2004, section 2.1.

    Example: `optcli trace quadratic:condition=50,rotation=30 sgd momentum`
    """

    domain: ClassVar[Box] = ((-2.0, 2.0), (-2.0, 2.0))
    analytic: ClassVar[bool] = True

    condition: Condition = 10.0
    rotation: Annotated[float, Doc("rotation in degrees")] = 0.0
    dimension: Dimension = 2

    @property
    def start(self) -> tuple[float, ...]:
        return repeated((-1.6, 1.2), self.dimension)

    @property
    def minima(self) -> Array:
        return np.zeros((1, self.dimension))

    def _curvatures(self) -> Array:
        return np.geomspace(1, self.condition, self.dimension)

    def _turned(self, x: Array, degrees: float) -> Array:
        """Q x for degrees = rotation; its inverse for −rotation, in reverse order."""
        if not degrees:
            return x
        y = x.copy()
        c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        planes = range(self.dimension - 1)
        for i in planes if degrees == self.rotation else reversed(planes):
            a, b = y[:, i].copy(), y[:, i + 1].copy()
            y[:, i], y[:, i + 1] = c * a - s * b, s * a + c * b
        return y

    def value(self, x: Array) -> Array:
        y = self._turned(x, self.rotation)
        half: Array = 0.5 * (self._curvatures() * y * y).sum(axis=1)
        return half

    def gradient(self, x: Array, out: Array) -> None:
        y = self._turned(x, self.rotation)
        out[:] = self._turned(self._curvatures() * y, -self.rotation)


@OBJECTIVES.register("noisy_quadratic")
@dataclass(frozen=True)
class NoisyQuadratic(Quadratic):
    """Convex quadratic with a noisy gradient, like that of mini-batches.

        f(x) = ½ Σ λᵢ yᵢ²,   gradient + σ·√λ·z   with z normal, drawn anew in every step

    and λ, y as in `quadratic`. The noise of a step is the same for all optimizers. With a
    constant learning rate it limits the accuracy of all of them.

    Reference: G. Zhang and others, Which algorithmic choices matter at which batch sizes?
    Insights from a noisy quadratic model, 2019, section 3.

    Example: `optcli trace noisy_quadratic:sigma=0.5 sgd momentum adam`
    """

    noisy: ClassVar[bool] = True

    sigma: Annotated[float, Ge(0), Doc("noise level σ")] = 0.5

    def noise(self, normal: Array, out: Array) -> None:
        each = self.sigma * np.sqrt(self._curvatures()) * normal
        out += self._turned(each[None], -self.rotation)


@OBJECTIVES.register("reddi")
@dataclass(frozen=True)
class Reddi(Objective):
    """A slope whose gradient is rarely large and mostly small, of the other sign.

        f(x, y) = a·x + 5·max(|x| − 1, 0)² + ½·y²,   a = (large − 2)/3

    The gradient by x has `large` in place of a with a chance of 1/3, else −1, drawn anew in
    every step. On average it leads to the minimum (−1 − a/10, 0). Adam with a small beta2
    forgets the large gradients and goes up to the wall at x = 1; amsgrad does not.

    Reference: S. J. Reddi, S. Kale and S. Kumar, On the convergence of Adam and beyond, 2018,
    theorem 3, there confined to [−1, 1], which the walls and y stand for here.

    Example: `optcli trace reddi sgd adam:lr=0.01,beta1=0,beta2=0.1`
    """

    domain: ClassVar[Box] = ((-1.5, 1.5), (-1.0, 1.0))
    analytic: ClassVar[bool] = True
    noisy: ClassVar[bool] = True

    large: Annotated[float, Gt(2), Le(100), Doc("the large gradient")] = 3.0

    @property
    def slope(self) -> float:
        """a, the mean gradient by x between the walls."""
        return (self.large - 2) / 3

    @property
    def lowest(self) -> float:
        return -self.slope - self.slope**2 / 20

    @property
    def start(self) -> tuple[float, ...]:
        return (0.0, 0.8)

    @property
    def minima(self) -> Array:
        return np.array([[-1 - self.slope / 10, 0.0]])

    def value(self, x: Array) -> Array:
        beyond = x[:, 0] - np.clip(x[:, 0].real, -1, 1)
        sum_: Array = self.slope * x[:, 0] + 5 * beyond**2 + 0.5 * x[:, 1] ** 2
        return sum_

    def gradient(self, x: Array, out: Array) -> None:
        out[:] = x
        out[:, 0] = self.slope + 10 * (x[:, 0] - np.clip(x[:, 0], -1, 1))

    def noise(self, normal: Array, out: Array) -> None:
        drawn = self.large if normal[0] > ONE_IN_THREE else -1.0
        out[:, 0] += drawn - self.slope


@OBJECTIVES.register("ravine")
@dataclass(frozen=True)
class Ravine(Objective):
    """Ill-conditioned quadratic valley, across which gradient descent zigzags.

        f(x, y) = x²/20 + y²

    Minimum 0 at (0, 0).

    Reference: R. S. Sutton, Two problems with backpropagation and other steepest-descent
    learning procedures for networks, 1986.

    Example: `optcli trace ravine sgd:lr=0.95 momentum:lr=0.1`
    """

    domain: ClassVar[Box] = ((-8.0, 8.0), (-3.0, 3.0))
    analytic: ClassVar[bool] = True

    @property
    def start(self) -> tuple[float, ...]:
        return (-7.0, 2.0)

    @property
    def minima(self) -> Array:
        return np.zeros((1, 2))

    def value(self, x: Array) -> Array:
        sum_: Array = x[:, 0] ** 2 / 20 + x[:, 1] ** 2
        return sum_

    def gradient(self, x: Array, out: Array) -> None:
        np.multiply(x, (0.1, 2.0), out)


@OBJECTIVES.register("rosenbrock", "banana")
@dataclass(frozen=True)
class Rosenbrock(Objective):
    """Rosenbrock function: a curved, flat valley with steep walls.

        f(x) = Σ 100·(xᵢ₊₁ − xᵢ²)² + (1 − xᵢ)²

    Minimum 0 at (1, …, 1).

    Reference: H. H. Rosenbrock, An automatic method for finding the greatest or least
    value of a function, 1960.

    Example: `optcli trace rosenbrock sgd momentum adam`
    """

    domain: ClassVar[Box] = ((-2.0, 2.0), (-1.0, 3.0))
    analytic: ClassVar[bool] = True

    dimension: Dimension = 2

    @property
    def start(self) -> tuple[float, ...]:
        return repeated((-1.2, 1.0), self.dimension)

    @property
    def minima(self) -> Array:
        return np.ones((1, self.dimension))

    def value(self, x: Array) -> Array:
        a, b = x[:, :-1], x[:, 1:]
        sum_: Array = (100 * (b - a**2) ** 2 + (1 - a) ** 2).sum(axis=1)
        return sum_

    def gradient(self, x: Array, out: Array) -> None:
        a, b = x[:, :-1], x[:, 1:]
        off = b - a**2
        out[:] = 0
        out[:, :-1] = -400 * a * off - 2 * (1 - a)
        out[:, 1:] += 200 * off


@OBJECTIVES.register("beale")
@dataclass(frozen=True)
class Beale(Objective):
    """Beale function: flat, with steep walls at the corners.

        f(x, y) = (1.5 − x + xy)² + (2.25 − x + xy²)² + (2.625 − x + xy³)²

    Minimum 0 at (3, ½).

    Reference: E. M. L. Beale, On an iterative method for finding a local minimum of a
    function of more than one variable, 1958.

    Example: `optcli trace beale sgd momentum adam`
    """

    domain: ClassVar[Box] = ((-1.0, 4.5), (-2.0, 2.0))
    analytic: ClassVar[bool] = True

    @property
    def start(self) -> tuple[float, ...]:
        return (1.0, 1.5)

    @property
    def minima(self) -> Array:
        return np.array([[3.0, 0.5]])

    def _terms(self, x: Array, y: Array) -> tuple[Array, ...]:
        return 1.5 - x + x * y, 2.25 - x + x * y**2, 2.625 - x + x * y**3

    def value(self, x: Array) -> Array:
        sum_: Array = sum(term**2 for term in self._terms(*x.T))  # type: ignore[assignment]
        return sum_

    def gradient(self, x: Array, out: Array) -> None:
        a, b = x.T
        one, two, three = self._terms(a, b)
        out[:] = columns(
            2 * (one * (b - 1) + two * (b**2 - 1) + three * (b**3 - 1)),
            2 * (one * a + two * 2 * a * b + three * 3 * a * b**2),
        )


@OBJECTIVES.register("himmelblau")
@dataclass(frozen=True)
class Himmelblau(Objective):
    """Himmelblau function, with four global minima.

        f(x, y) = (x² + y − 11)² + (x + y² − 7)²

    Minima 0 at (3, 2), (−2.805, 3.131), (−3.779, −3.283) and (3.584, −1.848).

    Reference: D. M. Himmelblau, Applied nonlinear programming, 1972.

    Example: `optcli trace himmelblau sgd momentum adam --start 0,-1`
    """

    domain: ClassVar[Box] = ((-5.0, 5.0), (-5.0, 5.0))
    analytic: ClassVar[bool] = True

    @property
    def start(self) -> tuple[float, ...]:
        return (0.0, -1.0)

    @property
    def minima(self) -> Array:
        return np.array(
            [
                [3.0, 2.0],
                [-2.805118086952745, 3.131312518250573],
                [-3.779310253377747, -3.283185991286170],
                [3.584428340330492, -1.848126526964404],
            ]
        )

    def value(self, x: Array) -> Array:
        a, b = x.T
        sum_: Array = (a**2 + b - 11) ** 2 + (a + b**2 - 7) ** 2
        return sum_

    def gradient(self, x: Array, out: Array) -> None:
        a, b = x.T
        one, two = a**2 + b - 11, a + b**2 - 7
        out[:] = columns(4 * a * one + 2 * two, 2 * one + 4 * b * two)


@OBJECTIVES.register("booth")
@dataclass(frozen=True)
class Booth(Objective):
    """Booth function: a rotated convex quadratic of condition number 9.

        f(x, y) = (x + 2y − 7)² + (2x + y − 5)²

    Minimum 0 at (1, 3).

    Reference: M. Jamil and X.-S. Yang, A literature survey of benchmark functions for
    global optimization problems, 2013, function 17.

    Example: `optcli trace booth sgd momentum adam`
    """

    domain: ClassVar[Box] = ((-10.0, 10.0), (-10.0, 10.0))
    analytic: ClassVar[bool] = True

    @property
    def start(self) -> tuple[float, ...]:
        return (-8.0, -4.0)

    @property
    def minima(self) -> Array:
        return np.array([[1.0, 3.0]])

    def value(self, x: Array) -> Array:
        a, b = x.T
        sum_: Array = (a + 2 * b - 7) ** 2 + (2 * a + b - 5) ** 2
        return sum_

    def gradient(self, x: Array, out: Array) -> None:
        a, b = x.T
        one, two = a + 2 * b - 7, 2 * a + b - 5
        out[:] = columns(2 * one + 4 * two, 4 * one + 2 * two)


@OBJECTIVES.register("three_hump_camel")
@dataclass(frozen=True)
class ThreeHumpCamel(Objective):
    """Three-hump camel function: two local minima and a global one between them.

        f(x, y) = 2x² − 1.05x⁴ + x⁶/6 + xy + y²

    Minimum 0 at (0, 0); 0.299 at ±(1.748, −0.874).

    Reference: M. Jamil and X.-S. Yang, A literature survey of benchmark functions for
    global optimization problems, 2013, function 29.

    Example: `optcli trace three_hump_camel sgd momentum adam`
    """

    domain: ClassVar[Box] = ((-2.5, 2.5), (-2.5, 2.5))
    analytic: ClassVar[bool] = True

    @property
    def start(self) -> tuple[float, ...]:
        return (-2.0, -1.5)

    @property
    def minima(self) -> Array:
        return np.zeros((1, 2))

    def value(self, x: Array) -> Array:
        a, b = x.T
        sum_: Array = 2 * a**2 - 1.05 * a**4 + a**6 / 6 + a * b + b**2
        return sum_

    def gradient(self, x: Array, out: Array) -> None:
        a, b = x.T
        out[:] = columns(4 * a - 4.2 * a**3 + a**5 + b, a + 2 * b)


@OBJECTIVES.register("rastrigin")
@dataclass(frozen=True)
class Rastrigin(Objective):
    """Rastrigin function: a quadratic with many local minima.

        f(x) = 10·n + Σ xᵢ² − 10·cos(2π·xᵢ)

    Minimum 0 at 0.

    Reference: L. A. Rastrigin, Systems of extremal control, 1974; for n dimensions
    H. Mühlenbein and others, The parallel genetic algorithm as function optimizer, 1991.

    Example: `optcli trace rastrigin sgd momentum adam:lr=0.3`
    """

    domain: ClassVar[Box] = ((-5.12, 5.12), (-5.12, 5.12))
    analytic: ClassVar[bool] = True

    dimension: Dimension = 2

    @property
    def start(self) -> tuple[float, ...]:
        return repeated((-3.4, 2.7), self.dimension)

    @property
    def minima(self) -> Array:
        return np.zeros((1, self.dimension))

    def value(self, x: Array) -> Array:
        sum_: Array = (10 + x**2 - 10 * np.cos(2 * np.pi * x)).sum(axis=1)
        return sum_

    def gradient(self, x: Array, out: Array) -> None:
        out[:] = 2 * x + 20 * np.pi * np.sin(2 * np.pi * x)


@OBJECTIVES.register("ackley")
@dataclass(frozen=True)
class Ackley(Objective):
    """Ackley function: many local minima around a narrow global one.

        f(x) = −20·exp(−0.2·√(Σxᵢ²/n)) − exp(Σcos(2π·xᵢ)/n) + 20 + e

    Minimum 0 at 0, where it is not differentiable; its gradient there is defined as 0.

    Reference: D. H. Ackley, A connectionist machine for genetic hillclimbing, 1987; for n
    dimensions T. Bäck and H.-P. Schwefel, An overview of evolutionary algorithms, 1993.

    Example: `optcli trace ackley sgd momentum adam:lr=0.1`
    """

    domain: ClassVar[Box] = ((-5.0, 5.0), (-5.0, 5.0))
    analytic: ClassVar[bool] = True

    dimension: Dimension = 2

    @property
    def start(self) -> tuple[float, ...]:
        return repeated((-3.6, 2.3), self.dimension)

    @property
    def minima(self) -> Array:
        return np.zeros((1, self.dimension))

    def _parts(self, x: Array) -> tuple[Array, Array, Array]:
        """The root mean square, and the two exponentials, each (R, 1)."""
        root = np.sqrt((x**2).mean(axis=1, keepdims=True))
        waves = np.cos(2 * np.pi * x).mean(axis=1, keepdims=True)
        return root, np.exp(-0.2 * root), np.exp(waves)

    def value(self, x: Array) -> Array:
        _, funnel, hollows = self._parts(x)
        # in this order exactly 0 at 0
        sum_: Array = 20 * (1 - funnel[:, 0]) + (math.exp(1) - hollows[:, 0])
        return sum_

    def gradient(self, x: Array, out: Array) -> None:
        root, funnel, hollows = self._parts(x)
        n = x.shape[1]
        out[:] = 4 * funnel * x / (n * np.where(root == 0, 1, root))
        out += 2 * np.pi / n * hollows * np.sin(2 * np.pi * x)


@OBJECTIVES.register("styblinski_tang")
@dataclass(frozen=True)
class StyblinskiTang(Objective):
    """Styblinski-Tang function: two minima along each axis, one of them lower.

        f(x) = ½ Σ xᵢ⁴ − 16·xᵢ² + 5·xᵢ

    Minimum −39.166·n at (−2.9035, …, −2.9035).

    Reference: M. A. Styblinski and T.-S. Tang, Experiments in nonconvex optimization, 1990.

    Example: `optcli trace styblinski_tang sgd momentum adam`
    """

    domain: ClassVar[Box] = ((-5.0, 5.0), (-5.0, 5.0))
    analytic: ClassVar[bool] = True

    dimension: Dimension = 2

    @property
    def lowest(self) -> float:
        return -39.16616570377142 * self.dimension

    @property
    def start(self) -> tuple[float, ...]:
        return repeated((-0.2, 0.1), self.dimension)

    @property
    def minima(self) -> Array:
        return np.full((1, self.dimension), -2.903534027771177)

    def value(self, x: Array) -> Array:
        sum_: Array = 0.5 * (x**4 - 16 * x**2 + 5 * x).sum(axis=1)
        return sum_

    def gradient(self, x: Array, out: Array) -> None:
        out[:] = 2 * x**3 - 16 * x + 2.5


@OBJECTIVES.register("saddle")
@dataclass(frozen=True)
class Saddle(Objective):
    """A saddle point between two minima.

        f(x, y) = ½x² + ¼y⁴ − ½y²

    Minima −¼ at (0, ±1); the saddle is at (0, 0).

    Reference: Y. Nesterov, Introductory lectures on convex optimization, 2004,
    example 1.2.2.

    Example: `optcli trace saddle sgd momentum adam`
    """

    domain: ClassVar[Box] = ((-1.6, 1.6), (-1.6, 1.6))
    analytic: ClassVar[bool] = True
    least: ClassVar[float] = -0.25

    @property
    def start(self) -> tuple[float, ...]:
        return (-1.4, 0.001)

    @property
    def minima(self) -> Array:
        return np.array([[0.0, 1.0], [0.0, -1.0]])

    def value(self, x: Array) -> Array:
        a, b = x.T
        sum_: Array = 0.5 * a**2 + 0.25 * b**4 - 0.5 * b**2
        return sum_

    def gradient(self, x: Array, out: Array) -> None:
        a, b = x.T
        out[:] = columns(a, b**3 - b)
