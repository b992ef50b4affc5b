"""Cross-fit: the validation loss of a run at an epoch that other validation rows chose.

The validation rows of a run are cut by its seed into four stratified folds, and the loss of
each is kept at every epoch. For fold k let e_k be the epoch with the lowest loss over the
other three; the cross-fit value is Σ w_k·L_k(e_k), with w_k the fold's share of the weight.
No row takes part in the choice of the epoch at which it is measured, so that the value does
not reward noise, as the lowest validation loss of a run does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from optcli.core.arrays import Array, Workspace
from optcli.core.randomness import generator
from optcli.data.preparation import Part
from optcli.training import Cohort, Evaluation
from optcli.training.evaluation import measure

FOLDS = 4


def folds(part: Part, seed: int) -> list[Array]:
    """The rows of each fold, ascending; where the rows have classes, each in proportion.

    As many folds as rows, where there are fewer than four. Their sizes follow from the number of
    rows alone.
    """
    order = generator(seed, "folds").permutation(len(part.x))
    if part.y.ndim == 1:  # classes: the rows of each in turn
        order = order[np.argsort(part.y[order], kind="stable")]
    return [np.sort(order[k :: min(FOLDS, len(order))]) for k in range(min(FOLDS, len(order)))]


class FoldValues:
    """The loss and the metrics of each fold, of all replicas of a cohort, epoch by epoch.

    metrics: whether they are wanted, too. Where the rows are streamed, a fold is every fourth
    batch of the evaluation, and metrics, which cannot be cut so, are those of all rows.
    """

    def __init__(
        self, cohort: Cohort, parts: Sequence[Part], seeds: Sequence[int], *, metrics: bool
    ) -> None:
        self.cohort, self.metrics, self.work = cohort, metrics, Workspace()
        self.streamed = parts[0].streamed
        self.count = 0 if self.streamed else min(FOLDS, len(parts[0].x))
        self.values: list[dict[str, Array]] = []  # (folds, R) by name, one an epoch
        self.shares: Array | None = None  # (folds, R) of the weight
        each = [] if self.streamed else [folds(p, s) for p, s in zip(parts, seeds, strict=True)]
        self.rows = [np.stack([own[k] for own in each]) for k in range(self.count)]
        self.targets: list[tuple[Array, Array | None]] = []  # of each fold, with its weights

    def add(self, evaluation: Evaluation, all_rows: Mapping[str, Array]) -> None:
        """Measure the folds from what was just evaluated. all_rows: metrics of all rows."""
        if self.streamed:
            self._add_batches(evaluation, all_rows)
            return
        replicas = np.arange(len(self.cohort.replicas))[:, None]
        if self.shares is None:
            self._take_targets(evaluation, replicas)
        found: dict[str, list[Array]] = {}
        for rows, (own, weights) in zip(self.rows, self.targets, strict=True):
            scores = evaluation.scores[replicas, rows]
            loss = self.cohort.loss.value(scores, own, weights, self.work)
            found.setdefault("loss", []).append(np.array(loss, np.float64))
            if self.metrics:
                for name, of in measure(self.cohort, scores, own, weights).items():
                    found.setdefault(name, []).append(of)
        self.values.append({name: np.stack(of) for name, of in found.items()})

    def _take_targets(self, evaluation: Evaluation, replicas: Array) -> None:
        """Gather the targets and weights of each fold, which are the same in every epoch."""
        y, weight = evaluation.batches.targets(1)
        shares = []
        for rows in self.rows:
            own = _taken(y, replicas, rows)
            weights = None if weight is None else _taken(weight, replicas, rows)
            self.targets.append((own, weights))
            counts = self.cohort.loss.counts(own, weights, self.work)
            size = float(rows.shape[1])
            every = np.full(len(replicas), size) if counts is None else counts.sum(axis=1)
            shares.append(np.array(every, np.float64))
        self.shares = np.stack(shares)

    def _add_batches(self, evaluation: Evaluation, all_rows: Mapping[str, Array]) -> None:
        count = min(FOLDS, len(evaluation.losses))
        losses = evaluation.losses.astype(np.float64)
        weights = evaluation.weights.astype(np.float64)
        self.shares = np.stack([weights[k::count].sum(axis=0) for k in range(count)])
        sums = [(losses[k::count] * weights[k::count]).sum(axis=0) for k in range(count)]
        values = {"loss": np.stack(sums) / self.shares}
        self.values.append(values | {n: np.stack([of] * count) for n, of in all_rows.items()})

    def of(self, replica: int, epochs: int) -> dict[str, float]:
        """The cross-fit loss and metrics of a replica, from its first epochs; inf where diverged.

        A metric is taken at the epochs that the loss of the other folds chose.
        """
        if not self.values[:epochs] or self.shares is None:
            return {}
        own = {
            name: np.stack([each[name][:, replica] for each in self.values[:epochs]])
            for name in self.values[0]
        }
        share = self.shares[:, replica]
        chosen = epochs_of(own["loss"], share)
        return {
            name: math.inf if chosen is None else _weighted(of, chosen, share)
            for name, of in own.items()
        }


def epochs_of(losses: Array, shares: Array) -> Array | None:
    """For each fold the epoch, from 0, with the lowest loss over the others; None without one.

    losses: (E, K), shares: (K,) of the weight. Epochs where a loss is not finite do not count.
    """
    finite = np.asarray(np.isfinite(losses).all(axis=1))
    if not finite.any():
        return None
    count = losses.shape[1]
    others = 1 - np.eye(count) if count > 1 else np.ones((1, 1))
    with np.errstate(invalid="ignore"):
        means = np.where(finite[:, None], losses, 0) * shares @ others / (shares @ others)
    means[~finite] = np.inf
    return np.asarray(means.argmin(axis=0))


def value(losses: Array, shares: Array) -> float:
    """The cross-fit value Σ w_k·L_k(e_k) of losses (E, K); inf where no epoch is finite."""
    chosen = epochs_of(losses, shares)
    return math.inf if chosen is None else _weighted(losses, chosen, shares)


def _weighted(values: Array, epochs: Array, shares: Array) -> float:
    at = values[epochs, np.arange(len(epochs))]
    return float(math.fsum((at * shares).tolist()) / math.fsum(shares.tolist()))


def _taken(array: Array, replicas: Array, rows: Array) -> Array:
    """Rows (R, n) of (S, N, …), where S is 1 for one that all share."""
    whole: Array = array[0][rows] if len(array) == 1 else array[replicas, rows]
    return whole
