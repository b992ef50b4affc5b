"""Ctrl-C in a process: what is kept, what is said, and how it goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from optcli.api import runs
from optcli.cli.main import run
from tests import systems

CONFIG = """\
dataset: {name: blobs, samples: 200}
model: linear
loss: cross_entropy
optimizer: {name: sgd, lr: 0.1}
training: {epochs: 3000}
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.yaml").write_text(CONFIG)
    return tmp_path


def interrupted(words, ready):
    """Send Ctrl-C to a command once `ready` gives true; returns its code and output."""
    environment = {**os.environ, "COLUMNS": "200"}
    process = subprocess.Popen(
        [sys.executable, "-m", "optcli", *words],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    end = time.monotonic() + 60
    while not ready() and time.monotonic() < end and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    return process.returncode, said


@systems.needs_interrupts
def test_ctrl_c_in_a_comparison_keeps_its_runs_and_says_how_it_goes_on(here, capsys):
    words = ["compare", "sgd", "adam", "--config", "c.yaml", "--seeds", "900", "--out", "c"]
    words += ["--no-plots", "--jobs", "1", "--set", "training.epochs=20"]
    code, said = interrupted(words, lambda: (here / "c" / "runs.csv").exists())
    assert code == 130
    kept = len((here / "c" / "runs.csv").read_text().splitlines()) - 1
    assert f"interrupted; saved {kept:,} finished run" in said
    command = f"optcli {' '.join(w for w in words if w not in ('--out', 'c'))} --out c"
    assert f"continue with: {command}" in said
    assert run(["runs", "list", "."]) == 0
    listed = capsys.readouterr().out
    assert "compare" in listed
    assert "interrupted" in listed
    assert f"continue with: {command}" in listed
    assert run(["runs", "show", "c", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["run"] == "c"
    assert runs.entry(Path("c")).resume == command


@systems.needs_interrupts
def test_ctrl_c_in_a_training_says_what_is_kept_and_how_it_goes_on(here):
    code, said = interrupted(
        ["train", "c.yaml", "--set", "training.epochs=100000", "--out", "a run", "--no-plots"],
        lambda: (here / "a run" / ".lock").exists(),
    )
    assert code == 130
    assert said.splitlines()[-2:] == [
        "saved: checkpoint, history and the best model so far",
        "continue with: optcli train --resume 'a run'",
    ]
    summary = json.loads((here / "a run" / "summary.json").read_text())
    assert summary["outcome"] == "interrupted"
    assert "failed_to_train" not in summary


def test_the_command_that_goes_on_has_the_folder_and_does_not_overwrite(tmp_path):
    command = "optcli compare sgd 'adam:lr=0.1|0.2' --overwrite --out=x --seeds 5"
    found = runs.going_on(command, tmp_path / "a b")
    assert found == f"optcli compare sgd 'adam:lr=0.1|0.2' --seeds 5 --out '{tmp_path}/a b'"


def test_early_stopping_in_a_comparison_is_told(here, capsys):
    words = ["compare", "sgd", "adam", "--config", "c.yaml", "--seeds", "3", "--tune", "3"]
    words += ["--set", "training={epochs: 30, early_stopping: {patience: 1}}"]
    assert run([*words, "--out", "c", "--no-plots"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    rows = (here / "c" / "runs.csv").read_text()
    count, total = rows.count(",stopped_early,"), len(rows.splitlines()) - 1
    assert 0 < count < total
    assert f"{total} runs; {count} stopped early (patience 1)" in said
    summary = json.loads((here / "c" / "summary.json").read_text())
    assert summary["stopped_early"] == {"runs": count, "patience": [1]}


def test_check_lists_the_classes_of_several_labels_once(here, capsys):
    (here / "m.yaml").write_text(
        "dataset: {name: multilabel}\nmodel: linear\nloss: binary_cross_entropy\noptimizer: sgd\n"
    )
    assert run(["check", "m.yaml"]) == 0
    line = next(r for r in capsys.readouterr().out.splitlines() if "classes" in r)
    assert line.split() == ["classes", "0,", "1"]


@systems.needs_interrupts
def test_ctrl_c_in_a_comparison_over_several_configs_goes_on_with_all_of_them(here, capsys):
    for name in ("b.yaml", "c.yaml"):
        (here / name).write_text(CONFIG.replace("3000", "20"))
    words = ["compare", "sgd", "adam", "--config", "b.yaml", "-c", "c.yaml"]
    words += ["--tune", "2", "--no-plots", "--jobs", "1", "--seeds", "900"]
    code, said = interrupted([*words, "--out", "both"], (here / "both/b/runs.csv").exists)
    assert code == 130
    kept = len((here / "both/b/runs.csv").read_text().splitlines()) - 1
    assert said.splitlines()[-2] == f"interrupted; saved {kept:,} finished runs in both"
    command = f"optcli {' '.join(words)} --out both"
    assert said.splitlines()[-1] == f"continue with: {command}"
    assert runs.entry(Path("both")).resume == command
    assert runs.entry(Path("both/b")).resume is None  # it is a part, and goes on with the whole
    (here / "elsewhere").mkdir()
    os.chdir("elsewhere")
    found = runs.entry(Path("../both")).resume
    there = f"{here}/elsewhere/../both"
    assert found == f"cd {here} && {command.removesuffix('both')}{there}"
    # it holds, of fewer seeds too
    shorter = found.replace("optcli", f"{sys.executable} -m optcli").replace("900", "2")
    done = subprocess.run(["sh", "-c", shorter], stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stdout
    assert runs.entry(Path("../both")).outcome == "done"
    assert runs.entry(Path("../both")).resume is None


@systems.needs_interrupts
@pytest.mark.parametrize("more", [["--tune"], []])
def test_ctrl_c_in_a_trace_leaves_nothing_and_says_so(more, here):
    (here / "p.py").write_text("open('loaded', 'w').close()\n")  # from here on it is at work
    words = ["trace", "rosenbrock", "sgd", "adam", "lbfgs", "--steps", "100000", *more]
    words += ["--plugin", "p.py", "--out", "t"]
    code, said = interrupted(words, (here / "loaded").exists)
    assert code == 130
    assert said == "interrupted; nothing was saved\n"
    assert not (here / "t").exists()


@systems.needs_interrupts
def test_ctrl_c_in_a_landscape_leaves_nothing_and_says_so(here):
    # the map takes longer than the timer, what comes before it does not
    (here / "p.py").write_text(
        "import sys, threading\n"
        "if 'landscape' in sys.argv:\n"
        "    threading.Timer(1, lambda: open('begun', 'w').close()).start()\n"
    )
    train = ["train", "c.yaml", "--set", "training.epochs=2", "--plugin", "p.py", "--out", "r"]
    assert run([*train, "-q"]) == 0
    words = ["landscape", "r", "--points", "501", "--no-curvature", "--plugin", "p.py"]
    code, said = interrupted([*words, "--out", "l"], (here / "begun").exists)
    assert code == 130
    assert said == "interrupted; nothing was saved\n"
    assert not (here / "l").exists()


@systems.needs_interrupts
def test_ctrl_c_while_a_trace_is_written_takes_its_folder_away(here, monkeypatch):
    def signalled(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("optcli.plots.trace_map", signalled)
    assert run(["trace", "quadratic", "sgd", "--steps", "5", "--out", "t"]) == 130
    assert not (here / "t").exists()
