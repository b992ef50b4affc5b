"""What passes through a model: one batch, or one row, forward and backward.

passes    one batch, layer by layer
sample    one row's own numbers on the same way
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import Fault, InvalidInput
from optcli.core.parameters import Parameters
from optcli.data.batches import Batches, Source
from optcli.data.targets import Target
from optcli.models import Network
from optcli.objectives.model import ObjectiveModel
from optcli.training import Cohort


@dataclass(frozen=True)
class LayerOutput:
    """What a layer makes of a batch: mean, deviation and share of zeros of its output rows."""

    layer: str
    shape: tuple[int, ...]
    parameters: int
    mean: float
    deviation: float
    zeros: float


@dataclass(frozen=True)
class Gradient:
    """The gradient of the loss by a layer's output, or by one of its parameters.

    parameter: None for the output. norm: Euclidean. largest: the size of an entry.
    """

    layer: str
    parameter: str | None
    shape: tuple[int, ...]
    norm: float
    largest: float


@dataclass(frozen=True)
class Passes:
    """One batch on its way forward, and its gradient on the way back, from the last layer on."""

    rows: int
    loss: float
    parameters: int
    forward: tuple[LayerOutput, ...]
    backward: tuple[Gradient, ...]


def passes(cohort: Cohort) -> Passes:
    """What the first batch of a training meets: the first replica's, before any update.

    Dropout and batch norm are on, regularization is left out.
    """
    replica, architecture = cohort.replicas[0], cohort.architecture()
    layout = architecture.layout
    source = Source(replica.data.train, replica.seed)
    batch = next(Batches([source], cohort.batch, shuffle=cohort.training.shuffle).epoch(1))

    parameters, gradients = (
        Parameters(layout, np.zeros((1, layout.size), cohort.dtype)) for _ in range(2)
    )
    architecture.initialize(parameters.buffer[0], replica.seed)
    network = Network(
        architecture, parameters, gradients, batch.stop, training=True, seeds=[replica.seed]
    )
    outputs: list[LayerOutput] = []
    x = batch.x[0].reshape(batch.stop, *architecture.shape)
    for step, each in zip(architecture.steps, network.passes, strict=True):
        x = each.forward(x)
        count = sum(math.prod(size) for size in step.layer.parameters(step.shape).values())
        seen = x.astype(np.float64)
        zeros = float((seen == 0).mean())
        outputs.append(
            LayerOutput(step.name, x.shape[1:], count, float(seen.mean()), float(seen.std()), zeros)
        )
    loss = cohort.loss.value_and_gradient(x[None], batch.y, network.gradient, batch.weight)

    found: list[Gradient] = []
    dy = network.gradient[0]
    for step, each in reversed(list(zip(architecture.steps, network.passes, strict=True))):
        found.append(_gradient(step.name, None, dy[0].shape, dy))
        dy = each.backward(dy)
        for name, size in step.layer.parameters(step.shape).items():
            view = gradients.views[f"{step.name}.{name}"]
            found.append(_gradient(step.name, name, size, view))
    return Passes(batch.stop, float(loss[0]), layout.size, tuple(outputs), tuple(found))


@dataclass(frozen=True)
class Numbers:
    """What one row makes of a layer, or its gradient there.

    layer: `input`, a layer's name or `prediction`. parameter: None for the layer's output.
    values: of the shape that a row or the parameter has.
    """

    layer: str
    parameter: str | None
    values: Array


@dataclass(frozen=True)
class Sample:
    """One training row on its way forward, and its gradient on the way back.

    row: from 1, of so many `rows`. target: as the data has it. loss: of this row alone. forward:
    input, then each layer's parameters and output, then the prediction: probabilities, or values
    in the data's units. backward: from the scores on, each layer's output and parameters.
    """

    row: int
    rows: int
    target: str
    loss: float
    parameters: int
    forward: tuple[Numbers, ...]
    backward: tuple[Numbers, ...]


def sample(cohort: Cohort, row: int) -> Sample:
    """The numbers of one training row, before any update; raises InvalidInput for a row beyond.

    Dropout is off, and batch norm has its first running mean and variance, 0 and 1: of one row
    alone there is nothing to normalize by. Regularization is left out.
    """
    replica, architecture = cohort.replicas[0], cohort.architecture()
    part, layout = replica.data.train, architecture.layout
    if isinstance(cohort.model, ObjectiveModel):
        message = "is for a row of data; an objective has none"
        raise InvalidInput(Fault(message, parameter="row"))
    if not 1 <= row <= len(part.x):
        message = f"is {row}; must be 1 to {len(part.x):,}, the number of training rows"
        raise InvalidInput(Fault(message, parameter="row"))
    x, y = part.x[row - 1 : row], part.y[None, row - 1 : row]
    parameters, gradients = (
        Parameters(layout, np.zeros((1, layout.size), cohort.dtype)) for _ in range(2)
    )
    architecture.initialize(parameters.buffer[0], replica.seed)
    kept = architecture.statistics
    statistics = Parameters(kept, np.zeros((1, kept.size), cohort.dtype))
    architecture.initialize_statistics(statistics.buffer)
    network = Network(architecture, parameters, gradients, 1, training=False, statistics=statistics)
    names = [
        [(name, f"{step.name}.{name}") for name in step.layer.parameters(step.shape)]
        for step in architecture.steps
    ]
    x = x.reshape(1, *architecture.shape)
    forward = [Numbers("input", None, x[0].copy())]
    for step, each, own in zip(architecture.steps, network.passes, names, strict=True):
        x = each.forward(x)
        forward += [Numbers(step.name, name, parameters.views[key][0]) for name, key in own]
        forward.append(Numbers(step.name, None, x[0].copy()))
    loss = cohort.loss.value_and_gradient(x[None], y, network.gradient, None)
    decoded = replica.data.encoder.decode(cohort.loss.respond(x.copy())).values()
    predicted = [column[0] for column in decoded if column.dtype.kind == "f"]
    forward.append(Numbers("prediction", None, np.array(predicted)))
    backward = []
    dy = network.gradient[0]
    steps = list(zip(architecture.steps, network.passes, names, strict=True))
    for step, each, own in reversed(steps):
        backward.append(Numbers(step.name, None, dy[0].copy()))
        dy = each.backward(dy)
        backward += [Numbers(step.name, name, gradients.views[key][0]) for name, key in own]
    shown = _target(replica.data.encoder.target, part.y[row - 1])
    return Sample(
        row, len(part.x), shown, float(loss[0]), layout.size, tuple(forward), tuple(backward)
    )


def _target(target: Target, y: Array) -> str:
    """What a row's target is: its class, or numbers in the data's units."""
    if target.kind == "classes" and len(target.classes) == 1:
        return str(target.classes[0][int(y)])
    return ", ".join(f"{value:.4g}" for value in target.restore(np.ravel(y)))


def _gradient(layer: str, parameter: str | None, shape: tuple[int, ...], g: Array) -> Gradient:
    g = g.astype(np.float64)
    return Gradient(layer, parameter, shape, float(np.linalg.norm(g)), float(np.abs(g).max()))
