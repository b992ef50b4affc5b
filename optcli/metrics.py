"""Metrics: measures of predictions, defined as in scikit-learn.

The conventions of all metrics:

- Scores are raw (R, N, C): logits for classes and labels; a label is positive
  where its score is above 0. Values and their targets are in the data's own units.
- Targets are (R, N) indices for classes, (R, N, C) otherwise; weights (R, N). Both
  may have a leading 1 if all replicas are measured on the same rows.
- Results are (R,) float64; each replica is computed separately.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import Fault, InvalidInput
from optcli.core.registry import Registry
from optcli.core.specs import Doc, Ge, Registered, TargetKind

TALLIED = 1 << 16  # rows of a block of sums
FEW_CLASSES, MANY_SCORES = 8, 10_000

CLASSIFIED: frozenset[TargetKind] = frozenset({"classes", "labels"})


@dataclass(frozen=True)
class Metric(Registered, ABC):
    """A measure of predictions."""

    kinds: ClassVar[frozenset[TargetKind]] = CLASSIFIED
    higher_is_better: ClassVar[bool] = True

    def check(self, kind: TargetKind, outputs: int) -> None:
        """Raise InvalidInput if the metric does not fit a task with C outputs."""
        if kind not in self.kinds:
            allowed = " or ".join(sorted(self.kinds))
            raise InvalidInput(
                Fault(f"'{self.name}' is for {allowed}, but the loss is about {kind}", "metrics")
            )

    @abstractmethod
    def measure(self, scores: Array, target: Array, weight: Array | None = None) -> Array:
        """The metric (R,) of scores (R, N, C)."""


class Additive(Metric):
    """A metric that can be computed block by block; other metrics need all rows at once."""

    @abstractmethod
    def tally(self, scores: Array, target: Array, weight: Array | None) -> Array:
        """The tally of a block of rows, (R, K) float64."""

    def merge(self, one: Array, other: Array) -> Array:
        """Combine the tallies of two blocks."""
        return one + other

    @abstractmethod
    def of(self, tally: Array) -> Array:
        """The metric (R,) of a tally."""

    def measure(self, scores: Array, target: Array, weight: Array | None = None) -> Array:
        found: Array | None = None
        for start in range(0, scores.shape[1], TALLIED):
            rows = slice(start, start + TALLIED)
            own = None if weight is None else weight[:, rows]
            tally = self.tally(scores[:, rows], target[:, rows], own)
            found = tally if found is None else self.merge(found, tally)
        assert found is not None
        return self.of(found)


METRICS: Registry[Metric] = Registry("metric", "metrics", "optcli.metrics", Metric)


def usual(kind: TargetKind, outputs: int) -> tuple[str, ...]:
    """The default metrics of a task."""
    if kind == "values":
        return ("rmse", "r2")
    if kind == "probabilities":
        return ()
    return ("accuracy",) if kind == "classes" or outputs == 1 else ("accuracy", "f1")


def total(values: Array, weight: Array | None) -> Array:
    """The sum (R, …) of values (R, N, …) over N, by weight (R, N)."""
    if weight is not None:
        values = values * weight.reshape(*weight.shape, *[1] * (values.ndim - 2))
    return np.asarray(values.sum(axis=1, dtype=np.float64))


def right(scores: Array, target: Array) -> Array:
    """Whether predictions are correct: (R, N) for classes, (R, N, C) for labels."""
    if target.ndim < scores.ndim:
        return np.asarray(highest(scores) == target)
    return np.asarray((scores > 0) == (target > 0))


def highest(scores: Array) -> Array:
    """The class (R, N) of the highest score of each row, of equal ones the first: np.argmax.

    NumPy's goes row by row; of many rows with few classes, class by class is twice as fast.
    """
    classes = scores.shape[-1]
    if classes > FEW_CLASSES or scores.size < MANY_SCORES:
        return np.asarray(scores.argmax(axis=-1))
    first = best = scores[..., 0]
    found = np.zeros(best.shape, np.uint8)
    for number in range(1, classes):
        own = scores[..., number]
        np.maximum(found, (own > best).view(np.uint8) * np.uint8(number), out=found)
        best = np.maximum(best, own)
    if (np.isnan(best) != np.isnan(first)).any():  # NaN in some classes of a row, where it is first
        return np.asarray(scores.argmax(axis=-1))
    return found


# ---- classes and labels --------------------------------------------------------------


@dataclass(frozen=True)
class Mean(Additive):
    """A metric that is a mean over rows."""

    @abstractmethod
    def each(self, scores: Array, target: Array) -> Array:
        """The measure of each row (R, N), or of each of its outputs (R, N, K)."""

    def tally(self, scores: Array, target: Array, weight: Array | None) -> Array:
        with np.errstate(over="ignore", invalid="ignore"):  # for a replica that diverges
            sums = total(self.each(scores, target), weight).reshape(len(scores), -1)
        count = total(np.ones((1, scores.shape[1])), weight)
        return np.column_stack([sums, np.broadcast_to(count, len(scores))])

    def of(self, tally: Array) -> Array:
        with np.errstate(invalid="ignore"):  # total weight 0: NaN
            return self.over_outputs(tally[:, :-1] / tally[:, -1:])

    def over_outputs(self, means: Array) -> Array:
        """The metric (R,) of the means (R, K)."""
        return np.asarray(means.mean(axis=-1))


@METRICS.register("accuracy")
@dataclass(frozen=True)
class Accuracy(Mean):
    """Accuracy: the fraction of correct predictions; with several labels, over all of them."""

    def each(self, scores: Array, target: Array) -> Array:
        return right(scores, target)


@METRICS.register("exact_match")
@dataclass(frozen=True)
class ExactMatch(Mean):
    """Exact match ratio: the fraction of rows with every label correct (subset accuracy)."""

    def each(self, scores: Array, target: Array) -> Array:
        found = right(scores, target)
        return np.asarray(found.all(axis=-1)) if found.ndim == 3 else found


@METRICS.register("top_k")
@dataclass(frozen=True)
class TopK(Mean):
    """Top-k accuracy: the fraction of rows whose class is among the k highest scores.

    Of equal scores, that of the first class counts as higher, as for accuracy.
    """

    kinds: ClassVar[frozenset[TargetKind]] = frozenset({"classes"})

    k: Annotated[int, Ge(1), Doc("number of highest scores to consider")] = 5

    def check(self, target: TargetKind, outputs: int) -> None:
        super().check(target, outputs)
        if self.k >= outputs:
            message = f"'{self.name}' of {outputs} classes is always 1 where k is {self.k}"
            raise InvalidInput(Fault(f"{message}; must be less than {outputs}", "metrics"))

    def each(self, scores: Array, target: Array) -> Array:
        index = np.broadcast_to(target, scores.shape[:2])[..., None]
        own = np.take_along_axis(scores, index, axis=-1)
        before = np.arange(scores.shape[-1]) < index
        # not `>`, so that NaN is never among the highest
        rank = (~(scores <= own) | ((scores == own) & before)).sum(axis=-1)
        return np.asarray(rank < self.k)


@dataclass(frozen=True)
class Averaged(Additive):
    """A metric of the true positives, predictions and occurrences of each class, averaged."""

    average: Annotated[
        Literal["binary", "macro", "micro"] | None,
        Doc(
            "binary (the second of two classes), macro (mean over classes) or micro (all rows); "
            "by default binary for two classes, else macro"
        ),
    ] = None

    def check(self, kind: TargetKind, outputs: int) -> None:
        super().check(kind, outputs)
        if self.average == "binary" and outputs != (2 if kind == "classes" else 1):
            raise InvalidInput(
                Fault(
                    f"'{self.name}' has average: binary, but there are {outputs} {kind}; "
                    "use macro or micro",
                    "metrics",
                )
            )

    @abstractmethod
    def ratio(self, hits: Array, predicted: Array, actual: Array) -> Array:
        """The metric, from weighted counts of equal shape."""

    def tally(self, scores: Array, target: Array, weight: Array | None) -> Array:
        outputs = scores.shape[-1]
        one_of_many = target.ndim < scores.ndim
        if one_of_many:
            classes = np.arange(outputs)
            predicted = highest(scores)[..., None] == classes
            actual = target[..., None] == classes
        else:
            predicted, actual = scores > 0, target > 0
        counts = [
            np.broadcast_to(total(cells, weight), (len(scores), outputs))
            for cells in (predicted & actual, predicted, actual)
        ]
        return np.column_stack([*counts, np.full(len(scores), float(one_of_many))])

    def of(self, tally: Array) -> Array:
        hits, guesses, occurrences = np.split(tally[:, :-1], 3, axis=1)
        outputs, one_of_many = hits.shape[1], bool(tally[0, -1])
        average = self.average or ("binary" if outputs == 1 + one_of_many else "macro")
        if average == "micro":
            sums = (counts.sum(axis=-1) for counts in (hits, guesses, occurrences))
            return self.ratio(*sums)
        ratios = self.ratio(hits, guesses, occurrences)
        if average == "binary":
            return np.asarray(ratios[:, -1])
        # a class that neither occurs nor is predicted does not count
        counted = (guesses + occurrences > 0) | (not one_of_many)
        return divided((ratios * counted).sum(axis=-1), counted.sum(axis=-1))


def divided(above: Array, below: Array) -> Array:
    """The quotient, and 0 where `below` is 0."""
    quotient: Array = np.divide(above, below, out=np.zeros(np.shape(above)), where=below > 0)
    return quotient


@METRICS.register("precision")
@dataclass(frozen=True)
class Precision(Averaged):
    """Precision: the fraction of a class's predictions that are correct; 0 without predictions."""

    def ratio(self, hits: Array, predicted: Array, actual: Array) -> Array:
        return divided(hits, predicted)


