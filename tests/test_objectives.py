"""Objectives: gradients, minima, values by hand."""

import math

import numpy as np
import pytest

from optcli.objectives.base import OBJECTIVES
from tests.for_each import for_each

EVERY = [cls() for cls in OBJECTIVES] + [
    cls(dimension=n)
    for cls in OBJECTIVES if "dimension" in cls.__dataclass_fields__
    for n in (3, 7)
] + [
    OBJECTIVES.find("quadratic")(condition=100.0, rotation=40.0),
    OBJECTIVES.find("quadratic")(condition=30.0, rotation=-75.0, dimension=5),
]  # fmt: skip
NAMES = {
    "quadratic", "noisy_quadratic", "reddi", "ravine", "rosenbrock", "beale", "himmelblau", "booth",
    "three_hump_camel", "rastrigin", "ackley", "styblinski_tang", "saddle",
}  # fmt: skip


def points(objective, count=50):
    random = np.random.default_rng(0)
    low, high = np.array(objective.domain).T
    corners = (np.resize(each, objective.size) for each in (low, high))
    return random.uniform(*corners, size=(count, objective.size))


def gradient(objective, x):
    out = np.full_like(x, np.nan)
    objective.gradient(x, out)
    return out


def named(objective):
    return repr(objective)


def test_all_are_there():
    assert set(OBJECTIVES.names()) == NAMES


@for_each("objective", EVERY, ids=named)
def test_gradients_are_those_of_central_differences(objective):
    x, h = points(objective), 1e-5
    found = gradient(objective, x)
    for i in range(objective.size):
        step = h * np.eye(objective.size)[i]
        numeric = (objective.value(x + step) - objective.value(x - step)) / (2 * h)
        scale = np.abs(found).max() + np.abs(objective.value(x)).max()
        assert found[:, i] == pytest.approx(numeric, rel=1e-6, abs=1e-9 * scale)


@for_each("objective", EVERY, ids=named)
def test_gradients_are_those_of_complex_steps(objective):
    x = points(objective)
    found = gradient(objective, x)
    for i in range(objective.size):
        exact = objective.value(x + 1e-100j * np.eye(objective.size)[i]).imag / 1e-100
        assert found[:, i] == pytest.approx(exact, rel=1e-11, abs=1e-12 * np.abs(found).max())


@for_each("objective", EVERY, ids=named)
def test_minima_are_level_and_have_the_least_value(objective):
    minima = objective.minima
    assert minima.shape == (len(minima), objective.size)
    assert np.abs(gradient(objective, minima)).max() < 1e-12
    assert objective.value(minima) == pytest.approx(objective.lowest, rel=1e-12, abs=1e-15)
    around = objective.value(points(objective, 2000))
    assert (around >= objective.lowest).all()
    near = minima[:, None] + 1e-3 * np.random.default_rng(1).standard_normal(
        (1, 20, objective.size)
    )
    assert (objective.value(near.reshape(-1, objective.size)) > objective.lowest).all()


@for_each("objective", EVERY, ids=named)
def test_the_start_is_in_the_picture_and_not_level(objective):
    start = np.array([objective.start])
    assert start.shape == (1, objective.size)
    for point in [*start, *objective.minima]:
        for (low, high), at in zip(objective.domain, point, strict=False):
            assert low < at < high
    assert np.abs(gradient(objective, start)).max() > 1e-3


@for_each("objective", EVERY, ids=named)
def test_rows_do_not_depend_on_each_other_and_stay_as_they_are(objective):
    x = points(objective, 7)
    kept = x.copy()
    values, slopes = objective.value(x), gradient(objective, x)
    assert values.shape == (7,)
    assert np.array_equal(x, kept)
    for r in range(7):
        assert np.array_equal(objective.value(x[r : r + 1]), values[r : r + 1])
        assert np.array_equal(gradient(objective, x[r : r + 1]), slopes[r : r + 1])


BY_HAND = [
    ("rosenbrock", [-1.2, 1.0], 24.2),
    ("rosenbrock", [0.0, 0.0], 1.0),
    ("beale", [0.0, 0.0], 1.5**2 + 2.25**2 + 2.625**2),
    ("himmelblau", [0.0, 0.0], 170.0),
    ("booth", [0.0, 0.0], 74.0),
    ("three_hump_camel", [1.0, 1.0], 2 - 1.05 + 1 / 6 + 2),
    ("rastrigin", [0.5, 1.0], 10 + 0.25 + 10 + 1),
    ("ackley", [1.0, 1.0], 20 * (1 - math.exp(-0.2))),
    ("styblinski_tang", [1.0, 2.0], 0.5 * (1 - 16 + 5 + 16 - 64 + 10)),
    ("ravine", [-7.0, 2.0], 49 / 20 + 4),
    ("saddle", [1.0, 2.0], 0.5 + 4 - 2),
    ("quadratic", [2.0, 3.0], 0.5 * (4 + 90)),
]


@for_each(("name", "x", "value"), BY_HAND)
def test_values_by_hand(name, x, value):
    found = OBJECTIVES.find(name)().value(np.array([x]))
    assert found == pytest.approx([value], rel=1e-14)


@for_each("rotation", [0.0, 30.0, 90.0, -120.0])
@for_each("dimension", [2, 4])
def test_the_quadratic_has_the_condition_number_and_the_turn_it_is_asked_for(rotation, dimension):
    objective = OBJECTIVES.find("quadratic")(condition=25.0, rotation=rotation, dimension=dimension)
    hessian = gradient(objective, np.eye(dimension))
    assert np.allclose(hessian, hessian.T, rtol=0, atol=1e-13)
    curvatures = np.linalg.eigvalsh(hessian)
    assert curvatures == pytest.approx(np.geomspace(1, 25, dimension), rel=1e-12)
    if dimension == 2 and rotation == 30.0:
        _, vectors = np.linalg.eigh(hessian)
        angle = math.degrees(math.atan2(vectors[1, 0], vectors[0, 0])) % 180
        assert angle == pytest.approx(150.0)


def test_the_noise_of_the_quadratic_has_the_covariance_of_its_curvature():
    objective = OBJECTIVES.find("noisy_quadratic")(condition=9.0, rotation=35.0, sigma=0.5)
    normal = np.random.default_rng(0).standard_normal((4000, 2))
    out = np.zeros((4000, 2))
    for row, each in zip(out, normal, strict=True):
        objective.noise(each, row[None])
    hessian = gradient(objective, np.eye(2))
    assert np.allclose(np.cov(out.T), 0.25 * hessian, atol=0.08)


def test_the_gradient_of_reddi_is_large_in_one_step_of_three_and_right_on_average():
    objective = OBJECTIVES.find("reddi")(large=4.0)
    normal = np.random.default_rng(0).standard_normal((3000, 2))
    out = np.zeros((3000, 2))
    objective.gradient(np.zeros((3000, 2)), out)
    slope = out[0, 0]
    for row, each in zip(out, normal, strict=True):
        objective.noise(each, row[None])
    assert sorted({round(each, 12) for each in out[:, 0]}) == [-1.0, 4.0]
    assert out[:, 0].mean() == pytest.approx(slope, abs=0.1)
    assert np.all(out[:, 1] == 0)


@for_each("cls", list(OBJECTIVES), ids=lambda cls: cls.name)
def test_the_page_has_formula_reference_and_example(cls):
    page = cls.__doc__
    assert "    f(x" in page
    assert "Reference: " in page
    assert f"Example: `optcli trace {cls.name}" in page
