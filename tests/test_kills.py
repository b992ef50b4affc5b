"""Commands on folders are killed at any of their system calls: nothing wrong, nothing stuck.

A kill leaves the old folder, the new one, or rubbish that the next command clears; a run that
goes on ends with the bits of one that was never disturbed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import optcli
from optcli.api import runs
from optcli.api.predict import load
from optcli.api.verify import verify
from optcli.comparison import run_comparison
from optcli.core.errors import InvalidInput
from optcli.storage import files, kinds, results, run_folder, seals
from optcli.storage.destination import Destination
from tests import systems

CALLS = ("open", "write", "rename", "replace", "unlink", "rmdir", "mkdir", "ftruncate", "chmod")
CALLS += ("fsync",)
KILLED = 9
CONFIG = {
    "dataset": {"name": "moons", "samples": 40},
    "model": "linear",
    "loss": "binary_cross_entropy",
    "optimizer": "adam",
    "training": {"epochs": 2, "batch_size": 16, "checkpoint_every": 1},
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr(run_folder, "FRESH", 0)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def killed(number, action):
    """Whether a process that does this dies before its number-th system call on files."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of threads that only wait
        child = os.fork()
    if child == 0:
        try:
            left = [number]

            def counted(call):
                def wrapped(*arguments, **options):
                    left[0] -= 1
                    if left[0] == 0:
                        os._exit(KILLED)
                    return call(*arguments, **options)

                return wrapped

            for name in CALLS:
                setattr(os, name, counted(getattr(os, name)))
            with contextlib.suppress(BaseException):
                action()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == KILLED


def all_kills(action):
    """The action killed at each of its calls, one after the other."""
    number = 1
    while killed(number, action):
        yield number
        number += 1


def train(out, overwrite=False):
    return optcli.train(CONFIG, out=out, overwrite=overwrite, plots=False)


def make(folder, kind):
    """A folder of a kind: a run, or a comparison on several configs with its parts."""
    if kind == "train":
        train(folder)
        return
    folder.mkdir()
    part, run = folder / "a", folder / "a" / "models" / "sgd" / "7"
    run.mkdir(parents=True)
    (part / "best").mkdir()
    files.write(part / "best" / "sgd.yaml", b"{}")
    for place, of in ((folder, kinds.BENCHMARK), (part, kinds.COMPARE), (run, kinds.TRAIN)):
        of_compare = {"part_of": "compare"} if of == kinds.TRAIN else {}
        kinds.rewrite(place, of, f"{of.name}: {{}}\n", of_compare)
        for name in of.holds:
            if name not in kinds.OWN:
                files.write(place / name, b"{}")
        seals.seal(place, of)


SLOW = pytest.param("benchmark", marks=pytest.mark.long)


@systems.needs_fork
@pytest.mark.parametrize("kind", ["train", SLOW])
def test_a_removal_that_is_killed_anywhere_is_none_or_done(kind):
    make(Path("whole"), kind)
    kills = 0
    shutil.copytree("whole", "r")
    for _ in all_kills(lambda: run_folder.remove(Path("r"))):
        kills += 1
        if Path("r").exists():  # as it was
            seals.check_seal(Path("r"))
            assert {p.name for p in Path("r").iterdir()} - {".lock"} == {
                p.name for p in Path("whole").iterdir()
            }
            run_folder.remove(Path("r"))
        else:
            run_folder.sweep(Path())
        assert [path.name for path in Path().iterdir()] == ["whole"]
        shutil.copytree("whole", "r")
    assert kills > 10


@systems.needs_fork
@pytest.mark.parametrize("kind", ["train", SLOW, "empty", "new"])
def test_a_claim_that_is_killed_anywhere_leaves_what_the_next_takes(kind):
    if kind in ("train", "benchmark"):
        make(Path("whole"), kind)
    elif kind == "empty":
        Path("whole").mkdir()
    config = "optimizers: []\n"

    def claim(overwrite):
        destination = Destination(kinds.TRACE, "t", "r", overwrite)
        with destination.claim(config, {}) as folder:
            return sorted(path.name for path in folder.iterdir())

    def begin():
        with Destination(kinds.TRACE, "t", "r", overwrite=kind in ("train", "benchmark")).claim(
            config, {}
        ):
            os._exit(0)

    if kind != "new":
        shutil.copytree("whole", "r")
    kills = 0
    for _ in all_kills(begin):
        kills += 1
        folder = Path("r")
        if folder.exists() and run_folder.is_own(folder):
            assert kinds.of(folder) == kinds.TRACE or not seals.check_seal(folder)
            claim(overwrite=True)
        else:  # of no use to anyone, and in nobody's way
            claim(overwrite=False)
        assert {path.name for path in Path().iterdir()} <= {"whole", "r"}
        run_folder.remove(folder)
        if kind != "new":
            shutil.copytree("whole", "r")
    assert kills > 8


