"""Study: the runs of a comparison in their order, from tuning to the final runs.

    tune      everyone the same number of settings, on a few seeds
    extend    three more learning rates, once, where the best lies on the edge
    halve     the three best of each, the finalists, on more seeds: the first is chosen
    final     the finalists and the default settings, on fresh seeds

Settings are chosen by cross-fit values of the validation rows; the rows that the verdict is on
are looked at in the final runs alone. `Study.run` is a generator of `RunsDone`; the results are
in the store.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from optcli.comparison import trials
from optcli.comparison.ranking import median_interval
from optcli.comparison.runner import Runner
from optcli.comparison.store import Store
from optcli.comparison.targets import default_targets, steps_to_target
from optcli.comparison.trials import Measure, Trial, TrialResult
from optcli.comparison.tuning import Competitor, best_of, extension, mean, ranked
from optcli.core.randomness import generator
from optcli.optimizers.base import Optimizer
from optcli.storage import interruption
from optcli.storage.dispatch import Workers

HALVING_SEEDS = 10  # tuning seeds of the finalists, in all


@dataclass(frozen=True)
class Budget:
    """What everyone gets.

    rates: learning rates tried. settings: settings of all hyperparameters instead, or
    None. tuning_seeds, seeds: how many. finalists: settings of each entry in the final runs.
    first: the config's seed, from which all others follow.
    """

    rates: int = 9
    settings: int | None = None
    tuning_seeds: int = 3
    seeds: int = 10
    finalists: int = 3
    first: int = 0

    @cached_property
    def tuning(self) -> list[int]:
        """The seeds of the first tuning runs."""
        return self._seeds("tuning", self.tuning_seeds)

    @cached_property
    def halving(self) -> list[int]:
        """Those of all tuning runs of a finalist, the first ones included."""
        return self._seeds("tuning", max(self.tuning_seeds, HALVING_SEEDS))

    @cached_property
    def final(self) -> list[int]:
        """The seeds that count."""
        return self._seeds("final", self.seeds)

    def _seeds(self, phase: str, count: int) -> list[int]:
        """Hashes of the first seed and the index: no two comparisons have some in common."""
        return [
            int(generator(self.first, f"comparison {phase}", index).integers(2**31))
            for index in range(count)
        ]


@dataclass(frozen=True)
class RunsDone:
    """Some runs are done.

    phase: `tune`, `extend`, `halve` or `final`. done, total: runs of the phase. finished, needed:
    the same by label. best: by label the learning rate with the lowest mean so far, and that
    mean of the cross-fit validation values; of the final runs the chosen rate, and the median
    that the verdict's table has at the end.
    """

    phase: str
    done: int
    total: int
    finished: Mapping[str, int]
    needed: Mapping[str, int]
    best: Mapping[str, tuple[float, float]]

    @property
    def level(self) -> str:
        """What `best` gives: `mean` or `median`."""
        return "median" if self.phase == "final" else "mean"


class Study:
    """The entries, and what was found for them: the settings that were tried and chosen.

    workers: who does the runs. targets: as they were measured, the easiest first; empty for the
    default, which the tuning runs fix.
    """

    def __init__(
        self,
        entries: Sequence[Competitor],
        budget: Budget,
        store: Store,
        *,
        measure: Measure,
        targets: Sequence[float] = (),
        fixed_split: bool = False,
        workers: Workers,
    ) -> None:
        self.entries, self.budget, self.store = list(entries), budget, store
        self.measure, self.targets, self.fixed_split = measure, tuple(targets), fixed_split
        self.runner = Runner(workers)
        self.tasks = {entry.label: entry.task for entry in entries}
        self.tried: dict[str, list[Optimizer]] = {}
        self.finalists: dict[str, list[Optimizer]] = {}
        self.extended: set[str] = set()

    def run(self) -> Iterator[RunsDone]:
        """All of it; what the store has is not run again."""
        try:
            yield from self._tune()
            if not self.targets:
                self.targets = self._default_targets()
            final = self._final_settings()
            yield from self._train("final", final)
            self._note_targets(final)
        finally:
            self.store.write()

    def run_part(self, seeds: Mapping[str, slice]) -> Iterator[RunsDone]:
        """All tuning, and by label those of the final runs; targets are for who has all."""
        try:
            yield from self._tune()
            own = {label: self.budget.final[part] for label, part in seeds.items()}
            yield from self._train("final", self._final_settings(), own)
        finally:
            self.store.write()

    def _final_settings(self) -> dict[str, list[Optimizer]]:
        """The settings of each entry that count: its finalists, and the default."""
        return {
            entry.label: list(dict.fromkeys([*self.finalists[entry.label], entry.optimizer]))
            for entry in self.entries
        }

    @property
    def chosen(self) -> dict[str, Optimizer]:
        """The best finalist of each entry."""
        return {label: own[0] for label, own in self.finalists.items()}

    def final(self, label: str, optimizer: Optimizer) -> list[TrialResult]:
        """The runs that count, of a finalist or the default settings, by seed."""
        return self.store.of(label, optimizer, self.budget.final)

    def tuning(self, label: str, optimizer: Optimizer) -> list[TrialResult]:
        """The tuning runs of one of the tried settings, by seed; of finalists there are more."""
        halved = len(self.tried[label]) > 1 and optimizer in self.finalists.get(label, ())
        seeds = self.budget.halving if halved and self._halves else self.budget.tuning
        return self.store.of(label, optimizer, seeds)

    def means(self, label: str) -> dict[Optimizer, float]:
        """The tuning mean of each tried setting, turned so that less is better."""
        return {o: mean(values) for o, values in self._values(label).items()}

    def _values(self, label: str) -> dict[Optimizer, list[float]]:
        """What each tried setting is chosen by."""
        value = self.measure.tuning
        return {o: [value(r) for r in self.tuning(label, o)] for o in self.tried[label]}

    def starts(self, label: str) -> list[float]:
        """What the tuning runs measured before training, turned; where that is finite."""
        return [
            start
            for optimizer in self.tried[label]
            for result in self.tuning(label, optimizer)
            if math.isfinite(start := self.measure.start(result))
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
        count = self.budget.finalists
        first = {e.label: best_of(self._values(e.label), count) for e in tuned}
        if self._halves and first:
            yield from self._train("halve", first)
        for entry in self.entries:
            own = first.get(entry.label, self.tried[entry.label])
            self.finalists[entry.label] = own
            if entry.label in first:
                values = self._values(entry.label)
                self.finalists[entry.label] = ranked({o: values[o] for o in own})

    @property
    def _halves(self) -> bool:
        """Whether finalists get more tuning seeds; one alone has been chosen already."""
        return self.budget.finalists > 1

    def _extend_grid(self, entry: Competitor) -> list[Optimizer]:
        """More settings, where the best learning rate lies on the edge of those tried."""
        if not entry.tunable or self.budget.settings is not None:
            return []
        rates = [optimizer.lr for optimizer in self.tried[entry.label]]
        (best,) = best_of(self._values(entry.label), 1)
        more = extension(rates, best.lr)
        return [replace(entry.optimizer, lr=rate) for rate in more]

    def _default_targets(self) -> tuple[float, ...]:
        """So far from before training to the best tuned mean, turned back."""
        tuned = [entry.label for entry in self.entries if self.tuned(entry.label)]
        starts = [start for label in tuned for start in self.starts(label)]
        if not starts:
            return ()
        best = [self.means(label)[self.chosen[label]] for label in tuned]
        return tuple(self.measure.signed(target) for target in default_targets(starts, best))

    def _note_targets(self, final: Mapping[str, Sequence[Optimizer]]) -> None:
        targets = [self.measure.signed(target) for target in self.targets]
        for label, optimizers in final.items():
            for optimizer in optimizers:
                for result in self.final(label, optimizer):
                    steps, course = self.measure.course(result)
                    steps = [max(1, step) for step in steps]
                    self.store.target[result.trial] = tuple(
                        steps_to_target(steps, course, target) for target in targets
                    )

    def _train(
        self,
        phase: str,
        settings: Mapping[str, Sequence[Optimizer]],
        some: Mapping[str, Sequence[int]] | None = None,
    ) -> Iterator[RunsDone]:
        """Run what is missing of the settings on the seeds of the phase, or on some by label."""
        budget = self.budget
        seeds = {"final": budget.final, "halve": budget.halving}.get(phase, budget.tuning)
        wanted = {
            label: [
                Trial(label, optimizer, seed)
                for optimizer in own
                for seed in (seeds if some is None else some[label])
            ]
            for label, own in settings.items()
        }
        missing = self.store.missing(trial for own in wanted.values() for trial in own)
        yield self._progress(phase, wanted)
        for results in self._run(missing, final=phase == "final"):
            interruption.check()
            self.store.add(results, "final" if phase == "final" else "tune")
            yield self._progress(phase, wanted)

    def _run(self, missing: Sequence[Trial], *, final: bool) -> Iterator[list[TrialResult]]:
        """The results of each job."""
        return self.runner.run(
            lambda workers: trials.jobs(
                self.tasks,
                missing,
                self.measure,
                fixed_split=self.fixed_split,
                final=final,
                workers=workers,
            )
        )

    def _progress(self, phase: str, wanted: Mapping[str, Sequence[Trial]]) -> RunsDone:
        there = self.store.results
        final = phase == "final"
        value, level = (self.measure.of, middle) if final else (self.measure.tuning, mean)
        best: dict[str, tuple[float, float]] = {}
        for label, own in wanted.items():
            values: dict[Optimizer, list[float]] = {}
            for trial in own:
                if trial in there:
                    values.setdefault(trial.optimizer, []).append(value(there[trial]))
            if values:
                chosen = self.finalists[label][0] if final else ranked(values)[0]
                if chosen in values:
                    best[label] = chosen.lr, self.measure.signed(level(values[chosen]))
        finished = {label: sum(t in there for t in own) for label, own in wanted.items()}
        needed = {label: len(own) for label, own in wanted.items()}
        return RunsDone(phase, sum(finished.values()), sum(needed.values()), finished, needed, best)


def middle(values: Sequence[float]) -> float:
    """The median, as the table has it; infinite where half of the runs diverged."""
    return median_interval(values).median
