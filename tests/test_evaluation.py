"""Evaluations: against scikit-learn and SciPy, and from the command line."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import special, stats
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

import optcli
from optcli import plots
from optcli.api import evaluate
from optcli.cli.main import run
from optcli.core.errors import InvalidInput
from optcli.core.jsonable import jsonable
from optcli.data import csv as csv_file
from optcli.data import pieces, streaming
from optcli.data import row_hashes as hashing
from optcli.data.preparation import Part
from optcli.data.row_hashes import row_hashes
from optcli.display.evaluate import lines
from optcli.evaluation.calibration import calibration, wilson
from optcli.evaluation.importance import ColumnImportance, Drop, Importance
from optcli.evaluation.measuring import Settings, measured
from optcli.evaluation.report import TrainingRows
from optcli.evaluation.resampling import (
    affordable,
    effective,
    exact_interval,
    interval,
    resamples,
)
from optcli.evaluation.rows import Rows
from optcli.evaluation.thresholds import thresholds
from optcli.metrics import METRICS
from optcli.storage import files, kinds
from optcli.storage.destination import Destination
from optcli.training import training_rows

ROOT = Path(__file__).parent.parent
IRIS = ROOT / "configs" / "data" / "iris.csv"
N = 80
EXACT = {"rtol": 1e-10, "atol": 1e-10}


def rows_of(kind, outputs, *, weighted=False, seed=0, n=N):
    """Rows as a fair model would leave them, with ties."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(n, outputs))
    if outputs < 4:
        scores = (8 * scores).round() / 8  # for ties
    if kind == "classes":
        y = (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)
    elif kind == "labels":
        y = (scores + rng.logistic(size=scores.shape) > 0).astype(float)
    else:
        y = scores + rng.normal(size=scores.shape)
    weight = rng.uniform(0.2, 3, n) if weighted else np.ones(n)
    names = tuple(f"c{i}" for i in range(2 if (kind, outputs) == ("labels", 1) else outputs))
    losses = rng.random(n)
    return Rows(kind, names, scores, y, weight, weighted, losses, np.ones(n))


def points(rows, *names, count=0):
    metrics = [METRICS.find(name)() for name in names]
    return measured(rows, {}, metrics, Settings(resamples=count))


def values(measures):
    return {name: each.value for name, each in measures.items()}


# ---- the numbers ---------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("kind", "outputs"), [("classes", 2), ("classes", 4), ("labels", 1)])
def test_classes_are_measured_as_scikit_learn_does(kind, outputs, weighted):
    rows = rows_of(kind, outputs, weighted=weighted)
    found, w = points(rows), rows.weight
    p = special.softmax(rows.scores, axis=1)
    if kind == "labels":
        p = np.column_stack([1 - special.expit(rows.scores), special.expit(rows.scores)])
    true, guess = rows.true, p.argmax(axis=1)
    got = values(found["measures"])
    hot = np.eye(len(rows.names))[true]
    brier = (((p - hot) ** 2).sum(axis=1) @ w) / w.sum()
    expected = {
        "accuracy": sk.accuracy_score(true, guess, sample_weight=w),
        "log_loss": sk.log_loss(true, p, sample_weight=w),
        "brier": brier / (2 if rows.binary else 1),
    }
    if rows.binary:
        assert expected["brier"] == pytest.approx(
            sk.brier_score_loss(true, p[:, 1], sample_weight=w)
        )
    for name, value in expected.items():
        np.testing.assert_allclose(got[name], value, **EXACT, err_msg=name)

    each = sk.precision_recall_fscore_support(true, guess, sample_weight=w, zero_division=0)
    for i, of in enumerate(found["classes"]):
        for name, column in zip(("precision", "recall", "f1"), each, strict=False):
            np.testing.assert_allclose(of.measures[name].value, column[i], **EXACT)
        np.testing.assert_allclose(of.support, w[true == i].sum(), **EXACT)
        if "roc_auc" in of.measures:
            area = sk.roc_auc_score(true == i, p[:, i], sample_weight=w)
            np.testing.assert_allclose(of.measures["roc_auc"].value, area, **EXACT)
            area = sk.average_precision_score(true == i, p[:, i], sample_weight=w)
            np.testing.assert_allclose(of.measures["average_precision"].value, area, **EXACT)
    assert sum("roc_auc" in of.measures for of in found["classes"]) == (
        1 if rows.binary else outputs
    )
    for average in ("macro", "weighted"):
        several = sk.precision_recall_fscore_support(
            true, guess, average=average, sample_weight=w, zero_division=0
        )
        for name, value in zip(("precision", "recall", "f1"), several, strict=False):
            np.testing.assert_allclose(found["averages"][average][name].value, value, **EXACT)
    matrix = sk.confusion_matrix(true, guess, sample_weight=w)
    np.testing.assert_allclose(found["confusion"], matrix, **EXACT)

    curve = found["curves"][-1]
    x, y, _ = sk.roc_curve(true == len(rows.names) - 1, p[:, -1], sample_weight=w, **ALL)
    np.testing.assert_allclose(curve.false_positive_rate, x, **EXACT)
    np.testing.assert_allclose(curve.recall, y, **EXACT)
    precision, recall, at = sk.precision_recall_curve(
        true == len(rows.names) - 1, p[:, -1], sample_weight=w
    )
    np.testing.assert_allclose(curve.precision[::-1], precision, **EXACT)
    np.testing.assert_allclose(curve.recall[::-1], recall, **EXACT)
    np.testing.assert_allclose(curve.thresholds[:0:-1], at, rtol=1e-9)


