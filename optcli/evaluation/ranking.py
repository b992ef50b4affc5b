"""Ranking: rows in the order of a score; what they make up for at each threshold.

ROC curves as in T. Fawcett, An introduction to ROC analysis, 2006; average precision instead of
the trapezoid under the precision-recall curve, which is too optimistic (J. Davis and
M. Goadrich, The relationship between precision-recall and ROC curves, 2006).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optcli.core.arrays import Array
from optcli.metrics import divided

MOST_POINTS = 500  # of a curve that is kept; its area is of all


@dataclass(frozen=True)
class Curve:
    """The ROC and the precision-recall curve of one class or label, from the strictest on.

    thresholds: (T,) a row is predicted positive where its probability is at least that; the
    first is infinite, as no row is. false_positive_rate, recall, precision: (T,); precision is
    1 where no row is predicted. prevalence: the share of positive rows.
    """

    name: str
    thresholds: Array
    false_positive_rate: Array
    recall: Array
    precision: Array
    roc_auc: float
    average_precision: float
    prevalence: float


class Ranking:
    """Rows by falling score, with those that are positive.

    scores: (N,) log odds, of which equal ones make one threshold. positive: (N,) bool.
    """

    def __init__(self, scores: Array, positive: Array) -> None:
        self.order = np.argsort(-scores, kind="stable")
        self.scores = scores[self.order]
        self.positive = positive[self.order].astype(np.float64)
        self.ends = np.flatnonzero(np.append(self.scores[1:] != self.scores[:-1], True))
        self.whole = len(self.ends) == len(scores)
        self.finite = bool(np.isfinite(scores).all())

    def counts(self, weight: Array) -> tuple[Array, Array]:
        """Weights of true positives and of all predicted at each threshold, (K, T).

        weight: (K, N).
        """
        said = np.take(weight, self.order, axis=1)  # contiguous, unlike weight[:, order]
        hits = np.cumsum(said * self.positive, axis=1)
        np.cumsum(said, axis=1, out=said)
        return np.take(hits, self.ends, axis=1), np.take(said, self.ends, axis=1)

    def areas(self, weight: Array) -> tuple[Array, Array]:
        """Area under the ROC curve and average precision (K,), of weights (K, N).

        The area is Σ ΔFP·(TP + previous TP)/2 / (P·N), that of trapezoids, in which ties count
        half; average precision is Σ Δrecall·precision. NaN without positive rows; the area is
        also without negative ones.
        """
        if self.whole:  # no ties: a row adds to the true positives, or to the false ones
            new = np.take(weight, self.order, axis=1)
            gained = new * self.positive
            hits, said = np.cumsum(gained, axis=1), np.cumsum(new, axis=1)
            above = np.vecdot(new, hits) - np.vecdot(gained, hits)
        else:
            hits, said = self.counts(weight)
            gained = np.diff(hits, axis=1, prepend=0)
            new = np.diff(said, axis=1, prepend=0) - gained
            above = np.vecdot(new, hits) - np.vecdot(new, gained) / 2
        positives = hits[:, -1].copy()
        negatives = said[:, -1] - positives
        np.divide(hits, said, out=hits, where=said > 0)
        precise = np.vecdot(gained, hits)
        with np.errstate(invalid="ignore", divide="ignore"):
            area = above / (positives * negatives)
            average = precise / positives
        if not self.finite:
            area, average = area * np.nan, average * np.nan
        defined = (positives > 0) & (negatives > 0)
        return np.where(defined, area, np.nan), np.asarray(average)

    def curve(self, name: str, weight: Array) -> Curve:
        """Both curves, at no more than 500 thresholds; weight: (N,)."""
        hits, said = (of[0] for of in self.counts(weight[None]))
        misses = said - hits
        area, average = (float(of[0]) for of in self.areas(weight[None]))
        at = kept(hits, misses)
        odds = self.scores[self.ends][at].astype(np.float64)
        thresholds = np.append(np.inf, (1 + np.tanh(odds / 2)) / 2)
        chosen_hits, chosen_misses = np.append(0, hits[at]), np.append(0, misses[at])
        precision = divided(chosen_hits, chosen_hits + chosen_misses)
        precision[0] = 1.0
        positives, negatives = hits[-1], misses[-1]
        return Curve(
            name,
            thresholds,
            divided(chosen_misses, np.full(len(at) + 1, negatives)),
            divided(chosen_hits, np.full(len(at) + 1, positives)),
            precision,
            area,
            average,
            float(divided(positives, positives + negatives)),
        )


def kept(hits: Array, misses: Array) -> Array:
    """The thresholds (T,) that a curve is kept at: of more than 500 some.

    The path of (misses, hits) is followed at equal steps of what it covers of both.
    """
    if len(hits) <= MOST_POINTS:
        return np.arange(len(hits))
    path = divided(hits, np.full(len(hits), hits[-1]))
    path += divided(misses, np.full(len(hits), misses[-1]))
    wanted = np.linspace(0, path[-1], MOST_POINTS)
    return np.unique(np.searchsorted(path, wanted).clip(0, len(path) - 1))
