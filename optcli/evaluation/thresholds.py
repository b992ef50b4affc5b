"""Thresholds: what becomes of two classes where another probability than 0.5 decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from optcli.core.arrays import Array

GRID = tuple(k / 20 for k in range(1, 20))  # 0.05 to 0.95


@dataclass(frozen=True)
class Threshold:
    """What a threshold makes of the rows: those with a higher probability are predicted positive.

    precision is 0 where no row is. predicted: the share of rows predicted positive. best:
    whether F1 is the highest there is on these rows, which chose it.
    """

    threshold: float
    precision: float
    recall: float
    f1: float
    predicted: float
    best: bool = False


def thresholds(
    probability: Array, positive: Array, weight: Array, at: Sequence[float] = GRID
) -> tuple[Threshold, ...]:
    """A row of numbers for each threshold, and for that with the highest F1; ascending.

    probability: (N,) of the positive class. positive: (N,) bool. weight: (N,).
    """
    order = np.argsort(-probability, kind="stable")
    ranked = probability[order]
    said = np.append(0, np.cumsum(weight[order]))
    hits = np.append(0, np.cumsum((weight * positive)[order]))

    def row(threshold: float, count: int, *, best: bool = False) -> Threshold:
        total, found, there = said[count], hits[count], hits[-1]
        return Threshold(
            threshold,
            float(found / total) if total else 0.0,
            float(found / there) if there else 0.0,
            float(2 * found / (total + there)) if total + there else 0.0,
            float(total / said[-1]) if said[-1] else 0.0,
            best,
        )

    # rows with p > t: those before the first, in falling order, with p <= t
    counts = np.searchsorted(-ranked, [-each for each in at], side="left").tolist()
    rows = [row(each, count) for each, count in zip(at, counts, strict=True)]
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True)) + 1
    if hits[-1] > 0:
        f1 = 2 * hits[ends] / np.maximum(said[ends] + hits[-1], np.finfo(float).tiny)
        count = int(ends[f1.argmax()])
        below = ranked[count] if count < len(ranked) else 0.0
        rows.append(row(float((ranked[count - 1] + below) / 2), count, best=True))
    return tuple(sorted(rows, key=lambda each: each.threshold))
