"""Walks: optimizers taking a few steps along made-up gradients, for the laws to compare."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from optcli.core.arrays import Array
from optcli.core.parameters import Layout
from optcli.optimizers.base import Optimizer, Shaped
from optcli.optimizers.stepper import TILE, Stepper

# Of 50 parameters: a weight, a bias, a kernel, and the thinnest of arrays.
SHAPES = {"w": (4, 5), "b": (5,), "k": (2, 3, 2, 1), "column": (6, 1), "row": (1, 6), "one": (1,)}
LAYOUT = Layout(SHAPES)
# For rules whose steps are slow: that look at arrays, or ask for gradients elsewhere.
SMALL = Layout({"w": (2, 3), "b": (3,), "k": (2, 1, 2, 1), "one": (1,)})
STEPS, STEPS_OF_SHAPED, STEPS_OF_ORACLES, STEPS_OF_TILES = 12, 8, 6, 5
ROWS = 12  # of the training set, for rules that ask for them
# How a rule declares its state, for messages.
STATE = "state = ('m',)"


class RowsOracle:
    """An oracle of functions of rows: ½(aᵢ·x − bᵢ)⁴ + ½(aᵢ·x − bᵢ)², four of twelve in turn.

    slope: a gradient to answer with instead.
    """

    steps_per_epoch = 3
    needed: Array | None = None

    def __init__(
        self, size: int, replicas: int, dtype: Any, slope: Callable[[Array], Array] | None = None
    ) -> None:
        random = np.random.default_rng(7)
        self.a = (random.standard_normal((ROWS, size)) / 7).astype(dtype)
        self.b = random.standard_normal(ROWS).astype(dtype)
        self.replicas, self.slope, self.step = replicas, slope, 0
        self.parts = [slice(first, first + 4) for first in range(0, ROWS, 4)]

    def _part(self) -> slice:
        return self.parts[self.step % 3]

    def _slopes(self, x: Array, rows: slice) -> Array:
        a = self.a[rows]
        away = a @ x - self.b[rows]
        slopes: Array = (away * (2 * away * away + 1))[:, None] * a
        return slopes

    def gradient(self, x: Array, out: Array) -> Array:
        values = np.empty(len(x), x.dtype)
        a, b = self.a[self._part()], self.b[self._part()]
        for row, (at, slope) in enumerate(zip(x, out, strict=True)):
            if self.slope:
                slope[:] = self.slope(at)
                continue
            away = a @ at - b
            square = away * away
            np.matmul(away * (2 * square + 1) / len(a), a, out=slope)
            values[row] = np.vdot(square, square + 1) / (2 * len(a))
        return values

    def full_gradient(self, x: Array, out: Array) -> None:
        for at, slope in zip(x, out, strict=True):
            slope[:] = self._slopes(at, slice(None)).mean(axis=0)

    def gauss_newton(self, x: Array, v: Array, out: Array) -> None:
        for at, along, found in zip(x, v, out, strict=True):
            a, b = self.a[self._part()], self.b[self._part()]
            found[:] = ((6 * (a @ at - b) ** 2 + 1) * (a @ along)) @ a / len(a)

    def rows(self) -> tuple[Array, Array, Array]:
        shape = (self.replicas, 4)
        parts = np.broadcast_to(np.arange(ROWS)[self._part()], shape)
        own, all_ = (np.full(shape, 1 / n, self.a.dtype) for n in (4, ROWS))
        return parts, own, all_

    def row_gradients(self, x: Array) -> Array:
        return np.stack([self._slopes(at, self._part()) for at in x])


@dataclass(frozen=True)
class Sample:
    """Where rows start x (R, P), their gradients (T, R, P), losses (T, R), and seeds."""

    x: Array
    gradients: Array
    losses: Array
    seeds: tuple[int, ...]
    layout: Layout = LAYOUT

    @property
    def steps(self) -> int:
        """T, the steps there are gradients for."""
        return len(self.gradients)

    def of(self, *rows: int) -> Sample:
        """The sample of some of the rows."""
        own = list(rows)
        gradients, losses = self.gradients[:, own], self.losses[:, own]
        seeds = tuple(self.seeds[row] for row in rows)
        return replace(self, x=self.x[own], gradients=gradients, losses=losses, seeds=seeds)

    def first(self, steps: int) -> Sample:
        """The sample of the first steps."""
        return replace(self, gradients=self.gradients[:steps], losses=self.losses[:steps])


@functools.cache
def sample(
    replicas: int, steps: int = STEPS, dtype: Any = np.float64, *, small: bool = False
) -> Sample:
    """Normal numbers, the same ones each time."""
    random = np.random.default_rng(0)
    layout = SMALL if small else LAYOUT
    x = random.standard_normal((replicas, layout.size)).astype(dtype)
    losses = random.uniform(0.1, 3, (steps, replicas)).astype(dtype)
    gradients = random.standard_normal((steps, replicas, layout.size)).astype(dtype)
    return Sample(x, gradients, losses, tuple(range(replicas)), layout)


def fit(rule: Optimizer, replicas: int, dtype: Any = np.float64) -> Sample:
    """A sample for a rule; smaller for one whose steps are slow."""
    small = isinstance(rule, Shaped)
    steps = STEPS_OF_ORACLES if rule.needs_oracle else STEPS_OF_SHAPED if small else STEPS
    return sample(replicas, steps, dtype, small=small)


class Walk:
    """Optimizers on their way along the gradients of a sample.

    factors: on the learning rates, (T,).
    """

    def __init__(
        self,
        optimizers: Sequence[Optimizer],
        given: Sample,
        *,
        tile: int = TILE,
        factors: Array | None = None,
    ) -> None:
        self.given, self.optimizers = given, list(optimizers)
        self.x, self.g = given.x.copy(), np.empty_like(given.x)
        self.stepper = Stepper(
            self.optimizers, self.x, self.g, tile, given.layout, list(given.seeds), samples=ROWS
        )
        self.spoil(0)  # so that one who reads it finds the same each time
        self.oracles: list[RowsOracle] = []
        self.stepper.attach_oracles(self._oracle)
        self.factors = np.ones(len(given.gradients)) if factors is None else factors

    def _oracle(self, rows: slice) -> RowsOracle:
        self.oracles.append(RowsOracle(self.x.shape[1], len(self.x[rows]), self.x.dtype))
        return self.oracles[-1]

    def spoil(self, value: float) -> None:
        """Fill all scratch arrays."""
        for group in self.stepper.groups:
            for block in group.blocks:
                for each in (block.decayed, *block.scratch.values()):
                    each.fill(value)

    def plan(self, first: int, count: int) -> None:
        """Prepare `count` steps from `first`, counted from 0."""
        factors = self.factors[first : first + count, None]
        self.stepper.plan(first + 1, count, {"lr": factors})

    def step(self, t: int, k: int) -> None:
        """Take step t, from 0, which is the k-th of those planned."""
        np.copyto(self.g, self.given.gradients[t])
        for each in self.oracles:
            each.step = t
        self.stepper.step(k, self.given.losses[t])

    def go(self, first: int = 0, stop: int | None = None, plan: int | None = None) -> Walk:
        """Take the steps first, …, stop − 1, planned so many at a time."""
        stop = len(self.factors) if stop is None else stop
        plan = plan or stop - first
        for start in range(first, stop, plan):
            count = min(plan, stop - start)
            self.plan(start, count)
            for k in range(count):
                self.step(start + k, k)
        return self

    def found(self) -> Array:
        """Points and models, (R, 2, P)."""
        model = np.empty_like(self.x)
        self.stepper.model(model)
        return np.stack([self.x, model], axis=1)

    def saved(self) -> list[dict[str, Array]]:
        """A copy of the state."""
        return [{n: slot.copy() for n, slot in group.items()} for group in self.stepper.state]

    def restore(self, x: Array, saved: list[dict[str, Array]]) -> None:
        """Go on from another walk's point and state."""
        np.copyto(self.x, x)
        for group, kept in zip(self.stepper.state, saved, strict=True):
            for name, slot in group.items():
                np.copyto(slot, kept[name])


def walk(
    optimizers: Sequence[Optimizer],
    given: Sample,
    *,
    plan: int | None = None,
    **settings: Any,
) -> Array:
    """Points and models (R, 2, P) after all gradients; each rule an instance of its own."""
    own = [replace(optimizer) for optimizer in optimizers]
    return Walk(own, given, **settings).go(plan=plan).found()


def defaults(rule: Optimizer) -> Optimizer:
    """The rule with its default hyperparameters, as far as it has them."""
    try:
        return type(rule)()
    except TypeError:
        return rule


def values(rule: Optimizer) -> dict[str, Any]:
    """The hyperparameters of a rule by name."""
    return {field.name: getattr(rule, field.name) for field in fields(rule)}
