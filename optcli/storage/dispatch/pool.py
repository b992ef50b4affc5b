"""Where jobs run, as it was asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from optcli.core.errors import Fault, InvalidInput

TRIES = 3  # of a job whose worker died or hung
# A job hangs when it takes this many times as long as the longest one so far, and this long.
HANGS_TIMES, HANGS_SECONDS = 20, 300.0


@dataclass(frozen=True)
class Pool:
    """Where jobs run.

    workers: processes on this machine; with 1 and no backend all happens in this one.
    backend: `dask` for a cluster of this machine's processes, `dask://host:port` for one
    that runs. prepare: called in each worker before its first job, with `arguments`.
    failure: what a worker should raise in the place of an error, or None. say: called with
    what keeps the jobs waiting. patience, wait: seconds until a job may be taken to hang, and
    for the first worker of a cluster.
    """

    workers: int = 1
    backend: str | None = None
    prepare: Callable[..., object] | None = None
    arguments: tuple[Any, ...] = ()
    failure: Callable[[BaseException], Exception | None] | None = None
    say: Callable[[str], object] = lambda _: None
    patience: float = HANGS_SECONDS
    wait: float = 60.0

    def __post_init__(self) -> None:
        if self.backend is not None and self.backend.partition("://")[0] != "dask":
            raise self.unknown()

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port of the scheduler; None for processes of this machine.

        Raises InvalidInput for an address that is none.
        """
        _, _, address = (self.backend or "").partition("://")
        if not address:
            return None
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
            raise self.unknown()
        return host.strip("[]"), int(port)

    def unknown(self) -> InvalidInput:
        """That no backend is called so."""
        message = f"is '{self.backend}'; must be dask or dask://host:port"
        return InvalidInput(Fault(message, parameter="backend"))

    def limit(self, longest: float) -> float:
        """Seconds after which a job hangs. longest: that one took, or is expected to take."""
        return max(self.patience, HANGS_TIMES * longest)
