"""Baseline: the best constant prediction, and whether training improves on it.

scores = constant_scores(loss, y, weight, outputs)
constant = constant_loss(loss, y, weight, scores)
Ending(first, constant, last).failed
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from optcli.core.arrays import Array, Workspace
from optcli.losses.base import EntryLoss, Loss

# A loss above the first one by more than this many times its scale is a failure.
FAR = 9.0
# Rows on which a minimum without a closed form is looked for, and rows of one evaluation.
SOUGHT_ROWS, BLOCK_ROWS = 4096, 65_536
# Scores that are tried first, on so many rows: 0 and powers of two with both signs.
GRID = np.concatenate([-(2.0 ** np.arange(40, -11, -1)), [0.0], 2.0 ** np.arange(-10, 41)])
GRID_ROWS = 256
QUANTILES = 65  # of the targets, which are tried too
MOST_USUAL = 10  # classes whose scores are moved one by one
HALVINGS = 40  # of the space between two of them
WORK = 20_000_000  # numbers in all evaluations of a descent


@dataclass(frozen=True)
class Ending:
    """The losses at the start and end of training, and that of the best constant prediction.

    All are losses on the training rows, regularization left out. first: of the model before
    training. constant: of the best constant prediction; None if there is none, as for an
    objective. last: the training loss of the last epoch. kept: the validation loss of the
    saved model, if there are validation rows. lowest: the minimum of an objective.
    """

    first: float
    constant: float | None
    last: float
    kept: float | None = None
    lowest: float | None = None

    @property
    def limit(self) -> float:
        """L0 + 9·max(|L0|, |L0 − Lc|), for the first loss L0 and the constant's loss Lc."""
        floor = self.lowest if self.constant is None else self.constant
        apart = 0.0 if floor is None else abs(self.first - floor)
        return self.first + FAR * max(abs(self.first), apart)

    @property
    def failed(self) -> bool:
        """Whether the last loss is above the limit, or is not finite."""
        if not math.isfinite(self.last):
            return True
        return math.isfinite(self.limit) and self.last > self.limit

    @property
    def learned(self) -> bool:
        """Whether the last loss, or the saved model's, is below that of the constant prediction.

        Without a constant prediction: below the first loss.
        """
        bar = self.first if self.constant is None else self.constant
        losses = [loss for loss in (self.last, self.kept) if loss is not None]
        return any(loss < bar for loss in losses) or not math.isfinite(bar)


def constant_scores(loss: Loss, target: Array, weight: Array | None, outputs: int) -> Array:
    """The scores (outputs,) that minimize the mean loss if they are the same for every row.

    target, weight: of the training rows, as the loss takes them, (N,) or (N, C), and (N,)
    or None. outputs: scores of a row. For cross-entropy these are the logarithms of the
    class shares, for mse the mean, for mae the median, and so on; losses without closed
    form are minimized numerically, over at most 4096 evenly spaced rows. The loss must
    be fitted.
    """
    with np.errstate(all="ignore"):
        target, weight = _grouped(loss, target, weight)
        closed = CLOSED.get(loss.name)
        if closed is not None:
            return np.asarray(closed(loss, target, weight, outputs), np.float64)
        if isinstance(loss, EntryLoss):
            return _by_column(loss, *_cells(loss, target, weight))
        target, weight = _thinned(target, weight)
        return _descended(loss, target, weight, outputs)


def constant_loss(loss: Loss, target: Array, weight: Array | None, scores: Array) -> float:
    """The mean loss of these scores (outputs,) for every row; target, weight: (N, …), (N,)."""
    with np.errstate(all="ignore"):
        target, weight = _grouped(loss, target, weight)
        total = whole = 0.0
        work = Workspace()
        for start in range(0, len(target), BLOCK_ROWS):
            y = _real(target[start : start + BLOCK_ROWS])[None]
            w = None if weight is None else weight[None, start : start + BLOCK_ROWS]
            same = np.broadcast_to(scores, (1, y.shape[1], len(scores))).copy()
            counts = loss.counts(y, w, work)
            heft = float(y.shape[1] if counts is None else counts.sum())
            total += float(loss.value(same, y, w, work)[0]) * heft
            whole += heft
        return total / whole if whole else math.nan


def _real(target: Array) -> Array:
    """Classes as they are, all else as float64."""
    return target if target.dtype.kind in "iu" else np.asarray(target, np.float64)


