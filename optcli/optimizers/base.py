"""Optimizer: an update rule, as data and a pure function. Stepper: rules at work on a cohort.

Most rules treat every parameter alike and are moved tile by tile. A `Shaped` rule looks at
an array, or at all parameters of a replica, as a whole. What either may ask for besides is
said in class variables: noise, the value of the loss, a model that is not the training point,
an `Oracle` that knows the gradient elsewhere.
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Annotated, Any, ClassVar, Literal, Protocol

import numpy as np

from optcli.arrays import Array
from optcli.parameters import Layout
from optcli.randomness import Stream
from optcli.registry import Registry
from optcli.specs import Doc, Gt, Registered

# Elements of a tile: its arrays (parameters, gradient, state, work) stay in the
# second-level cache, and NumPy's price of a call is spread over enough of them.
TILE = 65_536


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


@dataclass(frozen=True)
class Optimizer(Registered, ABC):
    """An update rule; its fields are its hyperparameters.

    A stack of R optimizers of one class is an instance too, whose numbers are
    columns (R, 1), and whose learning rate is (K, R, 1) over K steps.
    """

    # Scratch arrays that an update needs.
    scratch: ClassVar[int] = 1
    # What becomes of `weight_decay`.
    decay: ClassVar[Decay] = "coupled"
    # Hyperparameters that must be equal to be stacked, as switches and names must.
    structure: ClassVar[tuple[str, ...]] = ()
    # The slot that holds the model, where that is not the point x at which the
    # gradient is taken; "" where it is x.
    model: ClassVar[str] = ""
    # Whether `update` wants standard normal numbers, as an array after the slots.
    noisy: ClassVar[bool] = False
    # Whether `update` wants the loss at x, as the last of its numbers.
    sees_loss: ClassVar[bool] = False
    # Whether `update` wants an Oracle, as its last argument; of Shaped rules only.
    asks: ClassVar[bool] = False
    # Names of numbers that each replica keeps beside its arrays, in float64: products over
    # all steps so far, 1 at the start. `coefficients` gets them as they were before the
    # first of its steps, (R, 1), and returns them first of all, after each of its steps.
    products: ClassVar[tuple[str, ...]] = ()
    # What it asks for that only a model has, and no objective: `scores`, or gradients of
    # single `rows`.
    of_models: ClassVar[Literal["", "scores", "rows"]] = ""

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 1e-3

    def slots(self) -> tuple[str, ...]:
        """Names of the state arrays, each of the parameters' shape and zero at the start."""
        return ()

    def start(self, x: Array, *slots: Array) -> None:
        """Set the state where it does not start at zero; x is where the first step begins."""

    @abstractmethod
    def coefficients(self, t: Array) -> tuple[Array | float, ...]:
        """What `update` needs of the hyperparameters at step t, counted from 1.

        Called on a stack with t of shape (K, 1, 1); each result is broadcast to
        (K, R, 1). Computed in float64.
        """

    # update(x, g, *slots, *scratch, *coefficients) moves one tile in place: x (n, p) or
    # (p,); the coefficients have one number a row. It leaves g as it is.
    update: ClassVar[Callable[..., None]]


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

    def spaces(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the state for an array of `shape`; each has R in front.

        SAMPLES in a shape stands for the number of training rows.
        """
        return {}

    def rooms(self, shape: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
        """Shapes of the scratch arrays for an array of `shape`; each has R in front."""
        return (shape,) * self.scratch

    def slots(self) -> tuple[str, ...]:
        return tuple(self.spaces((1,)))


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


def stack(optimizers: Sequence[Optimizer]) -> Optimizer:
    """One instance with columns (R, 1) of float64 for the numbers of R of the same kind."""
    first = optimizers[0]
    columns = {
        field.name: np.array([[getattr(each, field.name)] for each in optimizers], np.float64)
        for field in fields(first)
        if _is_column(first, field.name)
    }
    return replace(first, **columns)  # type: ignore[arg-type]


def kind(optimizer: Optimizer) -> tuple[Any, ...]:
    """What optimizers must have in common to be stacked."""
    switches = tuple(
        getattr(optimizer, field.name)
        for field in fields(optimizer)
        if not _is_column(optimizer, field.name)
    )
    return type(optimizer), optimizer.slots(), _decays(optimizer), switches


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
    numbers = len(optimizer.products)
    if not isinstance(optimizer, Shaped):
        return len(optimizer.slots()) * layout.size + numbers
    shapes = optimizer.seen(layout).shapes.values()
    spaces = [space for shape in shapes for space in optimizer.spaces(shape).values()]
    return sum(math.prod(filled(space, samples)) for space in spaces) + numbers


def scratch_size(optimizer: Optimizer, layout: Layout) -> int:
    """Numbers that the scratch arrays of one replica hold; those of tiles are small."""
    if not isinstance(optimizer, Shaped):
        return 0
    shapes = optimizer.seen(layout).shapes.values()
    return sum(math.prod(room) for shape in shapes for room in optimizer.rooms(shape))


def filled(space: tuple[int, ...], samples: int) -> tuple[int, ...]:
    """The shape of state with the number of training rows in the place of SAMPLES."""
    return tuple(samples if size == SAMPLES else size for size in space)


def _is_column(optimizer: Optimizer, field: str) -> bool:
    value = getattr(optimizer, field)
    number = isinstance(value, float | int) and not isinstance(value, bool)
    return number and field not in optimizer.structure


def _decays(optimizer: Optimizer) -> bool:
    """Whether there is weight decay that the Stepper has to see to."""
    return optimizer.decay != "own" and getattr(optimizer, "weight_decay", 0) != 0


class Stepper:
    """Moves the parameters of a cohort, each row by its own optimizer.

    x, g: parameters and gradients (R, P). Neighbours of one kind share their
    calls. Owns the state, `slots`: one dictionary a group, of arrays with the group's
    rows in front. layout: the arrays that a row holds, for rules that look at them.
    seeds: of each row's noise. samples: how many training rows there are.
    """

    def __init__(
        self,
        optimizers: Sequence[Optimizer],
        x: Array,
        g: Array,
        tile: int = TILE,
        layout: Layout | None = None,
        seeds: Sequence[int] | None = None,
        samples: int = 1,
    ) -> None:
        self.x = x
        self.groups: list[_Group] = []
        layout = layout or Layout({"": (x.shape[1],)})
        seeds = seeds or [0] * len(x)
        row = 0
        for _, members in itertools.groupby(optimizers, key=kind):
            group = list(members)
            rows = slice(row, row + len(group))
            made = _Group(group, rows, x[rows], g[rows], tile, layout, seeds[rows], samples)
            self.groups.append(made)
            row += len(group)

    @property
    def slots(self) -> list[dict[str, Array]]:
        """The state of each group by name; live, not copied, but for the products as of now."""
        for group in self.groups:
            group.settle()
        return [group.slots | group.products for group in self.groups]

    def ask(self, oracle: Callable[[slice], Oracle]) -> None:
        """Give each rule that asks the oracle of its rows."""
        for group in self.groups:
            if group.optimizer.asks:
                group.oracle = oracle(group.rows)

    def plan(self, first: int, lr: Array, others: Mapping[str, Array] | None = None) -> None:
        """Prepare steps first, first + 1, … (from 1), at the learning rates lr (K, R).

        others: factors (K, R) on further hyperparameters by name, where a row has them.
        """
        factors = {name: np.broadcast_to(of, lr.shape) for name, of in (others or {}).items()}
        for group in self.groups:
            rows = group.rows
            own = {name: of[:, rows, None] for name, of in factors.items()}
            group.plan(first, lr[:, rows, None], own)

    def step(self, k: int, loss: Array | None = None) -> None:
        """Take the k-th of the planned steps, from 0; loss (R,) is that at x."""
        for group in self.groups:
            group.step(k, loss)

    @property
    def averages(self) -> bool:
        """Whether some row's model is not the point x at which its gradient is taken."""
        return any(group.optimizer.model for group in self.groups)

    def model(self, out: Array) -> None:
        """Write the model of each row into out (R, P): x, or the slot that holds it."""
        np.copyto(out, self.x)
        for group in self.groups:
            if group.optimizer.model:
                np.copyto(out[group.rows], group.slots[group.optimizer.model])


# What one call of `update` gets: x, g and slots; a decayed gradient and scratch; numbers.
_Call = tuple[tuple[Array, ...], tuple[Array, ...], tuple[Array, ...]]


class _Group:
    """Neighbouring rows with optimizers of one kind."""

    def __init__(
        self,
        optimizers: list[Optimizer],
        rows: slice,
        x: Array,
        g: Array,
        tile: int,
        layout: Layout,
        seeds: Sequence[int],
        samples: int,
    ) -> None:
        self.rows, self.x = rows, x
        self.oracle: Oracle | None = None
        self.stacked = stack(optimizers)
        self.optimizer = optimizers[0]
        self.decays = _decays(self.optimizer)
        self.coupled = self.optimizer.decay == "coupled"
        self.streams = [Stream(seed, "optimizer") for seed in seeds if self.optimizer.noisy]
        self.noise = [np.empty_like(x)] if self.streams else []

        self.products = {name: np.ones((len(x), 1)) for name in self.optimizer.products}
        self.after: tuple[Any, ...] = ()
        self.taken = -1  # the step of the plan that the products have yet to follow
        own = self._coefficients(1, np.ones((1, len(x), 1)), {})
        probe = len(own) - len(self.products)
        self.first = 1
        self.table = np.empty((1, probe, len(x), 1), x.dtype)
        seen = probe + self.optimizer.sees_loss
        self.current = np.empty((seen, len(x), 1), x.dtype)
        self.planned = self.current[:probe]
        if isinstance(self.optimizer, Shaped):
            layout = self.optimizer.seen(layout)
            self.slots = self._spaces(layout, x, samples)
            self.calls = list(self._blocks(self.optimizer, layout, x, g))
        else:
            self.slots = {name: np.zeros_like(x) for name in self.optimizer.slots()}
            self.calls = list(self._tiles(x, g, tile))

    def _coefficients(
        self, first: int, lr: Array, factors: Mapping[str, Array]
    ) -> tuple[Array | float, ...]:
        """Products first, then those of the optimizer, led by any weight decay."""
        values: dict[str, Any] = {
            name: getattr(self.stacked, name) * factor
            for name, factor in factors.items()
            if hasattr(self.stacked, name)
        }
        at = replace(self.stacked, **{"lr": lr, **values})
        t = np.arange(first, first + len(lr), dtype=np.float64)[:, None, None]
        coefficients: Callable[..., tuple[Array | float, ...]] = at.coefficients
        found = coefficients(t, *self.products.values())
        if not self.decays:
            return found
        after, own = found[: len(self.products)], found[len(self.products) :]
        decay: Array = at.weight_decay  # type: ignore[attr-defined]
        return (*after, decay if self.coupled else 1 - lr * decay, *own)

    def _tiles(self, x: Array, g: Array, tile: int) -> Iterator[_Call]:
        """The arguments of `update` for each tile, as views made once."""
        rows, size = x.shape
        own = self.optimizer.scratch
        work = np.empty((own + 1, min(max(tile, size if size < tile else 1), x.size)), x.dtype)
        whole = (x, g, *self.slots.values(), *self.noise)
        if size > tile or rows == 1:
            for row, start in itertools.product(range(rows), range(0, size, tile)):
                columns = slice(start, min(start + tile, size))
                arrays = tuple(array[row, columns] for array in whole)
                scratch = tuple(each[: columns.stop - start] for each in work)
                # numbers as arrays without axes take NumPy's shortest way
                numbers = tuple(each[row].reshape(()) for each in self.current)
                yield arrays, scratch, numbers
        else:
            height = tile // size
            for row in range(0, rows, height):
                span = slice(row, min(row + height, rows))
                arrays = tuple(array[span] for array in whole)
                n = (span.stop - row) * size
                scratch = tuple(each[:n].reshape(span.stop - row, size) for each in work)
                numbers = tuple(each[span] for each in self.current)
                yield arrays, scratch, numbers

    def _spaces(self, layout: Layout, x: Array, samples: int) -> dict[str, Array]:
        """The state of a Shaped rule: `array.slot` by name, or `slot` for all in one."""
        assert isinstance(self.optimizer, Shaped)
        return {
            f"{name}.{slot}" if name else slot: np.zeros((len(x), *filled(space, samples)), x.dtype)
            for name, shape in layout.shapes.items()
            for slot, space in self.optimizer.spaces(shape).items()
        }

    def _blocks(self, rule: Shaped, layout: Layout, x: Array, g: Array) -> Iterator[_Call]:
        """The arguments of a Shaped rule's `update` for each array of the layout."""
        noise = [layout.views(each) for each in self.noise]
        slots = iter(self.slots.values())
        at, slope = layout.views(x), layout.views(g)
        for name, shape in layout.shapes.items():
            own = itertools.islice(slots, len(rule.spaces(shape)))
            arrays = (at[name], slope[name], *own, *(each[name] for each in noise))
            rooms = (shape, *rule.rooms(shape))
            scratch = tuple(np.empty((len(x), *room), x.dtype) for room in rooms)
            ones = (1,) * len(shape)
            yield arrays, scratch, tuple(each.reshape(-1, *ones) for each in self.current)

    def settle(self) -> None:
        """Let the products be those after the last step, which a step leaves undone for speed."""
        if self.taken >= 0:
            for product, after in zip(self.products.values(), self.after, strict=True):
                np.copyto(product, after[self.taken])
        self.taken = -1

    def plan(self, first: int, lr: Array, factors: Mapping[str, Array]) -> None:
        self.settle()
        self.first = first
        if first == 1:
            self._start()
        found = self._coefficients(first, lr, factors)
        self.after, coefficients = found[: len(self.products)], found[len(self.products) :]
        shape = (len(lr), len(coefficients), lr.shape[1], 1)
        if self.table.shape != shape:
            self.table = np.empty(shape, self.table.dtype)
        for index, values in enumerate(coefficients):
            self.table[:, index] = values

    def _start(self) -> None:
        """Set the state to what it is before the first step."""
        for slot in self.slots.values():
            slot.fill(0)
        for product in self.products.values():
            product.fill(1)
        if not isinstance(self.optimizer, Shaped):
            self.stacked.start(self.x, *self.slots.values())
            return
        for (x, _, *slots), _, _ in self.calls:
            self.stacked.start(x, *slots[: len(slots) - len(self.noise)])

    def step(self, k: int, loss: Array | None = None) -> None:
        np.copyto(self.planned, self.table[k])
        self.taken = k
        if self.optimizer.sees_loss:
            assert loss is not None, f"{self.optimizer.name} needs the loss"
            np.copyto(self.current[-1, :, 0], loss[self.rows])
        if self.streams:
            for stream, row in zip(self.streams, self.noise[0], strict=True):
                stream.at(self.first + k).standard_normal(dtype=row.dtype, out=row)
        update = self.optimizer.update
        if self.optimizer.asks:
            update = partial(update, oracle=self.oracle)
        if not self.decays:
            for arrays, scratch, numbers in self.calls:
                update(*arrays, *scratch[1:], *numbers)
            return
        for (x, g, *slots), (decayed, *work), (decay, *own) in self.calls:
            if self.coupled:
                np.multiply(x, decay, decayed)
                np.add(decayed, g, decayed)
                update(x, decayed, *slots, *work, *own)
            else:
                np.multiply(x, decay, x)
                update(x, g, *slots, *work, *own)
