"""The constant prediction, and whether a training came to more than it."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy import optimize, special, stats

import optcli
from optcli.cli.main import run
from optcli.losses.base import LOSSES
from optcli.training.baseline import SOUGHT_ROWS, Ending, constant_loss, constant_scores
from tests.for_each import for_each

ROWS = 400
SHARES = np.array([0.6, 0.2, 0.15, 0.05])


def drawn(loss, seed=0, rows=ROWS):
    """Targets as the loss takes them, weights, and the names of classes or columns."""
    rng = np.random.default_rng(seed)
    weight = rng.random(rows)
    if loss.target == "classes":
        return rng.choice(4, rows, p=SHARES), weight, list("abcd")
    if loss.target == "labels":
        return (rng.random((rows, 2)) < [0.3, 0.8]).astype(float), weight, list("ab")
    if loss.target == "probabilities":
        return rng.dirichlet([1, 2, 3], rows), weight, list("abc")
    return rng.gamma(2, 1, (rows, 2)) + 0.1, weight, list("ab")


def fitted(name, y, weight, names, **keys):
    return LOSSES.find(name)(**keys).fitted(y, weight, names)


def minimized(loss, y, weight, outputs):
    """The least mean loss of constant scores by scipy's Nelder-Mead, from several starts."""
    rng = np.random.default_rng(1)
    starts = [np.zeros(outputs), *rng.normal(size=(3, outputs))]
    options = {"xatol": 1e-9, "fatol": 1e-12, "maxiter": 4000, "maxfev": 4000, "adaptive": True}
    found = [
        optimize.minimize(
            lambda s: constant_loss(loss, y, weight, s),
            start,
            method="Nelder-Mead",
            options=options,
        ).fun
        for start in starts
    ]
    return min(found)


@pytest.mark.parametrize("name", sorted(LOSSES.names()))
@pytest.mark.parametrize("weighted", [False, True])
def test_no_constant_is_better(name, weighted):
    y, weight, names = drawn(LOSSES.find(name))
    weight = weight if weighted else None
    loss = fitted(name, y, weight, names)
    outputs = loss.outputs(len(names))
    found = constant_loss(loss, y, weight, constant_scores(loss, y, weight, outputs))
    steps = np.concatenate([np.eye(outputs), -np.eye(outputs)])
    best = constant_scores(loss, y, weight, outputs)
    for size in (1e-3, 0.03, 0.3, 1.0):
        for step in steps:
            assert found <= constant_loss(loss, y, weight, best + size * step) + 1e-9
    if not weighted:
        assert found <= minimized(loss, y, weight, outputs) + 1e-3 * abs(found)


def test_the_closed_forms_are_the_textbooks_ones():
    values, weight, names = drawn(LOSSES.find("mse"))
    pairs = {"mse": values.mean(axis=0), "mae": np.median(values, axis=0)}
    for name, expected in pairs.items():
        loss = fitted(name, values, None, names)
        got = constant_loss(loss, values, None, constant_scores(loss, values, None, 2))
        assert got == pytest.approx(constant_loss(loss, values, None, expected), rel=1e-12)
    loss = fitted("quantile", values, None, names, quantile=0.9)
    got = constant_scores(loss, values, None, 2)
    np.testing.assert_allclose(got, np.quantile(values, 0.9, axis=0, method="inverted_cdf"))
    classes, weight, names = drawn(LOSSES.find("cross_entropy"))
    loss = fitted("cross_entropy", classes, None, names)
    shares = np.bincount(classes) / len(classes)
    scores = constant_scores(loss, classes, None, 4)
    np.testing.assert_allclose(special.softmax(scores), shares)
    assert constant_loss(loss, classes, None, scores) == pytest.approx(stats.entropy(shares))
    loss = fitted("cross_entropy", classes, weight, names, class_weights="balanced")
    scores = constant_scores(loss, classes, weight, 4)
    assert constant_loss(loss, classes, weight, scores) == pytest.approx(math.log(4))


def test_label_smoothing_and_class_weights_are_minimized_together():
    classes, weight, names = drawn(LOSSES.find("cross_entropy"))
    keys = {"label_smoothing": 0.2, "class_weights": (1.0, 2.0, 3.0, 0.5)}
    loss = fitted("cross_entropy", classes, weight, names, **keys)
    found = constant_loss(loss, classes, weight, constant_scores(loss, classes, weight, 4))
    assert found == pytest.approx(minimized(loss, classes, weight, 4), abs=1e-7)


def test_long_tables_are_sampled_where_there_is_no_closed_form():
    y, _, names = drawn(LOSSES.find("huber"), rows=10 * SOUGHT_ROWS)
    loss = fitted("huber", y, None, names)
    found = constant_loss(loss, y, None, constant_scores(loss, y, None, 2))
    least = constant_loss(loss, y, None, np.array(optimum_of_huber(y)))
    assert least <= found <= least * 1.001


def optimum_of_huber(y):
    return [optimize.brentq(lambda s, t=t: np.clip(s - t, -1, 1).mean(), 0, 20) for t in y.T]


@pytest.mark.parametrize("seed", range(3))
def test_of_many_minima_the_lowest_is_found(seed):
    """Far from 0, every target is a minimum of `cauchy`."""
    rng = np.random.default_rng(seed)
    values, weight = 1e8 * rng.gamma(2, 1, (40, 1)), rng.random(40)
    loss = fitted("cauchy", values, weight, ["a"])
    found = constant_loss(loss, values, weight, constant_scores(loss, values, weight, 1))
    assert found <= 1.0001 * min(constant_loss(loss, values, weight, each) for each in values)


