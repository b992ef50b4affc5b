"""Answers: from the model's scores to what `predict` gives, as ONNX nodes, in float64.

| target | outputs |
|---|---|
| classes, one label | `label` (N,) text, `probabilities` (N, C) in the order of the classes |
| several labels | `labels` (N, C) text, `probabilities` (N, C) of the positive ones |
| values | `values` (N, C) in the data's own units |
| probabilities | `probabilities` (N, C) |
"""

from __future__ import annotations

import numpy as np

from optcli.data.targets import Target
from optcli.exports.columns import ROWS
from optcli.exports.graph import Graph, Tensor
from optcli.losses.base import Loss


def add(graph: Graph, scores: str, loss: Loss, target: Target) -> None:
    """Add nodes and outputs. scores: the name of those, (N, outputs)."""
    count = len(target.outputs)
    scores = graph.cast(loss.onnx(graph, scores, count), "float64")
    names = ", ".join(target.outputs)
    if target.kind == "values":
        if any(scale != 1 for scale in target.scale):
            scores = graph.node("Mul", scores, np.array(target.scale))
        if any(target.mean):
            scores = graph.node("Add", scores, np.array(target.mean))
        _output(graph, "values", "float64", (ROWS, count), scores, names)
        return
    if target.kind == "labels":
        half = graph.node("Tanh", graph.node("Mul", scores, np.array(0.5)))
        shares = graph.node("Mul", graph.node("Add", half, np.array(1.0)), np.array(0.5))
        positive = graph.node("Greater", scores, np.array(0.0))
        no, yes = (np.array([pair[i] for pair in target.classes], object) for i in (0, 1))
        label = _or_empty(graph, graph.node("Where", positive, yes, no), scores)
        if count > 1:
            _output(graph, "labels", "string", (ROWS, count), label, names)
            doc = f"of the positive label of {names}"
            _output(graph, "probabilities", "float64", (ROWS, count), shares, doc)
            return
        classes = target.classes[0]
        label = graph.node("Reshape", label, np.array([-1]))
        others = graph.node("Sub", np.array(1.0), shares)
        shares = graph.node("Concat", others, shares, axis=1)
    else:
        shares = graph.node("Softmax", scores, axis=1)
        if target.kind == "probabilities":
            _output(graph, "probabilities", "float64", (ROWS, count), shares, f"of {names}")
            return
        classes = target.classes[0]
        chosen = graph.node("ArgMax", scores, axis=1, keepdims=0)
        label = graph.node("Gather", np.array(classes, object), chosen)
        first = graph.node("Gather", scores, np.array(0), axis=1)
        label = _or_empty(graph, label, first)
    _output(graph, "label", "string", (ROWS,), label, f"of {target.names[0]}")
    doc = f"of the classes {', '.join(classes)}"
    _output(graph, "probabilities", "float64", (ROWS, len(classes)), shares, doc)


def _or_empty(graph: Graph, label: str, scores: str) -> str:
    """The labels, empty where the scores are NaN."""
    lost = graph.node("IsNaN", scores)
    return graph.node("Where", lost, np.array("", object), label)


def _output(
    graph: Graph, name: str, kind: str, shape: tuple[int | str, ...], value: str, doc: str
) -> None:
    graph.output(Tensor(graph.free(name), kind, shape, doc), value)
