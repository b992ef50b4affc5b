"""Laws that every loss keeps, and the references it is equal to."""

import numpy as np
import pytest

from optcli.arrays import Workspace
from optcli.losses.base import LOSSES

ALL = list(LOSSES)


def example(loss, shape=(3, 7, 4), seed=0, scale=1.0):
    random = np.random.default_rng(seed)
    scores = random.standard_normal(shape) * scale
    if loss.target == "classes":
        return scores, random.integers(0, shape[2], shape[:2])
    if loss.target == "labels":
        return scores, random.integers(0, 2, shape).astype(float)
    return scores, random.standard_normal(shape)


def torch_losses(torch):
    functions = torch.nn.functional
    return {
        "cross_entropy": lambda s, t: functions.cross_entropy(s, t, reduction="none"),
        "binary_cross_entropy": lambda s, t: functions.binary_cross_entropy_with_logits(
            s, t, reduction="none"
        ).mean(1),
        "mse": lambda s, t: functions.mse_loss(s, t, reduction="none").mean(1),
    }


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("scale", [1.0, 1e4])
@pytest.mark.parametrize("loss", ALL)
def test_equals_torch(loss, scale, weighted):
    torch = pytest.importorskip("torch")
    scores, target = example(loss, scale=scale)
    weight = np.random.default_rng(2).uniform(0.1, 2, target.shape[:2]) if weighted else None
    gradient = np.full_like(scores, np.nan)
    values = loss().value_and_gradient(scores, target, gradient, weight)
    for r in range(len(scores)):
        s = torch.tensor(scores[r], requires_grad=True)
        samples = torch_losses(torch)[loss.name](s, torch.tensor(target[r]))
        w = torch.tensor(weight[r]) if weighted else torch.ones_like(samples)
        value = (samples * w).sum() / w.sum()
        value.backward()
        assert abs(values[r] - value.item()) <= 1e-12 * max(1, abs(value.item()))
        assert np.abs(gradient[r] - s.grad.numpy()).max() <= 1e-12 * max(1, scale)


# Values and gradients of torch 2.13 (float64) for these scores; the second row is extreme.
SCORES = np.array([[[0.5, -1.0, 2.0], [1e4, -1e4, 0.0]]])
PINNED = {
    "cross_entropy": (
        np.array([[2, 1]]),
        10000.120655648328,
    ),
    "binary_cross_entropy": (
        np.array([[[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]]),
        3333.601235643884,
    ),
    "mse": (np.array([[[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]]), 33336667.375),
}


@pytest.mark.parametrize("loss", ALL)
def test_pinned_value(loss):
    target, expected = PINNED[loss.name]
    value = loss().value(SCORES, target)[0]
    assert value == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", ALL)
def test_value_is_that_of_value_and_gradient(loss, dtype):
    scores, target = example(loss)
    scores = scores.astype(dtype)
    gradient = np.empty_like(scores)
    both = loss().value_and_gradient(scores, target, gradient)
    assert np.array_equal(loss().value(scores, target), both)
    assert both.dtype == dtype


@pytest.mark.parametrize("loss", ALL)
def test_gradient_is_that_of_the_value(loss):
    scores, target = example(loss, (1, 5, 3))
    weight = np.random.default_rng(1).uniform(0.5, 2, (1, 5))
    gradient = np.empty_like(scores)
    loss().value_and_gradient(scores, target, gradient, weight)
    h = 6e-6
    for index in np.ndindex(scores.shape):
        up, down = scores.copy(), scores.copy()
        up[index] += h
        down[index] -= h
        slope = (loss().value(up, target, weight) - loss().value(down, target, weight)) / (2 * h)
        assert gradient[index] == pytest.approx(slope[0], rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", ALL)
def test_a_replica_has_the_same_bits_in_any_company(loss, dtype):
    scores, target = example(loss, (6, 9, 4))
    scores = scores.astype(dtype)
    gradient = np.empty_like(scores)
    values = loss().value_and_gradient(scores, target, gradient)
    for r in range(6):
        alone = np.empty_like(scores[:1])
        value = loss().value_and_gradient(scores[r : r + 1], target[r : r + 1], alone)
        assert value[0] == values[r]
        assert np.array_equal(alone[0], gradient[r])


@pytest.mark.parametrize("scale", [1e3, 1e4])
@pytest.mark.parametrize("loss", ALL)
def test_extreme_scores_stay_finite(loss, scale):
    for seed in range(5):
        scores, target = example(loss, seed=seed, scale=scale)
        gradient = np.full_like(scores, np.nan)
        assert np.isfinite(loss().value_and_gradient(scores, target, gradient)).all()
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("loss", ALL)
def test_nothing_of_an_earlier_call_is_left(loss):
    work = Workspace()
    for seed in range(3):
        scores, target = example(loss, seed=seed)
        gradient, fresh = np.full_like(scores, np.nan), np.empty_like(scores)
        before = scores.copy()
        value = loss().value_and_gradient(scores, target, gradient, None, work)
        expected = loss().value_and_gradient(scores, target, fresh)
        assert np.array_equal(value, expected)
        assert np.array_equal(gradient, fresh)
        assert np.array_equal(scores, before), "the scores are untouched"


def test_names_that_others_give_them():
    for alias in ("softmax", "softmax_loss", "multinomial_logistic"):
        assert LOSSES.find(alias).name == "cross_entropy"
    for alias in ("logistic", "sigmoid_cross_entropy"):
        assert LOSSES.find(alias).name == "binary_cross_entropy"
