"""A dask cluster: a real scheduler and real workers, in a folder of their own.

To start one takes seconds, so that what can happen to one happens in a single test, in an order
in which the cluster outlives it.
"""

import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from optcli.cli.main import run
from optcli.comparison.trials import ready
from optcli.core.environment import differences, environment
from optcli.core.errors import EnvironmentFailed, InvalidInput
from optcli.plugins import loading
from optcli.storage.dispatch import Pool, opened, pool, scheduler
from tests import jobs, systems
from tests.dask_forks import DaskForks

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    "backend",
    ["foo", "slurm://a:1", "dask://", "dask://nowhere", "tls://a:0", "tcp://a:65536", "dask://:1"],
)
def test_an_unknown_backend_is_refused(backend):
    with pytest.raises(InvalidInput, match="must be dask"):
        Pool(backend=backend)


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
    [
        (None, "timed out; a scheduler with encryption is tls://HOST:PORT"),
        (b"", "something else does"),
        (b"SSH-2.0-x\r\n", "something else does"),
    ],
    ids=["mute", "hangs up", "another protocol"],
)
def test_who_is_no_scheduler_is_not_waited_for(says, told, monkeypatch):
    pytest.importorskip("distributed")
    assert scheduler.CONNECT_SECONDS < 10
    monkeypatch.setattr(scheduler, "CONNECT_SECONDS", 0.3)
    listener = Listener(says)
    began = time.monotonic()
    with pytest.raises(EnvironmentFailed, match=rf"no scheduler answers there \({told}\)"):
        list(jobs.run(abs, [1], Pool(backend=listener.address)))
    assert time.monotonic() - began < 5
    listener.socket.close()
    for line in listener.kept:
        line.close()


