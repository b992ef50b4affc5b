"""Export: what the files say is what predict says, of every layer, loss and kind of column."""

from __future__ import annotations

import csv
import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

import optcli
from optcli.cli.main import run
from optcli.core.errors import InvalidInput
from optcli.exports import onnx
from optcli.layers.activations import ACTIVATIONS
from optcli.layers.base import LAYERS, Layer
from optcli.losses.base import LOSSES
from optcli.losses.mse import MSE
from optcli.models import CNN, MLP

from . import export_cases as cases
from .onnx_reader import read

ROOT = Path(__file__).parent.parent


def model(done):
    content, _, _ = onnx.made(done.trained)
    return read(content)


def agreement(case):
    """The largest difference between the ONNX model and predict."""
    X, feeds = cases.both(case)
    return cases.difference(model(case.run)(feeds), cases.answers(case.run, X))


def test_onnx_agrees_with_predict_for_every_layer_and_loss():
    layers, losses = set(), set()
    for case in cases.cases():
        assert agreement(case) < 1e-12, case.name
        trained = case.run.trained
        layers |= {step.layer.name for step in trained.architecture().every_step()}
        losses.add(trained.loss.name)
    assert layers == {*LAYERS.names(), *ACTIVATIONS.names()}
    assert losses == {*LOSSES.names()}


def test_float32_is_computed_in_float32():
    run_, images = cases.trained_on("values"), cases.trained_on_images()
    for case in (
        cases.Case("gelu", cases.with_numbers(run_, model=MLP(activation="gelu"))),
        cases.Case("max", cases.with_numbers(images, model=CNN((3,), stride=2)), images=True),
        cases.Case("average", cases.with_numbers(images, model=CNN((3,), pooling="average")), True),
    ):
        assert 0 < agreement(case) < 2e-6, case.name


def test_what_predict_refuses_has_no_answer():
    """A missing value or an unknown category where none is let in; whatever is infinite."""
    data = {"a": [1.0, 2, 3, 4], "kind": ["x", "y", "x", "y"], "none": [5.0] * 4}
    config = {
        "dataset": {"name": "table", "target": "t"},
        "split": {"validation": 0},
        "model": {"name": "mlp", "hidden": [3]},  # relu makes 0 of NaN in some runtimes
        "loss": "cross_entropy",
        "optimizer": "sgd",
        "training": {"epochs": 1},
    }
    done = cases.trained(config, {**data, "t": ["p", "q", "q", "p"]})
    nan, inf = np.nan, np.inf
    a = np.array([1, nan, inf, 2, 2, 2.0])[:, None]
    kind = np.array(["x", "x", "x", "z", "", "y"], object)[:, None]
    none = np.array([5, 5, 5, 5, 5, nan])[:, None]
    found = model(done)({"a": a, "kind": kind, "none": none})
    assert found["label"][0] in "pq"
    assert np.isfinite(found["probabilities"]).tolist() == [[True] * 2] + [[False] * 2] * 5
    assert found["label"][1:].tolist() == [""] * 5


def test_rows_of_none_and_one():
    for name in ("classes", "labels", "values"):
        read_ = model(cases.trained_on(name))
        for rows in (0, 1):
            found = read_({name: array[:rows] for name, array in cases.feeds(cases.raw()).items()})
            assert [len(array) for array in found.values()] == [rows] * len(found)


def test_sources_spell_categories_and_gaps_in_several_ways():
    done = cases.trained_on("classes")
    feeds = {name: np.repeat(array[:1], 4, 0) for name, array in cases.feeds(cases.raw()).items()}
    feeds["flag"] = np.array([["true"], ["True"], ["TRUE"], ["maybe"]], object)
    shares = model(done)(feeds)["probabilities"]
    assert shares[0].tolist() == shares[1].tolist() == shares[2].tolist() != shares[3].tolist()
    feeds = {name: np.repeat(array[:1], 4, 0) for name, array in feeds.items()}
    feeds["code"] = np.array([["8"], ["8.0"], ["08"], ["9"]], object)
    shares = model(done)(feeds)["probabilities"]
    assert shares[0].tolist() == shares[1].tolist() != shares[2].tolist() != shares[3].tolist()
    feeds["code"] = np.array([[""], ["NA"], ["nan"], ["None"]], object)
    shares = model(done)(feeds)["probabilities"]
    assert len({tuple(row) for row in shares.tolist()}) == 1


def test_dates_of_four_centuries():
    """The calendar in the graph is Python's."""
    days = [datetime(1600, 1, 1) + timedelta(days=37 * i, hours=i % 24) for i in range(4500)]
    data = {"when": [day.isoformat(" ") for day in days], "y": [float(i) for i in range(4500)]}
    config = {
        "dataset": {"name": "table", "target": "y", "dates": ["when"]},
        "split": {"validation": 0},
        "model": "linear",
        "loss": "mse",
        "optimizer": "sgd",
        "training": {"epochs": 1, "batch_size": "full"},
        "dtype": "float64",
    }
    done = cases.trained(config, data)
    seconds = np.array([(day - cases.EPOCH).total_seconds() for day in days])
    found = model(done)({"when": seconds[:, None]})
    assert cases.difference(found, cases.answers(done, {"when": data["when"]})) < 1e-12


