"""Scorer: a trained model as one file of Python that needs the standard library alone.

The file has the functions of `scorer_functions` that it needs, the preparation of each column, a
line for each layer, and the parameters as lists. Texts of the user stand in it as literals only.
"""

from __future__ import annotations

import ast
import functools
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple
from typing import Any

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import Fault, InvalidInput
from optcli.core.version import __version__
from optcli.data.columns import short
from optcli.data.encoding import Encoder
from optcli.data.features import Feature
from optcli.data.reading_rules import Reading
from optcli.data.targets import Target
from optcli.exports import scorer_functions
from optcli.exports.columns import gaps, spellings
from optcli.exports.graph import Tensor
from optcli.layers.activations import ACTIVATIONS
from optcli.layers.base import Step
from optcli.layers.convolution import pair
from optcli.losses.base import Loss
from optcli.training.model_file import Trained

SAID = "Python, its standard library alone"
MOST = 1_000_000  # parameters, of which a row takes about 0.1 s
WIDTH = 96  # of a line of numbers

_HEAD = '''"""Predictions of a model that optcli {version} trained: {model}, {loss}.

It needs Python 3.9 or later and its standard library. As a command it reads CSV with a header:

    python THIS_FILE.py < rows.csv > predictions.csv

In a program, `predict(row)` takes a dict of columns and returns a dict of predictions.
"""

from __future__ import annotations

{imports}

Row = Mapping[str, object]
Numbers = list[float]

'''


def made(trained: Trained) -> tuple[bytes, dict[str, tuple[Tensor, ...]], tuple[str, ...]]:
    """The content of the file, its columns, and notes; raises InvalidInput for what it lacks."""
    count = trained.parameters.size
    if count > MOST:
        message = f"{count:,} parameters are too many for a scorer in plain Python, whose most are"
        raise InvalidInput(f"{message} {MOST:,}; export the model to an .onnx file")
    encoder, writer = trained.encoder, _Writer()
    body = "\n\n\n".join(
        [
            writer.inputs(encoder),
            writer.scores(trained),
            writer.predict(trained.loss, encoder.target),
        ]
    )
    functions = _needed(body)
    names = _names(functions)
    modules = [name for name in ("csv", "math", "signal", "sys") if name in names]
    imports = [f"import {name}" for name in modules]
    imports.append("from collections.abc import Collection, Mapping")
    imports += ["from datetime import datetime, timezone"] if "datetime" in names else []
    about = {"version": __version__, "model": trained.model.name, "loss": trained.loss.name}
    head = _HEAD.format(imports="\n".join(imports), **about)
    head += "\n".join(_assigned(_settings(encoder)))
    parameters = "\n".join(_assigned(writer.constants.items()))
    main = 'if __name__ == "__main__":\n    main()'
    text = "\n\n\n".join([head, body, functions, parameters, main]) + "\n"
    columns = {"inputs": tuple(Tensor(f.name, _kind(f), ()) for f in encoder.features)}
    return text.encode(errors="backslashreplace"), columns, tuple(remarks(encoder))


def remarks(encoder: Encoder) -> list[str]:
    """A sentence on each column that is not taken as it is written in a table."""
    found = []
    for feature in encoder.features:
        name = f"column '{short(feature.name)}'"
        if feature.parts is not None:
            found.append(f"{name}: write dates as 2024-12-31 or 2024-12-31 10:00")
        elif encoder.reading.form(feature.name) is not None:
            found.append(f"{name}: write plain numbers, without unit or thousands separators")
    return found


def _kind(feature: Feature) -> str:
    if feature.parts is not None:
        return "date"
    return "number" if feature.categories is None else "text"


def _settings(encoder: Encoder) -> Iterator[tuple[str, str]]:
    """What the functions look at, with its values."""
    yield "DELIMITER", repr(encoder.reading.delimiter or ",")
    yield "MISSING", _braced("{", map(repr, gaps(encoder.reading)), "}")
    if encoder.target.kind == "classes":
        yield "CLASSES", _braced("[", map(repr, encoder.target.classes[0]), "]")