def test_of_two_that_want_one_empty_folder_one_is_refused(here):
    """A plug-in makes each write slow, so that both would be between claim and lock."""
    Path("slow.py").write_text(
        "import time\nfrom optcli.storage import files\nwrite = files.write\n"
        "def slow(path, *arguments, **options):\n"
        "    if path.name in ('config.yaml', 'environment.json'):\n        time.sleep(1)\n"
        "    write(path, *arguments, **options)\nfiles.write = slow\n"
    )
    kinds.files.write_json(Path("c.json"), CONFIG)
    Path("out").mkdir()
    words = [sys.executable, "-m", "optcli", "train", "c.json", "--plugin", "slow.py"]
    words += ["--out", "out", "--no-plots", "--quiet"]
    both = [subprocess.Popen(words, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [each.communicate(timeout=60)[1] for each in both]
    assert sorted(each.returncode for each in both) == [0, 2], said
    assert "in use by process" in "".join(said) or "holds a training run" in "".join(said)
    seals.check_seal(Path("out"), *kinds.TRAIN.holds)
    assert seals.is_sealed(Path("out"))


@pytest.mark.parametrize("left", [run_folder.REST, kinds.ENVIRONMENT])
def test_a_comparison_that_was_killed_as_it_went_or_began_is_begun_anew(left, monkeypatch):
    """What is left tells of a comparison, of which there is no more to continue."""
    monkeypatch.setattr(run_comparison, "relative_step_times", lambda _: {})
    Path("c").mkdir()
    Path("c", left).write_text('{"kind": "compare"}')
    if left == run_folder.REST:
        Path("c/config.yaml").write_text("compare: {}\n")
    compare("c")
    seals.check_seal(Path("c"), *kinds.COMPARE.holds)


# ---- any commands in any order -------------------------------------------------------


def numbers(folder):
    """The bits of a run: its history but for the time, and its model."""
    history = results.history(folder)
    del history["seconds"]
    arrays, _ = files.read_arrays(folder / "model.npz")
    return repr(history), {name: array.tobytes() for name, array in arrays.items()}


def is_finished(name):
    return seals.is_sealed(Path(name)) and not run_folder.is_rest(Path(name))


def compare(out, overwrite=False):
    settings = optcli.ComparisonSettings(tune=1, tune_seeds=1, seeds=2)
    optcli.compare(
        ["sgd", "adam"], CONFIG, settings=settings, out=out, overwrite=overwrite, plots=False
    )


class Folders(RuleBasedStateMachine):
    """Two runs and a comparison, with kills between their calls."""

    kills = st.none() | st.integers(1, 90)
    names = st.sampled_from(["a", "b"])

    def __init__(self):
        super().__init__()
        self.stack = contextlib.ExitStack()
        patch = self.stack.enter_context(pytest.MonkeyPatch.context())
        self.place = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        patch.chdir(self.place)
        patch.setattr(os, "fsync", lambda _: None)
        patch.setattr(run_folder, "FRESH", 0)
        patch.setattr(run_comparison, "relative_step_times", lambda _: {})

    def do(self, kill, action):
        if kill is not None:
            killed(kill, action)
            return
        with contextlib.suppress(InvalidInput):
            action()

    @rule(kill=kills, name=names)
    def train(self, kill, name):
        self.do(kill, lambda: train(name))

    @rule(kill=kills, name=names)
    def overwrite(self, kill, name):
        self.do(kill, lambda: train(name, overwrite=True))

    @rule(kill=kills, name=names, more=st.booleans())
    def resume(self, kill, name, more):
        longer = ["training.epochs=3"] * more
        self.do(kill, lambda: optcli.resume(name, longer, plots=False))

    @rule(kill=kills, name=st.sampled_from(["a", "b", "c"]))
    def remove(self, kill, name):
        self.do(kill, lambda: runs.remove(Path(name)))

    @rule(name=names)
    def verify(self, name):
        with contextlib.suppress(InvalidInput):
            assert verify(Path(name)).agrees

    @rule(name=names)
    def predict(self, name):
        with contextlib.suppress(InvalidInput):
            assert len(load(name).predict(np.zeros((3, 2)))) == 3

    @rule(kill=kills, overwrite=st.booleans())
    def compare(self, kill, overwrite):
        self.do(kill, lambda: compare("c", overwrite))

    @invariant()
    def what_is_finished_is_right(self):
        for name in ("a", "b"):
            if is_finished(name):
                seals.check_seal(Path(name))
                assert numbers(Path(name)) == undisturbed(len(results.history(Path(name))["epoch"]))
        if is_finished("c"):
            seals.check_seal(Path("c"))
            assert Path("c/runs.csv").read_bytes() == compared()

    def teardown(self):
        try:
            for name in ("a", "b"):
                try:
                    optcli.resume(name, plots=False)
                except InvalidInput:
                    train(name, overwrite=Path(name).exists() and run_folder.is_own(Path(name)))
                assert verify(Path(name)).agrees
                runs.remove(Path(name))
            compare("c")
            runs.remove(Path("c"))
            assert not list(self.place.iterdir())
        finally:
            self.stack.close()


CACHE = {}


def undisturbed(epochs):
    if epochs not in CACHE:
        with tempfile.TemporaryDirectory() as place:
            config = {**CONFIG, "training": {**CONFIG["training"], "epochs": epochs}}
            optcli.train(config, out=Path(place, "r"), plots=False)
            CACHE[epochs] = numbers(Path(place, "r"))
    return CACHE[epochs]


def compared():
    if "c" not in CACHE:
        with tempfile.TemporaryDirectory() as place:
            compare(Path(place, "c"))
            CACHE["c"] = Path(place, "c", "runs.csv").read_bytes()
    return CACHE["c"]


MANY = {
    "deadline": None,
    "stateful_step_count": 15,
    "phases": [Phase.generate],
    "suppress_health_check": list(HealthCheck),
}
TestFolders = pytest.mark.long(Folders.TestCase)
TestFolders.settings = settings(max_examples=20, **MANY)


class Longer(Folders):
    """The same, ten times as often."""


TestLonger = pytest.mark.study(Longer.TestCase)
TestLonger.settings = settings(max_examples=200, **MANY)
