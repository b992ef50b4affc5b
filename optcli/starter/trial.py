"""Trial: which of several models suits a table, measured on rows that are not its test rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from optcli.core.arrays import Array
from optcli.core.events import Ended, EpochEnded
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
    """Sections of a config to try, and how to call them in a sentence.

    stops: whether training is stopped early, by rows that are kept for it.
    """

    said: str
    sections: Mapping[str, Any]
    stops: bool = False

    @property
    def kind(self) -> str:
        """The name of the model."""
        return str(self.sections["model"]["name"])


@dataclass(frozen=True)
class Trying:
    """How far a trial is. number: of the candidate, from 1. share: of all that is to do."""

    candidate: Candidate
    number: int
    total: int
    share: float


Listener = Callable[[Trying], object]


@dataclass(frozen=True)
class Tried:
    """A candidate with its loss (K,) on each fold, by a model of the others."""

    candidate: Candidate
    losses: Array

    @property
    def loss(self) -> float:
        return float(np.mean(self.losses))


def folds(data: Prepared, seed: int) -> list[Prepared]:
    """The training rows, K times divided: a fold to measure on, the others to train.

    Folds have equal numbers of rows, and of each class as near as can be.
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
        found.append(replace(data, train=rows(fold != k), validation=None, test=rows(fold == k)))
    return found


def tried(
    candidates: Sequence[Candidate],
    configs: Sequence[tuple[Task, Optimizer]],
    data: Prepared,
    listener: Listener = lambda trying: None,
) -> list[Tried]:
    """Each candidate's losses; configs: theirs, in the same order. Diverged ones are infinite."""
    found = []
    for i, (candidate, (task, optimizer)) in enumerate(zip(candidates, configs, strict=True)):
        several = folds(data, task.seed)
        cohort = task.cohort([Replica(optimizer, part, task.seed) for part in several])

        def tell(share: float, number: int = i + 1, candidate: Candidate = candidate) -> None:
            total = len(candidates)
            listener(Trying(candidate, number, total, (number - 1 + share) / total))

        found.append(Tried(candidate, _measured(cohort, tell)))
    return found


def _measured(cohort: Cohort, tell: Callable[[float], None]) -> Array:
    """The loss of each replica on its test rows (K,). tell: is told the share of training done."""
    cohort = replace(cohort, metrics=())
    for event in train_cohort(cohort):
        if isinstance(event, EpochEnded):
            tell(event.epoch / cohort.training.epochs)
        elif isinstance(event, Ended):
            state = event.state
    architecture = cohort.architecture()
    parameters = Parameters(architecture.layout, state.best)
    statistics = Parameters(architecture.statistics, state.best_statistics)
    tests = [part for replica in cohort.replicas if (part := replica.data.test) is not None]
    with np.errstate(all="ignore"):
        losses, _ = Evaluation(cohort, architecture, parameters, tests, statistics)()
    return np.where(np.isfinite(losses), losses, np.inf)


def best(results: Sequence[Tried]) -> Tried:
    """The simplest of those that are as good as the one with the least loss but for chance.

    These are within one standard error of it, by the differences in the folds. Simplest is the best
    linear one, then the networks are in the order in which they stand. L. Breiman and others,
    Classification and regression trees, 1984, section 3.4.3.
    """
    least = min(results, key=lambda result: result.loss)
    lines = sorted(
        (result for result in results if result.candidate.kind == "linear"),
        key=lambda result: result.loss,
    )
    networks = [result for result in results if result.candidate.kind != "linear"]
    for own in [*lines[:1], *networks]:
        if not np.isfinite(own.loss):
            continue
        difference = own.losses - least.losses
        error = float(np.std(difference, ddof=1)) / len(difference) ** 0.5
        if own.loss - least.loss <= error:
            return own
    return least
