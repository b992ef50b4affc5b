"""Graph: nodes, constants, inputs and outputs, and the ONNX model that they are.

The numbers of fields and types are those of onnx.proto.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import InvalidInput
from optcli.exports.protobuf import message

OPSET = 13
ML_OPSET = 2  # of the domain ai.onnx.ml, which LabelEncoder is from
IR_VERSION = 7
ML = "ai.onnx.ml"
ML_OPERATORS = ("LabelEncoder",)
MOST_BYTES = (1 << 31) - 1  # of a protobuf message

TYPES = {"float32": 1, "int64": 7, "string": 8, "bool": 9, "float64": 11}
_FLOAT, _INT, _STRING, _INTS, _STRINGS = 1, 2, 3, 7, 8  # types of attributes


@dataclass(frozen=True)
class Tensor:
    """An input or an output: its type, of TYPES, and shape, in which a text is an open length."""

    name: str
    type: str
    shape: tuple[int | str, ...]
    doc: str = ""

    def encoded(self) -> bytes:
        """As a ValueInfoProto."""
        sizes = ((1, (2 if isinstance(size, str) else 1, size)) for size in self.shape)
        shape = message(*((number, message(size)) for number, size in sizes))
        tensor = message((1, TYPES[self.type]), (2, shape))
        return message((1, self.name), (2, message((1, tensor))), (3, self.doc))


class Graph:
    """A graph that is being built; nodes are added in the order in which they are computed."""

    def __init__(self, dtype: Any) -> None:
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self.inputs: list[Tensor] = []
        self.outputs: list[Tensor] = []
        self._nodes: list[bytes] = []
        self._constants: dict[tuple[Any, ...], tuple[str, bytes]] = {}
        self._names: set[str] = set()

    def input(self, tensor: Tensor) -> str:
        """Add an input; returns its name. Inputs come before all nodes."""
        self.inputs.append(tensor)
        self._names.add(tensor.name)
        return tensor.name

    def output(self, tensor: Tensor, value: str) -> None:
        """Make a tensor, by its name in the graph, an output of this name."""
        self.outputs.append(tensor)
        self._names.add(tensor.name)
        self._add("Identity", [value], tensor.name, {})

    def free(self, name: str) -> str:
        """The name, with a number where it is taken."""
        found, count = name, 1
        while found in self._names or not found:
            count += 1
            found = f"{name}_{count}"
        return found

    def node(self, operator: str, *inputs: str | float | Array, **attributes: Any) -> str:
        """Add a node with one output, see `OnnxGraph.node`."""
        names = [self._constant(each) if not isinstance(each, str) else each for each in inputs]
        output = self.free(operator.lower())
        self._names.add(output)
        self._add(operator, names, output, attributes)
        return output

    def cast(self, value: str, to: Any) -> str:
        """The tensor as one of another type of TYPES, or of the dtype of that name."""
        return self.node("Cast", value, to=TYPES[str(to)])

    def model(self, version: str, name: str, doc: str, metadata: Mapping[str, str]) -> bytes:
        """The whole as a ModelProto; raises InvalidInput where it would be too large."""
        graph = message(
            *((1, node) for node in self._nodes),
            (2, name),
            *((5, tensor) for _, tensor in self._constants.values()),
            *((11, tensor.encoded()) for tensor in self.inputs),
            *((12, tensor.encoded()) for tensor in self.outputs),
        )
        whole = message(
            (1, IR_VERSION),
            (2, "optcli"),
            (3, version),
            (6, doc),
            (7, graph),
            (8, message((1, ""), (2, OPSET))),
            (8, message((1, ML), (2, ML_OPSET))),
            *((14, message((1, key), (2, value))) for key, value in metadata.items()),
        )
        if len(whole) > MOST_BYTES:
            message_ = "the model takes more than the 2 GB that an .onnx file may have"
            raise InvalidInput(f"{message_}; export it to a .safetensors file")
        return whole

    def _add(self, operator: str, inputs: Sequence[str], output: str, more: Any) -> None:
        domain = [(7, ML)] if operator in ML_OPERATORS else []
        self._nodes.append(
            message(
                *((1, name) for name in inputs),
                (2, output),
                (3, output),
                (4, operator),
                *((5, _attribute(name, value)) for name, value in more.items()),
                *domain,
            )
        )

    def _constant(self, value: float | Array) -> str:
        """The name of an initializer; the same for equal ones."""
        array = np.asarray(value, None if isinstance(value, np.ndarray) else self.dtype)
        texts = array.dtype.kind in "UO"
        content = tuple(array.ravel().tolist()) if texts else array.tobytes()
        key = (array.dtype.kind, array.dtype.itemsize, array.shape, content)
        if key not in self._constants:
            name = self.free("constant")
            self._names.add(name)
            kind = "string" if texts else array.dtype.name
            fields: list[tuple[int, Any]] = [(1, size) for size in array.shape]
            fields.append((2, TYPES[kind]))
            fields += [(6, text) for text in content] if texts else []
            fields.append((8, name))
            if not texts:
                little = array.astype(array.dtype.newbyteorder("<"), copy=False)
                fields.append((9, np.ascontiguousarray(little).tobytes()))
            self._constants[key] = name, message(*fields)
        return self._constants[key][0]


def _attribute(name: str, value: Any) -> bytes:
    """An attribute: a whole number, a float, a text, or a list of whole numbers or of texts."""
    if isinstance(value, int):
        return message((1, name), (3, value), (20, _INT))
    if isinstance(value, float):
        return message((1, name), (2, value), (20, _FLOAT))
    if isinstance(value, str):
        return message((1, name), (4, value), (20, _STRING))
    if isinstance(value[0], str):
        return message((1, name), *((9, text) for text in value), (20, _STRINGS))
    return message((1, name), *((8, int(each)) for each in value), (20, _INTS))
