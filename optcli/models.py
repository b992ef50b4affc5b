"""Models: sequences of layers that map the features of a row to its scores.

A model, such as `mlp`, is data. With given inputs and outputs it becomes an Architecture: its
layers, and the layout of their parameters. A Network is an architecture bound to the
parameters of a cohort, for batches of one size.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import Fault, InvalidInput
from optcli.core.inputs import Inputs
from optcli.core.parameters import Layout, Parameters
from optcli.core.randomness import generator
from optcli.core.registry import Registry
from optcli.core.specs import Doc, Ge, Lt, MinLen, Named, Registered
from optcli.layers.activations import ACTIVATIONS
from optcli.layers.base import Binding, Clock, Layer, Step, bind_row, row_of
from optcli.layers.batch_norm import BatchNorm
from optcli.layers.convolution import Convolution
from optcli.layers.dense import Dense
from optcli.layers.dropout import Dropout
from optcli.layers.flatten import Flatten
from optcli.layers.layer_norm import LayerNorm
from optcli.layers.pooling import AveragePool, MaxPool
from optcli.layers.residual import Residual


@dataclass(frozen=True)
class Model(Registered, ABC):
    """A map of D features to C scores."""

    # Whether its input rows are images (C, H, W); otherwise they are features (D,).
    takes_images: ClassVar[bool] = False

    @abstractmethod
    def layers(self, outputs: int) -> list[Layer]:
        """The layers that map the features to `outputs` scores."""


MODELS: Registry[Model] = Registry("model", "models", "optcli.models", Model)


# Scores near zero make the first loss that of a constant prediction.
OUTPUT_INIT = "small"


@MODELS.register("linear")
@dataclass(frozen=True)
class Linear(Model):
    """Linear model, x·W + b: linear, logistic or softmax regression, depending on the loss.

    Use it when rows are few, or effects must be read from weights; it is the baseline of every
    network. Avoid it where inputs interact or bend the answer.

    Example: `model: {name: linear, init: zeros}`
    """

    init: Annotated[str, Named("initializers"), Doc("initializer of the weights")] = OUTPUT_INIT

    def layers(self, outputs: int) -> list[Layer]:
        return [Dense(outputs, init=self.init)]


Units = Annotated[int, Ge(1)]
Init = Annotated[
    str | None,
    Named("initializers"),
    Doc("initializer of all weights; by default that of the activation for hidden layers"),
]
OutputInit = Annotated[
    str | None,
    Named("initializers"),
    Doc(f"initializer of the output layer; by default init if that is given, else {OUTPUT_INIT}"),
]
ActivationName = Annotated[str, Named("activations"), Doc("activation of the hidden layers")]
Rate = Annotated[float, Ge(0), Lt(1), Doc("dropout rate of the hidden units")]


@MODELS.register("mlp")
@dataclass(frozen=True)
class MLP(Model):
    """Multilayer perceptron: dense layers with an activation between them.

    Each hidden layer is dense, then (optionally) batch norm or layer norm, the activation,
    and (optionally) dropout. With `residual`, the input of a hidden layer is added to its
    output if both have the same number of units.

    Use it when inputs interact and there are some hundred rows or more. Avoid it with few rows: a
    linear model is often as good.

    Example: `model: {name: mlp, hidden: [64, 64], activation: tanh}`
    """

    hidden: Annotated[tuple[Units, ...], MinLen(1), Doc("units of each hidden layer")] = (32,)
    activation: ActivationName = "relu"
    init: Init = None
    output_init: OutputInit = None
    dropout: Rate = 0.0
    batch_norm: Annotated[bool, Doc("normalize over the batch, before the activation")] = False
    layer_norm: Annotated[bool, Doc("normalize over the units, before the activation")] = False
    residual: Annotated[
        bool, Doc("residual connections: add the input of a hidden layer to its output")
    ] = False

    def __post_init__(self) -> None:
        _check(self.init)
        object.__setattr__(self, "output_init", self.output_init or self.init or OUTPUT_INIT)
        if self.batch_norm and self.layer_norm:
            raise InvalidInput(
                Fault("cannot be combined with batch_norm; set only one", "layer_norm")
            )

    def layers(self, outputs: int) -> list[Layer]:
        layers: list[Layer] = []
        before = 0
        for units in self.hidden:
            block = _block(
                Dense(units, init=_init(self)),
                self,
                norm=BatchNorm() if self.batch_norm else LayerNorm() if self.layer_norm else None,
                dropout=self.dropout,
            )
            layers += [Residual(tuple(block))] if self.residual and units == before else block
            before = units
        return [*layers, Dense(outputs, init=self.output_init or OUTPUT_INIT)]


@MODELS.register("cnn", "convnet")
@dataclass(frozen=True)
class CNN(Model):
    """Convolutional network for images.

    For each entry of `channels` a convolution with padding that keeps the image size,
    (optionally) batch norm, the activation, and pooling; then dense layers with dropout, as
    in mlp. With `residual`, the input of a convolution is added to the output before pooling
    if both have the same number of channels.

    The data set gives the image's shape: `dataset: {…, image: [channels, height, width]}`.

    Use it when inputs are images, or grids where neighbours belong together. Avoid it for plain
    columns: their order means nothing.

    Example: `model: {name: cnn, channels: [16, 32], hidden: [64], dropout: 0.3}`
    """

    takes_images: ClassVar[bool] = True

    channels: Annotated[
        tuple[Units, ...], MinLen(1), Doc("output channels of each convolution")
    ] = (16, 32)
    kernel: Annotated[int, Ge(1), Doc("kernel size")] = 3
    stride: Annotated[int, Ge(1), Doc("stride of the convolutions")] = 1
    pool: Annotated[int, Ge(1), Doc("pooling window size; 1 for no pooling")] = 2
    pooling: Annotated[Literal["max", "average"], Doc("kind of pooling")] = "max"
    hidden: Annotated[tuple[Units, ...], Doc("units of each hidden dense layer")] = (64,)
    activation: ActivationName = "relu"
    init: Init = None
    output_init: OutputInit = None
    dropout: Annotated[float, Ge(0), Lt(1), Doc("dropout rate of the dense units")] = 0.0
    batch_norm: Annotated[bool, Doc("normalize over the batch, before the activation")] = False
    residual: Annotated[
        bool, Doc("residual connections: add the input of a convolution to its output")
    ] = False

    def __post_init__(self) -> None:
        _check(self.init)
        object.__setattr__(self, "output_init", self.output_init or self.init or OUTPUT_INIT)

    def layers(self, outputs: int) -> list[Layer]:
        layers: list[Layer] = []
        before = 0
        for channels in self.channels:
            convolution = Convolution(
                channels, self.kernel, self.stride, self.kernel // 2, init=_init(self)
            )
            block = _block(convolution, self, norm=BatchNorm() if self.batch_norm else None)
            keeps = channels == before and self.stride == 1 and self.kernel % 2 == 1
            layers += [Residual(tuple(block))] if self.residual and keeps else block
            if self.pool > 1:
                layers.append((MaxPool if self.pooling == "max" else AveragePool)(self.pool))
            before = channels
        layers.append(Flatten())
        for units in self.hidden:
            layers += _block(Dense(units, init=_init(self)), self, dropout=self.dropout)
        return [*layers, Dense(outputs, init=self.output_init or OUTPUT_INIT)]


def _check(init: str | None) -> None:
    if init == "zeros":
        message = "is zeros, from which hidden units cannot learn; allowed for linear only"
        raise InvalidInput(Fault(message, key="init"))


def _init(model: MLP | CNN) -> str:
    """The default initializer before an activation."""
    return model.init or ACTIVATIONS.find(model.activation).usual_init


def _block(
    first: Layer, model: MLP | CNN, *, norm: Layer | None = None, dropout: float = 0.0
) -> list[Layer]:
    """A layer, and those that follow it up to the next dense layer or convolution."""
    activation = ACTIVATIONS.find(model.activation)()
    after = Dropout(dropout) if dropout else None
    return [layer for layer in (first, norm, activation, after) if layer is not None]


class Architecture:
    """A model's layers for rows of these inputs and C scores, and the layouts of what they keep.

    shape: of an input row as the first layer takes it, (D,) or (C, H, W). layout: of the
    parameters. statistics: of what batch norm keeps without learning it.
    """

    def __init__(self, model: Model, inputs: Inputs, outputs: int) -> None:
        self.shape: tuple[int, ...] = (inputs.size,)
        if model.takes_images:
            if inputs.image is None:
                message = (
                    f"{model.name} takes images; set dataset.image to [channels, height, width]"
                )
                raise InvalidInput(Fault(message, "model.name"))
            self.shape = inputs.image
        try:
            self.steps = row_of(model.layers(outputs), self.shape)
        except InvalidInput as error:
            faults = [replace(fault, key=f"model.{fault.key}") for fault in error.faults]
            raise InvalidInput(*faults) from error
        last = self.steps[-1].output if self.steps else self.shape
        if last != (outputs,):  # a model of a plug-in
            message = f"{model.name} ends in rows of shape {last}; must be {(outputs,)}"
            raise InvalidInput(Fault(message, "model.name"))
        self.outputs = outputs
        self.layout = Layout(self._shapes(lambda step: step.layer.parameters(step.shape)))
        self.statistics = Layout(self._shapes(lambda step: step.layer.statistics(step.shape)))

    def _shapes(
        self, of: Callable[[Step], dict[str, tuple[int, ...]]]
    ) -> dict[str, tuple[int, ...]]:
        return {
            f"{step.name}.{name}": size for step in self.steps for name, size in of(step).items()
        }

    def every_step(self) -> list[Step]:
        """The steps, and those within residual ones."""
        return _unfolded(self.steps)

    def weights(self) -> list[str]:
        """Names of the regularized parameters: weights, not biases."""
        return [name for name in self.layout.shapes if name.endswith(".weight")]

    def initialize(self, row: Array, seed: int) -> None:
        """Write the initial parameters (P,) of a run with this seed."""
        row.fill(0)
        views = self.layout.views(row[None])
        for index, step in enumerate(self.steps):
            names = step.layer.parameters(step.shape)
            own = {name: views[f"{step.name}.{name}"][0] for name in names}
            step.layer.initialize(own, step.shape, generator(seed, "init", index))

    def initialize_statistics(self, rows: Array) -> None:
        """Write the initial running statistics (R, S): 1 for variances, 0 for others."""
        rows.fill(0)
        for name, view in self.statistics.views(rows).items():
            if name.endswith(".variance"):
                view.fill(1)


def _unfolded(steps: Sequence[Step]) -> list[Step]:
    found = []
    for step in steps:
        inner = step.layer.steps(step.shape) if isinstance(step.layer, Residual) else []
        found += [step, *_unfolded(inner)]
    return found


class Network:
    """An architecture bound to the parameters of R replicas, for batches of B rows.

    Without gradients it can only go forward. training: whether dropout and batch norm are
    active. statistics: the running ones of batch norm, updated in training if given, needed
    in evaluation. seeds: of the replicas, for dropout.
    """

    def __init__(
        self,
        architecture: Architecture,
        parameters: Parameters,
        gradients: Parameters | None,
        rows: int,
        *,
        training: bool,
        statistics: Parameters | None = None,
        seeds: Sequence[int] = (),
    ) -> None:
        replicas, dtype = len(parameters.buffer), parameters.buffer.dtype
        self.single = replicas == 1
        self.image = architecture.shape if len(architecture.shape) > 1 else None
        self.gradient: Array = np.empty((replicas, rows, architecture.outputs), dtype)
        self.clock = Clock()
        binding = Binding(
            parameters.views,
            {} if gradients is None else gradients.views,
            replicas,
            rows,
            architecture.shape,
            dtype,
            inputs_wanted=False,
            training=training,
            statistics=None if statistics is None else statistics.views,
            seeds=seeds,
            clock=self.clock,
        )
        # the losses want their scores with classes innermost
        binding.place = np.empty((*binding.leading, architecture.outputs), dtype)
        self.passes = bind_row(architecture.steps, binding)

    def forward(self, x: Array, step: int = 0) -> Array:
        """Return the scores (R, B, C) of x (R or 1, B, D), a buffer that the next call overwrites.

        step: of the training, from 0, for dropout.
        """
        self.clock.step = step
        if self.image:
            x = x.reshape(*x.shape[:2], *self.image)
        if self.single:
            x = x[0]
        for each in self.passes:
            x = each.forward(x)
        return x[None] if self.single else x

    def backward(self) -> None:
        """Compute the gradients of the parameters from `gradient`, that of the scores."""
        dy = self.gradient[0] if self.single else self.gradient
        for each in reversed(self.passes):
            dy = each.backward(dy)


def predict(
    architecture: Architecture,
    parameters: Parameters,
    x: Array,
    rows: int = 256,
    statistics: Parameters | None = None,
) -> Any:
    """Scores (R, N, C) of the rows x (N, D), `rows` at a time."""
    scores = np.empty((len(parameters.buffer), len(x), architecture.outputs), x.dtype)
    network = None
    for start in range(0, len(x), rows):
        part = x[None, start : start + rows]
        if network is None or part.shape[1] != rows:
            network = Network(
                architecture,
                parameters,
                None,
                part.shape[1],
                training=False,
                statistics=statistics,
            )
        scores[:, start : start + rows] = network.forward(part)
    return scores
