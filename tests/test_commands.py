"""The commands, from the outside: what they print, what they leave, how they end."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import optcli
from optcli.cli.main import run
from tests.for_each import for_each

ROOT = Path(__file__).parent.parent
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))
REFERENCE = Path(__file__).parent / "reference"
PINS = json.loads((REFERENCE / "torch.json").read_text())
TARGETS = {"cross_entropy": "class", "binary_cross_entropy": "[left, right]", "mse": "[y, z]"}
OPTIMIZERS = {
    "sgd": "{name: sgd, lr: 0.1}",
    "sgd-nesterov": "{name: sgd, lr: 0.05, momentum: 0.8, nesterov: true, weight_decay: 0.01}",
    "sgd-dampened": "{name: sgd, lr: 0.05, momentum: 0.9, dampening: 0.3}",
    "momentum": "{name: momentum, lr: 0.03, momentum: 0.9}",
    "adagrad": "{name: adagrad, lr: 0.2, lr_decay: 0.05, initial_accumulator_value: 0.1,"
    " eps: 1e-6}",
    "adam": "{name: adam, lr: 0.05}",
    "adam-off": "{name: adam, lr: 0.03, beta1: 0.7, beta2: 0.95, eps: 1e-4, weight_decay: 0.02}",
}


def history(folder):
    with (folder / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    return {name: [row[name] for row in rows] for name in rows[0]}


def column(folder, name):
    return np.array([float(value) for value in history(folder)[name]])


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("case", PINS)
def test_the_history_is_torch_s(case, here):
    loss, optimizer, batch = case.split("/")
    (here / "config.yaml").write_text(
        f"""
dataset:
  name: csv
  path: {REFERENCE / "table.csv"}
  target: {TARGETS[loss]}
  features: [a, b, c]
  standardize: false
