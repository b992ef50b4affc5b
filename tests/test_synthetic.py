from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import optcli
from optcli.core.errors import InvalidInput
from optcli.data.base import DATASETS
from optcli.data.columns import Numbers
from optcli.data.synthetic import Synthetic
from tests.for_each import for_each

NAMES = [cls.name for cls in DATASETS if issubclass(cls, Synthetic)]


def arrays(name, run_seed=0, **fields):
    """Features (N, D) and target (N, T) of a data set."""
    dataset = DATASETS.find(name)(**fields)
    made = dataset.table(run_seed)
    target = dataset.roles().target
    x = np.stack([c.values for n, c in made.columns.items() if n not in target], axis=1)
    y = np.stack([made.columns[n].values for n in target], axis=1)
    return x, y


def test_all_are_here():
    assert set(NAMES) >= {"blobs", "moons", "circles", "spirals", "linear", "multilabel"}


@for_each("name", NAMES)
@for_each("samples", [2, 7, 100])
def test_laws(name, samples):
    cls = DATASETS.find(name)
    made = cls(samples=samples).table(3)
    assert made.rows == samples
    assert all(isinstance(column, Numbers) for column in made.columns.values())
    assert all(np.all(np.isfinite(column.values)) for column in made.columns.values())
    targets = cls().roles().target
    features = [n for n in made.names if n not in targets]
    assert features == [f"x{i + 1}" for i in range(len(features))]
    assert made.names == (*features, *targets)
    x, y = arrays(name, 3, samples=samples)
    again = arrays(name, 9, samples=samples, seed=3)  # its own seed beats the run's
    np.testing.assert_array_equal(x, again[0])
    np.testing.assert_array_equal(y, again[1])
    assert not np.array_equal(x, arrays(name, 4, samples=samples)[0])


@for_each("name", NAMES)
def test_noise_is_noise(name):
    still, moved = (np.hstack(arrays(name, noise=noise)) for noise in (0.0, 0.3))
    assert not np.array_equal(still, moved)


@pytest.mark.parametrize(
    ("name", "fields", "names"),
    [
        ("linear", {}, ("y",)),
        ("linear", {"outputs": 2}, ("y1", "y2")),
        ("multilabel", {"labels": 2}, ("label1", "label2")),
        ("blobs", {}, ("class",)),
    ],
)
def test_target_names(name, fields, names):
    assert DATASETS.find(name)(**fields).roles().target == names


@pytest.mark.parametrize(
    ("name", "fields", "classes"),
    [
        ("blobs", {"classes": 4}, 4),
        ("moons", {}, 2),
        ("circles", {}, 2),
        ("spirals", {"arms": 3}, 3),
    ],
)
def test_classes_are_balanced(name, fields, classes):
    _, y = arrays(name, samples=101, **fields)
    found, counts = np.unique(y, return_counts=True)
    assert found.tolist() == list(range(classes))
    assert counts.max() - counts.min() <= 1


def test_moons_are_scikit_learns():
    datasets = pytest.importorskip("sklearn.datasets")
    x, y = arrays("moons", samples=10, noise=0.0)
    same_points(x, y, *datasets.make_moons(10, shuffle=False))


def test_circles_are_scikit_learns():
    datasets = pytest.importorskip("sklearn.datasets")
    x, y = arrays("circles", samples=10, noise=0.0, factor=0.3)
    expected, labels = datasets.make_circles(10, shuffle=False, factor=0.3)
    same_points(x, y, expected, labels)


def same_points(x, y, expected, labels):
    ours = np.round(np.hstack([x, y]), 9) + 0.0
    theirs = np.round(np.column_stack([expected, labels]), 9) + 0.0
    np.testing.assert_allclose(ours[np.lexsort(ours.T)], theirs[np.lexsort(theirs.T)])


def test_moons_lie_on_their_half_circles():
    x, y = arrays("moons", noise=0.0, samples=31)
    upper = y[:, 0] == 0
    np.testing.assert_allclose(np.hypot(*x[upper].T), 1)
    np.testing.assert_allclose(np.hypot(*(x[~upper] - [1, 0.5]).T), 1)
    assert (x[upper, 1] > -1e-9).all()
    assert (x[~upper, 1] < 0.5 + 1e-9).all()


def test_circles_have_their_radii():
    x, y = arrays("circles", noise=0.0, factor=0.3, samples=31)
    np.testing.assert_allclose(np.hypot(*x.T), np.where(y[:, 0] == 0, 1, 0.3))


def test_spirals_wind_and_the_arms_are_turned_copies():
    x, y = arrays("spirals", noise=0.0, arms=3, turns=1.5)
    radius, angle = np.hypot(*x.T), np.arctan2(x[:, 1], x[:, 0])
    turned = angle - 2 * np.pi * (1.5 * radius + y[:, 0] / 3)
    np.testing.assert_allclose(np.cos(turned), 1, atol=1e-9)
    assert 0.9 < radius.max() <= 1


def test_linear_is_linear():
    x, y = arrays("linear", noise=0.0, outputs=2, features=3)
    design = np.column_stack([x, np.ones(len(x))])
    solution, *_ = np.linalg.lstsq(design, y, rcond=None)
    np.testing.assert_allclose(design @ solution, y, atol=1e-9)


def test_blobs_have_their_deviation():
    x, y = arrays("blobs", samples=6000, noise=0.5, classes=2, features=3)
    for one in (0, 1):
        rows = x[y[:, 0] == one]
        np.testing.assert_allclose(rows.std(axis=0), 0.5, rtol=0.05)
        assert (np.abs(rows.mean(axis=0)) < 10.1).all()


