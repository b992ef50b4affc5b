"""Landscapes: each loss is what `evaluate` gives, and curvatures are the exact ones."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import optcli
from optcli.api.check import Setup
from optcli.api.verify import verify
from optcli.cli.main import run
from optcli.core.errors import InvalidInput
from optcli.core.parameters import Layout
from optcli.data.preparation import Part
from optcli.objectives.functions import Quadratic
from optcli.optimizers.momentum import Momentum
from optcli.optimizers.nesterov import Nesterov
from optcli.optimizers.sgd import SGD
from optcli.surface import again, stored
from optcli.surface.curvature import ends, sharpness, trace_of
from optcli.surface.heights import Slopes
from optcli.surface.plane import random_plane, through
from optcli.training.evaluation import evaluate
from optcli.training.trace import TracedOptimizer, trace

OPTIONS = {"points": 5, "plots": False, "probes": 8}
CONFIG = """
dataset: {name: moons, samples: 120}
model: {name: mlp, hidden: [6, 6], activation: tanh, batch_norm: true}
optimizer: {name: adam, lr: 0.01}
loss: cross_entropy
training: {epochs: 4, batch_size: 32}
dtype: float64
"""
# What a config may have beside the usual: outputs, weights of classes, 32 bits, dropout.
KINDS = {
    "batch norm": CONFIG,
    "float32": CONFIG.replace("float64", "float32").replace("batch_norm: true", "dropout: 0.2"),
    "several values": """
