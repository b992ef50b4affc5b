"""Predict and evaluate, against the formula written out in NumPy and what the run measured."""

import csv
import gzip
import io
import json
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import optcli
from optcli.cli.main import run
from optcli.data import ndjson, pieces, streaming
from optcli.display import predict as display

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


# ---- columns that are kept, thresholds, tables in pieces ---------------------------------


ODD = """id,a,kind,note,y,probability_no,free text
007,1.50,p,"x, y",no,z,
1e3,2,q,NA,yes,=1+1,"a ""b"" c"
9007199254740993,-3,p,,no, w ,Ä
-0,0.25,q,?,yes,true,"two
lines"
"""
ODD_CONFIG = {
    "dataset": {"name": "csv", "path": "t.csv", "target": "y", "features": ["a", "kind"]},
    "split": {"validation": 0, "stratify": False},
    "model": "linear",
    "loss": "cross_entropy",
    "optimizer": "adam",
    "training": {"epochs": 2},
}


@pytest.fixture
def odd(tmp_path, monkeypatch):
    """A run in `r`, in a folder with the table t.csv, whose cells are odd."""
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text(ODD)
    return optcli.train(ODD_CONFIG, out="r", plots=False)


def rows_of(path):
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def test_columns_are_kept_as_they_were_written(odd, capsys, monkeypatch):
    plain = rows_of("t.csv")
    assert said(capsys, "predict", "r", "t.csv", "--keep", "all", "-o", "o.csv")[0] == 0
    kept = rows_of("o.csv")
    for row, before in zip(kept, plain, strict=True):
        # blanks at the ends of a cell are no part of it
        assert {name: row[name] for name in before} == {k: v.strip() for k, v in before.items()}
    predicted = ["predicted_y", "probability_no_2", "probability_yes"]
    assert list(kept[0]) == [*plain[0], *predicted]
    assert [row["predicted_y"] for row in kept] == odd.predict("t.csv").tolist()
    _, out, _ = said(capsys, "predict", "r", "t.csv", "--keep", "free text,id", "-o", "-")
    assert out.splitlines()[0] == "free text,id,y,probability_no,probability_yes"
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(ODD.encode())))
        again = said(capsys, "predict", "r", "-", "--keep", "free text", "--keep", "id")[1]
    assert again == out
    _, out, _ = said(capsys, "predict", "r", "t.csv", "--keep", "id", "--json")
    assert [json.loads(line)["values"]["id"] for line in out.splitlines()] == [
        row["id"] for row in plain
    ]
    code, _, told = said(capsys, "predict", "r", "t.csv", "--keep", "idd")
    assert (code, told.startswith("error: --keep: no column 'idd'; did you mean 'id'?")) == (
        2,
        True,
    )


def test_columns_of_typed_tables_are_kept_as_text(odd, capsys):
    frame = pl.DataFrame(
        {
            "a": [1.5, 2.0],
            "kind": ["p", "q"],
            "id": [9007199254740993, None],
            "t": [True, None],
            "d": [date(2024, 1, 5), None],
        }
    )
    frame.write_parquet("n.parquet")
    frame.with_columns(pl.col("d").cast(pl.String)).write_ndjson("n.ndjson")
    for name in ("n.parquet", "n.ndjson"):
        assert said(capsys, "predict", "r", name, "--keep", "id,t,d", "-o", "o.csv")[0] == 0
        first, second = rows_of("o.csv")
        told = [first[each] for each in ("id", "t", "d")]
        assert [text.lower() for text in told] == ["9007199254740993", "true", "2024-01-05"]
        assert [second[each] for each in ("id", "t", "d")] == ["", "", ""]
        assert said(capsys, "predict", "r", name, "--keep", "id", "-o", "o.parquet")[0] == 0
        assert pl.read_parquet("o.parquet")["id"].to_list() == ["9007199254740993", None]


def test_a_threshold_is_a_probability_of_the_positive_class(odd, capsys, tmp_path):
    shares = odd.predictions("t.csv")["probability_yes"]
    for threshold in (0.0, float(np.median(shares)), 1.0):
        expected = ["yes" if share > threshold else "no" for share in shares]
        assert odd.predict("t.csv", threshold=threshold).tolist() == expected
        words = ["predict", "r", "t.csv", "--threshold", threshold, "-o", "o.csv"]
        assert said(capsys, *words)[0] == 0
        assert [row["y"] for row in rows_of("o.csv")] == expected
    assert odd.predict("t.csv", threshold=0.5).tolist() == odd.predict("t.csv").tolist()
    labels = ODD_CONFIG["dataset"] | {"path": "l.csv", "target": ["u", "v"], "features": ["a"]}
    Path("l.csv").write_text("a,u,v\n" + "1,0,1\n2,1,1\n3,1,0\n" * 4)
    config = ODD_CONFIG | {"loss": "binary_cross_entropy", "dataset": labels}
    several = optcli.train(config, out="labels", plots=False)
    found = several.predictions("l.csv", threshold=0.6)
    for name in "uv":
        expected = np.where(found[f"probability_{name}"] > 0.6, "1", "0")
        assert found[name].tolist() == expected.tolist()
    values = optcli.train(
        config | {"loss": "mse", "dataset": labels | {"target": "v"}}, out="values", plots=False
    )
    what = "is for two classes or for labels; the run predicts"
    with pytest.raises(optcli.InvalidInput, match=f"threshold: {what} numbers"):
        values.predict("l.csv", threshold=0.5)
    with pytest.raises(optcli.InvalidInput, match=r"is 1\.5; must be a probability, from 0 to 1"):
        odd.predict("t.csv", threshold=1.5)


