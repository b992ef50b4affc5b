"""Runner: trials by whoever does them, in this process where others would take longer to start."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from optcli.comparison import trials
from optcli.comparison.trials import Job, TrialResult
from optcli.core import machine
from optcli.plugins import loading
from optcli.storage import files
from optcli.storage.dispatch import Pool, Workers
from optcli.training.task import Task

SAFETY = 4  # how many times the pace of earlier runs later ones may take


if TYPE_CHECKING:
    from concurrent.futures import Executor


class Asked(Protocol):
    """Settings of a comparison or a search that say who does its runs."""

    @property
    def jobs(self) -> int | None: ...

    @property
    def backend(self) -> str | None: ...

    @property
    def scheduler_file(self) -> Path | None: ...

    @property
    def executor(self) -> Executor | None: ...

    @property
    def elsewhere(self) -> bool: ...


def pool_for(
    tasks: Iterable[Task], asked: Asked, say: Callable[[str], object], *, early: bool = False
) -> Pool:
    """Where the runs of these tasks are done. say: called with what keeps them waiting.

    early: whether there is work for all workers in any case, so that they may start at once.
    """
    tables = {}
    if asked.elsewhere:
        paths = {path for task in tasks for path in task.anywhere().files()}
        tables = {path: files.checksum(Path(path)) for path in sorted(paths)}
    return Pool(
        asked.jobs or machine.cores(),
        asked.backend,
        trials.ready,
        (list(loading.loaded), loading.identity(), tables),
        loading.failure,
        say,
        scheduler_file=asked.scheduler_file,
        executor=asked.executor,
        early=early,
    )


class Runner:
    """What is trained goes to the workers, or stays here."""

    def __init__(self, workers: Workers) -> None:
        self.workers = workers
        self._pace = 0.0  # processor seconds of a run in this process, where there was one
        self._known: tuple[Task, float] | None = None  # the same of a task, by a few steps

    def run(self, cut: Callable[[int], list[Job]]) -> Iterator[list[TrialResult]]:
        """The results of each job, as they are done. cut: the jobs for so many workers."""
        workers, jobs = self.workers, cut(1)
        if not jobs or (workers.here and workers.count == 1):
            yield from self._here(jobs)
            return
        # what workers cost to start has to pay twice, as it takes longer on some machines
        start, saved = 2 * workers.start, 1 - 1 / workers.count
        count = sum(len(job.trials) for job in jobs)
        if self._pace and workers.here and SAFETY * self._pace * count * saved < start:
            yield from self._here(jobs)
            return
        shared = cut(workers.count)
        if workers.here:
            alone = self._seconds(jobs[0], start > 0) * len(jobs)
            each = self._seconds(shared[0], start > 0) if alone * saved > start else alone
            if start + each * -(-len(shared) // workers.count) >= alone:
                yield from self._here(jobs)
                return
        else:
            each = self._seconds(shared[0], True)
            shared = [trials.sendable(job) for job in shared]
        for _, results in workers.run(trials.train, shared, each):
            yield results

    def _seconds(self, job: Job, measured: bool) -> float:
        """About how long a job takes. measured: by its own steps, not those of an earlier one."""
        if measured or self._known is None or self._known[0] is not job.task:
            self._known = job.task, trials.seconds(job) / len(job.trials)
        return self._known[1] * len(job.trials)

    def _here(self, jobs: Sequence[Job]) -> Iterator[list[TrialResult]]:
        """The results of each job, trained in this process, whose pace is noted."""
        for job in jobs:
            began = time.thread_time()
            results = trials.train(job)
            self._pace = (time.thread_time() - began) / len(results)
            yield results
