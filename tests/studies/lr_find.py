"""The suggestion of lr-find, held against full training over a grid of learning rates.

Every shipped config trains whole, with its own schedule, at four rates a decade, with seeds that
also draw the validation rows. What counts is the cross-fit validation loss, as in a comparison:
the loss of the best epoch, on other rows than those that chose it; of an objective the loss at the
end. The best rate of the grid is chosen on half of the seeds and measured on the other half, as
every rule is; the other way round, too. Range tests have seeds of their own.

    python -m tests.studies.lr_find
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from optcli import config as configs
from optcli.api.check import Setup
from optcli.comparison.trials import Job, Measure, Trial, train
from optcli.core.events import Ended, EpochEnded
from optcli.objectives.dataset import ObjectiveDataset
from optcli.training import train_cohort
from optcli.training.range_test import RangeTest, Rates

ROOT = Path(__file__).parent.parent.parent
GRID = 10.0 ** (np.arange(-4 * 4, 1 * 4 + 1) / 4)
SEEDS, FEWER = 20, {"digits": 10, "spirals": 10, "rosenbrock": 1}
TESTS, REPLICAS = 10, 5  # range tests of a config, and seeds in each


class Problem:
    """A config; seeds draw its validation rows, too."""

    def __init__(self, name):
        config = configs.load(ROOT / f"configs/{name}.yaml")
        self.name, self.task, self.optimizer = name, config.task(), config.optimizer
        self.is_objective = isinstance(config.dataset, ObjectiveDataset)
        self.cohort = Setup.of(config).cohort
        self.seeds = range(100, 100 + FEWER.get(name, SEEDS))

    def at(self, lr):
        return replace(self.optimizer, lr=float(lr))

    def final(self):
        """The loss (G, S) at each rate of the grid, from each seed; infinite where it diverged."""
        if self.is_objective:
            replicas = [replace(self.cohort.replicas[0], optimizer=self.at(lr)) for lr in GRID]
            for event in train_cohort(replace(self.cohort, replicas=replicas, metrics=())):
                if isinstance(event, EpochEnded):
                    last = event.train_loss
            assert isinstance(event, Ended)
            lost = np.array(event.outcomes) == "diverged"
            return np.where(lost, np.inf, last)[:, None]
        measure = Measure(rows="validation")
        rows = []
        for lr in GRID:
            trials = tuple(Trial("", self.at(lr), seed) for seed in self.seeds)
            found = train(Job(self.task, trials, measure))
            by_seed = {each.trial.seed: measure.of(each) for each in found}
            rows.append([by_seed[seed] for seed in self.seeds])
        return np.array(rows)

    def tests(self, rates):
        """Range tests, as lr-find makes them: seeds of their own, on the config's rows."""
        own = self.cohort.replicas[0]
        for i in range(1 if self.is_objective else TESTS):
            seeds = range(1000 + i * REPLICAS, 1000 + (i + 1) * REPLICAS)
            replicas = [replace(own, seed=seed) for seed in seeds]
            yield RangeTest.of(replace(self.cohort, replicas=replicas), rates)


def ratio(final, lr):
    """The loss at a rate over that at the best of the grid, chosen on the other half of seeds."""
    half, found = final.shape[1] // 2, []
    for chosen, measured in (
        (final[:, :half], final[:, half:]),
        (final[:, half:], final[:, :half]),
    ):
        best = np.median(chosen, axis=1).argmin()
        middle = np.minimum(np.median(measured, axis=1), 1e6)
        there = np.exp(np.interp(np.log(lr), np.log(GRID), np.log(np.maximum(middle, 1e-9))))
        found.append(there / max(middle[best], 1e-9))
    return float(np.sqrt(found[0] * found[1]))


def rules(test):
    """What each rule suggests."""
    lowest, slope = test.lowest, np.gradient(test.median, np.log10(test.lr))
    found = {"steepest": test.lr[slope[: lowest + 1].argmin()]}
    return found | {f"lowest/{k}": test.lr[lowest] / k for k in (1, 2, 4, 6, 10)}


def main():
    for name in sys.argv[1:] or [path.stem for path in sorted((ROOT / "configs").glob("*.yaml"))]:
        problem = Problem(name)
        if problem.is_objective:
            continue  # one seed, and a least loss of 0
        final = problem.final()
        each = [rules(test) for test in problem.tests(Rates())]
        said = {rule: np.median([ratio(final, own[rule]) for own in each]) for rule in each[0]}
        print(name, *(f"{rule} {value:.2f}" for rule, value in said.items()), flush=True)


if __name__ == "__main__":
    main()
