"""Plain: a loss written for one batch of scores, without buffers and without replicas."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from optcli.arrays import Array, Workspace
from optcli.errors import InvalidInput, OptcliError
from optcli.losses.base import Loss


@dataclass(frozen=True)
class PlainLoss(Loss):
    """Base of a loss in the plain form: scores and targets in, values and gradient out.

    A child gives `batch`. It is called once for each replica, so that a loss that is
    meant to be fast gives `samples` instead, as the losses of optcli do.
    """

    @abstractmethod
    def batch(self, scores: Array, target: Array) -> tuple[Any, Any]:
        """The loss of each sample (B,), and its gradient by the sample's scores (B, C).

        scores: (B, C). target: (B,) indices for classes, (B, C) otherwise. Neither may be
        written to. The mean over the batch, and the weights, are taken care of.
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
        """What `batch` returns; its failures are said to be its own."""
        scores, target = scores.view(), target.view()
        scores.flags.writeable = target.flags.writeable = False  # others read them later
        try:
            values, slopes = self.batch(scores, target)
            return np.asarray(values), np.asarray(slopes)
        except OptcliError:
            raise
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            raise InvalidInput(f"loss '{self.name}': batch fails: {text}") from error

    def _checked(self, array: Array, shape: tuple[int, ...], what: str) -> Array:
        if array.dtype.kind not in "fiub":
            raise InvalidInput(
                f"loss '{self.name}': batch gives {what} of type {array.dtype}; "
                "must be real numbers"
            )
        if array.shape != shape:
            raise InvalidInput(
                f"loss '{self.name}': batch gives {what} of shape {array.shape} for "
                f"{shape[0]} samples; must be {shape}"
            )
        return array
