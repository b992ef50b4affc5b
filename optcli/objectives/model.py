"""An objective as a model: the point, which is its own score whatever the row."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.randomness import Stream
from optcli.layers.base import Binding, Layer, Pass
from optcli.models import Model
from optcli.objectives.base import Objective
from optcli.optimizers.base import Optimizer


def unfit(optimizer: Optimizer) -> str:
    """What to say of an optimizer that asks for what only a model on data has."""
    instead = {"scores": "newton", "rows": "svrg"}[optimizer.needs_model]
    return f"needs the {optimizer.needs_model} of a model; an objective has none; try {instead}"


@dataclass(frozen=True)
class ObjectiveModel(Model):
    """The point itself, (n,), from a start."""

    name: ClassVar[str] = "point"

    objective: Objective
    start: tuple[float, ...]

    def layers(self, outputs: int) -> list[Layer]:
        return [PointLayer(self.objective, self.start)]


@dataclass(frozen=True)
class PointLayer(Layer):
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

    def bind(self, binding: Binding) -> Pass:
        return PointPass(self.objective, binding)


class PointPass(Pass):
    """A point at work; the noise follows from the replica's seed and the step.

    It stands for that of a sample of rows, so that a pass over all of them has none.
    """

    def __init__(self, objective: Objective, binding: Binding) -> None:
        self.objective, self.clock = objective, binding.clock
        self.x, self.g = binding.parameters["x"], binding.gradients.get("x")
        self.y = binding.empty(objective.size)
        noisy = objective.noisy and binding.training
        # neighbours with one seed see the same numbers
        self.streams: list[tuple[Stream, slice]] = []
        for seed, rows in itertools.groupby(
            range(len(binding.seeds) * noisy), binding.seeds.__getitem__
        ):
            first, *more = rows
            self.streams.append((Stream(seed, "objective"), slice(first, first + len(more) + 1)))

    def forward(self, x: Array) -> Array:
        np.copyto(self.y, self.x[..., None, :])
        return self.y

    def backward(self, dy: Array) -> Array:
        assert self.g is not None
        np.copyto(self.g, dy[..., 0, :])
        rows = self.g.reshape(-1, self.objective.size, copy=False)
        if self.clock.whole:
            return dy
        for stream, own in self.streams:
            normal = stream.at(self.clock.step).standard_normal(self.objective.size)
            self.objective.noise(normal, rows[own])
        return dy
