"""Dispatch: independent jobs, in this process, in several, or on a cluster.

Everything goes through `concurrent.futures.Executor`. A job is a pure function of its
argument and may run twice: a worker that dies costs time, never a result.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import multiprocessing
import pickle
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    as_completed,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, TypeVar

from optcli.core.errors import EnvironmentFailed, Fault, InvalidInput, OptcliError

Job = TypeVar("Job")
Result = TypeVar("Result")

TRIES = 3  # of a job whose worker died or hung
CONNECT_SECONDS = 8.0
GREETING, LONGEST_GREETING = 8, 1 << 20  # bytes of its length, and its length
# A job hangs when it takes this many times as long as the longest one so far, and this long.
HANGS_TIMES, HANGS_SECONDS = 20, 300.0


@dataclass(frozen=True)
class Pool:
    """Where jobs run.

    workers: processes on this machine; with 1 and no backend all happens in this one.
    backend: `dask` for a cluster of this machine's processes, `dask://host:port` for one
    that runs. prepare: called in each worker before its first job, with `arguments`.
    failure: what a worker should raise in the place of an error, or None.
    """

    workers: int = 1
    backend: str | None = None
    prepare: Callable[..., object] | None = None
    arguments: tuple[Any, ...] = ()
    failure: Callable[[BaseException], Exception | None] | None = None
    patience: float = HANGS_SECONDS

    def __post_init__(self) -> None:
        if self.backend is not None and self.backend.partition("://")[0] != "dask":
            message = f"is '{self.backend}'; must be dask or dask://host:port"
            raise InvalidInput(Fault(message, parameter="backend"))


def reach(pool: Pool) -> None:
    """Raise EnvironmentFailed where nobody answers at the scheduler's address."""
    if pool.backend is None:
        return
    _distributed()
    _, _, address = pool.backend.partition("://")
    host, _, port = address.rpartition(":")
    if not address:
        return
    if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        message = f"is '{pool.backend}'; must be dask or dask://host:port"
        raise InvalidInput(Fault(message, parameter="backend"))
    try:
        _greeted(host.strip("[]"), int(port))
    except OSError as error:
        raise _unanswered(pool, error) from error


def _unanswered(pool: Pool, error: Exception) -> EnvironmentFailed:
    message = f"is {pool.backend}; no scheduler answers there ({error})"
    return EnvironmentFailed(Fault(message, parameter="backend"))


def _greeted(host: str, port: int) -> None:
    """Raise OSError unless a scheduler is the first to speak, in a short message.

    Whoever else listens there (the dashboard, a web server, a frozen scheduler) keeps a
    client of dask waiting for ever, or makes it ask for more memory than there is.
    """
    began = time.monotonic()
    with socket.create_connection((host, port), CONNECT_SECONDS) as line:
        line.settimeout(max(0.1, began + CONNECT_SECONDS - time.monotonic()))
        size = int.from_bytes(line.recv(GREETING), "little")
        if not 0 < size < LONGEST_GREETING:
            raise OSError("something else does")


def run(
    function: Callable[[Job], Result], jobs: Sequence[Job], pool: Pool
) -> Iterator[tuple[int, Result]]:
    """The index and result of each job, as they are done.

    Raises what a job raises. A job that kills its worker or hangs each time is left out,
    and EnvironmentFailed raised at the end, when all others are done.
    """
    if pool.backend is None and pool.workers == 1:
        for index, job in enumerate(jobs):
            yield index, function(job)
    elif pool.backend is None:
        yield from _Processes(function, jobs, pool).run()
    else:
        yield from _on_cluster(function, jobs, pool)


def _payload(function: Callable[[Any], Any], job: Any, pool: Pool) -> bytes:
    """What `_work` takes."""
    return pickle.dumps((function, job, pool.failure))


def _work(payload: bytes) -> Any:
    """What a worker does; unpickled here, after it was prepared."""
    if _refusals:
        raise _refusals[0]
    function, job, failure = pickle.loads(payload)
    try:
        return function(job)
    except (Exception, SystemExit) as error:
        found = failure and failure(error)
        if found:
            raise found from error  # the traceback goes along, as text, for --debug
        raise


# ---- processes of this machine -------------------------------------------------------


