"""Layers over a training: activations, gradients and dead units, against plain NumPy."""

import json
from dataclasses import replace

import numpy as np
import pytest

import optcli
from optcli.cli.main import run
from optcli.core.errors import InvalidInput
from optcli.core.inputs import Inputs
from optcli.models import CNN, MLP, Architecture
from optcli.surface.again import retrained
from optcli.surface.on_the_way import QUANTILES, layer_tracks
from tests.cohorts import cohort, part

SMALL = {
    "dataset": {"name": "moons", "samples": 60},
    "model": {"name": "mlp", "hidden": [5], "activation": "relu"},
    "loss": "cross_entropy",
    "optimizer": {"name": "sgd", "lr": 20.0},
    "training": {"epochs": 4, "batch_size": 16},
    "dtype": "float64",
}


def by_hand(made, rows, point):
    """Outputs of the hidden units and the scores, and gradients of a two-layer network."""
    views = made.architecture().layout.views(point[None])
    w1, b1, w2, b2 = (views[f"dense{k}.{name}"][0] for k in (1, 2) for name in ("weight", "bias"))
    hidden = np.maximum(rows.x @ w1 + b1, 0)
    scores = hidden @ w2 + b2
    odds = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    weight = np.ones(len(rows.x)) if rows.weight is None else rows.weight
    dy = (odds - np.eye(odds.shape[1])[rows.y]) * (weight / weight.sum())[:, None]
    return (hidden, scores), (rows.x.T @ ((dy @ w2.T) * (hidden > 0)), hidden.T @ dy)


@pytest.mark.parametrize("weighted", [False, True])
def test_what_is_measured_is_what_numpy_computes(weighted):
    made = cohort(["adam"], hidden=(7,), epochs=3)
    rows = part(30, 4, 3, "classes", seed=5, weighted=weighted)
    again = retrained(made)
    found = layer_tracks(made, rows, again.points, again.statistics)
    assert [(each.layer, each.output, each.units) for each in found] == [
        ("dense1", "relu1", 7),
        ("dense2", "dense2", 3),
    ]
    for k, point in enumerate(again.points):
        outputs, gradients = by_hand(made, rows, point)
        for each, y, g in zip(found, outputs, gradients, strict=True):
            np.testing.assert_allclose(each.activations[k], np.quantile(y, QUANTILES), atol=1e-13)
            np.testing.assert_allclose(
                each.gradients[k], np.quantile(np.abs(g), QUANTILES), rtol=1e-9, atol=1e-15
            )
    assert found[1].dead is None


def test_units_that_are_dead_by_construction_are_counted():
    made = cohort(["sgd"], hidden=(6,))
    rows = part(40, 4, 3, "classes")
    layout = made.architecture().layout
    points = np.random.default_rng(0).standard_normal((3, layout.size))
    bias = layout.views(points)["dense1.bias"]
    bias[:] = 10
    bias[1, [0, 3]] = -1e6
    bias[2] = -1e6
    first, _ = layer_tracks(made, rows, points, np.empty((3, 0)))
    assert first.dead.tolist() == [0, 2, 6]
    assert not first.gradients[2].any(), "through dead units no gradient passes"
    almost = points[2:].copy()
    row = np.abs(rows.x[:, 0]).argmax()
    layout.views(almost)["dense1.weight"][0][:] = 0
    layout.views(almost)["dense1.weight"][0][0, 2] = np.sign(rows.x[row, 0])
    layout.views(almost)["dense1.bias"][0][2] = 1e-9 - abs(rows.x[row, 0])
    first, _ = layer_tracks(made, rows, almost, np.empty((1, 0)))
    assert first.dead.tolist() == [5], "a unit that one row wakes is not dead"


def test_dropout_is_off_and_batch_norm_uses_its_running_statistics():
    made = replace(cohort(["sgd"]), model=MLP(hidden=(5,), batch_norm=True, dropout=0.5))
    architecture, random = made.architecture(), np.random.default_rng(3)
    point = random.standard_normal((1, architecture.layout.size))
    running = random.uniform(0.5, 2, (1, architecture.statistics.size))
    rows = part(30, 4, 3, "classes")
    first, _ = layer_tracks(made, rows, point, running)
    x = {name: view[0] for name, view in architecture.layout.views(point).items()}
    own = {name: view[0] for name, view in architecture.statistics.views(running).items()}
    sums = rows.x @ x["dense1.weight"] + x["dense1.bias"]
    kind = next(name.partition(".")[0] for name in own)
    normal = (sums - own[f"{kind}.mean"]) / np.sqrt(own[f"{kind}.variance"] + 1e-5)
    y = np.maximum(normal * x[f"{kind}.scale"] + x[f"{kind}.shift"], 0)
    assert first.output == "relu1"
    np.testing.assert_allclose(first.activations[0], np.quantile(y, QUANTILES), atol=1e-12)


