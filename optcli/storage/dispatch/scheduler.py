"""Where the scheduler of a dask cluster is, and whether one answers there.

    dask                           as dask.distributed.Client() finds it: DASK_SCHEDULER_ADDRESS or
                                   dask's configuration; else a cluster of this machine's processes
    dask://host:port, tcp://, tls://   an address
    a file                         which the scheduler has written (dask scheduler --scheduler-file)

Certificates for tls:// are those of dask's configuration (distributed.comm.tls).
"""

from __future__ import annotations

import json
import socket
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optcli.core.errors import EnvironmentFailed, Fault, InvalidInput
from optcli.storage import interruption
from optcli.storage.dispatch.pool import Pool

CONNECT_SECONDS = 8.0
GREETING, LONGEST_GREETING = 8, 1 << 20  # bytes of its length, and its length
LOOK_SECONDS = 0.2  # between two looks at a file that is not there yet


@dataclass(frozen=True)
class Scheduler:
    """One that is to be asked.

    address: as dask takes it; None for a cluster of this machine's processes. name: what messages
    call it. parameter: the one that named it. words: `is tcp://…`, after that parameter's name.
    """

    address: str | None
    name: str
    parameter: str
    words: str

    def unanswered(self, error: BaseException) -> EnvironmentFailed:
        """That it does not answer, and why."""
        message = f"{self.words}; no scheduler answers there ({line(error)})"
        return EnvironmentFailed(Fault(message, parameter=self.parameter))


def find(pool: Pool, dask: Any) -> Scheduler:
    """The scheduler of a pool. dask: the library, with its configuration.

    A file that is not there yet is waited for. Raises InvalidInput, EnvironmentFailed.
    """
    if pool.scheduler_file is not None:
        address = _written(pool, pool.scheduler_file)
        name = f"{address} ({pool.scheduler_file})"
        return Scheduler(address, name, "scheduler_file", f"{pool.scheduler_file} names {address}")
    backend = pool.backend or ""
    if pool.address is not None:
        return Scheduler(pool.address, backend, "backend", f"is {backend}")
    address = dask.config.get("scheduler-address", None)
    if address is None:
        return Scheduler(None, backend, "backend", f"is {backend}")
    if not isinstance(address, str) or not address:
        message = f"dask's configuration (DASK_SCHEDULER_ADDRESS) has {address!r} as the address "
        message += "of its scheduler; must be text such as tcp://HOST:8786"
        raise InvalidInput(Fault(message, parameter="backend"))
    pool.say(f"dask scheduler: {address} (from DASK_SCHEDULER_ADDRESS or dask's configuration)")
    return Scheduler(address, address, "backend", f"dask's configuration names {address}")


def _written(pool: Pool, file: Path) -> str:
    """The address in a scheduler's file, once it is there and whole."""
    began, said = time.monotonic(), False
    while True:
        interruption.check()
        try:
            return _address(file)
        except FileNotFoundError:
            if not file.absolute().parent.is_dir():
                message = f"is {file}; no such folder"
                raise InvalidInput(Fault(message, parameter="scheduler_file")) from None
            why = "no such file"
        except OSError as error:
            message = f"{file} cannot be read: {error.strerror or error}"
            raise InvalidInput(Fault(message, parameter="scheduler_file")) from error
        except ValueError as error:
            why = f"not the whole file of a scheduler ({error})"
        if time.monotonic() - began >= pool.wait:
            message = f"is {file}; {why}, and none came within {pool.wait:g} s "
            message += "(dask scheduler --scheduler-file FILE)"
            raise EnvironmentFailed(Fault(message, parameter="scheduler_file"))
        if not said:
            pool.say(f"{file}: {why}; waiting up to {pool.wait:g} s for it")
            said = True
        time.sleep(LOOK_SECONDS)


def _address(file: Path) -> str:
    """Raises OSError, ValueError."""
    try:
        found = json.loads(file.read_bytes())
    except UnicodeDecodeError:
        raise ValueError("it is not text") from None
    except ValueError as error:
        raise ValueError(line(error)) from None
    address = found.get("address") if isinstance(found, dict) else None
    if not isinstance(address, str) or not address:
        raise ValueError("it has no address")
    return address


def greet(scheduler: Scheduler, distributed: Any, dask: Any) -> None:
    """Raise EnvironmentFailed unless a scheduler is the first to speak, in a short message.

    Whoever else listens there (the dashboard, a web server, a frozen scheduler) keeps a
    client of dask waiting for ever, or makes it ask for more memory than there is.
    """
    protocol, _, place = (scheduler.address or "").rpartition("://")
    host, _, port = place.rpartition(":")
    loader = dask.config.get("distributed.client.security-loader", None)
    if protocol not in ("", "tcp", "tls") or not port.isdecimal() or loader is not None:
        return  # dask itself says what it makes of it
    try:
        context = _certificates(distributed) if protocol == "tls" else None
        _greeted(host.strip("[]"), int(port), context)
    except TimeoutError as error:
        hint = "" if protocol == "tls" else "; a scheduler with encryption is tls://HOST:PORT"
        raise scheduler.unanswered(OSError(f"{line(error)}{hint}")) from error
    except Exception as error:  # OSError, or what a setting of dask's makes of it
        raise scheduler.unanswered(error) from error


def _certificates(distributed: Any) -> ssl.SSLContext:
    """What dask's configuration has of them. Raises OSError, or what the library makes of it."""
    security = distributed.Security()
    settings = {
        "ca-file": security.tls_ca_file,
        "client.cert": security.tls_client_cert,
        "client.key": security.tls_client_key,
    }
    for name, value in settings.items():
        if value and "\n" not in value and not Path(value).is_file():  # it may be the text itself
            raise OSError(
                f"distributed.comm.tls.{name} of dask's configuration is {value}; no such file"
            )
    context: ssl.SSLContext | None = security.get_connection_args("client").get("ssl_context")
    if context is None:
        names = " and ".join(f"distributed.comm.tls.{name}" for name in settings)
        raise OSError(f"dask's configuration has no certificates; set {names}")
    return context


def _greeted(host: str, port: int, context: ssl.SSLContext | None) -> None:
    """Raise OSError unless a scheduler speaks first."""
    began = time.monotonic()
    with socket.create_connection((host, port), CONNECT_SECONDS) as connection:
        if context is not None:
            with context.wrap_socket(connection, server_hostname=host) as encrypted:
                _listen(encrypted, began)
        else:
            _listen(connection, began)


def _listen(connection: socket.socket, began: float) -> None:
    connection.settimeout(max(0.1, began + CONNECT_SECONDS - time.monotonic()))
    size = int.from_bytes(connection.recv(GREETING), "little")
    if not 0 < size < LONGEST_GREETING:
        raise OSError("something else does")


def line(error: BaseException) -> str:
    """What an error says, in one line."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__
