"""Safetensors: parameters by name, with the model and its preparation as JSON in the header.

A file is the length of the header (8 bytes, little-endian), the header as JSON, and the arrays one
after the other, row-major and little-endian. https://github.com/huggingface/safetensors
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from optcli.core.arrays import Array
from optcli.core.jsonable import jsonable
from optcli.core.version import __version__
from optcli.exports.graph import Tensor
from optcli.training.model_file import Trained

SAID = "safetensors"
ALIGNMENT = 8  # bytes to whose multiple the header is filled up, so that arrays can be mapped
DTYPES = {"float32": "F32", "float64": "F64"}


def made(trained: Trained) -> tuple[bytes, dict[str, tuple[Tensor, ...]], tuple[str, ...]]:
    """The content of the file, its tensors, and no notes."""
    arrays = trained.arrays()
    described = jsonable(trained.described())
    texts = {"optcli": __version__, "dtype": trained.dtype}
    for name in ("model", "loss", "encoder"):
        texts[name] = json.dumps(described[name], ensure_ascii=False)
    tensors = (Tensor(name, array.dtype.name, array.shape) for name, array in arrays.items())
    return packed(arrays, texts), {"tensors": tuple(tensors)}, ()


def packed(arrays: Mapping[str, Array], metadata: Mapping[str, str]) -> bytes:
    """A file with these arrays of float32 or float64, in whatever order they lie in memory."""
    header: dict[str, Any] = {"__metadata__": metadata}
    pieces: list[bytes] = []
    at = 0
    for name, array in arrays.items():
        pieces.append(array.astype(array.dtype.newbyteorder("<")).tobytes(order="C"))
        kind, end = DTYPES[np.dtype(array.dtype).name], at + len(pieces[-1])
        header[name] = {"dtype": kind, "shape": array.shape, "data_offsets": [at, end]}
        at = end
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    return b"".join([len(text).to_bytes(8, "little"), text, *pieces])