split: {{validation: 0, test: 0}}
model: {{name: linear, init: zeros}}
loss: {loss}
optimizer: {OPTIMIZERS[optimizer]}
training: {{epochs: 8, batch_size: {batch}, shuffle: false}}
dtype: float64
"""
    )
    assert run(["train", "config.yaml", "--out", "run", "--quiet", "--no-plots"]) == 0
    found = column(here / "run", "train_loss")
    assert found == pytest.approx(PINS[case], rel=1e-8, abs=0)


REACHES = {
    "iris": ("validation_accuracy", 0.95),
    "penguins": ("validation_accuracy", 0.97),
    "moons": ("validation_accuracy", 0.97),
    "spirals": ("validation_accuracy", 0.95),
    "mpg": ("validation_r2", 0.85),
    "digits": ("validation_accuracy", 0.97),
}


def slow(path):
    """The config that takes longest is among the long tests."""
    return pytest.mark.long if path.stem == "digits" else ()


@pytest.mark.parametrize(
    "path", [pytest.param(path, marks=slow(path), id=path.stem) for path in CONFIGS]
)
def test_every_config_runs_and_reaches_what_it_should(path, here, capsys):
    assert run(["train", str(path), "--out", "run"]) == 0
    folder = here / "run"
    summary = json.loads((folder / "summary.json").read_text())
    rows = history(folder)
    for name, at in (("best", summary["best"]["epoch"] - 1), ("final", -1)):
        assert summary[name] == {column: float(rows[column][at]) for column in rows}
    if path.stem in REACHES:
        name, least = REACHES[path.stem]
        assert summary["best"][name] >= least
    sums = json.loads((folder / "checksums.json").read_text())
    assert set(sums) | {"checksums.json"} == {file.name for file in folder.iterdir()}
    assert {"config.yaml", "environment.json", "history.csv", "model.npz", "loss.png"} <= set(sums)
    said = capsys.readouterr().out
    assert said.splitlines()[-1] == "run folder: run"


def test_the_resolved_config_repeats_the_run(here):
    config = str(ROOT / "configs" / "iris.yaml")
    assert run(["train", config, "--out", "a/first", "--quiet", "--no-plots", "--seed", "3"]) == 0
    again = ["train", "a/first/config.yaml", "--out", "second", "--quiet", "--no-plots"]
    assert run(again) == 0
    first, second = (history(here / name) for name in ("a/first", "second"))
    del first["seconds"], second["seconds"]
    assert first == second
    assert (here / "a/first/model.npz").read_bytes() == (here / "second/model.npz").read_bytes()


def test_python_gives_what_the_command_gives(here):
    config = ROOT / "configs" / "iris.yaml"
    assert run(["train", str(config), "--out", "one", "--quiet", "--no-plots"]) == 0
    done = optcli.train(config, out="two", plots=False)
    assert column(here / "one", "train_loss").tolist() == done.history["train_loss"]
    assert done.summary["outcome"] == "stopped_early"
    table = ROOT / "configs" / "data" / "iris.csv"
    predicted = done.predict(table)
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert np.mean(predicted == [row["species"] for row in rows]) > 0.95
    raw = np.array([[float(row[name]) for name in list(row)[:4]] for row in rows])
    assert np.array_equal(done.predict(raw), predicted)


def test_python_takes_a_mapping(here):
    done = optcli.train(SMALL, plots=False)
    assert len(done.history["epoch"]) == 5
    assert done.folder.parent == Path("runs")


def test_two_runs_in_one_second_have_two_folders(here):
    config = ROOT / "configs" / "linear-regression.yaml"
    folders = {optcli.train(config, ["training.epochs=1"], plots=False).folder for _ in range(3)}
    assert len(folders) == 3


def test_json_is_one_object_a_line_and_nothing_else(here, capsys):
    config = str(ROOT / "configs" / "mpg.yaml")
    assert run(["train", config, "--json", "--set", "training.epochs=3"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in lines] == ["started", *["epoch"] * 3, "ended", "summary"]


def test_a_diverging_run_ends_with_one(here):
    config = str(ROOT / "configs" / "mpg.yaml")
    wild = ["--set", "optimizer=sgd", "--set", "optimizer.lr=1e9", "--quiet"]
    assert run(["train", config, "--out", "run", *wild]) == 1
    summary = json.loads((here / "run" / "summary.json").read_text())
    assert summary["outcome"] == "diverged"
    assert summary["best"] is None or np.isfinite(summary["best"]["validation_loss"])


REFUSED = {
    "no such command": (["trian"], "no command 'trian'; did you mean 'train'?"),
    "no such option": (["train", "--foo"], "no option --foo"),
    "no config": (["train"], "CONFIG: is missing; name a YAML file, or --resume RUN"),
    "no such file": (["train", "iris.yml"], "iris.yml: no such file"),
    "a folder": (["check", "."], ".: is a folder; must be a YAML file"),
    "bad setting": (["check", "IRIS", "--set", "foo.bar=1"], "--set foo.bar: unknown key"),
    "no value": (["check", "IRIS", "--set", "optimizer.lr="], "--set optimizer.lr: has no value"),
    "unknown target": (
        ["check", "IRIS", "--set", "dataset.target=specis"],
        "--set dataset.target: no column 'specis'; did you mean 'species'?",
    ),
    "loss does not fit": (["check", "IRIS", "--set", "loss=mse"], "--set loss: mse needs numbers"),
    "batch too large": (
        ["check", "IRIS", "--set", "training.batch_size=500"],
        "--set training.batch_size: is 500; there are 90 training rows",
    ),
    "too large": (
        ["check", "IRIS", "--set", "model.hidden=[9000000, 9000000]"],
        "--set model.hidden: needs about ",
    ),
    "metric does not fit": (
        ["check", "IRIS", "--set", "metrics=[rmse]"],
        "--set metrics: 'rmse' is",
    ),
    "kind": (["list", "optimiser"], "KIND: unknown kind 'optimiser'; did you mean 'optimizers'?"),
    "a folder as plug-in": (
        ["list", "--plugin", "."],
        ".: --plugin: is a folder; must be a .py file",
    ),
    "no number": (["check", "IRIS", "--seed", "abc"], "--seed: is 'abc'; must be a whole number"),
    "below the least": (
        ["runs", "verify", "none", "--epochs=0"],
        "--epochs: is '0'; must be at least 1",
    ),
    "plug-in": (["list", "--plugin", "none.py"], "none.py: --plugin: no such file"),
}


@for_each("case", REFUSED)
def test_what_is_refused_is_said_in_one_line(case, here, capsys):
    arguments, message = REFUSED[case]
    config = str(ROOT / "configs" / "iris.yaml")
    assert run([config if a == "IRIS" else a for a in arguments]) == 2
    said = capsys.readouterr()
    assert said.err.startswith(f"error: {message}")
    assert len(said.err.splitlines()) == 1
    assert said.out == ""
    assert list(here.iterdir()) == [], "nothing is left behind"


def test_the_faults_of_the_page_are_as_shown(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    block = (ROOT / "docs/config.md").read_text().partition("```\n$ optcli check ")[2]
    shown, *lines = block.partition("\n```")[0].splitlines()
    assert run(["check", *shown.split()]) == 2
    assert capsys.readouterr().err.splitlines() == lines


def test_a_folder_that_is_not_empty_is_refused(here, capsys):
    config = str(ROOT / "configs" / "linear-regression.yaml")
    short = ["--quiet", "--no-plots", "--set", "training.epochs=2"]
    (here / "mine").mkdir()
    (here / "mine" / "letter.txt").write_text("dear")
    assert run(["train", config, "--out", "mine", *short]) == 2
    assert run(["train", config, "--out", "mine", "--overwrite", *short]) == 2
    assert (here / "mine" / "letter.txt").read_text() == "dear"
    assert run(["train", config, "--out", "new", *short]) == 0
    assert run(["train", config, "--out", "new", *short]) == 2
    assert run(["train", config, "--out", "new", "--overwrite", *short]) == 0
    assert "is not empty" in capsys.readouterr().err


def test_no_command_shows_the_help(capsys):
    assert run([]) == 2
    assert "Commands:" in capsys.readouterr().err


def test_list_and_check(here, capsys):
    assert run(["list"]) == 0
    listed = capsys.readouterr().out
    for name in ("adam", "cross_entropy", "mlp", "moons", "relu", "he", "cosine", "accuracy"):
        assert f"  {name} " in listed
    assert run(["check", str(ROOT / "configs" / "penguins.yaml")]) == 0
    assert "one of 3: Biscoe, Dream, Torgersen" in capsys.readouterr().out


def test_a_plug_in_registers_and_may_not_take_a_name(here, capsys):
    plugin = """