def test_a_unit_of_an_image_is_a_channel_and_residual_blocks_are_opened(monkeypatch):
    inputs = Inputs(16, image=(1, 4, 4))
    model = CNN(channels=(4, 4), pool=1, hidden=(6,), residual=True)
    architecture = Architecture(model, inputs, 3)
    made = cohort(["sgd"])
    monkeypatch.setattr(type(made), "architecture", lambda self: architecture)
    points = np.zeros((2, architecture.layout.size))
    for each in points:
        architecture.initialize(each, 1)
    architecture.layout.views(points)["residual1.convolution1.bias"][1, :3] = -1e6
    rows = part(12, 16, 3, "classes")
    found = layer_tracks(made, rows, points, np.empty((2, 0)))
    assert [(each.layer, each.output, each.units) for each in found] == [
        ("convolution1", "relu1", 4),
        ("residual1.convolution1", "residual1.relu1", 4),
        ("dense1", "relu2", 6),
        ("dense2", "dense2", 3),
    ]
    assert found[1].dead.tolist() == [0, 3]


def test_a_run_and_its_config_give_the_same_and_the_run_stays_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    optcli.train(SMALL, out="r", plots=False)
    before = {path: path.read_bytes() for path in (tmp_path / "r").rglob("*") if path.is_file()}
    found, other = optcli.layer_history("r"), optcli.layer_history("r/config.yaml")
    assert before == {p: p.read_bytes() for p in (tmp_path / "r").rglob("*") if p.is_file()}
    assert (found.title, found.outcome, found.notes) == ("r", "completed", ())
    assert found.epochs[[0, -1]].tolist() == [0, 4]
    assert len(found.epochs) <= 41
    for one, two in zip(found.layers, other.layers, strict=True):
        assert one.activations.tobytes() == two.activations.tobytes()
        assert one.gradients.tobytes() == two.gradients.tobytes()
    few = optcli.layer_history(optcli.load("r"), rows=10)
    assert (few.rows, few.training_rows) == (10, found.rows)


def test_the_command_shows_dead_units_and_draws(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "60")
    optcli.train(SMALL, out="r", plots=False)
    assert run(["explain", "layers", "r", "-o", "p.svg"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "layers of r over its training (completed)"
    assert max(map(len, lines)) <= 60
    found = optcli.layer_history("r")
    relu = next(line.split() for line in lines if line.startswith("relu1"))
    assert relu[1:] == ["5", *(str(found.layers[0].dead[k]) for k in (0, 3, 6, 9, 12))]
    assert found.layers[0].dead[-1] > 0
    assert lines[-1] == "plot: p.svg"
    drawn = (tmp_path / "p.svg").read_text()
    assert "<svg" in drawn
    axes = found.plot().axes
    assert len(axes) == 4
    np.testing.assert_allclose(axes[0].lines[0].get_ydata(), found.layers[0].activations[:, 2])

    steep = ["--set", "optimizer.lr=1e300", "-o", "d.png"]
    assert run(["explain", "layers", "r/config.yaml", *steep]) == 0
    said = capsys.readouterr()
    assert "note: training diverged" in said.err
    assert said.out.splitlines()[0].endswith("over its training (diverged)")

    assert run(["explain", "layers", "r", "--json"]) == 0
    head, *rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (head["event"], head["title"], head["rows"]) == ("layers", "r", found.rows)
    assert [row["layer"] for row in rows] == ["dense1", "dense2"]
    assert rows[0]["dead"] == found.layers[0].dead.tolist()
    assert rows[1]["gradients"] == found.layers[1].gradients.tolist()


def test_the_command_takes_a_run(capsys):
    assert run(["explain", "layers"]) == 2
    assert "RUN: is missing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("config", "rows", "message"),
    [
        (
            {"objective": "booth", "optimizer": "sgd", "training": {"steps": 3}},
            1000,
            "trains on an objective, which has no layers",
        ),
        (SMALL, 0, "must be 1 to 100,000"),
    ],
)
def test_what_has_no_layers_is_refused(tmp_path, monkeypatch, config, rows, message):
    monkeypatch.chdir(tmp_path)
    optcli.train(config, out="r", plots=False)
    for of in ("r", "r/config.yaml"):
        with pytest.raises(InvalidInput, match=message):
            optcli.layer_history(of, rows=rows)
