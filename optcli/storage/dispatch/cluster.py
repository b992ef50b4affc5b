"""The workers of a dask cluster.

Each worker has one job at a time, given to it by name: so it is known which worker has which job
since when, a worker that has gone or hangs loses its job to another, and none has a job before
its versions were compared with those of this process.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from optcli.core.environment import differences, environment
from optcli.core.errors import EnvironmentFailed, Fault, InvalidInput, OptcliError, shown
from optcli.core.registry import homes
from optcli.storage import interruption
from optcli.storage.dispatch import scheduler, script, worker
from optcli.storage.dispatch.pool import TRIES, Pool
from optcli.storage.dispatch.scheduler import Scheduler, line

Job = TypeVar("Job")
Result = TypeVar("Result")

LOOK_SECONDS = 1.0  # between two looks at who is there
# What a worker says of itself; as text, which a worker of any version of optcli understands.
ASKED = "__import__('importlib').import_module('optcli.core.environment').environment(1, None)"


@contextlib.contextmanager
def connected(pool: Pool) -> Iterator[Cluster]:
    """The cluster of a pool, once a worker is there. Raises EnvironmentFailed, InvalidInput."""
    if "__main__" in homes():
        message = "dask workers do not have what the script registers; load it as a plug-in"
        raise InvalidInput(Fault(message, parameter=_asked_by(pool)))
    distributed = _distributed(_asked_by(pool))
    dask = importlib.import_module("dask")
    found = scheduler.find(pool, dask)
    if found.address is not None:
        scheduler.greet(found, distributed, dask)
    with _hushed(), _client(distributed, pool, found) as client:
        cluster = Cluster(client, pool, found.name)
        cluster.gather()
        yield cluster


def _asked_by(pool: Pool) -> str:
    """The parameter that asked for dask."""
    return "backend" if pool.scheduler_file is None else "scheduler_file"


def _distributed(parameter: str) -> Any:
    """The library. It reads its configuration when it is imported, and fails where that is bad."""
    try:
        return importlib.import_module("distributed")
    except ModuleNotFoundError as error:
        message = "needs dask, which is not installed; pip install 'optcli[dask]'"
        raise InvalidInput(Fault(message, parameter=parameter)) from error
    except Exception as error:
        message = f"dask cannot be imported: {line(error)}; its configuration is in "
        message += "~/.config/dask, DASK_CONFIG and variables that begin with DASK_"
        raise EnvironmentFailed(Fault(message, parameter=parameter)) from error


@contextlib.contextmanager
def _hushed() -> Iterator[None]:
    """Meanwhile dask's own log is silent: what it has to say comes as one error."""
    libraries = ("distributed", "tornado", "asyncio")
    known = [logging.getLogger(name) for name in list(logging.root.manager.loggerDict)]
    theirs = [log for log in known if log.name.startswith(libraries) and not log.disabled]
    for log in theirs:
        log.disabled = True
    try:
        yield
    finally:
        for log in theirs:
            log.disabled = False


@contextlib.contextmanager
def _client(distributed: Any, pool: Pool, found: Scheduler) -> Iterator[Any]:
    """A client of a scheduler, or of a cluster of this machine."""
    with contextlib.ExitStack() as stack:
        try:
            place: Any = found.address
            if place is None:
                stack.enter_context(script.without_script())
                place = stack.enter_context(
                    distributed.LocalCluster(
                        n_workers=pool.workers,
                        threads_per_worker=1,
                        dashboard_address=":0",  # another may have the usual port
                        scheduler_kwargs={"dashboard": False},
                        silence_logs=logging.CRITICAL + 1,
                    )
                )
            seconds = scheduler.CONNECT_SECONDS
            client = stack.enter_context(distributed.Client(place, timeout=seconds))
        except OptcliError:
            raise
        except Exception as error:  # OSError, or what a setting of dask's makes of it
            raise found.unanswered(error) from error
        yield client