@METRICS.register("recall")
@dataclass(frozen=True)
class Recall(Averaged):
    """Recall: the fraction of a class's rows that are predicted as such; 0 without rows."""

    def ratio(self, hits: Array, predicted: Array, actual: Array) -> Array:
        return divided(hits, actual)


@METRICS.register("f1")
@dataclass(frozen=True)
class F1(Averaged):
    """F1 score, the harmonic mean of precision and recall: 2·hits / (predicted + actual)."""

    def ratio(self, hits: Array, predicted: Array, actual: Array) -> Array:
        return divided(2 * hits, predicted + actual)


@METRICS.register("roc_auc")
@dataclass(frozen=True)
class RocAuc(Metric):
    """ROC AUC: the probability that a positive row scores above a negative one; ties count half.

    With several classes the macro mean of one against the rest, ranked by probability; with
    several labels the mean over them. Classes or labels with only positive or only negative
    rows are left out; NaN if none remains.
    """

    def measure(self, scores: Array, target: Array, weight: Array | None = None) -> Array:
        replicas, rows, outputs = scores.shape
        if target.ndim < scores.ndim:
            ranked, positive = one_against_rest(scores), target[..., None] == np.arange(outputs)
            if outputs == 2:
                ranked, positive = ranked[..., 1:], positive[..., 1:]
        else:
            ranked, positive = scores, target > 0
        positive = np.broadcast_to(positive, ranked.shape)
        weight = np.broadcast_to(1.0 if weight is None else weight, (replicas, rows))
        found = np.empty(replicas)
        for r in range(replicas):
            areas = [
                area(ranked[r, :, c], positive[r, :, c], weight[r]) for c in range(ranked.shape[-1])
            ]
            defined = [a for a in areas if not np.isnan(a)]
            found[r] = np.mean(defined) if defined else np.nan
        return found


