"""Seeing again: what lies in folders is opened, shown as it was printed, and drawn."""

from __future__ import annotations

import contextlib
import io
import json

import numpy as np
import pytest
from matplotlib.figure import Figure

import optcli
from optcli.api import gradcheck as checking
from optcli.cli.main import run

CONFIG = {
    "dataset": {"name": "moons", "samples": 80},
    "model": "linear",
    "loss": "cross_entropy",
    "optimizer": {"name": "sgd", "lr": 0.1},
    "training": {"epochs": 4},
}
FEW = optcli.ComparisonSettings(tune=1, tune_seeds=1, finalists=1, seeds=2)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A folder of each kind, and what was printed of them at their end."""
    home = tmp_path_factory.mktemp("runs")
    optcli.train(CONFIG, out=home / "a", plots=False)
    other = {**CONFIG, "optimizer": {"name": "adam", "lr": 0.01}, "training": {"epochs": 6}}
    optcli.train(other, out=home / "b", plots=False)
    said = {}
    (home / "c.yaml").write_text(json.dumps(CONFIG))
    (home / "d.yaml").write_text(json.dumps(other))
    few = ["--tune", "1", "--tune-seeds", "1", "--finalists", "1", "--seeds", "2", "--no-plots"]
    commands = {
        "compare": ["compare", "sgd", "adam", "--config", str(home / "c.yaml"), *few],
        "benchmark": ["compare", "sgd", "adam", "--config", str(home / "c.yaml"),
                      "--config", str(home / "d.yaml"), *few],
        "trace": ["trace", "rosenbrock", "sgd", "adam:lr=0.1", "--steps", "50", "--no-plots"],
    }  # fmt: skip
    for name, words in commands.items():
        with contextlib.redirect_stdout(io.StringIO()) as told:
            assert run([*words, "--out", str(home / name)]) == 0
        said[name] = told.getvalue()
    chosen = checking.checks(["mse"], fast=True, plots=True, out=home / "gradcheck")
    checking.gradcheck(chosen)
    return home, said


@pytest.mark.parametrize(
    ("name", "first"), [("compare", "rank"), ("benchmark", "pair"), ("trace", "#")]
)
def test_show_prints_what_the_command_printed(folders, capsys, name, first):
    """From the heading of the last table on, up to the line that names the folder."""
    home, said = folders
    assert run(["runs", "show", str(home / name)]) == 0
    again = capsys.readouterr().out.splitlines()
    before = said[name].splitlines()
    begin = max(i for i, line in enumerate(before) if line.startswith(first))
    end = max(i for i, line in enumerate(before) if " folder: " in line)
    while "converged" in before[end - 1] and name == "trace":  # a hint, which is no result
        end -= 1
    assert end - begin > 2
    at = again.index(before[begin])
    assert again[at : at + end - begin] == before[begin:end]


def test_show_of_a_gradient_check_has_its_verdict(folders, capsys):
    home, _ = folders
    assert run(["runs", "show", str(home / "gradcheck")]) == 0
    said = capsys.readouterr().out
    assert "error/tol" in said
    assert "all correct: " in said


def test_every_kind_of_folder_is_opened(folders):
    home, _ = folders
    expected = {
        "a": optcli.Run,
        "compare": optcli.FinishedComparison,
        "benchmark": optcli.Benchmark,
        "trace": optcli.SavedTrace,
        "gradcheck": checking.Checked,
    }
    found = {kind: optcli.load(home / kind) for kind in expected}
    assert {name: type(each) for name, each in found.items()} == expected
    assert found["gradcheck"].ok
    assert found["gradcheck"].checked[0]["name"] == "mse"
    assert list(found["benchmark"].found) == ["c", "d"]
    with pytest.raises(optcli.InvalidInput, match="holds a Run, not a SavedTrace"):
        optcli.load(home / "a", optcli.SavedTrace)


def test_a_trace_is_the_same_when_it_is_opened(folders, tmp_path):
    home, _ = folders
    done = optcli.trace("rosenbrock", ["sgd", "adam:lr=0.1"], steps=50, out=tmp_path / "t")
    again = optcli.load(home / "trace", optcli.SavedTrace)
    assert again.objective == done.objective
    assert again.start == done.start
    for path, other in zip(again.paths, done.paths, strict=True):
        np.testing.assert_array_equal(path.x, other.x)
        np.testing.assert_array_equal(path.loss, other.loss)
        assert path.entry.optimizer == other.entry.optimizer
        assert (path.label, path.outcome, path.reached) == (
            other.label,
            other.outcome,
            other.reached,
        )


@pytest.mark.parametrize("name", ["a", "compare", "benchmark", "trace", "gradcheck"])
def test_all_of_them_draw_and_show_themselves(folders, name):
    home, _ = folders
    found = optcli.load(home / name)
    assert isinstance(found.plot(), Figure)
    assert found._repr_html_().startswith("<table>")
    assert str(home / name) in found._repr_html_() or name in ("trace", "gradcheck")


def test_a_run_on_an_objective_has_its_path_and_predicts_nothing(tmp_path):
    config = {"objective": "rosenbrock", "optimizer": "adam", "training": {"steps": 20}}
    done = optcli.train(config, out=tmp_path / "o", plots=False)
    again = optcli.load(tmp_path / "o")
    assert again.path.x.shape == (21, 2)
    np.testing.assert_array_equal(again.path.x, done.path.x)
    np.testing.assert_array_equal(again.path.x[-1], done.trained.parameters[0])
    assert again.path.loss[-1] == pytest.approx(done.summary["end"]["loss"], rel=1e-6)
    assert isinstance(again.plot(), Figure)
    assert again._repr_html_().startswith("<table>")
    for act in (
        lambda: again.predict({"a": [1.0]}),
        lambda: again.evaluate({"a": [1.0]}),
        lambda: again.predict_to("t.csv", tmp_path / "p.csv"),
        lambda: optcli.evaluate(again, {"a": [1.0]}),
    ):
        with pytest.raises(optcli.InvalidInput, match="o: minimizes rosenbrock, which has no mod"):
            act()


@pytest.mark.parametrize("kind", ["svg", "pdf"])
def test_plots_come_in_other_formats(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.yaml").write_text(json.dumps(CONFIG))
    assert run(["train", "c.yaml", "--out", "r", "--plots", kind, "--quiet"]) == 0
    optcli.trace("quadratic", ["sgd"], steps=5, out="t", plots=kind)
    optcli.compare(["sgd", "adam"], CONFIG, settings=FEW, out="c", plots=kind)
    for folder, stem in (("r", "loss"), ("t", "trace"), ("c", "curves")):
        drawn = {path.stem for path in (tmp_path / folder).glob(f"*.{kind}")}
        assert stem in drawn
        assert not list((tmp_path / folder).glob("*.png"))


def test_a_format_that_does_not_exist_is_refused_before_anything_is_done(tmp_path, capsys):
    (tmp_path / "c.yaml").write_text(json.dumps(CONFIG))
    words = ["train", str(tmp_path / "c.yaml"), "--out", str(tmp_path / "r"), "--plots"]
    assert run([*words, "gif"]) == 2
    assert "--plots: is 'gif'; must be png, svg, pdf" in capsys.readouterr().err
    assert run([*words, "svg", "--no-plots"]) == 2
    assert "cannot be combined with --no-plots" in capsys.readouterr().err
    assert not (tmp_path / "r").exists()


def test_names_full_of_markup_do_no_harm(tmp_path):
    rng = np.random.default_rng(0)
    rows = [f"{x},{'<b>&' if x > 0 else 'n'}" for x in rng.normal(size=60)]
    (tmp_path / "t.csv").write_text("\n".join(["x,y", *rows]) + "\n")
    data = {"name": "csv", "path": str(tmp_path / "t.csv"), "target": "y"}
    done = optcli.train({**CONFIG, "dataset": data}, out=tmp_path / "<i>run", plots=False)
    assert "<i>" not in done._repr_html_()
    assert "&lt;i&gt;run" in done._repr_html_()


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_runs_are_drawn_over_one_another(folders, tmp_path, suffix, capsys):
    home, _ = folders
    target = tmp_path / f"o.{suffix}"
    words = ["runs", "plot", str(home / "a"), str(home / "b"), "-o", str(target), "--x", "rows"]
    assert run([*words, "--y", "accuracy"]) == 0
    assert capsys.readouterr().out == f"plot: {target}\n"
    start = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[suffix]
    assert target.read_bytes().startswith(start)


@pytest.mark.parametrize("x", ["epoch", "step", "seconds", "rows"])
def test_the_curves_are_those_of_the_histories(folders, x):
    home, _ = folders
    figure = optcli.overlay([home / "a", home / "b"], x=x, log=True)
    curves = figure.axes[0].lines
    runs = [optcli.load(home / name) for name in "ab"]
    rows = 64  # of each epoch
    for curve, done in zip(curves, runs, strict=True):
        across = done.history.get(x, [rows * epoch for epoch in done.history["epoch"]])
        np.testing.assert_allclose(curve.get_xdata(), across, rtol=1e-12)
        np.testing.assert_array_equal(curve.get_ydata(), done.history["validation_loss"])
    assert figure.axes[0].get_yscale() == "log"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["a", "--y", "acuracy"], "did you mean 'accuracy'?"),
        (["a", "--x", "time"], "must be epoch, step, seconds, rows"),
        (["compare"], "is a comparison, not a training run"),
        (["a", "-o", "o.gif"], "must be one of .png, .svg, .pdf"),
        (["a", "-o", "a/o.png"], "lies in a run folder"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_words(folders, monkeypatch, capsys, words, said):
    home, _ = folders
    monkeypatch.chdir(home)
    assert run(["runs", "plot", *words]) == 2
    assert said in capsys.readouterr().err
    assert not list(home.glob("*.png"))
