"""Optimizer: an update rule, as data and a pure function. Stepper: rules at work on a cohort."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, ClassVar, Literal

import numpy as np

from optcli.arrays import Array
from optcli.registry import Registry
from optcli.specs import Doc, Gt, Registered

# Elements of a tile: its arrays (parameters, gradient, state, work) stay in the
# second-level cache, and NumPy's price of a call is spread over enough of them.
TILE = 32_768


@dataclass(frozen=True)
class Optimizer(Registered, ABC):
    """An update rule; its fields are its hyperparameters.

    A stack of R optimizers of one class is an instance too, whose numbers are
    columns (R, 1), and whose learning rate is (K, R, 1) over K steps.
    """

    # Scratch arrays that an update needs.
    scratch: ClassVar[int] = 1
    # Whether `weight_decay` joins the gradient (as L2 regularization would) or
    # shrinks the parameters by itself.
    decay: ClassVar[Literal["coupled", "decoupled"]] = "coupled"

    lr: Annotated[float, Gt(0), Doc("learning rate")] = 1e-3

    def slots(self) -> tuple[str, ...]:
        """Names of the state arrays, each of the parameters' shape and zero at the start."""
        return ()

    def start(self, *slots: Array) -> None:
        """Set the state where it does not start at zero."""

    @abstractmethod
    def coefficients(self, t: Array) -> tuple[Array | float, ...]:
        """What `update` needs of the hyperparameters at step t, counted from 1.

        Called on a stack with t of shape (K, 1, 1); each result is broadcast to
        (K, R, 1). Computed in float64.
        """

    # update(x, g, *slots, *scratch, *coefficients) moves one tile in place: x (n, p) or
    # (p,); the coefficients have one number a row. It leaves g as it is.
    update: ClassVar[Callable[..., None]]


OPTIMIZERS: Registry[Optimizer] = Registry("optimizer", "optimizers", "optcli.optimizers")


def power(base: Array | float, t: Array) -> Array:
    """Base ** t, elementwise, with the same bits for a pair in whatever company.

    NumPy takes other ways to a power for broadcast arrays than for contiguous
    ones, and they may differ in the last bit.
    """
    shape = np.broadcast_shapes(np.shape(base), t.shape)
    whole = (np.ascontiguousarray(np.broadcast_to(part, shape)) for part in (base, t))
    result: Array = np.power(*whole)
    return result


def stack(optimizers: Sequence[Optimizer]) -> Optimizer:
    """One instance with columns (R, 1) of float64 for the numbers of R of the same kind."""
    columns = {
        field.name: np.array([[getattr(each, field.name)] for each in optimizers], np.float64)
        for field in fields(optimizers[0])
        if isinstance(getattr(optimizers[0], field.name), float | int)
        and not isinstance(getattr(optimizers[0], field.name), bool)
    }
    return replace(optimizers[0], **columns)  # type: ignore[arg-type]


def kind(optimizer: Optimizer) -> tuple[Any, ...]:
    """What optimizers must have in common to be stacked."""
    switches = tuple(
        value
        for field in fields(optimizer)
        if not isinstance(value := getattr(optimizer, field.name), float | int)
        or isinstance(value, bool)
    )
    decays = getattr(optimizer, "weight_decay", 0) != 0
    return type(optimizer), optimizer.slots(), decays, switches


class Stepper:
    """Moves the parameters of a cohort, each row by its own optimizer.

    x, g: parameters and gradients (R, P). Neighbours of one kind share their
    calls. Owns the state, `slots`: one dictionary a group, of (rows, P) arrays.
    """

    def __init__(
        self, optimizers: Sequence[Optimizer], x: Array, g: Array, tile: int = TILE
    ) -> None:
        self.groups: list[_Group] = []
        row = 0
        for _, members in itertools.groupby(optimizers, key=kind):
            group = list(members)
            rows = slice(row, row + len(group))
            self.groups.append(_Group(group, rows, x[rows], g[rows], tile))
            row += len(group)

    @property
    def slots(self) -> list[dict[str, Array]]:
        """The state of each group by name; live, not copied."""
        return [group.slots for group in self.groups]

    def plan(self, first: int, lr: Array) -> None:
        """Prepare steps first, first + 1, … (from 1), at the learning rates lr (K, R)."""
        for group in self.groups:
            group.plan(first, lr[:, group.rows, None])

    def step(self, k: int) -> None:
        """Take the k-th of the planned steps, from 0."""
        for group in self.groups:
            group.step(k)


