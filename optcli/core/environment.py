"""The environment: threads of the BLAS, and what environment.json says of versions and machine."""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from optcli.core.version import __version__


@contextlib.contextmanager
def blas_threads(count: int) -> Iterator[None]:
    """Hold the BLAS to a number of threads; another number may give other bits."""
    with _thread_pools().limit(limits=count, user_api="blas"):
        yield


@functools.cache
def _thread_pools() -> Any:
    """What holds the libraries to a number of threads; to find them takes milliseconds."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def environment(threads: int, data: str | None) -> dict[str, Any]:
    """What environment.json says: all that may make another machine's bits differ.

    data: the checksum of the data.
    """
    from threadpoolctl import threadpool_info

    blas = [info for info in threadpool_info() if info["user_api"] == "blas"]
    return {
        "optcli": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "platform": platform.platform(),
        "machine": platform.machine(),
        "libc": " ".join(platform.libc_ver()).strip(),
        "cpu": cpu(),
        "cores": os.cpu_count(),
        "blas": [
            {key: info.get(key) for key in ("internal_api", "version", "architecture")}
            for info in blas
        ],
        "simd": simd(),
        "threads": threads,
        "byteorder": sys.byteorder,
        "data_sha256": data,
    }


def simd() -> list[str]:
    """The instructions of this processor of which NumPy has code of its own.

    NumPy chooses by them, as the BLAS does by its kernel, and another choice may give other bits.
    """
    try:
        of = importlib.import_module("numpy._core._multiarray_umath")
        return [name for name in of.__cpu_dispatch__ if of.__cpu_features__[name]]
    except (ImportError, AttributeError, KeyError):
        return []


# What decides on the bits of a result, in the words of a message.
DECIDE = {
    "optcli": "optcli",
    "numpy": "NumPy",
    "machine": "architecture",
    "byteorder": "byte order",
    "libc": "C library",
}


def differences(here: dict[str, Any], there: dict[str, Any]) -> list[str]:
    """How another process may give other bits than this one: `NumPy 2.1.0, here 2.2.0`.

    here, there: what `environment` says in each.
    """
    found = [
        f"{words} {there.get(name)}, here {here[name]}"
        for name, words in DECIDE.items()
        if there.get(name) != here[name]
    ]
    ours, theirs = _blas(here), _blas(there)
    if not (ours <= theirs or theirs <= ours):  # one may have loaded SciPy's as well
        found.append(f"BLAS {', '.join(sorted(theirs))}, here {', '.join(sorted(ours))}")
    before, after = set(here["simd"]), set(there.get("simd") or ())
    changed = [f"+{name}" for name in sorted(after - before)]
    changed += [f"-{name}" for name in sorted(before - after)]
    if changed:
        found.append(f"CPU features {' '.join(changed)}")
    return found


def _blas(said: dict[str, Any]) -> set[str]:
    """Each BLAS that is loaded, with its version and the kernel it has chosen."""
    return {
        " ".join(str(blas.get(key)) for key in ("internal_api", "version", "architecture"))
        for blas in said.get("blas") or ()
    }


def cpu() -> str:
    """The processor's name, as the system has it."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
