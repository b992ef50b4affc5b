"""Ctrl-C, SIGTERM and SIGHUP at any moment: one line, their exit code, and nothing left over."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from optcli.cli.main import run
from optcli.storage import interruption, run_folder, seals
from optcli.storage.interruption import Deferred, Interrupted, at_once, install
from tests import systems
from tests.moments import Moments

if not hasattr(signal, "SIGHUP"):
    pytest.skip("sends signals that Windows has not", allow_module_level=True)

CONFIG = """\
dataset: {name: moons, samples: 60}
model: {name: mlp, hidden: [4]}
loss: binary_cross_entropy
optimizer: adam
training: {epochs: 3}
"""
TABLE = "x1,x2,y\n" + "".join(f"{i % 7},{i % 5},{'uv'[i % 3 > 0]}\n" for i in range(4000))
OF_TABLE = CONFIG.replace("name: moons, samples: 60", "name: csv, path: t.csv, target: y")
PREDICT = "predict first t.csv -o out.csv"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(CONFIG)
    return tmp_path


@pytest.fixture
def handlers():
    """Those of the command line, for a test."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    hook = sys.unraisablehook
    install()
    yield
    sys.unraisablehook = hook
    interruption._command = interruption._OfCommand()
    for number, handler in before.items():
        signal.signal(number, handler)


# ---- at calls of the system ------------------------------------------------------------

COMPARE = "compare sgd adam --config c.yaml --tune 2 --tune-seeds 1 --seeds 2 --jobs 1"
COMPARE += " --set training.epochs=1 --out"
# For each command the shares of its calls at which it gets a signal; pictures come last.
MOMENTS = {
    "train c.yaml --no-plots --out r": (0.1, 0.45, 0.65, 0.9),
    "train c.yaml --out r": (0.8,),
    f"{COMPARE} r": (0.15, 0.3, 0.6, 0.9),
    "trace beale sgd --steps 20 --out r": (0.4, 0.8),
    "gradcheck mse --fast --plots --out r": (0.6,),
}


@pytest.fixture(scope="module")
def moments(tmp_path_factory):
    """Forks of a process that has loaded all; the folder they work in."""
    before, folder = Path.cwd(), tmp_path_factory.mktemp("moments")
    os.chdir(folder)
    Path("c.yaml").write_text(CONFIG)
    Path("t.csv").write_text(TABLE)
    Path("t.yaml").write_text(OF_TABLE)
    read = "train t.yaml --no-plots --out second"
    try:
        with Moments("train c.yaml --out first", f"{read} --set dataset.stream=true", PREDICT) as m:
            yield m
    finally:
        os.chdir(before)


FIRST, *OTHERS = MOMENTS


@pytest.mark.parametrize(
    "command", [FIRST, *(pytest.param(each, marks=pytest.mark.long) for each in OTHERS)]
)
def test_a_signal_at_a_call_of_the_system(command, moments):
    words = command.split()
    shutil.rmtree("r", ignore_errors=True)
    code, calls, said = moments.run(0, signal.SIGTERM, *words)
    assert code == 0, said
    shutil.rmtree("r", ignore_errors=True)
    before = {path.name for path in Path().iterdir()}
    for index, share in enumerate(MOMENTS[command]):
        number = 1 + int(share * calls)
        sent = SIGNALS[index % len(SIGNALS)]
        code, made, said = moments.run(number, sent, *words)
        told = f"call {number} of {calls}: {code}, {said}"
        # how often a comparison writes depends on the clock: it may have ended before
        assert code == 128 + sent or (code == 0 and made < number), told
        assert not any(word in said for word in ("Traceback", "ignored", "error:")), told
        assert code == 0 or "interrupted" in said or Path("r/checksums.json").exists(), told
        assert {path.name for path in Path().iterdir()} - before <= {"r"}, told
        if Path("r").exists():
            check_left(Path("r"), told)
            shutil.rmtree("r")


def test_a_signal_while_rows_are_predicted(moments):
    """The file is whole or not there, and nothing is left beside it."""
    words = PREDICT.split()
    code, calls, said = moments.run(0, signal.SIGTERM, *words)
    assert code == 0, said
    whole, before = Path("out.csv").read_bytes(), {path.name for path in Path().iterdir()}
    for index, share in enumerate((0.1, 0.4, 0.8, 0.9, 0.97, 1)):
        Path("out.csv").unlink(missing_ok=True)
        number, sent = max(1, int(share * calls)), SIGNALS[index % len(SIGNALS)]
        code, _, said = moments.run(number, sent, *words)
        told = f"call {number} of {calls}: {code}, {said}"
        assert (code, said.splitlines()[-1:]) == (128 + sent, ["interrupted"]), told
        assert not any(word in said for word in ("Traceback", "ignored", "error:")), told
        assert {path.name for path in Path().iterdir()} | {"out.csv"} == before, told
        assert not Path("out.csv").exists() or Path("out.csv").read_bytes() == whole, told


