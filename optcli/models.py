"""Models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from optcli.registry import Registry
from optcli.specs import Doc, Ge, MinLen, Named, Registered


@dataclass(frozen=True)
class Model(Registered):
    """What maps a row to its scores."""


MODELS: Registry[Model] = Registry("model", "models", "optcli.models")


@MODELS.register("linear")
@dataclass(frozen=True)
class Linear(Model):
    """Scores are x·W + b: softmax, logistic and linear regression."""

    init: Annotated[str, Named("initializers"), Doc("initializer of the weights")] = "lecun"


@MODELS.register("mlp")
@dataclass(frozen=True)
class MLP(Model):
    """A multilayer perceptron: dense layers with an activation between them."""

    hidden: Annotated[
        tuple[Annotated[int, Ge(1)], ...], MinLen(1), Doc("units of each hidden layer")
    ] = (32,)
    activation: Annotated[str, Named("activations"), Doc("between the layers")] = "relu"
    init: Annotated[
        str | None, Named("initializers"), Doc("of the weights; by default the activation's")
    ] = None