ALL = {"drop_intermediate": False}


@pytest.mark.parametrize("weighted", [False, True])
def test_labels_are_measured_as_scikit_learn_does(weighted):
    rows = rows_of("labels", 3, weighted=weighted)
    found, w, y = points(rows), rows.weight, rows.y
    p, guess = special.expit(rows.scores), rows.scores > 0
    got = values(found["measures"])
    one = [sk.log_loss(y[:, i], p[:, i], sample_weight=w) for i in range(3)]
    np.testing.assert_allclose(got["log_loss"], np.mean(one), **EXACT)
    one = [sk.brier_score_loss(y[:, i], p[:, i], sample_weight=w) for i in range(3)]
    np.testing.assert_allclose(got["brier"], np.mean(one), **EXACT)
    exact = sk.accuracy_score(y, guess, sample_weight=w)
    np.testing.assert_allclose(got["exact_match"], exact, **EXACT)
    for average in ("macro", "weighted", "micro"):
        several = sk.precision_recall_fscore_support(
            y, guess, average=average, sample_weight=w, zero_division=0
        )
        for name, value in zip(("precision", "recall", "f1"), several, strict=False):
            np.testing.assert_allclose(found["averages"][average][name].value, value, **EXACT)
    area = sk.roc_auc_score(y, p, average=None, sample_weight=w)
    got = [of.measures["roc_auc"].value for of in found["classes"]]
    np.testing.assert_allclose(got, area, **EXACT)
    assert "confusion" not in found


@pytest.mark.parametrize("weighted", [False, True])
def test_values_are_measured_as_scikit_learn_does(weighted):
    rows = rows_of("values", 2, weighted=weighted)
    rows = replace(rows, scores=rows.scores + 1e4, y=rows.y + 1e4)  # far from 0
    found, w = points(rows), rows.weight
    options = {"sample_weight": w, "multioutput": "raw_values"}
    expected = {
        "rmse": sk.root_mean_squared_error(rows.y, rows.scores, **options),
        "mae": sk.mean_absolute_error(rows.y, rows.scores, **options),
        "r2": sk.r2_score(rows.y, rows.scores, **options),
        "bias": np.average(rows.scores - rows.y, axis=0, weights=w),
    }
    for i, of in enumerate(found["targets"]):
        for name, column in expected.items():
            np.testing.assert_allclose(of.measures[name].value, column[i], **EXACT)
        assert of.residuals["0.5"] == pytest.approx(np.median(rows.y[:, i] - rows.scores[:, i]))
    for name in ("rmse", "mae", "r2"):
        np.testing.assert_allclose(found["measures"][name].value, expected[name].mean(), **EXACT)


