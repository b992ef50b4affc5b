"""The checksum of prepared data, by which a run knows its rows again."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from optcli.data.columns import blocks, pieces_of
from optcli.data.encoding import Encoded
from optcli.data.preparation import Prepared

# Categories of a column, beyond which they count by their indices: almost all inputs are zeros.
MOST_DENSE = 1 << 14


def checksum(data: Prepared, *, weights: bool = True) -> str:
    """SHA-256 over the prepared rows, in hexadecimal.

    weights: with the sample weights, where there are any; versions before 0.2 left them out.
    """
    digest = hashlib.sha256()
    parts = [part for part in (data.train, data.validation, data.test) if part is not None]
    for part in parts:
        row_bytes = part.x.shape[1] * part.x.itemsize
        x: Any = part.x
        sparse = isinstance(x, Encoded) and any(f.inputs > MOST_DENSE for f in x.encoder.features)
        for block in blocks(len(x)):
            if sparse:
                for compact in x.compact(block):
                    digest.update(np.ascontiguousarray(compact).data)
                continue
            for rows in pieces_of(block, row_bytes):
                digest.update(np.ascontiguousarray(x[rows]).data)
        digest.update(np.ascontiguousarray(part.y).data)
    for part in parts:
        if weights and part.weight is not None:
            digest.update(np.ascontiguousarray(part.weight).data)
    return digest.hexdigest()
