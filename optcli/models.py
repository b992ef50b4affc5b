"""Models: layers in a row, mapping the features of a row to its scores.

A model (`mlp`, say) is data. For given inputs and outputs it becomes an
Architecture: layers, and where their parameters lie. A Network is an
architecture at work on the parameters of a cohort, on batches of one size.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from optcli.arrays import Array
from optcli.errors import Fault, InvalidInput
from optcli.layers.activations import ACTIVATIONS
from optcli.layers.base import Layer, Place
from optcli.layers.dense import Dense
from optcli.layers.initializers import INITIALIZERS
from optcli.parameters import Layout, Parameters
from optcli.randomness import generator
from optcli.registry import Registry
from optcli.specs import Doc, Ge, MinLen, Named, Registered


@dataclass(frozen=True)
class Model(Registered, ABC):
    """What maps D features to C scores."""

    @abstractmethod
    def layers(self, outputs: int) -> list[Layer]:
        """The layers, from the features to `outputs` scores."""


MODELS: Registry[Model] = Registry("model", "models", "optcli.models")


@MODELS.register("linear")
@dataclass(frozen=True)
class Linear(Model):
    """Scores are x·W + b: softmax, logistic and linear regression, by the loss.

    Example: `model: {name: linear, init: zeros}`
    """

    init: Annotated[str, Named("initializers"), Doc("initializer of the weights")] = "lecun"

    def layers(self, outputs: int) -> list[Layer]:
        return [Dense(outputs, init=self.init)]


@MODELS.register("mlp")
@dataclass(frozen=True)
class MLP(Model):
    """A multilayer perceptron: dense layers with an activation between them.

    Example: `model: {name: mlp, hidden: [64, 64], activation: tanh}`
    """

    hidden: Annotated[
        tuple[Annotated[int, Ge(1)], ...], MinLen(1), Doc("units of each hidden layer")
    ] = (32,)
    activation: Annotated[str, Named("activations"), Doc("between the layers")] = "relu"
    init: Annotated[
        str | None, Named("initializers"), Doc("of the weights; by default the activation's usual")
    ] = None

    def __post_init__(self) -> None:
        if self.init == "zeros":
            message = "is zeros, from which hidden units cannot learn; allowed for linear only"
            raise InvalidInput(Fault(message, key="init"))

    def layers(self, outputs: int) -> list[Layer]:
        activation = ACTIVATIONS.find(self.activation)()
        layers: list[Layer] = []
        for units in self.hidden:
            layers += [Dense(units, init=self.init or activation.usual_init), activation]
        return [*layers, Dense(outputs, init=self.init or "lecun")]


@dataclass(frozen=True)
class Step:
    """One layer of an architecture: its name, as in `dense1`, and the shape of its input rows."""

    name: str
    layer: Layer
    shape: tuple[int, ...]


class Architecture:
    """A model's layers for rows of D features and C scores, and the layout of its parameters."""

    def __init__(self, model: Model, features: int, outputs: int) -> None:
        self.steps: list[Step] = []
        shapes: dict[str, tuple[int, ...]] = {}
        shape: tuple[int, ...] = (features,)
        counts: dict[str, int] = {}
        for layer in model.layers(outputs):
            kind = type(layer).__name__.lower()
            counts[kind] = counts.get(kind, 0) + 1
            step = Step(f"{kind}{counts[kind]}", layer, shape)
            for parameter, size in layer.parameters(shape).items():
                shapes[f"{step.name}.{parameter}"] = size
            self.steps.append(step)
            shape = layer.output(shape)
        self.outputs = outputs
        self.layout = Layout(shapes)

    def weights(self) -> list[str]:
        """Names of the parameters that regularization reaches: weights, not biases."""
        return [name for name in self.layout.shapes if name.endswith(".weight")]

    def initialize(self, row: Array, seed: int) -> None:
        """Write the parameters (P,) that a run with this seed starts from."""
        views = self.layout.views(row[None])
        for index, step in enumerate(self.steps):
            weight = views.get(f"{step.name}.weight")
            if weight is not None:
                fan_in, fan_out = step.layer.fans(step.shape)
                initializer = INITIALIZERS.find(step.layer.initializer())()
                random = generator(seed, "init", index)
                weight[0] = initializer.draw(random, weight.shape[1:], fan_in, fan_out)


class Network:
    """An architecture at work on the parameters of R replicas and batches of B rows.

    Without gradients it can only go forward.
    """

    def __init__(
        self,
        architecture: Architecture,
        parameters: Parameters,
        gradients: Parameters | None,
        rows: int,
        *,
        training: bool,
    ) -> None:
        def own(step: Step, of: Parameters | None) -> dict[str, Array]:
            names = step.layer.parameters(step.shape)
            return {} if of is None else {n: of.views[f"{step.name}.{n}"] for n in names}

        replicas, dtype = len(parameters.buffer), parameters.buffer.dtype
        self.single = replicas == 1
        self.gradient: Array = np.empty((replicas, rows, architecture.outputs), dtype)
        self.passes = []
        before = False  # whether anything before the layer has parameters
        for step in architecture.steps:
            place = Place(
                own(step, parameters),
                own(step, gradients),
                replicas,
                rows,
                step.shape,
                dtype,
                inputs_wanted=before,
                training=training,
            )
            self.passes.append(step.layer.bind(place))
            before = before or bool(place.parameters)

    def forward(self, x: Array) -> Array:
        """Scores (R, B, C) of x (R or 1, B, D); a buffer that the next call overwrites."""
        if self.single:
            x = x[0]
        for each in self.passes:
            x = each.forward(x)
        return x[None] if self.single else x

    def backward(self) -> None:
        """Write the gradients by the parameters, from `gradient`, that by the scores."""
        dy = self.gradient[0] if self.single else self.gradient
        for each in reversed(self.passes):
            dy = each.backward(dy)


def predict(architecture: Architecture, parameters: Parameters, x: Array, rows: int = 256) -> Any:
    """Scores (R, N, C) of the rows x (N, D), `rows` at a time."""
    scores = np.empty((len(parameters.buffer), len(x), architecture.outputs), x.dtype)
    network = None
    for start in range(0, len(x), rows):
        part = x[None, start : start + rows]
        if network is None or part.shape[1] != rows:
            network = Network(architecture, parameters, None, part.shape[1], training=False)
        scores[:, start : start + rows] = network.forward(part)
    return scores
