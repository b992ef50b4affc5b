"""Descent: an objective as something to train, so that `train` does with it all it can do.

The model is a point, which is its own score whatever the row; the loss is the objective's
value there; the data is one row without features. A step is an epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from optcli.arrays import Array, Workspace
from optcli.data.base import Dataset, Roles
from optcli.data.encoding import Encoder, Target
from optcli.data.preparation import Part, Prepared
from optcli.data.reading import RULES, Reading
from optcli.data.table import Table
from optcli.errors import Fault, InvalidInput
from optcli.layers.base import Layer, Pass, Place
from optcli.losses.base import Loss
from optcli.metrics import Metric
from optcli.models import Model
from optcli.objectives import Objective
from optcli.optimizers.base import Optimizer
from optcli.randomness import Stream
from optcli.specs import TargetKind


@dataclass(frozen=True, kw_only=True)
class Ground(Dataset):
    """Where a descent takes place: an objective and a start (n,). It has no rows to read."""

    objective: Objective
    start: tuple[float, ...]

    def table(self, seed: int, rules: int = RULES) -> Table:
        message = "has no rows; 'optcli train' and 'optcli trace' take an objective"
        raise InvalidInput(Fault(message, "objective"))

    def roles(self) -> Roles:
        return Roles(self._names())

    def other(self, path: str, reading: Reading) -> Table:
        return self.table(0)

    def _names(self) -> tuple[str, ...]:
        return tuple(f"x{i}" for i in range(1, self.objective.size + 1))

    def prepared(self, dtype: Any) -> Prepared:
        """One row, to train on and to measure the end by."""
        n = self.objective.size
        part = Part(np.zeros((1, 0), dtype), np.zeros((1, n), dtype), None)
        target = Target("values", self._names(), mean=(0.0,) * n, scale=(1.0,) * n)
        return Prepared(part, None, part, Encoder((), target), n)

    def metrics(self) -> tuple[Metric, ...]:
        """How far the nearest minimum is, and the coordinates that a picture shows."""
        return Distance(self.objective), First(), Second()


def unfit(optimizer: Optimizer) -> str:
    """What to say of an optimizer that asks for what only a model on data has."""
    instead = {"scores": "newton", "rows": "svrg"}[optimizer.needs_model]
    return f"needs the {optimizer.needs_model} of a model; an objective has none; try {instead}"


@dataclass(frozen=True)
class Point(Model):
    """The point itself, (n,), from a start."""

    name: ClassVar[str] = "point"

    objective: Objective
    start: tuple[float, ...]

    def layers(self, outputs: int) -> list[Layer]:
        return [Standing(self.objective, self.start)]


@dataclass(frozen=True)
class Standing(Layer):
    """The point as scores (R, 1, n), and the gradient, with its noise, as the objective has it."""

    name: ClassVar[str] = "point"

    objective: Objective
    start: tuple[float, ...]

    def parameters(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return {"x": (len(self.start),)}

    def initialize(
        self, parameters: Mapping[str, Array], shape: tuple[int, ...], random: np.random.Generator
    ) -> None:
        parameters["x"][:] = self.start

    def output(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (len(self.start),)

    def bind(self, place: Place) -> Pass:
        return StandingPass(self.objective, place)


class StandingPass(Pass):
    """A point at work; the noise follows from the replica's seed and the step, as in `trace`."""

    def __init__(self, objective: Objective, place: Place) -> None:
        self.objective, self.clock = objective, place.clock
        self.x, self.g = place.parameters["x"], place.gradients.get("x")
        self.y = place.empty(objective.size)
        noisy = objective.noisy and place.training
        self.streams = [Stream(seed, "objective") for seed in place.seeds if noisy]

    def forward(self, x: Array) -> Array:
        np.copyto(self.y, self.x[..., None, :])
        return self.y

    def backward(self, dy: Array) -> Array:
        assert self.g is not None
        np.copyto(self.g, dy[..., 0, :])
        rows = self.g.reshape(-1, self.objective.size, copy=False)
        for stream, row in zip(self.streams, rows, strict=False):
            normal = stream.at(self.clock.step).standard_normal(self.objective.size)
            self.objective.noise(normal, row[None])
        return dy


@dataclass(frozen=True)
class Height(Loss):
    """The objective's value at the scores."""

    name: ClassVar[str] = "objective"
    target: ClassVar[TargetKind] = "values"

    objective: Objective

    def samples(
        self, prediction: Array, target: Array, gradient: Array | None, work: Workspace
    ) -> Array:
        R, B, n = prediction.shape
        points = prediction.reshape(-1, n)
        if gradient is not None:
            self.objective.gradient(points, gradient.reshape(-1, n, copy=False))
        values = self.objective.value(points).astype(prediction.dtype, copy=False)
        return values.reshape(R, B)


@dataclass(frozen=True)
class Distance(Metric):
    """How far the nearest minimum is."""

    name: ClassVar[str] = "distance"
    kinds: ClassVar[frozenset[TargetKind]] = frozenset({"values"})
    higher_is_better: ClassVar[bool] = False

    objective: Objective

    def measure(self, scores: Array, target: Array, weight: Array | None = None) -> Array:
        return self.objective.distance(scores[:, 0])


@dataclass(frozen=True)
class First(Metric):
    """Where the point is, along the first axis."""

    name: ClassVar[str] = "x1"
    kinds: ClassVar[frozenset[TargetKind]] = frozenset({"values"})

    def measure(self, scores: Array, target: Array, weight: Array | None = None) -> Array:
        return scores[:, 0, 0].astype(np.float64)


@dataclass(frozen=True)
class Second(Metric):
    """And along the second."""

    name: ClassVar[str] = "x2"
    kinds: ClassVar[frozenset[TargetKind]] = frozenset({"values"})

    def measure(self, scores: Array, target: Array, weight: Array | None = None) -> Array:
        return scores[:, 0, 1].astype(np.float64)