@pytest.mark.parametrize(
    ("kind", "outputs", "names"),
    [
        ("classes", 2, ["accuracy", "precision", "recall", "f1", "roc_auc"]),
        ("classes", 4, ["accuracy", "top_k", "precision", "recall", "f1", "roc_auc"]),
        ("labels", 1, ["accuracy", "precision", "recall", "f1", "roc_auc"]),
        ("labels", 3, ["accuracy", "exact_match", "precision", "f1", "roc_auc"]),
        ("values", 2, ["rmse", "mae", "r2"]),
    ],
)
def test_resamples_are_rows_drawn_with_replacement(kind, outputs, names):
    """Weights by how often a row is drawn give what the metric gives of the rows themselves."""
    rows = rows_of(kind, outputs, weighted=True, seed=3)
    specs = [METRICS.find(name)(**({"k": 2} if name == "top_k" else {})) for name in names]
    found = measured(rows, {}, specs, Settings(resamples=40, seed=5))
    drawn = np.concatenate([*resamples(5, N, 40)])
    assert (drawn.sum(axis=1) == N).all()
    for metric in specs:
        several = []
        for counts in drawn:
            at = np.repeat(np.arange(N), counts.astype(int))
            of = rows.scores[at], rows.y[at], rows.weight[at]
            several.append(float(metric.measure(*(each[None] for each in of))[0]))
        low, high = interval(np.array(several))
        got = found["measures"][metric.name]
        np.testing.assert_allclose([got.low, got.high], [low, high], rtol=1e-9)
        whole = metric.measure(rows.scores[None], rows.y[None], rows.weight[None])
        np.testing.assert_allclose(got.value, whole[0], **EXACT)
    loss = [(c * rows.weight) @ rows.losses / (c @ rows.weight) for c in drawn]
    got = found["measures"]["loss"]
    np.testing.assert_allclose([got.low, got.high], interval(np.array(loss)), rtol=1e-9)


def test_intervals_have_the_same_bits_twice_and_others_by_another_seed():
    rows = rows_of("classes", 3)
    first, again, other = (
        measured(rows, {}, [], Settings(resamples=60, seed=seed))["measures"] for seed in (1, 1, 2)
    )
    assert first == again
    assert first["log_loss"] != other["log_loss"]
    few = np.concatenate([*resamples(1, N, 3)])
    np.testing.assert_array_equal(few, np.concatenate([*resamples(1, N, 60)])[:3])


def test_large_tables_get_fewer_resamples():
    assert affordable(1000, 10_000) == 1000
    assert affordable(1000, 500_000) == 400
    assert affordable(1000, 10**8, 50) == 200
    assert affordable(100, 10**8) == 100
    assert affordable(0, 10) == 0


def test_a_share_of_all_or_of_none_gets_an_exact_interval():
    for rows in (1, 7, 30):
        for hits in (0, rows):
            exact = stats.binomtest(hits, rows).proportion_ci(0.95, "exact")
            assert exact_interval(hits / rows, rows) == pytest.approx((exact.low, exact.high))
    assert exact_interval(0.5, 10) is None
    assert exact_interval(1.0, 0) is None
    scores = np.array([[0.0, 2.0]] * 12 + [[2.0, 0.0]] * 8)
    y = scores.argmax(axis=1)
    rows = Rows("classes", ("a", "b"), scores, y, np.ones(20), False, np.ones(20), np.ones(20))
    found = points(rows, count=50)
    exact = stats.binomtest(20, 20).proportion_ci(0.95, "exact")
    assert found["measures"]["accuracy"].low == pytest.approx(exact.low)
    a, b = (of.measures["recall"] for of in found["classes"])
    assert a.low == pytest.approx(stats.binomtest(8, 8).proportion_ci(0.95, "exact").low)
    assert b.low == pytest.approx(stats.binomtest(12, 12).proportion_ci(0.95, "exact").low)
    assert found["measures"]["loss"].low is None  # the same in all resamples


def test_intervals_leave_out_what_is_not_defined():
    assert interval(np.array([1.0, 2.0] * 50)) == (1.0, 2.0)
    assert interval(np.append(np.array([1.0, 2.0] * 50), np.nan)) == (1.0, 2.0)
    assert interval(np.array([1.0, 2.0, np.nan])) is None
    assert interval(np.ones(10)) is None
    assert effective(np.ones(7)) == 7
    assert effective(np.array([1.0, 0.0, 1.0])) == 2


def test_the_calibration_error_is_that_of_guo():
    rng = np.random.default_rng(0)
    p = rng.random(500).round(2)
    true, w = rng.random(500) < p**2, rng.uniform(0.5, 2, 500)
    found = calibration("yes", p, true, w, 10)
    error = 0.0
    for b in range(10):
        own = (p > b / 10) & (p <= (b + 1) / 10) if b else p <= 0.1
        error += abs(w[own] @ true[own] - w[own] @ p[own]) / w.sum()
    assert found.error == pytest.approx(error, rel=1e-12)
    shares, means = calibration_curve(true, np.maximum(p - 1e-9, 0), n_bins=10)
    even = calibration("yes", p, true, np.ones(500), 10)
    np.testing.assert_allclose([b.accuracy for b in even.bins], shares, **EXACT)
    np.testing.assert_allclose([b.confidence for b in even.bins], means, atol=1e-8)
    of = even.bins[3]
    hits = round(of.accuracy * of.rows)
    exact = stats.binomtest(hits, of.rows).proportion_ci(0.95, "wilson")
    assert (of.ci_low, of.ci_high) == pytest.approx((exact.low, exact.high), rel=1e-5)
    assert wilson(1.0, 5)[1] == 1.0


