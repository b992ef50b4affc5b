"""Cases of layers and activations: with respect to their inputs and parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import InvalidInput
from optcli.core.randomness import generator
from optcli.gradients.case import MANY, Case, CaseSet, large
from optcli.gradients.components import LayerFunction, parameters_of, projection
from optcli.gradients.variants import variants
from optcli.layers.activations import Activation, Tanh
from optcli.layers.base import Layer
from optcli.layers.batch_norm import BatchNorm
from optcli.layers.convolution import Convolution
from optcli.layers.dense import Dense
from optcli.layers.dropout import Dropout
from optcli.layers.pooling import AveragePool, MaxPool
from optcli.layers.residual import Residual

# Layers with hyperparameters that test more than the defaults, and the shape of a row.
EXAMPLES: dict[str, list[tuple[Callable[[], Layer], tuple[int, ...]]]] = {
    "dense": [(lambda: Dense(4), (3,)), (lambda: Dense(1), (1,)), (lambda: Dense(2), (2,))],
    "convolution": [
        (lambda: Convolution(1, 2), (1, 3, 4)),
        (lambda: Convolution(3, 3, 1, 1), (2, 5, 4)),
        (lambda: Convolution(3, (3, 2), (2, 1), (1, 2)), (2, 6, 5)),
    ],
    "max_pool": [(lambda: MaxPool(2), (2, 4, 6)), (lambda: MaxPool((3, 2), (1, 2)), (2, 5, 7))],
    "average_pool": [
        (lambda: AveragePool(2), (2, 4, 6)),
        (lambda: AveragePool((3, 2), (1, 2)), (2, 5, 7)),
    ],
    "residual": [
        (lambda: Residual((Dense(4), BatchNorm(), Tanh(), Dropout(0.3))), (4,)),
        (lambda: Residual((Convolution(2, 3, 1, 1), Tanh())), (2, 5, 4)),
    ],
}
SHAPES = ((4,), (2,), (2, 5, 4), (1, 3, 4))


def activation_cases(cls: type[Activation]) -> CaseSet:
    """The cases of an activation: ordinary and extreme inputs, and its kinks."""

    def cases(seed: int) -> Iterator[Case]:
        random = generator(seed, "gradcheck activation")
        refused: list[str] = []
        found = list(variants(cls, refused=refused))
        far = np.array([30, -30, 100, -100, 800, -800.0])
        near = np.array([0, *cls.kinks, 1e-3])
        for words, layer in found:
            common = 2 * random.standard_normal((4, 5))
            case = layer_case(words or "common inputs", layer, common, random)
            yield case if words else replace(case, notes=tuple(refused))
            yield layer_case(f"{words or 'defaults'}, extreme inputs", layer, outer(far), random)
            what = f"{words or 'defaults'}, at its kinks"
            case = layer_case(what, layer, outer(near), random, positive=True)
            yield replace(case, convex=layer.convex_at_kinks, pinned=True)
            if not words:
                column = np.array([[0.7], [-0.9]])
                yield layer_case("rows of one number", layer, column, random)
                many = 2 * random.standard_normal((MANY, 5))
                yield large(layer_case(f"{MANY} rows", layer, many, random))

    return CaseSet("activation", cls.name, cases)


def outer(row: Array) -> Array:
    """Two rows of inputs, the second with ordinary ones."""
    return np.stack([row, np.linspace(-1.3, 1.4, row.size)])


def layer_cases(cls: type[Layer]) -> CaseSet:
    """The cases of a layer: its inputs and parameters, for rows of numbers and for images."""

    def cases(seed: int) -> Iterator[Case]:
        random = generator(seed, "gradcheck layer")
        seen: set[tuple[int, ...]] = set()
        for words, layer, shape in layers_of(cls):
            x = 1.5 * random.standard_normal((6, *shape))
            yield layer_case(words, layer, x, random)
            if shape not in seen:
                seen.add(shape)
                x = 1.5 * random.standard_normal((MANY // 4, *shape))
                yield large(layer_case(f"{words}, {len(x)} rows", layer, x, random))
                x = x[:6]
            if isinstance(layer, MaxPool):
                x = np.round(x)  # many pixels are equal
                case = layer_case(f"{words}, at ties", layer, x, random, positive=True)
                yield replace(case, convex=True, pinned=True)

    return CaseSet("layer", cls.name, cases)


def layers_of(cls: type[Layer]) -> Iterator[tuple[str, Layer, tuple[int, ...]]]:
    """Layers of a class, each with a description and the shape of an input row."""
    examples = EXAMPLES.get(cls.name, ())
    for make, shape in examples:
        layer = make()
        yield f"{sizes(shape)} to {sizes(layer.output(shape))}", layer, shape
    if examples:
        return
    for words, layer in variants(cls):
        for shape in SHAPES:
            try:
                layer.output(shape)
                layer.parameters(shape)
            except (InvalidInput, ValueError, IndexError):
                continue
            yield f"{words + ', ' if words else ''}{sizes(shape)}", layer, shape


def sizes(shape: tuple[int, ...]) -> str:
    """`2×5×4`."""
    return "×".join(map(str, shape))


def layer_case(
    what: str, layer: Layer, x: Array, random: np.random.Generator, *, positive: bool = False
) -> Case:
    """A layer at the inputs x (B, …); positive: all outputs have positive weight."""
    shape = x.shape[1:]
    c = projection(layer, len(x), shape, random)
    c = np.abs(c) if positive else c
    parameters = parameters_of(layer, shape, random)
    return Case(what, LayerFunction(layer, x, parameters, c), declared(layer))


def declared(layer: Layer) -> bool:
    """Whether a layer and its inner layers are declared analytic."""
    return layer.analytic and all(map(declared, getattr(layer, "layers", ())))
