from __future__ import annotations

import numpy as np
import pytest

from optcli import metrics
from optcli.core.errors import InvalidInput
from optcli.metrics import METRICS
from tests.for_each import for_each

NAN = float("nan")


def measure(name, scores, target, weight=None, **fields):
    """The metric of one replica; arrays without the leading axis."""
    weight = None if weight is None else np.array(weight)[None]
    found = METRICS.find(name)(**fields).measure(
        np.array(scores, float)[None], np.array(target)[None], weight
    )
    assert found.shape == (1,)
    assert found.dtype == np.float64
    return float(found[0])


# Four rows, three classes: predicted 0 0 1 2, target 0 1 1 0.
CLASSES = [[3, 1, 0], [2, 1, 0], [0, 5, 1], [1, 0, 4]], [0, 1, 1, 0]
# Predicted 1 1 0 0 0, target 1 0 0 1 0: one hit, two guesses, two positives.
BINARY = [[2.0], [1.0], [-1.0], [-2.0], [0.0]], [[1.0], [0.0], [0.0], [1.0], [0.0]]
TWO = [[0, 2], [0, 1], [1, 0], [2, 0], [0, 0]], [1, 0, 0, 1, 0]
LABELS = [[1, 1], [1, -1], [-1, 1]], [[1, 0], [1, 0], [1, 1]]
VALUES = [[1.0, 0], [2, 0], [6, 3]], [[1.0, 0], [2, 0], [3, 0]]

# by hand
PINNED = [
    ("accuracy", CLASSES, {}, 2 / 4),
    ("accuracy", BINARY, {}, 3 / 5),
    ("accuracy", TWO, {}, 3 / 5),
    ("accuracy", LABELS, {}, 4 / 6),
    ("exact_match", CLASSES, {}, 2 / 4),
    ("exact_match", LABELS, {}, 1 / 3),
    ("top_k", CLASSES, {"k": 1}, 2 / 4),
    ("top_k", CLASSES, {"k": 2}, 4 / 4),
    ("top_k", ([[0, 0, 0]] * 3, [0, 1, 2]), {"k": 2}, 2 / 3),  # equal scores: the first ones
    ("precision", BINARY, {}, 1 / 2),
    ("recall", BINARY, {}, 1 / 2),
    ("f1", BINARY, {}, 1 / 2),
    ("precision", TWO, {}, 1 / 2),
    # class 0: 1 of 2 guesses, 1 of 2 rows; class 1: 1 of 1, 1 of 2; class 2: 0 of 1, none
    ("precision", CLASSES, {}, (1 / 2 + 1 + 0) / 3),
    ("recall", CLASSES, {}, (1 / 2 + 1 / 2 + 0) / 3),
    ("f1", CLASSES, {}, (1 / 2 + 2 / 3 + 0) / 3),
    ("f1", CLASSES, {"average": "micro"}, 2 / 4),
    ("precision", LABELS, {}, (2 / 2 + 1 / 2) / 2),
    ("precision", LABELS, {"average": "micro"}, 3 / 4),
    # two positives against three negatives: 2.0 beats all, -2.0 none
    ("roc_auc", BINARY, {}, 3 / 6),
    ("roc_auc", ([[1], [1], [0]], [[1], [0], [0]]), {}, 1.5 / 2),  # a tie counts half
    ("roc_auc", ([[1], [2]], [[1], [1]]), {}, NAN),
    ("roc_auc", ([[1, 5], [2, 6]], [[0, 1], [1, 1]]), {}, 1.0),  # the second is left out
    ("rmse", VALUES, {}, (np.sqrt(9 / 3) + np.sqrt(9 / 3)) / 2),
    ("mae", VALUES, {}, 1.0),
    ("r2", ([[1.0], [2], [6]], [[1.0], [2], [3]]), {}, 1 - 9 / 2),
    ("r2", VALUES, {}, (1 - 9 / 2 + 0) / 2),  # a constant target that is missed gives 0
    ("r2", ([[2.0], [2.0]], [[2.0], [2.0]]), {}, 1.0),
]


@for_each(("name", "data", "fields", "expected"), PINNED)
def test_pinned(name, data, fields, expected):
    assert measure(name, *data, **fields) == pytest.approx(expected, nan_ok=True, rel=1e-12)


