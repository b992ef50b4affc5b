"""Export: what the files say is what predict says, of every layer, loss and kind of column."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import safetensors
import safetensors.numpy

import optcli
from optcli.cli.main import run
from optcli.core.errors import InvalidInput
from optcli.data.encoding import Encoder
from optcli.exports import onnx
from optcli.exports import scorer as python
from optcli.exports.safetensors import packed
from optcli.layers.activations import ACTIVATIONS
from optcli.layers.base import LAYERS, Layer
from optcli.layers.dense import Dense
from optcli.losses.base import LOSSES
from optcli.losses.mse import MSE
from optcli.models import CNN, MLP, MODELS
from optcli.plugins import loading

from . import export_cases as cases
from .onnx_reader import read

ROOT = Path(__file__).parent.parent


DATA = {"a": [1.0, 2, 3, 4], "kind": ["x", "y", "x", "y"], "none": [5.0] * 4}
STRICT = {
    "dataset": {"name": "table", "target": "t"},
    "split": {"validation": 0},
    "model": {"name": "mlp", "hidden": [3]},  # relu makes 0 of NaN in some runtimes
    "loss": "cross_entropy",
    "optimizer": "sgd",
    "training": {"epochs": 1},
}


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
        cases.Case(
            "stride", cases.with_numbers(images, model=CNN((3,), stride=2, pool=1)), images=True
        ),
        cases.Case("average", cases.with_numbers(images, model=CNN((3,), pooling="average")), True),
    ):
        assert 0 < agreement(case) < 2e-6, case.name


def test_what_predict_refuses_has_no_answer():
    """A missing value or an unknown category where none is let in; whatever is infinite."""
    done = cases.trained(STRICT, {**DATA, "t": ["p", "q", "q", "p"]})
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
    classes = ["", 'it\'s "{}"'] * 3
    done = cases.trained(STRICT, {**data, "t": classes})
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
        "-": "is standard output; name a file: .onnx, .safetensors or .py",
        "model.pt": "its suffix is '.pt'; must be .onnx, .safetensors or .py",
        "model": "has no suffix; must be .onnx, .safetensors or .py",
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


def test_safetensors_hold_the_arrays_and_the_preparation(tmp_path):
    run_ = cases.with_numbers(cases.trained_on_images(), model=CNN((3,), batch_norm=True))
    file = tmp_path / "m.safetensors"
    found = optcli.export(run_, file)
    trained, expected = run_.trained, run_.trained.arrays()
    assert [tensor.name for tensor in found.parts["tensors"]] == list(expected)
    with safetensors.safe_open(file, "numpy") as read_:
        metadata = read_.metadata()
        assert {*read_.keys()} == {*expected}
        for name, array in expected.items():
            assert read_.get_tensor(name).tobytes() == array.tobytes()
            assert read_.get_tensor(name).shape == array.shape
    assert expected["batch_norm1.variance"].shape == (3,)
    assert Encoder.from_json(json.loads(metadata["encoder"])) == trained.encoder
    assert json.loads(metadata["model"])["channels"] == [3]
    assert metadata["dtype"] == "float32"


def test_safetensors_of_arrays_in_any_order_of_memory():
    """The package's own writer stores some of these by their memory."""
    whole = np.arange(24.0).reshape(2, 3, 4)
    arrays = {
        "t": whole.T,
        "part": whole[:, ::2, 1:],
        "big": whole.astype(">f8"),
        "none": whole[:0],
    }
    arrays |= {
        'Łódź "': np.asfortranarray(whole[0].astype("f4")),
        "one": whole[0, 0, 0:1].reshape(()),
    }
    found = safetensors.numpy.load(packed(arrays, {"any": "text"}))
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert np.array_equal(found[name], array)
        assert found[name].shape == array.shape
    length = int.from_bytes(packed(arrays, {})[:8], "little")
    assert length % 8 == 0


def scorer(done):
    """The `predict` of a scorer's file."""
    content, _, _ = python.made(done.trained)
    names = {"__name__": "scorer"}
    exec(compile(content, "scorer.py", "exec"), names)
    return names["predict"]


def rows_of(X):
    """Columns as rows."""
    return [dict(zip(X, cells, strict=True)) for cells in zip(*X.values(), strict=True)]


def test_a_scorer_agrees_with_predict_for_every_layer_and_loss():
    for case in cases.cases():
        X, _ = cases.both(case)
        if case.images:
            names = [feature.name for feature in case.run.trained.encoder.features]
            X = dict(zip(names, X[:2].T.tolist(), strict=True))
        else:
            X = {name: cells[:6] for name, cells in X.items()}
        predict, expected = scorer(case.run), case.run.predictions(X)
        for i, row in enumerate(rows_of(X)):
            if not case.images:  # plain numbers
                row["price"] = row["price"].replace("$", "").replace(",", "")
            found = predict(row)
            assert list(found) == list(expected), case.name
            for name, value in found.items():
                if isinstance(value, str):
                    assert value == expected[name][i], case.name
                else:
                    assert value == pytest.approx(expected[name][i], rel=1e-12, abs=1e-12)


