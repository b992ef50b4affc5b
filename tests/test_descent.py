"""`objective:` in a config: the path is that of trace; the folder; what does not fit."""

import json

import numpy as np
import pytest
from jsonschema import Draft202012Validator

import optcli
from optcli import config
from optcli.api import train
from optcli.cli.main import run as command
from optcli.config import inline_spec
from optcli.config.json_schema import schema
from optcli.core.errors import InvalidInput
from optcli.objectives.base import OBJECTIVES
from optcli.optimizers.base import OPTIMIZERS
from optcli.training.trace import TracedOptimizer, trace
from tests.for_each import for_each

START = [-1.5, 2.0]
BASE = {
    "objective": {"name": "rosenbrock", "start": START},
    "optimizer": {"name": "adam", "lr": 0.05},
    "training": {"steps": 60},
}


@pytest.mark.parametrize("name", OBJECTIVES.names())
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "schedule_free_sgd", "polyak_sgd", "svrg"])
def test_the_path_is_that_of_trace(name, optimizer, tmp_path):
    """To the last bit, noise included."""
    rule = OPTIMIZERS.find(optimizer)(lr=0.004)
    traced = trace(
        inline_spec.chosen(OBJECTIVES, name), [TracedOptimizer("", rule)], steps=20, seed=3
    )
    (path,) = traced.paths
    given = {"objective": name, "optimizer": {"name": optimizer, "lr": 0.004}}
    more = {"training": {"steps": 20}, "seed": 3, "dtype": "float64"}
    done = train.train({**given, **more}, out=tmp_path / "run", plots=False)
    end = done.trained.parameters[0]
    assert np.array_equal(end, path.x[-1])
    assert done.summary["end"]["loss"] == path.loss[-1]
    assert done.summary["end"]["distance"] == path.distance[-1]
    if optimizer in ("sgd", "adam", "svrg"):  # of the others the model is not the point that moves
        way = np.array([done.history["train_x1"], done.history["train_x2"]]).T
        assert np.array_equal(way, path.x[:-1, :2])
        assert done.history["train_loss"] == path.loss[:-1].tolist()


def test_a_run_leaves_all_that_it_usually_does_and_the_path(tmp_path):
    done = train.train({**BASE, "schedule": {"name": "cosine", "warmup": 0.1}}, out=tmp_path / "a")
    found = {path.name for path in done.folder.iterdir()}
    assert found == {
        "checkpoint.npz",
        "checksums.json",
        "config.yaml",
        "environment.json",
        "history.csv",
        "loss.png",
        "model.npz",
        "path.png",
        "schedule.png",
        "summary.json",
    }
    again = train.train(done.folder / "config.yaml", out=tmp_path / "b", plots=False)
    for name, column in done.history.items():
        assert name == "seconds" or again.history[name] == column
    assert len(done.history["lr"]) == 60
    assert done.history["lr"][5] == pytest.approx(0.05)


def test_everything_around_the_optimizer_works_here_too(tmp_path):
    training = {"steps": 400, "clip_norm": 1.0, "lookahead": {}, "sam": {"rho": 1e-3}}
    training |= {"average": {"name": "ema", "decay": 0.9}, "weight_decay": 1e-6}
    training["early_stopping"] = {"monitor": "train_loss", "patience": 50}
    given = {"objective": "booth", "optimizer": {"name": "adam", "lr": 0.3}, "training": training}
    done = train.train(given, out=tmp_path / "run", plots=False)
    assert done.summary["end"]["distance"] < 0.05


def test_more_than_two_numbers_have_no_map(tmp_path):
    given = {**BASE, "objective": {"name": "rosenbrock", "dimension": 5}}
    done = train.train(given, out=tmp_path / "run")
    assert not (done.folder / "path.png").exists()
    assert done.trained.parameters.shape == (1, 5)


def test_a_resumed_run_has_the_bits_of_one_that_never_stopped(tmp_path):
    given = {**BASE, "objective": "noisy_quadratic"}
    whole = train.train(given, out=tmp_path / "whole")
    train.train({**given, "training": {"steps": 25}}, out=tmp_path / "half")
    done = optcli.resume(tmp_path / "half", ["training.steps=60"])
    assert np.array_equal(done.trained.parameters, whole.trained.parameters)
    assert done.history["train_x2"] == whole.history["train_x2"]
    pictures = [(tmp_path / name / "path.png").read_bytes() for name in ("half", "whole")]
    assert pictures[0] == pictures[1]


