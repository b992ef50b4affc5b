"""On the way: what layers compute, and the gradients of their weights, at points of a training.

The same rows are measured at each point, in evaluation mode: dropout is off and batch norm
normalizes by its running mean and variance. Regularization is left out of the gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from optcli.core.arrays import Array
from optcli.core.parameters import Parameters
from optcli.data.preparation import Part
from optcli.layers.activations import Activation
from optcli.layers.base import Layer, Pass, Step
from optcli.layers.residual import Residual, ResidualPass
from optcli.models import Architecture, Network
from optcli.training.cohort import Cohort

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class LayerTrack:
    """One layer with weights, at K points of a training.

    layer: its name, such as `dense1`; of a residual block `residual1.dense1`. output: the layer
    whose output is measured, which is the activation after it, or itself where there is none.
    units: entries of an output row, or channels of an image. activations: (K, 5), quantiles of the
    outputs of all units in all rows. gradients: (K, 5), of the sizes of the entries of the
    gradient of the mean loss with respect to the weights. dead: (K,), units of the activation whose
    output is 0 for every row; None without an activation.
    """

    layer: str
    output: str
    units: int
    activations: Array
    gradients: Array
    dead: Array | None


@dataclass(frozen=True)
class Layers:
    """The layers of a model at K points of its training.

    title: of the run or the config. outcome: of the training. rows: that were measured, of so many
    `training_rows`. epochs, steps: (K,), 0 first. quantiles: that each layer's `activations` and
    `gradients` (K, 5) have. layers: from the first to the last. notes: sentences worth saying.
    """

    title: str
    outcome: str
    rows: int
    training_rows: int
    epochs: Array
    steps: Array
    quantiles: tuple[float, ...]
    layers: tuple[LayerTrack, ...]
    notes: tuple[str, ...]


def layer_tracks(cohort: Cohort, part: Part, points: Array, statistics: Array) -> list[LayerTrack]:
    """Measure each layer with weights at points (K, P), with running statistics (K, S).

    The list is empty for a model without weights.
    """
    architecture = cohort.architecture()
    parameters, gradients = (_empty(architecture, cohort.dtype) for _ in range(2))
    own = Parameters(
        architecture.statistics, np.zeros((1, architecture.statistics.size), cohort.dtype)
    )
    rows = len(part.x)
    network = Network(architecture, parameters, gradients, rows, training=False, statistics=own)
    seen: dict[str, _Watched] = {}
    _watch(architecture.steps, network.passes, "", seen)
    blocks = _blocks(seen)
    weight = None if part.weight is None else part.weight[None]
    slopes: dict[str, list[Array]] = {name: [] for name in blocks}
    for output in blocks.values():
        seen[output].wanted = True
    with np.errstate(all="ignore"):
        for point, running in zip(points, statistics, strict=True):
            parameters.buffer[0], own.buffer[0] = point, running
            scores = network.forward(part.x[None])
            cohort.loss.value_and_gradient(scores, part.y[None], network.gradient, weight)
            network.backward()
            for name, found in slopes.items():
                found.append(_quantiles(np.abs(gradients.views[f"{name}.weight"])))
    return [
        LayerTrack(
            name,
            output,
            seen[output].units,
            np.array(seen[output].quantiles),
            np.array(slopes[name]),
            np.array(seen[output].dead) if isinstance(seen[output].layer, Activation) else None,
        )
        for name, output in blocks.items()
    ]


def _empty(architecture: Architecture, dtype: np.dtype[np.floating]) -> Parameters:
    return Parameters(architecture.layout, np.zeros((1, architecture.layout.size), dtype))


class _Watched(Pass):
    """A pass whose outputs are measured before the next layer may overwrite them."""

    def __init__(self, step: Step, inner: Pass) -> None:
        self.layer: Layer = step.layer
        self.weights = len(step.layer.parameters(step.shape).get("weight", ()))  # their axes
        self.units = step.output[0]
        self.inner, self.wanted = inner, False
        self.quantiles: list[Array] = []
        self.dead: list[int] = []

    def forward(self, x: Array) -> Array:
        y = self.inner.forward(x)
        if self.wanted:
            others = tuple(axis for axis in range(y.ndim) if axis != 1)
            self.dead.append(int((y == 0).all(axis=others).sum()))
            self.quantiles.append(_quantiles(y))
        return y

    def backward(self, dy: Array) -> Array:
        return self.inner.backward(dy)


def _watch(
    steps: Sequence[Step], passes: list[Pass], within: str, seen: dict[str, _Watched]
) -> None:
    """Put a watch around each pass, those within residual blocks too; names as parameters have."""
    for k, (step, each) in enumerate(zip(steps, list(passes), strict=True)):
        name = within + step.name
        if isinstance(step.layer, Residual) and isinstance(each, ResidualPass):
            _watch(step.layer.steps(step.shape), each.passes, f"{name}.", seen)
        else:
            passes[k] = seen[name] = _Watched(step, each)


def _blocks(seen: dict[str, _Watched]) -> dict[str, str]:
    """For each layer with weights the activation that follows it, else the layer itself."""
    found: dict[str, str] = {}
    for name, each in seen.items():
        if each.weights >= 2:
            found[name] = last = name
        elif isinstance(each.layer, Activation) and found and found[last] == last:
            found[last] = name
    return found


def _quantiles(values: Array) -> Array:
    found: Array = np.quantile(values.astype(np.float64), QUANTILES)
    return found