class _Processes:
    """Jobs over a process pool, which is built anew when a worker dies or hangs."""

    def __init__(self, function: Callable[[Any], Any], jobs: Sequence[Any], pool: Pool) -> None:
        self.pool = pool
        self.payloads = {i: _payload(function, job, pool) for i, job in enumerate(jobs)}
        self.tries = dict.fromkeys(self.payloads, 0)
        self.suspects: list[int] = []  # at work when a worker died or hung
        self.lost: list[int] = []
        self.longest = 0.0

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
            if not self.longest:
                raise EnvironmentFailed("worker processes die before they have done anything")
            del self.payloads[index]
            self.lost.append(index)
            self.suspects = [other for other in self.suspects if other != index]

    def _round(self, batch: list[int]) -> Iterator[tuple[int, Any]]:
        """The results of a batch, until a worker dies or hangs."""
        executor = self._executor(min(self.pool.workers, len(batch)))
        waiting = iter(batch)
        began: dict[Future[Any], tuple[int, float]] = {}
        try:
            # no more are handed out than there are workers: those handed out are at work
            self._submit(executor, waiting, began, self.pool.workers)
            while began:
                limit = max(self.pool.patience, HANGS_TIMES * self.longest)
                oldest = min(at for _, at in began.values())
                left = max(0.0, oldest + limit - time.monotonic())
                done, _ = wait(began, timeout=left, return_when=FIRST_COMPLETED)
                if not done:
                    return
                for future in done:
                    index, at = began[future]
                    result = future.result()
                    del began[future]
                    self.longest = max(self.longest, time.monotonic() - at)
                    del self.payloads[index]
                    yield index, result
                    self._submit(executor, waiting, began, 1)
        except BrokenProcessPool:
            return
        finally:
            self.suspects += [index for index, _ in began.values()]
            _stop(executor, at_once=bool(began))

    def _submit(
        self,
        executor: Executor,
        waiting: Iterator[int],
        began: dict[Future[Any], tuple[int, float]],
        count: int,
    ) -> None:
        for index in itertools.islice(waiting, count):
            began[executor.submit(_work, self.payloads[index])] = index, time.monotonic()

    def _executor(self, workers: int) -> Executor:
        # a fresh interpreter each: nothing is inherited but the environment
        context = multiprocessing.get_context("spawn")
        setting = (self.pool.prepare, self.pool.arguments)
        return ProcessPoolExecutor(workers, context, initializer=_begin, initargs=setting)


def _begin(prepare: Callable[..., object] | None, arguments: tuple[Any, ...]) -> None:
    """In a new worker: Ctrl-C is for the one who started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if prepare is not None:
        try:
            prepare(*arguments)
        except OptcliError as error:
            _refusals.append(error)


# Why this worker cannot take a job: it is said in the place of the first one's result.
_refusals: list[OptcliError] = []


def _stop(executor: Executor, *, at_once: bool) -> None:
    """Let go of the workers; at once, those that are at work or hang as well."""
    processes = getattr(executor, "_processes", None) or {}
    for process in list(processes.values()) if at_once else ():
        process.kill()
    executor.shutdown(wait=True, cancel_futures=True)


# ---- a cluster -----------------------------------------------------------------------


def _on_cluster(
    function: Callable[[Any], Any], jobs: Sequence[Any], pool: Pool
) -> Iterator[tuple[int, Any]]:
    """Jobs over dask, which gives those of a lost worker to another."""
    distributed = _distributed()
    closed = importlib.import_module("distributed.comm").CommClosedError
    setting = (pool.prepare, pool.arguments)
    with _client(distributed, pool) as client:
        executor = client.get_executor(retries=TRIES)
        futures = {
            executor.submit(_prepared, setting, _payload(function, job, pool), pure=False): i
            for i, job in enumerate(jobs)
        }
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except distributed.KilledWorker as error:
            raise EnvironmentFailed(f"a job killed its workers: {error}") from error
        except (closed, CancelledError) as error:
            why = f" ({error})" if str(error) else ""
            raise EnvironmentFailed(f"{pool.backend}: the scheduler is lost{why}") from error


_ready: list[Any] = []


def _prepared(setting: tuple[Callable[..., object] | None, tuple[Any, ...]], payload: bytes) -> Any:
    """In a worker that others started: prepare it once."""
    prepare, arguments = setting
    if prepare is not None and setting not in _ready:
        prepare(*arguments)
        _ready.append(setting)
    return _work(payload)


def _distributed() -> Any:
    try:
        return importlib.import_module("distributed")
    except ModuleNotFoundError as error:
        message = "needs dask, which is not installed; pip install 'optcli[dask]'"
        raise InvalidInput(Fault(message, parameter="backend")) from error


@contextlib.contextmanager
def _client(distributed: Any, pool: Pool) -> Iterator[Any]:
    """A client of the scheduler at the address, or of a cluster of this machine."""
    _, _, address = (pool.backend or "").partition("://")
    if address:
        try:
            client = distributed.Client(f"tcp://{address}", timeout=CONNECT_SECONDS)
        except (OSError, ValueError) as error:
            raise _unanswered(pool, error) from error
        with client:
            yield client
        return
    with (
        distributed.LocalCluster(
            n_workers=pool.workers, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client
