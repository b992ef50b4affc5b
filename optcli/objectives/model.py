"""An objective as a model: the point, which is its own score whatever the row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from optcli.core.arrays import Array
from optcli.core.randomness import Stream
from optcli.layers.base import Binding, Layer, Pass
from optcli.models import Model
from optcli.objectives.functions import Objective
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
    """A point at work; the noise follows from the replica's seed and the step, as in `trace`."""

    def __init__(self, objective: Objective, binding: Binding) -> None:
        self.objective, self.clock = objective, binding.clock
        self.x, self.g = binding.parameters["x"], binding.gradients.get("x")
        self.y = binding.empty(objective.size)
        noisy = objective.noisy and binding.training
        self.streams = [Stream(seed, "objective") for seed in binding.seeds if noisy]

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