def test_the_error_that_calibrated_probabilities_have_is_expected():
    rng = np.random.default_rng(1)
    p, w = rng.random(400) ** 2, rng.uniform(0.5, 2, 400)
    drawn = [calibration(None, p, rng.random(400) < p, w, 10) for _ in range(400)]
    mean = np.mean([found.error for found in drawn])
    assert drawn[0].expected == pytest.approx(mean, rel=0.06)


def test_a_threshold_divides_as_it_says():
    rng = np.random.default_rng(2)
    p = rng.random(300).round(2)
    true, w = rng.random(300) < p, rng.uniform(0.5, 2, 300)
    found = thresholds(p, true, w)
    for each in found:
        said = p > each.threshold
        expected = sk.precision_recall_fscore_support(
            true, said, average="binary", sample_weight=w, zero_division=0
        )
        got = (each.precision, each.recall, each.f1)
        np.testing.assert_allclose(got, expected[:3], **EXACT)
        assert each.predicted == pytest.approx(w[said].sum() / w.sum())
    best = next(each for each in found if each.best)
    every = [sk.f1_score(true, p > t, sample_weight=w) for t in np.unique(np.append(p - 0.005, 0))]
    assert best.f1 == pytest.approx(max(every))


# ---- training rows -------------------------------------------------------------------


def test_hashes_tell_rows_apart_and_know_them_again():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 9, (2000, 6)).astype(np.float32)
    y = rng.integers(0, 2, 2000)
    found = row_hashes(Part(x, y))
    key = {tuple(row): h for row, h in zip(np.column_stack([x, y]).tolist(), found, strict=True)}
    assert len(set(key.values())) == len(key)
    assert all(key[tuple(r)] == h for r, h in zip(np.column_stack([x, y]), found, strict=True))
    order = rng.permutation(2000)
    np.testing.assert_array_equal(row_hashes(Part(x[order], y[order])), found[order])
    assert not (row_hashes(Part(x, 1 - y)) == found).any()
    assert not (row_hashes(Part(x[:, ::-1].copy(), y)) == found)[x[:, 0] != x[:, 5]].any()
    minus = np.where(x == 0, np.float32(-0.0), x)
    np.testing.assert_array_equal(row_hashes(Part(minus, y)), found)
    # on every machine
    assert row_hashes(Part(np.array([[1.5, -2.0]], np.float32), np.array([1]))) == [PINNED]
    wide = Part(np.array([[1.5, -2.0]]), np.array([[0.25]]))
    assert row_hashes(wide) == [PINNED_WIDE]


PINNED = 6803582498273900545
PINNED_WIDE = 1298419227493957658


def test_of_many_training_rows_a_sample_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(training_rows, "MOST", 500)
    monkeypatch.setattr(hashing, "_PIECE_BYTES", 100)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5000, 3)), np.zeros((5000, 1))
    training_rows.write(tmp_path, Part(x, y))
    kept, about = files.read_arrays(tmp_path / training_rows.FILE)
    assert (about["rows"], kept["hashes"].tolist()) == (5000, sorted(row_hashes(Part(x, y)))[:500])
    half = np.concatenate([x[:2500], rng.normal(size=(2500, 3))])
    found = training_rows.look_up(tmp_path, Part(half, y))
    assert 400 < found.looked_up < 600
    assert found.found / found.looked_up == pytest.approx(0.5, abs=0.1)
    assert found.repeated == 0


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A folder with a run on iris and its table's rows, two thirds of which it was trained on."""
    place = tmp_path_factory.mktemp("evaluation")
    head, *rows = IRIS.read_text().splitlines(keepends=True)
    (place / "train.csv").write_text(head + "".join(rows[::3] + rows[1::3]))
    (place / "rest.csv").write_text(head + "".join(rows[2::3]))
    (place / "all.csv").write_text(head + "".join(rows))
    config = {
        "dataset": {"name": "csv", "path": str(place / "train.csv"), "target": "species"},
        "split": {"validation": 0},
        "model": "linear",
        "loss": "cross_entropy",
        "optimizer": {"name": "adam", "lr": 0.05},
        "training": {"epochs": 20},
    }
    optcli.train(config, out=place / "run", plots=False)
    (place / "train.csv").unlink()
    return place


