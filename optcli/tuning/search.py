"""Search: rounds of settings; the best of each train longer in the next.

The runs are trials of a comparison, in cohorts where all but the optimizer agrees, by the same
workers and in the same store. A run is named by its setting and by how long it may train, as
`0007@1/9`; what the store has is not run again.
"""

from __future__ import annotations

import math
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from optcli.comparison import trials
from optcli.comparison.runner import Runner
from optcli.comparison.store import Store
from optcli.comparison.trials import Measure, Trial, TrialResult
from optcli.comparison.tuning import mean
from optcli.data.split import Draw
from optcli.storage import interruption
from optcli.storage.dispatch import Workers
from optcli.training.task import Task
from optcli.tuning.candidates import Candidate
from optcli.tuning.events import RunsDone
from optcli.tuning.plan import Round, draws
from optcli.tuning.scores import scores
from optcli.tuning.shards import Part


@dataclass(frozen=True)
class Scored:
    """A setting after its last round.

    results: its runs of that round, by seed. score: their mean, turned; infinite where one
    diverged. rank: from 1 for the best of the last round, then of the round before it, and so on.
    """

    candidate: Candidate
    round: Round
    results: Sequence[TrialResult]
    values: Sequence[float]
    score: float
    rank: int

    @property
    def diverged(self) -> bool:
        """Whether a run of it diverged."""
        return not math.isfinite(self.score)


