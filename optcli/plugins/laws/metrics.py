"""Laws of metrics, on made-up scores and targets of each kind that the metric takes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from optcli.core.arrays import Array
from optcli.core.specs import TargetKind
from optcli.metrics import Additive, Metric
from optcli.plugins.laws.base import FIELDS, Law, same

OUTPUTS = 7  # more than top_k takes for hits


def tasks(metric: Metric) -> Iterator[tuple[TargetKind, Array, Array, Array]]:
    """Scores (3, N, C), a target (1, N) or (1, N, C) and weights (1, N), for each kind."""
    random = np.random.default_rng(0)
    rows = 21
    for kind in sorted(metric.kinds):
        scores = random.standard_normal((3, rows, OUTPUTS)).astype(np.float32)
        target = random.standard_normal((1, rows, OUTPUTS))
        if kind == "classes":
            target = np.asarray(random.permutation(np.arange(rows) % OUTPUTS)[None])
        elif kind == "labels":
            target = (target > 0).astype(float)
        elif kind == "probabilities":
            target = random.dirichlet(np.ones(OUTPUTS), (1, rows))
        yield kind, scores, target, random.uniform(0.2, 2, (1, rows))


def gives_a_number(metric: Metric) -> str:
    """Whether there is one float64 for each run."""
    if not metric.kinds:
        return "kinds is empty; name what it measures: frozenset({'classes'}), say"
    for kind, scores, target, weight in tasks(metric):
        for w in (None, weight):
            found = metric.measure(scores.copy(), target.copy(), w)
            if np.shape(found) != (3,):
                return (
                    f"measure gives shape {np.shape(found)} for 3 runs ({kind}); must be (3,): "
                    "scores are (R, N, C), one number for each of R"
                )
            if np.asarray(found).dtype != np.float64:
                return f"measure gives {np.asarray(found).dtype}; must be float64"
    return ""


def is_alone_in_company(metric: Metric) -> str:
    """Whether runs are measured apart, on shared rows or their own."""
    for _, scores, target, weight in tasks(metric):
        for w in (None, weight):
            together = metric.measure(scores, target, w)
            copies = None if w is None else np.repeat(w, 3, 0)
            if not same(metric.measure(scores, np.repeat(target, 3, 0), copies), together):
                return "targets (1, N) that runs share give other values than copies (R, N)"
            for r in range(3):
                alone = metric.measure(scores[r : r + 1], target, w)
                if not np.allclose(alone, together[r], rtol=1e-12, atol=0, equal_nan=True):
                    return (
                        "a run trained alongside others differs from the same run trained alone"
                        ": scores are (R, N, C), and "
                        "do not reduce over the first axis"
                    )
    return ""


def weighs_rows(metric: Metric) -> str:
    """Whether a row of weight 2 counts as two."""
    for _, scores, target, _ in tasks(metric):
        counts = np.arange(scores.shape[1]) % 3 + 1
        weighted = metric.measure(scores, target, counts[None].astype(float))
        repeated = metric.measure(np.repeat(scores, counts, 1), np.repeat(target, counts, 1))
        if not np.allclose(weighted, repeated, rtol=1e-6, equal_nan=True):
            return "a row of weight 2 does not count as two rows; weight is (R, N), or None"
    return ""


def is_put_together(metric: Metric) -> str:
    """Whether blocks of rows come together to the whole."""
    if not isinstance(metric, Additive):
        return ""
    for _, scores, target, weight in tasks(metric):
        first, second = (
            metric.tally(scores[:, rows], target[:, rows], weight[:, rows])
            for rows in (slice(8), slice(8, None))
        )
        merged = metric.of(metric.merge(first, second))
        if not np.allclose(merged, metric.measure(scores, target, weight), rtol=1e-9):
            return "two blocks of rows merged differ from all rows at once: see tally and merge"
    return ""


def knows_the_better(metric: Metric) -> str:
    """Whether right predictions are better than wrong ones, as higher_is_better has it."""
    for kind, scores, target, _ in tasks(metric):
        right = target.astype(float)
        if kind == "classes":
            right = np.eye(OUTPUTS)[target] * 4
        elif kind == "labels":
            right = 4 * target - 2
        elif kind == "probabilities":
            right = np.log(target)
        best = metric.measure(np.repeat(right, 3, 0), target)
        worse = metric.measure(scores, target)
        sign = 1 if metric.higher_is_better else -1
        if (sign * (best - worse) < 0).any():
            return (
                f"right predictions have {best[0]:.4g}, random ones {worse[0]:.4g}, but "
                f"higher_is_better is {metric.higher_is_better}"
            )
    return ""


def bears_any_scores(metric: Metric) -> str:
    """Whether a diverged run's scores raise nothing, and leave its neighbours alone."""
    for _, scores, target, _ in tasks(metric):
        spoiled = scores.copy()
        spoiled[1, :3], spoiled[1, 3:6], spoiled[1, 6:] = np.nan, np.inf, 3e38
        found = metric.measure(spoiled, target)
        expected = metric.measure(scores, target)
        if not np.allclose(found[[0, 2]], expected[[0, 2]], rtol=1e-12, equal_nan=True):
            return "a run changes when its neighbour's scores are no longer finite"
    return ""


def leaves_what_it_is_given(metric: Metric) -> str:
    """Whether scores and targets are as they were."""
    for _, scores, target, weight in tasks(metric):
        kept = scores.copy(), target.copy(), weight.copy()
        metric.measure(scores, target, weight)
        if not all(map(same, kept, (scores, target, weight))):
            return "changes what it is given, which other metrics read; make new arrays"
    return ""


def _of_its_class(metric: Metric) -> str:
    return FIELDS.fault(type(metric))


LAWS: tuple[Law[Metric], ...] = (
    Law(FIELDS.says, _of_its_class),
    Law("one float64 for each run", gives_a_number),
    Law("a run trained alongside others has the same value as alone", is_alone_in_company),
    Law("weights count as repeated rows", weighs_rows),
    Law("blocks of rows come together to the whole", is_put_together),
    Law("right predictions are the better ones", knows_the_better),
    Law("a diverged run raises nothing and does no harm", bears_any_scores),
    Law("scores and targets are left as they are", leaves_what_it_is_given),
)
