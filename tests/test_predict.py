"""Predict and evaluate, against the formula written out in NumPy and what the run measured."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

import optcli
from optcli.cli.main import run

ROOT = Path(__file__).parent.parent
IRIS = ROOT / "configs" / "data" / "iris.csv"
CONFIG = {
    "dataset": {"name": "csv", "path": str(IRIS), "target": "species"},
    "split": {"validation": 0},
    "model": "linear",
    "loss": "cross_entropy",
    "optimizer": {"name": "adam", "lr": 0.05},
    "training": {"epochs": 5},
    "dtype": "float64",
}


def table():
    with IRIS.open(newline="") as file:
        rows = list(csv.DictReader(file))
    x = np.array([[float(row[name]) for name in list(row)[:4]] for row in rows])
    return rows, x


def said(capsys, *words):
    code = run(list(map(str, words)))
    told = capsys.readouterr()
    return code, told.out, told.err


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("predict") / "run"
    optcli.train(CONFIG, out=place, plots=False)
    return place


def test_it_is_the_softmax_of_the_standardized_features(folder, capsys):
    rows, x = table()
    with np.load(folder / "model.npz") as arrays:
        w, b = arrays["parameters.dense1.weight"], arrays["parameters.dense1.bias"]
    scores = (x - x.mean(axis=0)) / x.std(axis=0) @ w + b
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    classes = sorted({row["species"] for row in rows})
    code, out, _ = said(capsys, "predict", folder, IRIS)
    found = list(csv.DictReader(io.StringIO(out)))
    assert (code, len(found)) == (0, len(rows))
    assert [row["species"] for row in found] == [classes[i] for i in scores.argmax(axis=1)]
    for i, name in enumerate(classes):
        column = [float(row[f"probability_{name}"]) for row in found]
        np.testing.assert_allclose(column, shares[:, i], rtol=1e-9)


def test_numbers_are_in_the_units_of_the_data(tmp_path, capsys):
    _, x = table()
    config = CONFIG | {
        "dataset": {
            "name": "csv",
            "path": str(IRIS),
            "target": "petal_width",
            "exclude": ["species"],
        },
        "loss": "mse",
    }
    optcli.train(config, out=tmp_path / "run", plots=False)
    with np.load(tmp_path / "run" / "model.npz") as arrays:
        w, b = arrays["parameters.dense1.weight"], arrays["parameters.dense1.bias"]
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    expected = (z[:, :3] @ w + b)[:, 0] * x[:, 3].std() + x[:, 3].mean()
    code, out, _ = said(capsys, "predict", tmp_path / "run", IRIS)
    head, *lines = out.splitlines()
    assert (code, head) == (0, "petal_width")
    np.testing.assert_allclose([float(line) for line in lines], expected, rtol=1e-9)


def test_a_file_holds_what_would_have_been_printed(folder, tmp_path, capsys):
    _, printed, _ = said(capsys, "predict", folder, IRIS)
    code, out, _ = said(capsys, "predict", folder, IRIS, "-o", tmp_path / "found.csv")
    assert (code, out) == (0, f"predictions: 150 rows in {tmp_path / 'found.csv'}\n")
    assert (tmp_path / "found.csv").read_text() == printed
    assert said(capsys, "predict", folder, IRIS, "-o", tmp_path / "found.csv", "-q")[1] == ""


def test_json_is_one_object_a_row(folder, capsys):
    rows = csv.DictReader(io.StringIO(said(capsys, "predict", folder, IRIS)[1]))
    _, out, _ = said(capsys, "predict", folder, IRIS, "--json")
    objects = [json.loads(line) for line in out.splitlines()]
    for row, each in zip(rows, objects, strict=True):
        assert each["event"] == "prediction"
        assert {name: str(value) for name, value in each["values"].items()} == row


def test_the_training_data_is_not_needed(tmp_path, capsys):
    copy = tmp_path / "iris.csv"
    copy.write_bytes(IRIS.read_bytes())
    config = CONFIG | {"dataset": CONFIG["dataset"] | {"path": str(copy)}}
    done = optcli.train(config, out=tmp_path / "run", plots=False)
    copy.unlink()
    loaded = optcli.load(tmp_path / "run")
    assert loaded.predict(IRIS).tolist() == done.predict(IRIS).tolist()
    assert loaded.summary == done.summary
    assert loaded.history["train_loss"] == done.history["train_loss"]


def test_what_cannot_predict_is_refused(tmp_path, folder, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    objective = {"objective": {"name": "beale"}, "optimizer": "sgd", "training": {"steps": 2}}
    optcli.train(objective, out="path", plots=False)
    optcli.trace("beale", ["sgd"], steps=2, out="trace", plots=False)
    Path("few.csv").write_text("sepal_length,sepal_width\n1,2\n")
    wrong = {
        ("path", IRIS): "path: minimizes beale, which has no model; name a run on a dataset\n",
        ("trace", IRIS): "trace: is a trace, not a training run; name a run of optcli train\n",
        ("nowhere", IRIS): "nowhere: no such folder\n",
        (folder, "nowhere.csv"): "nowhere.csv: no such file\n",
    }
    for words, message in wrong.items():
        assert said(capsys, "predict", *words)[::2] == (2, f"error: {message}")
    code, _, told = said(capsys, "predict", folder, "few.csv")
    assert (code, "few.csv: column 'petal_length': is missing" in told) == (2, True)


LABELLED = {
    "classes": {"loss": {"name": "cross_entropy", "class_weights": "balanced"}},
    "values": {"target": "petal_width", "loss": "mse"},
    "weights": {"weights": "petal_width", "loss": "cross_entropy"},
}


@pytest.mark.parametrize("case", LABELLED)
def test_the_test_rows_are_measured_as_the_run_measured_them(case, tmp_path, capsys):
    head, *rows = IRIS.read_text().splitlines(keepends=True)
    (tmp_path / "rows.csv").write_text(head + "".join(rows[:130]))  # classes of unlike size
    (tmp_path / "test.csv").write_text(head + "".join(rows[40:]))
    given = dict(LABELLED[case])
    columns = {name: given.pop(name) for name in ("target", "weights") if name in given}
    dataset = CONFIG["dataset"] | {"path": str(tmp_path / "rows.csv")} | columns
    split = {"validation": 0, "test": str(tmp_path / "test.csv")}
    config = CONFIG | given | {"dataset": dataset, "split": split}
    done = optcli.train(config, out=tmp_path / "run", plots=False)
    code, out, _ = said(capsys, "evaluate", tmp_path / "run", tmp_path / "test.csv", "--json")
    assert code == 0
    found = json.loads(out)
    measured = {name: found[name] for name in done.summary["test"]}
    assert (found["event"], measured) == ("evaluation", done.summary["test"])
    _, out, _ = said(capsys, "evaluate", tmp_path / "run", tmp_path / "test.csv")
    assert out.splitlines()[1].startswith("loss ")


def test_rows_without_labels_are_not_evaluated(folder, tmp_path, capsys):
    lines = [line.rpartition(",")[0] for line in IRIS.read_text().splitlines()]
    (tmp_path / "bare.csv").write_text("\n".join(lines))
    code, out, told = said(capsys, "evaluate", folder, tmp_path / "bare.csv")
    assert (code, out) == (2, "")
    assert "column 'species': is missing" in told


def test_schema_prints_what_editors_read(capsys):
    from optcli import config

    code, out, _ = said(capsys, "schema")
    assert (code, json.loads(out)) == (0, json.loads(json.dumps(config.schema())))
