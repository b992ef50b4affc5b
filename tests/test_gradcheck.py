"""Gradient checks: what they must see, what they must let pass, and the command."""

import functools
import itertools
import json
import re
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import optcli
from optcli.api import gradcheck as api
from optcli.cli.main import run
from optcli.core.environment import blas_threads
from optcli.core.errors import InvalidInput
from optcli.core.inputs import Inputs
from optcli.display.gradcheck import listener
from optcli.gradients import UncheckedGradient, WrongGradient, taylor
from optcli.gradients.case import Case, CaseSet
from optcli.gradients.cases import case_sets
from optcli.gradients.check import How, check
from optcli.gradients.components import LossFunction
from optcli.gradients.differences import noise_of
from optcli.gradients.functions import Function
from optcli.gradients.loss_cases import loss_cases
from optcli.gradients.model_cases import cohort_cases
from optcli.gradients.networks import FixedBatch, NetworkFunction
from optcli.gradients.variants import variants
from optcli.layers.activations import Tanh
from optcli.layers.convolution import ConvolutionPass
from optcli.layers.dense import DensePass
from optcli.losses.base import LOSSES
from optcli.models import CNN, MLP, Architecture, Linear
from optcli.training.settings import Regularization
from tests.cohorts import cohort
from tests.for_each import for_each
from tests.studies import scales

ROOT = Path(__file__).parent.parent
ALL = case_sets()


def verdicts(f, gradient, x, **how):
    """The verdicts on a function of points (K, P)."""
    return set(optcli.gradcheck(f, gradient, x, vectorized=True, **how).verdicts)


# ---- single functions, of which everything is known ------------------------------------


def relu(x):
    return np.maximum(x, 0)[:, 0]


def absolute(x):
    return np.abs(x)[:, 0]


def huber(x):
    size = np.abs(x[:, 0])
    return np.where(size < 1, 0.5 * size**2, size - 0.5)


def squared_hinge(x):
    return np.maximum(0, 1 - x[:, 0]) ** 2


def cross_entropy(x):
    top = x.max(1)
    return np.log(np.exp(x - top[:, None]).sum(1)) + top - x[:, 0]


def log_cosh(x):
    size = np.abs(x[:, 0])
    return size + np.log1p(np.exp(-2 * size)) - np.log(2)


def sharp_softplus(x):
    z = 1e6 * x[:, 0]
    return (np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))) / 1e6


def poisson(x):
    return np.exp(x[:, 0]) - 3 * x[:, 0]


def gaussian_nll(x):
    return 0.5 * (np.log(x[:, 1]) + (x[:, 0] - 0.3) ** 2 / x[:, 1])


@for_each(
    ("f", "x", "slope", "expected"),
    [
        *((relu, 0.0, slope, "kink") for slope in (0, 0.5, 1)),
        *((relu, 0.0, slope, "wrong") for slope in (1.001, -0.001, 1.01)),
        *((absolute, 0.0, slope, "kink") for slope in (-1, 0, 1)),
        (absolute, 0.0, 1.001, "wrong"),
        (absolute, 1e-9, 1, "ok"),
        (absolute, 1e-9, -1, "wrong"),
        (absolute, 1e-13, 1, "kink"),
        *((huber, x, np.clip(x, -1, 1), "ok") for x in (1.0, -1.0, 1 + 1e-7, 1 - 1e-7)),
        *((huber, x, 1.001 * np.clip(x, -1, 1), "wrong") for x in (1.0, -1.0, 1 + 1e-7)),
        (huber, 1.0, 1.00001, "wrong"),
        (squared_hinge, 1.0, 0, "ok"),
        (squared_hinge, 1.0, 0.001, "wrong"),
        *((log_cosh, x, np.tanh(x), "ok") for x in (0, 1e-8, 1e-3, 3, 400)),
        *((log_cosh, x, 1.001 * np.tanh(x), "wrong") for x in (1e-3, 400)),
        (log_cosh, 1e-8, 1.001e-8, "ok"),  # below what rounding lets one see
        (sharp_softplus, 0.0, 0.5, "ok"),
        (sharp_softplus, 0.0, 0.4, "wrong"),
        *((poisson, s, np.exp(s) - 3, "ok") for s in (50.0, 600.0, -600.0)),
        *((poisson, s, 1.001 * (np.exp(s) - 3), "wrong") for s in (50.0, 600.0, -600.0)),
        (lambda x: 3 * x[:, 0], 0.7, 3, "ok"),
        (lambda x: 3 * x[:, 0], 0.7, 3.00003, "wrong"),
        (lambda x: 3 * x[:, 0] ** 2, 0.7, 4.2, "ok"),
        (lambda x: 0 * x[:, 0] + 5, 0.7, 0, "ok"),
        (lambda x: np.maximum(x, 0)[:, 0] - np.maximum(-x, 0)[:, 0], 0.0, 0, "wrong"),
        (relu, 1.0, np.nan, "wrong"),
        (relu, 1.0, np.inf, "wrong"),
        (lambda x: np.log(x[:, 0]), 1e-5, 1e5, "ok"),  # the first steps leave the domain
        (lambda x: np.sqrt(x[:, 0]), -1.0, 1, "unresolved"),
    ],
)
def test_functions_of_one_number(f, x, slope, expected):
    assert verdicts(f, [slope], [x], convex=True) == {expected}


