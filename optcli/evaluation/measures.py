"""Measures: all numbers that an evaluation takes of rows, as functions of the rows' weights.

A resample is nothing but other weights. So each measure is prepared once, for the rows as they
are, and then taken for many weights (K, N) at a time: as sums of what each row contributes,
counts of cells, or areas of rankings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from optcli.core.arrays import Array
from optcli.evaluation.ranking import Ranking
from optcli.evaluation.rows import Rows
from optcli.metrics import R2, Averaged, Mean, Metric, RocAuc, divided, one_against_rest

MOST_CELLS = 64  # classes whose confusion matrix is small beside the rows
MOST_RANKED = 50  # classes or labels with curves of their own
RATIOS = ("precision", "recall", "f1")

Values = dict[str, Array]  # (K,) by name
Taken = Callable[[Array], Values]


@dataclass(frozen=True)
class Key:
    """Names of measures: of the whole, `accuracy`; of a class, `f1 of setosa`."""

    measure: str
    of: str | None = None


def weighted_means(columns: Array, weight: Array) -> Array:
    """Means (K, J) of columns (N, J), by weights (K, N); NaN where no row has any."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Array = (weight @ columns) / weight.sum(axis=1, keepdims=True)
    return found


class Measures:
    """The measures of some rows: called with weights (K, N), it gives (K,) of each by name.

    metrics: of the config. only: the names that are wanted, where not all are; then classes
    and targets are left out.
    """

    def __init__(
        self, rows: Rows, metrics: Sequence[Metric] = (), *, only: Sequence[str] | None = None
    ) -> None:
        self.rows, self.metrics = rows, metrics
        self.only = only
        self.rankings: dict[str, Ranking] = {}
        if rows.kind in ("classes", "labels") and (
            only is None or any(isinstance(m, RocAuc) and m.name in only for m in metrics)
        ):
            self.rankings = rankings(rows)
        if rows.one_of_many:
            self.cells = rows.true * len(rows.names) + rows.predicted
        self.parts: list[Taken] = [self._loss] if self.wanted("loss") else []
        if only is None:
            self.parts += self._usual()
        self.means = {
            metric.name: _rows_of(metric, rows)
            for metric in metrics
            if isinstance(metric, Mean) and self.wanted(metric.name)
        }

    def wanted(self, name: str) -> bool:
        """Whether a measure is to be taken."""
        return self.only is None or name in self.only

    def __call__(self, weight: Array) -> dict[Key, Array]:
        """Each measure (K,), of weights (K, N)."""
        found: dict[Key, Array] = {}
        for part in self.parts:
            found |= {Key(name): values for name, values in part(weight).items()}
        sums = None
        if self.rows.kind in ("classes", "labels"):
            needed = self.only is None or any(
                isinstance(m, Averaged) and self.wanted(m.name) for m in self.metrics
            )
            sums = self._counts(weight) if needed else None
        if sums is not None and self.only is None:
            found |= self._by_class(*sums)
        areas = self._areas(weight)
        if self.only is None:
            found |= areas
        if self.only is None and self.rows.kind == "values":
            found |= self._by_target(weight)
        for metric in self.metrics:
            if self.wanted(metric.name):
                found[Key(metric.name)] = self._metric(metric, weight, sums, areas)
        return found

    # ---- of the whole ----------------------------------------------------------------

    def _loss(self, weight: Array) -> Values:
        with np.errstate(invalid="ignore", divide="ignore"):
            return {"loss": (weight @ self.rows.losses) / (weight @ self.rows.shares)}

    def _usual(self) -> list[Taken]:
        """What is measured whatever the config lists."""
        rows = self.rows
        if rows.one_of_many:
            names = ["accuracy", "log_loss", "brier"]
            columns = [rows.predicted == rows.true, rows.log_losses, brier(rows)]
        elif rows.kind == "labels":
            names = ["accuracy", "exact_match", "log_loss", "brier"]
            right = (rows.scores > 0) == (rows.y > 0)
            columns = [
                right.mean(axis=1),
                right.all(axis=1),
                rows.log_losses.mean(axis=1),
                brier(rows),
            ]
        else:
            return []
        each = np.column_stack(columns).astype(np.float64)
        return [lambda weight: dict(zip(names, weighted_means(each, weight).T, strict=True))]

    def _metric(
        self,
        metric: Metric,
        weight: Array,
        sums: tuple[Array, Array, Array] | None,
        areas: Mapping[Key, Array],
    ) -> Array:
        rows = self.rows
        if metric.name in self.means:
            assert isinstance(metric, Mean)
            return metric.over_outputs(weighted_means(self.means[metric.name], weight))
        if isinstance(metric, Averaged) and sums is not None:
            if rows.one_of_many and rows.kind == "labels":
                sums = (sums[0][:, 1:], sums[1][:, 1:], sums[2][:, 1:])
            flag = np.full((len(weight), 1), float(rows.kind == "classes"))
            return metric.of(np.column_stack([*sums, flag]))
        if type(metric) is RocAuc and areas:
            return _mean_defined([areas[Key("roc_auc", name)] for name in self.rankings])
        if type(metric) is R2:
            return np.asarray(np.mean(list(self._r2(weight)), axis=0))
        scores, y = rows.scores[None], rows.y[None]
        return np.concatenate([metric.measure(scores, y, each[None]) for each in weight])

    # ---- of classes and labels -------------------------------------------------------

    def _counts(self, weight: Array) -> tuple[Array, Array, Array]:
        """Weights of the true positives, of the predictions and of the rows of each, (K, C)."""
        rows = self.rows
        if not rows.one_of_many:
            predicted, true = rows.scores > 0, rows.y > 0
            cells = (predicted & true, predicted, true)
            hits, said, there = (weight @ each.astype(np.float64) for each in cells)
            return hits, said, there
        count = len(rows.names)

        def counted(of: Array, most: int) -> Array:
            return np.stack([np.bincount(of, each, most) for each in weight])

        if count <= MOST_CELLS:
            matrix = counted(self.cells, count * count).reshape(-1, count, count)
            hits = matrix.diagonal(axis1=1, axis2=2)
            return hits, matrix.sum(axis=1), matrix.sum(axis=2)
        right = np.where(rows.predicted == rows.true, rows.true, count)
        return (
            counted(right, count + 1)[:, :-1],
            counted(rows.predicted, count),
            counted(rows.true, count),
        )

    def _by_class(self, hits: Array, said: Array, there: Array) -> dict[Key, Array]:
        """Precision, recall and F1 of each class or label, and their averages."""
        found: dict[Key, Array] = {}
        ratios = (divided(hits, said), divided(hits, there), divided(2 * hits, said + there))
        counted = (said + there > 0) | (not self.rows.one_of_many)
        for measure, ratio in zip(RATIOS, ratios, strict=True):
            for name, values in zip(self.rows.names, ratio.T, strict=True):
                found[Key(measure, name)] = values
            macro = divided((ratio * counted).sum(axis=1), counted.sum(axis=1))
            found[Key(f"macro_{measure}")] = macro
            found[Key(f"weighted_{measure}")] = divided(np.vecdot(ratio, there), there.sum(axis=1))
        if not self.rows.one_of_many:
            all_hits, all_said, all_there = (of.sum(axis=1) for of in (hits, said, there))
            found[Key("micro_precision")] = divided(all_hits, all_said)
            found[Key("micro_recall")] = divided(all_hits, all_there)
            found[Key("micro_f1")] = divided(2 * all_hits, all_said + all_there)
        return found

    def _areas(self, weight: Array) -> dict[Key, Array]:
        found: dict[Key, Array] = {}
        for name, ranking in self.rankings.items():
            found[Key("roc_auc", name)], found[Key("average_precision", name)] = ranking.areas(
                weight
            )
        for measure in ("roc_auc", "average_precision") if found else ():
            found[Key(measure)] = _mean_defined([found[Key(measure, n)] for n in self.rankings])
        return found

    # ---- of values -------------------------------------------------------------------

    def _by_target(self, weight: Array) -> dict[Key, Array]:
        """Errors of each target column, and their means over the columns."""
        error = self.rows.scores.astype(np.float64) - self.rows.y
        count = error.shape[1]
        means = weighted_means(np.column_stack([error**2, np.abs(error), error]), weight)
        square, size, bias = (means[:, i * count : (i + 1) * count] for i in range(3))
        columns: dict[str, list[Array]] = {
            "rmse": [*np.sqrt(square).T],
            "mae": [*size.T],
            "r2": self._r2(weight),
        }
        found: dict[Key, Array] = {}
        for measure, values in columns.items():
            found |= {Key(measure, n): v for n, v in zip(self.rows.names, values, strict=True)}
            found[Key(measure)] = np.mean(values, axis=0)
        found |= {Key("bias", n): v for n, v in zip(self.rows.names, bias.T, strict=True)}
        return found

    def _r2(self, weight: Array) -> list[Array]:
        """R² (K,) of each target column, as the metric has it."""
        y = self.rows.y.astype(np.float64)
        centred = y - y.mean(axis=0)
        error = (self.rows.scores.astype(np.float64) - y) ** 2
        total = weight.sum(axis=1, keepdims=True)
        unexplained = weight @ error
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = (weight @ centred) / total
            variation = weight @ centred**2 - total * mean**2
        varied = variation > 1e-12 * (weight @ centred**2)
        share = np.divide(unexplained, variation, out=np.zeros_like(unexplained), where=varied)
        exact = np.where(unexplained == 0, 1.0, 0.0)
        return list(np.where(varied, 1 - share, exact).T)


