"""Optimizer: an update rule, as data and a pure function.

Most rules treat every parameter alike and run tile by tile. A `Shaped` rule needs a whole
array, or all parameters of a replica, at once. An update is an ordinary function whose
parameters state by name what it needs; `binding` reads the names once, and a `Stepper` runs
the rules.
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

# How a rule's field `weight_decay` λ is applied: "coupled", the Stepper adds λ·x to the gradient
# before `update`, as for L2 regularization; "decoupled", the Stepper multiplies x by 1 − lr·λ
# before `update`, as in AdamW; "own", `update` applies it itself.
#
# `training.weight_decay` is the same for any optimizer, coupled or decoupled, and applied by the
# trainer's wrapper `Decay`. A run may have one of the two, not both.
Decay = Literal["coupled", "decoupled", "own"]

# In a shape of state: the number of training rows.
SAMPLES = -1


class Oracle(Protocol):
    """Evaluates the loss of R replicas for a rule that needs more than its gradient at x.

    Points, directions and results are (R, P). f is the loss on the rows of the step and F
    that on all training rows, both with regularization. The gradient of f is the mean of
    its rows' gradients, weighted by their `shares`, plus that of the regularization.
    """

    steps_per_epoch: int
    # Of which replicas (R,) the next evaluations are needed, None for all: those of the others,
    # computed along with them, are not counted.
    needed: Array | None

    def gradient(self, x: Array, out: Array) -> Array:
        """Return f(x) as (R,), and write ∇f(x) into `out`."""

    def full_gradient(self, x: Array, out: Array) -> None:
        """Write ∇F(x) into `out`."""

    def gauss_newton(self, x: Array, v: Array, out: Array) -> None:
        """Write G·v into `out`, with G the generalized Gauss-Newton matrix of f at x."""

    def rows(self) -> tuple[Array, Array, Array]:
        """The indices of the step's rows, their weights in f, and those in F, each (R, B)."""

    def row_gradients(self, x: Array) -> Array:
        """∇fᵢ(x) of each of the step's rows, (R, B, P), without regularization; a reused buffer."""


def _nothing() -> None:
    """Leave the state at zero."""


@dataclass(frozen=True)
class Optimizer(Registered, ABC):
    """An update rule; its fields are its hyperparameters.

    R optimizers of one class stack to one instance, whose numbers are columns (R, 1), or
    (K, R, 1) over K steps where they follow a schedule, as the learning rate always does.
    """

    # Names of the state arrays, each of the parameters' shape and initially zero. Override
    # `state_shapes` where they depend on hyperparameters or shapes.
    state: ClassVar[tuple[str, ...]] = ()
    # Names of the scratch arrays, of the parameters' shape; uninitialized in every step.
    scratch: ClassVar[tuple[str, ...]] = ("s",)
    # The parameter of `update` that holds the trained array, at which the gradient is taken:
    # x, or y in rules whose model is x.
    point: ClassVar[str] = "x"
    # The state array that is saved and evaluated as the model, such as an average of the
    # points; "" where the point itself is the model.
    model: ClassVar[str] = ""
    # How the field `weight_decay` is applied, if there is one.
    decay: ClassVar[Decay] = "coupled"
    # Numeric fields that must be equal for replicas that are updated in one call, such as an
    # integer that decides what `update` does. Switches and names must always be equal.
    structure: ClassVar[tuple[str, ...]] = ()
    # Fields that only `start` uses, before the first step: a schedule cannot change them.
    initial_only: ClassVar[tuple[str, ...]] = ()
    # Names of float64 numbers of which each replica keeps one: products over all steps so
    # far, such as μ₁⋯μ_t, initially 1. `coefficients` gets them by name, (R, 1), as they are
    # before the first of its steps, and returns them as they are after each step.
    products: ClassVar[tuple[str, ...]] = ()
    # Whether `update` takes an `oracle`; of Shaped rules only.
    needs_oracle: ClassVar[bool] = False
    # Whether lr is a learning rate. It may also multiply one that the rule finds by itself, begin
    # a search, or be the deviation of random points.
    lr_is_rate: ClassVar[bool] = True
    # What it needs of a model that an objective does not have: `scores`, or gradients of
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

        For a rule that runs tile by tile each shape is `shape`. SAMPLES in a shape stands
        for the number of training rows.
        """
        return dict.fromkeys(self.state, shape)

    def scratch_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the scratch arrays for an array of `shape`."""
        return dict.fromkeys(self.scratch, shape)

    # start(x, …) initializes state that does not start at zero. Its parameters are the initial
    # point and state arrays, by name.
    start: ClassVar[Callable[..., None]] = staticmethod(_nothing)

    @abstractmethod
    def coefficients(self, t: Array) -> dict[str, Array | float]:
        """Functions of the hyperparameters at step t (from 1) that `update` takes, by name.

        Called on a stack with t of shape (K, 1, 1), in float64; each result is broadcast to
        (K, R, 1).
        """

    # update(x, g, …) updates one tile in place, x (n, p) or (p,), and does not change g. Its
    # parameters are passed by name: the point, the gradient `g`, state and scratch arrays,
    # coefficients (one number per row), `noise` (standard normal numbers, an array like x),
    # `loss` (the loss at x, one number per row) and the `oracle`. **others collects all
    # state arrays, scratch arrays and coefficients without a parameter of their own.
    update: ClassVar[Callable[..., None]]

    def update_for(self, shape: tuple[int, ...]) -> Callable[..., None]:
        """The update function for arrays of `shape`; override it where shapes differ in it."""
        return self.update

    @property
    def stability_limit(self) -> float | None:
        """The largest lr times curvature with which steps on a quadratic converge.

        Without noise and weight decay; None where there is no such number, or it is not known.
        """
        return None