def test_rows_of_the_training_are_said(here, capsys):
    assert run(["evaluate", str(here / "run"), str(here / "all.csv"), "--resamples", "0"]) == 0
    out = capsys.readouterr().out
    # one row of the rest is a copy of a training row
    assert "101 of 150 rows were among the training rows: these numbers are optimistic" in out
    report = optcli.evaluate(here / "run", here / "rest.csv", resamples=0)
    assert (report.training_rows.found, report.training_rows.optimistic) == (1, False)
    assert any("as duplicates in the data may explain" in line for line in lines(report, 200))


def test_a_run_without_hashes_says_nothing(here, tmp_path):
    report = optcli.evaluate(
        ROOT / "tests/v0_1/train/table", ROOT / "tests/v0_1/data/mixed.csv", resamples=0
    )
    assert report.training_rows is None


# ---- the report ----------------------------------------------------------------------


def test_the_loss_and_the_metrics_are_those_of_the_run(here):
    report = optcli.evaluate(here / "run", here / "rest.csv", resamples=0)
    assert dict(report.values) == optcli.load(here / "run").evaluate(here / "rest.csv")
    assert report.measures["log_loss"].value == pytest.approx(report.values["loss"], rel=1e-6)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_report_fits_its_width(here, width):
    report = optcli.evaluate(here / "run", here / "all.csv", resamples=20, importance=True)
    found = list(lines(report, width))
    assert max(map(len, found)) <= width
    text = "\n".join(found)
    for words in ("95 % interval", "setosa", "confusion matrix", "calibration error", "permuted"):
        assert words in text


def test_of_many_classes_the_most_confused_are_shown():
    rows = rows_of("classes", 30, n=600)
    found = points(rows)
    report = optcli.EvaluationReport.of(rows, {}, found)
    text = list(lines(report, 60))
    assert max(map(len, text)) <= 60
    assert "the 10 pairs of 30 classes that are confused most often" in text
    assert any(line.startswith("and 10 more, with a higher F1") for line in text)
    wrong = found["confusion"] - np.diag(np.diag(found["confusion"]))
    assert found["confused"][0].rows == wrong.max()