@dataclass
class _Attempt:
    """A job at a worker. again: whether it was given to another meanwhile."""

    index: int
    address: str
    at: float
    again: bool = False


class Cluster:
    """The workers that a scheduler knows, as far as they give the same bits as this process.

    records: what each worker said of itself, by its address; of those that have gone, too.
    """

    here = False
    start = 0.0

    def __init__(self, client: Any, pool: Pool, name: str) -> None:
        self.client, self.pool, self.name = client, pool, name
        self.ours = environment(1, None)
        self.records: dict[str, dict[str, Any]] = {}
        self.longest = 0.0
        self._there: set[str] = set()  # those that can take jobs
        self._refused: dict[str, str] = {}  # those that cannot, and why
        self._hanging: set[str] = set()
        self._looked = -LOOK_SECONDS
        self._alone_since: float | None = None

    @property
    def count(self) -> int:
        return max(1, len(self._there))

    # ---- who is there ----

    def gather(self) -> None:
        """Wait for the first worker. Raises EnvironmentFailed with each that is another."""
        while True:
            self._look()
            if self._refused:
                raise EnvironmentFailed(*[Fault(why) for why in self._refused.values()])
            if self._there:
                return
            self._wait_or_fail("has no workers")
            time.sleep(LOOK_SECONDS / 4)

    def _wait_or_fail(self, what: str) -> None:
        """Say once that nobody is there; raise EnvironmentFailed when that lasts."""
        now, seconds = time.monotonic(), self.pool.wait
        if self._alone_since is None:
            self._alone_since = now
            self.pool.say(f"{self.name} {what}; waiting up to {seconds:g} s for one")
        elif now - self._alone_since > seconds:
            message = f"{self.name} {what}; none came within {seconds:g} s"
            raise EnvironmentFailed(f"{message} (dask worker tcp://HOST:PORT --nthreads 1)")

    def _look(self) -> None:
        """See who has come and gone. Raises EnvironmentFailed where the scheduler is silent."""
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return
        try:
            found = self.client.sync(_ncores, self.client)
        except (OSError, CancelledError) as error:
            raise self._lost(error) from error
        self._looked = time.monotonic()
        self._there &= set(found)
        self._refused = {a: why for a, why in self._refused.items() if a in found}
        new = [each for each in found if each not in self._there and each not in self._refused]
        new = [each for each in new if each not in self._hanging]
        for address, said in self.client.sync(_asked, self.client, new).items() if new else ():
            self._welcome(address, said, found[address])

    def _welcome(self, address: str, said: Any, threads: int) -> None:
        """Take a worker that is as this process is; note why another is not taken."""
        if isinstance(said, TimeoutError):
            self._hanging.add(address)
            self.pool.say(f"worker {address} does not answer; it gets no jobs")
            return
        if isinstance(said, BaseException):
            needed = f"it needs optcli {self.ours['optcli']}, as here"
            self._refused[address] = f"worker {address} cannot run optcli: {line(said)}; {needed}"
            return
        unlike = differences(self.ours, said)
        if unlike:
            why = f"worker {address} would give other bits: {'; '.join(unlike)}"
            self._refused[address] = why
            if self.records:
                self.pool.say(f"{why}; it gets no jobs")
            return
        if threads > 1:
            message = f"worker {address} has {threads} threads, of which one is used"
            self.pool.say(f"{message}; start it with --nthreads 1 and more --nworkers")
        self.records[address] = {
            name: said[name] for name in ("platform", "cpu", "cores", "python") if name in said
        }
        self._there.add(address)
        self._alone_since = None

    def _lost(self, error: BaseException) -> EnvironmentFailed:
        silent = isinstance(error, TimeoutError)
        how = "does not answer" if silent else "is lost"
        why = "" if silent or not str(error) else f" ({line(error)})"
        return EnvironmentFailed(f"{self.name}: the scheduler {how}{why}")

    # ---- jobs ----

    def run(
        self, function: Callable[[Job], Result], jobs: Sequence[Job], expected: float = 0.0
    ) -> Iterator[tuple[int, Result]]:
        self.longest = max(self.longest, expected)
        payloads = [worker.payload(function, job, self.pool) for job in jobs]
        executor = self.client.get_executor(pure=False)
        waiting, tries = deque(range(len(jobs))), [0] * len(jobs)
        done, lost = set[int](), set[int]()
        began: dict[Future[Any], _Attempt] = {}
        try:
            while len(done) + len(lost) < len(jobs):
                interruption.check()
                self._look()
                self._take_back(began, waiting, tries, lost, done)
                free = self._there - self._hanging - {a.address for a in began.values()}
                while waiting and free:
                    index, address = waiting.popleft(), min(free)
                    free.remove(address)
                    call = (worker.work_prepared, worker.setting(self.pool), payloads[index])
                    future = executor.submit(*call, workers=[address])
                    began[future] = _Attempt(index, address, time.monotonic())
                if all(each.again for each in began.values()) and waiting:
                    self._wait_or_fail("has no workers left")
                ready, _ = wait(began, timeout=LOOK_SECONDS, return_when=FIRST_COMPLETED)
                if not began:
                    time.sleep(LOOK_SECONDS / 4)
                for future in ready:
                    attempt = began.pop(future)
                    result = self._result(future, attempt)
                    self._hanging.discard(attempt.address)
                    self.longest = max(self.longest, time.monotonic() - attempt.at)
                    if attempt.index not in done:
                        done.add(attempt.index)
                        yield attempt.index, result
        finally:
            for future in began:
                future.cancel()
        if lost:
            raise EnvironmentFailed(
                f"{len(lost)} of {len(jobs)} jobs killed their worker {TRIES} times; "
                "the others are done"
            )

    def _take_back(
        self,
        began: dict[Future[Any], _Attempt],
        waiting: deque[int],
        tries: list[int],
        lost: set[int],
        done: set[int],
    ) -> None:
        """Let others have the jobs of workers that have gone, or hang."""
        limit = self.pool.limit(self.longest)
        for future, attempt in list(began.items()):
            gone = attempt.address not in self._there
            if not gone and (attempt.again or time.monotonic() - attempt.at < limit):
                continue
            if gone:
                del began[future]
                future.cancel()
                self._hanging.discard(attempt.address)
            else:
                self._hanging.add(attempt.address)
                self.pool.say(f"worker {attempt.address} hangs; its runs are given to another")
            if attempt.again or attempt.index in done:
                continue
            attempt.again = True
            tries[attempt.index] += gone
            if tries[attempt.index] == TRIES:
                lost.add(attempt.index)
            else:
                waiting.appendleft(attempt.index)

    def _result(self, future: Future[Any], attempt: _Attempt) -> Any:
        try:
            return future.result()
        except CancelledError as error:  # as all are when the scheduler has gone
            raise self._lost(error) from error
        except OptcliError as error:
            where = f" (worker {attempt.address})"
            faults = [
                replace(f, message=f.message + where, file=f.file and shown(Path(f.file)))
                for f in error.faults
            ]
            raise type(error)(*faults) from error


async def _ncores(client: Any) -> dict[str, int]:
    """The number of threads of each worker that the scheduler knows."""
    found: dict[str, int] = await asyncio.wait_for(
        client.scheduler.ncores(), scheduler.CONNECT_SECONDS
    )
    return found


async def _asked(client: Any, addresses: Sequence[str]) -> dict[str, Any]:
    """What each worker says of itself, or the error that came instead."""

    async def one(address: str) -> Any:
        answer = client.run(eval, ASKED, workers=[address], asynchronous=True)
        return (await asyncio.wait_for(answer, scheduler.CONNECT_SECONDS))[address]

    answers = await asyncio.gather(*map(one, addresses), return_exceptions=True)
    return dict(zip(addresses, answers, strict=True))
