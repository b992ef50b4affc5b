"""Baselines beside every result, and the diagnosis: what went wrong, and what to do."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy import stats

import optcli
from optcli.cli.main import run
from optcli.training.baseline import Ending
from optcli.training.constant_guess import ConstantGuess
from optcli.training.diagnosis import Facts, diagnosis
from optcli.training.held_out import HeldOut, clopper_pearson, students_t

CHEAP = {"model": "linear", "optimizer": "adam", "training": {"epochs": 1}}


def trained(tmp_path, **sections):
    base = {
        "split": {"validation": 0.2},
        "model": {"name": "linear", "init": "lecun"},
        "loss": "cross_entropy",
        "optimizer": {"name": "adam", "lr": 0.01},
        "training": {"epochs": 20},
    }
    return optcli.train({**base, **sections}, out=tmp_path / "run", plots=False)


def table(tmp_path, columns, name="t.csv"):
    rows = zip(*columns.values(), strict=True)
    text = "\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)])
    (tmp_path / name).write_text(text + "\n")
    return {"name": "csv", "path": str(tmp_path / name), "target": "y"}


# ---- the baseline --------------------------------------------------------------------


def told(summary, part):
    return summary["baseline"][part]


def test_of_classes_it_is_the_most_frequent_and_the_class_shares(tmp_path):
    y = np.array([*["no"] * 70, *["yes"] * 30])
    x = np.random.default_rng(0).normal(size=(2, 100)) + (y == "yes")
    data = table(tmp_path, {"a": x[0], "b": x[1], "y": y})
    done = trained(
        tmp_path,
        dataset=data,
        split={"validation": 0.2, "test": 0.2},
        metrics=["accuracy", "f1", "roc_auc"],
    )
    entropy = -(0.7 * math.log(0.7) + 0.3 * math.log(0.3))  # stratified: the shares are the same
    for part in ("best", "test"):
        found = told(done.summary, part)
        assert found == pytest.approx({"loss": entropy, "accuracy": 0.7, "f1": 0, "roc_auc": 0.5})
    words = "always 'no', the more frequent class (70 % of the training rows)"
    words += "; for the loss, the best constant scores"
    assert done.summary["baseline"]["guess"] == words


def test_weights_of_classes_leave_the_most_frequent_class_the_guess(tmp_path):
    """The best constant for this loss predicts the rare class; a guess that counts does not."""
    data = {"name": "imbalanced", "samples": 200, "share": 0.2}
    loss = {"name": "cross_entropy", "class_weights": [1, 4]}
    done = trained(tmp_path, dataset=data, loss={**loss, "class_weights": [1, 16]})
    assert told(done.summary, "best")["accuracy"] == 0.8
    assert np.argmax(done.summary["baseline"]["scores"]) == 1
    done = optcli.train(
        {**CHEAP, "dataset": data, "loss": loss}, out=tmp_path / "even", plots=False
    )
    assert told(done.summary, "best")["loss"] == pytest.approx(math.log(2))
    assert done.summary["constant_loss"] == pytest.approx(math.log(2))


@pytest.mark.parametrize(
    ("loss", "fitted", "said"),
    [
        ("mse", np.mean, "the mean of"),
        ("mae", np.median, "the median of"),
        ({"name": "quantile", "quantile": 0.9}, lambda y: np.quantile(y, 0.9), "the 0.9 quantile"),
        ("poisson", np.mean, "the mean of"),
        ("gamma", np.mean, "the mean of"),
        ("huber", None, "the constant with the lowest loss"),
    ],
)
def test_of_values_it_is_the_statistic_that_suits_the_loss(tmp_path, loss, fitted, said):
    rng = np.random.default_rng(0)
    y = rng.poisson(4, 201) + 1.0
    data = table(tmp_path, {"a": rng.normal(size=201), "y": y})
    data["name"] = "csv"
    done = trained(tmp_path, dataset=data, split={"validation": 0}, loss=loss, metrics=["rmse"])
    (guess,) = done.summary["baseline"]["responses"]
    if fitted is not None:
        assert guess == pytest.approx(fitted(y), rel=1e-6)
    expected = np.sqrt(np.mean((y - guess) ** 2))
    assert told(done.summary, "best")["rmse"] == pytest.approx(expected, rel=1e-5)
    assert said in done.summary["baseline"]["guess"]


def test_a_price_has_no_exponent(tmp_path):
    prices = {"a": [1.0, 2.0], "y": [250_000.0, 350_000.5]}
    data = table(tmp_path, prices) | {"name": "csv"}
    guess = trained(tmp_path, dataset=data, split={"validation": 0}, loss="mse").summary["baseline"]
    assert guess["guess"] == "always 300,000, the mean of the training rows"


@pytest.mark.parametrize("weighted", [False, True])
def test_labels_that_are_counted_give_what_all_their_rows_give(weighted):
    from optcli.api.check import check
    from optcli.data.preparation import Part

    names = ["accuracy", "exact_match", "f1", "precision", "roc_auc"]
    config = {
        "dataset": {"name": "multilabel", "samples": 60},
        "model": "linear",
        "loss": "binary_cross_entropy",
        "optimizer": "sgd",
        "metrics": names,
    }
    cohort = check(config).cohort
    train = cohort.replicas[0].data.train
    rng = np.random.default_rng(0)
    weight = rng.random(len(train.y)) if weighted else None
    guess = ConstantGuess.of(cohort)
    found = guess.measured(cohort, Part(train.x, train.y, weight))
    same = np.tile(guess.responses, (1, len(train.y), 1))
    w = None if weight is None else weight[None]
    for metric in cohort.metrics:
        expected = metric.measure(same, train.y[None], w)[0]
        assert found[metric.name] == pytest.approx(expected, nan_ok=True)
    scores = np.tile(guess.scores, (1, len(train.y), 1))
    assert found["loss"] == pytest.approx(
        cohort.loss.value(scores, train.y[None].astype(float), w)[0]
    )


def test_an_objective_has_no_baseline(tmp_path):
    config = {"objective": "quadratic", "optimizer": "sgd", "training": {"steps": 20}}
    done = optcli.train(config, out=tmp_path / "run", plots=False)
    assert "baseline" not in done.summary
    assert done.summary["diagnosis"] == []


def test_it_is_shown_where_the_run_is(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = "dataset: {name: imbalanced, samples: 200, share: 0.2}\nsplit: {test: 0.2}\n"
    text += "model: linear\nloss: cross_entropy\noptimizer: adam\ntraining: {epochs: 2}\n"
    (tmp_path / "c.yaml").write_text(text)
    assert run(["train", "c.yaml", "--out", "run", "--no-plots"]) == 0
    shown = capsys.readouterr().out
    heading = next(line for line in shown.splitlines() if "validation  baseline" in line)
    assert heading.split() == ["best", "epoch", "2", "validation", "baseline", "test", "baseline"]
    assert "baseline: always '0', the more frequent class (80 % of the training rows)" in shown
    assert run(["runs", "show", "run"]) == 0
    again = capsys.readouterr().out
    assert heading in again.splitlines()


def test_evaluate_has_it_on_its_own_rows(tmp_path, capsys):
    """Of the training rows' guess, on rows where another class is the most frequent."""
    data = of_nothing(tmp_path)
    split = {"validation": 0.2, "test": 0.2}
    done = trained(tmp_path, dataset=data, split=split, training={"epochs": 2})
    said = done.summary["baseline"]["guess"].split("'")[1]
    y = [*[said] * 3, *[{"n": "y", "y": "n"}[said]] * 7]
    new = {"a": np.arange(10.0), "b": np.arange(10.0), "y": y}
    report = optcli.evaluate(done, new, resamples=0)
    assert report.baseline["accuracy"] == pytest.approx(0.3)
    assert report.to_json()["baseline"] == report.baseline
    assert run(["evaluate", str(tmp_path / "run"), data["path"]]) == 0
    assert "baseline" in capsys.readouterr().out.splitlines()[0]