def test_a_folder_holds_tables_and_pictures(here, tmp_path, capsys):
    words = ["evaluate", str(here / "run"), str(here / "all.csv"), "--out", str(tmp_path / "e")]
    assert run([*words, "--importance", "--repeats", "2", "--resamples", "50", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    kept = json.loads((tmp_path / "e" / "evaluation.json").read_text())
    assert {k: v for k, v in told.items() if k not in ("event", "folder")} == kept
    assert (told["event"], told["folder"]) == ("evaluation", str(tmp_path / "e"))
    names = {path.name for path in (tmp_path / "e").iterdir()}
    assert names >= {
        *("measures.csv", "confusion.csv", "roc.csv", "precision-recall.csv", "reliability.csv"),
        *("importance.csv", "confusion.png", "roc.png", "precision-recall.png", "reliability.png"),
        "importance.png",
    }
    with (tmp_path / "e" / "measures.csv").open(newline="") as file:
        cells = {(row["measure"], row["of"]): row for row in csv.DictReader(file)}
    assert float(cells["accuracy", ""]["value"]) == told["accuracy"]
    assert float(cells["f1", "setosa"]["value"]) == told["classes"][0]["f1"]["value"]
    assert len(told["importance"]["columns"]) == 4
    assert run([*words, "--quiet"]) == 2  # it is not empty
    assert run([*words, "--quiet", "--overwrite", "--no-plots", "--resamples", "0"]) == 0
    assert not list((tmp_path / "e").glob("*.png"))
    assert run(["runs", "list", str(tmp_path)]) == 0
    (line,) = capsys.readouterr().out.splitlines()[1:]
    shown = f"e evaluate done accuracy {told['accuracy']:.4f} on 150 rows"
    assert line.split() == shown.split()
    out = [*words[:-1], str(here / "run"), "--overwrite"]
    assert run(out) == 2
    assert "is the run itself" in capsys.readouterr().err
    assert (here / "run" / "model.npz").exists()


def keep(report, folder):
    with Destination(kinds.EVALUATE, "evaluate", folder, False).claim("seed: 0\n", {}) as claimed:
        evaluate.save(report, claimed, plots=False)


@pytest.mark.parametrize(
    ("kind", "outputs"), [("classes", 3), ("classes", 2), ("labels", 3), ("values", 2)]
)
def test_a_report_is_the_same_when_it_is_opened(kind, outputs, tmp_path):
    rows = rows_of(kind, outputs, weighted=True)
    found = points(rows, *(["accuracy"] if kind == "classes" else []), count=20)
    drops = Drop(0.5, (0.25, 0.75)), Drop(-0.0, None)
    columns = (ColumnImportance("a", *drops), ColumnImportance("b", *drops))
    found |= {
        "importance": Importance(columns, "accuracy", N, 10, ("a", "b", -0.9)),
        "training_rows": TrainingRows(3, N, N, 0.5),
        "baseline": {"loss": 0.7},
        "notes": ("a note",),
    }
    report = optcli.EvaluationReport.of(rows, {"loss": np.nan}, found, "t.csv")
    found_in = Path(tmp_path / "e")
    keep(report, found_in)
    again = optcli.load(found_in, optcli.EvaluationReport)
    assert jsonable(again.to_json()) == jsonable(report.to_json())
    assert again.folder == found_in
    assert list(lines(replace(again, folder=None), 80)) == list(lines(report, 80))
    for mine, other in zip(again.targets, report.targets, strict=True):
        np.testing.assert_array_equal(mine.predictions, other.predictions)
        np.testing.assert_array_equal(mine.values, other.values)
    for mine, other in zip(again.curves, report.curves, strict=True):
        np.testing.assert_array_equal(mine.thresholds, other.thresholds)
    assert again._repr_html_().startswith("<table>")


def test_every_picture_is_drawn_by_its_name(here, tmp_path):
    report = optcli.evaluate(here / "run", here / "all.csv", resamples=0, out=tmp_path / "e")
    again = optcli.load(tmp_path / "e", optcli.EvaluationReport)
    for name in ("confusion", "roc", "precision-recall", "reliability"):
        drawn = plots.render(again.plot(name))
        assert drawn == plots.render(report.plot(name))
        assert drawn == (tmp_path / "e" / f"{name}.png").read_bytes()
    assert plots.render(again.plot()) == plots.render(again.plot("confusion"))
    with pytest.raises(InvalidInput, match="name: is 'residuals'; must be one of confusion, roc"):
        again.plot("residuals")


def test_of_many_rows_some_residuals_are_kept(tmp_path):
    rows = rows_of("values", 1, n=12_345)
    report = optcli.EvaluationReport.of(rows, {}, points(rows))
    keep(report, tmp_path / "e")
    (kept,) = optcli.load(tmp_path / "e", optcli.EvaluationReport).targets
    places = np.linspace(0, 12_344, 5000).astype(int)
    np.testing.assert_array_equal(kept.values, rows.y[places, 0])
    np.testing.assert_array_equal(kept.predictions, rows.scores[places, 0])


def test_labels_are_calibrated_each_for_itself(tmp_path):
    rows = rows_of("labels", 3, weighted=True)
    report = optcli.EvaluationReport.of(rows, {}, points(rows))
    for i, label in enumerate(report.classes):
        p, true = rows.probabilities[:, i], rows.y[:, i] > 0
        assert label.calibration == calibration(f"c{i}", p, true, rows.weight, 10)
    assert report.calibration is None
    keep(report, tmp_path / "e")
    with (tmp_path / "e" / "reliability.csv").open(newline="") as file:
        kept = list(csv.DictReader(file))
    assert {row["of"] for row in kept} == {"c0", "c1", "c2"}
    assert sum(int(row["rows"]) for row in kept) == 3 * N
    worst = max(report.classes, key=lambda c: c.calibration.error - c.calibration.expected)
    assert f"of '{worst.name}', of which" in " ".join(lines(report, 80))


def test_nothing_is_written_without_out(here, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in here.rglob("*")}
    assert run(["evaluate", str(here / "run"), str(here / "all.csv"), "-q"]) == 0
    assert {path: path.stat().st_mtime_ns for path in here.rglob("*")} == before
    assert not list(tmp_path.iterdir())


def test_wrong_numbers_are_refused(here, capsys):
    words = ["evaluate", str(here / "run"), str(here / "all.csv")]
    wrong = ["--bins", "1", "--resamples", "-1", "--repeats", "0", "--seed", "-1"]
    assert run([*words, *wrong]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "error: --resamples: is -1; must be 0 to 100,000",
        "error: --bins: is 1; must be 2 to 100",
        "error: --repeats: is 0; must be 1 to 1,000",
        "error: --seed: is -1; must be at least 0",
    ]


def test_balanced_class_weights_are_those_of_the_training_rows(here, tmp_path):
    config = optcli.load(here / "run").config.resolved()
    (tmp_path / "t.csv").write_text((here / "all.csv").read_text())
    config["dataset"]["path"] = str(tmp_path / "t.csv")
    config["loss"] = {"name": "cross_entropy", "class_weights": "balanced"}
    done = optcli.train(config, out=tmp_path / "run", plots=False)
    head, *rows = IRIS.read_text().splitlines(keepends=True)
    (tmp_path / "one.csv").write_text(head + rows[0])  # lacks two of the three classes
    report = optcli.evaluate(done, tmp_path / "one.csv", resamples=10)
    assert report.values["loss"] == pytest.approx(report.measures["log_loss"].value, rel=1e-5)


# ---- importance ----------------------------------------------------------------------


def test_a_column_is_permuted_with_all_its_inputs(tmp_path):
    """What the report says of a column is what its table, with that column permuted, gives."""
    rng = np.random.default_rng(0)
    n = 200
    colour, x, noise = rng.integers(0, 3, n), rng.normal(size=n), rng.normal(size=n)
    table = {"colour": np.array(["red", "green", "blue"])[colour], "x": x, "noise": noise}
    table["y"] = 3.0 * (colour == 1) + x + 0.1 * rng.normal(size=n)
    with (tmp_path / "t.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(table)
        writer.writerows(zip(*table.values(), strict=True))
    config = {
        "dataset": {"name": "csv", "path": str(tmp_path / "t.csv"), "target": "y"},
        "split": {"validation": 0},
        "model": "linear",
        "loss": "mse",
        "optimizer": {"name": "adam", "lr": 0.05},
        "training": {"epochs": 60},
        "metrics": ["r2"],
    }
    done = optcli.train(config, out=tmp_path / "run", plots=False)
    report = optcli.evaluate(done, table, importance=True, repeats=3, resamples=0, seed=7)
    found = {column.name: column for column in report.importance.columns}
    assert set(found) == {"colour", "x", "noise"}
    assert abs(found["noise"].loss.value) < 0.02 < found["x"].loss.value
    assert found["colour"].metric.interval[0] > 0.1
    from optcli.core.randomness import generator

    whole = done.evaluate(table)
    for number, name in enumerate(["colour", "x", "noise"]):
        rises, drops = [], []
        for repeat in range(3):
            order = generator(7, "importance", number, repeat).permutation(n)
            other = done.evaluate(table | {name: table[name][order]})
            rises.append(other["loss"] - whole["loss"])
            drops.append(whole["r2"] - other["r2"])
        assert found[name].loss.value == pytest.approx(np.mean(rises), abs=1e-6)
        assert found[name].metric.value == pytest.approx(np.mean(drops), abs=1e-6)
        low, high = found[name].loss.interval
        assert low < np.mean(rises) < high


def test_columns_that_stand_in_for_each_other_are_named(here):
    report = optcli.evaluate(here / "run", here / "all.csv", importance=True, repeats=1)
    a, b, r = report.importance.correlated
    assert (a, b) == ("petal_length", "petal_width")
    assert r == pytest.approx(0.963, abs=0.001)


# ---- training, evaluate and predict agree --------------------------------------------

TASKS = {
    "classes": ("blobs", {"loss": "cross_entropy"}),
    "label": ("moons", {"loss": "binary_cross_entropy"}),
    "labels": ("multilabel", {"loss": "binary_cross_entropy"}),
    "values": ("friedman", {"loss": "mse"}),
    "hinge": ("moons", {"loss": "hinge"}),
}


@pytest.mark.parametrize("way", ["plain", "weighted", "streamed"])
@pytest.mark.parametrize("task", TASKS)
def test_training_evaluate_and_predict_agree(task, way, tmp_path, monkeypatch):
    weighted = way == "weighted"
    if way == "streamed":
        monkeypatch.setattr(streaming, "LARGE", 1)
        monkeypatch.setattr(csv_file, "KEPT_BYTES", 1)
        monkeypatch.setattr(pieces, "LARGE", 1)
        monkeypatch.setattr(streaming, "CHUNK", 1000)
    name, keys = TASKS[task]
    source = optcli.check({**BASE, "dataset": {"name": name, "samples": 150}, **keys})
    roles = source.config.dataset.roles()
    table = source.config.task().table()
    columns = {n: list(map(_cell, [c] * len(c), range(len(c)))) for n, c in table.columns.items()}
    columns["w"] = np.random.default_rng(0).uniform(0.2, 2, table.rows).tolist()
    for part, rows in (("train", slice(0, 100)), ("test", slice(100, None))):
        with (tmp_path / f"{part}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(zip(*(of[rows] for of in columns.values()), strict=True))
    dataset = {"name": "csv", "path": str(tmp_path / "train.csv"), "target": list(roles.target)}
    dataset |= {"weights": "w"} if weighted else {"exclude": ["w"]}
    split = {"validation": 0, "test": str(tmp_path / "test.csv")}
    config = {**BASE, "dataset": dataset, "split": split, **keys}
    assert optcli.check(config).data.train.streamed == (way == "streamed")
    done = optcli.train(config, out=tmp_path / "run", plots=False)
    report = optcli.evaluate(done, tmp_path / "test.csv", resamples=0)
    assert dict(report.values) == done.summary["test"]
    if way == "streamed":
        seen = optcli.evaluate(done, tmp_path / "train.csv", resamples=0).training_rows
        assert (seen.found, seen.of) == (100, 100)

    w = np.array(columns["w"][100:]) if weighted else np.ones(50)
    said = optcli.load(tmp_path / "run").predictions(tmp_path / "test.csv")
    if task == "values":
        got = np.array(columns[roles.target[0]][100:])
        rmse = np.sqrt(np.average((said[roles.target[0]] - got) ** 2, weights=w))
        assert done.summary["test"]["rmse"] == pytest.approx(rmse, abs=1e-6)
        return
    right = [
        np.array(said[target], str) == np.array(columns[target][100:], str)
        for target in roles.target
    ]
    accuracy = np.average(np.mean(right, axis=0), weights=w)
    assert done.summary["test"]["accuracy"] == pytest.approx(accuracy, abs=1e-6)
    if task in ("classes", "label"):
        target = roles.target[0]
        classes = sorted({str(each) for each in columns[target]})
        if task == "classes":
            p = [float(said[f"probability_{c}"][i]) for i, c in enumerate(columns[target][100:])]
        else:
            of = said[f"probability_{target}"]
            p = np.where(np.array(columns[target][100:], str) == classes[-1], of, 1 - of)
        loss = np.average(-np.log(p), weights=w)
        assert done.summary["test"]["loss"] == pytest.approx(loss, abs=1e-6)
        assert report.measures["log_loss"].value == pytest.approx(loss, abs=1e-6)


BASE = {
    "model": {"name": "mlp", "hidden": [8]},
    "optimizer": {"name": "adam", "lr": 0.01},
    "training": {"epochs": 3},
}


def _cell(column, row):
    if hasattr(column, "categories"):
        return column.text(row)
    value = column.value(row)
    return int(value) if value.is_integer() else value


# ---- what is odd ---------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "outputs"), [("classes", 3), ("labels", 1), ("labels", 3)])
def test_one_class_alone_and_one_row_alone(kind, outputs):
    rows = rows_of(kind, outputs)
    for y, n in ((np.zeros_like(rows.y), N), (rows.y, 1)):
        own = Rows(
            kind, rows.names, rows.scores[:n], y[:n], np.ones(n), False, np.ones(n), np.ones(n)
        )
        found = points(own, "roc_auc", count=20)
        report = optcli.EvaluationReport.of(own, {}, found)
        assert list(lines(report, 80))
    if outputs == 1:  # to draw takes long
        _drawn(report)


def test_scores_that_are_not_finite_are_reported_as_such():
    rows = rows_of("classes", 3)
    rows.scores[5] = np.nan
    with np.errstate(all="ignore"):
        found = points(rows, count=20)
    report = optcli.EvaluationReport.of(rows, {"loss": np.nan}, found)
    assert np.isnan(found["measures"]["log_loss"].value)
    assert any("nan" in line for line in lines(report, 80))
    _drawn(report)


def test_pictures_of_awkward_names_and_of_values():
    rows = replace(rows_of("classes", 4), names=("$x$", "a" * 200, "\n", "猫"))
    _drawn(optcli.EvaluationReport.of(rows, {}, points(rows), "$"))
    values = rows_of("values", 2)
    values.scores[0, 0] = np.inf
    with np.errstate(all="ignore"):
        report = optcli.EvaluationReport.of(values, {}, points(values))
    assert [name for name, _ in _drawn(report)] == ["residuals-1.png", "residuals-2.png"]


def _drawn(report):
    from optcli.plots import evaluation

    found = list(evaluation.pictures(report))
    assert all(content.startswith(b"\x89PNG") for _, content in found)
    return found
