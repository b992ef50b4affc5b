"""OnnxGraph: what layers and losses write their ONNX nodes into."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from optcli.core.arrays import Array


class OnnxGraph(Protocol):
    """A graph of ONNX nodes (opset 13) on tensors whose first axis are the N rows."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """That of the scores: float32 or float64, as the config has it."""

    def node(self, operator: str, *inputs: str | float | Array, **attributes: Any) -> str:
        """Add a node with one output; returns the output's name.

        operator: as ONNX calls it, `Mul`. inputs: names of tensors; an array is a constant of its
        own type, a number one of the graph's dtype. attributes: numbers, texts, lists of them.
        """
