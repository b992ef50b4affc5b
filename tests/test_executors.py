"""An executor of the caller's: whatever it is, the same bits or a sentence, and nothing is lost."""

import os
import subprocess
import sys
import threading
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

import optcli
from optcli.core.errors import EnvironmentFailed, InvalidInput
from optcli.storage.dispatch import Pool, borrowed, opened, worker
from tests import jobs, systems

ROOT = Path(__file__).parent.parent
SMALL = ["dataset.samples=60", "training.epochs=2"]
SETTINGS = optcli.ComparisonSettings(tune=3, seeds=6)


def compared(folder, **more):
    """A small comparison; its runs and histories."""
    more = {"settings": SETTINGS, "plots": False} | more
    optcli.compare(["sgd", "adam"], None, SMALL, out=folder, **more)
    return [(folder / name).read_bytes() for name in ("runs.csv", "history.csv")]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return compared(tmp_path_factory.mktemp("alone") / "c")


class AtOnce:
    """Does a job while it takes it, as a scheduler of jobs may; fails after some."""

    def __init__(self, jobs=10**9, error=None):
        self.left, self.error, self.most = jobs, error, 0

    def submit(self, function, *arguments):
        self.left -= 1
        if self.left < 0:
            raise self.error
        future = Future()
        future.set_result(function(*arguments))
        return future


class Ranks(AtOnce):
    """As that of mpi4py: it says by another name how many workers it has."""

    num_workers = 3


def test_the_same_bits_by_an_executor(alone, tmp_path):
    lent = ThreadPoolExecutor(2)
    assert compared(tmp_path / "c", executor=lent) == alone
    assert lent.submit(abs, -1).result() == 1  # it is not shut down


def test_how_many_workers_an_executor_says_it_has():
    count = [borrowed.Borrowed(e, Pool(5)).count for e in (ThreadPoolExecutor(2), Ranks())]
    assert count == [2, 3]
    assert borrowed.Borrowed(AtOnce(), Pool(500)).count == 500


def test_jobs_that_share_a_process_wait_for_each_other():
    """The number of BLAS threads is that of the process, and decides on the bits."""
    with ThreadPoolExecutor(4) as threads, opened(Pool(executor=threads)) as workers:
        assert not worker._alone.locked()
        found = dict(workers.run(jobs.counts_itself, range(8)))
        assert set(found.values()) == {1}


def test_what_a_job_raises_comes_through():
    with (
        ThreadPoolExecutor(1) as threads,
        opened(Pool(executor=threads)) as workers,
        pytest.raises(ValueError, match="not 5"),
    ):
        list(workers.run(jobs.refuses, [5]))


def test_an_executor_that_takes_no_more_jobs(alone, tmp_path):
    """What it has done is kept, and the rest is done without it."""
    lent = AtOnce(2, RuntimeError("cannot schedule new futures after shutdown"))
    told = r"executor: takes no jobs \(cannot schedule new futures after shutdown\); finished runs "
    told += "are saved: continue with out=FOLDER and another executor"
    with pytest.raises(EnvironmentFailed, match=told):
        compared(tmp_path / "c", executor=lent)
    lines = (tmp_path / "c/runs.csv").read_text().count("\n")
    assert 1 < lines < alone[0].count(b"\n")
    assert compared(tmp_path / "c") == alone


def test_an_executor_that_is_shut_down_half_way():
    lent, began = ThreadPoolExecutor(1), threading.Event()

    def shuts_down():
        began.wait()
        lent.shutdown(wait=False, cancel_futures=True)

    threading.Thread(target=shuts_down).start()
    with opened(Pool(executor=lent)) as workers:
        found = workers.run(jobs.naps, [0.05] * 8)
        assert next(found)[1] == 0.05
        began.set()
        with pytest.raises(EnvironmentFailed, match=r"executor: (was shut down|takes no jobs)"):
            list(found)


@systems.needs_kill
def test_an_executor_whose_worker_dies():
    told = r"executor: has lost its workers \(A (child )?process"
    with (
        ProcessPoolExecutor(1, get_context("spawn")) as lent,
        opened(Pool(executor=lent)) as workers,
    ):
        assert [value for _, value in workers.run(jobs.square, [1, 2])] == [1, 4]
        for _ in range(2):  # it is not mended
            with pytest.raises(EnvironmentFailed, match=told):
                list(workers.run(jobs.dies_always, [3]))


def test_a_worker_that_would_give_other_bits_is_told(monkeypatch):
    other = dict(worker._environment(), numpy="1.0")
    monkeypatch.setattr(worker, "_environment", lambda: other)
    with (
        opened(Pool(executor=AtOnce())) as workers,
        pytest.raises(EnvironmentFailed, match=r"would give other bits: NumPy 1\.0, here "),
    ):
        list(workers.run(jobs.square, [1]))


def test_workers_of_another_machine_are_recorded(monkeypatch):
    monkeypatch.setattr(worker.platform, "node", iter(["afar", "here"]).__next__)
    with opened(Pool(executor=AtOnce())) as workers:
        list(workers.run(jobs.square, [1]))
        assert list(workers.records["afar"]) == ["platform", "cpu", "cores", "python"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"executor": "mpi"}, "executor: is str 'mpi'; must be an executor of concurrent.futures"),
        (
            {"executor": AtOnce(), "settings": optcli.ComparisonSettings(backend="dask")},
            "executor: cannot be combined with backend=dask; set only one",
        ),
    ],
)
def test_what_is_no_executor_is_refused(given, told, tmp_path):
    with pytest.raises(InvalidInput, match=told):
        compared(tmp_path / "c", **given)
    assert not (tmp_path / "c").exists()


SCRIPT = """\
import sys
from dataclasses import dataclass
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
import optcli
from optcli.optimizers.sgd import SGD
from optcli.plugins import OPTIMIZERS

@OPTIMIZERS.register("mine")
@dataclass(frozen=True, kw_only=True)
class Mine(SGD):
    pass

if __name__ == "__main__":
    settings = optcli.ComparisonSettings(tune=3, seeds=6)
    small = ["dataset.samples=60", "training.epochs=2"]
    for name in ("alone", "fork", "spawn"):
        executor = None if name == "alone" else ProcessPoolExecutor(2, get_context(name))
        optcli.compare(["mine", "adam"], None, small, settings=settings, plots=False, out=name,
                       executor=executor)
"""


@pytest.mark.long
@systems.needs_kill
def test_processes_by_fork_and_by_spawn_know_what_a_script_registers(tmp_path):
    (tmp_path / "s.py").write_text(SCRIPT)
    call = [sys.executable, "s.py"]
    path = {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(call, cwd=tmp_path, env=os.environ | path, check=False, timeout=100)
    assert done.returncode == 0
    for name in ("runs.csv", "history.csv"):
        assert len({(tmp_path / of / name).read_bytes() for of in ("alone", "fork", "spawn")}) == 1