# ---- intervals -----------------------------------------------------------------------


@pytest.mark.parametrize(("hits", "rows"), [(28, 30), (0, 7), (7, 7), (1, 1), (731, 2000)])
def test_the_interval_of_an_accuracy_is_clopper_and_pearsons(hits, rows):
    expected = stats.binomtest(hits, rows).proportion_ci(method="exact")
    assert clopper_pearson(hits, rows) == pytest.approx(tuple(expected), abs=1e-9)


@pytest.mark.parametrize("freedom", [3, 4, 10, 29, 1000])
def test_students_quantile(freedom):
    assert students_t(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=2e-3)


def test_the_advantage_over_the_baseline_is_a_paired_t_interval(tmp_path):
    """Of a linear model, by hand from the rows of the validation table."""
    rng = np.random.default_rng(0)
    x, new = rng.normal(size=60), rng.normal(size=25)
    data = table(tmp_path, {"a": x, "y": x + rng.normal(size=60)})
    table(tmp_path, {"a": new, "y": new + rng.normal(size=25)}, "v.csv")
    kept = {}
    from optcli.training import judgement

    def spying(facts):
        kept["facts"] = facts
        return diagnosis(facts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judgement, "diagnosis", spying)
        done = trained(
            tmp_path, dataset=data, split={"validation": str(tmp_path / "v.csv")}, loss="mse"
        )
    y = np.loadtxt(tmp_path / "v.csv", delimiter=",", skiprows=1)[:, 1]
    target = done.trained.encoder.target
    scale, mean = target.scale[0], target.mean[0]
    own = ((done.predict({"a": new}) - y) / scale) ** 2
    other = ((mean - y) / scale) ** 2
    expected = stats.ttest_rel(other, own).confidence_interval()
    (part,) = kept["facts"].parts
    assert part.interval == pytest.approx((expected.low, expected.high), rel=1e-3)
    assert part.advantage == pytest.approx(np.mean(other - own), rel=1e-4)