def test_names_of_any_kind():
    names = ["label", "probabilities", 'a "b"', "Größe 🐧", "x", "X", "constant", "gemm", "a\nb"]
    data = {name: [float(i * j % 3) for i in range(6)] for j, name in enumerate(names)}
    config = {
        "dataset": {"name": "table", "target": "t"},
        "split": {"validation": 0},
        "model": "linear",
        "loss": "cross_entropy",
        "optimizer": "sgd",
        "training": {"epochs": 1},
    }
    classes = ["", 'it\'s "{}"'] * 3
    done = cases.trained(config, {**data, "t": ["", 'it\'s "{}"'] * 3})
    read_ = model(done)
    assert [name for name, *_ in read_.inputs] == names
    assert [name for name, *_ in read_.outputs] == ["label_2", "probabilities_2"]
    found = read_({name: np.array(values)[:, None] for name, values in data.items()})
    assert found["label_2"].tolist() == done.predict(data).tolist()
    assert json.loads(read_.metadata["classes"]) == [sorted(set(classes))]


def test_the_file_says_what_it_takes(tmp_path):
    done = cases.trained_on("values")
    found = optcli.export(done, tmp_path / "m.onnx")
    assert (tmp_path / "m.onnx").stat().st_size == found.size
    read_ = read((tmp_path / "m.onnx").read_bytes())
    assert read_.opsets == {"": 13, "ai.onnx.ml": 2}
    docs = {name: doc for name, _, _, doc in read_.inputs}
    assert docs["when"].startswith("seconds since 1970-01-01, of the time as it is written; NaN")
    assert docs["price"].startswith("number in $, without unit or thousands separators")
    assert docs["size"] == "number; NaN for a missing value"
    assert docs["city"].startswith("text, one of")
    assert [note.split(":")[0] for note in found.notes] == ["column 'when'", "column 'price'"]
    assert all(note in read_.doc for note in found.notes)
    assert json.loads(read_.metadata["target"]) == ["y", "z"]
    assert [tensor.name for tensor in found.parts["outputs"]] == ["values"]


def test_the_command(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "60")
    config = ROOT / "configs" / "iris.yaml"
    done = optcli.train(config, ["training.epochs=1"], out="run", plots=False)
    assert run(["export", "run", "iris.onnx"]) == 0
    said = capsys.readouterr().out
    assert all(len(line) <= 60 for line in said.splitlines())
    assert "probabilities (float64 [N, 3])" in " ".join(said.split())
    content = Path("iris.onnx").read_bytes()
    assert run(["export", "run", "iris.onnx"]) == 2
    assert "exists already; name another file, or give --overwrite" in capsys.readouterr().err
    assert run(["export", "run", "iris.onnx", "--overwrite", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["event"], said["bytes"], said["dtype"]) == ("export", len(content), "float32")
    assert said["inputs"][0]["name"] == "sepal_length"
    assert Path("iris.onnx").read_bytes() == content, "the same run gives the same bytes"
    assert done.export("again.onnx").size == len(content)
    refusals = {
        "-": "is standard output; name a file: .onnx",
        "model.pt": "its suffix is '.pt'; must be .onnx",
        "model": "has no suffix; must be .onnx",
        "run/model.onnx": "lies in a run folder; write elsewhere",
        "there/model.onnx": "there is no folder there; make it",
    }
    for name, words in refusals.items():
        assert run(["export", "run", name]) == 2
        assert words in " ".join(capsys.readouterr().err.split())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.onnx", "iris.onnx", "run"]


def test_what_has_no_model_or_no_onnx_form_says_so(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    objective = ROOT / "configs" / "rosenbrock.yaml"
    optcli.train(objective, ["training.steps=2"], out="path", plots=False)
    assert run(["export", "path", "m.onnx"]) == 2
    assert "minimizes rosenbrock, which has no model" in capsys.readouterr().err
    layer = type("Doubling", (Layer,), {"bind": None})()
    with pytest.raises(InvalidInput, match=r"layer 'Doubling' has no method onnx, see docs/plug"):
        layer.onnx(None, "x", {}, (2,))
    loss = type("Odd", (MSE,), {"respond": lambda self, scores: scores**2})()
    with pytest.raises(InvalidInput, match=r"has a method respond, but no method onnx"):
        loss.onnx(None, "scores", 1)


def test_a_run_of_version_0_1():
    done = optcli.load(ROOT / "tests" / "v0_1" / "train" / "table")
    with (ROOT / "tests" / "v0_1" / "data" / "mixed.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))[:20]
    feeds = {}
    for feature in done.trained.encoder.features:
        cells = [row[feature.name] for row in rows]
        numbers = [float(cell or "nan") for cell in cells] if feature.is_number else None
        feeds[feature.name] = np.array(
            cells if numbers is None else numbers, None if numbers else object
        )[:, None]
    X = {name: [row[name] or None for row in rows] for name in feeds}
    assert cases.difference(model(done)(feeds), cases.answers(done, X)) < 1e-6