class _Group:
    """Neighbouring rows with optimizers of one kind, cut into tiles."""

    def __init__(
        self, optimizers: list[Optimizer], rows: slice, x: Array, g: Array, tile: int
    ) -> None:
        self.rows = rows
        self.stacked = stack(optimizers)
        self.optimizer = optimizers[0]
        self.slots = {name: np.zeros_like(x) for name in self.optimizer.slots()}
        self.stacked.start(*self.slots.values())
        self.decays = getattr(self.optimizer, "weight_decay", 0) != 0
        self.coupled = self.optimizer.decay == "coupled"

        probe = self._coefficients(1, np.ones((1, len(x), 1)))
        self.table = np.empty((1, len(probe), len(x), 1), x.dtype)
        self.current = np.empty((len(probe), len(x), 1), x.dtype)
        self.tiles = list(self._cut(x, g, tile))

    def _coefficients(self, first: int, lr: Array) -> tuple[Array | float, ...]:
        """Those of the optimizer; in front the weight decay, where there is one."""
        at = replace(self.stacked, lr=lr)  # type: ignore[arg-type]
        t = np.arange(first, first + len(lr), dtype=np.float64)[:, None, None]
        own = at.coefficients(t)
        if not self.decays:
            return own
        decay: Array = at.weight_decay  # type: ignore[attr-defined]
        return (decay if self.coupled else 1 - lr * decay, *own)

    def _cut(self, x: Array, g: Array, tile: int) -> list[tuple[tuple[Array, ...], ...]]:
        """The arguments of `update` for each tile, as views made once."""
        rows, size = x.shape
        own = self.optimizer.scratch
        work = np.empty((own + 1, min(max(tile, size if size < tile else 1), x.size)), x.dtype)
        whole = (x, g, *self.slots.values())
        tiles: list[tuple[tuple[Array, ...], ...]] = []
        if size > tile or rows == 1:
            for row, start in itertools.product(range(rows), range(0, size, tile)):
                columns = slice(start, min(start + tile, size))
                arrays = tuple(array[row, columns] for array in whole)
                scratch = tuple(each[: columns.stop - start] for each in work)
                # numbers as arrays without axes take NumPy's shortest way
                numbers = tuple(each[row].reshape(()) for each in self.current)
                tiles.append((arrays, scratch, numbers))
        else:
            height = tile // size
            for row in range(0, rows, height):
                span = slice(row, min(row + height, rows))
                arrays = tuple(array[span] for array in whole)
                n = (span.stop - row) * size
                scratch = tuple(each[:n].reshape(span.stop - row, size) for each in work)
                numbers = tuple(each[span] for each in self.current)
                tiles.append((arrays, scratch, numbers))
        return tiles

    def plan(self, first: int, lr: Array) -> None:
        coefficients = self._coefficients(first, lr)
        shape = (len(lr), len(coefficients), lr.shape[1], 1)
        if self.table.shape != shape:
            self.table = np.empty(shape, self.table.dtype)
        for index, values in enumerate(coefficients):
            self.table[:, index] = values

    def step(self, k: int) -> None:
        np.copyto(self.current, self.table[k])
        update = self.optimizer.update
        if not self.decays:
            for arrays, scratch, numbers in self.tiles:
                update(*arrays, *scratch[1:], *numbers)
            return
        for (x, g, *slots), (decayed, *work), (decay, *own) in self.tiles:
            if self.coupled:
                np.multiply(x, decay, decayed)
                np.add(decayed, g, decayed)
                update(x, decayed, *slots, *work, *own)
            else:
                np.multiply(x, decay, x)
                update(x, g, *slots, *work, *own)
