"""Cross-fit: the validation loss of a run at an epoch that other validation rows chose.

The validation rows of a run are cut by its seed into four stratified folds, and the loss of
each is kept at every epoch. For fold k let e_k be the epoch with the lowest loss over the
other three; the cross-fit value is Σ w_k·L_k(e_k), with w_k the fold's share of the weight.
No row takes part in the choice of the epoch at which it is measured, so that the value does
not reward noise, as the lowest validation loss of a run does.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from optcli.core.arrays import Array, Workspace
from optcli.core.randomness import generator
from optcli.data.preparation import Part
from optcli.losses.base import Loss
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
        self.values: list[dict[str, Array]] = []  # (folds, R) by name, one an epoch
        self.shares: Array | None = None  # (folds, R) of the weight
        self.alike: list[_Alike] = []  # all folds, in their order
        if not self.streamed:
            known: dict[tuple[int, int], list[Array]] = {}  # of a part and a seed
            keys = [(id(part), seed) for part, seed in zip(parts, seeds, strict=True)]
            for key, part in zip(keys, parts, strict=True):
                if key not in known:
                    known[key] = folds(part, key[1])
            each = [known[key] for key in keys]
            sizes = [len(rows) for rows in each[0]]
            for _, numbers in itertools.groupby(range(len(sizes)), key=sizes.__getitem__):
                rows = np.stack([[own[k] for own in each] for k in numbers])
                self.alike.append(_Alike(rows, len(parts[0].x)))

    def add(self, evaluation: Evaluation, all_rows: Mapping[str, Array]) -> None:
        """Measure the folds from what was just evaluated. all_rows: metrics of all rows."""
        if self.streamed:
            self._add_batches(evaluation, all_rows)
            return
        loss = self.cohort.loss
        if self.shares is None:
            y, weight = evaluation.batches.targets(1)
            shares = [alike.take_targets(loss, y, weight, self.work) for alike in self.alike]
            self.shares = np.concatenate(shares)
        found: dict[str, list[Array]] = {"loss": []}
        for alike in self.alike:
            scores = alike.taken(evaluation.scores)
            values = loss.value(scores, alike.targets, alike.weights, self.work)
            found["loss"].append(np.array(values, np.float64).reshape(alike.shape))
            for own in alike.each() if self.metrics else ():
                weights = None if alike.weights is None else alike.weights[own]
                known = measure(self.cohort, scores[own], alike.targets[own], weights)
                for name, of in known.items():
                    found.setdefault(name, []).append(of[None])
        self.values.append({name: np.concatenate(of) for name, of in found.items()})

    def _add_batches(self, evaluation: Evaluation, all_rows: Mapping[str, Array]) -> None:
        count = min(FOLDS, len(evaluation.losses))
        losses = evaluation.losses.astype(np.float64)
        weights = evaluation.weights.astype(np.float64)
        self.shares = np.stack([weights[k::count].sum(axis=0) for k in range(count)])
        sums = [(losses[k::count] * weights[k::count]).sum(axis=0) for k in range(count)]
        values = {"loss": np.stack(sums) / self.shares}
        self.values.append(values | {n: np.stack([of] * count) for n, of in all_rows.items()})

    def results(self, epochs: Sequence[int]) -> list[dict[str, float]]:
        """The cross-fit loss and metrics of each replica, from its first epochs.

        Infinite where none is finite. A metric is taken at the epochs that the loss of the other
        folds chose.
        """
        found: list[dict[str, float]] = [{} for _ in epochs]
        if not self.values or self.shares is None:
            return found
        # by name (R, E, K), and (R, K)
        whole = {
            name: np.moveaxis(np.stack([each[name] for each in self.values]), 2, 0).copy()
            for name in self.values[0]
        }
        shares = self.shares.T.copy()
        for last in set(epochs) - {0}:
            rows = [replica for replica, own in enumerate(epochs) if own == last]
            chosen, there = epochs_of(whole["loss"][rows, :last], shares[rows])
            for name, values in whole.items():
                own = _weighted(values[rows, :last], chosen, shares[rows])
                for replica, value, any_finite in zip(rows, own, there, strict=True):
                    found[replica][name] = value if any_finite else math.inf
        return found


class _Alike:
    """Folds of one size, measured together: each of a replica is a replica then.

    rows: (K, R, n). total: rows of a replica. targets, weights: (K·R, n, …), of each fold.
    """

    def __init__(self, rows: Array, total: int) -> None:
        self.rows, self.shape = rows.reshape(-1, rows.shape[2]), rows.shape[:2]
        self.replicas = np.tile(np.arange(rows.shape[1]), rows.shape[0])[:, None]
        self.at = self.replicas * total + self.rows  # in the rows of all replicas
        self.targets: Array = np.empty(0)
        self.weights: Array | None = None
        self.scores: Array | None = None

    def take_targets(self, loss: Loss, y: Array, weight: Array | None, work: Workspace) -> Array:
        """Gather targets and weights, which are the same in every epoch; their weight (K, R)."""

        def taken(array: Array) -> Array:
            """Of (S, N, …), where S is 1 for one that all share."""
            whole: Array = array[0] if len(array) == 1 else array
            return whole[self.rows] if len(array) == 1 else whole[self.replicas, self.rows]

        self.targets, self.weights = taken(y), None if weight is None else taken(weight)
        counts = loss.counts(self.targets, self.weights, work)
        size = float(self.rows.shape[1])
        every = np.full(len(self.rows), size) if counts is None else counts.sum(axis=1)
        return np.array(every, np.float64).reshape(self.shape)

    def taken(self, scores: Array) -> Array:
        """The scores (K·R, n, C) of (R, N, C)."""
        outputs = scores.shape[2]
        if self.scores is None:
            self.scores = np.empty((*self.at.shape, outputs), scores.dtype)
        return scores.reshape(-1, outputs).take(self.at, 0, self.scores, "clip")

    def each(self) -> Iterator[slice]:
        """The replicas of each fold."""
        folds, replicas = self.shape
        for start in range(0, folds * replicas, replicas):
            yield slice(start, start + replicas)


def epochs_of(losses: Array, shares: Array) -> tuple[Array, Array]:
    """For each fold the epoch, from 0, with the lowest loss over the others; and if there is one.

    losses: (R, E, K), shares: (R, K) of the weight; the results (R, K) and (R,). Epochs where a
    loss is not finite do not count.
    """
    finite = np.asarray(np.isfinite(losses).all(axis=2))
    count = losses.shape[2]
    others = 1 - np.eye(count) if count > 1 else np.ones((1, 1))
    own = shares[:, None]
    with np.errstate(invalid="ignore"):
        means = np.where(finite[..., None], losses, 0) * own @ others / (own @ others)
    means[~finite] = np.inf
    return np.asarray(means.argmin(axis=1)), np.asarray(finite.any(axis=1))


def value(losses: Array, shares: Array) -> float:
    """The cross-fit value Σ w_k·L_k(e_k) of losses (E, K); inf where no epoch is finite."""
    chosen, there = epochs_of(losses[None], shares[None])
    return _weighted(losses[None], chosen, shares[None])[0] if there[0] else math.inf


def _weighted(values: Array, epochs: Array, shares: Array) -> list[float]:
    """Σ w_k·v_k / Σ w_k of each replica, v_k being values (R, E, K) at the epochs (R, K)."""
    at = np.take_along_axis(values, epochs[:, None], axis=1)[:, 0]
    return [
        float(math.fsum(own) / math.fsum(weights))
        for own, weights in zip((at * shares).tolist(), shares.tolist(), strict=True)
    ]