@pytest.mark.parametrize(("name", "instead"), [("gauss_newton", "newton"), ("saga", "svrg")])
def test_an_optimizer_of_models_is_refused(name, instead):
    with pytest.raises(InvalidInput, match=f"optimizer.name: needs .* try {instead}"):
        optcli.check({**BASE, "optimizer": name})


def test_newton_is_there_at_once_on_a_quadratic(tmp_path):
    given = {"objective": "quadratic", "optimizer": "newton", "training": {"steps": 1}}
    done = train.train({**given, "dtype": "float64"}, out=tmp_path / "run", plots=False)
    assert done.summary["end"]["distance"] < 1e-6


def test_divergence_is_an_outcome(tmp_path):
    given = {**BASE, "optimizer": {"name": "sgd", "lr": 1.0}}
    done = train.train(given, out=tmp_path / "run")
    assert done.summary["outcome"] == "diverged"
    assert (done.folder / "path.png").exists()


def test_a_config_resolves_to_itself():
    loaded = config.load(BASE)
    resolved = loaded.resolved()
    assert set(resolved) == {"objective", "optimizer", "schedule", "training", "seed", "dtype"}
    assert resolved["objective"] == {"name": "rosenbrock", "dimension": 2, "start": START}
    assert config.load(resolved) == loaded
    assert config.load({**BASE, "objective": "booth"}).dataset.start == (-8.0, -4.0)


def test_the_schema_knows_both_kinds():
    validator = Draft202012Validator(schema())
    on_rows = {"dataset": "blobs", "model": "linear", "loss": "mse", "optimizer": "sgd"}
    for right in (BASE, on_rows, {**on_rows, "objective": None}):
        assert validator.is_valid(right)
    for wrong in (
        {**BASE, "loss": "mse"},
        {**BASE, "split": {}},
        {"optimizer": "sgd"},
        {**BASE, "objective": {"name": "booth", "start": "here"}},
    ):
        assert not validator.is_valid(wrong)


FAULTS = {
    "dataset: cannot be combined with objective, which replaces it; set only one": {
        "dataset": "blobs"
    },
    "loss: cannot be combined with objective, which replaces it; set only one": {"loss": "mse"},
    "metrics: does not go with objective, which has no rows": {"metrics": ["rmse"]},
    "split: does not go with objective, which has no rows": {"split": {"validation": 0.1}},
    "training.batch_size: does not go with objective, which has no rows": {
        "training": {"batch_size": 4}
    },
    "objective.name: unknown objective 'rosenbrok'; did you mean 'rosenbrock'? "
    "(optcli list objectives)": {"objective": "rosenbrok"},
    "objective.start: is [1, 2, 3]; must be a list of 2 numbers": {
        "objective": {"name": "booth", "start": [1, 2, 3]}
    },
    "objective.start: is 'here'; must be a list of 2 numbers": {
        "objective": {"name": "booth", "start": "here"}
    },
    "objective.condition: is 0; must be at least 1": {
        "objective": {"name": "quadratic", "condition": 0}
    },
    "training.early_stopping.monitor: is 'validation_loss', which is not measured; must be one "
    "of train_loss, train_distance, train_x1, train_x2": {"training": {"early_stopping": {}}},
}


@for_each("message", FAULTS)
def test_what_is_wrong_is_said(message):
    with pytest.raises(InvalidInput) as caught:
        config.load({**BASE, **FAULTS[message]})
    assert str(caught.value) == message


def test_commands(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "path.yaml").write_text(
        "objective: {name: himmelblau, start: [0, -1]}\n"
        "optimizer: {name: adam, lr: 0.1}\n"
        "training: {steps: 300}\n"
    )
    assert command(["check", "path.yaml"]) == 0
    said = capsys.readouterr().out
    assert "himmelblau" in said
    assert "start        0, -1" in said
    assert command(["train", "path.yaml", "--out", "run", "--json", "--no-plots"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in lines].count("epoch") == 300
    assert lines[-1]["end"]["distance"] < 1e-3
    assert command(["train", "path.yaml", "--out", "plain", "--no-plots"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("step   1/300  ")
    assert "completed after 300 steps in " in said
    assert "\nend: loss " in said
    assert "epoch" not in said
    for words_ in (["compare", "sgd", "adam", "--config", "path.yaml"],):
        assert command(words_) == 2
        assert "objective: has no rows; 'optcli train' and 'optcli trace' take an objective" in (
            capsys.readouterr().err
        )
