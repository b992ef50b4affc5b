"""The checksum of prepared data, by which a run knows its rows again."""

from __future__ import annotations

import hashlib

import numpy as np

from optcli.data.columns import blocks
from optcli.data.preparation import Prepared


def checksum(data: Prepared) -> str:
    """SHA-256 over the prepared rows, in hexadecimal."""
    digest = hashlib.sha256()
    for part in (data.train, data.validation, data.test):
        if part is not None:
            for rows in blocks(len(part.x)):
                digest.update(np.ascontiguousarray(part.x[rows]).data)
            digest.update(np.ascontiguousarray(part.y).data)
    return digest.hexdigest()