def one_against_rest(scores: Array) -> Array:
    """The log odds (R, N, C) of each class against all others: z_c - log Σ_{i≠c} exp z_i."""
    odds = np.empty(scores.shape, np.float64)
    with np.errstate(invalid="ignore"):  # for a replica that diverges
        for c in range(scores.shape[-1]):
            rest = np.delete(scores, c, axis=-1).astype(np.float64)
            top = rest.max(axis=-1, keepdims=True)
            odds[..., c] = scores[..., c] - top[..., 0] - np.log(np.exp(rest - top).sum(axis=-1))
    return odds


def area(scores: Array, positive: Array, weight: Array) -> float:
    """The area under one ROC curve; all arguments (N,). NaN if it is undefined."""
    if not np.all(np.isfinite(scores)):
        return float("nan")
    _, place = np.unique(scores, return_inverse=True)
    negatives = np.bincount(place, weight * ~positive)
    below = (
        np.cumsum(negatives) - negatives / 2
    )  # negatives with lower score, plus half of those with equal score
    pairs = (weight * positive).sum() * negatives.sum()
    if pairs == 0:
        return float("nan")
    return float((weight * positive * below[place]).sum() / pairs)


# ---- values --------------------------------------------------------------------------


@dataclass(frozen=True)
class OfValues(Additive):
    """A metric of values, averaged over the outputs."""

    kinds: ClassVar[frozenset[TargetKind]] = frozenset({"values"})
    higher_is_better: ClassVar[bool] = False


