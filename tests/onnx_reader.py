"""A reader and an interpreter of the ONNX that optcli writes, on NumPy alone.

It knows the fields and operators that optcli uses. tests/studies/exports.py holds it, and the
files, against onnx's checker and onnxruntime.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

DTYPES = {1: np.float32, 7: np.int64, 8: object, 9: bool, 11: np.float64}


def fields(content):
    """The fields of a message: their values by number, bytes as bytes."""
    found, at = {}, 0

    def varint():
        nonlocal at
        number = shift = 0
        while True:
            byte = content[at]
            at += 1
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return number - (1 << 64) if number >> 63 else number

    while at < len(content):
        number, wire = divmod(varint(), 8)
        if wire == 0:
            value = varint()
        elif wire == 2:
            size = varint()
            value, at = content[at : at + size], at + size
        else:
            assert wire == 5
            (value,), at = struct.unpack("<f", content[at : at + 4]), at + 4
        found.setdefault(number, []).append(value)
    assert at == len(content)
    return found


def texts(values):
    return [value.decode() for value in values]


def tensor(content):
    """A constant: its name and array."""
    found = fields(content)
    shape, dtype = found.get(1, []), DTYPES[found[2][0]]
    (name,) = texts(found[8])
    if dtype is object:
        return name, np.array(texts(found[6]), object).reshape(shape)
    return name, np.frombuffer(found[9][0], dtype).reshape(shape)


def value(content):
    """An input or output: name, dtype, shape, doc."""
    found = fields(content)
    (own,) = fields(found[2][0])[1]
    own = fields(own)
    sizes = [fields(size) for size in fields(own[2][0]).get(1, [])]
    shape = tuple(size[1][0] if 1 in size else size[2][0].decode() for size in sizes)
    return found[1][0].decode(), DTYPES[own[1][0]], shape, found[3][0].decode()


def attribute(content):
    found = fields(content)
    number = {1: 2, 2: 3, 3: 4, 7: 8, 8: 9}[found[20][0]]
    values = found.get(number, [])
    values = texts(values) if number in (4, 9) else values
    return found[1][0].decode(), values if number in (8, 9) else values[0]


@dataclass
class Read:
    """A model that was read: what is in it, and its computation."""

    opsets: dict
    metadata: dict
    doc: str
    inputs: list
    outputs: list
    constants: dict
    nodes: list

    def __call__(self, feeds):
        """The outputs by name."""
        values = dict(self.constants)
        assert feeds.keys() == {name for name, *_ in self.inputs}
        for name, dtype, shape, _ in self.inputs:
            assert feeds[name].dtype == dtype, name
            assert feeds[name].shape[1:] == shape[1:], name
            values[name] = feeds[name]
        with np.errstate(all="ignore"):
            for operator, inputs, output, attributes in self.nodes:
                assert output not in values, "names are given once"
                found = OPERATORS[operator](*(values[name] for name in inputs), **attributes)
                values[output] = found
        for name, dtype, shape, _ in self.outputs:
            assert values[name].dtype == dtype, name
            assert values[name].ndim == len(shape), name
        return {name: values[name] for name, *_ in self.outputs}


def read(content):
    whole = fields(content)
    graph = fields(whole[7][0])
    nodes = []
    for node in map(fields, graph[1]):
        (operator,), (output,) = texts(node[4]), texts(node[2])
        domain = texts(node.get(7, [b""]))[0]
        assert (operator == "LabelEncoder") == (domain == "ai.onnx.ml")
        attributes = dict(map(attribute, node.get(5, [])))
        nodes.append((operator, texts(node[1]), output, attributes))
    opsets = [fields(each) for each in whole[8]]
    pairs = [fields(each) for each in whole.get(14, [])]
    return Read(
        {each[1][0].decode(): each[2][0] for each in opsets},
        {each[1][0].decode(): each[2][0].decode() for each in pairs},
        whole[6][0].decode(),
        *([value(each) for each in graph[number]] for number in (11, 12)),
        dict(map(tensor, graph.get(5, []))),
        nodes,
    )


# ---- operators -----------------------------------------------------------------------


def label_encoder(x, keys_strings, values_int64s, default_int64):
    codes = dict(zip(keys_strings, values_int64s, strict=True))
    found = [codes.get(text, default_int64) for text in x.ravel()]
    return np.array(found, np.int64).reshape(x.shape)


def windows(x, size, stride):
    """(N, C, H', W', h, w) of images (N, C, H, W)."""
    return sliding_window_view(x, size, axis=(2, 3))[:, :, :: stride[0], :: stride[1]]


def conv(x, w, b, pads, strides, kernel_shape):
    x = np.pad(x, ((0, 0), (0, 0), (pads[0], pads[2]), (pads[1], pads[3])))
    y = np.einsum("nchwij,fcij->nfhw", windows(x, kernel_shape, strides), w)
    return (y + b[:, None, None]).astype(x.dtype)


def softmax(x, axis):
    exps = np.exp(x - x.max(axis, keepdims=True))
    return exps / exps.sum(axis, keepdims=True)


def mean(x, axes, keepdims=1):
    return x.mean(tuple(axes), keepdims=bool(keepdims)).astype(x.dtype)


def pad(x, pads):
    n = len(pads) // 2
    return np.pad(x, list(zip(pads[:n], pads[n:], strict=True)))


def reshape(x, shape):
    return x.reshape([x.shape[i] if size == 0 else size for i, size in enumerate(shape)])


def part(x, starts, ends, axes):
    (start,), (end,), (axis,) = starts, ends, axes
    return np.take(x, range(start, end), axis)


def select(mask, x, y):
    """As ONNX has it: without promotion."""
    assert x.dtype == y.dtype
    return np.where(mask, x, y)


def alike(function):
    """A function of arrays of one type."""

    def checked(*arrays):
        assert len({array.dtype for array in arrays}) == 1, function
        return function(*arrays)

    return checked


OPERATORS = {
    "Abs": np.abs,
    "Add": alike(np.add),
    "ArgMax": lambda x, axis, keepdims: x.argmax(axis),
    "AveragePool": lambda x, kernel_shape, strides: windows(x, kernel_shape, strides).mean((4, 5)),
    "Cast": lambda x, to: x.astype(DTYPES[to]),
    "Concat": lambda *x, axis: alike(lambda *all_: np.concatenate(all_, axis))(*x),
    "Conv": conv,
    "Div": alike(np.divide),
    "Equal": alike(np.equal),
    "Erf": lambda x: np.vectorize(math.erf, [x.dtype])(x),
    "Exp": np.exp,
    "Flatten": lambda x, axis: x.reshape(len(x), math.prod(x.shape[1:])),
    "Floor": np.floor,
    "Gather": lambda x, at, axis=0: np.take(x, at, axis),
    "Gemm": alike(lambda x, w, b: x @ w + b),
    "Greater": alike(np.greater),
    "Identity": lambda x: x,
    "IsNaN": np.isnan,
    "LabelEncoder": label_encoder,
    "Log": np.log,
    "MatMul": alike(np.matmul),
    "Max": alike(np.maximum),
    "MaxPool": lambda x, kernel_shape, strides: windows(x, kernel_shape, strides).max((4, 5)),
    "Min": alike(np.minimum),
    "Mul": alike(np.multiply),
    "Neg": np.negative,
    "Pad": pad,
    "ReduceMean": mean,
    "ReduceSum": lambda x, axes, keepdims: x.sum(tuple(axes), keepdims=True),
    "Relu": lambda x: np.where(x > 0, x, 0).astype(x.dtype),  # which may drop NaN, as it may
    "Reshape": reshape,
    "Sign": np.sign,
    "Slice": part,
    "Softmax": softmax,
    "Sqrt": np.sqrt,
    "Sub": alike(np.subtract),
    "Tanh": np.tanh,
    "Where": select,
}
