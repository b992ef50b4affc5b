"""Study: the runs of a comparison in their order, from tuning to the final runs.

    tune      everyone the same number of settings, on a few seeds
    extend    three more learning rates, once, where the best lies on the edge
    decide    the chosen and the default settings, on fresh seeds

`Study.run` is a generator of `RunsDone`; the results are in the store.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from optcli.comparison import trials
from optcli.comparison.store import Store
from optcli.comparison.targets import default_target, steps_to_target
from optcli.comparison.trials import Measure, Trial, TrialResult
from optcli.comparison.tuning import Competitor, choose, extension, mean
from optcli.optimizers.base import Optimizer
from optcli.storage import interruption
from optcli.storage.dispatch import Workers

# Tuning seeds lie far from those that count, which may grow in number.
TUNING_SEEDS = 1_000_000


@dataclass(frozen=True)
class Budget:
    """What everyone gets.

    rates: learning rates tried. settings: settings of all hyperparameters instead, or
    None. tuning_seeds, seeds: how many. first: the first of them.
    """

    rates: int = 9
    settings: int | None = None
    tuning_seeds: int = 3
    seeds: int = 10
    first: int = 0

    @property
    def tuning(self) -> list[int]:
        """The seeds of tuning."""
        return [TUNING_SEEDS + self.first + i for i in range(self.tuning_seeds)]

    @property
    def final(self) -> list[int]:
        """The seeds that count."""
        return [self.first + i for i in range(self.seeds)]


@dataclass(frozen=True)
class RunsDone:
    """Some runs are done.

    phase: `tune`, `extend` or `final`. done, total: runs of the phase. finished, needed:
    the same by label. best: by label the learning rate with the lowest mean so far, and
    that mean as it was measured.
    """

    phase: str
    done: int
    total: int
    finished: Mapping[str, int]
    needed: Mapping[str, int]
    best: Mapping[str, tuple[float, float]]


class Study:
    """The entries, and what was found for them: the settings that were tried and chosen.

    workers: who does the runs. goal: the target, or None
    for the default, which the tuning runs fix.
    """

    def __init__(
        self,
        entries: Sequence[Competitor],
        budget: Budget,
        store: Store,
        *,
        measure: Measure,
        goal: float | None = None,
        fixed_split: bool = False,
        workers: Workers,
    ) -> None:
        self.entries, self.budget, self.store = list(entries), budget, store
        self.measure, self.goal, self.fixed_split = measure, goal, fixed_split
        self.workers = workers
        self.tasks = {entry.label: entry.task for entry in entries}
        self.tried: dict[str, list[Optimizer]] = {}
        self.chosen: dict[str, Optimizer] = {}
        self.extended: set[str] = set()

    def run(self) -> Iterator[RunsDone]:
        """All of it; what the store has is not run again."""
        try:
            yield from self._tune()
            if self.goal is None:
                self.goal = self._default_goal()
            final = {
                entry.label: list(dict.fromkeys([self.chosen[entry.label], entry.optimizer]))
                for entry in self.entries
            }
            yield from self._train("final", final)
            self._note_targets(final)
        finally:
            self.store.write()

    def final(self, label: str, optimizer: Optimizer) -> list[TrialResult]:
        """The runs that count, of the chosen or the default settings, by seed."""
        return self.store.of(label, optimizer, self.budget.final)

    def tuning(self, label: str, optimizer: Optimizer) -> list[TrialResult]:
        """The tuning runs of one of the tried settings, by seed."""
        return self.store.of(label, optimizer, self.budget.tuning)

    def means(self, label: str) -> dict[Optimizer, float]:
        """The tuning mean of each tried setting, turned so that less is better."""
        return {
            optimizer: mean([self.measure.of(result) for result in self.tuning(label, optimizer)])
            for optimizer in self.tried[label]
        }

    def starts(self, label: str) -> list[float]:
        """What the tuning runs measured before training, turned; where that is finite."""
        return [
            start
            for optimizer in self.tried[label]
            for result in self.tuning(label, optimizer)
            if math.isfinite(start := self.measure.course(result)[0])
        ]

    def tuned(self, label: str) -> bool:
        """Whether there was anything to choose."""
        return len(self.tried[label]) > 1

    def on_edge(self, label: str) -> bool:
        """Whether the chosen learning rate is the last one tried: a better may lie beyond."""
        rates = [optimizer.lr for optimizer in self.tried[label]]
        alone = self.budget.settings is None and len(rates) > 2
        return alone and self.chosen[label].lr in (min(rates), max(rates))

    @property
    def runs(self) -> int:
        """How many runs the comparison has."""
        return len(self.store.results)

    def _tune(self) -> Iterator[RunsDone]:
        for entry in self.entries:
            self.tried[entry.label] = entry.candidates(self.budget.rates, self.budget.settings)
        tuned = [entry for entry in self.entries if self.tuned(entry.label)]
        yield from self._train("tune", {entry.label: self.tried[entry.label] for entry in tuned})
        more = {entry.label: self._extend_grid(entry) for entry in tuned}
        more = {label: settings for label, settings in more.items() if settings}
        if more:
            self.extended = set(more)
            yield from self._train("extend", more)
        for entry in self.entries:
            self.tried[entry.label] += more.get(entry.label, [])
            self.chosen[entry.label] = self._choice(entry.label)

    def _choice(self, label: str) -> Optimizer:
        tried = self.tried[label]
        if not self.tuned(label):
            return tried[0]
        value = self.measure.of
        return choose({o: [value(result) for result in self.tuning(label, o)] for o in tried})

    def _extend_grid(self, entry: Competitor) -> list[Optimizer]:
        """More settings, where the best learning rate lies on the edge of those tried."""
        if not entry.tunable or self.budget.settings is not None:
            return []
        rates = [optimizer.lr for optimizer in self.tried[entry.label]]
        more = extension(rates, self._choice(entry.label).lr)
        return [replace(entry.optimizer, lr=rate) for rate in more]

    def _default_goal(self) -> float | None:
        """Nine tenths of the way from before training to the best tuned mean, turned back."""
        tuned = [entry.label for entry in self.entries if self.tuned(entry.label)]
        if not tuned:
            return None
        starts = [start for label in tuned for start in self.starts(label)]
        best = [min(self.means(label).values()) for label in tuned]
        goal = default_target(starts, best) if starts else None
        return None if goal is None else self.measure.signed(goal)

    def _note_targets(self, final: Mapping[str, Sequence[Optimizer]]) -> None:
        if self.goal is None:
            return
        goal = self.measure.signed(self.goal)
        for label, optimizers in final.items():
            for optimizer in optimizers:
                for result in self.final(label, optimizer):
                    steps = [max(1, step) for step in result.history["step"]]
                    course = self.measure.course(result)
                    self.store.target[result.trial] = steps_to_target(steps, course, goal)

    def _train(self, phase: str, settings: Mapping[str, Sequence[Optimizer]]) -> Iterator[RunsDone]:
        """Run what is missing of the settings on the seeds of the phase."""
        seeds = self.budget.final if phase == "final" else self.budget.tuning
        wanted = {
            label: [Trial(label, optimizer, seed) for optimizer in own for seed in seeds]
            for label, own in settings.items()
        }
        missing = self.store.missing(trial for own in wanted.values() for trial in own)
        yield self._progress(phase, wanted)
        for results in self._run(missing, test=phase == "final"):
            interruption.check()
            self.store.add(results, "final" if phase == "final" else "tune")
            yield self._progress(phase, wanted)

    def _run(self, missing: Sequence[Trial], *, test: bool) -> Iterator[list[TrialResult]]:
        """The results of each job; in this process where others would take longer to start."""
        cut = partial(trials.jobs, self.tasks, missing, fixed_split=self.fixed_split, test=test)
        workers, jobs = self.workers, cut()
        if not jobs or (workers.here and workers.count == 1):
            yield from map(trials.train, jobs)
            return
        shared = cut(workers=workers.count)
        if workers.here:
            alone = sum(map(trials.seconds, jobs[:1])) * len(jobs)
            each = trials.seconds(shared[0]) if alone > workers.start else alone
            if workers.start + each * -(-len(shared) // workers.count) >= alone:
                yield from map(trials.train, jobs)
                return
        else:
            each = trials.seconds(shared[0])
            shared = [trials.sendable(job) for job in shared]
        for _, results in workers.run(trials.train, shared, each):
            yield results

    def _progress(self, phase: str, wanted: Mapping[str, Sequence[Trial]]) -> RunsDone:
        there = self.store.results
        best: dict[str, tuple[float, float]] = {}
        for label, own in wanted.items():
            values: dict[Optimizer, list[float]] = {}
            for trial in own:
                if trial in there:
                    values.setdefault(trial.optimizer, []).append(self.measure.of(there[trial]))
            if values:
                first = choose(values)
                best[label] = first.lr, self.measure.signed(mean(values[first]))
        finished = {label: sum(t in there for t in own) for label, own in wanted.items()}
        needed = {label: len(own) for label, own in wanted.items()}
        return RunsDone(phase, sum(finished.values()), sum(needed.values()), finished, needed, best)