@dataclass(frozen=True)
class Shaped(Optimizer):
    """An update rule that needs whole arrays: their norms, or rows and columns.

    `update` is called for each array of the layout, with x (R, *shape) and coefficients
    (R, 1, …, 1).
    """

    # Whether `update` is called once, with all parameters of a replica as one array x (R, P),
    # instead of once for each parameter tensor.
    whole: ClassVar[bool] = False
    # Whether arrays of more than two dimensions are reshaped to matrices, x (R, first, rest).
    matrices: ClassVar[bool] = False

    def seen(self, layout: Layout) -> Layout:
        """The arrays that `update` is called for, by name and shape, given the model's layout."""
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
    """Base ** exponent by element, with results that do not depend on the arrays' layout.

    NumPy computes powers of broadcast and of contiguous arrays by different code, whose
    results may differ in the last bit.
    """
    shape = np.broadcast_shapes(np.shape(base), np.shape(exponent))
    whole = (np.ascontiguousarray(np.broadcast_to(part, shape)) for part in (base, exponent))
    result: Array = np.power(*whole)
    return result


def mix(average: Array, new: Array, beta: Array, weight: Array, work: Array) -> None:
    """Update average ← beta·average + weight·new in place; work: scratch."""
    np.multiply(average, beta, average)
    np.multiply(new, weight, work)
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
    """Ratio a / b by element, and `otherwise` where a or b is 0."""
    result = np.full_like(a, otherwise)
    return np.divide(a, b, out=result, where=(a != 0) & (b != 0))


def hessian_product(
    oracle: Oracle, x: Array, v: Array, out: Array, at: Array, slope: Array, share: float = 1.0
) -> None:
    """Write H·v into `out`, with H the Hessian of f at x. All (R, P).

    A central difference of ∇f at four points of the line x + h·v, with error O(h⁴); h
    balances that error against rounding. at, slope: scratch. share: of that h; a smaller step
    meets fewer kinks.
    """
    h = difference(v) * share
    out.fill(0)
    for place, weight in FOUR_POINTS:
        np.multiply(v, place * h, at)
        np.add(x, at, at)
        oracle.gradient(at, slope)
        np.multiply(slope, weight / h, slope)
        np.add(out, slope, out)


# Offsets, in units of h, and weights of the fourth-order central difference.
FOUR_POINTS = ((1, 2 / 3), (-1, -2 / 3), (2, -1 / 12), (-2, 1 / 12))


def difference(v: Array) -> Array:
    """The step h (R, 1) of differences along v (R, P): h·‖v‖ is the fifth root of epsilon."""
    step: Array = np.finfo(v.dtype).eps ** 0.2 / np.maximum(norm(v), np.finfo(v.dtype).tiny)
    return step.astype(v.dtype)


def state_size(optimizer: Optimizer, layout: Layout, samples: int = 1) -> int:
    """How many numbers the state of one replica holds; samples: training rows."""
    seen = optimizer.seen(layout) if isinstance(optimizer, Shaped) else Layout({"": (layout.size,)})
    arrays = [
        each for shape in seen.shapes.values() for each in optimizer.state_shapes(shape).values()
    ]
    return sum(math.prod(filled(shape, samples)) for shape in arrays) + len(optimizer.products)


def scratch_size(optimizer: Optimizer, layout: Layout) -> int:
    """How many numbers a replica's scratch arrays hold; 0 for rules that run tile by tile."""
    if not isinstance(optimizer, Shaped):
        return 0
    shapes = optimizer.seen(layout).shapes.values()
    return sum(
        math.prod(own) for shape in shapes for own in optimizer.scratch_shapes(shape).values()
    )


def filled(shape: tuple[int, ...], samples: int) -> tuple[int, ...]:
    """The shape of state with SAMPLES replaced by the number of training rows."""
    return tuple(samples if size == SAMPLES else size for size in shape)


def row_by_row(update: Callable[..., None]) -> Callable[..., None]:
    """Decorate an update of one replica, whose arguments lack the axis R."""

    @functools.wraps(update)
    def each(self: Optimizer, *arrays: Array) -> None:
        for row in zip(*arrays, strict=True):
            update(self, *row)

    return each