@pytest.mark.parametrize("how", ["in memory", "streamed"])
def test_a_signal_while_a_table_is_read(how, moments):
    """At a call of a function that reads or prepares it."""
    words = ["train", "t.yaml", "--no-plots", "--out", "r"]
    words += ["--set", "dataset.stream=true"] if how == "streamed" else []
    before = {path.name for path in Path().iterdir()}
    code, calls, said = moments.run(0, signal.SIGTERM, *words, of="optcli/data/")
    assert code == 0, said
    assert calls > 500
    shutil.rmtree("r")
    for index, share in enumerate((0.02, 0.2, 0.4, 0.6, 0.8)):
        shutil.rmtree("runs", ignore_errors=True)
        number, sent = 1 + int(share * calls), SIGNALS[index % len(SIGNALS)]
        code, _, said = moments.run(number, sent, *words, of="optcli/data/")
        told = f"call {number} of {calls}: {code}, {said}"
        assert code == 128 + sent, told
        assert not any(word in said for word in ("Traceback", "ignored", "error:")), told
        left = {path.name for path in Path().iterdir()} - before
        assert not list(Path().rglob(".new-*")), told
        assert left <= {"r", "runs"}, told
        if Path("r").exists():
            check_left(Path("r"), told)
            shutil.rmtree("r")
        else:
            assert "interrupted" in said, told


def check_left(folder, told):
    """What is left is of use: a run that is whole or goes on, or finished runs."""
    assert run_folder.is_own(folder), told
    assert not list(folder.glob(".new-*")), told
    if (folder / "checkpoint.npz").exists():
        seals.check_seal(folder)
        assert seals.is_sealed(folder), told
    else:
        assert (folder / "runs.csv").exists() or seals.is_sealed(folder), told


# ---- while modules load ------------------------------------------------------------------

HOOK = """\
import os, signal, sys
del os.setpgid  # without it there is no second process for matplotlib
count = 0
def hook(event, arguments):
    global count
    if event == "import" and callable(signal.getsignal(signal.SIGTERM)):
        count += 1
        if count == int(os.environ["AT"]):
            os.kill(os.getpid(), int(os.environ["SIGNAL"]))
sys.addaudithook(hook)
"""


def test_a_signal_while_modules_load(here):
    """The first one with handlers, and matplotlib's."""
    (here / "sitecustomize.py").write_text(HOOK)
    words = [sys.executable, "-m", "optcli", "train", "c.yaml", "--out", "r"]
    path = os.pathsep.join([str(here), str(Path(__file__).parent.parent)])
    for index, at in enumerate((1, 700)):
        sent = SIGNALS[index]
        given = {"PYTHONPATH": path, "AT": str(at), "SIGNAL": str(int(sent))}
        done = subprocess.run(
            words, env={**os.environ, **given}, capture_output=True, text=True, check=False
        )
        told = f"import {at}: {done.returncode} {done.stdout} {done.stderr}"
        assert done.returncode == 128 + sent, told
        if Path("r").exists():
            check_left(Path("r"), told)
            assert done.stderr == "", told
            shutil.rmtree("r")
        else:
            assert (done.stdout, done.stderr) == ("", "interrupted\n"), told


# ---- in several processes ----------------------------------------------------------------


def members(session):
    """The processes of a session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


@systems.needs_proc
def test_a_terminal_that_closes_leaves_no_worker(here):
    """All processes get its signal."""
    (here / "w.py").write_text("import os, pathlib\npathlib.Path(f'w-{os.getpid()}').touch()\n")
    words = [sys.executable, "-m", "optcli", "compare", "sgd", "adam", "--jobs", "2"]
    words += ["--plugin", "w.py", "--out", "r", "--set", "training.epochs=100000"]
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    end = time.monotonic() + 60
    while len(list(here.glob("w-*"))) < 3 and time.monotonic() < end:
        time.sleep(0.02)
    assert len(members(process.pid)) > 2
    os.killpg(process.pid, signal.SIGHUP)
    said, wrong = process.communicate(timeout=30)
    assert (process.returncode, wrong) == (129, ""), (said, wrong)
    assert said.endswith("interrupted before any run finished; nothing was saved\n")
    assert not Path("r").exists()
    end = time.monotonic() + 5  # workers that have lost their parent take a moment
    while members(process.pid) and time.monotonic() < end:
        time.sleep(0.02)
    assert members(process.pid) == []


# ---- handlers ----------------------------------------------------------------------------


def test_what_is_ignored_stays_ignored(here):
    """As SIGHUP is under nohup."""
    code = "import signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    code += "from optcli.cli.main import main\n"
    (here / "p.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGHUP)\n")
    code += "main(['check', 'c.yaml', '--plugin', 'p.py'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_deferred_signal_is_raised_at_the_end(handlers):
    reached = []

    def work():
        with Deferred() as signals:
            with Deferred():
                signal.raise_signal(signal.SIGHUP)
                reached.append("inner")
            reached.append("outer")
            signals.end()
            reached.append("after")

    with pytest.raises(Interrupted):
        work()
    assert reached == ["inner", "outer"]


def test_a_signal_that_a_finalizer_swallows_is_raised_again(handlers, capsys):
    class Swallows:
        def __del__(self):
            signal.raise_signal(signal.SIGTERM)

    def work():
        Swallows()
        end = time.monotonic() + 5
        while time.monotonic() < end:
            time.sleep(0.01)

    with pytest.raises(Interrupted):
        work()
    assert capsys.readouterr().err == ""


def test_an_error_that_was_made_of_an_interruption_is_one(here, handlers, capsys):
    Path("p.py").write_text(
        "import os, signal\n"
        "try:\n    os.kill(os.getpid(), signal.SIGTERM)\n    print('here')\n"
        "except BaseException:\n    raise RuntimeError('lost')\n"
    )
    assert run(["check", "c.yaml", "--plugin", "p.py"]) == 143
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "interrupted\n")
    assert signal.getsignal(signal.SIGTERM) is at_once
