"""Rows: what a model says of labelled rows, and what is true of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from optcli.core.arrays import Array, Workspace
from optcli.core.specs import TargetKind
from optcli.data.targets import softmax
from optcli.losses.base import Loss

PIECE = 1 << 14  # rows whose losses are taken together


@dataclass(frozen=True)
class Rows:
    """N rows with predictions and targets.

    kind: of the targets. names: of the classes, labels or target columns, (C,); of a single
    label its two classes, the positive one last. scores: (N, C), logits, or values in the
    data's own units. y: classes (N,) intp, else (N, C). weight: (N,) float64, the sample
    weights; ones where there are none. weighted: whether there are some. losses: (N,) float64,
    of each row, in training units. shares: (N,) what a row of weight 1 counts in the mean loss,
    which is Σ w·losses / Σ w·shares.
    """

    kind: TargetKind
    names: tuple[str, ...]
    scores: Array
    y: Array
    weight: Array
    weighted: bool
    losses: Array
    shares: Array

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def one_of_many(self) -> bool:
        """Whether a row has one class; a single label is two classes."""
        return self.kind == "classes" or (self.kind == "labels" and self.scores.shape[1] == 1)

    @property
    def binary(self) -> bool:
        """Whether there are two classes, the last of which is the positive one."""
        return self.one_of_many and len(self.names) == 2

    @cached_property
    def true(self) -> Array:
        """The true class (N,) of each row, where it has one."""
        return self.y if self.kind == "classes" else self.y[:, 0].astype(np.intp)

    @cached_property
    def predicted(self) -> Array:
        """The predicted class (N,) of each row: the first of the highest scores."""
        if self.kind == "classes":
            return np.asarray(self.scores.argmax(axis=1))
        return np.asarray((self.scores[:, 0] > 0).astype(np.intp))

    @cached_property
    def probabilities(self) -> Array:
        """Probabilities (N, C) float64: by softmax of classes, by sigmoid of each label.

        A single label has two columns, as two classes have.
        """
        scores = self.scores.astype(np.float64)
        if self.kind in ("classes", "probabilities"):
            return softmax(scores)
        found: Array = (1 + np.tanh(scores / 2)) / 2
        return np.column_stack([1 - found, found]) if found.shape[1] == 1 else found

    @cached_property
    def log_losses(self) -> Array:
        """Minus the log of the probability of what is true, (N,) or (N, C) for several labels.

        From the logits, so that it is finite where a probability is rounded to 0.
        """
        scores = self.scores.astype(np.float64)
        if self.kind == "classes":
            top = scores.max(axis=1, keepdims=True)
            total = np.log(np.exp(scores - top).sum(axis=1)) + top[:, 0]
            return np.asarray(total - scores[np.arange(len(scores)), self.y])
        found = np.logaddexp(0, -scores * np.where(self.y > 0, 1.0, -1.0))
        return found[:, 0] if found.shape[1] == 1 else found


def losses_of(loss: Loss, scores: Array, y: Array) -> tuple[Array, Array]:
    """The loss of each row (N,), and what a row of weight 1 counts in the mean (N,); float64.

    scores: raw ones (N, C), as the model gives them. y: as the loss takes it.
    """
    losses, shares = np.empty(len(y)), np.ones(len(y))
    work = Workspace()
    for start in range(0, len(y), PIECE):
        rows = slice(start, start + PIECE)
        target = y[None, rows]
        losses[rows] = loss.samples(scores[None, rows], target, None, work)[0]
        counts = loss.counts(target, None, work)
        if counts is not None:
            shares[rows] = counts[0]
    return losses, shares
