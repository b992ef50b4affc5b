"""Plain: a base for losses of one batch of scores, without buffers and replicas."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from optcli.core.arrays import Array, Workspace
from optcli.core.errors import Fault, InvalidInput, shown
from optcli.losses.base import Loss


@dataclass(frozen=True)
class PlainLoss(Loss):
    """Base of losses in plain form: scores and targets in, values and gradient out.

    A subclass implements `batch`, which is called once for each replica. A faster loss
    implements `samples` of Loss instead, as optcli's own losses do.
    """

    @abstractmethod
    def batch(self, scores: Array, target: Array) -> tuple[Any, Any]:
        """The loss of each sample (B,), and its gradient with respect to the scores (B, C).

        scores: (B, C). target: (B,) indices for classes, (B, C) otherwise. Neither may be
        changed. The caller applies weights and takes the mean over the batch.
        """

    def samples(
        self, prediction: Array, target: Array, gradient: Array | None, work: Workspace
    ) -> Array:
        replicas, rows, outputs = prediction.shape
        losses = work.buffer("plain", (replicas, rows), prediction.dtype)
        for r in range(replicas):
            values, slopes = self._called(prediction[r], target[r if len(target) > 1 else 0])
            losses[r] = self._checked(values, (rows,), "values")
            if gradient is not None:
                gradient[r] = self._checked(slopes, (rows, outputs), "gradient")
        return losses

    def _called(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """Call `batch` and check what it returns."""
        scores, target = scores.view(), target.view()
        scores.flags.writeable = target.flags.writeable = False  # they are used again
        pair = self.batch(scores, target)
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise self._wrong(f"gives {type(pair).__name__}; must give two arrays")
        try:
            return np.asarray(pair[0]), np.asarray(pair[1])
        except ValueError:
            raise self._wrong("gives lists of unequal lengths; must give two arrays") from None

    def _checked(self, array: Array, shape: tuple[int, ...], what: str) -> Array:
        if array.dtype.kind not in "fiub":
            raise self._wrong(f"gives {what} of type {array.dtype}; must be real numbers")
        if array.shape != shape:
            said = f"of shape {array.shape} for {shape[0]} samples"
            raise self._wrong(f"gives {what} {said}; must be {shape}")
        return array

    def _wrong(self, message: str) -> InvalidInput:
        code = type(self).batch.__code__
        file = shown(Path(code.co_filename))
        return InvalidInput(Fault(message, f"loss '{self.name}'", file, code.co_firstlineno))
