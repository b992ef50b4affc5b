"""Settings of the command line: a later one replaces an earlier one; tables may move."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from optcli import config
from optcli.cli.main import run
from optcli.core.errors import InvalidInput
from optcli.training.settings import EarlyStopping
from tests.for_each import for_each

BASE = {
    "dataset": "moons",
    "split": {"validation": 0.25, "test": 0.1},
    "model": {"name": "mlp", "hidden": [4]},
    "loss": "cross_entropy",
    "optimizer": {"name": "adam", "lr": 0.5, "beta1": 0.8},
    "metrics": ["accuracy"],
    "training": {"epochs": 3, "batch_size": 16, "early_stopping": {"patience": 4}},
    "seed": 5,
}


def load(*settings: str, **sections):
    return config.load(BASE | sections, settings)


@for_each(
    ("settings", "steps", "epochs"),
    [
        (["training.steps=7"], 7, None),
        (["training.steps=7", "training.epochs=null"], 7, None),
        (["training.epochs=null", "training.steps=7"], 7, None),
        (["training.epochs=null"], None, 100),
        (["training.steps=7", "training.epochs=9"], None, 9),
        (["training.epochs=9", "training.steps=7"], 7, None),
        (["training.steps=7", "training.steps=8"], 8, None),
        (["training.steps=7", "training.steps=null"], None, 100),
        (["training={steps: 7}"], 7, None),
        (["training={steps: 7}", "training.epochs=2"], None, 2),
        (["training=null"], None, 100),
    ],
)
def test_steps_and_epochs_the_later_one_counts(settings, steps, epochs):
    training = load(*settings).training
    assert training.steps == steps
    if epochs is not None:
        assert training.epochs == epochs


def test_steps_after_a_file_of_steps():
    assert load("training.epochs=2", training={"steps": 5}).training.epochs == 2
    assert load("training.epochs=2", training={"steps": 5}).training.steps is None


@pytest.mark.parametrize("settings", [[], ["training={steps: 5, epochs: 5}"]])
def test_both_in_one_place_are_still_refused(settings):
    with pytest.raises(InvalidInput, match="cannot be combined with epochs; set only one"):
        load(*settings, training={"steps": 5, "epochs": 5})


@for_each(
    ("setting", "read"),
    [
        ("optimizer.lr=null", lambda c: c.optimizer.lr == 0.001),
        ("optimizer.beta1=null", lambda c: c.optimizer.beta1 == 0.9),
        ("split=null", lambda c: (c.split.validation, c.split.test) == (0.2, 0)),
        ("split.validation=null", lambda c: c.split.validation == 0.2),
        ("seed=null", lambda c: c.seed == 0),
        ("metrics=null", lambda c: c.metrics is None),
        ("training.early_stopping=null", lambda c: c.training.early_stopping is None),
        (
            "training.early_stopping.patience=null",
            lambda c: c.training.early_stopping.patience == 10,
        ),
        ("training.lookahead.every=null", lambda c: c.training.lookahead is None),
        ("training.batch_size=null", lambda c: c.training.batch_size == 32 and c.default_batch),
        ("schedule=null", lambda c: c.schedule.name == "constant"),
        ("schedule.warmup=null", lambda c: c.schedule.name == "constant"),
    ],
)
def test_null_unsets_any_key_to_its_default(setting, read):
    assert read(load(setting))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["training.epoch=null"], "overrides: training.epoch: unknown key; did you mean 'epochs'?"),
        (["trainings=null"], "overrides: trainings: unknown key; did you mean 'training'?"),
        (["optimizer.lr2=null"], "overrides: optimizer.lr2: unknown key; did you mean 'lr'?"),
        (["dataset=null"], "overrides: dataset: is missing (optcli list datasets)"),
        (["optimizer.name=null"], "has no 'name'"),
        (
            ["optimizer.name=sgd"],
            'nesterov, weight_decay; overrides=["optimizer=NAME"] drops the keys of the former',
        ),
        (["seed.x=null"], "'seed' is 5, which has no keys"),
    ],
)
def test_what_cannot_be_set(settings, message):
    with pytest.raises(InvalidInput) as caught:
        load(*settings)
    assert message in str(caught.value)


def test_a_name_alone_replaces_the_section_and_a_changed_name_keeps_its_keys():
    changed = load("optimizer.name=adamax").optimizer
    assert (changed.name, changed.lr, changed.beta1) == ("adamax", 0.5, 0.8)
    replaced = load("optimizer.lr=0.1", "optimizer=adamax").optimizer
    assert (replaced.lr, replaced.beta1) == (type(replaced)().lr, 0.9)
    assert load("optimizer=adamax", "optimizer.lr=0.1").optimizer.lr == 0.1


def test_an_objective_replaces_the_data_and_data_an_objective():
    found = load("training.early_stopping=null", "objective=rosenbrock")
    assert found.objective is not None
    assert found.objective.name == "rosenbrock"
    assert found.training.epochs == 3
    rest = ["dataset=circles", "model=linear", "loss=cross_entropy"]
    assert load("objective=rosenbrock", *rest).objective is None
    back = config.load({"objective": "rosenbrock", "optimizer": "sgd"}, rest)
    assert back.dataset.name == "circles"
    with pytest.raises(InvalidInput, match="cannot be combined with objective"):
        config.load(BASE | {"objective": "rosenbrock"})


@pytest.mark.parametrize(
    ("before", "settings", "after"),
    [
        (0.2, ["column=part"], {"column": "part"}),
        (0.2, ["group=id"], {"fraction": 0.2, "group": "id"}),
        ({"column": "part"}, ["last=0.3"], {"last": 0.3}),
        ({"group": "id", "fraction": 0.2}, ["last=0.3"], {"last": 0.3}),
        ({"group": "id", "fraction": 0.2}, ["fraction=0.3"], {"group": "id", "fraction": 0.3}),
        ({"last": 0.3}, ["group=id", "fraction=0.1"], {"group": "id", "fraction": 0.1}),
        ("v.csv", ["last=0.3"], {"last": 0.3}),
    ],
)
def test_one_way_to_choose_rows_replaces_another(before, settings, after):
    found = load(*(f"split.validation.{each}" for each in settings), split={"validation": before})
    assert found.split.validation == after


def test_a_bare_name_takes_keys():
    found = load("training.average.start=0.5", training={"average": "swa"})
    assert found.training.average.name == "swa"


def test_early_stopping_of_a_setting_is_whole():
    found = load("training.early_stopping.patience=7").training.early_stopping
    assert found == EarlyStopping(patience=7)


# ---- tables that have moved --------------------------------------------------------------

ROWS = "a,b,y\n" + "".join(
    f"{i % 7},{i % 5},{'yes' if i % 7 > i % 5 else 'no'}\n" for i in range(40)
)
CONFIG = """\
dataset: {name: csv, path: data/t.csv, target: y}
split: {validation: data/v.csv, test: 0.1}
model: linear
loss: cross_entropy
optimizer: {name: sgd, lr: 0.5}
training: {epochs: 2}
"""


@pytest.fixture
def moved(tmp_path, monkeypatch):
    """A run `a` and a comparison `c` that were made in another folder, and the tables."""
    (tmp_path / "proj" / "data").mkdir(parents=True)
    (tmp_path / "proj" / "c.yaml").write_text(CONFIG)
    (tmp_path / "proj" / "data" / "t.csv").write_text(ROWS)
    (tmp_path / "proj" / "data" / "v.csv").write_text(ROWS[:200].rpartition("\n")[0] + "\n")
    monkeypatch.chdir(tmp_path / "proj")
    assert run(["train", "c.yaml", "--out", "runs/deep/a", "--quiet", "--no-plots"]) == 0
    monkeypatch.chdir(tmp_path)
    shutil.move("proj/runs/deep/a", "a")
    shutil.move("proj/data", "tables")
    return tmp_path


PLACES = ["--set", "dataset.path=tables/t.csv", "--set", "split.validation=tables/v.csv"]
MORE = ["train", "--resume", "a", "--set", "training.epochs=4", "--quiet", "--no-plots"]


def test_a_moved_run_goes_on_where_its_tables_are_named(moved, capsys):
    assert run(MORE) == 2
    assert capsys.readouterr().err.endswith("; if it has moved, add --set dataset.path=FILE\n")
    assert run([*MORE, *PLACES[:2]]) == 2
    assert capsys.readouterr().err.endswith("; if it has moved, add --set split.validation=FILE\n")
    assert run(["runs", "verify", "a"]) == 2
    assert "add --set dataset.path=FILE" in capsys.readouterr().err
    assert run(["runs", "verify", "a", *PLACES]) == 0
    capsys.readouterr()
    assert run(["runs", "verify", "a", *PLACES, "--set", "training.epochs=4"]) == 2
    assert "--set training.epochs: cannot change" in capsys.readouterr().err
    assert run([*MORE, *PLACES]) == 0
    assert "path: ../tables/t.csv\n" in Path("a/config.yaml").read_text()
    # from now on it knows where they are
    assert (
        run(["train", "--resume", "a", "--set", "training.epochs=5", "--quiet", "--no-plots"]) == 0
    )


def test_a_moved_run_ends_with_the_bits_of_one_that_stayed(moved):
    assert run([*MORE, *PLACES]) == 0
    words = ["--set", "training.epochs=4", *PLACES, "--out", "whole", "--quiet", "--no-plots"]
    assert run(["train", "proj/c.yaml", *words]) == 0
    assert Path("a/model.npz").read_bytes() == Path("whole/model.npz").read_bytes()


def test_another_table_is_refused(moved, capsys):
    Path("tables/t.csv").write_text(ROWS.replace("3,2,yes", "3,2,no"))
    before = Path("a/config.yaml").read_bytes()
    assert run([*MORE, *PLACES]) == 2
    message = "a: was trained on another table: the checksum of the given one differs\n"
    assert capsys.readouterr().err == f"error: {message}"
    assert Path("a/config.yaml").read_bytes() == before
    assert run([*MORE, *PLACES, "--set", "dataset.target=a"]) == 2


def test_a_moved_comparison_goes_on(moved, capsys):
    shutil.move("tables", "proj/data")
    words = ["compare", "sgd", "momentum", "--tune", "2", "--tune-seeds", "1", "--seeds", "5"]
    words += ["--no-plots", "--quiet", "--config", "proj/c.yaml"]
    assert run([*words, "--out", "proj/c"]) == 0
    rows = Path("proj/c/runs.csv").read_bytes()
    shutil.move("proj/c", "c")
    shutil.move("proj/data", "tables")
    assert run([*words, *PLACES, "--out", "c"]) == 0
    assert Path("c/runs.csv").read_bytes() == rows
    Path("tables/t.csv").write_text(ROWS.replace("3,2,yes", "3,2,no"))
    assert run([*words, *PLACES, "--out", "c"]) == 2
    assert "the data has changed since" in capsys.readouterr().err
