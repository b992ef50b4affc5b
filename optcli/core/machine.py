"""The machine: the cores and the memory that this process may use.

What the system tells, and the limits of containers (control groups of Linux, versions 1 and 2),
which neither Python nor psutil knows. psutil is asked, and imported, where the system has no call
and no file of its own: on macOS and Windows.
"""

from __future__ import annotations

import contextlib
import functools
import math
import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/")
NO_LIMIT = float(1 << 60)  # bytes; version 1 has a number near 2^63 for it


def cores() -> int:
    """Cores that this process may use, 1 or more; a part of one counts as one."""
    return max(1, math.ceil(min(_allowed_cores(), *_cpu_limits(), math.inf)))


def memory() -> float:
    """Bytes of memory in all; infinite where nothing tells."""
    limits = (limit for limit, _ in _memory_limits())
    return min(_system_memory("MemTotal", "total"), *limits, math.inf)


def memory_available() -> float:
    """Bytes of memory that can still be taken; infinite where nothing tells."""
    rooms = (limit - used for limit, used in _memory_limits())
    return max(0.0, min(_system_memory("MemAvailable", "available"), *rooms, math.inf))


# ---- the system ----------------------------------------------------------------------


def _allowed_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    with contextlib.suppress(ImportError):
        import psutil

        process = psutil.Process()
        if hasattr(process, "cpu_affinity"):  # not on macOS
            return len(process.cpu_affinity())
    return os.cpu_count() or 1


def _system_memory(line: str, attribute: str) -> float:
    """Bytes, by a line of /proc/meminfo or an attribute of `psutil.virtual_memory()`."""
    for each in _lines("proc/meminfo"):
        name, _, value = each.partition(":")
        if name == line:
            return 1024.0 * int(value.split()[0])
    with contextlib.suppress(ImportError, OSError, RuntimeError):
        import psutil

        return float(getattr(psutil.virtual_memory(), attribute))
    return math.inf


# ---- limits of containers ------------------------------------------------------------


def _memory_limits() -> Iterator[tuple[float, float]]:
    """Of each group around this process the most bytes it may take, and those it has.

    Files in the cache do not count: the system drops them where memory is short.
    """
    names = {
        1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        2: ("memory.max", "memory.current", "inactive_file"),
    }
    for version, group in _groups("memory"):
        most, used, cached = names[version]
        limit = _number(group / most)
        if limit >= NO_LIMIT:
            continue
        statistics = dict(line.partition(" ")[::2] for line in _lines(group / "memory.stat"))
        taken = _number(group / used, 0.0) - float(statistics.get(cached, 0))
        yield limit, max(0.0, taken)


def _cpu_limits() -> Iterator[float]:
    """Of each group around this process the cores that it may use, such as 1.5."""
    for version, group in _groups("cpu"):
        if version == 2:
            words = next(iter(_lines(group / "cpu.max")), "max").split()
            quota = math.inf if words[0] == "max" else float(words[0])
            period = float(words[1]) if len(words) > 1 else 100_000.0
        else:
            quota = _number(group / "cpu.cfs_quota_us")
            period = _number(group / "cpu.cfs_period_us", 100_000.0)
        if quota > 0:  # version 1 says -1 for no limit
            yield quota / period


@functools.cache
def _groups(controller: str) -> tuple[tuple[int, Path], ...]:
    """The control groups that this process is in, its own first, with their version.

    Reference: man 7 cgroups, and proc_pid_mountinfo in section 5.
    """
    own: dict[int, str] = {}
    for line in _lines("proc/self/cgroup"):
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers:
            own[2] = path
        elif controller in controllers.split(","):
            own[1] = path
    found: list[tuple[int, Path]] = []
    for line in _lines("proc/self/mountinfo") if own else ():
        fields, dash, system = line.partition(" - ")
        kind, _, options = system.split(" ", 2) if dash else ("", "", "")
        version = {"cgroup": 1, "cgroup2": 2}.get(kind)
        if version not in own or (version == 1 and controller not in options.split(",")):
            continue
        shown, point = fields.split(" ")[3:5]
        top = ROOT / point.lstrip("/")
        # a container may see its own group alone, whatever this is called outside
        inside = Path(own[version])
        inside = inside.relative_to(shown) if inside.is_relative_to(shown) else Path()
        group = top / inside if ".." not in inside.parts else top
        while group != top:
            found.append((version, group))
            group = group.parent
        found.append((version, top))
    return tuple(found)


def _number(path: Path, missing: float = math.inf) -> float:
    """The number in a file; infinity for `max`."""
    word = next(iter(_lines(path)), "")
    return math.inf if word == "max" else float(word or missing)


def _lines(path: str | Path) -> list[str]:
    """The lines of a file of the system's; none where it is not there."""
    try:
        return (ROOT / path).read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return []