def test_what_fits():
    with pytest.raises(InvalidInput, match="metrics: 'rmse' is for values, but the loss is about"):
        METRICS.find("rmse")().check("classes", 3)
    with pytest.raises(InvalidInput, match="'f1' has average: binary, but there are 3 classes"):
        METRICS.find("f1")(average="binary").check("classes", 3)
    METRICS.find("f1")(average="binary").check("classes", 2)
    METRICS.find("f1")(average="binary").check("labels", 1)


def test_the_usual_ones_fit():
    for kind, outputs in [
        ("classes", 2),
        ("classes", 9),
        ("labels", 1),
        ("labels", 4),
        ("values", 2),
    ]:
        names = metrics.usual(kind, outputs)
        assert names
        for name in names:
            METRICS.find(name)().check(kind, outputs)


# ---- against scikit-learn ------------------------------------------------------------


def task(kind, rng, outputs):
    scores = rng.normal(size=(60, outputs))
    if kind == "classes":
        return scores, rng.integers(0, outputs, 60)
    scores = scores.round(1)  # for ties
    if kind == "labels":
        return scores, rng.integers(0, 2, (60, outputs)).astype(float)
    return scores, rng.normal(size=(60, outputs))


@for_each("weighted", [False, True])
@for_each("outputs", [1, 2, 5])
@for_each("kind", ["classes", "labels", "values"])
def test_the_same_as_scikit_learn(kind, outputs, weighted):
    sk = pytest.importorskip("sklearn.metrics")
    if kind == "classes" and outputs == 1:
        return
    rng = np.random.default_rng(outputs)
    scores, target = task(kind, rng, outputs)
    weight = rng.uniform(0.1, 2, 60) if weighted else None
    expected = {}
    options = {"sample_weight": weight}
    if kind == "values":
        expected = {
            "rmse": sk.root_mean_squared_error(target, scores, **options),
            "mae": sk.mean_absolute_error(target, scores, **options),
            "r2": sk.r2_score(target, scores, **options),
        }
    else:
        guess = scores.argmax(1) if kind == "classes" else scores > 0
        binary = outputs == (2 if kind == "classes" else 1)
        for average in ["macro", "micro"] + ["binary"] * binary:
            found = sk.precision_recall_fscore_support(
                target, guess, average=average, zero_division=0, **options
            )
            if outputs == 1 and average != "binary":
                continue  # there a single label is two classes
            for name, value in zip(("precision", "recall", "f1"), found[:3], strict=True):
                assert measure(name, scores, target, weight, average=average) == pytest.approx(
                    value
                )
        for name, value in zip(("precision", "recall", "f1"), found[:3], strict=True):
            if binary:
                assert measure(name, scores, target, weight) == pytest.approx(value)
        expected["exact_match"] = sk.accuracy_score(target, guess, **options)
        if kind == "classes":
            expected["accuracy"] = expected["exact_match"]
            odds = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
            expected["roc_auc"] = (
                sk.roc_auc_score(target, odds[:, 1], **options)
                if binary
                else sk.roc_auc_score(target, odds, multi_class="ovr", **options)
            )
        else:
            expected["roc_auc"] = sk.roc_auc_score(target, scores, **options)
    for name, value in expected.items():
        assert measure(name, scores, target, weight) == pytest.approx(value), name


def test_the_highest_of_many_scores_is_numpys_argmax():
    rng = np.random.default_rng(0)
    scores = rng.integers(5, size=(3, 2000, 4)).astype(np.float32)  # with many ties
    assert scores.size >= metrics.MANY_SCORES
    scores[0, ::7] = np.nan
    scores[1, ::5, 2] = np.inf
    assert np.array_equal(metrics.highest(scores), scores.argmax(axis=-1))
    scores[2, 3, 2] = np.nan
    assert np.array_equal(metrics.highest(scores), scores.argmax(axis=-1))


def test_top_k_is_scikit_learns_where_there_are_no_ties():
    sk = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(3)
    scores, target = rng.normal(size=(80, 6)), rng.integers(0, 6, 80)
    for k in range(1, 6):
        expected = sk.top_k_accuracy_score(target, scores, k=k)
        assert measure("top_k", scores, target, k=k) == pytest.approx(expected)
