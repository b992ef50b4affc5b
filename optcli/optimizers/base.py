"""Optimizer: an update rule, as data and a pure function.

Most rules treat every parameter alike and are moved tile by tile. A `Shaped` rule looks at
an array, or at all parameters of a replica, as a whole. An update is an ordinary function
whose parameters say by their names what it gets; `binding` reads them once, and a `Stepper`
puts rules to work.
"""

from __future__ import annotations

import functools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Protocol

import numpy as np

from optcli.core.arrays import Array
from optcli.core.parameters import Layout
from optcli.core.registry import Registry
from optcli.core.specs import Doc, Gt, Registered

# Weight decay joins the gradient (as L2 regularization would), shrinks the parameters
# by itself, or is the rule's own business.
Decay = Literal["coupled", "decoupled", "own"]

# In a shape of state: as many as there are training rows.
SAMPLES = -1


class Oracle(Protocol):
    """Answers what a rule may ask about the loss of its R replicas, beside its gradient at x.

    Points, directions and answers are (R, P). f is the loss on the rows of the step,
    regularization included, and F that on all training rows. The gradient of f is the mean
    of those of its rows, by their `shares`, and that of the regularization.
    """

    steps_per_epoch: int

    def gradient(self, x: Array, out: Array) -> Array:
        """f(x) as (R,), and ∇f(x) into `out`."""

    def full_gradient(self, x: Array, out: Array) -> None:
        """∇F(x) into `out`."""

    def gauss_newton(self, x: Array, v: Array, out: Array) -> None:
        """G·v into `out`, of the generalized Gauss-Newton matrix G of f at x."""

    def rows(self) -> tuple[Array, Array, Array]:
        """Of the step's rows: which they are, their shares in f, and in F, each (R, B)."""

    def row_gradients(self, x: Array) -> Array:
        """∇fᵢ(x) of each of the step's rows, (R, B, P), without regularization; a buffer."""


def _nothing() -> None:
    """All of the state starts at zero."""


@dataclass(frozen=True)
class Optimizer(Registered, ABC):
    """An update rule; its fields are its hyperparameters.

    A stack of R optimizers of one class is an instance too, whose numbers are columns
    (R, 1), or (K, R, 1) over K steps where they have a schedule; the learning rate always.
    """

    # Names of the state arrays, each of the parameters' shape and zero at the start. Where
    # they depend on hyperparameters or shapes, `state_shapes` says more.
    state: ClassVar[tuple[str, ...]] = ()
    # Names of the scratch arrays, of the parameters' shape. They hold anything when a step
    # begins.
    scratch: ClassVar[tuple[str, ...]] = ("s",)
    # The name of the point at which the gradient is taken.
    point: ClassVar[str] = "x"
    # The state array that holds the model, where that is not the point; "" where it is.
    model: ClassVar[str] = ""
    # What becomes of `weight_decay`.
    decay: ClassVar[Decay] = "coupled"
    # Hyperparameters that must be equal to be stacked, as switches and names must.
    structure: ClassVar[tuple[str, ...]] = ()
    # Names of numbers that each replica keeps beside its arrays, in float64: products over
    # all steps so far, 1 at the start. `coefficients` gets them by name, as they were before
    # the first of its steps, (R, 1), and returns them as they are after each of its steps.
    products: ClassVar[tuple[str, ...]] = ()
    # Whether `update` takes an `oracle`; of Shaped rules only.
    needs_oracle: ClassVar[bool] = False
    # What it needs that only a model has, and no objective: `scores`, or gradients of
    # single `rows`.
    needs_model: ClassVar[Literal["", "scores", "rows"]] = ""

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 1e-3

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        if cls.__module__.partition(".")[0] != "optcli":
            from optcli.optimizers.positional import adapt

            adapt(cls)

    def state_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the state for an array of `shape`; each has R in front.

        Of a rule that is moved tile by tile each shape is `shape`. SAMPLES in a shape
        stands for the number of training rows.
        """
        return dict.fromkeys(self.state, shape)

    def scratch_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """The same of the scratch arrays."""
        return dict.fromkeys(self.scratch, shape)

    # start(x, …) sets the state where it does not start at zero. It takes by name the point
    # where the first step begins, and state arrays.
    start: ClassVar[Callable[..., None]] = staticmethod(_nothing)

    @abstractmethod
    def coefficients(self, t: Array) -> dict[str, Array | float]:
        """What `update` needs of the hyperparameters at step t, counted from 1, by name.

        Called on a stack with t of shape (K, 1, 1); each result is broadcast to
        (K, R, 1). Computed in float64.
        """

    # update(x, g, …) moves one tile in place, x (n, p) or (p,), and leaves g as it is. Its
    # parameters are taken by name: the point, the gradient `g`, state and scratch arrays,
    # coefficients (one number a row), `noise` (standard normal numbers, an array like x),
    # `loss` (the loss at x, one number a row) and the `oracle`. **others gets the state,
    # scratch arrays and coefficients that are not named.
    update: ClassVar[Callable[..., None]]

    def update_for(self, shape: tuple[int, ...]) -> Callable[..., None]:
        """The update of arrays of `shape`, where not all are moved by one function."""
        return self.update


@dataclass(frozen=True)
class Shaped(Optimizer):
    """An update rule that looks at arrays as a whole: at norms, at rows and columns.

    `update` gets the arrays of the layout one by one, as x (R, *shape), and coefficients
    (R, 1, …, 1).
    """

    # Whether all parameters of a replica come as one array, x (R, P).
    whole: ClassVar[bool] = False
    # Whether arrays of more than two dimensions come as matrices, x (R, first, rest).
    matrices: ClassVar[bool] = False

    def seen(self, layout: Layout) -> Layout:
        """The arrays as `update` gets them."""
        if self.whole:
            return Layout({"": (layout.size,)})
        if not self.matrices:
            return layout
        shapes = {
            name: shape if len(shape) < 3 else (shape[0], math.prod(shape[1:]))
            for name, shape in layout.shapes.items()
        }
        return Layout(shapes)


OPTIMIZERS: Registry[Optimizer] = Registry(
    "optimizer", "optimizers", "optcli.optimizers", Optimizer
)


def power(base: Array | float, exponent: Array | float) -> Array:
    """The power base ** exponent, elementwise, with the same bits for a pair in whatever company.

    NumPy takes other ways to a power for broadcast arrays than for contiguous
    ones, and they may differ in the last bit.
    """
    shape = np.broadcast_shapes(np.shape(base), np.shape(exponent))
    whole = (np.ascontiguousarray(np.broadcast_to(part, shape)) for part in (base, exponent))
    result: Array = np.power(*whole)
    return result


def mix(average: Array, new: Array, stays: Array, comes: Array, work: Array) -> None:
    """Let the average become stays·average + comes·new."""
    np.multiply(average, stays, average)
    np.multiply(new, comes, work)
    np.add(average, work, average)


def dot(a: Array, b: Array) -> Array:
    """Σ a·b of each replica's arrays (R, *shape), as (R, 1, …, 1)."""
    products: Array = np.vecdot(a.reshape(len(a), -1), b.reshape(len(b), -1))
    return products.reshape(-1, *(1,) * (a.ndim - 1))