@pytest.mark.parametrize(
    ("gradient", "expected"),
    [((1, 0), "kink"), ((0.5, 0.5), "kink"), ((1, 1), "wrong"), ((0, 0), "wrong")],
)
def test_a_tie_of_two_is_asked_along_both_together(gradient, expected):
    assert verdicts(lambda x: x.max(1), gradient, [0.3, 0.3], convex=True) == {expected}


def test_extreme_scores_and_small_variances():
    scores = np.array([999.5, 1000.0, 999.0])
    gradient = np.exp(scores - 1000) / np.exp(scores - 1000).sum() - [1, 0, 0]
    assert verdicts(cross_entropy, gradient, scores) == {"ok"}
    assert verdicts(cross_entropy, gradient * [1, 1.001, 1], scores) == {"ok", "wrong"}
    x, v = np.array([0.3001, 1e-6]), 1e-6
    gradient = np.array([1e-4 / v, 0.5 * (1 / v - 1e-8 / v**2)])
    assert verdicts(gaussian_nll, gradient, x) == {"ok"}
    assert verdicts(gaussian_nll, 1.001 * gradient, x) == {"wrong"}


def test_the_complex_step_sees_what_differences_do_not():
    slope = 1 - np.tanh(0.3) ** 2
    f = lambda x: np.tanh(x)[:, 0]  # noqa: E731
    assert verdicts(f, [slope], [0.3], complex_step=True) == {"ok"}
    assert verdicts(f, [slope * (1 + 1e-9)], [0.3]) == {"ok"}
    assert verdicts(f, [slope * (1 + 1e-9)], [0.3], complex_step=True) == {"wrong"}
    assert verdicts(lambda x: x.max(1), [1, 0], [0.3, 0.3], complex_step=True) == {"kink"}


def test_a_complex_step_that_the_differences_contradict_counts_for_nothing():
    result = optcli.gradcheck(absolute, [1], [0.3], vectorized=True, complex_step=True)
    assert result
    assert "the complex step contradicts the differences" in str(result)
    assert verdicts(absolute, [1.001], [0.3], complex_step=True) == {"wrong"}


def test_a_function_that_takes_no_complex_numbers_is_checked_by_differences():
    f, slope = lambda x: float(np.hypot(x[0], 1)), 0.3 / np.hypot(0.3, 1)
    result = optcli.gradcheck(f, [slope], [0.3], complex_step=True)
    assert result
    assert "does not accept complex numbers" in str(result)
    assert not optcli.gradcheck(f, [1.001 * slope], [0.3], complex_step=True)


@for_each("seed", range(10))
@for_each("scale", [0.1, 1, 1e3, 1e6])
def test_the_noise_of_a_function_is_measured(scale, seed):
    class Noisy(Function):
        def values(self, points):
            return scale * (1 + np.sin(points).sum(1)) + 1e4 - 1e4

    noise = noise_of(Noisy(np.ones(5)), 1.0, np.random.default_rng(seed))
    exact = np.finfo(float).eps * max(scale * 5.2, 1e4)  # half a place of the largest number
    assert 0.05 * exact < noise < 2 * exact


@pytest.mark.parametrize("fast", [False, True], ids=["entries", "fast"])
@pytest.mark.parametrize("slope", [2, -2, 7])
def test_a_random_function_is_not_passed(slope, fast):
    """Dropout without a seed, say: its noise would cover any gradient."""
    random, x = np.random.default_rng(0), np.array([0.5, -1.0, 2.0])

    def f(x):
        return np.sum(x**2 * random.integers(2, size=3) * 2)

    result = optcli.gradcheck(f, slope * x, x, fast=fast)
    assert not result
    assert "is it random without a seed" in str(result)


def test_a_jump_is_not_passed():
    assert not optcli.gradcheck(lambda x: float(x[0] > 0), [1000.0], [0.0])


# ---- what could not be checked --------------------------------------------------------


def six_digits(x):
    return round(float((x**2).sum()), 6)


NORMAL = np.random.default_rng(0).standard_normal(6)


