"""Loss: a number for each sample, its mean over the batch, and the gradient of that mean.

The conventions, said once for all losses:

- Predictions are raw scores (R, B, C): logits for classes and labels, numbers
  for values. Targets are (R, B) indices for classes, (R, B, C) otherwise.
- The loss of a batch is the mean over its samples; with weights (R, B), the
  weighted mean: Σ w·ℓ / Σ w.
- The gradient is that of exactly this mean, written into the caller's buffer.
- Everything is done separately for each of the R replicas.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from optcli.arrays import Array, Workspace
from optcli.registry import Registry
from optcli.specs import Registered, TargetKind


@dataclass(frozen=True)
class Loss(Registered, ABC):
    """A loss function. A child gives `samples`; means and weights are done here."""

    # What the loss is about; see TargetKind.
    target: ClassVar[TargetKind] = "values"
    # Whether `standardize` may scale the target too.
    scales_target: ClassVar[bool] = False

    @abstractmethod
    def samples(
        self, prediction: Array, target: Array, gradient: Array | None, work: Workspace
    ) -> Array:
        """The loss of each sample (R, B), each one's gradient by its scores into `gradient`.

        prediction, gradient: (R, B, C), never the same array; prediction is not
        changed. The array returned may be a buffer of `work`.
        """

    def value_and_gradient(
        self,
        prediction: Array,
        target: Array,
        gradient: Array,
        weight: Array | None = None,
        work: Workspace | None = None,
    ) -> Array:
        """The mean loss (R,), and its gradient by the scores into `gradient` (R, B, C)."""
        work = Workspace() if work is None else work
        losses = self.samples(prediction, target, gradient, work)
        share = _shares(losses, weight, work)
        np.multiply(gradient, share if weight is None else share[..., None], gradient)
        return _mean(losses, share)

    def value(
        self,
        prediction: Array,
        target: Array,
        weight: Array | None = None,
        work: Workspace | None = None,
    ) -> Array:
        """The mean loss (R,): the very value of `value_and_gradient`."""
        work = Workspace() if work is None else work
        losses = self.samples(prediction, target, None, work)
        return _mean(losses, _shares(losses, weight, work))


def _shares(losses: Array, weight: Array | None, work: Workspace) -> Array:
    """What each sample counts: 1/B, or its weight over the sum of the weights (R, B)."""
    rows, dtype = losses.shape[1], losses.dtype
    if weight is None:
        return work.constant(("share", rows, dtype), lambda: np.array(1 / rows, dtype))
    total = work.buffer("weights", (len(losses), 1), dtype)
    np.sum(weight, axis=1, keepdims=True, out=total)
    return np.divide(weight, total, work.buffer("shares", losses.shape, dtype))


def _mean(losses: Array, share: Array) -> Array:
    """Σ share · ℓ over the rows, as (R,)."""
    if share.ndim:
        mean: Array = np.vecdot(losses, share)
        return mean
    return np.multiply(np.add.reduce(losses, axis=1), share)


LOSSES: Registry[Loss] = Registry("loss", "losses", "optcli.losses")