def test_labels_are_half_spaces():
    x, y = arrays("multilabel", noise=0.0, samples=2000, labels=3)
    direction, *_ = np.linalg.lstsq(x, 2 * y - 1, rcond=None)
    assert ((x @ direction > 0) == y).mean() > 0.95
    assert (np.abs(y.mean(axis=0) - 0.5) < 0.1).all()


def test_xor_friedman_sine_imbalanced():
    x, y = arrays("xor", noise=0.0)
    np.testing.assert_array_equal(y[:, 0] == 1, x[:, 0] * x[:, 1] < 0)
    x, y = arrays("sine", noise=0.0)
    np.testing.assert_allclose(y, np.sin(x))
    _, y = arrays("imbalanced", samples=200, share=0.05)
    assert y.sum() == 10
    x, y = arrays("friedman", noise=0.0)
    a, b, c, d, e = x.T[:5]
    expected = 10 * np.sin(np.pi * a * b) + 20 * (c - 0.5) ** 2 + 10 * d + 5 * e
    np.testing.assert_allclose(y[:, 0], expected)


def test_shapes_are_where_they_should_be():
    """A circle, a square, a triangle on its base and a cross, wherever they lie."""
    x, y = arrays("shapes", samples=200, size=16, noise=0.0)
    images = x.reshape(-1, 16, 16)
    assert images.min() == 0
    assert images.max() == 1
    places = np.array([np.argwhere(image > 0.5).mean(axis=0) for image in images])
    assert (places.std(axis=0) > 1).all()
    filled, upper = [], []
    for kind in range(4):
        for image in images[y[:, 0] == kind]:
            rows, columns = (np.flatnonzero(image.max(axis=axis) > 0.5) for axis in (1, 0))
            box = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            filled.append((kind, box.mean()))
            upper.append((kind, box[: len(box) // 2].sum() / box.sum()))
    full, above = (
        [np.mean([v for k, v in found if k == kind]) for kind in range(4)]
        for found in (filled, upper)
    )
    assert full[1] > 0.9 > full[0] > 0.7 > full[2] > full[3] > 0.4
    assert above[2] < 0.35
    assert DATASETS.find("shapes")(size=9).roles().image == (1, 9, 9)
    _, y = arrays("shapes", samples=101)
    assert np.ptp(np.bincount(y[:, 0].astype(int))) <= 1


def test_a_convolutional_network_learns_shapes(tmp_path):
    config = {
        "dataset": {"name": "shapes", "samples": 400, "noise": 0.05},
        "model": {"name": "cnn", "channels": [8], "hidden": [16]},
        "loss": "cross_entropy",
        "optimizer": {"name": "adam", "lr": 0.01},
        "training": {"epochs": 30},
    }
    run = optcli.train(config, out=tmp_path / "run", plots=False)
    assert run.summary["best"]["validation_accuracy"] > 0.9


def test_sparse_features_are_sparse_and_rare():
    x, y = arrays("sparse", samples=4000, features=40)
    assert set(np.unique(x)) == {0, 1}
    np.testing.assert_allclose(x.mean(axis=0), 2 / (np.arange(40) + 4), atol=0.03)
    assert 0.2 < y.mean() < 0.8
    design = np.column_stack([x, np.ones(len(x))])
    solution, *_ = np.linalg.lstsq(design, 2 * y - 1, rcond=None)
    assert ((design @ solution > 0) == y).mean() > 0.8


def test_heavy_tails_are_heavy():
    x, y = arrays("heavy_tailed", samples=20_000, noise=1.0, degrees=2.0)
    design = np.column_stack([x, np.ones(len(x))])
    low, high = np.quantile(y, [0.05, 0.95])
    within = ((y > low) & (y < high))[:, 0]
    solution, *_ = np.linalg.lstsq(design[within], y[within], rcond=None)
    rest = y - design @ solution
    far = np.abs(rest) > 8 * np.median(np.abs(rest))
    assert 0.005 < far.mean() < 0.1, "normal noise has none"


@pytest.mark.parametrize("name", ["shapes", "sparse", "heavy_tailed"])
def test_fresh_rows_are_of_the_same_distribution(name):
    dataset = DATASETS.find(name)(samples=500, seed=1)
    fresh, other = dataset.fresh(4000, 0, 0), dataset.fresh(4000, 0, 1)
    target = dataset.roles().target[0]
    assert not np.array_equal(fresh.columns["x1"].values, other.columns["x1"].values)
    large = replace(dataset, samples=4000).table(0)
    features = [n for n in fresh.names if n != target]
    found = []
    for table in (large, fresh):
        x = np.stack([table.columns[n].values for n in features], axis=1)
        y = np.clip(table.columns[target].values, -10, 10)
        found.append(np.concatenate([x.mean(axis=0), x.T @ y / len(y)]))
    if name == "shapes":  # nothing is drawn once, so that other tables are alike
        np.testing.assert_allclose(*found, atol=0.1)
    else:
        same = np.corrcoef(*found)[0, 1]
        assert same > 0.95


def test_a_table_that_memory_cannot_hold_is_refused_before_it_is_made():
    config = {
        "dataset": {"name": "linear", "samples": 10**12, "features": 7, "outputs": 3},
        "model": "linear",
        "loss": "mse",
        "optimizer": "sgd",
    }
    with pytest.raises(InvalidInput, match=r"^dataset: makes 10,000,000,000,000 numbers, which"):
        optcli.check(config)