def test_three_classes_take_no_threshold(folder, capsys):
    code, out, told = said(capsys, "predict", folder, IRIS, "--threshold", 0.5)
    what = "is for two classes or for labels; the run predicts one of 3 classes"
    assert (code, out, told) == (2, "", f"error: --threshold: {what}\n")


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".tsv", ".ndjson", ".parquet"])
def test_a_table_in_pieces_gives_the_bytes_of_a_whole_one(odd, capsys, monkeypatch, suffix):
    rng = np.random.default_rng(0)
    columns = {
        "id": [f"{i:04}" for i in range(900)],
        "a": [float(f"{x:.3g}") for x in rng.normal(size=900)],
        "kind": [str(kind) for kind in rng.choice(["p", "q"], 900)],
    }
    frame, name = pl.DataFrame(columns), f"big{suffix}"
    if suffix == ".parquet":
        frame.write_parquet(name)
    elif suffix == ".ndjson":
        frame.write_ndjson(name)
    else:
        text = frame.write_csv(separator="\t" if suffix == ".tsv" else ",").encode()
        Path(name).write_bytes(gzip.compress(text) if suffix.endswith("gz") else text)
    words = ["predict", "r", name, "--keep", "all", "-o"]
    assert said(capsys, *words, "whole.csv")[0] == 0
    monkeypatch.setattr(pieces, "LARGE", 1)
    for module in (streaming, ndjson):
        monkeypatch.setattr(module, "CHUNK", 2000)
    monkeypatch.setattr(streaming, "BLOCK_ROWS", 100)
    blocks = list(odd.blocks(name, keep="all"))
    assert len(blocks) > 3
    assert said(capsys, *words, "pieces.csv")[0] == 0
    assert Path("pieces.csv").read_bytes() == Path("whole.csv").read_bytes()


def test_what_is_peculiar_in_a_piece_is_looked_at_as_a_whole(odd, capsys, monkeypatch):
    monkeypatch.setattr(pieces, "LARGE", 1)
    monkeypatch.setattr(streaming, "CHUNK", 200)
    rows = [f"{i},{'pq'[i % 2]}\n" for i in range(300)]
    cases = {
        "unknown": (rows[:200] + ["1,zz\n"] * 3, "202: column 'kind': is the unknown category"),
        "text": ([*rows[:200], "x,p\n"], "202: column 'a': is 'x', not a number"),
        "zeros": ([*rows[:200], "07,p\n"], "2: column 'a': is '0'; must be a number"),
        "short": ([*rows[:200], "7\n"], "202: has 1 field, the header has 2"),
    }
    for case, (lines, message) in cases.items():
        Path("big.csv").write_text("a,kind\n" + "".join(lines))
        code, _, told = said(capsys, "predict", "r", "big.csv", "-o", "o.csv")
        assert (code, f"error: big.csv:{message}" in told) == (2, True), (case, told)
        assert told.count("error:") == 1
        assert not Path("o.csv").exists()
    assert [path.name for path in Path().iterdir() if path.name.startswith(".new-")] == []


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_many_rows_are_written_as_the_csv_module_writes_them(delimiter, monkeypatch):
    rng = np.random.default_rng(0)
    texts = [
        "a",
        "",
        "x,y",
        'q "r"',
        "two\nlines",
        "tab\there",
        " pad ",
        "=1",
        "NA",
        "é",
        "cr\r",
        None,
    ]
    columns = {
        "p": np.concatenate([[0.0, -0.0, 1e16, 1e-4, np.nan, np.inf], rng.random(500)]),
        "e": 10.0 ** rng.uniform(-20, 20, 506) * rng.choice([-1, 1], 506),
        "text": np.array([texts[i % len(texts)] for i in range(506)], object),
        "class": np.array(["no", "yes, it is"])[np.arange(506) % 2],
    }
    plain = display.as_csv(columns, delimiter, display.no_formula)
    monkeypatch.setattr(display, "MANY", 1)
    assert display.as_csv(columns, delimiter, display.no_formula) == plain