def _grouped(loss: Loss, target: Array, weight: Array | None) -> tuple[Array, Array | None]:
    """Rows of one class as one row of their weight: the same mean, of as many rows as classes."""
    if loss.target != "classes":
        return target, None if weight is None else np.asarray(weight, np.float64)
    counts = np.bincount(target, weight)
    there = np.flatnonzero(counts > 0)
    return there, counts[there].astype(np.float64)


def _thinned(target: Array, weight: Array | None) -> tuple[Array, Array | None]:
    """At most SOUGHT_ROWS rows, evenly from all over."""
    count = len(target)
    if count > SOUGHT_ROWS:
        rows = np.linspace(0, count - 1, SOUGHT_ROWS).astype(int)
        target, weight = target[rows], None if weight is None else weight[rows]
    return _real(target), weight


# ---- closed forms --------------------------------------------------------------------


def _mean(target: Array, weight: Array | None) -> Array:
    found: Array = np.average(np.asarray(target, np.float64), axis=0, weights=weight)
    return found


def _quantile(target: Array, weight: Array | None, share: float) -> Array:
    """The least value of each column (N, C) below or at which that share of the weight lies."""
    weight = np.ones(len(target)) if weight is None else weight
    order = np.argsort(target, axis=0)
    sums = np.cumsum(weight[order], axis=0)
    at = (sums < share * sums[-1]).sum(axis=0).clip(max=len(target) - 1)
    found: Array = np.take_along_axis(target, order, axis=0)[at, np.arange(target.shape[1])]
    return found


def _class_logits(loss: Any, target: Array, weight: Array | None, outputs: int) -> Array:
    """Log Σ w_j·n_j of each class, and of what label smoothing gives to all."""
    shares = np.zeros(outputs)
    shares[target] = weight
    own = np.asarray(loss.class_weights or np.ones(outputs), np.float64)
    smooth = loss.label_smoothing
    shares = own * ((1 - smooth) * shares + smooth * shares.sum() / outputs)
    return _logarithm(shares / shares.sum())


def _logarithm(shares: Array) -> Array:
    return np.log(np.maximum(shares, np.finfo(np.float64).tiny))


def _above_each(_: Loss, target: Array, weight: Array | None, outputs: int) -> Array:
    """The log-odds of a class above each of the thresholds."""
    share = _mean(target[:, None] > np.arange(outputs), weight)
    return _logarithm(share) - _logarithm(1 - share)


def _normal(loss: Any, target: Array, weight: Array | None, _: int) -> Array:
    """Mean and variance; the score of a variance v is log(exp(v − eps) − 1)."""
    mean = _mean(target, weight)
    variance = _mean((target - mean) ** 2, weight)
    excess = np.maximum(variance - loss.eps, np.finfo(np.float64).tiny)
    return np.concatenate([mean, excess + np.log(-np.expm1(-excess))])


Closed = Callable[[Any, Array, "Array | None", int], Array]

CLOSED: dict[str, Closed] = {
    "cross_entropy": _class_logits,
    "ordinal_logistic": _above_each,
    "kl_divergence": lambda _, y, w, k: _logarithm(_mean(y, w)),
    "gaussian_nll": _normal,
    "mse": lambda _, y, w, k: _mean(y, w),
    "mae": lambda _, y, w, k: _quantile(y, w, 0.5),
    "quantile": lambda loss, y, w, k: _quantile(y, w, loss.quantile),
    "msle": lambda _, y, w, k: _mean(np.log1p(y), w),
    "poisson": lambda _, y, w, k: _logarithm(_mean(y, w)),
    "gamma": lambda _, y, w, k: _logarithm(_mean(y, w)),
    "tweedie": lambda _, y, w, k: _logarithm(_mean(y, w)),
}


# ---- by search -----------------------------------------------------------------------


def _cells(loss: Loss, target: Array, weight: Array | None) -> tuple[Array, Array]:
    """Targets (B, C) and the weight of each; of labels, zeros and ones stand for all rows."""
    if loss.target == "labels":
        ones = _mean(target, weight)
        both = np.tile([[0.0], [1.0]], (1, target.shape[1]))
        return both, np.stack([1 - ones, ones])
    target, weight = _thinned(target, weight)
    each = np.ones(len(target)) if weight is None else weight
    return target, np.broadcast_to(each[:, None], target.shape)


