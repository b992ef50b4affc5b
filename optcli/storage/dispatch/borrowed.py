"""The workers of an executor that the caller has: threads, processes, MPI ranks, a batch system's.

Nothing is known of them but that a job comes back, or an error in its place. The executor is
neither started nor shut down here, and one that has lost its workers cannot be mended.
"""

from __future__ import annotations

import platform
import queue
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from typing import Any, TypeVar

from optcli.core import machine
from optcli.core.environment import environment
from optcli.core.errors import EnvironmentFailed, Fault, setting
from optcli.storage import interruption
from optcli.storage.dispatch import worker
from optcli.storage.dispatch.pool import Pool

Job = TypeVar("Job")
Result = TypeVar("Result")

LOOK_SECONDS = 1.0  # between two looks whether a signal has come
COUNTS = ("_max_workers", "max_workers", "num_workers")  # where executors say how many they have


class Borrowed:
    """An executor. records: what workers on other machines said of themselves, by host."""

    here = False
    start = 0.0

    def __init__(self, executor: Executor, pool: Pool) -> None:
        self.executor, self.pool = executor, pool
        self.ours = environment(1, None)
        self.records: dict[str, dict[str, Any]] = {}

    @property
    def count(self) -> int:
        """As the executor says; else as many as there were asked for, or one per core."""
        for name in COUNTS:
            found = getattr(self.executor, name, None)
            if isinstance(found, int) and found > 0:
                return found
        return max(self.pool.workers, machine.cores())

    def run(
        self, function: Callable[[Job], Result], jobs: Sequence[Job], expected: float = 0.0
    ) -> Iterator[tuple[int, Result]]:
        prepared = worker.setting(self.pool)
        payloads = [worker.payload(function, job, self.pool) for job in jobs]
        done: queue.SimpleQueue[Future[Any]] = queue.SimpleQueue()
        waiting, began = deque(range(len(jobs))), dict[Future[Any], int]()
        try:
            while waiting or began:
                interruption.check()
                # an executor may do a job while it takes it
                while waiting and done.empty():
                    index = waiting.popleft()
                    began[future := self._submit(prepared, payloads[index])] = index
                    future.add_done_callback(done.put)
                try:
                    future = done.get(timeout=LOOK_SECONDS)
                except queue.Empty:
                    continue
                host, record, result = self._result(future)
                if host != platform.node():
                    self.records[host] = record
                yield began.pop(future), result
        finally:
            for future in began:
                future.cancel()

    def _submit(self, prepared: worker.Setting, payload: bytes) -> Future[Any]:
        try:
            return self.executor.submit(worker.lent, prepared, self.ours, payload)
        except BrokenExecutor as error:
            raise _lost("has lost its workers", error) from error
        except Exception as error:  # as one that was shut down raises, or of any other's making
            raise _lost("takes no jobs", error) from error

    def _result(self, future: Future[Any]) -> tuple[str, dict[str, Any], Any]:
        try:
            found: tuple[str, dict[str, Any], Any] = future.result()
            return found
        except BrokenExecutor as error:
            raise _lost("has lost its workers", error) from error
        except CancelledError as error:
            raise _lost("was shut down", error) from error
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != "optcli":
                raise
            message = f"its workers cannot import optcli ({error}); install it there"
            raise EnvironmentFailed(Fault(message, parameter="executor")) from error


def _lost(what: str, error: BaseException) -> EnvironmentFailed:
    why = " ".join(str(error).split())
    message = f"{what}{f' ({why})' if why else ''}; finished runs are saved: continue with "
    message += f"{setting('out', 'FOLDER')} and another executor"
    return EnvironmentFailed(Fault(message, parameter="executor"))