@for_each("values", [np.ones((5, 1)), np.full((5, 1), 1e9), np.zeros((1, 1))])
@for_each("name", ["mse", "mae", "huber", "cauchy", "log_cosh"])
def test_a_constant_target_is_met(name, values):
    loss = fitted(name, values, None, ["a"])
    scores = constant_scores(loss, values, None, 1)
    np.testing.assert_allclose(scores, values[0], atol=1e-9)


# ---- the rule ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "constant", "limit"),
    [(2.0, 1.0, 20.0), (0.5, 3.0, 23.0), (-1.0, -3.0, 17.0), (1.0, None, 10.0), (0.0, 0.0, 0.0)],
)
def test_failed_is_above_the_limit_and_not_at_it(first, constant, limit):
    assert Ending(first, constant, limit).limit == limit
    assert not Ending(first, constant, limit).failed
    assert Ending(first, constant, math.nextafter(limit, math.inf)).failed


@pytest.mark.parametrize("last", [math.nan, math.inf])
def test_a_last_loss_that_is_not_finite_has_failed(last):
    assert Ending(1.0, 1.0, last).failed
    assert not Ending(1.0, 1.0, last).learned


def test_learned_is_below_the_constant_in_training_or_in_the_model_that_is_kept():
    assert Ending(2.0, 1.0, 0.999).learned
    assert not Ending(2.0, 1.0, 1.0).learned
    assert Ending(2.0, 1.0, 1.2, kept=0.8).learned
    assert not Ending(2.0, 1.0, 1.2, kept=1.0).learned
    assert Ending(2.0, None, 1.9).learned
    assert not Ending(2.0, None, 2.0).learned


def test_the_distance_to_the_least_value_is_the_scale_of_an_objective():
    assert Ending(0.0, None, 9.0, lowest=-1.0).limit == 9.0


# ---- from the command line -----------------------------------------------------------

CONFIG = """\
dataset: {name: blobs, samples: 150, noise: 3, seed: 1}
split: {validation: 0.2, test: 0}
model: linear
loss: cross_entropy
optimizer: {name: sgd, lr: 0.1}
training: {epochs: 4}
"""


@pytest.fixture
def trained(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.yaml").write_text(CONFIG)

    def go(*settings):
        words = [word for each in settings for word in ("--set", each)]
        out = ["--out", "run", "--overwrite", "--no-plots"]
        code = run(["train", "c.yaml", *words, *out])
        summary = json.loads((tmp_path / "run" / "summary.json").read_text())
        return code, summary, capsys.readouterr().out

    return go


def test_a_training_that_explodes_exits_with_1_and_stays_completed(trained):
    code, summary, said = trained("optimizer.lr=1000")
    assert (code, summary["outcome"]) == (1, "completed")
    assert summary["failed_to_train"] is True
    assert summary["beats_constant"] is False
    assert summary["constant_loss"] == pytest.approx(math.log(3), rel=1e-3)
    limit = summary["first_loss"] + 9 * max(
        summary["first_loss"], abs(summary["first_loss"] - summary["constant_loss"])
    )
    assert summary["final"]["train_loss"] > limit
    assert "failed to train: final training loss" in said
    assert "try a smaller learning rate" in said
    assert f"that of epoch {summary['best']['epoch']}" in said


def test_a_training_that_learns_says_nothing_of_it(trained):
    code, summary, said = trained()
    assert code == 0
    assert summary["failed_to_train"] is False
    assert summary["beats_constant"] is True
    assert "learn" not in said


def test_a_training_that_stands_still_is_told_and_exits_with_0(trained):
    code, summary, said = trained("optimizer.lr=1e-9")
    assert (code, summary["beats_constant"]) == (0, False)
    assert summary["first_loss"] == pytest.approx(summary["final"]["train_loss"], rel=1e-5)
    assert "did not learn: final training loss" in said
    assert "of a constant prediction" in said


def test_diverged_has_failed_and_an_interruption_is_not_judged(trained):
    code, summary, said = trained("optimizer.lr=1e200", "dtype=float64")
    assert (code, summary["outcome"]) == (1, "diverged")
    assert summary["failed_to_train"] is True
    assert "failed to train" not in said  # the line on divergence says it


def test_the_first_loss_is_of_the_untrained_model_after_resuming_too(trained, tmp_path):
    _, before, _ = trained()
    assert run(["train", "--resume", "run", "--set", "training.epochs=6", "--no-plots"]) == 0
    after = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert after["first_loss"] == before["first_loss"]
    assert after["constant_loss"] == before["constant_loss"]


@pytest.mark.parametrize("loss", ["{name: cross_entropy, label_smoothing: 0.1}", "poly1"])
def test_other_losses_are_judged_in_their_own_units(trained, loss):
    _, summary, _ = trained(f"loss={loss}", "training.epochs=20")
    assert summary["beats_constant"] is True
    assert summary["constant_loss"] > summary["final"]["train_loss"]


def test_the_descent_on_an_objective_has_no_constant(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = {
        "objective": {"name": "quadratic"},
        "optimizer": {"name": "sgd", "lr": 1e-3},
        "training": {"steps": 20},
    }
    summary = optcli.train(config, out="run", plots=False).summary
    assert summary["constant_loss"] is None
    assert summary["failed_to_train"] is False
    assert summary["first_loss"] == pytest.approx(optcli_start("quadratic"))
    far = {**config, "optimizer": {"name": "sgd", "lr": 1.0}}
    assert optcli.train(far, out="far", plots=False).summary["failed_to_train"] is True


def optcli_start(name):
    from optcli.objectives.base import OBJECTIVES

    objective = OBJECTIVES.find(name)()
    return float(objective.value(np.array([objective.start]))[0])