dataset: {name: linear, samples: 90, outputs: 3}
model: {name: mlp, hidden: [5], activation: gelu}
loss: huber
optimizer: momentum
training: {epochs: 3}
""",
    "class weights": CONFIG.replace(
        "loss: cross_entropy", "loss: {name: cross_entropy, class_weights: balanced}"
    ),
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def trained(text, name="run"):
    path = Path(f"{name}.yaml")
    path.write_text(text)
    return optcli.train(path, out=name, plots=False)


@pytest.mark.parametrize("kind", KINDS)
def test_each_point_of_the_grid_is_what_evaluate_gives(kind):
    done = trained(KINDS[kind])
    found = optcli.landscape(done, curvature=False, **OPTIONS)
    setup = Setup.of(done.config)
    model = done.trained
    plane = random_plane(
        model.parameters[0].astype(np.float64),
        model.statistics[0].astype(np.float64),
        np.zeros(model.statistics.size, bool),
        model.architecture().layout,
        0,
    )
    for name, part in (("train", setup.data.train), ("validation", setup.data.validation)):
        for i, j in ((0, 0), (2, 2), (4, 1)):
            parameters = np.empty_like(model.parameters)
            statistics = np.empty_like(model.statistics)
            plane.fill(np.array([[found.x[j], found.y[i]]]), parameters, statistics)
            other = replace(model, parameters=parameters, statistics=statistics)
            expected = evaluate(setup.cohort, other, part)["loss"]
            assert getattr(found, name)[i, j] == expected
    # the solution is in the middle, and what its run scored
    assert found.validation[2, 2] == done.summary["best"]["validation_loss"]
    assert found.solutions[0].validation == found.validation[2, 2]


QUADRATIC = """
objective: {name: quadratic, condition: 40, rotation: 25}
optimizer: {name: momentum, lr: 0.01}
training: {steps: 60}
dtype: float64
"""


def test_a_quadratic_has_its_exact_eigenvalues_and_heights():
    done = trained(QUADRATIC)
    found = optcli.landscape(done, **OPTIONS)
    objective = done.config.objective
    x = np.eye(2)
    gradients = np.empty((2, 2))
    objective.gradient(x, gradients)
    zero = np.zeros((1, 2))
    objective.gradient(zero, slope := np.empty((1, 2)))
    hessian = gradients - slope
    values = np.linalg.eigvalsh(hessian)
    (solution,) = found.solutions
    sharp = solution.sharpness
    assert sharp.largest.value == pytest.approx(values[-1], rel=1e-9)
    assert sharp.smallest.value == pytest.approx(values[0], rel=1e-9)
    assert sharp.trace == pytest.approx(values.sum(), rel=1e-9)
    assert sharp.trace_error == 0
    assert sharp.largest.error < 1e-7
    grid = np.stack(np.meshgrid(found.x, found.y), axis=-1).reshape(-1, 2)
    np.testing.assert_array_equal(found.train.ravel(), objective.value(grid))
    assert found.axes == ("x1", "x2")
    # its path is the one that `train` reports, which lies in the plane
    np.testing.assert_allclose(solution.walk.at, done.path.x, atol=1e-12)
    assert solution.walk.off < 1e-12


def test_a_solution_above_most_of_its_map_has_a_cut_as_wide_as_others():
    worse = QUADRATIC.replace("momentum, lr: 0.01", "sgd, lr: 0.0515").replace("60", "20")
    found = optcli.landscape(trained(worse), **OPTIONS)
    assert np.median(found.train) < found.solutions[0].train
    cut = found.cuts[-1]
    assert cut.name == "sharpest direction"
    assert np.ptp(cut.train) > 1


LEAST_SQUARES = """
dataset: {name: linear, samples: 200, features: 6, condition: 30}
model: linear
loss: mse
optimizer: {name: sgd, lr: 0.01}
training: {epochs: 3}
dtype: float64
"""


def test_least_squares_has_the_curvature_of_its_normal_equations():
    done = trained(LEAST_SQUARES)
    found = optcli.landscape(done, **OPTIONS)
    x = Setup.of(done.config).data.train.x
    rows = np.column_stack([x, np.ones(len(x))])
    loss = done.trained.loss
    samples = np.empty((1, 1, 1))
    for shift in (0.0, 1.0):  # the second derivative of the loss by a score
        score = np.full((1, 1, 1), shift)
        gradient = np.empty_like(score)
        loss.value_and_gradient(score, np.zeros((1, 1, 1)), gradient)
        samples = gradient - samples if shift else gradient
    hessian = samples.item() * rows.T @ rows / len(rows)
    values = np.linalg.eigvalsh(hessian)
    sharp = found.solutions[0].sharpness
    assert sharp.largest.value == pytest.approx(values[-1], rel=1e-6)
    assert sharp.smallest.value == pytest.approx(values[0], rel=1e-6)
    assert sharp.trace == pytest.approx(values.sum(), rel=1e-6)
    # along the sharpest direction the loss is the parabola to the last digits
    cut = found.cuts[-1]
    middle = found.solutions[0].train
    slope = np.polyfit(cut.at, cut.train - middle - 0.5 * values[-1] * cut.at**2, 1)[0]
    parabola = middle + slope * cut.at + 0.5 * values[-1] * cut.at**2
    np.testing.assert_allclose(cut.train, parabola, rtol=1e-6)


@pytest.mark.parametrize("batch_norm", [True, False])
def test_the_gradient_is_that_of_the_loss_in_evaluation(batch_norm):
    text = CONFIG.replace("batch_norm: true", f"batch_norm: {str(batch_norm).lower()}")
    done = trained(text)
    setup = Setup.of(done.config)
    part = setup.data.train
    part = Part(part.x, part.y, np.linspace(0.5, 2, len(part.x)))  # of unlike weights
    model = done.trained
    slopes = Slopes(setup.cohort, part, model.statistics[0], 1)
    slope = np.empty_like(model.parameters)
    value = slopes.gradient(model.parameters, slope)
    assert value[0] == pytest.approx(evaluate(setup.cohort, model, part)["loss"], rel=1e-12)
    random = np.random.default_rng(0)
    for _ in range(3):
        v = random.standard_normal(slope.shape)
        sides = [
            evaluate(setup.cohort, replace(model, parameters=model.parameters + h * v), part)[
                "loss"
            ]
            for h in (1e-6, -1e-6)
        ]
        assert (sides[0] - sides[1]) / 2e-6 == pytest.approx(float((slope * v).sum()), rel=1e-5)


def test_lanczos_and_hutchinson_say_how_wrong_they_are():
    random = np.random.default_rng(1)
    turn, _ = np.linalg.qr(random.standard_normal((300, 300)))
    values = np.concatenate([[7.0, 6.9, -2.0], random.uniform(-0.5, 1, 297)])
    matrix = turn @ np.diag(values) @ turn.T
    largest, smallest, steps = ends(lambda v: v @ matrix, 300, seed=0)
    assert abs(largest.value - 7) <= largest.error + 1e-12 < 1e-3
    assert abs(smallest.value + 2) <= smallest.error + 1e-12 < 1e-1
    assert steps < 100
    errors = []
    for seed in range(20):
        trace, error, probes = trace_of(lambda v: v @ matrix, 300, seed=seed, probes=50, at_once=16)
        assert probes == 50
        errors.append((trace - values.sum()) / error)
    assert 0.5 < np.std(errors) < 1.7  # in standard errors
    exact = trace_of(lambda v: v @ matrix, 300, seed=0, probes=300, at_once=16)
    assert exact == (pytest.approx(values.sum()), 0.0, 300)


def test_kinks_leave_the_products_symmetric():
    text = CONFIG.replace("tanh, batch_norm: true", "relu").replace("[6, 6]", "[24, 24]")
    setup = Setup.of(trained(text).config)
    model = optcli.load("run").trained
    given = setup.cohort, setup.data.train, model.parameters[0], model.statistics[0]
    largest = sharpness(*given, seed=0, probes=4).largest
    assert largest.error < 1e-4 * largest.value


def test_random_directions_have_the_norms_of_the_filters():
    layout = Layout({"a.weight": (3, 4), "a.bias": (4,), "c.weight": (5, 2, 3, 3)})
    x = np.random.default_rng(0).standard_normal(layout.size)
    plane = random_plane(x, np.empty(0), np.empty(0, bool), layout, 3)
    own = layout.views(x[None])
    for axis in plane.axes:
        views = layout.views(axis[None])
        assert not views["a.bias"].any()
        for name, along in (("a.weight", (1,)), ("c.weight", (2, 3, 4))):
            norms = [np.sqrt((each[name] ** 2).sum(axis=along)) for each in (own, views)]
            np.testing.assert_allclose(*norms)
    assert abs(plane.axes[0] @ plane.axes[1]) < 1e-12


def test_a_plane_holds_three_points_and_says_what_is_beside_it():
    random = np.random.default_rng(2)
    points, nothing = random.standard_normal((3, 20)), np.empty((3, 0))
    plane = through(points, nothing, np.empty(0, bool), None, np.ones(3))
    at, squares = plane.locate(points)
    assert squares.max() < 1e-24
    back = np.empty((3, 20))
    plane.fill(at, back, np.empty((3, 0)))
    np.testing.assert_allclose(back, points, atol=1e-12)
    # a path that leaves the plane at a right angle halves its squares
    off = np.linalg.svd(plane.axes)[2][-1]
    path = np.stack([points[0] + plane.axes[0], points[0] + off, points[0]])
    assert plane.share_off(path) == pytest.approx(0.5)
    assert plane.share_off(path[[0, 2]]) < 1e-24


def test_the_path_is_that_of_the_run_and_ends_in_its_model():
    done = trained(CONFIG)
    found = again.retrained(Setup.of(done.config).cohort)
    assert found.best.tobytes() == done.trained.parameters[0].tobytes()
    assert found.best_statistics.tobytes() == done.trained.statistics[0].tobytes()
    assert found.points[0].tobytes() == done.trained.initial(0).parameters[0].tobytes()
    assert found.steps[0] == 0
    assert (np.diff(found.steps) > 0).all()
    assert found.steps[-1] == done.summary["steps"]


def test_several_runs_lie_on_one_map_with_their_ends_in_it():
    trained(CONFIG, "one")
    trained(CONFIG.replace("adam", "momentum"), "two")
    found = optcli.landscape(["one", "two"], curvature=False, **OPTIONS)
    assert found.plane == "ends"
    for each in found.solutions:
        assert each.distance < 1e-9
        assert 0 <= each.walk.off < 1
        assert each.walk.at.shape == (len(each.walk.epochs), 2)
    # the cut from the one to the other meets both
    (cut,) = found.cuts
    ends_at = [float(np.interp(t, cut.at, cut.validation)) for t in (0, 1)]
    assert ends_at == pytest.approx([each.validation for each in found.solutions], rel=1e-9)
    other = optcli.landscape(["one", "two"], plane="path", curvature=False, **OPTIONS)
    assert 0 < sum(other.shares) <= 1
    assert other.solutions[0].walk.off < 1


def test_a_comparison_shows_each_optimizer_at_its_setting():
    settings = optcli.ComparisonSettings(tune=1, tune_seeds=1, seeds=2)
    Path("c.yaml").write_text(CONFIG)
    compared = optcli.compare(["sgd", "adam"], "c.yaml", settings=settings, out="c", plots=False)
    found = optcli.landscape("c", animate=True, out="l", **{**OPTIONS, "plots": True})
    rows = {row["label"]: row for row in compared.summary["optimizers"]}
    assert {each.label for each in found.solutions} == {*rows}
    for each in found.solutions:
        assert dict(each.hyperparameters) == rows[each.label]["hyperparameters"]
    assert (found.folder / "landscape.gif").read_bytes().startswith(b"GIF8")
    assert (found.folder / "landscape.png").stat().st_size > 10_000
    back = optcli.load("l", optcli.SavedLandscape)
    np.testing.assert_array_equal(back.train, found.train)
    np.testing.assert_array_equal(back.validation, found.validation)
    for one, other in zip(back.solutions, found.solutions, strict=True):
        assert one.sharpness.largest.value == other.sharpness.largest.value
        assert one.walk.off == other.walk.off
        np.testing.assert_array_equal(one.walk.at, other.walk.at)
    assert back.plot().axes
    assert "adam" in back._repr_html_()


def test_rows_are_sampled_and_it_is_said(capsys):
    trained(CONFIG)
    options = ["--points", "3", "--no-plots", "--rows", "50", "--out", "l", "--json"]
    assert run(["landscape", "run", *options]) == 0
    said = capsys.readouterr()
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert [line["event"] for line in lines] == ["solution", "summary"]
    assert lines[0]["sharpness"]["largest_eigenvalue"] > 0
    assert lines[1]["rows"] == {"train": 50, "validation": 24}
    assert "measured on 50 of 96 training rows" in said.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["one", "three"], "three: is of another model than one"),
        (["one", "two", "--plane", "random"], "--plane: is random, which takes one run; 2 given"),
        (["one", "--plane", "ends"], "--plane: is ends, which takes two runs or more"),
        (["one", "--plane", "x"], "--plane: is 'x'; must be random, ends, path"),
        (["one", "--animate"], "--animate: shows paths"),
    ],
)
def test_what_does_not_fit_is_refused(options, message, capsys):
    trained(LEAST_SQUARES, "one")
    trained(LEAST_SQUARES.replace("sgd", "adam"), "two")
    trained(LEAST_SQUARES.replace("features: 6", "features: 7"), "three")
    assert run(["landscape", *options]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("text", [CONFIG, QUADRATIC], ids=["model", "objective"])
def test_a_radius_is_a_share_of_the_usual_one(text):
    trained(text)
    whole, half = (
        optcli.landscape("run", radius=radius, curvature=False, **OPTIONS) for radius in (None, 0.5)
    )
    for name in ("x", "y"):
        usual, smaller = getattr(whole, name), getattr(half, name)
        assert np.ptp(smaller) == pytest.approx(np.ptp(usual) / 2)
        assert smaller.mean() == pytest.approx(usual.mean())


DAMAGE = {
    "a column is gone": ("grid.csv", lambda text: text.replace("train_loss", "x")),
    "a word for a number": ("grid.csv", lambda text: text.replace("\n0", "\nzero", 1) + "a,b,c\n"),
    "a row is gone": ("grid.csv", lambda text: text[: text.rindex("\n", 0, -1) + 1]),
    "nothing": ("grid.csv", lambda _: ""),
    "no file": ("cuts.csv", None),
    "no UTF-8": ("cuts.csv", lambda text: text + "\udcff"),
    "no solution": ("summary.json", lambda text: said(text, solutions=[])),
    "no plane": ("summary.json", lambda text: said(text, plane=None, axes=None)),
    "a list": ("summary.json", lambda text: said(text, solutions=[solution(text, [1])])),
    "a key is gone": ("summary.json", lambda text: said(text, solutions=[solution(text, {})])),
}


def said(text, **more):
    return json.dumps({**json.loads(text), **more})


def solution(text, sharpness):
    return {**json.loads(text)["solutions"][0], "sharpness": sharpness}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_landscape_is_refused(kind):
    trained(CONFIG)
    optcli.landscape("run", out="l", **OPTIONS)
    name, how = DAMAGE[kind]
    path = Path("l", name)
    if how is None:
        path.unlink()
    else:
        text = how(path.read_text())
        path.write_text(text, errors="surrogateescape")
    with pytest.raises(InvalidInput, match="is damaged: it does not describe a landscape"):
        stored.read(Path("l"))


def test_a_folder_of_another_kind_is_refused():
    optcli.trace("beale", ["sgd"], steps=2, out="t", plots=False)
    with pytest.raises(InvalidInput, match="is a trace, not a training run"):
        optcli.landscape("t")


def test_sharpness_is_the_same_in_any_company():
    done = trained(CONFIG)
    setup = Setup.of(done.config)
    given = setup.cohort, setup.data.train, done.trained.parameters[0], done.trained.statistics[0]
    first, second = (sharpness(*given, seed=0, probes=n).largest for n in (4, 9))
    assert first.value == second.value


def test_the_sharpness_of_each_second_epoch_is_exact_and_touches_nothing():
    text = LEAST_SQUARES.replace("epochs: 3", "epochs: 5, sharpness: 2, checkpoint_every: 1")
    done = trained(text)
    x = Setup.of(done.config).data.train.x
    rows = np.column_stack([x, np.ones(len(x))])
    exact = np.linalg.eigvalsh(2 * rows.T @ rows / len(rows))[-1]  # of the mean of r²
    found = done.history["sharpness"]
    assert [np.isfinite(each) for each in found] == [False, True, False, True, False]
    assert found[1::2] == pytest.approx([exact, exact], rel=1e-6)
    without = trained(LEAST_SQUARES.replace("epochs: 3", "epochs: 5"), "without")
    assert without.trained.parameters.tobytes() == done.trained.parameters.tobytes()
    ours = {name: of for name, of in done.history.items() if name not in ("sharpness", "seconds")}
    assert ours == {name: of for name, of in without.history.items() if name != "seconds"}
    (line,) = optcli.overlay(["run"], y="sharpness").axes[0].lines  # 2/lr = 200 is out of sight
    assert line.get_xydata().tolist() == [[2, found[1]], [4, found[3]]]
    # in two pieces it is the same, and `verify` measures it again
    first = optcli.train("run.yaml", ["training.stop_after=3"], out="pieces", plots=False)
    assert len(first.history["sharpness"]) == 3
    whole = optcli.resume("pieces", ["training.stop_after=null"], plots=False)
    np.testing.assert_array_equal(whole.history["sharpness"], found)
    assert verify(Path("pieces")).agrees


def test_steps_are_stable_up_to_the_limit_and_no_further():
    rules = [
        SGD(),
        SGD(momentum=0.8, dampening=0.3),
        SGD(momentum=0.8, nesterov=True),
        SGD(momentum=0.8, dampening=0.3, nesterov=True),
        Momentum(momentum=0.9),
        Nesterov(momentum=0.9),
    ]
    entries = [
        TracedOptimizer(label, replace(rule, lr=share * rule.stability_limit / 50))
        for rule in rules
        for label, share in (("below", 0.96), ("above", 1.04))
    ]
    found = trace(Quadratic(condition=50), entries, steps=300, start=(0, 1)).paths
    assert len(found) == 12
    for path in found:
        end = path.distance[-1]
        assert end < 0.2 if path.entry.label == "below" else end > 20
