"""The processes of this machine."""

from __future__ import annotations

import itertools
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from optcli.core.errors import EnvironmentFailed
from optcli.storage.dispatch import script, worker
from optcli.storage.dispatch.pool import TRIES, Pool
from optcli.storage.interruption import Deferred, kept_from_children

Job = TypeVar("Job")
Result = TypeVar("Result")

# What it costs to start worker processes.
START_SECONDS = 1.0
MOST = 61  # that Windows can wait for


class Processes:
    """A process pool, which is built anew when a worker dies or hangs."""

    here = True

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.longest = 0.0  # seconds that a job took, or is expected to take
        self.proved = False  # whether any job was ever done
        self._executor: Executor | None = None
        if pool.early:
            for _ in range(pool.workers):
                self.submit(worker.payload(int, 0, pool))

    @property
    def count(self) -> int:
        return self.pool.workers

    @property
    def start(self) -> float:
        return START_SECONDS if self._executor is None else 0.0

    @property
    def records(self) -> dict[str, dict[str, Any]]:
        return {}

    def run(
        self, function: Callable[[Job], Result], jobs: Sequence[Job], expected: float = 0.0
    ) -> Iterator[tuple[int, Result]]:
        self.longest = max(self.longest, expected)
        payloads = [worker.payload(function, job, self.pool) for job in jobs]
        return _Batch(self, payloads).run()

    def executor(self) -> Executor:
        """The pool, with as many processes as jobs came at once so far."""
        if self._executor is None:
            if sys.platform != "win32":
                from multiprocessing.resource_tracker import ensure_running

                with kept_from_children():  # it ends with this process, and only then
                    ensure_running()
            # a fresh interpreter each: nothing is inherited but the environment
            self._executor = ProcessPoolExecutor(
                min(self.pool.workers, MOST) if sys.platform == "win32" else self.pool.workers,
                multiprocessing.get_context("spawn"),
                initializer=worker.begin,
                initargs=(worker.setting(self.pool), script.started_by()),
            )
        return self._executor

    def submit(self, payload: bytes) -> Future[Any]:
        """Hand out a job. Raises EnvironmentFailed."""
        try:
            executor = self.executor()
            # a process that is half begun would be nobody's
            with Deferred(), script.without_script():
                return executor.submit(worker.work, payload)
        except OSError as error:
            message = f"a worker process cannot be started: {error.strerror or error}"
            raise EnvironmentFailed(message) from error

    def close(self, *, at_once: bool = False) -> None:
        """Let go of the workers; at once, those that are at work or hang as well."""
        executor, self._executor = self._executor, None
        if executor is None:
            return
        if at_once:
            for process in list((getattr(executor, "_processes", None) or {}).values()):
                process.kill()
        executor.shutdown(wait=True, cancel_futures=True)


class _Batch:
    """Jobs on their way."""

    def __init__(self, processes: Processes, payloads: Sequence[bytes]) -> None:
        self.processes, self.pool = processes, processes.pool
        self.payloads = dict(enumerate(payloads))
        self.tries = dict.fromkeys(self.payloads, 0)
        self.suspects: list[int] = []  # at work when a worker died or hung
        self.lost: list[int] = []

    def run(self) -> Iterator[tuple[int, Any]]:
        while self.payloads:
            # by itself a job that kills its worker gives itself away
            alone = self.suspects.pop(0) if self.suspects else None
            yield from self._round(list(self.payloads) if alone is None else [alone])
            if alone in self.payloads:
                self._failed(alone)
        if self.lost:
            count = f"{len(self.lost)} of {len(self.tries)} jobs"
            raise EnvironmentFailed(
                f"{count} killed their worker process or hung {TRIES} times; the others are done"
            )

    def _failed(self, index: int) -> None:
        self.tries[index] += 1
        if self.tries[index] == TRIES:
            if not self.processes.proved:
                raise EnvironmentFailed("worker processes die at their start")
            del self.payloads[index]
            self.lost.append(index)
            self.suspects = [other for other in self.suspects if other != index]

    def _round(self, batch: list[int]) -> Iterator[tuple[int, Any]]:
        """The results of a batch, until a worker dies or hangs."""
        waiting = iter(batch)
        began: dict[Future[Any], tuple[int, float]] = {}
        try:
            # no more are handed out than there are workers: those handed out are at work
            self._submit(waiting, began, self.pool.workers)
            while began:
                oldest = min(at for _, at in began.values())
                limit = self.pool.limit(self.processes.longest)
                left = max(0.0, oldest + limit - time.monotonic())
                done, _ = wait(began, timeout=left, return_when=FIRST_COMPLETED)
                if not done:
                    return
                for future in done:
                    index, at = began[future]
                    result = future.result()
                    del began[future]
                    self.processes.longest = max(self.processes.longest, time.monotonic() - at)
                    self.processes.proved = True
                    del self.payloads[index]
                    yield index, result
                    self._submit(waiting, began, 1)
        except BrokenProcessPool:
            self.processes.close(at_once=True)
        finally:
            if began:
                self.suspects += [index for index, _ in began.values()]
                self.processes.close(at_once=True)

    def _submit(
        self, waiting: Iterator[int], began: dict[Future[Any], tuple[int, float]], count: int
    ) -> None:
        for index in itertools.islice(waiting, count):
            future = self.processes.submit(self.payloads[index])
            began[future] = index, time.monotonic()
