"""Cores and memory: what the system tells, within the limits of containers."""

import math
import os
import sys

import psutil
import pytest

from optcli.core import machine

GB = 10**9
MEMINFO = "MemTotal: 16000000 kB\nMemFree: 1 kB\nMemAvailable: 8000000 kB\n"
V2 = "30 23 0:27 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n"
V1 = (
    "33 32 0:30 {root} /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
    "34 32 0:31 {root} /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n"
)


@pytest.fixture
def system(tmp_path, monkeypatch):
    """Make a root folder with these files, and 8 cores."""
    monkeypatch.setattr(machine, "ROOT", tmp_path)
    monkeypatch.setattr(machine, "_allowed_cores", lambda: 8)
    machine._groups.cache_clear()

    def make(files):
        for name, text in {"proc/meminfo": MEMINFO, **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n")

    yield make
    machine._groups.cache_clear()


def test_without_a_limit_it_is_what_the_system_has(system):
    system({"proc/self/cgroup": "0::/user", "proc/self/mountinfo": V2})
    assert (machine.memory(), machine.memory_available()) == (16.384 * GB, 8.192 * GB)
    assert machine.cores() == 8


def test_the_tightest_group_around_the_process_counts(system):
    pod = "sys/fs/cgroup/pods"
    system(
        {
            "proc/self/cgroup": "0::/pods/a b",
            "proc/self/mountinfo": V2,
            f"{pod}/memory.max": f"{4 * GB}",
            f"{pod}/memory.current": f"{3 * GB}",
            f"{pod}/memory.stat": f"anon 5\ninactive_file {2 * GB}\nfile 9",
            f"{pod}/cpu.max": "max 100000",
            f"{pod}/a b/memory.max": "max",
            f"{pod}/a b/cpu.max": "250000 100000",
        }
    )
    assert machine.memory() == 4 * GB
    assert machine.memory_available() == 3 * GB  # what is in the cache can be dropped
    assert machine.cores() == 3


@pytest.mark.parametrize("root", ["/", "/docker/12ab"])
def test_version_1_is_read_too(system, root):
    """root: as a container sees it; without a namespace of its own by the path outside."""
    memory, cpu = "sys/fs/cgroup/memory", "sys/fs/cgroup/cpu,cpuacct"
    own = "/" if root == "/" else "/docker/12ab"
    system(
        {
            "proc/self/cgroup": f"5:cpu,cpuacct:{own}\n4:memory:{own}\n0::/",
            "proc/self/mountinfo": V1.format(root=root),
            f"{memory}/memory.limit_in_bytes": f"{GB}",
            f"{memory}/memory.usage_in_bytes": f"{2 * GB}",
            f"{memory}/memory.stat": "cache 1\ntotal_inactive_file 0",
            f"{cpu}/cpu.cfs_quota_us": "50000",
            f"{cpu}/cpu.cfs_period_us": "100000",
        }
    )
    assert (machine.memory(), machine.memory_available(), machine.cores()) == (GB, 0, 1)
    system({f"{memory}/memory.limit_in_bytes": f"{2**63 - 4096}", f"{cpu}/cpu.cfs_quota_us": "-1"})
    assert (machine.memory(), machine.cores()) == (16.384 * GB, 8)


def test_psutil_is_asked_where_there_is_no_proc_and_no_affinity(tmp_path, monkeypatch):
    real = machine.memory_available()
    monkeypatch.setattr(machine, "ROOT", tmp_path)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert machine.memory() == psutil.virtual_memory().total
    assert machine.memory_available() == pytest.approx(real, rel=0.5)
    if hasattr(psutil.Process, "cpu_affinity"):
        assert machine.cores() == len(psutil.Process().cpu_affinity())
        monkeypatch.delattr(psutil.Process, "cpu_affinity")  # as on macOS
    assert machine.cores() == os.cpu_count()
    monkeypatch.setitem(sys.modules, "psutil", None)
    assert machine.memory() == machine.memory_available() == math.inf
    assert machine.cores() == os.cpu_count()
