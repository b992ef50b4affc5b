"""The environment: threads of the BLAS, and what environment.json says of versions and machine."""

from __future__ import annotations

import contextlib
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
    from threadpoolctl import threadpool_limits

    with threadpool_limits(count, user_api="blas"):
        yield


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
