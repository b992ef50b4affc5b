"""A second process that draws: the same pictures, and its failures do not reach the user."""

import os
import subprocess
import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pytest

import optcli
from optcli.cli.main import run
from optcli.core import aside

MOONS = Path(__file__).parent.parent / "configs" / "moons.yaml"
pytestmark = pytest.mark.skipif(os.name != "posix", reason="there is none elsewhere")

MODULE = """
import os
import sys
from contextlib import nullcontext
from pathlib import Path

def load():
    pass

def where():
    return os.getpid()

def dies_elsewhere(here):
    return os.getpid() if os.getpid() == here else os._exit(1)

def fails():
    raise ValueError(os.getpid())
"""


@pytest.fixture
def two_cores(monkeypatch):
    monkeypatch.setattr("optcli.core.machine.cores", lambda: 2)


@pytest.fixture
def quick(tmp_path, monkeypatch, two_cores):
    (tmp_path / "quick_to_load.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    import quick_to_load

    return quick_to_load


def test_what_the_process_cannot_do_is_done_here(quick, monkeypatch):
    here = os.getpid()
    assert [*aside.results([quick.where])] == [here]
    with aside.begun("quick_to_load"):
        there = aside._process.pid
        assert [*aside.results([quick.where] * 3)] == [there] * 3 != [here] * 3
        with pytest.raises(ValueError, match=str(here)):
            [*aside.results([quick.fails])]
    with aside.begun("quick_to_load"):
        process = aside._process
        dies = partial(quick.dies_elsewhere, here)
        told = [*aside.results([quick.where, dies, quick.where])]
        assert told == [process.pid, here, here]
        assert process.returncode is not None
    with aside.begun("quick_to_load"):
        process = aside._process
        assert next(aside.results([quick.where, quick.where])) == process.pid
        assert process.wait(10)  # as nobody waits for the second answer
        assert [*aside.results([quick.where])] == [here]
    for module in ("quick_to_load", "no_such_module"):
        with aside.begun(module):
            process = aside._process
            cannot_be_pickled = lambda: os.getpid()  # noqa: E731
            assert [*aside.results([cannot_be_pickled])] == [here]
        assert process.returncode is not None
    monkeypatch.setattr(aside, "CODE", aside.CODE.replace("load()", "aside.IDLE = 0"))
    with aside.begun("quick_to_load"):
        aside._process.wait(10)  # as nobody asks
        assert [*aside.results([quick.where])] == [here]
    monkeypatch.setattr(sys, "executable", "no-such-python")
    with aside.begun("quick_to_load"):  # it cannot be started
        assert aside._process is None
        assert [*aside.results([quick.where])] == [here]


def test_the_process_ends_with_the_one_that_began_it():
    code = aside.CODE.format(places=sys.path, module="optcli.plots.ready").replace("load()", "")
    call = [sys.executable, "-c", code]
    ran = subprocess.run(call, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")


def test_pictures_have_the_same_bytes_wherever_they_are_drawn(tmp_path, two_cores, monkeypatch):
    short = ["training.epochs=2", "schedule=cosine"]
    optcli.train(MOONS, short, out=tmp_path / "here")
    with aside.begun("optcli.plots.ready"):
        monkeypatch.setattr("optcli.plots.drawing.render", None)  # in this process
        optcli.train(MOONS, short, out=tmp_path / "there")
    here, there = (
        {path.name: path.read_bytes() for path in (tmp_path / name).glob("*.png")}
        for name in ("here", "there")
    )
    assert sorted(here) == ["boundary.png", "confusion.png", "loss.png", "schedule.png"]
    assert here == there


def test_train_has_it_unless_nothing_is_drawn_or_matplotlib_is_there(monkeypatch, capsys):
    begun = []
    monkeypatch.setattr(aside, "begun", lambda module: nullcontext(begun.append(module)))
    for line in ("train no.yaml --no-plots", "train --help", "check no.yaml", "train no.yaml"):
        monkeypatch.setitem(sys.modules, "matplotlib", aside)
        run(line.split())
        assert not begun
        monkeypatch.delitem(sys.modules, "matplotlib")
        run(line.split())
    assert begun == ["optcli.plots.ready"]