class Search:
    """The settings of a search, and what was found of them.

    lengths: of each setting, the epochs of its whole training. part: of a shard, which alone
    is trained. elsewhere: gives the runs that other shards have by now.
    """

    def __init__(
        self,
        candidates: Sequence[Candidate],
        plan: Sequence[Round],
        lengths: Mapping[int, int],
        store: Store,
        *,
        measure: Measure,
        seed: int,
        workers: Workers,
        part: Part | None = None,
        elsewhere: Callable[[], Mapping[Trial, TrialResult]] = dict,
    ) -> None:
        self.candidates, self.plan, self.lengths = list(candidates), list(plan), lengths
        self.store, self.measure, self.seed = store, measure, seed
        self.runner = Runner(workers)
        self.part, self.elsewhere = part, elsewhere
        self.lacking: list[int] = []  # shards whose runs the next round waits for
        self._others: dict[Trial, TrialResult] = {}
        self.there: ChainMap[Trial, TrialResult] = ChainMap(store.results, self._others)
        # the order of the rows, whoever is done first
        store.labels = [self._label(each, own) for each in self.plan for own in self.candidates]
        self.remaining: list[list[Candidate]] = []  # of each round that has begun

    @cached_property
    def split_draws(self) -> tuple[tuple[int, Draw], ...]:
        """The seeds of all runs of a setting, with their validation rows."""
        most = max(each.repeats for each in self.plan)
        return draws(self.candidates[0].config.split, self.seed, most)

    def run(self) -> Iterator[RunsDone]:
        """All rounds; what the store has is not run again."""
        remaining = self.candidates
        try:
            for each in self.plan:
                self.remaining.append(remaining)
                yield from self._round(each, remaining)
                if self.part is not None and not self._known(each, remaining):
                    return
                ranked = self.ranked(each, remaining)
                if not math.isfinite(self.score(each, ranked[0])):
                    return
                following = self.plan[each.number].settings if each is not self.plan[-1] else 1
                kept = [own for own in ranked if math.isfinite(self.score(each, own))]
                remaining = kept[:following]
        finally:
            self.store.write()

    def _known(self, each: Round, settings: Sequence[Candidate]) -> bool:
        """Whether a round follows, and all runs of this one are there by now."""
        assert self.part is not None
        if each is self.plan[-1]:
            return False  # nothing comes after it
        self._others |= self.elsewhere()
        runs = [trial for own in settings for trial in self._trials(each, own)]
        self.lacking = self.part.lacking(runs, self.there)
        return not self.lacking

    # ---- what was found ----

    def results(self, each: Round, candidate: Candidate) -> list[TrialResult]:
        """The runs of a setting in a round, by seed."""
        return [self.there[trial] for trial in self._trials(each, candidate)]

    def values(self, each: Round, candidate: Candidate) -> list[float]:
        """What each of them came to, turned."""
        return scores(self.results(each, candidate), self.measure)

    def score(self, each: Round, candidate: Candidate) -> float:
        """The mean over the runs of a round, turned; infinite where one diverged."""
        return mean(self.values(each, candidate))

    def ranked(self, each: Round, settings: Sequence[Candidate]) -> list[Candidate]:
        """The best first; of equals the one that was drawn first."""
        return sorted(settings, key=lambda own: (self.score(each, own), own.number))

    @cached_property
    def scored(self) -> list[Scored]:
        """All settings after their last round, the best first."""
        found: list[Scored] = []
        place = {own.number: 0 for own in self.candidates}
        for index, settings in enumerate(self.remaining):
            place |= {own.number: index for own in settings}
        for index in reversed(range(len(self.remaining))):
            each = self.plan[index]
            last = [own for own in self.remaining[index] if place[own.number] == index]
            for own in self.ranked(each, last):
                results, values = self.results(each, own), self.values(each, own)
                found.append(Scored(own, each, results, values, mean(values), len(found) + 1))
        return found

    @property
    def runs(self) -> int:
        """How many runs are done."""
        return len(self.store.results)

    # ---- runs ----

    def _round(self, each: Round, settings: Sequence[Candidate]) -> Iterator[RunsDone]:
        wanted = {own.number: self._trials(each, own) for own in settings}
        tasks = {self._label(each, own): self._task(each, own) for own in settings}
        runs = [trial for own in wanted.values() for trial in own]
        if self.part is not None:
            runs = self.part.own(runs)
        missing = self.store.missing(runs)
        yield self._progress(each, settings, wanted, runs)

        def cut(workers: int) -> list[trials.Job]:
            return trials.jobs(
                tasks,
                missing,
                self.measure,
                fixed_split=False,
                final=False,
                draws=self.split_draws,
                workers=workers,
            )

        for results in self.runner.run(cut):
            interruption.check()
            self.store.add(results, "tune")
            yield self._progress(each, settings, wanted, runs)

    def _progress(
        self,
        each: Round,
        settings: Sequence[Candidate],
        wanted: Mapping[int, Sequence[Trial]],
        runs: Sequence[Trial],
    ) -> RunsDone:
        """runs: of the round that are trained here."""
        there = self.there
        whole = [own for own in settings if all(t in there for t in wanted[own.number])]
        scores = {own.number: self.score(each, own) for own in whole}
        best = min(whole, key=lambda own: (scores[own.number], own.number), default=None)
        known = None
        if best is not None and math.isfinite(scores[best.number]):
            known = self.measure.signed(scores[best.number]), best.values
        return RunsDone(
            each,
            len(self.plan),
            max(each.epochs(self.lengths[own.number]) for own in settings),
            len(settings),
            sum(trial in self.store.results for trial in runs),
            len(runs),
            known,
            sum(not math.isfinite(score) for score in scores.values()),
        )

    def _label(self, each: Round, candidate: Candidate) -> str:
        part = "" if each.part == 1 else f"@1/{each.part}"
        return f"{candidate.name}{part}"

    def _trials(self, each: Round, candidate: Candidate) -> list[Trial]:
        label = self._label(each, candidate)
        seeds = [seed for seed, _ in self.split_draws[: each.repeats]]
        return [Trial(label, candidate.config.optimizer, seed) for seed in seeds]

    def _task(self, each: Round, candidate: Candidate) -> Task:
        """What the runs of a setting train: its config's task, cut short."""
        task = candidate.config.task()
        if each.part == 1:
            return task
        epochs = each.epochs(self.lengths[candidate.number])
        return replace(task, training=replace(task.training, stop_after=epochs))
