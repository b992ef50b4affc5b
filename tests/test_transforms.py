"""Transforms of the gradient: optax's values, laws, and what training makes of them."""

import warnings

import numpy as np
import pytest

from optcli.core.events import EpochEnded
from optcli.optimizers.base import OPTIMIZERS
from optcli.training.settings import GradientNoise
from optcli.training.transforms import AddNoise, Centralize, ClipAdaptive, units
from tests.cohorts import cohort, data, final
from tests.for_each import for_each

SHAPES = {"dense": (5, 3), "narrow": (4, 1), "convolution": (3, 2, 4, 4), "bias": (6,)}
SGD = OPTIMIZERS.find("sgd")


@pytest.fixture
def arrays():
    """Parameters and gradients of two replicas, as views of buffers."""
    random = np.random.default_rng(0)
    pairs = {}
    for name, shape in SHAPES.items():
        buffers = random.standard_normal((2, 2, 7 + int(np.prod(shape))))
        w, g = (each[:, 7:].reshape(2, *shape, copy=False) for each in buffers)
        w[:] *= 0.1
        pairs[name] = (w, g)
    return pairs


def optax():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("optax")


def as_optax(name, array):
    """One replica's array with the outputs last, as flax has it."""
    return np.moveaxis(array, 0, -1) if name == "convolution" else array


def test_centralized_gradients_have_no_mean(arrays):
    before = {name: g.copy() for name, (_, g) in arrays.items()}
    Centralize([g for _, g in arrays.values()])()
    dense, convolution = arrays["dense"][1], arrays["convolution"][1]
    expected = before["dense"] - before["dense"].mean(axis=1, keepdims=True)
    assert dense == pytest.approx(expected, rel=1e-13)
    expected = before["convolution"] - before["convolution"].mean(axis=(2, 3, 4), keepdims=True)
    assert convolution == pytest.approx(expected, rel=1e-13)
    assert np.array_equal(arrays["bias"][1], before["bias"])
    assert abs(arrays["narrow"][1].mean(axis=1)).max() < 1e-15


@pytest.mark.parametrize("name", ["dense", "convolution", "bias", "narrow"])
def test_adaptive_clipping_is_optax_s(name, arrays):
    clip = optax().adaptive_grad_clip(0.3)
    w, g = arrays[name]
    expected = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for r in range(2):
            ours = (as_optax(name, np.asarray(each[r])) for each in (g, w))
            update, parameters = ([each.astype(np.float32)] for each in ours)
            (clipped,), _ = clip.update(update, clip.init(parameters), parameters)
            clipped = np.asarray(clipped)
            expected.append(np.moveaxis(clipped, -1, 0) if name == "convolution" else clipped)
    before = g.copy()
    ClipAdaptive(0.3, [(w, g)])()
    assert g == pytest.approx(np.stack(expected), rel=1e-5)
    assert not np.array_equal(g, before)


def test_adaptive_clipping_by_hand():
    w = np.array([[[3.0, 0.0], [4.0, 0.0]]])  # units of norm 5 and 0
    g = np.array([[[6.0, 0.3], [8.0, 0.4]]])  # units of norm 10 and 0.5
    ClipAdaptive(0.1, [(w, g)])()
    assert g[0, :, 0] == pytest.approx([0.3, 0.4])  # norm 0.1 · 5
    assert g[0, :, 1] == pytest.approx([6e-5, 8e-5])  # norm 0.1 · 0.001
    small = np.full((1, 2, 2), 1e-9)
    ClipAdaptive(0.1, [(np.ones((1, 2, 2)), small)])()
    assert (small == 1e-9).all(), "what is within the limit stays"


def test_units_are_views(arrays):
    for _, g in arrays.values():
        assert np.shares_memory(units(g), g)


def test_noise_has_the_variance_that_is_asked_for_and_falls():
    spec = GradientNoise(eta=0.3, gamma=0.55)
    for t in (0, 9, 99):
        g = np.zeros((2, 50_000))
        AddNoise(spec, g, [0, 1], lambda t=t: t)()
        assert g.mean(axis=1) == pytest.approx(0, abs=0.02)
        assert g.var(axis=1) == pytest.approx(0.3 / (1 + t) ** 0.55, rel=0.03)
        assert not np.array_equal(g[0], g[1])
        again = np.zeros((1, 50_000))
        AddNoise(spec, again, [1], lambda t=t: t)()
        assert np.array_equal(again[0], g[1]), "it follows from seed and step"


SETTINGS = {
    "centralize": {"centralize": True},
    "adaptive": {"clip_adaptive": 0.01},
    "noise": {"gradient_noise": GradientNoise(eta=0.01)},
    "all": {
        "centralize": True,
        "clip_adaptive": 0.1,
        "clip_value": 0.5,
        "clip_norm": 0.5,
        "gradient_noise": GradientNoise(),
    },
}


@for_each("name", SETTINGS)
@for_each("dtype", [np.float32, np.float64])
@for_each("hidden", [(), (1,), (7, 4)])
def test_a_replica_has_the_same_bits_in_company(name, dtype, hidden):
    some = [SGD(lr=0.1 * (i + 1)) for i in range(9)]
    settings = {"dtype": dtype, "hidden": hidden, **SETTINGS[name]}
    seeds = [i % 4 for i in range(9)]
    company = final(cohort(some, seeds=seeds, **settings))[-1].state.parameters.buffer
    plain = final(cohort(some, seeds=seeds, dtype=dtype, hidden=hidden))
    assert not np.array_equal(plain[-1].state.parameters.buffer, company)
    for r in (0, 4, 8):
        alone = final(cohort([some[r]], seeds=[seeds[r]], **settings))
        assert np.array_equal(alone[-1].state.parameters.buffer[0], company[r])


def test_the_gradient_norm_of_the_history_is_that_before_all_of_it():
    settings = {"hidden": (), "batch_size": "full", "epochs": 1, "shuffle": False}
    settings["prepared"] = data(validation=0)
    norms = []
    for more in ({}, SETTINGS["all"]):
        events = final(cohort([SGD(lr=1.0)], **settings, **more))
        norms.append([e.gradient_norm[0] for e in events if isinstance(e, EpochEnded)])
    assert norms[0] == norms[1]