def _by_column(loss: EntryLoss, target: Array, weight: Array) -> Array:
    """The best score of each column of (B, C), apart: near one of a grid, or of the targets."""
    grid = np.tile(GRID[:, None], (1, target.shape[1]))
    own = np.quantile(target, np.linspace(0, 1, QUANTILES), axis=0, method="nearest")
    found = np.stack([_near_best(loss, target, weight, tried) for tried in (grid, own)])
    scores = np.repeat(found[:, None], len(target), axis=1)
    entries = loss.entries(scores, target[None], None, Workspace())
    values = np.einsum("kbc,bc->kc", entries, weight)
    best = np.where(np.isnan(values), np.inf, values).argmin(axis=0)
    least: Array = np.take_along_axis(found, best[None], axis=0)[0]
    return least


def _near_best(loss: EntryLoss, target: Array, weight: Array, tried: Array) -> Array:
    """A minimum of each column of (B, C) next to the best score of those that are tried (K, C).

    By bisection between the neighbours of the best, which follows the sign of the slope; of
    several minima there it finds one.
    """
    work = Workspace()
    some = slice(None, None, 1 + len(target) // GRID_ROWS)
    rows = np.ascontiguousarray(target[some])
    scores = np.repeat(tried[:, None], len(rows), axis=1)
    entries = loss.entries(scores, rows[None], None, work)
    values = np.einsum("kbc,bc->kc", entries, weight[some])
    best = np.where(np.isnan(values), np.inf, values).argmin(axis=0)
    best = np.take_along_axis(tried, best[None], axis=0)
    below = np.where(tried < best, tried, GRID[0]).max(axis=0)
    above = np.where(tried > best, tried, GRID[-1]).min(axis=0)
    scores, slopes = np.empty((2, 1, *target.shape))
    for _ in range(HALVINGS):
        middle = (below + above) / 2
        scores[:] = middle
        loss.entries(scores, target[None], slopes, work)
        uphill = np.einsum("bc,bc->c", slopes[0], weight) > 0
        below, above = np.where(uphill, below, middle), np.where(uphill, middle, above)
    found: Array = (below + above) / 2
    return found


def _climbed(value: Callable[[Array], float], moves: Sequence[Array]) -> Array:
    """From 0, by one of the moves after the other while one of them makes the value less."""
    x, least = np.zeros_like(moves[0]), value(np.zeros_like(moves[0]))
    for _ in range(MOST_USUAL):
        tried = [value(x + move) for move in moves]
        if not min(tried) < least:
            break
        best = int(np.argmin(tried))
        x, least = x + moves[best], tried[best]
    return x


def _descended(loss: Loss, target: Array, weight: Array | None, outputs: int) -> Array:
    """By steepest descent with Barzilai and Borwein's step, from the best of a few starts."""
    work, y = Workspace(), target[None]
    w = None if weight is None else weight[None]

    def value_and_gradient(scores: Array) -> tuple[float, Array]:
        same = np.broadcast_to(scores, (1, len(target), outputs)).copy()
        gradient = np.empty_like(same)
        value = float(loss.value_and_gradient(same, y, gradient, w, work)[0])
        return (math.inf if math.isnan(value) else value), gradient[0].sum(axis=0)

    starts = [np.zeros(outputs)]
    if loss.target == "classes":
        shares = np.zeros(max(outputs, int(target.max()) + 1))
        shares[target] = weight
        if len(shares) == outputs:
            starts.append(_logarithm(shares / shares.sum()))
            # a loss with a margin has its corners at multiples of it
            steps = np.eye(outputs)[:MOST_USUAL] * getattr(loss, "margin", 1.0)
            starts.append(_climbed(lambda x: value_and_gradient(x)[0], [*steps, *-steps]))
    elif target.shape[1] == outputs:
        starts += [_mean(target, weight), _quantile(target, weight, 0.5)]
    x = min(starts, key=lambda start: value_and_gradient(start)[0])
    value, gradient = value_and_gradient(x)
    step = 1 / max(1e-12, float(np.abs(gradient).max()))
    for _ in range(int(np.clip(WORK / (len(target) * outputs), 5, 200))):
        move = -step * gradient
        if not np.abs(move).max() > 1e-9 * (1 + np.abs(x).max()):
            break
        new_value, new_gradient = value_and_gradient(x + move)
        if new_value < value:
            curved = float(move @ (new_gradient - gradient))
            x, value, gradient = x + move, new_value, new_gradient
            step = float(move @ move) / curved if curved > 0 else 2 * step
        else:
            step /= 4
    return x
