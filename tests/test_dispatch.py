"""Dispatch: whatever becomes of the workers, each job has exactly one result."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from optcli.core.errors import EnvironmentFailed
from optcli.storage.dispatch import Pool, opened
from tests import jobs, systems

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("workers", [1, 2])
def test_every_job_has_its_result(workers):
    found = list(jobs.run(jobs.square, range(7), Pool(workers)))
    assert sorted(found) == [(i, i * i) for i in range(7)]


def test_no_jobs_start_no_worker():
    assert list(jobs.run(jobs.square, [], Pool(2))) == []


def test_a_killed_worker_costs_no_result(tmp_path):
    work = [(str(tmp_path / "mark") if i == 2 else None, i) for i in range(6)]
    found = list(jobs.run(jobs.dies_once, work, Pool(2)))
    assert sorted(found) == [(i, i) for i in range(6)]


def test_a_job_that_always_dies_is_left_out_and_said():
    found = []
    with pytest.raises(EnvironmentFailed, match="1 of 5 jobs killed their worker"):
        found.extend(iter_all(jobs.run(jobs.dies_always, range(5), Pool(2)), found))
    assert sorted(i for i, _ in found) == [0, 1, 2, 4]


def iter_all(results, into):
    """Keep what comes until it raises."""
    for each in results:
        into.append(each)
    return []


def test_workers_that_never_do_anything():
    with pytest.raises(EnvironmentFailed, match="die at their start"):
        list(jobs.run(jobs.dies_always, [3, 3], Pool(2)))


def test_a_job_that_hangs_is_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr("optcli.storage.dispatch.pool.HANGS_TIMES", 0.0)
    work = [(str(tmp_path / "mark") if i == 1 else None, i) for i in range(4)]
    began = time.monotonic()
    found = list(jobs.run(jobs.hangs_once, work, Pool(2, patience=2.0)))
    assert sorted(found) == [(i, i) for i in range(4)]
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_job_raises_comes_through(workers):
    with pytest.raises(ValueError, match="not 5"):
        list(jobs.run(jobs.refuses, [5], Pool(workers)))


def test_a_worker_is_prepared():
    with opened(Pool(2, prepare=jobs.prepare, arguments=("plug-in",), early=True)) as workers:
        assert workers.start == 0  # they begin before the first job
        found = dict(workers.run(jobs.says, range(3)))
    assert all(words == ["plug-in"] for words, _ in found.values())


# ---- scripts, and how they end ---------------------------------------------------------

SCRIPT = """\
from dataclasses import dataclass
import optcli
from optcli.optimizers.sgd import SGD
from optcli.plugins import OPTIMIZERS
from optcli.storage.dispatch import processes

processes.START_SECONDS = -100.0  # always worth while
REGISTERED
def work():
    settings = optcli.ComparisonSettings(jobs=2, seeds=6, tune=2, backend=BACKEND)
    out = {"out": "c", "plots": False, "settings": settings}
    print(len(optcli.compare(["NAME", "adam"], None, ["dataset.samples=100"], **out).summary))

CALL
"""
OWN = """
@OPTIMIZERS.register("mine")
@dataclass(frozen=True, kw_only=True)
class Mine(SGD):
    pass
"""
GUARDED = "if __name__ == '__main__':\n    work()"
TOLD = "s.py: registers something, so each worker imports it; call optcli under if __name__ =="


def scripted(tmp_path, registered, call, backend=None):
    """Run a script that compares with two jobs; its code, output and last line of errors."""
    text = SCRIPT.replace("REGISTERED", registered).replace("CALL", call)
    text = text.replace("NAME", "mine" if registered else "sgd").replace("BACKEND", repr(backend))
    (tmp_path / "s.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "s.py"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        timeout=100,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr.splitlines()[-1:]


def test_a_script_without_a_guard_runs_once(tmp_path):
    code, said, errors = scripted(tmp_path, "", "work()")
    assert (code, len(said.splitlines()), errors) == (0, 1, [])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c", "s.py"]


@pytest.mark.long
def test_a_script_that_registers_something_needs_a_guard(tmp_path):
    code, said, errors = scripted(tmp_path, OWN, "work()")
    assert (code, said) == (1, "")
    assert TOLD in errors[0]
    code, said, errors = scripted(tmp_path, OWN, GUARDED)
    assert (code, len(said.splitlines()), errors) == (0, 1, [])


@pytest.mark.long
def test_a_script_without_a_guard_runs_once_on_dask_as_well(tmp_path):
    pytest.importorskip("distributed")
    code, said, errors = scripted(tmp_path, "", "work()", "dask")
    assert (code, len(said.splitlines()), errors) == (0, 1, [])
    code, said, errors = scripted(tmp_path, OWN, GUARDED, "dask")
    assert (code, said) == (1, "")
    assert "dask workers do not have what the script registers" in errors[0]


PARENT = """\
from optcli.storage.dispatch import Pool, opened
from tests import jobs
import sys
with opened(Pool(2, sys.argv[1] if sys.argv[1:] else None)) as workers:
    list(workers.run(jobs.leaves_its_number, [(p, 1000.0) for p in ("one", "two")]))
"""


def ended(pid):
    """Whether a process is no more, or a zombie that nobody has asked for yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def orphans(tmp_path, ends, backend=()):
    """Let `ends` end a process whose two workers are at work; those that outlive it by 10 s."""
    main, slave = os.openpty()
    terminal = ends == "closed terminal"  # who has one has its workers ended with it by the system
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, *backend],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        preexec_fn=(lambda: os.login_tty(slave)) if terminal else os.setsid,
    )
    os.close(slave)
    marks = [tmp_path / "one", tmp_path / "two"]
    while not all(mark.exists() and mark.read_text() for mark in marks):
        assert process.poll() is None
        time.sleep(0.05)
    pids = [int(mark.read_text()) for mark in marks]
    assert not any(map(ended, pids))
    if not terminal:
        process.kill()
    os.close(main)
    assert process.wait(10) < 0
    end = time.monotonic() + 10
    while not all(map(ended, pids)) and time.monotonic() < end:
        time.sleep(0.05)
    left = [pid for pid in pids if not ended(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    return left


@systems.needs_proc
@pytest.mark.parametrize("ends", ["kill -9", "closed terminal"])
def test_workers_end_with_the_process_that_started_them(ends, tmp_path):
    assert orphans(tmp_path, ends) == []


@pytest.mark.long
@systems.needs_proc
@pytest.mark.parametrize("ends", ["kill -9", "closed terminal"])
def test_workers_of_a_cluster_of_this_machine_end_too(ends, tmp_path):
    pytest.importorskip("distributed")
    assert orphans(tmp_path, ends, ["dask"]) == []


@systems.needs_file_limit
def test_a_process_that_cannot_be_started_is_told():
    code = (
        "import resource; from optcli.storage.dispatch import Pool, opened\n"
        "with opened(Pool(2)) as workers:\n"
        "    resource.setrlimit(resource.RLIMIT_NOFILE, (8, 8))\n"
        "    list(workers.run(abs, [1, 2]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    last = done.stderr.splitlines()[-1]
    assert "a worker process cannot be started: Too many open files" in last