def rankings(rows: Rows) -> dict[str, Ranking]:
    """The ranking of each class against the rest, or of each label; none where they are many.

    Of two classes that of the positive one alone.
    """
    if len(rows.names) > MOST_RANKED:
        return {}
    if rows.kind == "labels":
        names = rows.names[-1:] if rows.one_of_many else rows.names
        columns = [*rows.scores.T.astype(np.float64)]
        positive = [*(rows.y > 0).T]
    else:
        odds = one_against_rest(rows.scores[None])[0].T
        classes = [1] if rows.binary else range(len(rows.names))
        names = tuple(rows.names[c] for c in classes)
        columns, positive = [odds[c] for c in classes], [rows.y == c for c in classes]
    return {
        name: Ranking(scores, own)
        for name, scores, own in zip(names, columns, positive, strict=True)
    }


def brier(rows: Rows) -> Array:
    """The Brier score of each row, (N,).

    G. W. Brier, Verification of forecasts expressed in terms of probability, 1950. Of two
    classes (p − y)², from 0 to 1, as is usual; of more his Σ_c (p_c − y_c)², from 0 to 2; of
    several labels the mean of (p − y)² over them.
    """
    p = rows.probabilities
    if rows.binary:
        return np.asarray((p[:, 1] - rows.true) ** 2)
    if rows.one_of_many:
        own = p[np.arange(len(p)), rows.true]
        return np.asarray((p**2).sum(axis=1) - 2 * own + 1)
    return np.asarray(((p - rows.y) ** 2).mean(axis=1))


def _rows_of(metric: Mean, rows: Rows) -> Array:
    """What each row contributes to a metric that is a mean, (N, K)."""
    each = metric.each(rows.scores[None], rows.y[None])
    return np.asarray(each, np.float64).reshape(len(rows), -1)


def _mean_defined(values: Sequence[Array]) -> Array:
    """The mean (K,) of those values (K,) that are defined; NaN where none is."""
    stacked = np.stack(list(values))
    there = np.isfinite(stacked)
    count = there.sum(axis=0)
    total = np.where(there, stacked, 0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
