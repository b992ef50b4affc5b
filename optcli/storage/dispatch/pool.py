"""Where jobs run, as it was asked for."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optcli.core.errors import Fault, InvalidInput, setting

if TYPE_CHECKING:
    from concurrent.futures import Executor

TRIES = 3  # of a job whose worker died or hung
# A job hangs when it takes this many times as long as the longest one so far, and this long.
HANGS_TIMES, HANGS_SECONDS = 20, 300.0
# dask://host:port, its port from 1 to 65535; an IPv6 host is in brackets.
_PORT = r"(?:[1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])"
_ADDRESS = re.compile(rf"(?:dask|tcp|tls)://(?:\[[^]]+\]|[^:/\s]+):{_PORT}")


@dataclass(frozen=True)
class Pool:
    """Where jobs run.

    workers: processes on this machine; with 1 and no backend all happens in this one.
    backend: `dask` for the cluster of dask's configuration, or of this machine's processes;
    `dask://host:port` (`tcp://`, `tls://`) for one that runs. scheduler_file: which that has
    written. executor: whose workers do the jobs instead. early: whether processes of this machine
    start before the first job is there. prepare: called in each worker before
    its first job, with `arguments`. failure: what a worker should raise in the place of an
    error, or None. say: called with what keeps the jobs waiting. patience, wait: seconds until a
    job may be taken to hang, and for a scheduler's file and the first worker of a cluster.
    """

    workers: int = 1
    backend: str | None = None
    prepare: Callable[..., object] | None = None
    arguments: tuple[Any, ...] = ()
    failure: Callable[[BaseException], Exception | None] | None = None
    say: Callable[[str], object] = lambda _: None
    patience: float = HANGS_SECONDS
    wait: float = 60.0
    scheduler_file: Path | None = None
    executor: Executor | None = None
    early: bool = False

    def __post_init__(self) -> None:
        backend, file, executor = self.backend, self.scheduler_file, self.executor
        if backend is not None and backend != "dask" and not _ADDRESS.fullmatch(backend):
            message = f"is '{backend}'; must be dask, dask://host:port or tls://host:port"
            raise InvalidInput(Fault(message, parameter="backend"))
        if file is not None and backend not in (None, "dask"):
            message = f"cannot be combined with {setting('backend', backend or '')}; set only one"
            raise InvalidInput(Fault(message, parameter="scheduler_file"))
        if executor is None:
            return
        if not callable(getattr(executor, "submit", None)):
            message = f"is {type(executor).__name__} {executor!r}; must be an executor of "
            message += "concurrent.futures, or one like it"
            raise InvalidInput(Fault(message, parameter="executor"))
        if backend is not None or file is not None:
            other = setting("backend", backend or "dask")
            message = f"cannot be combined with {other}; set only one"
            raise InvalidInput(Fault(message, parameter="executor"))

    @property
    def on_dask(self) -> bool:
        """Whether the workers are those of a dask cluster."""
        return self.backend is not None or self.scheduler_file is not None

    @property
    def address(self) -> str | None:
        """The address of the scheduler, as dask takes it; None where the backend names none."""
        protocol, _, place = (self.backend or "").partition("://")
        return f"{protocol.replace('dask', 'tcp')}://{place}" if place else None

    def limit(self, longest: float) -> float:
        """Seconds after which a job hangs. longest: that one took, or is expected to take."""
        return max(self.patience, HANGS_TIMES * longest)