@METRICS.register("rmse")
@dataclass(frozen=True)
class RMSE(OfValues, Mean):
    """Root mean squared error."""

    def each(self, scores: Array, target: Array) -> Array:
        return np.asarray((scores.astype(np.float64) - target) ** 2)

    def over_outputs(self, means: Array) -> Array:
        return np.asarray(np.sqrt(means).mean(axis=-1))


@METRICS.register("mae")
@dataclass(frozen=True)
class MAE(OfValues, Mean):
    """Mean absolute error."""

    def each(self, scores: Array, target: Array) -> Array:
        return np.abs(scores.astype(np.float64) - target)


@METRICS.register("r2")
@dataclass(frozen=True)
class R2(OfValues):
    """Coefficient of determination: 1 - Σ(y - ŷ)² / Σ(y - ȳ)².

    For a constant target 1 if the predictions are exact, else 0.
    """

    higher_is_better: ClassVar[bool] = True

    def tally(self, scores: Array, target: Array, weight: Array | None) -> Array:
        """Σ(y - ŷ)², Σ(y - ȳ)² and ȳ of each output, and the weight of the rows."""
        with np.errstate(over="ignore", invalid="ignore"):  # for a replica that diverges
            target = target.astype(np.float64)
            unexplained = total((scores.astype(np.float64) - target) ** 2, weight)
            count = total(np.ones((1, target.shape[1])), weight)[:, None]
            center = divided(total(target, weight), count)
            variation = total((target - center[:, None]) ** 2, weight)
        parts = [np.broadcast_to(part, unexplained.shape) for part in (variation, center)]
        return np.column_stack([unexplained, *parts, np.broadcast_to(count, (len(scores), 1))])

    def merge(self, one: Array, other: Array) -> Array:
        """Combine variances as Chan, Golub and LeVeque (1979) do."""
        merged = one + other
        with np.errstate(over="ignore", invalid="ignore"):  # blocks without weight
            (_, _, old), (_, variation, new), (_, _, center) = (
                np.split(tally[:, :-1], 3, axis=1) for tally in (one, merged, other)
            )
            share = divided(other[:, -1:], merged[:, -1:])
            apart = center - old
            variation += apart**2 * share * one[:, -1:]
            new[:] = old + share * apart
        return merged

    def of(self, tally: Array) -> Array:
        unexplained, variation, _ = np.split(tally[:, :-1], 3, axis=1)
        constant = np.where(unexplained == 0, 1.0, 0.0)
        varied = variation > 0
        share = np.divide(unexplained, variation, out=np.zeros_like(unexplained), where=varied)
        return np.asarray(np.where(varied, 1 - share, constant).mean(axis=-1))