def _assigned(values: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield from (f"{name} = {value}" for name, value in values)


class _Writer:
    """The functions that are of this model alone, and the constants that they use."""

    def __init__(self) -> None:
        self.constants: dict[str, str] = {}

    def inputs(self, encoder: Encoder) -> str:
        """The function from a row to x."""
        lines = [f"        {_input(each, encoder.reading)}," for each in encoder.features]
        head = 'def inputs(row: Row) -> Numbers:\n    """The model\'s inputs, of all columns."""\n'
        return "\n".join([f"{head}    return [", *lines, "    ]"])

    def scores(self, trained: Trained) -> str:
        """The function from x to the model's raw scores."""
        head = 'def scores(x: Numbers) -> Numbers:\n    """The layers, one after the other."""'
        lines = [f"    {line}" for line in self.row(trained.architecture().steps, trained.arrays())]
        return "\n".join([head, *lines, "    return x"])

    def row(
        self, steps: Sequence[Step], arrays: Mapping[str, Array], prefix: str = ""
    ) -> Iterator[str]:
        """The lines of the layers."""
        for step in steps:
            layer, name = step.layer, f"{prefix}{step.name}"
            start = f"{step.name}."
            own = {n.removeprefix(start): a for n, a in arrays.items() if n.startswith(start)}
            if layer.name == "residual":
                yield f"{name} = x"
                yield from self.row(layer.steps(step.shape), own, f"{name}_")  # type: ignore[attr-defined]
                yield f"x = [v + w for v, w in zip({name}, x)]"
            elif layer.name in ACTIVATIONS.names() and hasattr(scorer_functions, layer.name):
                call = ", ".join(["v", *map(repr, astuple(layer))])
                yield f"x = [{layer.name}({call}) for v in x]"
            elif layer.name in _LAYERS:
                made_of = _LAYERS[layer.name](step, own)
                if made_of is not None:
                    function, constants, rest = made_of
                    names = [self._constant(f"{name}_{n}", a) for n, a in constants.items()]
                    yield f"x = {function}({', '.join(['x', *names, *map(repr, rest)])})"
            else:
                raise InvalidInput(Fault(_REFUSED.format(f"layer '{layer.name}'"), "model"))

    def predict(self, loss: Loss, target: Target) -> str:
        """The function from a row to its predictions."""
        lines = ["s = scores(inputs(row))"]
        if type(loss).respond is not Loss.respond:
            if loss.name not in _RESPONSES:
                raise InvalidInput(Fault(_REFUSED.format(f"loss '{loss.name}'"), "loss"))
            lines.append(f"s = {_RESPONSES[loss.name].format(count=len(target.outputs))}")
        # named as predict names them
        names = list(target.decode(np.zeros((1, len(target.outputs)))))
        if target.kind == "values":
            units = zip(names, target.mean, target.scale, strict=True)
            cells = [f"{name!r}: s[{i}] * {b!r} + {a!r}" for i, (name, a, b) in enumerate(units)]
        elif target.kind == "probabilities":
            lines.append("shares = softmax(s)")
            cells = [f"{name!r}: shares[{i}]" for i, name in enumerate(names)]
        elif target.kind == "classes":
            lines.append("shares = softmax(s)")
            cells = [f"{names[0]!r}: CLASSES[s.index(max(s))]"]
            cells += [f"{name!r}: shares[{i}]" for i, name in enumerate(names[1:])]
        else:
            cells = []
            for i, (no, yes) in enumerate(target.classes):
                cells.append(f"{names[2 * i]!r}: {yes!r} if s[{i}] > 0 else {no!r}")
                cells.append(f"{names[2 * i + 1]!r}: sigmoid(s[{i}])")
        lines += ["return {", *(f"    {each}," for each in cells), "}"]
        head = 'def predict(row: Row) -> dict[str, object]:\n    """The predictions for a row."""'
        return "\n".join([head, *(f"    {line}" for line in lines)])

    def _constant(self, name: str, array: Array) -> str:
        name = name.upper()
        self.constants[name] = _literal(array)
        return name


_REFUSED = (
    "a scorer in plain Python does not know the {} of a plug-in; export the model to an .onnx or "
    ".safetensors file"
)
_Call = tuple[str, dict[str, Array], tuple[Any, ...]]


def _convolution(step: Step, own: Mapping[str, Array]) -> _Call:
    layer: Any = step.layer
    weights = own["weight"].reshape(*own["weight"].shape[:2], -1)
    rest = (step.shape, *map(pair, (layer.kernel, layer.stride, layer.padding)))
    return "convolution", {"weight": weights, "bias": own["bias"]}, rest


def _batch_norm(step: Step, own: Mapping[str, Array]) -> _Call:
    layer: Any = step.layer
    wide = {name: array.astype(np.float64) for name, array in own.items()}
    scale = wide["scale"] / np.sqrt(wide["variance"] + layer.eps)
    shift = wide["shift"] - wide["mean"] * scale
    return "scale_shift", {"scale": scale, "shift": shift}, ()


def _layer_norm(step: Step, own: Mapping[str, Array]) -> _Call:
    layer: Any = step.layer
    return "layer_norm", {name: array.ravel() for name, array in own.items()}, (layer.eps,)


def _pool(step: Step, own: Mapping[str, Array]) -> _Call:
    layer: Any = step.layer
    return layer.name, {}, (step.shape, pair(layer.size), layer.strides)


# What a layer of this name is: a function, its constants, further arguments; None for nothing.
_LAYERS: dict[str, Callable[[Step, Mapping[str, Array]], _Call | None]] = {
    "dense": lambda _, own: ("dense", {"weight": own["weight"].T, "bias": own["bias"]}, ()),
    "convolution": _convolution,
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    "max_pool": _pool,
    "average_pool": _pool,
    "dropout": lambda *_: None,
    "flatten": lambda *_: None,
}
# `respond` of the losses that have one.
_RESPONSES = {
    "exponential": "[2 * v for v in s]",
    "gamma": "[exp(v) for v in s]",
    "gaussian_nll": "s[:{count}]",
    "msle": "[exp(v) - 1 for v in s]",
    "ordinal_logistic": "[sum(s[:i]) for i in range(len(s) + 1)]",
    "poisson": "[exp(v) for v in s]",
    "tweedie": "[exp(v) for v in s]",
}


def _input(feature: Feature, reading: Reading) -> str:
    name = repr(feature.name)
    if feature.parts is not None:
        return f"*date(row, {name}, {[astuple(part) for part in feature.parts]!r})"
    if feature.categories is None:
        numbers = f"mean={feature.mean!r}, scale={feature.scale!r}, fill={feature.fill!r}"
        return f"number(row, {name}, {numbers})"
    known, count = feature.known(reading.rules), len(feature.categories)
    fill = feature.categories.index(feature.fill) if isinstance(feature.fill, str) else None
    other = count - 1 if known.open else -1 if feature.ignores else None
    return f"*one_hot(row, {name}, {spellings(known)!r}, {count}, fill={fill!r}, other={other!r})"


def _needed(body: str) -> str:
    """The sources of the functions that the body takes, and those that these take."""
    defined = _defined()
    wanted: set[str] = set()
    new = {"main", *(_names(body) & {*defined})}
    while new:
        wanted |= new
        new = {name for each in new for name in _names(defined[each]) & {*defined}} - wanted
    return "\n\n\n".join(source for name, source in defined.items() if name in wanted)


@functools.cache
def _defined() -> dict[str, str]:
    """The sources of all functions, without what is for optcli's own type checker."""
    found = {
        name: inspect.getsource(function).rstrip()
        for name, function in vars(scorer_functions).items()
        if inspect.isfunction(function) and name != "predict"
    }
    return {name: re.sub("  # type: .*", "", source) for name, source in found.items()}


@functools.cache
def _names(source: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}


def _literal(array: Array, indent: str = "") -> str:
    """Nested lists, exact: a float32 is written as the float64 that it is."""
    if array.ndim == 1:
        return _braced("[", (repr(float(value)) for value in array), "]", indent)
    inner = f"{indent}    "
    rows = "".join(f"{inner}{_literal(row, inner)},\n" for row in array)
    return f"[\n{rows}{indent}]"


def _braced(first: str, words: Iterable[str], last: str, indent: str = "") -> str:
    """Words between brackets, in as many lines as they take."""
    lines = [""]
    for word in words:
        if lines[-1] and len(indent) + len(lines[-1]) + len(word) + 2 > WIDTH:
            lines.append("")
        lines[-1] += f"{' ' if lines[-1] else ''}{word},"
    if len(lines) == 1:
        return f"{first}{lines[0].rstrip(',')}{last}"
    return "\n".join([first, *(f"{indent}    {line}" for line in lines), f"{indent}{last}"])
