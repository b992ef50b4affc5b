"""Dispatch: whatever becomes of the workers, each job has exactly one result."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from optcli.cli.main import run as command
from optcli.core.errors import EnvironmentFailed, InvalidInput
from optcli.plugins import loading
from optcli.storage import dispatch
from optcli.storage.dispatch import Pool
from tests import jobs

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("workers", [1, 2])
def test_every_job_has_its_result(workers):
    found = list(dispatch.run(jobs.square, range(7), Pool(workers)))
    assert sorted(found) == [(i, i * i) for i in range(7)]


def test_no_jobs_start_no_worker():
    assert list(dispatch.run(jobs.square, [], Pool(2))) == []


def test_a_killed_worker_costs_no_result(tmp_path):
    work = [(str(tmp_path / "mark") if i == 2 else None, i) for i in range(6)]
    found = list(dispatch.run(jobs.dies_once, work, Pool(2)))
    assert sorted(found) == [(i, i) for i in range(6)]


def test_a_job_that_always_dies_is_left_out_and_said():
    found = []
    with pytest.raises(EnvironmentFailed, match="1 of 5 jobs killed their worker"):
        found.extend(iter_all(dispatch.run(jobs.dies_always, range(5), Pool(2)), found))
    assert sorted(i for i, _ in found) == [0, 1, 2, 4]


def iter_all(results, into):
    """Keep what comes until it raises."""
    for each in results:
        into.append(each)
    return []


def test_workers_that_never_do_anything():
    with pytest.raises(EnvironmentFailed, match="before they have done anything"):
        list(dispatch.run(jobs.dies_always, [3, 3], Pool(2)))


def test_a_job_that_hangs_is_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr(dispatch, "HANGS_TIMES", 0.0)
    work = [(str(tmp_path / "mark") if i == 1 else None, i) for i in range(4)]
    began = time.monotonic()
    found = list(dispatch.run(jobs.hangs_once, work, Pool(2, patience=2.0)))
    assert sorted(found) == [(i, i) for i in range(4)]
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_job_raises_comes_through(workers):
    with pytest.raises(ValueError, match="not 5"):
        list(dispatch.run(jobs.refuses, [5], Pool(workers)))


def test_a_worker_is_prepared():
    pool = Pool(2, prepare=jobs.prepare, arguments=("plug-in",))
    found = dict(dispatch.run(jobs.says, range(3), pool))
    assert all(words == ["plug-in"] for words, _ in found.values())


@pytest.mark.parametrize("backend", ["foo", "slurm://a:1"])
def test_an_unknown_backend_is_refused(backend):
    with pytest.raises(InvalidInput, match="must be dask"):
        Pool(backend=backend)


def test_an_address_that_is_none_is_refused():
    pytest.importorskip("distributed")
    with pytest.raises(InvalidInput, match="must be dask"):
        dispatch.reach(Pool(backend="dask://nowhere"))


class Listener:
    """Something else that listens at a port: says nothing, hangs up, or says something."""

    def __init__(self, says):
        self.says, self.kept = says, []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"dask://127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self.answer, daemon=True).start()

    def answer(self):
        while True:
            try:
                line, _ = self.socket.accept()
            except OSError:
                return
            if self.says is None:
                self.kept.append(line)
            else:
                with line:
                    line.sendall(self.says)


@pytest.mark.parametrize(
    ("says", "told"),
    [(None, "timed out"), (b"", "something else does"), (b"SSH-2.0-x\r\n", "something else does")],
    ids=["mute", "hangs up", "another protocol"],
)
def test_who_is_no_scheduler_is_not_waited_for(says, told, monkeypatch):
    pytest.importorskip("distributed")
    assert dispatch.CONNECT_SECONDS < 10
    monkeypatch.setattr(dispatch, "CONNECT_SECONDS", 0.3)
    listener = Listener(says)
    began = time.monotonic()
    with pytest.raises(EnvironmentFailed, match=rf"no scheduler answers there \({told}\)"):
        dispatch.reach(Pool(backend=listener.address))
    assert time.monotonic() - began < 5
    listener.socket.close()
    for line in listener.kept:
        line.close()


# ---- a cluster -----------------------------------------------------------------------


@pytest.fixture
def cluster(tmp_path):
    """A scheduler and two worker processes; gives its address and the workers."""
    pytest.importorskip("distributed")
    started = []

    def start(*words):
        log = tmp_path / f"{len(started)}.log"
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        with log.open("wb") as out:
            call = [sys.executable, "-m", "dask", *words]
            process = subprocess.Popen(
                call, stdout=out, stderr=out, cwd=tmp_path, env=environment, start_new_session=True
            )
        started.append(process)
        return process, log

    _, log = start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    address = waited(log, r"tcp://(127\.0\.0\.1:\d+)")
    workers = []
    for _ in range(2):
        process, log = start(
            "worker", f"tcp://{address}", "--nthreads", "1", "--no-nanny", "--no-dashboard"
        )
        waited(log, r"Registered to")
        workers.append(process)
    yield address, workers
    for process in started:
        process.kill()
        process.wait()


def waited(log, pattern):
    """The match of a pattern in a log that is being written."""
    for _ in range(300):
        found = re.search(pattern, log.read_text())
        if found:
            return found[found.lastindex or 0]
        time.sleep(0.1)
    raise AssertionError(log.read_text())


def test_a_cluster_with_a_killed_worker_ends_with_the_same_runs(cluster, tmp_path):
    address, workers = cluster
    call = [sys.executable, "-m", "optcli", "compare", "sgd", "adam", "--quiet", "--no-plots"]
    call += ["--set", "training.epochs=60", "--set", "model.name=mlp"]
    call += ["--tune", "4", "--tune-seeds", "1", "--seeds", "6"]
    assert command([*call[3:], "--out", str(tmp_path / "alone")]) == 0
    out = tmp_path / "cluster"
    process = subprocess.Popen(
        [*call, "--out", str(out), "--backend", f"dask://{address}"],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (out / "runs.csv").exists():  # some runs are done, others at work
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    workers[0].send_signal(signal.SIGKILL)
    assert not (out / "checksums.json").exists(), "it was not killed in time"
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    for name in ("runs.csv", "history.csv"):
        assert (tmp_path / "alone" / name).read_bytes() == (out / name).read_bytes()
    # and the worker that is left takes no job with another plug-in than here
    plugin = tmp_path / "mine.py"
    plugin.write_text("")
    told = {"file": plugin.name, "sha256": "0" * 64, "modules": {}, "registers": []}
    pool = Pool(1, f"dask://{address}", loading.load_same, ([plugin], [told]))
    with pytest.raises(InvalidInput, match=r"mine\.py: plugin: has changed since"):
        list(dispatch.run(abs, [1], pool))
