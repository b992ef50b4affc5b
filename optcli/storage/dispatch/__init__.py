"""Dispatch: independent jobs, in this process, in several, on a cluster or by an executor.

A job is a pure function of its argument and may run twice: a worker that dies costs time, never
a result.

pool       where jobs run, as it was asked for
worker     what a worker process does: it is prepared once, then takes jobs
script     the script that started it, and when it imports that
processes  the processes of this machine
borrowed   the workers of an executor that the caller has
scheduler  where that of a dask cluster is, and whether it answers
cluster    the workers of a dask cluster
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from optcli.storage.dispatch.pool import Pool

__all__ = ["Pool", "Workers", "opened"]

Job = TypeVar("Job")
Result = TypeVar("Result")


class Workers(Protocol):
    """Those who do jobs.

    here: whether a job may as well be done by this process. count: how many, now. start: seconds
    until they begin; 0 where they are at work. records: what environment.json says of each, by its
    address.
    """

    @property
    def here(self) -> bool: ...

    @property
    def count(self) -> int: ...

    @property
    def start(self) -> float: ...

    @property
    def records(self) -> dict[str, dict[str, Any]]: ...

    def run(
        self, function: Callable[[Job], Result], jobs: Sequence[Job], expected: float = 0.0
    ) -> Iterator[tuple[int, Result]]:
        """The index and result of each job, as they are done.

        expected: seconds that a job takes; one that takes far longer hangs. Raises what a job
        raises. A job that kills its worker or hangs each time is left out, and EnvironmentFailed
        raised at the end, when all others are done.
        """
        ...


@contextlib.contextmanager
def opened(pool: Pool) -> Iterator[Workers]:
    """The workers of a pool, let go at the end; those of this machine start with the first jobs.

    On a cluster all are there and have been compared with this process. Raises
    EnvironmentFailed where there are none, InvalidInput.
    """
    if pool.executor is not None:
        from optcli.storage.dispatch.borrowed import Borrowed

        yield Borrowed(pool.executor, pool)
    elif pool.on_dask:
        from optcli.storage.dispatch.cluster import connected

        with connected(pool) as cluster:
            yield cluster
    elif pool.workers == 1:
        yield _Here()
    else:
        from optcli.storage.dispatch.processes import Processes

        processes = Processes(pool)
        try:
            yield processes
        finally:
            processes.close()


class _Here:
    """The process itself, one job after the other."""

    here, count, start = True, 1, 0.0

    @property
    def records(self) -> dict[str, dict[str, Any]]:
        return {}

    def run(
        self, function: Callable[[Job], Result], jobs: Sequence[Job], expected: float = 0.0
    ) -> Iterator[tuple[int, Result]]:
        for index, job in enumerate(jobs):
            yield index, function(job)