from dataclasses import dataclass
from optcli.plugins import OPTIMIZERS
from optcli.optimizers.sgd import SGD

@OPTIMIZERS.register("{name}")
@dataclass(frozen=True)
class Mine(SGD):
    "Mine."
"""
    (here / "adam.py").write_text(plugin.format(name="adam"))
    assert run(["list", "optimizers", "--plugin", "adam.py"]) == 2
    assert "optimizer name 'adam' is taken" in capsys.readouterr().err
    (here / "broken.py").write_text("x = 1\nx / 0\n")
    assert run(["list", "--plugin", "broken.py"]) == 2
    assert capsys.readouterr().err == (
        "error: broken.py:2: --plugin: fails on import: ZeroDivisionError: division by zero\n"
    )


def test_debug_shows_the_traceback_and_keeps_the_exit_code(here, capsys):
    assert run(["check", "none.yaml", "--debug"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("Traceback")
    assert said.endswith("error: none.yaml: no such file\n")


def test_the_installed_command(here):
    config = str(ROOT / "configs" / "linear-regression.yaml")
    command = [str(Path(sys.executable).parent / "optcli"), "train", config]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert done.stdout.splitlines()[-1].startswith("run folder: runs/linear-regression-")


def test_a_closed_pipe_does_not_stop_the_training(here):
    config = str(ROOT / "configs" / "iris.yaml")
    command = (
        f"{Path(sys.executable).parent / 'optcli'} train {config} --no-plots --out run | head -1"
    )
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""
    assert (here / "run" / "checksums.json").is_file()


# ---- the Python door -----------------------------------------------------------------

SMALL = {
    "dataset": {"name": "linear", "samples": 60},
    "model": "linear",
    "loss": "mse",
    "optimizer": {"name": "adam", "lr": 0.1},
    "training": {"epochs": 5},
}


def test_a_run_is_shown_in_one_line(here):
    done = optcli.train(SMALL, out="one", plots=False)
    assert repr(done) == "<Run one: completed, epochs: 5>"


def test_what_python_offers_is_listed_and_there(here):
    assert {"InvalidInput", "compare", "resume", "train"} < set(dir(optcli))
    for name in dir(optcli):
        assert getattr(optcli, name) is not None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((None,), "the config is None; must be a YAML file's path, or a mapping"),
        (([1],), "the config is [1]; must be a YAML file's path, or a mapping"),
        ((SMALL, "seed=1"), "overrides: is 'seed=1'; must be a list of KEY=VALUE texts"),
        ((SMALL, [5]), "overrides: is [5]; must be a list of KEY=VALUE texts"),
    ],
)
def test_wrong_arguments_in_python(arguments, message, here):
    for call in (optcli.train, optcli.check):
        with pytest.raises(optcli.InvalidInput) as caught:
            call(*arguments)
        assert str(caught.value) == message


def test_the_default_batch_is_no_larger_than_the_training_rows(here):
    few = {**SMALL, "dataset": {"name": "linear", "samples": 20}}
    done = optcli.train(few, out="one", plots=False)
    assert done.config.training.batch_size == 16
    assert done.summary["steps"] == 5
    assert "batch_size: 16" in (here / "one" / "config.yaml").read_text()
    found = optcli.compare(
        ["sgd", "adam"], few, settings=optcli.ComparisonSettings(tune=2, seeds=5), plots=False
    )
    assert found.summary["verdict"]
    with pytest.raises(optcli.InvalidInput, match="is 32; there are 16 training rows"):
        optcli.check(few, ["training.batch_size=32"])