@pytest.mark.parametrize("factor", [1, 0, -1, 1.5])
@pytest.mark.parametrize(
    ("f", "slope", "x", "reason"),
    [
        (lambda x: (x.astype("f4") ** 2).sum(), lambda x: 2 * x, NORMAL, "7 digits (float32?)"),
        (six_digits, lambda x: 2 * x, NORMAL, "7 digits"),
        (lambda x: 1e-12 * (x**2).sum(), lambda x: 2e-12 * x, NORMAL, "below the rounding error"),
        (lambda x: 1e10 + (x**2).sum(), lambda x: 2 * x, NORMAL, "remove large constants from f"),
        (lambda x: 5.0, lambda x: 0 * x, NORMAL, "f does not change around x"),
        (lambda x: float(np.log(x).sum()), lambda x: 1 / x, -abs(NORMAL), "f(x) is nan"),
        (lambda x: x[0] if x[0] >= 0 else np.nan, lambda x: 1 + x, [0.0], "not finite around x[0]"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_cannot_be_seen_is_neither_right_nor_wrong(f, slope, x, reason, factor):
    x = np.array(x)
    result = optcli.gradcheck(f, factor * slope(x), x)
    assert result.outcome == "not checked"
    assert reason in result.reason
    assert not result
    assert result.count("wrong") == 0
    assert str(result) == f"gradcheck: the gradient could not be checked: {result.reason}"
    with pytest.raises(UncheckedGradient, match=re.escape(result.reason)):
        result.raise_if_wrong()


def test_steps_that_round_away_are_named():
    x = np.array([1e9, 2e9])
    result = optcli.gradcheck(lambda x: np.sin(x).sum(), np.cos(x), x)
    assert result.outcome == "not checked"
    assert "steps of x = 2e+09 are lost in rounding" in result.reason


def test_a_gradient_that_is_not_finite_is_wrong_even_there():
    for f in (six_digits, lambda x: (x.astype("f4") ** 2).sum(), lambda x: 5.0):
        assert optcli.gradcheck(f, np.nan * NORMAL, NORMAL).outcome == "wrong"


def test_a_zero_too_small_to_be_seen_beside_others_is_right():
    """As a bias before batch norm, whose gradient is rounding."""
    result = optcli.gradcheck(lambda x: x[0] ** 2, [2.0, 1e-17], [1.0, 1.0])
    assert result.outcome == "right"
    assert result.seen.tolist() == [True, False]


@pytest.mark.parametrize(
    ("f", "slope", "x"),
    [
        (lambda x: np.log(x).sum(), lambda x: 1 / x, [1e-8, 1e-4]),
        (lambda x: (x * np.log(x)).sum(), lambda x: np.log(x) + 1, [1e-9, 0.5]),
        (lambda x: ((x / 1e-9) ** 4).sum(), lambda x: 4 * x**3 / 1e-36, [2e-9]),
        (lambda x: np.sin(x).sum(), np.cos, [1e4, 2e4]),
        (lambda x: (x**2).sum(), lambda x: 2 * x, [0.0, 0.0]),  # a minimum
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_steps_go_with_the_point(f, slope, x):
    x = np.array(x)
    assert optcli.gradcheck(f, slope(x), x).outcome == "right"
    assert optcli.gradcheck(f, 1.001 * slope(x) + 1e-6, x).outcome == "wrong"


@pytest.mark.parametrize("fast", [False, True], ids=["entries", "fast"])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_no_false_verdict_at_any_scale_or_point(fast):
    """A thin sweep of what tests/studies/scales.py tries throughout."""
    found = list(scales.outcomes([0], scales.SCALES[::4], scales.POINTS[::3], [fast]))
    assert [(key, str(result)) for key, result in found if scales.false(key, result)] == []
    assert {result.outcome for _, result in found} == {"right", "wrong", "not checked"}


@pytest.mark.parametrize(("frequency", "point"), [(1, 1e9), (1000, 1e6)])
def test_an_apparent_kink_does_not_vouch_for_slopes_that_noise_hides(frequency, point):
    """Steps that skip whole periods of a sine look like a kink at one entry of four."""
    x = point * np.random.default_rng(2).standard_normal(4)
    found = optcli.gradcheck(
        lambda x: 1e-3 * np.sin(frequency * x).sum(1),
        1.001e-3 * frequency * np.cos(frequency * x),
        x,
        vectorized=True,
        seed=2,
    )
    assert found.outcome == "not checked"
    assert "lost in rounding" in found.reason


# ---- the function for everybody --------------------------------------------------------


def test_a_function_of_a_matrix_point_by_point():
    x = np.random.default_rng(0).standard_normal((3, 4))
    seen = []

    def f(x):
        seen.append(x.shape)
        return (np.tanh(x) * x).sum()

    gradient = np.tanh(x) + x / np.cosh(x) ** 2
    before = x.copy()
    assert optcli.gradcheck(f, gradient, x)
    assert optcli.gradcheck(f, lambda x: np.tanh(x) + x / np.cosh(x) ** 2, x)
    assert set(seen) == {(3, 4)}
    assert np.array_equal(x, before)
    result = optcli.gradcheck(f, gradient * np.where(np.arange(12).reshape(3, 4) == 6, -1, 1), x)
    (worst,) = (entry for entry in result.worst(3) if entry.verdict == "wrong")
    assert worst.label == "x[1, 2]"
    assert worst.analytic == -gradient[1, 2]
    assert worst.numeric == pytest.approx(gradient[1, 2], rel=1e-8)
    assert result.verdicts.count("ok") == 11
    assert "x[1, 2]" in str(result)
    with pytest.raises(WrongGradient, match="x\\[1, 2\\]"):
        result.raise_if_wrong()
    with pytest.raises(AssertionError):
        result.raise_if_wrong()
    optcli.gradcheck(f, gradient, x).raise_if_wrong()


@pytest.mark.parametrize(
    ("factor", "hint"),
    [
        (-1, "has the wrong sign"),
        (0, "is 0"),
        (7, "7 times the numerical gradient"),
        (1.001, "1.001 times"),
    ],
)
def test_a_common_factor_is_said(factor, hint):
    x = np.random.default_rng(0).standard_normal(9)
    result = optcli.gradcheck(lambda x: (x**2).sum(), 2 * factor * x, x)
    assert hint in str(result)


def test_rtol_and_atol_widen():
    x = np.array([0.3, 0.7])
    f = lambda x: (x**2).sum()  # noqa: E731
    assert not optcli.gradcheck(f, 2 * x + 1e-4, x)
    assert optcli.gradcheck(f, 2 * x + 1e-4, x, rtol=1e-2)
    assert optcli.gradcheck(f, 2 * x + 1e-4, x, atol=1e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.sum, np.ones(3), np.ones(4)), "shape (3,), x has (4,)"),
        ((np.sum, np.ones(2), [1.0, np.nan]), "not finite"),
        ((np.sum, [], []), "empty"),
        ((np.sum, ["a"], ["a"]), "not an array of numbers"),
        ((lambda x: x, np.ones(2), np.ones(2)), "must be one number"),
        ((lambda x: "1", np.ones(2), np.ones(2)), "must be one number"),
    ],
)
def test_what_cannot_be_checked_is_refused(arguments, message):
    with pytest.raises(InvalidInput) as caught:
        optcli.gradcheck(*arguments)
    assert message in str(caught.value)


def test_a_vectorized_function_must_give_a_value_for_each_point():
    with pytest.raises(InvalidInput, match="a value for each"):
        optcli.gradcheck(np.sum, np.ones(2), np.ones(2), vectorized=True)


def test_memory_does_not_grow_with_the_square_of_the_parameters():
    x = np.random.default_rng(0).standard_normal(6000)
    tracemalloc.start()
    try:
        assert optcli.gradcheck(lambda x: (x**2).sum(1), 2 * x, x, vectorized=True)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 6000**2 * 8 / 10


# ---- along random directions -----------------------------------------------------------


def smooth(x):
    return (np.tanh(x) * x).sum(1)


def slope_of_smooth(x):
    return np.tanh(x) + x / np.cosh(x) ** 2


@for_each("seed", range(20))
def test_fast_finds_a_wrong_sign_a_zero_and_a_factor(seed):
    x = np.random.default_rng(seed).standard_normal(500)
    g = slope_of_smooth(x)
    assert verdicts(smooth, g, x, fast=True, seed=seed) == {"ok"}
    half = np.where(np.arange(500) < 250, 0, g)
    for wrong in (-g, 0 * g, 1.001 * g, half, np.where(np.arange(500) == 7, np.nan, g)):
        assert "wrong" in verdicts(smooth, wrong, x, fast=True, seed=seed)


@pytest.mark.parametrize("size", [14, 1800])
def test_fast_does_not_pass_a_function_of_float32(size):
    """Long steps along a direction would show some of a slope, which entries do not."""
    x = np.random.default_rng(0).standard_normal(size)

    def f(x):
        return float(np.mean(x.astype(np.float32) ** 2, dtype=np.float64))

    for fast in (False, True):
        result = optcli.gradcheck(f, 2 * x / size, x, fast=fast)
        assert result.outcome == "not checked"
        assert result.reason.endswith("compute in float64")
    assert optcli.gradcheck(lambda x: float(np.mean(x**2)), 2 * x / size, x, fast=True)


def test_fast_tells_a_kink_from_a_mistake():
    zeros = np.zeros(30)
    assert verdicts(lambda x: np.abs(x).sum(1), zeros, zeros, fast=True) == {"kink"}
    assert verdicts(lambda x: np.abs(x).sum(1), zeros + 9, zeros, fast=True) >= {"wrong"}
    assert verdicts(lambda x: 3 * x.sum(1), zeros + 3, zeros, fast=True) == {"ok"}
    assert verdicts(lambda x: 0 * x.sum(1), zeros, zeros, fast=True) == {"ok"}


# ---- all that is registered ------------------------------------------------------------


@pytest.mark.long  # the command, below, checks all entries with another seed
@pytest.mark.parametrize("fast", [False, True], ids=["full", "fast"])
@pytest.mark.parametrize("case_set", ALL, ids=lambda case_set: f"{case_set.kind}-{case_set.name}")
def test_every_gradient_is_right(case_set, fast):
    cases = 0
    for _, result in case_set.check(How(seed=1, fast=fast)):
        assert result, result
        assert len(result.ratio) > 0
        cases += 1
    assert cases > 0


def test_every_loss_at_its_kinks():
    for cls in LOSSES:
        at_kinks = [r for c, r in loss_cases(cls).check(How()) if c.what.startswith("at ")]
        assert len(at_kinks) == len(cls.kinks)
        assert all(result.count("kink") > 0 for result in at_kinks), cls.name


def test_most_components_have_a_second_opinion():
    """What is declared analytic is asked by the complex step, and agrees."""
    asked = [case for case_set in ALL for case in case_set.cases(0) if case.analytic]
    assert len(asked) > 100


def test_every_hyperparameter_that_is_a_number_has_a_variant():
    found = {words.partition(" ")[0] for words, _ in variants(LOSSES.find("huber"))}
    assert found == {"", "delta"}
    found = [words for words, _ in variants(MLP, hidden=(4, 4))]
    assert {"dropout 0.3", "batch_norm", "layer_norm", "residual"} <= set(found)


MODELS = {
    "linear": (Linear(), None),
    "mlp": (MLP((6, 4)), None),
    "norms and dropout": (MLP((6, 4), "tanh", dropout=0.4, batch_norm=True), None),
    "residual": (MLP((4, 4), "gelu", layer_norm=True, residual=True), None),
    "cnn": (CNN((2, 3), hidden=(4,), dropout=0.2, batch_norm=True), (2, 5, 4)),
    "average": (CNN((2,), hidden=(), pooling="average", activation="silu"), (2, 5, 4)),
}


def function_of(model, image, *, seed=0):
    random = np.random.default_rng(seed)
    features = 40 if image else 5
    architecture = Architecture(model, Inputs(features, image), 3)
    x = np.zeros(architecture.layout.size)
    architecture.initialize(x, seed)
    x += 0.3 * random.standard_normal(x.shape)
    batch = FixedBatch(
        random.standard_normal((7, features)), np.arange(7) % 3, random.uniform(0.5, 2, 7)
    )
    loss = LOSSES.find("cross_entropy")()
    return NetworkFunction(architecture, x, loss, batch, Regularization(0.03, 0.02), seed)


@for_each("dtype", [float, complex])
@for_each("name", MODELS)
def test_one_moved_parameter_gives_the_value_of_the_whole_network(name, dtype):
    function = function_of(*MODELS[name])
    entries = np.arange(function.x.size)
    to = function.x + np.linspace(-0.1, 0.1, entries.size).astype(dtype)
    points = np.repeat(function.x[None].astype(dtype), entries.size, axis=0)
    points[entries, entries] = to
    moved = function.moved(entries, to)
    assert np.abs(moved - function.values(points)).max() < 1e-13
    shuffled = np.random.default_rng(0).permutation(np.tile(entries, 2))
    assert np.array_equal(function.moved(shuffled, to[shuffled]).shape, shuffled.shape)
    assert np.abs(function.moved(shuffled, to[shuffled]) - moved[shuffled]).max() < 1e-13


def test_dense_layers_and_convolutions_are_updated_and_not_computed_anew():
    function = function_of(*MODELS["average"])
    names = [step.name.rstrip("12") for step in function.architecture.steps]
    assert function.linear == [name in ("convolution", "dense") for name in names]
    assert function.alike == [name in ("silu", "average_pool") for name in names]


@pytest.mark.parametrize("name", ["mlp", "average"])
def test_a_moved_parameter_is_rounded_no_more_than_the_whole_network(name):
    function = function_of(*MODELS[name])
    entries = np.arange(function.x.size)
    to = function.x + 1e-9 * np.arange(8)[:, None]
    points = np.repeat(function.x[None], to.size, axis=0)
    points[np.arange(to.size), np.tile(entries, 8)] = to.ravel()

    def noise(values):
        """By differences, as `noise_of`."""
        return np.sqrt(np.mean(np.diff(values.reshape(to.shape), 4, axis=0) ** 2))

    moved = noise(function.moved(np.tile(entries, 8), to.ravel()))
    assert 0 < moved <= 1.2 * noise(function.values(points))


@pytest.mark.parametrize("kind", [DensePass, ConvolutionPass])
@pytest.mark.parametrize("wrong", [lambda y: 1.001 * y, lambda y: y + 1e-3 * np.sin(y)])
def test_a_forward_pass_that_is_no_linear_map_is_found(monkeypatch, kind, wrong):
    """Its outputs are what is checked: none is made up of what the layer should compute."""
    right = kind.forward
    monkeypatch.setattr(kind, "forward", lambda self, x: wrong(right(self, x)))
    function = function_of(CNN((2,), hidden=(4,), pool=1), (2, 5, 4))
    names = [type(step.layer).__name__ + "Pass" for step in function.architecture.steps]
    assert not any(function.linear[i] for i, name in enumerate(names) if name == kind.__name__)
    assert Case("all", function, True).check(How(), "cnn").outcome == "wrong"


def test_an_activation_that_mixes_units_is_computed_as_a_whole(monkeypatch):
    def mixed(self, x, y, keep):
        np.subtract(x, x.mean(axis=-1, keepdims=True), y)

    monkeypatch.setattr(Tanh, "value", mixed)
    function = function_of(MLP((4, 3), "tanh"), None)
    assert not any(function.alike)
    to = function.x + 0.1
    points = function.x + 0.1 * np.eye(function.x.size)
    moved = function.moved(np.arange(to.size), to)
    assert np.abs(moved - function.values(points)).max() < 1e-13


def test_entries_are_called_by_layer_and_place():
    function = function_of(*MODELS["cnn"])
    labels = [function.label(i) for i in range(function.x.size)]
    assert len(set(labels)) == len(labels)
    assert labels[0] == "convolution1.weight[0, 0, 0, 0]"
    assert labels[-1] == "dense2.bias[2]"


def test_a_gradient_that_differs_in_company_is_a_problem():
    class Loner(LossFunction):
        def gradients(self, points):
            return super().gradients(points) * (1 if len(points) == 1 else 1.001)

    scores = np.random.default_rng(0).standard_normal((4, 3))
    case = Case("alone", Loner(LOSSES.find("mse")(), scores, 0 * scores))
    result = case.check(How(), "mse")
    assert not result
    assert "in a cohort" in str(result)
    assert result.count("wrong") == 0


def test_the_very_run_is_checked():
    """All of the cohort: its loss, its penalties, its rows."""
    own = cohort(["sgd"], hidden=(6,), regularization=Regularization(l2=0.1))
    (_, loss_result), (model_case, model_result) = cohort_cases(own, "mine").check(How())
    assert loss_result
    assert model_result
    assert model_case.function.regularization == Regularization(l2=0.1)
    assert model_case.function.loss is own.loss
    assert model_result.labels[0] == "dense1.weight[0, 0]"
    assert [group.name for group in model_result.groups()] == list(own.architecture().layout.shapes)
    rows = {row.tobytes() for row in own.replicas[0].data.train.x}
    assert all(row.tobytes() in rows for row in model_case.function.batch.x)


def test_a_large_model_is_checked_along_directions():
    own = cohort(["sgd"], hidden=(120, 180))
    *_, (_, result) = cohort_cases(own, "large").check(How())
    assert result.unit == "projections"
    assert result


@pytest.mark.long
@pytest.mark.parametrize(("rows", "times"), [(8, 10), (32, 6)])
def test_the_check_is_many_times_as_fast_as_torch_s(rows, times):
    """The full central check of 10-32-32-10, one thread."""
    torch = pytest.importorskip("torch")
    random = np.random.default_rng(0)
    architecture = Architecture(MLP((32, 32), "tanh"), Inputs(10), 10)
    p = 0.2 * random.standard_normal(architecture.layout.size)
    x, y = random.standard_normal((rows, 10)), np.arange(rows) % 10
    loss = LOSSES.find("cross_entropy")()
    function = NetworkFunction(architecture, p, loss, FixedBatch(x, y), Regularization())
    views = architecture.layout.views(p[None])
    given = [torch.tensor(view[0], requires_grad=True) for view in views.values()]
    tx, ty = torch.tensor(x), torch.tensor(y)

    def f(w1, b1, w2, b2, w3, b3):
        hidden = torch.tanh(torch.tanh(tx @ w1 + b1) @ w2 + b2)
        return torch.nn.functional.cross_entropy(hidden @ w3 + b3, ty)

    def ours():
        assert check(function, function.gradients(p[None])[0], How())

    def theirs():
        assert torch.autograd.gradcheck(f, given, fast_mode=False)

    def least(call):
        times = []
        for _ in range(7):
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
        return min(times)

    assert f(*given).item() == pytest.approx(function.values(p[None])[0], rel=1e-12)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with blas_threads(1):
            assert least(theirs) > times * least(ours)
    finally:
        torch.set_num_threads(threads)


# ---- the command -----------------------------------------------------------------------


def test_all_of_it_in_one_table_and_under_10_seconds(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")  # where names and rows are most at odds
    start = time.process_time()  # 2 seconds alone; other processes do not count
    assert run(["gradcheck"]) == 0
    assert time.process_time() - start < 10
    lines = capsys.readouterr().out.splitlines()
    names = [line.split()[0] for line in lines[1 : len(ALL) + 1]]
    assert names == [case_set.name for case_set in ALL]
    assert any(line.startswith("all correct: ") for line in lines[len(ALL) + 1 :])
    assert max(map(len, lines)) <= 60


def test_names_and_aliases(capsys):
    assert run(["gradcheck", "softmax", "relu", "cross_entropy"]) == 0
    out = capsys.readouterr().out
    assert "cross_entropy (loss)" in out
    assert "relu (activation)" in out
    assert out.count("(loss)") == 1


def test_unknown_names_are_all_told(capsys):
    assert run(["gradcheck", "crossentropy", "relu", "convolutoin"]) == 2
    err = capsys.readouterr().err.splitlines()
    assert len(err) == 2
    assert "'crossentropy'; did you mean 'cross_entropy'?" in err[0]
    assert "did you mean 'convolution'?" in err[1]


def test_a_config_layer_by_layer(capsys):
    assert run(["gradcheck", "--config", str(ROOT / "configs" / "moons.yaml")]) == 0
    out = capsys.readouterr().out
    assert "moons (config)" in out
    assert re.search(r"dense1\.weight +\d+ ", out)
    assert "largest deviation from the numerical gradient" in out


def test_a_config_that_is_wrong_is_told_as_ever(capsys, tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("dataset: moons\nmodel: mlp\nloss: cross_entrpy\noptimizer: sgd\n")
    assert run(["gradcheck", "--config", str(path)]) == 2
    assert "bad.yaml:3: loss" in capsys.readouterr().err


def test_the_table_fits_the_terminal(capsys, monkeypatch):
    check = CaseSet.check
    found = functools.cache(lambda *given: list(check(*given)))  # the same results at each width
    monkeypatch.setattr(CaseSet, "check", lambda *given: found(*given))
    names = ["squared_epsilon_insensitive", "residual"]
    checks = api.checks(names), api.checks(config=ROOT / "configs" / "spirals.yaml")
    for width in (60, 80, 120):
        monkeypatch.setenv("COLUMNS", str(width))
        for chosen in checks:
            show = listener(chosen.case_sets, False, False, sys.stdout)
            done = api.gradcheck(chosen, lambda *checked, show=show: show(checked))
            show.finish(done.seconds, done.notes)
        assert max(map(len, capsys.readouterr().out.splitlines())) <= width


def test_json_lines(capsys):
    assert run(["gradcheck", "mae", "--json", "--quiet"]) == 0
    *cases, summary = map(json.loads, capsys.readouterr().out.splitlines())
    assert {case["event"] for case in cases} == {"gradient"}
    assert all(case["ok"] and case["name"] == "mae" for case in cases)
    assert sum(case["kink"] for case in cases) == summary["kinks"] > 0
    assert summary["event"] == "summary"
    assert summary["ok"] is True
    assert summary["entries"] == sum(case["entries"] for case in cases)
    assert {"label", "analytic", "numeric", "ratio", "verdict"} <= set(cases[0]["worst"][0])
    assert {case["outcome"] for case in cases} == {"right"}
    assert summary["not_checked"] == summary["wrong"] == 0


def test_quiet_says_nothing(capsys):
    assert run(["gradcheck", "mse", "-q"]) == 0
    assert capsys.readouterr().out == ""


def test_the_same_seed_says_the_same(capsys):
    said = []
    for seed in ("3", "3", "4"):
        assert run(["gradcheck", "tanh", "--json", "--seed", seed]) == 0
        *cases, _ = map(json.loads, capsys.readouterr().out.splitlines())
        said.append(cases)
    assert said[0] == said[1] != said[2]


def test_plots(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(["gradcheck", "tanh", "mae", "--plots"]) == 0
    (picture,) = tmp_path.glob("runs/gradcheck-*/gradcheck.png")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "picture: " in capsys.readouterr().out
    assert run(["gradcheck", "tanh", "--plots", "--fast", "--out", "there"]) == 0
    assert (tmp_path / "there" / "gradcheck.png").exists()
    assert run(["gradcheck", "tanh", "--out", "there"]) == 2


# ---- plug-ins: what docs/plugins.md shows ----------------------------------------------

PAGE = (ROOT / "docs" / "plugins.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def optcli_command(*arguments, cwd):
    # a process of its own: what is registered stays registered
    return subprocess.run(
        [sys.executable, "-c", "from optcli.cli.main import main; main()", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env={"COLUMNS": "80", "PATH": "", "PYTHONPATH": str(ROOT)},
    )


def quoted(command):
    """What the page says that the command prints, without the numbers that may differ."""
    after = PAGE.partition(f"    $ {command}\n")[2]
    block = itertools.takewhile(lambda line: line[:4] in ("", "    "), after.splitlines())
    return [line.removeprefix("    ") for line in block if line.strip()]


def without_numbers(line):
    return re.sub(r"[-+\d.e]+", "#", line.replace(" ", ""))


def assert_shown(said, shown):
    """What was said is what a page shows, but for numbers; a line of `…` stands for any lines."""
    said, shown = (
        [without_numbers(line) for line in lines if line.strip()] for lines in (said, shown)
    )
    at = shown.index("…")
    rest = len(shown) - at - 1
    assert said[:at] == shown[:at]
    assert said[-rest:] == shown[at + 1 :]


def test_the_plug_in_of_the_page_is_right(tmp_path):
    (tmp_path / "charbonnier.py").write_text(BLOCKS[0])
    assert len(BLOCKS[0].splitlines()) <= 25
    command = "gradcheck --plugin charbonnier.py charbonnier"
    done = optcli_command(*command.split(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = {without_numbers(line) for line in done.stdout.splitlines()}
    expected = [line for line in quoted(f"optcli {command}") if line.strip() != "…"]
    assert len(expected) > 8
    assert [line for line in expected if without_numbers(line) not in said] == []


def test_the_wrong_plug_in_of_the_page_is_caught(tmp_path):
    (tmp_path / "rounded.py").write_text(BLOCKS[1])
    command = "gradcheck --plugin rounded.py rounded"
    done = optcli_command(*command.split(), cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert_shown(done.stdout.splitlines(), quoted(f"optcli {command}"))
    assert "every entry is 3 times the numerical gradient" in done.stdout


def test_the_plug_in_of_the_page_is_right_and_wrong_as_shown(tmp_path):
    section = (ROOT / "docs/commands/gradcheck.md").read_text()
    code = section.partition("```python\n")[2].partition("```")[0]
    assert len(code.splitlines()) <= 25
    command = "gradcheck --plugin charbonnier.py charbonnier"
    (tmp_path / "charbonnier.py").write_text(code)
    done = optcli_command(*command.split(), cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    last_line = code.splitlines()[-1].strip()
    wrong = section.partition("forgotten division")[2].split("`")[1]
    assert wrong != last_line
    (tmp_path / "charbonnier.py").write_text(code.replace(last_line, wrong))
    done = optcli_command(*command.split(), cwd=tmp_path)
    assert done.returncode == 1, done.stdout
    shown = section.partition(f"$ optcli {command}\n")[2].partition("```")[0]
    assert_shown(done.stdout.splitlines(), shown.splitlines())


FLOAT32_LOSS = """
from dataclasses import dataclass
import numpy as np
from optcli.plugins import LOSSES
from optcli.plugins import PlainLoss

@LOSSES.register("mse32")
@dataclass(frozen=True)
class MSE32(PlainLoss):
    power: float = 2.0

    def __post_init__(self):
        if self.power < 1:
            raise ValueError("power must be at least 1")

    def batch(self, s, t):
        r = (s - t).astype(np.float32)
        return (r**2).mean(axis=1), 2 * r / s.shape[1]
"""


def test_a_loss_in_float32_is_not_checked_and_a_refused_value_is_named(tmp_path):
    (tmp_path / "p.py").write_text(FLOAT32_LOSS)
    command = ("gradcheck", "--plugin", "p.py", "mse32")
    done = optcli_command(*command, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "f has about 7 digits (float32?); compute in float64" in done.stdout
    assert "WRONG" not in done.stdout
    assert done.stdout.splitlines()[-1].startswith("not checked: ")
    note = "power 0.3, a value that was tried, is rejected: power must be at least 1"
    assert note in " ".join(done.stdout.split())
    done = optcli_command(*command, "--json", cwd=tmp_path)
    *cases, summary = map(json.loads, done.stdout.splitlines())
    assert cases[0]["outcome"] == "not checked"
    assert "float32" in cases[0]["reason"]
    assert any(case["what"] == "power 1.3" for case in cases)
    assert summary["wrong"] == 0 < summary["not_checked"]


def test_the_test_of_the_page_passes(tmp_path):
    names = {}
    exec(compile(BLOCKS[2], "page", "exec"), names)
    names["test_gradient"]()


def test_a_plug_in_trains_with_weights_and_in_float32(tmp_path):
    (tmp_path / "charbonnier.py").write_text(BLOCKS[0])
    (tmp_path / "c.yaml").write_text(
        "dataset: {name: friedman, samples: 80}\nmodel: linear\n"
        "loss: {name: charbonnier, eps: 0.2}\noptimizer: {name: sgd, lr: 0.05}\n"
        "training: {epochs: 5}\n"
    )
    options = ["--plugin", "charbonnier.py", "--no-plots", "--out", "out"]
    done = optcli_command("train", "c.yaml", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = (tmp_path / "out" / "history.csv").read_text().splitlines()
    losses = [float(row.split(",")[3]) for row in rows[1:]]
    assert losses[-1] < losses[0]


def test_equal_entries_of_a_sparse_gradient_cancel_along_no_direction():
    gradient = np.zeros(300)
    gradient[[3, 200]] = 0.25, -0.25  # a hinge: the true class and the highest other
    for seed in range(100):
        v = taylor.directions(np.ones(300), np.random.default_rng(seed), 2)
        np.testing.assert_allclose(np.linalg.norm(v, axis=1), 1)
        assert np.abs(v @ gradient).min() > 1e-8


def test_a_direction_that_hides_the_slope_is_replaced_by_another(monkeypatch):
    def f(x):  # along the first entry differences do not settle
        return 1e-3 * np.sin(1e12 * x[0]) + (x**2).sum()

    def gradient(x):
        return 2 * x + np.array([1e9 * np.cos(1e12 * x[0]), 0, 0])

    first, second, third = np.eye(3)
    for others, outcome in (([third], "right"), ([first] * 3, "not checked")):
        drawn = iter([np.stack([first, second]), *(other[None] for other in others)])
        monkeypatch.setattr(taylor, "directions", lambda *_, drawn=drawn: next(drawn))
        assert optcli.gradcheck(f, gradient, np.ones(3), fast=True).outcome == outcome
        assert not list(drawn)


@pytest.mark.parametrize("size", [5, 16, 50])
def test_a_right_gradient_in_float32_is_wrong_along_no_direction(size):
    def f(x):
        return (x.astype(np.float32) ** 2).sum(1).astype(float)

    for seed in range(20):
        x = 1e-3 * np.random.default_rng(seed).standard_normal(size)
        result = optcli.gradcheck(f, 2 * x, x, vectorized=True, fast=True, seed=seed)
        assert result.outcome != "wrong"


def test_slopes_that_agree_by_chance_prove_nothing_wrong():
    x = 1e9 * np.random.default_rng(3).standard_normal(4)  # many periods within any step

    def f(x):
        return 1e-6 * np.sin(1e3 * x).sum(1)

    result = optcli.gradcheck(f, 1e-3 * np.cos(1e3 * x), x, vectorized=True, seed=3)
    assert result.outcome == "not checked"