# ---- the diagnosis -------------------------------------------------------------------

CLOUDS = {"name": "blobs", "samples": 100}
LINE = {"name": "linear", "samples": 50, "noise": 0.1}
FULL = {"epochs": 9, "batch_size": "full"}


def far_off(tmp_path):
    x = np.random.default_rng(0).normal(size=(2, 80))
    return table(tmp_path, {"a": x[0], "b": x[1], "y": 1000 + x.sum(axis=0)})


def of_nothing(tmp_path):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 100))
    return table(tmp_path, {"a": a, "b": b, "y": rng.choice(["n", "y"], 100)})


ILL = {
    "flat": (
        {"dataset": CLOUDS, "optimizer": {"name": "sgd", "lr": 1e-9}, "training": {"epochs": 3}},
        "higher learning rate",
    ),
    "failed": (
        {"dataset": CLOUDS, "optimizer": {"name": "sgd", "lr": 1000.0}},
        "smaller learning rate",
    ),
    "rising": (
        {
            "dataset": LINE,
            "loss": "mse",
            "optimizer": {"name": "sgd", "lr": 0.87},
            "training": FULL,
        },
        "smaller learning rate",
    ),
    "overfitting": (
        {
            "dataset": {"name": "friedman", "samples": 150, "noise": 5},
            "loss": "mse",
            "model": {"name": "mlp", "hidden": [64]},
            "training": {"epochs": 60},
        },
        "early_stopping",
    ),
    "no_better": (
        {
            "dataset": of_nothing,
            "split": {"validation": 0.2, "test": 0.3},
            "model": {"name": "mlp", "hidden": [16], "init": "lecun"},
        },
        "inputs",
    ),
    "never_predicted": (
        {"dataset": {"name": "imbalanced", "samples": 600, "noise": 3.0}},
        "loss.class_weights=balanced",
    ),
    "no_more_accurate": (
        {
            "dataset": {"name": "imbalanced", "samples": 2000, "noise": 2.0, "seed": 3},
            "training": {"epochs": 5},
        },
        "threshold",
    ),
    "not_converged": (
        {
            "dataset": {"name": "blobs", "samples": 200},
            "optimizer": {"name": "sgd", "lr": 0.003},
            "training": {"epochs": 30},
        },
        "training.epochs=60",
    ),
    "too_few_rows": (
        {"dataset": {"name": "blobs", "samples": 50, "noise": 8, "seed": 2}},
        "split.validation=0.4",
    ),
    "first_loss": (
        {
            "dataset": lambda path: {**far_off(path), "standardize": False},
            "loss": "mse",
            "optimizer": {"name": "sgd", "lr": 0.1},
        },
        "dataset.standardize=true",
    ),
}


