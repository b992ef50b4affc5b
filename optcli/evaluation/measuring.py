"""Measuring: from rows to a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from optcli.core.arrays import Array
from optcli.evaluation.calibration import BINS, Calibration, calibration
from optcli.evaluation.measures import RATIOS, Key, Measures
from optcli.evaluation.report import (
    MOST_PAIRS,
    Confused,
    Measure,
    OfClass,
    OfTarget,
)
from optcli.evaluation.resampling import (
    RESAMPLES,
    affordable,
    effective,
    exact_interval,
    interval,
    resamples,
)
from optcli.evaluation.rows import Rows
from optcli.evaluation.thresholds import thresholds
from optcli.metrics import Metric

SHARES = ("accuracy", "exact_match", "precision", "recall", "top_k")  # of rows
AREAS = ("roc_auc", "average_precision")
LEVELS = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)  # of the quantiles of residuals


@dataclass(frozen=True)
class Settings:
    """How rows are measured.

    resamples: for intervals; 0 for none. bins: of the calibration. seed: of the resamples.
    """

    resamples: int = RESAMPLES
    bins: int = BINS
    seed: int = 0


def measured(
    rows: Rows, values: Mapping[str, float], metrics: Sequence[Metric], settings: Settings
) -> dict[str, Any]:
    """What EvaluationReport has of the rows, by its fields.

    values: the loss and the metrics as training measures them.
    """
    take = Measures(rows, metrics)
    points = {key: float(of[0]) for key, of in take(rows.weight[None]).items()}
    points |= {Key(name): value for name, value in values.items()}
    count = 0
    if settings.resamples:
        count = affordable(settings.resamples, len(rows), len(take.rankings))
    drawn: dict[Key, list[Array]] = {key: [] for key in points}
    for block in resamples(settings.seed, len(rows), count):
        for key, of in take(block * rows.weight).items():
            drawn[key].append(of)
    spans = {key: interval(np.concatenate(blocks)) for key, blocks in drawn.items() if blocks}
    support, predicted = _supports(rows)

    def measure(key: Key) -> Measure:
        span = spans.get(key)
        if count and span is None and key.measure in SHARES:
            whole = effective(rows.weight)
            if key.of is not None:
                place = rows.names.index(key.of)
                of = predicted if key.measure == "precision" else support
                whole *= of[place] / max(float(rows.weight.sum()), np.finfo(float).tiny)
            span = exact_interval(points[key], whole)
        return Measure(points[key], *(span or (None, None)))

    measures = {
        key.measure: measure(key)
        for key in points
        if key.of is None and not key.measure.startswith(("macro_", "weighted_", "micro_"))
    }
    order = [*values, *(name for name in measures if name not in values)]
    found: dict[str, Any] = {
        "measures": {name: measures[name] for name in order},
        "resamples": count,
        "seed": settings.seed,
    }
    if rows.kind in ("classes", "labels"):
        found |= _of_classes(rows, take, points, measure, settings.bins, support, predicted)
    elif rows.kind == "values":
        residuals = rows.y.astype(np.float64) - rows.scores
        quantiles = np.quantile(residuals, LEVELS, axis=0).T.tolist()
        found["targets"] = tuple(
            OfTarget(
                name,
                {key.measure: measure(key) for key in points if key.of == name},
                dict(zip(map(str, LEVELS), of, strict=True)),
                rows.scores[:, i],
                rows.y[:, i],
            )
            for i, (name, of) in enumerate(zip(rows.names, quantiles, strict=True))
        )
    return found


def _of_classes(
    rows: Rows,
    take: Measures,
    points: Mapping[Key, float],
    measure: Any,
    bins: int,
    support: Array,
    predicted: Array,
) -> dict[str, Any]:
    names = (*RATIOS, *AREAS)
    found: dict[str, Any] = {
        "classes": tuple(
            OfClass(
                name,
                float(support[i]),
                float(predicted[i]),
                {m: measure(key) for m in names if (key := Key(m, name)) in points},
                None if rows.one_of_many else _of_label(rows, i, bins),
            )
            for i, name in enumerate(rows.names)
        ),
        "averages": {
            average: {m: measure(Key(f"{average}_{m}")) for m in RATIOS}
            for average in ("macro", "weighted", "micro")
            if Key(f"{average}_f1") in points
        },
        "curves": tuple(
            ranking.curve(name, rows.weight) for name, ranking in take.rankings.items()
        ),
    }
    if not rows.one_of_many:
        return found
    counts = confusion(rows)
    found |= {"confusion": counts, "confused": confused(counts, rows.names)}
    p = rows.probabilities
    if rows.binary:
        found["calibration"] = calibration(
            rows.names[1], p[:, 1], rows.true == 1, rows.weight, bins
        )
        found["thresholds"] = thresholds(p[:, 1], rows.true == 1, rows.weight)
    else:
        right = rows.predicted == rows.true
        highest = p[np.arange(len(p)), rows.predicted]
        found["calibration"] = calibration(None, highest, right, rows.weight, bins)
    return found


def _of_label(rows: Rows, i: int, bins: int) -> Calibration:
    """How far the probabilities of one of several labels come true."""
    true = rows.y[:, i] > 0
    return calibration(rows.names[i], rows.probabilities[:, i], true, rows.weight, bins)


def _supports(rows: Rows) -> tuple[Array, Array]:
    """The weight of the rows of each class or label, and of those that are predicted as it."""
    if rows.kind not in ("classes", "labels"):
        return np.empty(0), np.empty(0)
    if not rows.one_of_many:
        return rows.weight @ (rows.y > 0), rows.weight @ (rows.scores > 0)
    count = len(rows.names)
    return (
        np.bincount(rows.true, rows.weight, count),
        np.bincount(rows.predicted, rows.weight, count),
    )


def confusion(rows: Rows) -> Array:
    """The weight of the rows of each class by the predicted one, (C, C)."""
    count = len(rows.names)
    cells = np.bincount(rows.true * count + rows.predicted, rows.weight, count * count)
    return cells.reshape(count, count)


def confused(counts: Array, names: Sequence[str]) -> tuple[Confused, ...]:
    """The pairs of classes that are confused most often, at most 20."""
    wrong = counts - np.diag(np.diag(counts))
    totals = counts.sum(axis=1)
    found = []
    for place in np.argsort(-wrong, axis=None, kind="stable")[:MOST_PAIRS].tolist():
        i, j = divmod(place, len(names))
        if wrong[i, j] > 0:
            share = float(wrong[i, j] / totals[i])
            found.append(Confused(names[i], names[j], float(wrong[i, j]), share))
    return tuple(found)
