"""Trial: which of several models suits a table, measured on rows that are not its test rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from optcli.core.arrays import Array
from optcli.core.events import Ended
from optcli.core.parameters import Parameters
from optcli.core.randomness import generator
from optcli.data.preparation import Part, Prepared
from optcli.optimizers.base import Optimizer
from optcli.training import Cohort, Evaluation, Replica, train_cohort
from optcli.training.task import Task

FOLDS = 5
MOST_ROWS = 2000  # of which a trial is made


@dataclass(frozen=True)
class Candidate:
    """Sections of a config to try, and how to call them in a sentence."""

    said: str
    sections: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """The name of the model."""
        return str(self.sections["model"]["name"])

    @property
    def stops(self) -> bool:
        """Whether training is stopped early, by rows that are kept for it."""
        return self.kind != "linear"


@dataclass(frozen=True)
class Tried:
    """A candidate with its loss on rows it was not trained on, the mean of the folds.

    losses: (K,) of each fold. epochs: after which training was best, the median.
    """

    candidate: Candidate
    losses: Array
    epochs: int

    @property
    def loss(self) -> float:
        return float(np.mean(self.losses))


def folds(data: Prepared, seed: int, *, stops: bool) -> list[Prepared]:
    """The training rows, K times divided: a fold to measure on, and, if wanted, one to stop by.

    The rest trains. Folds have equal numbers of rows, and of each class as near as can be. The
    validation rows are left out, as the config of a linear model, which has none, tests on them.
    """
    x, y, weight = data.train.x, data.train.y, data.train.weight
    order = generator(seed, "split").permutation(len(x))
    order = order[: min(len(order), MOST_ROWS) // FOLDS * FOLDS]
    if y.ndim == 1 or (data.encoder.target.kind == "labels" and y.shape[1] == 1):
        order = order[np.argsort(y[order].reshape(-1), kind="stable")]
    fold = np.arange(len(order)) % FOLDS

    def rows(chosen: Array) -> Part:
        own = order[chosen]
        return Part(x[own], y[own], None if weight is None else weight[own])

    found = []
    for k in range(FOLDS):
        stop = (fold == (k + 1) % FOLDS) & stops
        validation = rows(stop) if stops else None
        train = rows((fold != k) & ~stop)
        found.append(replace(data, train=train, validation=validation, test=rows(fold == k)))
    return found


def tried(
    candidates: Sequence[Candidate], configs: Sequence[tuple[Task, Optimizer]], data: Prepared
) -> list[Tried]:
    """Each candidate's loss; configs: theirs, in the same order. Diverged ones are infinite."""
    found = []
    for candidate, (task, optimizer) in zip(candidates, configs, strict=True):
        several = folds(data, task.seed, stops=candidate.stops)
        cohort = task.cohort([Replica(optimizer, part, task.seed) for part in several])
        found.append(Tried(candidate, *_measured(cohort)))
    return found


def _measured(cohort: Cohort) -> tuple[Array, int]:
    """The loss of each replica on its test rows (K,), and the median of the best epochs."""
    cohort = replace(cohort, metrics=())
    *_, ended = train_cohort(cohort)
    assert isinstance(ended, Ended)
    state, architecture = ended.state, cohort.architecture()
    parameters = Parameters(architecture.layout, state.best)
    statistics = Parameters(architecture.statistics, state.best_statistics)
    tests = [part for replica in cohort.replicas if (part := replica.data.test) is not None]
    with np.errstate(all="ignore"):
        losses, _ = Evaluation(cohort, architecture, parameters, tests, statistics)()
    losses = np.where(np.isfinite(losses), losses, np.inf)
    return losses, int(np.median(ended.best_epoch))


def best(results: Sequence[Tried]) -> Tried:
    """The result with the least loss, or the first that is as good but for chance.

    Candidates stand in the order of their simplicity, kind by kind. Of the best of each kind, the
    first is taken whose loss is within one standard error of the least, by the differences in the
    folds. L. Breiman and others, Classification and regression trees, 1984, section 3.4.3.
    """
    least = min(results, key=lambda result: result.loss)
    for kind in dict.fromkeys(result.candidate.kind for result in results):
        own = min((r for r in results if r.candidate.kind == kind), key=lambda result: result.loss)
        if not np.isfinite(own.loss):
            continue
        difference = own.losses - least.losses
        error = float(np.std(difference, ddof=1)) / len(difference) ** 0.5
        if own.loss - least.loss <= error:
            return own
    return least