# ---- where the scheduler is --------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "is s.json; no such file, and none came within 0 s"),
        ("", "is s.json; not the whole file of a scheduler (Expecting value"),
        ('{"type": "Scheduler", "addr', "is s.json; not the whole file of a scheduler (Unterm"),
        ('{"type": "Scheduler"}', "(it has no address), and none came"),
        ("[1]", "(it has no address), and none came"),
        (b"\xff\xfe\x00", "(it is not text), and none came"),
    ],
)
def test_a_file_of_no_scheduler_is_told(text, told, tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.chdir(tmp_path)
    if text is not None:
        Path("s.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(EnvironmentFailed, match=re.escape(told)) as found:
        list(jobs.run(abs, [1], Pool(scheduler_file=Path("s.json"), wait=0.0)))
    assert str(found.value).startswith("scheduler_file: ")


def test_a_file_that_cannot_come_is_not_waited_for(tmp_path):
    pytest.importorskip("distributed")
    for path, told in (
        (tmp_path / "no/s.json", "no such folder"),
        (tmp_path, "cannot be read: Is a directory"),
    ):
        with pytest.raises(InvalidInput, match=told):
            list(jobs.run(abs, [1], Pool(scheduler_file=path)))


def test_a_file_is_waited_for_until_it_is_whole(tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(scheduler, "LOOK_SECONDS", 0.01)
    file, said = tmp_path / "s.json", []
    with socket.create_server(("127.0.0.1", 0)) as free:
        gone = f"tcp://127.0.0.1:{free.getsockname()[1]}"

    def written(message):
        said.append(message)
        threading.Timer(0.1, file.write_text, [json.dumps({"address": gone})]).start()

    told = re.escape(f"scheduler_file: {file} names {gone}; no scheduler answers there (")
    with pytest.raises(EnvironmentFailed, match=told):
        list(jobs.run(abs, [1], Pool(scheduler_file=file, say=written)))
    assert said == [f"{file}: no such file; waiting up to 60 s for it"]


def test_the_scheduler_of_a_configuration():
    pytest.importorskip("distributed")
    import dask as library

    said = []
    for address, told in (
        ("127.0.0.1:1", "backend: dask's configuration names 127.0.0.1:1; no scheduler answers"),
        (5, "backend: dask's configuration (DASK_SCHEDULER_ADDRESS) has 5 as the address of its"),
    ):
        with (
            library.config.set({"scheduler-address": address}),
            pytest.raises((EnvironmentFailed, InvalidInput), match=re.escape(told)),
        ):
            list(jobs.run(abs, [1], Pool(backend="dask", say=said.append)))
    told = "dask scheduler: 127.0.0.1:1 (from DASK_SCHEDULER_ADDRESS or dask's configuration)"
    assert said == [told]


def test_two_places_for_a_scheduler_are_refused():
    Pool(backend="dask", scheduler_file=Path("s.json"))
    told = "scheduler_file: cannot be combined with backend=tls://a:1; set only one"
    with pytest.raises(InvalidInput, match=told):
        Pool(backend="tls://a:1", scheduler_file=Path("s.json"))


# ---- what can happen -----------------------------------------------------------------


class Dask:
    """A scheduler, and workers as they are asked for; their folder is not that of the tests."""

    def __init__(self, folder, protocol="tcp", **environment):
        self.folder, self.number = folder, itertools.count()
        self.started = []
        self.forks = None if environment else DaskForks(folder)
        place = ["--host", "127.0.0.1", "--port", "0", "--protocol", protocol]
        place += ["--scheduler-file", "s.json"]
        self.scheduler, log = self.start("scheduler", "--no-dashboard", *place, **environment)
        self.address = waited(log, protocol + r"://(127\.0\.0\.1:\d+)")
        self.backend = f"{'dask' if protocol == 'tcp' else protocol}://{self.address}"

    def start(self, *words, **environment):
        log = self.folder / f"{next(self.number)}.log"
        if self.forks and not environment:
            process = self.forks.start(log, *words)
            self.started.append(process)
            return process, log
        kept = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | environment
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *words],
                stdout=out,
                stderr=out,
                cwd=self.folder,
                env=kept,
                start_new_session=True,
            )
        self.started.append(process)
        return process, log

    def worker(self, threads=1, wait=True, **environment):
        """Start a worker; gives its process and log."""
        words = ["worker", f"tcp://{self.address}", "--nthreads", str(threads)]
        found = self.start(*words, "--no-nanny", "--no-dashboard", **environment)
        return (found[0], address(found[1])) if wait else found

    def pool(self, **settings):
        return Pool(1, self.backend, **settings)

    def close(self):
        for process in self.started:
            process.kill()
            process.wait()
        if self.forks:
            self.forks.close()


def waited(log, pattern):
    """The match of a pattern in a log that is being written."""
    for _ in range(600):
        found = re.search(pattern, log.read_text())
        if found:
            return found[found.lastindex or 0]
        time.sleep(0.1)
    raise AssertionError(log.read_text())


def address(log):
    """Where a worker listens, once it is registered."""
    waited(log, "Registered to")
    return waited(log, r"Start worker at: +(tcp://\S+)")


@pytest.fixture
def dask(tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    (tmp_path / "cluster").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    found = Dask(tmp_path / "cluster")
    yield found
    found.close()


TABLE = """\
dataset: {name: csv, path: data/t.csv, target: y}
model: linear
loss: mse
optimizer: sgd
training: {epochs: 3}
"""
PLUGIN = """\
from dataclasses import dataclass
from optcli.optimizers.sgd import SGD
from optcli.plugins import OPTIMIZERS
import os

@OPTIMIZERS.register("homesick")
@dataclass(frozen=True, kw_only=True)
class Mine(SGD):
    def coefficients(self, t):
        if os.getcwd() != %r:
            raise ValueError("no such bird")
        return super().coefficients(t)
"""


@systems.needs_kill
def test_whatever_happens_to_a_cluster(dask, monkeypatch, capsys):
    one, two = [dask.worker(wait=False) for _ in range(2)]
    workers = {address(log): process for process, log in (one, two)}
    the_same_bits_from_another_folder(dask, workers, capsys)
    a_plugin_fails_there(dask, workers, capsys)
    a_module_is_missing_there(dask, workers)
    a_table_is_missing_or_another_there(dask)
    other_code_there(dask)
    for number in (signal.SIGINT, signal.SIGTERM):
        interrupted(dask, number)
    with monkeypatch.context() as shorter:
        shorter.setattr(pool, "HANGS_TIMES", 0.0)
        one_is_frozen(dask, workers)
    another_kind_of_worker_comes(dask)
    a_worker_without_optcli_comes(dask)
    a_setting_asks_for_encryption(dask)
    one_is_killed_and_one_comes(dask, workers)
    a_job_kills_its_workers(dask)
    the_scheduler_freezes_and_dies(dask, monkeypatch)


def the_same_bits_from_another_folder(dask, workers, capsys):
    rng = np.random.default_rng(0)
    Path("data").mkdir()
    rows = [f"{a:.3f},{b:.3f},{a - b:.3f}\n" for a, b in rng.normal(size=(60, 2))]
    Path("data/t.csv").write_text("".join(["a,b,y\n", *rows]))
    Path("t.yaml").write_text(TABLE)
    words = [
        "compare",
        "sgd",
        "adam",
        "-c",
        "t.yaml",
        "--tune",
        "3",
        "--seeds",
        "6",
        "--no-plots",
        "--jobs",
        "1",
    ]
    assert run([*words, "--out", "alone"]) == 0
    assert run([*words, "--out", "shared", "--backend", dask.backend]) == 0
    capsys.readouterr()
    for name in ("runs.csv", "history.csv"):
        assert Path("alone", name).read_bytes() == Path("shared", name).read_bytes()
    by_file = Pool(scheduler_file=dask.folder / "s.json")
    assert sorted(jobs.run(jobs.square, [2, 3], by_file)) == [(0, 4), (1, 9)]
    told = json.loads(Path("shared/environment.json").read_text())["workers"]
    assert set(told) == set(workers)
    assert "workers" not in json.loads(Path("alone/environment.json").read_text())
    left = [path.name for path in dask.folder.iterdir() if path.suffix != ".log"]
    assert "runs" not in left


def a_plugin_fails_there(dask, workers, capsys):
    Path("p.py").write_text(PLUGIN % str(Path.cwd()))
    words = "compare sgd homesick -c t.yaml --plugin p.py --no-plots --quiet --backend"
    assert run([*words.split(), dask.backend]) == 2
    said = capsys.readouterr().err
    line = 1 + PLUGIN[: PLUGIN.index("raise")].count("\n")
    assert said.startswith(f"error: p.py:{line}: ")
    assert "ValueError: no such bird (worker" in said
    assert said.count("\n") == 1
    assert any(each in said for each in workers)


SCRIPT = """\
import sys
sys.path.append("nest")
import mine, optcli
there = optcli.ComparisonSettings(backend=sys.argv[1])
try:
    optcli.compare(["sgd", "bird"], "t.yaml", settings=there)
except optcli.InvalidInput as error:
    print(error)
"""


def a_module_is_missing_there(dask, workers):
    """One that has registered something, without which no worker can do a job."""
    Path("nest").mkdir()
    Path("nest/mine.py").write_text(PLUGIN.replace("homesick", "bird") % str(Path.cwd()))
    call = [sys.executable, "-c", SCRIPT, dask.backend]
    path = {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(call, capture_output=True, text=True, check=True, env=os.environ | path)
    found = re.fullmatch(
        r"module 'mine' registers something, but a worker cannot import it "
        r"\(No module named 'mine'\); load it as a plug-in \(worker (\S+)\)\n",
        done.stdout,
    )
    assert found, done.stdout
    assert found[1] in workers
    assert done.stderr == ""
    assert not [path for path in Path("runs").glob("*") if "bird" in path.name]


def a_table_is_missing_or_another_there(dask):
    for path, told in (
        ("gone.csv", "no such file"),
        ("t.yaml", "differs from the table on this machine"),
    ):
        place = Path(path).absolute()
        given = dask.pool(prepare=ready, arguments=([], [], {str(place): "0" * 64}))
        with pytest.raises(InvalidInput, match=rf"{told}.* \(worker tcp://"):
            list(jobs.run(jobs.square, [1], given))


def other_code_there(dask):
    plugin = Path("other.py").absolute()
    plugin.write_text("")
    told = {"file": plugin.name, "sha256": "0" * 64, "modules": {}, "registers": []}
    given = dask.pool(prepare=loading.load_same, arguments=([plugin], [told]))
    with pytest.raises(InvalidInput, match=r"other\.py: plugin: has changed since"):
        list(jobs.run(abs, [1], given))


def interrupted(dask, number):
    """By Ctrl-C or SIGTERM, at work; the workers stay."""
    words = f"compare sgd adam --seeds 300 --no-plots --out cut{number} --backend {dask.backend}"
    call = [sys.executable, "-m", "optcli", *words.split()]
    process = subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not Path(f"cut{number}/runs.csv").exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    process.send_signal(number)
    said, errors = process.communicate(timeout=30)
    assert process.returncode == 128 + number, errors
    assert "error" not in errors
    assert "continue with: " in said


def one_is_frozen(dask, workers):
    said = []
    frozen, process = next(iter(workers.items()))
    process.send_signal(signal.SIGSTOP)
    try:
        with opened(dask.pool(say=said.append, patience=1.0)) as crew:
            assert said == [f"worker {frozen} does not answer; it gets no jobs"]
            assert sorted(crew.run(jobs.square, [1, 2, 3])) == [(0, 1), (1, 4), (2, 9)]
            process.send_signal(signal.SIGCONT)
    finally:
        process.send_signal(signal.SIGCONT)
    said.clear()
    with opened(dask.pool(say=said.append, patience=1.0)) as crew:
        found = crew.run(jobs.freezes, [(frozen_pid, 5) for frozen_pid in [process.pid] * 4])
        assert sorted(found) == [(i, 5) for i in range(4)]
    assert said == [f"worker {frozen} hangs; its runs are given to another"]
    process.send_signal(signal.SIGCONT)


def another_kind_of_worker_comes(dask):
    said = []
    old = dask.folder / "old"
    old.mkdir()
    for path in (ROOT / "optcli").iterdir():
        if path.name not in ("core", "__pycache__"):
            (old / "optcli").mkdir(exist_ok=True)
            (old / "optcli" / path.name).symlink_to(path)
    (old / "optcli/core").mkdir()
    for path in (ROOT / "optcli/core").glob("*.py"):
        text = path.read_text()
        if path.name == "version.py":
            text = re.sub('"[^"]+"$', '"0.0.9"', text.strip()) + "\n"
        (old / "optcli/core" / path.name).write_text(text)
    changed = {"PYTHONPATH": str(old), "NPY_DISABLE_CPU_FEATURES": "X86_V3"}
    with opened(dask.pool(say=said.append)) as crew:
        process, other = dask.worker(threads=2, **changed)
        end = time.monotonic() + 20
        while not said and time.monotonic() < end:
            assert dict(crew.run(jobs.square, [1, 2, 3]))[2] == 9
            time.sleep(0.2)
        ours = environment(1, None)["optcli"]
        assert said[0].startswith(
            f"worker {other} would give other bits: optcli 0.0.9, here {ours}; CPU features -"
        )
        assert other not in crew.records
    with (
        pytest.raises(EnvironmentFailed, match=f"worker {other} would give other bits"),
        opened(dask.pool()),
    ):
        pass
    process.kill()


def a_worker_without_optcli_comes(dask):
    """Its Python has another module of that name."""
    place = dask.folder / "without"
    (place / "optcli").mkdir(parents=True)
    (place / "optcli/__init__.py").write_text("raise ImportError('no bird in this nest')\n")
    process, where = dask.worker(PYTHONPATH=str(place))
    with pytest.raises(EnvironmentFailed, match=f"worker {where} cannot run optcli: .*this nest"):
        list(jobs.run(abs, [1], dask.pool()))
    process.kill()
    process.wait()


def a_setting_asks_for_encryption(dask):
    import dask as library

    with (
        library.config.set({"distributed.comm.require-encryption": True}),
        pytest.raises(EnvironmentFailed, match="no scheduler answers there"),
    ):
        list(jobs.run(abs, [1], dask.pool()))


def one_is_killed_and_one_comes(dask, workers):
    process = next(iter(workers.values()))
    with opened(dask.pool()) as crew:
        before = crew.count
        found = crew.run(jobs.naps, [0.3] * 8)
        first = [next(found)]
        process.kill()
        dask.worker(threads=2)
        assert sorted(first + list(found)) == [(i, 0.3) for i in range(8)]
        end = time.monotonic() + 20
        while crew.count != before and time.monotonic() < end:
            list(crew.run(jobs.naps, [0.1] * 4))
        assert crew.count == before
        assert len(crew.records) == before + 1


def a_job_kills_its_workers(dask):
    """All of them at last; then nobody is left."""
    said = []
    with (
        pytest.raises(EnvironmentFailed, match="no workers left; none came within 1 s"),
        opened(dask.pool(say=said.append, wait=1.0)) as crew,
    ):
        list(crew.run(jobs.dies_always, [3, 3, 3]))
    assert f"{dask.backend} has no workers left; waiting up to 1 s for one" in said
    with (
        pytest.raises(EnvironmentFailed, match="has no workers; none came within 1 s"),
        opened(dask.pool(say=said.append, wait=1.0)),
    ):
        pass
    assert said[-1] == f"{dask.backend} has no workers; waiting up to 1 s for one"


def the_scheduler_freezes_and_dies(dask, monkeypatch):
    monkeypatch.setattr(scheduler, "CONNECT_SECONDS", 2.0)
    dask.worker()

    def at_work(number):
        with opened(dask.pool()) as crew:
            found = crew.run(jobs.naps, [0.1, 3.0, 3.0])
            next(found)
            dask.scheduler.send_signal(number)
            list(found)

    with pytest.raises(EnvironmentFailed, match="the scheduler does not answer"):
        at_work(signal.SIGSTOP)
    dask.scheduler.send_signal(signal.SIGCONT)
    with pytest.raises(EnvironmentFailed, match="the scheduler is lost"):
        at_work(signal.SIGKILL)


@pytest.mark.long
@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes certificates by openssl")
def test_a_cluster_with_certificates(tmp_path, monkeypatch, capsys):
    """As dask's own configuration has them; the scheduler by its file, and by the environment."""
    pytest.importorskip("distributed")
    import dask as library

    for name in ("ours", "other"):
        made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
        made += ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
        made += ["-keyout", f"{name}.key", "-out", f"{name}.pem"]
        subprocess.run(made, cwd=tmp_path, check=True, capture_output=True)
    given = {"ca-file": "ours.pem"}
    for role in ("scheduler", "worker", "client"):
        given |= {f"{role}.cert": "ours.pem", f"{role}.key": "ours.key"}
    tls = {f"distributed.comm.tls.{key}": str(tmp_path / name) for key, name in given.items()}
    there = {f"DASK_{key.replace('.', '__').replace('-', '_')}": v for key, v in tls.items()}
    there = {name.upper(): value for name, value in there.items()}
    (tmp_path / "cluster").mkdir()
    monkeypatch.chdir(tmp_path)
    cluster = Dask(tmp_path / "cluster", "tls", **there)
    words = ["compare", "sgd", "adam", "--tune", "3", "--seeds", "6", "--no-plots", "--out"]
    try:
        cluster.start(
            "worker", "--scheduler-file", "s.json", "--nthreads", "1", "--no-nanny", **there
        )
        with library.config.set(tls):
            assert run([*words, "alone"]) == 0
            assert run([*words, "file", "--scheduler-file", "cluster/s.json"]) == 0
            assert run([*words, "address", "--backend", cluster.backend]) == 0
            with library.config.set({"scheduler-address": cluster.backend}):
                assert run([*words, "configured", "--backend", "dask"]) == 0
            capsys.readouterr()
            for name in ("runs.csv", "history.csv"):
                same = {
                    Path(f, name).read_bytes() for f in ("alone", "file", "address", "configured")
                }
                assert len(same) == 1
            plain = cluster.backend.replace("tls", "dask")
            key = "distributed.comm.tls."
            for backend, settings, told in (
                (
                    cluster.backend,
                    {f"{key}ca-file": "gone.pem"},
                    "ca-file of dask's configuration is gone.pem; no such file",
                ),
                (cluster.backend, {f"{key}ca-file": "other.pem"}, "certificate verify failed"),
                (
                    cluster.backend,
                    {f"{key}client.cert": "other.pem", f"{key}client.key": "other.key"},
                    "no scheduler answers there (",
                ),
                (cluster.backend, {f"{key}client.key": "other.key"}, "key values mismatch"),
                (plain, {}, "no scheduler answers there ("),
            ):
                with library.config.set(settings), monkeypatch.context() as sooner:
                    sooner.setattr(scheduler, "CONNECT_SECONDS", 2.0)
                    assert run([*words, "wrong", "--backend", backend]) == 3
                said = capsys.readouterr().err
                assert said.startswith(f"error: --backend: is {backend}; no scheduler answers")
                assert said.count("\n") == 1
                assert told in said
        told = "dask's configuration has no certificates; set distributed.comm.tls.ca-file and"
        with pytest.raises(EnvironmentFailed, match=told):
            list(jobs.run(abs, [1], Pool(backend=cluster.backend)))
        cluster.scheduler.kill()
        cluster.scheduler.wait()
        told = "scheduler_file: cluster/s.json names tls://.*; no scheduler answers there"
        with library.config.set(tls), pytest.raises(EnvironmentFailed, match=told):
            list(jobs.run(abs, [1], Pool(scheduler_file=Path("cluster/s.json"))))
    finally:
        cluster.close()


@pytest.mark.parametrize("text", ["a: [1", "just text"])
def test_a_configuration_of_dask_that_is_none_is_told_in_one_line(text, tmp_path):
    pytest.importorskip("distributed")
    (tmp_path / "dask.yaml").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "optcli", "compare", "sgd", "adam", "--backend", "dask"],
        capture_output=True,
        text=True,
        env=os.environ | {"DASK_CONFIG": str(tmp_path), "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert done.stderr.startswith("error: --backend: dask cannot be imported: A dask config file")
    assert "dask.yaml" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_dask_that_is_not_installed_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)  # its import raises ModuleNotFoundError
    with pytest.raises(InvalidInput, match=r"not installed; pip install 'optcli\[dask\]'"):
        list(jobs.run(abs, [1], Pool(backend="dask")))


def test_what_makes_bits_differ_is_told():
    here = environment(1, None)
    assert differences(here, here) == []
    blas = [*here["blas"], {"internal_api": "mkl", "version": "1", "architecture": "x"}]
    assert differences(here, here | {"blas": blas}) == []  # SciPy's, say, beside NumPy's
    assert differences(here | {"blas": blas[:1]}, here | {"blas": blas[1:]})[0].startswith("BLAS")
    changed = {"optcli": "1", "numpy": "2", "machine": "z", "byteorder": "both", "libc": "own"}
    assert [each.split(",")[0] for each in differences(here, here | changed)] == [
        "optcli 1",
        "NumPy 2",
        "architecture z",
        "byte order both",
        "C library own",
    ]
    assert differences(here | {"simd": ["A", "B"]}, here | {"simd": ["B", "C"]}) == [
        "CPU features +C -A"
    ]
    assert len(differences(here, {})) >= len(changed)
