"""Cohort: replicas that train together, their common settings, and the memory they need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from optcli.core.parameters import Layout
from optcli.data.preparation import Prepared
from optcli.losses.base import Loss
from optcli.metrics import TALLIED, Metric
from optcli.models import Architecture, Model
from optcli.optimizers.base import Optimizer, scratch_size, state_size
from optcli.schedules import Schedule
from optcli.training.settings import Regularization, Training

# Rows of one forward pass when nothing is learned. Fixed, so that a replica's
# scores have the same bits whatever the company.
EVALUATION_ROWS = 256


@dataclass(frozen=True)
class Replica:
    """One training trajectory: the settings that may differ within a cohort."""

    optimizer: Optimizer
    data: Prepared
    seed: int


@dataclass(frozen=True)
class Cohort:
    """Replicas that train together, and their common settings.

    All have the same numbers of features, outputs, training rows and validation rows.
    """

    replicas: Sequence[Replica]
    model: Model
    loss: Loss
    schedule: Schedule
    regularization: Regularization
    training: Training
    metrics: Sequence[Metric]
    dtype: np.dtype[Any]

    @property
    def rows(self) -> int:
        """Training rows of each replica."""
        return len(self.replicas[0].data.train.x)

    @property
    def batch(self) -> int:
        """Rows of a batch; the last one of an epoch may have fewer."""
        size = self.training.batch_size
        return self.rows if size == "full" else min(size, self.rows)

    def architecture(self) -> Architecture:
        """The layers and the layout of the parameters."""
        data = self.replicas[0].data
        outputs = self.loss.outputs(data.outputs)
        return Architecture(self.model, data.encoder.inputs, outputs)

    def memory(self) -> int:
        """Roughly how many bytes training needs; nothing is allocated to find out."""
        architecture, data = self.architecture(), self.replicas[0].data
        layout = architecture.layout
        # parameters, gradients, the best
        numbers = 3 * layout.size
        spec = self.training
        # lookahead: the slow ones, and those before an epoch's last step
        wrapped = 2 * bool(spec.sam) + 2 * bool(spec.lookahead) + bool(spec.average)
        wrapped += (spec.accumulate > 1) + bool(spec.weight_decay)
        numbers += wrapped * layout.size
        # outputs and gradients of each layer, for training and for evaluation
        room = sum(step.layer.buffer_size(step.shape) for step in architecture.steps)
        seen = min(self.rows, TALLIED) if data.train.streamed else self.rows
        numbers += room * (self.batch + EVALUATION_ROWS) + 3 * seen * architecture.outputs
        return len(self.replicas) * numbers * self.dtype.itemsize + self.memory_of_optimizers()

    def memory_of_optimizers(self) -> int:
        """Bytes for optimizer state and scratch, as if all needed as much as the largest."""
        layout = self.architecture().layout
        sizes = [
            optimizer_size(replica.optimizer, layout, self.rows, self.batch)
            for replica in self.replicas
        ]
        return len(sizes) * max(sizes) * self.dtype.itemsize


def optimizer_size(optimizer: Optimizer, layout: Layout, rows: int, batch: int) -> int:
    """How many numbers an optimizer's state and scratch hold, for given rows and batch size."""
    size = state_size(optimizer, layout, rows) + scratch_size(optimizer, layout)
    if optimizer.needs_oracle:
        size += 2 * layout.size  # the oracle's own parameters and gradients
    if optimizer.needs_model == "rows":
        size += 2 * batch * layout.size
    return size
