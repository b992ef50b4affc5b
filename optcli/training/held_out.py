"""Held-out rows, one by one: how sure what was measured on them is, and what is never predicted.

A run knows the mean loss and the metrics of its validation and test rows. How far chance may
have moved them the single rows tell; so the saved model looks at them once more, at most at
2048 of them, whatever the table's size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from optcli.core.arrays import Array, Workspace
from optcli.data.preparation import Part
from optcli.metrics import right
from optcli.training import Cohort
from optcli.training.constant_guess import ConstantGuess
from optcli.training.model_file import Trained

SAMPLED_ROWS = 2048  # with more, standard errors are within 2 % of what all rows would give
# A class that is predicted at least half the times that it occurs is missed in 5 rows with a
# probability of 1/32, less than 5 %.
LEAST_ROWS = 5
TRIES = 60  # halvings of a confidence limit


@dataclass(frozen=True)
class HeldOut:
    """What a saved model and a constant guess score on one part.

    part: `validation` or `test`. rows: all of it. looked_at: at most 2048 of them. found,
    constant: loss and metrics of the model, and of the guess. loss_error: the standard error of
    the model's mean loss. advantage_error: that of the mean difference between the losses of
    guess and model, row by row. hits: of the rows looked at, how many are predicted correctly;
    None where they have weights, or several labels. occurrences, predictions: of each class or
    label (of a single label, of both its values), in the rows looked at; empty for values.
    """

    part: str
    rows: int
    looked_at: int
    found: Mapping[str, float]
    constant: Mapping[str, float]
    loss_error: float
    advantage_error: float
    hits: int | None
    occurrences: Array
    predictions: Array

    @property
    def advantage(self) -> float:
        """By how much the model's loss is lower than that of the guess."""
        return self.constant["loss"] - self.found["loss"]

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of the advantage, by Student's t."""
        margin = students_t(self.looked_at - 1) * self.advantage_error
        return self.advantage - margin, self.advantage + margin

    @property
    def accuracy(self) -> tuple[float, float, float] | None:
        """The accuracy and its exact 95 % confidence interval; None where `hits` is None.

        By Clopper and Pearson (Biometrika 26, 1934).
        """
        if self.hits is None:
            return None
        share = self.found.get("accuracy", self.hits / self.looked_at)
        return share, *clopper_pearson(round(share * self.rows), self.rows)


def held_out(
    part: str,
    cohort: Cohort,
    trained: Trained,
    rows: Part,
    found: Mapping[str, float],
    guess: ConstantGuess,
) -> HeldOut:
    """Look at the rows of a part; found: what was measured on all of them."""
    sample = rows.sampled(SAMPLED_ROWS)
    count, loss, work = len(sample.x), cohort.loss, Workspace()
    y = sample.y[None] if sample.y.dtype.kind in "iu" else sample.y[None].astype(np.float64)
    w = None if sample.weight is None else sample.weight[None].astype(np.float64)
    with np.errstate(all="ignore"):
        scores = trained.scores(sample.x)[None].astype(np.float64)
        own = loss.samples(scores, y, None, work)[0].copy()
        same = np.broadcast_to(guess.scores, (1, count, len(guess.scores))).copy()
        constant = loss.samples(same, y, None, work)[0].copy()
        counts = loss.counts(y, w, work)
        weight = np.ones(count) if w is None else w[0]
        shares = weight if counts is None else np.asarray(counts[0], np.float64)
        full = math.sqrt(count / len(rows.x))  # errors shrink with the rows that were measured
        error, apart = (full * _error(each, weight, shares) for each in (own, constant - own))
        responses = loss.respond(scores)
    occurrences: Array = np.empty(0, np.intp)
    predictions, hits = occurrences, None
    if loss.target == "classes":
        size = responses.shape[-1]
        occurrences = np.bincount(sample.y, minlength=size)
        predictions = np.bincount(responses[0].argmax(axis=-1), minlength=size)
    elif loss.target == "labels":
        occurrences, predictions = (sample.y > 0).sum(axis=0), (responses[0] > 0).sum(axis=0)
        if len(occurrences) == 1:  # one label is two classes
            occurrences, predictions = (
                np.concatenate([count - ones, ones]) for ones in (occurrences, predictions)
            )
    if w is None and (loss.target == "classes" or (loss.target == "labels" and y.shape[-1] == 1)):
        hits = int(right(responses, y).sum())
    return HeldOut(
        part=part,
        rows=len(rows.x),
        looked_at=count,
        found=found,
        constant=guess.measured(cohort, rows),
        loss_error=error,
        advantage_error=apart,
        hits=hits,
        occurrences=occurrences,
        predictions=predictions,
    )


def _error(values: Array, weight: Array, shares: Array) -> float:
    """The standard error of Σ weight·values / Σ shares, all (N,), as of a ratio estimator."""
    count = len(values)
    if count < 2:
        return math.inf
    whole = shares.sum()
    residuals = weight * values - shares * ((weight @ values) / whole)
    return float(np.sqrt(count / (count - 1) * (residuals @ residuals)) / whole)


def students_t(freedom: int) -> float:
    """The 0.975 quantile of Student's t, from 3 degrees of freedom on within 0.2 %.

    By the expansion in 1/freedom of Abramowitz and Stegun, 26.7.5; few rows are infinitely unsure.
    """
    if freedom < 3:
        return math.inf
    z, v = 1.959963984540054, freedom
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return float(sum(term / v**power for power, term in enumerate(terms)))


def clopper_pearson(hits: int, rows: int) -> tuple[float, float]:
    """The exact 95 % confidence interval of a share, of `hits` among `rows`."""
    below = 0.0 if hits == 0 else _limit(hits - 1, rows, 0.975)
    above = 1.0 if hits == rows else _limit(hits, rows, 0.025)
    return below, above


def _limit(hits: int, rows: int, chance: float) -> float:
    """The probability by which at most `hits` of `rows` have this chance."""
    n = np.arange(rows + 1, dtype=np.float64)
    logs = np.concatenate([[0.0], np.cumsum(np.log(n[1:]))])
    k = slice(0, hits + 1)
    ways = logs[rows] - logs[k] - logs[rows - n[k].astype(int)]
    low, high = 0.0, 1.0
    for _ in range(TRIES):
        p = (low + high) / 2
        at_most = np.exp(ways + n[k] * math.log(p) + (rows - n[k]) * math.log1p(-p)).sum()
        low, high = (p, high) if at_most > chance else (low, p)
    return (low + high) / 2
