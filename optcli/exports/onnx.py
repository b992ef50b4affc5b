"""ONNX: a trained model with its whole preparation, raw columns in, answers out."""

from __future__ import annotations

import json

import numpy as np

from optcli.core.version import __version__
from optcli.exports import answers, columns
from optcli.exports.graph import ML_OPSET, OPSET, Graph, Tensor
from optcli.layers.base import onnx_of_row
from optcli.training.model_file import Trained

SAID = f"ONNX, opset {OPSET} (ai.onnx.ml {ML_OPSET})"


def built(trained: Trained) -> Graph:
    """The graph of a trained model; raises InvalidInput for a layer or loss that has none."""
    encoder = trained.encoder
    graph = Graph(trained.dtype)
    x = columns.add(graph, encoder)
    architecture = trained.architecture()
    # what is not finite in a row makes all its scores NaN, whatever relu may do to it
    flat = x if encoder.image is None else graph.node("Flatten", x, axis=1)
    lost = graph.node("ReduceSum", graph.node("Mul", flat, 0), np.array([1]), keepdims=1)
    x = flat if len(architecture.shape) == 1 else x
    scores = onnx_of_row(architecture.steps, graph, x, trained.arrays())
    answers.add(graph, graph.node("Add", scores, lost), trained.loss, encoder.target)
    return graph


def made(trained: Trained) -> tuple[bytes, dict[str, tuple[Tensor, ...]], tuple[str, ...]]:
    """The content of the file, its inputs and outputs, and notes; raises as `built` does."""
    graph, notes = built(trained), tuple(columns.remarks(trained.encoder))
    described, target = trained.described(), trained.encoder.target
    metadata = {
        "optcli": __version__,
        "dtype": trained.dtype,
        "model": json.dumps(described["model"]),
        "loss": json.dumps(described["loss"]),
        "target": json.dumps(target.names),
        "classes": json.dumps(target.classes),
    }
    doc = "\n".join(["Raw columns in, predictions out.", *notes])
    content = graph.model(__version__, trained.model.name, doc, metadata)
    return content, {"inputs": tuple(graph.inputs), "outputs": tuple(graph.outputs)}, notes