def test_a_scorer_takes_values_as_programs_have_them():
    predict, row = scorer(cases.trained_on("classes")), rows_of(cases.raw(2))[0]
    moment = datetime(1999, 12, 31, 10, 30)
    row |= {"price": "1234.5", "code": "8", "flag": "true", "when": "1999-12-31 10:30"}
    same = [
        {"price": 1234.5, "flag": True, "code": 8.0},
        {"code": "8.0", "city": f" {row['city']} "},
    ]
    same += [{"when": moment}, {"when": (moment - cases.EPOCH).total_seconds()}]
    assert [predict(row | other) for other in same] == [predict(row)] * len(same)
    gaps = [predict(row | {"size": gap}) for gap in (None, "NA", "", np.nan)]
    assert gaps == [gaps[0]] * 4
    assert gaps[0] != predict(row)
    assert predict(row | {"city": "Atlantis"}) == predict(row | {"city": "seldom"})
    for name, value, words in (
        ("size", "much", "column 'size' is 'much'; must be a plain number"),
        ("size", "inf", "must be finite"),
        ("when", "31.12.1999", "must be a date as 2024-12-31 10:00"),
    ):
        with pytest.raises(ValueError, match=words):
            predict(row | {name: value})
    with pytest.raises(ValueError, match="there is no column 'size'"):
        predict({})


def test_a_scorer_refuses_what_predict_refuses():
    done = cases.trained(STRICT, {**DATA, "t": ["p", "q", "q", "p"]})
    predict, row = scorer(done), {"a": 1, "kind": "x", "none": 5}
    assert predict(row)["t"] == done.predict({name: [value] for name, value in row.items()})[0]
    for name, value, words in (
        ("a", None, "column 'a' has no value"),
        ("none", "", "column 'none' has no value"),
        ("kind", "z", "column 'kind' is the unknown category 'z'"),
        ("kind", "", "column 'kind' has no value"),
    ):
        with pytest.raises(ValueError, match=words):
            predict(row | {name: value})


def test_a_scorer_is_a_command_that_needs_no_optcli(tmp_path):
    """Names of columns and classes cannot become code."""
    names = ['a "b"', "'''", '"""', "\\", "{x}", "Größe", "a\nb", "') or exit(7) #"]
    data = {name: [float(i * (j + 1) % 3) for i in range(6)] for j, name in enumerate(names)}
    done = cases.trained(STRICT, {**data, "t": ["'''\nexit(8)", '"\\'] * 3})
    done.export(tmp_path / "scorer.py")
    text = io.StringIO()
    csv.writer(text).writerows([[*names, "more"], *zip(*data.values(), ["-"] * 6, strict=True)])
    words = [sys.executable, "-I", "scorer.py"]

    def called(text):
        return subprocess.run(words, cwd=tmp_path, input=text.encode(), capture_output=True)

    ended = called(text.getvalue())
    assert (ended.returncode, ended.stderr) == (0, b"")
    found = list(csv.DictReader(io.StringIO(ended.stdout.decode(), newline="")))
    expected = done.predictions(data)
    assert [row["t"] for row in found] == expected.pop("t").tolist()
    shares = [[float(row[name]) for name in expected] for row in found]
    assert np.allclose(shares, np.stack(list(expected.values()), axis=1), rtol=0, atol=1e-6)
    ended = called(text.getvalue().replace("1.0", "much"))
    assert ended.returncode == 1
    assert b"is 'much'; must be a plain number" in ended.stderr


def test_a_scorer_has_its_limits(monkeypatch):
    done = cases.trained_on("classes")
    monkeypatch.setattr(python, "MOST", 3)
    with pytest.raises(InvalidInput, match=r"too many for a scorer in plain Python, whose most "):
        python.made(done.trained)
    monkeypatch.setattr(python, "MOST", 1000)
    monkeypatch.setattr(Dense, "name", "odd")
    with pytest.raises(InvalidInput, match="does not know the layer 'odd' of a plug-in"):
        python.made(done.trained)


def test_the_layer_of_the_page_on_plug_ins_is_exported(tmp_path):
    page = (ROOT / "docs" / "plugins.md").read_text().partition("## A layer")[2]
    code = re.search(r"```python\n(.*?)```", page, re.DOTALL)[1]
    with pytest.MonkeyPatch.context() as patch:
        for registry in (LAYERS, MODELS):
            registry.names()
            patch.setattr(registry, "_classes", dict(registry._classes))
        (tmp_path / "mine.py").write_text(code)
        loading.load([tmp_path / "mine.py"])
        model_ = MODELS.find("scaled_linear")()
        done = cases.with_numbers(cases.trained_on("values"), model=model_)
        assert agreement(cases.Case("scaled", done)) < 2e-6
        with pytest.raises(InvalidInput, match="does not know the layer 'scaled' of a plug-in"):
            python.made(done.trained)


def test_a_streamed_run(tmp_path):
    text = "a,kind,y\n" + "".join(f"{i / 7},{'xyz'[i % 3]},{i % 5}\n" for i in range(60))
    (tmp_path / "t.csv").write_text(text)
    dataset = {"name": "csv", "path": str(tmp_path / "t.csv"), "target": "y", "stream": True}
    config = {**STRICT, "dataset": dataset, "loss": "quantile", "dtype": "float64"}
    done = optcli.train(config, out=tmp_path / "run", plots=False)
    X = {"a": [0.5, 9.25], "kind": ["z", "x"]}
    feeds = {"a": np.array([[0.5], [9.25]]), "kind": np.array([["z"], ["x"]], object)}
    assert cases.difference(model(done)(feeds), cases.answers(done, X)) < 1e-12


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
