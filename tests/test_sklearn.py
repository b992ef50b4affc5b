"""Estimators: scikit-learn's own checks, its tools, data frames, and the numbers of `train`."""

from __future__ import annotations

import doctest
import pickle
import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.datasets import make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import optcli
from optcli.sklearn import (
    InvalidParameters,
    OptcliClassifier,
    OptcliRegressor,
    classifier,
    regressor,
)
from tests.for_each import for_each

ROOT = Path(__file__).parent.parent
# What depends on the number of epochs, or on none being random.
OF_TRAINING = {
    "check_classifiers_train",
    "check_regressors_train",
    "check_regressors_int",
    "check_sample_weight_equivalence_on_dense_data",
    "check_classifiers_classes",
}


@pytest.fixture
def table():
    """Numbers, categories, dates of a column with gaps, and two classes."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "size": rng.normal(50, 20, 120),
            "kind": rng.choice(["a", "b", "c"], 120),
            "age": rng.integers(0, 90, 120).astype(float),
        }
    )
    frame.loc[[3, 50], "age"] = np.nan
    frame.loc[[7], "kind"] = None
    y = pd.Series(np.where((frame["kind"] == "a") | (frame["size"] > 60), "yes", "no"), name="buys")
    return frame, y


def numbers(rows=60, columns=3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, columns))
    return X, (X[:, 0] + X[:, 1] ** 2 > 0.5).astype(int)


def run_check(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)


def checks(*estimators):
    found = parametrize_with_checks(list(estimators)).args[1]
    return [
        pytest.param(*pair, id=f"{type(pair[0]).__name__}-{pair[1].func.__name__}-{i}")
        for i, pair in enumerate(found)
        if (pair[1].func.__name__ in OF_TRAINING) == (pair[0].epochs == 100)
    ]


@pytest.mark.parametrize(
    ("estimator", "check"), checks(OptcliClassifier(epochs=4), OptcliRegressor(epochs=4))
)
def test_scikit_learn_finds_nothing_wrong(estimator, check):
    run_check(estimator, check)


@pytest.mark.long
@pytest.mark.parametrize(("estimator", "check"), checks(OptcliClassifier(), OptcliRegressor()))
def test_scikit_learn_finds_nothing_wrong_in_training(estimator, check):
    run_check(estimator, check)


def in_polars(frame):
    """The frame in polars, whose own conversion needs pyarrow."""
    return pl.DataFrame(
        {name: [None if pd.isna(value) else value for value in frame[name]] for name in frame}
    )


# ---- the numbers of train ------------------------------------------------------------


@pytest.mark.parametrize("as_frame", [pd.DataFrame, in_polars])
def test_a_classifier_has_the_numbers_of_train(table, tmp_path, as_frame):
    frame, y = table
    weight = np.random.default_rng(1).integers(1, 4, len(y)).astype(float)
    X = as_frame(frame)
    model = OptcliClassifier(
        hidden=(8,), early_stopping=True, missing="impute", epochs=15, random_state=3
    )
    model.fit(X, y, sample_weight=weight)
    whole = frame.assign(buys=y, sample_weight=weight)
    run = optcli.train(model.config_, data=whole, out=tmp_path / "run", plots=False)
    assert run.history["validation_loss"] == pytest.approx(model.validation_loss_curve_, rel=1e-6)
    assert run.history["train_loss"] == pytest.approx(model.loss_curve_, rel=1e-6)
    assert run.summary["best"]["epoch"] == model.best_epoch_
    named = run.predictions(frame)
    shares = np.stack([named[f"probability_{each}"] for each in model.classes_], axis=1)
    assert np.abs(shares - model.predict_proba(X)).max() < 1e-6
    assert named["buys"].tolist() == model.predict(X).tolist()


def test_a_regressor_has_the_numbers_of_train(tmp_path):
    X, _ = numbers()
    X = X.astype(np.float32)
    y = np.c_[X[:, 0] * 40 + 7, X[:, 1] - X[:, 2]]
    model = OptcliRegressor(epochs=10, lr=0.01, optimizer="momentum", random_state=1).fit(X, y)
    assert model.config_["dtype"] == "float32"
    data = {"x1": X[:, 0], "x2": X[:, 1], "x3": X[:, 2], "y1": y[:, 0], "y2": y[:, 1]}
    run = optcli.train(model.config_, data=data, out=tmp_path / "run", plots=False)
    assert np.abs(run.predict(X) - model.predict(X)).max() < 1e-6 * np.abs(y).max()


def test_fitting_leaves_no_file_behind(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    OptcliClassifier(epochs=2, early_stopping=True).fit(*numbers()).predict(numbers()[0])
    assert list(tmp_path.iterdir()) == []


# ---- scikit-learn's tools ------------------------------------------------------------


def test_the_tools_of_scikit_learn_take_the_estimators():
    X, y = numbers()
    names = np.array(["low", "high"])[y]
    model = OptcliClassifier(epochs=5, random_state=0)
    pipeline = make_pipeline(StandardScaler(), model)
    assert len(cross_val_score(pipeline, X, names, cv=3)) == 3
    grid = {
        "optcliclassifier__hidden": [(4,), ()],
        "optcliclassifier__optimizer": ["adam", {"name": "sgd", "momentum": 0.9}],
        "optcliclassifier__epochs": np.array([1, 30]),
    }
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(X, names)
    assert search.best_params_["optcliclassifier__epochs"] == 30
    fitted = search.best_estimator_[-1]
    again = pickle.loads(pickle.dumps(fitted))
    assert np.array_equal(again.predict_proba(X), fitted.predict_proba(X))
    fresh = clone(fitted)
    assert fresh.get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        fresh.predict(X)


def test_what_was_fitted_can_be_looked_at():
    X, y = numbers()
    model = OptcliClassifier(epochs=7, random_state=0).fit(X, y)
    assert (model.n_iter_, model.best_epoch_, len(model.loss_curve_)) == (7, 7, 7)
    assert model.validation_loss_curve_ is None
    assert set(model.history_) >= {"epoch", "lr", "train_loss", "gradient_norm"}
    model.set_params(early_stopping=True, epochs=500, patience=1, lr=0.1).fit(X, y)
    assert model.n_iter_ == len(model.validation_loss_curve_) < 500
    lowest = int(np.argmin(model.validation_loss_curve_))
    assert model.best_epoch_ == lowest + 1


def test_a_random_state_makes_a_fit_repeatable():
    X, y = numbers()

    def scores(state):
        return OptcliClassifier(epochs=2, random_state=state).fit(X, y).decision_function(X)

    assert np.array_equal(scores(4), scores(4))
    assert np.array_equal(scores(np.random.RandomState(4)), scores(np.random.RandomState(4)))
    assert not np.array_equal(scores(4), scores(5))
    assert not np.array_equal(scores(None), scores(None))


def test_a_large_batch_and_few_rows_go_together():
    X, y = numbers(rows=10)
    model = OptcliClassifier(batch_size=200, epochs=2, hidden=()).fit(X, y)
    assert model.config_["training"]["batch_size"] == 10
    assert model.config_["model"]["name"] == "linear"


# ---- targets -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "classes", [["b", "a"], ["10", "9"], [" x", "NA"], [True, False], [-1, 1], [2.0, 1.0]]
)
def test_classes_of_all_kinds_come_back_as_they_were(classes):
    X, y = numbers()
    given = [classes[each] for each in y]
    model = OptcliClassifier(lr=0.05, random_state=0).fit(X, given)
    assert model.classes_.tolist() == sorted(classes)
    assert model.score(X, given) > 0.9
    proba = model.predict_proba(X)
    chosen = model.predict(X)
    assert chosen.tolist() == model.classes_[proba.argmax(axis=1)].tolist()
    assert set(chosen.tolist()) == set(classes)


@pytest.mark.parametrize("loss", ["binary_cross_entropy", "multiclass_hinge", "focal"])
def test_a_loss_on_scores_of_any_shape_gives_a_decision(loss):
    X, y = numbers()
    model = OptcliClassifier(loss=loss, lr=0.05, random_state=0).fit(X, y)
    assert model.score(X, y) > 0.9
    assert model.decision_function(X).shape == (60,)
    proba = model.predict_proba(X)
    assert proba.shape == (60, 2)
    assert np.allclose(proba.sum(axis=1), 1)
    assert np.array_equal(proba[:, 1] > 0.5, model.decision_function(X) > 0)


def test_several_labels_are_learned_at_once():
    X, y = make_multilabel_classification(n_samples=80, n_classes=3, random_state=0)
    model = OptcliClassifier(lr=0.02, random_state=0).fit(X, y)
    assert model.predict_proba(X).shape == model.predict(X).shape == (80, 3)
    assert (model.predict(X) == y).mean() > 0.9


def test_class_weights_and_other_keys_of_the_config_are_settings():
    X, y = numbers()
    settings = {"training": {"clip_norm": 0.5}, "model": {"dropout": 0.1, "batch_norm": True}}
    loss = {"name": "cross_entropy", "class_weights": "balanced"}
    model = OptcliClassifier(epochs=2, loss=loss, settings=settings, schedule="cosine").fit(X, y)
    config = model.config_
    assert config["training"]["clip_norm"] == 0.5
    assert (config["model"]["dropout"], config["model"]["hidden"]) == (0.1, [32])
    assert config["schedule"]["name"] == "cosine"


# ---- rows ----------------------------------------------------------------------------


def test_a_data_frame_is_read_as_a_table(table):
    frame, y = table
    model = OptcliClassifier(epochs=40, lr=0.02, missing="impute", random_state=0)
    by_pandas = clone(model).fit(frame, y)
    assert by_pandas.feature_names_in_.tolist() == ["size", "kind", "age"]
    assert by_pandas.n_features_in_ == 3
    assert by_pandas.score(frame, y) > 0.9
    assert any("missing values imputed" in note for note in by_pandas.notes_)
    other = in_polars(frame)
    by_polars = clone(model).fit(other, pl.Series(y.to_list()))
    assert np.array_equal(by_pandas.predict_proba(frame), by_polars.predict_proba(other))
    assert np.array_equal(by_polars.predict_proba(other[3:5]), by_polars.predict_proba(other)[3:5])
    new = frame.head(2).assign(kind="z")
    with pytest.raises(ValueError, match="'z'"):
        by_pandas.predict(new)
    ignoring = clone(model).set_params(settings={"dataset": {"unknown": "ignore"}}).fit(frame, y)
    assert len(ignoring.predict(new)) == 2
    with pytest.raises(ValueError, match="same order"):
        by_pandas.predict(frame[["age", "kind", "size"]])


def test_numbers_can_be_categories(table):
    frame, y = table
    frame = frame.assign(age=frame["age"].fillna(0) // 30).drop(columns="kind")
    model = OptcliClassifier(epochs=1, categorical=["age"]).fit(frame, y)
    assert [feature.inputs for feature in model.model_.encoder.features] == [1, 3]


def test_missing_values_are_an_error_unless_they_are_to_be_imputed(table):
    frame, y = table
    with pytest.raises(InvalidParameters, match="set missing to drop or impute"):
        OptcliClassifier().fit(frame, y)
    X, target = numbers()
    gap = X.copy()
    gap[4, 1] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        OptcliRegressor().fit(gap, target)
    model = OptcliRegressor(missing="impute", epochs=3, random_state=0).fit(gap, target)
    filled = np.where(np.isnan(gap), np.nanmean(gap[:, 1]), gap)
    assert np.allclose(model.predict(gap), model.predict(filled), rtol=0, atol=1e-12)
    dropping = OptcliRegressor(missing="drop", epochs=3, random_state=0).fit(gap, target)
    whole = OptcliRegressor(epochs=3, random_state=0).fit(
        *(np.delete(a, 4, 0) for a in (X, target))
    )
    assert np.array_equal(dropping.predict(X), whole.predict(X))
    with pytest.raises(ValueError, match="missing value"):
        dropping.predict(gap)


def test_columns_may_have_the_names_that_targets_and_weights_would_get():
    X, y = numbers()
    frame = pd.DataFrame(X, columns=["y", "sample_weight", "y_"])
    weight = np.arange(1.0, 61.0)
    model = OptcliClassifier(epochs=2, random_state=0).fit(frame, y, sample_weight=weight)
    assert model.config_["dataset"]["target"] == "y__"
    assert model.config_["dataset"]["weights"] == "sample_weight_"
    plain = OptcliClassifier(epochs=2, random_state=0).fit(X, y, sample_weight=weight)
    assert np.array_equal(model.predict_proba(frame), plain.predict_proba(X))


def test_rows_of_weight_0_take_no_part():
    """Neither in batches nor in the split nor as classes."""
    X, y = numbers(rows=140)
    weight = np.repeat([1, 0], [70, 70])
    model = OptcliClassifier(epochs=3, early_stopping=True, random_state=0)
    without = clone(model).fit(X[:70], y[:70])
    other = np.where(weight, y, 2)
    assert np.allclose(
        clone(model).fit(X, other, sample_weight=weight).predict_proba(X[:70])[:, :2],
        without.predict_proba(X[:70]),
        rtol=1e-9,
    )


@pytest.mark.parametrize("kind", ["class", "number"])
def test_a_row_of_weight_two_counts_as_two_rows(kind, table):
    """Of a table with all kinds of columns, in steps that see all rows."""
    frame, y = table
    frame = frame.assign(when=pd.date_range("2020-01-30", periods=120, freq="37h"))
    y = y if kind == "class" else frame["size"] * 3 + 1
    weight = np.random.default_rng(2).integers(0, 4, 120)
    make = OptcliClassifier if kind == "class" else OptcliRegressor
    settings = {"dataset": {"dates": ["when"]}}
    model = make(batch_size="full", missing="impute", epochs=20, settings=settings, random_state=0)
    weighted = clone(model).fit(frame, y, sample_weight=weight)
    rows = np.repeat(np.arange(120), weight)
    repeated = clone(model).fit(frame.iloc[rows], y.iloc[rows])
    for ours, other in zip(
        weighted.model_.encoder.features, repeated.model_.encoder.features, strict=True
    ):
        assert ours.fill == pytest.approx(other.fill)
        assert (ours.mean, ours.scale) == pytest.approx((other.mean, other.scale))
    method = "predict_proba" if kind == "class" else "predict"
    ours, other = (getattr(each, method)(frame) for each in (weighted, repeated))
    assert np.allclose(ours, other, rtol=1e-7)


# ---- what is wrong -------------------------------------------------------------------


@for_each(
    ("parameters", "said"),
    [
        ({"epochs": 0}, "epochs: is 0; must be at least 1"),
        ({"lr": -1}, "lr: is -1"),
        ({"optimizer": "adm"}, "optimizer: unknown optimizer 'adm'; did you mean 'adam'"),
        ({"optimizer": {"name": "sgd", "lrr": 1}}, "optimizer.lrr: unknown key"),
        ({"hidden": (8, 0)}, r"hidden\[1\]: is 0"),
        ({"dtype": "int8"}, "dtype: is 'int8'; must be one of float32, float64"),
        ({"settings": {"training": {"clip": 1}}}, r"settings\['training'\]\['clip'\]: unknown key"),
        ({"settings": {"objective": "beale"}}, "objective"),
        ({"loss": "mse"}, "loss: 'mse' is for numbers; use OptcliRegressor"),
    ],
)
def test_faults_name_the_parameter(parameters, said):
    with pytest.raises(InvalidParameters, match=said) as found:
        OptcliClassifier(**parameters).fit(*numbers())
    assert isinstance(found.value, ValueError)
    assert isinstance(found.value, optcli.InvalidInput)


def test_a_training_that_diverges_warns_and_keeps_a_model_that_predicts():
    X, y = numbers()
    model = OptcliRegressor(optimizer="sgd", lr=1e9, random_state=0)
    with pytest.warns(ConvergenceWarning, match="diverged at step"):
        model.fit(X, y)
    assert np.isfinite(model.predict(X)).all()


def test_verbose_prints_the_losses(capsys):
    OptcliClassifier(epochs=2, verbose=True).fit(*numbers())
    assert "epoch 2/2" in capsys.readouterr().out


@pytest.mark.parametrize("module", [classifier, regressor], ids=lambda each: each.__name__)
def test_the_examples_of_the_docstrings_run(module):
    assert doctest.testmod(module).failed == 0


def test_the_examples_of_the_page_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "sklearn.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    exec(compile("\n".join(blocks), "sklearn.md", "exec"), {})


def test_the_page_lists_the_parameters():
    text = (ROOT / "docs" / "sklearn.md").read_text().partition("## Parameters")[2]
    table = re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
    listed = {name for cell in table for name in re.findall(r"`(\w+)`", cell)}
    assert listed == set(OptcliClassifier().get_params()) == set(OptcliRegressor().get_params())