@pytest.mark.parametrize("name", ILL)
def test_every_diagnosis_has_a_run_that_provokes_it(tmp_path, name):
    sections, remedy = ILL[name]
    sections = {
        key: value(tmp_path) if callable(value) else value for key, value in sections.items()
    }
    found = trained(tmp_path, **sections).summary["diagnosis"]
    assert 1 <= len(found) <= 3
    named = {each["name"]: each for each in found}
    assert name in named
    assert remedy in named[name]["remedy"]
    assert all(isinstance(value, int | float) for value in named[name]["numbers"].values())


@pytest.mark.parametrize(
    "sections",
    [
        {"dataset": CLOUDS, "optimizer": {"name": "adam", "lr": 0.1}},
        {"dataset": {"name": "moons", "samples": 300},
         "model": {"name": "mlp", "hidden": [16], "init": "lecun"}},
        {"dataset": {"name": "linear"}, "loss": "mse", "optimizer": {"name": "adam", "lr": 0.05}},
        {"dataset": {"name": "multilabel"}, "loss": "binary_cross_entropy",
         "optimizer": {"name": "adam", "lr": 0.05}},
    ],
)  # fmt: skip
def test_a_healthy_run_has_none(tmp_path, sections):
    done = trained(tmp_path, **{"training": {"epochs": 40}, **sections})
    assert done.summary["diagnosis"] == []


def held(found, constant, rows=30, hits=28, error=0.01):
    counts = np.array([hits, rows - hits])
    return HeldOut("validation", rows, rows, found, constant, error, error, hits, counts, counts)


def test_the_sentence_of_few_rows_has_the_exact_interval():
    part = held({"loss": 0.3, "accuracy": 28 / 30}, {"loss": 0.31, "accuracy": 0.9})
    columns = {"epoch": [1], "train_loss": [0.3], "validation_loss": [0.3]}
    facts = Facts("completed", "cross_entropy", Ending(0.7, 0.31, 0.3), columns, 1, [part])
    (found,) = diagnosis(facts)
    assert "accuracy 0.9333, 95 % CI 0.78 to 0.99 on 30 validation rows" in found.fact
    sure = Facts(
        "completed", "cross_entropy", Ending(0.7, 0.31, 0.3), columns, 1,
        [held({"loss": 0.2, "accuracy": 28 / 30}, {"loss": 0.31, "accuracy": 0.5})],
    )  # fmt: skip
    assert diagnosis(sure) == []


def test_a_diagnosis_is_said_at_the_end_and_by_runs_show(tmp_path, capsys):
    sections, _ = ILL["flat"]
    trained(tmp_path, **sections)
    (flat, *_) = json.loads((tmp_path / "run/summary.json").read_text())["diagnosis"]
    assert run(["runs", "show", str(tmp_path / "run")]) == 0
    assert f"{flat['fact']}; {flat['remedy']}" in capsys.readouterr().out


def test_a_table_without_test_rows_is_told_that_its_score_is_optimistic(tmp_path):
    data = of_nothing(tmp_path)
    short = {"training": {"epochs": 1}}
    assert "split.test=0.2" in trained(tmp_path, dataset=data, **short).notes[-1]
    again = {"dataset": data, **short}
    for split, said in (({"validation": 0}, True), ({"test": 0.2}, False)):
        done = optcli.train(
            {**again, "split": split, "model": "linear", "loss": "cross_entropy",
             "optimizer": "sgd"}, out=tmp_path / "more", overwrite=True, plots=False,
        )  # fmt: skip
        assert any("optimistic" in note for note in done.notes) is said
