from __future__ import annotations

import numpy as np
import pytest

import optcli
from optcli.core.errors import InvalidInput
from optcli.data.base import DATASETS
from optcli.data.columns import Numbers
from optcli.data.synthetic import Synthetic

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


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("samples", [2, 7, 100])
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


@pytest.mark.parametrize("name", NAMES)
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


def test_a_table_that_memory_cannot_hold_is_refused_before_it_is_made():
    config = {
        "dataset": {"name": "linear", "samples": 10**12, "features": 7, "outputs": 3},
        "model": "linear",
        "loss": "mse",
        "optimizer": "sgd",
    }
    with pytest.raises(InvalidInput, match=r"^dataset: makes 10,000,000,000,000 numbers, which"):
        optcli.check(config)