def norm(a: Array) -> Array:
    """The Euclidean norm of each replica's array (R, *shape), as (R, 1, …, 1)."""
    length: Array = np.sqrt(dot(a, a))
    return length


def ratio(a: Array, b: Array, otherwise: float) -> Array:
    """The ratio a / b, elementwise, and `otherwise` where either is 0."""
    result = np.full_like(a, otherwise)
    return np.divide(a, b, out=result, where=(a != 0) & (b != 0))


def hessian_product(
    oracle: Oracle, x: Array, v: Array, out: Array, at: Array, slope: Array
) -> None:
    """H·v of the Hessian H of f at x, into `out`: how ∇f changes along v. All (R, P).

    By differences of gradients at four points of the line x + h·v, which are right to
    h⁴; h makes the longest way as short as rounding allows. at, slope: scratch.
    """
    h = difference(v)
    out.fill(0)
    for place, weight in FOUR_POINTS:
        np.multiply(v, place * h, at)
        np.add(x, at, at)
        oracle.gradient(at, slope)
        np.multiply(slope, weight / h, slope)
        np.add(out, slope, out)


# Where a function on a line is asked for its slope at 0, and what the answers weigh.
FOUR_POINTS = ((1, 2 / 3), (-1, -2 / 3), (2, -1 / 12), (-2, 1 / 12))


def difference(v: Array) -> Array:
    """The h (R, 1) for differences along v (R, P): h·‖v‖ is the fifth root of the rounding."""
    step: Array = np.finfo(v.dtype).eps ** 0.2 / np.maximum(norm(v), np.finfo(v.dtype).tiny)
    return step.astype(v.dtype)


def state_size(optimizer: Optimizer, layout: Layout, samples: int = 1) -> int:
    """Numbers that the state of one replica holds, with so many training rows."""
    seen = optimizer.seen(layout) if isinstance(optimizer, Shaped) else Layout({"": (layout.size,)})
    arrays = [
        each for shape in seen.shapes.values() for each in optimizer.state_shapes(shape).values()
    ]
    return sum(math.prod(filled(shape, samples)) for shape in arrays) + len(optimizer.products)


def scratch_size(optimizer: Optimizer, layout: Layout) -> int:
    """Numbers that the scratch arrays of one replica hold; those of tiles are small."""
    if not isinstance(optimizer, Shaped):
        return 0
    shapes = optimizer.seen(layout).shapes.values()
    return sum(
        math.prod(own) for shape in shapes for own in optimizer.scratch_shapes(shape).values()
    )


def filled(shape: tuple[int, ...], samples: int) -> tuple[int, ...]:
    """The shape of state with the number of training rows in the place of SAMPLES."""
    return tuple(samples if size == SAMPLES else size for size in shape)


def row_by_row(update: Callable[..., None]) -> Callable[..., None]:
    """Decorator of an update that moves one replica: it gets its arguments without their R."""

    @functools.wraps(update)
    def each(self: Optimizer, *arrays: Array) -> None:
        for row in zip(*arrays, strict=True):
            update(self, *row)

    return each
