"""Laws that every loss keeps, and the references it is equal to."""

import csv
import json
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

import optcli
from optcli.config.validation import Faults, registered
from optcli.config.yaml_text import parse
from optcli.core.arrays import Workspace
from optcli.core.errors import InvalidInput
from optcli.core.specs import fields
from optcli.losses.base import LOSSES
from optcli.training.model_file import Trained
from tests.for_each import for_each
from tests.reference import losses as reference

ALL = list(LOSSES)
CASES = reference.CASES
KINKS = [(cls(), kink) for cls in ALL for kink in cls.kinks]
PINS = json.loads((Path(__file__).parent / "reference" / "losses.json").read_text())


def made(case):
    return LOSSES.find(case.name)(**case.settings)


def each_case(test):
    return pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)(test)


def example(loss, replicas=3, rows=7, columns=3, seed=0, scale=1.0, dtype=np.float64):
    """Scores (R, B, C), a target and weights."""
    pairs = [reference.samples(loss, columns, rows, 100 * seed + r, scale) for r in range(replicas)]
    scores, target = (np.stack(arrays) for arrays in zip(*pairs, strict=True))
    weight = np.random.default_rng(seed).uniform(0.1, 2, (replicas, rows))
    if target.dtype.kind == "f":
        target = target.astype(dtype)
    return scores.astype(dtype), target, weight.astype(dtype)


def both(loss, scores, target, weight=None, work=None):
    """Value and gradient, in a buffer that held no numbers before."""
    gradient = np.full_like(scores, np.nan)
    return loss.value_and_gradient(scores, target, gradient, weight, work), gradient


# ---- equal to others -----------------------------------------------------------------


def test_every_loss_is_compared_with_another_library():
    assert {case.name for case in CASES} == set(LOSSES.names())


def agree(value, gradient, expected, expected_gradient):
    size = 1e-12 * max(1, abs(expected))
    assert abs(value - expected) <= size
    assert np.abs(gradient - expected_gradient).max() <= size


@for_each("weighted", [False, True])
@for_each("scale", [1.0, 30.0, 1e4])
@each_case
def test_equals_the_library(case, scale, weighted):
    pytest.importorskip(case.library)
    loss = made(case)
    scores, target, weight = example(loss, scale=scale)
    weight = weight if weighted else None
    values, gradients = both(loss, scores, target, weight)
    for r in range(len(scores)):
        found = case.reference(scores[r], target[r], case.settings)
        expected = reference.mean(found, None if weight is None else weight[r])
        agree(values[r], gradients[r], *expected)


@for_each("name", PINS)
def test_equals_what_the_library_said(name):
    pin = PINS[name]
    case = next(case for case in CASES if name.startswith(f"{case.label}, scores"))
    scores, target, weight = (np.array([pin[key]]) for key in ("scores", "target", "weight"))
    values, gradients = both(made(case), scores, target, weight)
    agree(values[0], gradients[0], pin["value"], np.array(pin["gradient"]))


def test_every_case_is_pinned():
    assert len(PINS) == len(CASES) * len(reference.SCALES)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_class_weights_are_averaged_as_torch_averages_them(smoothing):
    torch = pytest.importorskip("torch")
    weights = (0.5, 2.0, 1.25)
    loss = LOSSES.find("cross_entropy")(class_weights=weights, label_smoothing=smoothing)
    scores, target, _ = example(loss, 1)
    expected = torch.nn.functional.cross_entropy(
        torch.tensor(scores[0]),
        torch.tensor(target[0]),
        weight=torch.tensor(weights, dtype=torch.float64),
        label_smoothing=smoothing,
    )
    assert loss.value(scores, target)[0] == pytest.approx(expected.item(), rel=1e-14)


def test_listwise_ranking_differs_by_the_entropy_of_the_relevances():
    pytest.importorskip("optax")
    loss = LOSSES.find("listnet")()
    scores, target, _ = example(loss, 1)
    ask = reference.optax_samples(
        lambda o, s, t: o.losses.ranking_softmax_loss(s, t, reduce_fn=None)
    )
    samples, gradients, counts = ask(scores[0], target[0], {})
    logs = np.log(target[0], where=target[0] > 0, out=np.zeros_like(target[0]))
    samples = samples + (target[0] * logs).sum(axis=1)
    (value,), (gradient,) = both(loss, scores, target)
    agree(value, gradient, *reference.mean((samples, gradients, counts), None))


def test_the_variance_of_gaussian_nll_is_the_one_it_is_a_loss_of():
    torch = pytest.importorskip("torch")
    loss = LOSSES.find("gaussian_nll")(eps=0.01)
    scores, target, _ = example(loss, 1, scale=10)
    mean, variance = loss.respond(scores), loss.variance(scores)
    assert mean.shape == variance.shape == target.shape
    expected = torch.nn.functional.gaussian_nll_loss(
        torch.tensor(mean), torch.tensor(target), torch.tensor(variance)
    )
    assert loss.value(scores, target)[0] == pytest.approx(expected.item(), rel=1e-14)


# ---- the gradient is that of the value -----------------------------------------------


@for_each("shape", [(5, 3), (1, 2), (2, 6)], ids=str)
@each_case
def test_gradient_is_that_of_the_value(case, shape):
    if any(isinstance(value, tuple) and len(value) != shape[1] for value in case.settings.values()):
        pytest.skip("weights for other classes")
    loss = made(case)
    scores, target, weight = example(loss, 1, *shape)
    _, gradient = both(loss, scores, target, weight)
    h = 6e-6
    for index in np.ndindex(scores.shape):
        up, down = scores.copy(), scores.copy()
        up[index] += h
        down[index] -= h
        slope = (loss.value(up, target, weight) - loss.value(down, target, weight)) / (2 * h)
        assert gradient[index] == pytest.approx(slope[0], rel=1e-6, abs=1e-9)


@each_case
def test_complex_step_agrees(case):
    loss = made(case)
    assert loss.analytic
    for scale in (1.0, 30.0):
        scores, target, weight = example(loss, 1, scale=scale)
        _, gradient = both(loss, scores, target, weight)
        slopes = np.empty_like(gradient)
        for index in np.ndindex(scores.shape):
            moved = scores.astype(complex)
            moved[index] += 1e-30j
            slopes[index] = loss.value(moved, target, weight)[0].imag / 1e-30
        assert np.abs(slopes - gradient).max() <= 1e-12 * np.abs(gradient).max()


@for_each(("loss", "kink"), KINKS, ids=lambda each: getattr(each, "where", None))
def test_at_a_kink_the_gradient_lies_between_both_sides(loss, kink):
    assert loss.convex_at_kinks
    scores, target = np.array([[kink.scores]]), np.array([[kink.target]])
    value, gradient = both(loss, scores, target)
    random, h = np.random.default_rng(0), 1e-6
    directions = [*np.eye(scores.size), np.ones(scores.size)]
    directions += list(random.choice([-1.0, 1.0], (8, scores.size)))
    broken = False
    for direction in directions:
        right = (loss.value(scores + h * direction, target) - value)[0] / h
        left = (value - loss.value(scores - h * direction, target))[0] / h
        assert left - 1e-8 <= gradient.ravel() @ direction <= right + 1e-8
        broken |= bool(right - left > 0.1)
    assert broken, "there is no kink"


def test_which_losses_have_kinks():
    assert {loss.name for loss, _ in KINKS} == {
        "crammer_singer",
        "epsilon_insensitive",
        "hinge",
        "mae",
        "multiclass_hinge",
        "quantile",
    }


# ---- replicas, buffers, extremes -----------------------------------------------------


@for_each("scale", [1e3, 1e4])
@each_case
def test_extreme_scores_stay_finite(case, scale):
    loss = made(case)
    for seed in range(5):
        scores, target, _ = example(loss, seed=seed, scale=scale)
        value, gradient = both(loss, scores, target)
        assert np.isfinite(value).all()
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize(
    ("name", "score"), [("poisson", 720), ("gamma", -720), ("exponential", 720)]
)
def test_beyond_the_bounds_it_overflows_as_said(name, score):
    loss = LOSSES.find(name)()
    assert loss.scores
    with np.errstate(over="ignore"):
        target = np.zeros((1, 1, 1)) + (name == "gamma")
        assert loss.value(np.full((1, 1, 1), float(score)), target)[0] == np.inf


@each_case
def test_a_step_allocates_nothing_of_the_size_of_the_batch(case):
    loss, work = made(case), Workspace()
    rows = 32768  # NumPy's own buffers are smaller than a number for each of them
    scores, target, weight = example(loss, 2, rows)
    gradient = np.empty_like(scores)
    for w in (None, weight):
        loss.value_and_gradient(scores, target, gradient, w, work)
        tracemalloc.start()
        loss.value_and_gradient(scores, target, gradient, w, work)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < rows * 8


# ---- what they say of themselves -----------------------------------------------------


def test_names_that_others_give_them():
    given = {
        "cross_entropy": ("softmax", "softmax_loss", "multinomial_logistic"),
        "binary_cross_entropy": ("logistic", "sigmoid_cross_entropy", "bce"),
        "mae": ("l1", "mean_absolute_error"),
        "quantile": ("pinball",),
        "poisson": ("poisson_nll",),
        "multiclass_hinge": ("multi_margin",),
        "kl_divergence": ("kl_div",),
    }
    for name, aliases in given.items():
        for alias in aliases:
            assert LOSSES.find(alias).name == name


@for_each("cls", ALL, ids=lambda cls: cls.name)
def test_docstring(cls):
    lines = cls.__doc__.splitlines()
    assert lines[0].endswith(".")
    for word in ("ℓ = ", "∂ℓ/∂", "Reference: ", "Example: "):
        assert word in cls.__doc__, word
    assert max(map(len, lines)) <= 96


@for_each("cls", ALL, ids=lambda cls: cls.name)
def test_example_and_defaults_are_accepted(cls):
    faults = Faults()
    example = cls.__doc__.partition("Example: `")[2].partition("`")[0]
    found = registered(LOSSES, parse(example).value["loss"], ("loss",), faults)
    assert not faults.found
    assert type(found) is cls
    assert all(field.doc for field in fields(cls))


def test_respond_says_what_the_scores_mean():
    scores = np.array([[0.3, -1.2, 2.0]])
    respond = {name: LOSSES.find(name)().respond for name in LOSSES.names()}
    assert respond["mse"](scores) is scores
    for name in ("poisson", "gamma", "tweedie"):
        assert np.array_equal(respond[name](scores), np.exp(scores))
    assert np.array_equal(respond["msle"](scores), np.expm1(scores))
    assert np.array_equal(respond["exponential"](scores), 2 * scores)
    assert np.array_equal(respond["gaussian_nll"](np.arange(4.0)), [0, 1])


def test_ordinal_classes_have_the_probabilities_of_their_losses():
    loss = LOSSES.find("ordinal_logistic")()
    scores = np.array([[2.0, 0.5, -1.0]])
    logits = loss.respond(scores)[0]
    losses = [loss.value(scores[None], np.array([[c]]))[0] for c in range(loss.outputs(5))]
    assert loss.outputs(4) == 3
    shares = np.exp(logits) / np.exp(logits).sum()
    expected = np.exp(-np.array(losses)) / np.exp(-np.array(losses)).sum()
    assert shares == pytest.approx(expected, rel=1e-12)
    assert logits.argmax() == (scores > 0).sum(), "as many as thresholds are passed"


# ---- weights that the training rows decide -------------------------------------------

CROSS_ENTROPY = LOSSES.find("cross_entropy")
BINARY = LOSSES.find("binary_cross_entropy")
NAMES = ("red", "green", "blue")


def test_balanced_class_weights_are_those_of_scikit_learn():
    y = np.array([0, 0, 0, 1, 2, 2])
    loss = CROSS_ENTROPY(class_weights="balanced").fitted(y, None, NAMES)
    assert loss.class_weights == pytest.approx((6 / 9, 6 / 3, 6 / 6))
    pytest.importorskip("sklearn")
    from sklearn.utils.class_weight import compute_class_weight

    expected = compute_class_weight("balanced", classes=np.arange(3), y=y)
    assert loss.class_weights == pytest.approx(tuple(expected))
    heavy = CROSS_ENTROPY(class_weights="balanced").fitted(y, np.array([1, 1, 1, 3, 1, 2.0]), NAMES)
    assert heavy.class_weights == pytest.approx((1, 1, 1))


def test_class_weights_by_name():
    loss = CROSS_ENTROPY(class_weights={"blue": 3, "red": 0.5}).fitted(np.arange(3), None, NAMES)
    assert loss.class_weights == (0.5, 1, 3)
    assert replace(CROSS_ENTROPY(), label_smoothing=0.1).fitted(
        np.arange(3), None, NAMES
    ) == CROSS_ENTROPY(label_smoothing=0.1)


def test_balanced_positive_weights():
    y = np.array([[1, 0], [0, 0], [0, 1], [0, 1.0]])
    loss = BINARY(pos_weight="balanced").fitted(y, None, ("a", "b"))
    assert loss.pos_weight == (3, 1)
    weighted = BINARY(pos_weight="balanced").fitted(y, np.array([1, 1, 2, 0.0]), ("a", "b"))
    assert weighted.pos_weight == (3, 1)
    assert BINARY(pos_weight={"b": 4}).fitted(y, None, ("a", "b")).pos_weight == (1, 4)
    assert BINARY(pos_weight=2).fitted(y, None, ("a", "b")).pos_weight == (2, 2)
    assert BINARY(label_weights=(2, 1)).fitted(y, None, ("a", "b")).label_weights == (2, 1)


def test_weights_must_be_numbers_by_the_time_of_use():
    with pytest.raises(ValueError, match="fitted"):
        CROSS_ENTROPY(class_weights="balanced").value(np.zeros((1, 1, 2)), np.zeros((1, 1), int))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: CROSS_ENTROPY(class_weights=(0, 0, 0)).fitted(np.arange(3), None, NAMES),
            "loss.class_weights: has only zeros; one weight must be above 0",
        ),
        (
            lambda: CROSS_ENTROPY(class_weights=(1, 2)).fitted(np.arange(3), None, NAMES),
            "loss.class_weights: has 2 weights; must have 3, for red, green, blue",
        ),
        (
            lambda: CROSS_ENTROPY(class_weights={"grene": 2}).fitted(np.arange(3), None, NAMES),
            "loss.class_weights: names 'grene', which is not among red, green, blue; "
            "did you mean 'green'?",
        ),
        (
            lambda: CROSS_ENTROPY(class_weights="balanced").fitted(np.arange(2), None, NAMES),
            "loss.class_weights: is balanced, but no training row with positive weight has "
            "class 'blue'",
        ),
        (
            lambda: BINARY(pos_weight="balanced").fitted(np.array([[1.0, 0]]), None, ("a", "b")),
            "loss.pos_weight: is balanced, but 'b' is never 1 in the training rows",
        ),
    ],
)
def test_weights_that_do_not_fit(make, message):
    with pytest.raises(InvalidInput) as error:
        make()
    assert [str(fault) for fault in error.value.faults] == [message]


# ---- in a run ------------------------------------------------------------------------

TARGETS = {
    "classes": "grade",
    "labels": ["left", "right"],
    "values": ["y", "z"],
    "probabilities": ["p1", "p2", "p3"],
}


def odd(value):
    """A column of 0.5 with another value in line 5 of the file."""
    column = np.full(90, 0.5)
    column[3] = value
    return column


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A table with a target of each kind that the features say something about."""
    random = np.random.default_rng(0)
    x = random.standard_normal((90, 3))
    eta = x @ [0.8, -0.5, 0.3]
    shares = np.exp(np.stack([eta, -eta, 0 * eta], 1))
    shares /= shares.sum(1, keepdims=True)
    columns = {
        **{name: x[:, i] for i, name in enumerate("abc")},
        "grade": np.digitize(eta + 0.3 * random.standard_normal(90), [-0.4, 0.8]),
        "left": (eta > 0).astype(int),
        "right": (x[:, 0] > 0.3).astype(int),
        "y": 100 + 10 * eta + random.standard_normal(90),
        "z": x[:, 1],
        "count": random.poisson(np.exp(eta)),
        "amount": np.exp(eta + 0.2 * random.standard_normal(90)),
        **{f"p{i + 1}": shares[:, i].round(3) for i in range(3)},
        "weight": random.uniform(0.2, 3, 90),
        "word": np.array(["low", "mid", "high"])[random.permutation(90) % 3],
        "half": np.full(90, 0.5),
        "less": odd(0.2),
        "more": odd(1.5),
        "negative": odd(-2.5),
    }
    path = tmp_path_factory.mktemp("losses") / "table.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))
    return path


def config(table, loss, target, **training):
    return {
        "dataset": {
            "name": "csv",
            "path": str(table),
            "target": target,
            "features": ["a", "b", "c"],
            "weights": "weight",
        },
        "model": "linear",
        "loss": loss,
        "optimizer": {"name": "adam", "lr": 0.05},
        "training": {"epochs": 12} | training,
    }


def target_of(loss):
    if not loss.targets:
        return TARGETS[loss.target]
    return "amount" if loss.name == "gamma" else "count"


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.name)
def test_trains_and_predicts(cls, table, tmp_path):
    target = target_of(cls)
    run = optcli.train(config(table, cls.name, target), out=tmp_path / "run", plots=False)
    assert run.history["validation_loss"][-1] < run.history["validation_loss"][0]
    rows = {"a": [2.0, -2.0], "b": [-1.0, 1.0], "c": [0.0, 0.0]}
    predicted = run.predict(rows)
    again = Trained.load(tmp_path / "run" / "model.npz")
    assert np.array_equal(again.scores(np.eye(3)), run.trained.scores(np.eye(3)))
    if cls.target == "classes":
        assert predicted.tolist() == ["2", "0"]
    elif cls.target == "labels":
        assert predicted.tolist() == [["1", "1"], ["0", "0"]]
    elif cls.target == "probabilities":
        assert predicted.sum(axis=1) == pytest.approx(1)
        assert predicted.argmax(axis=1).tolist() == [0, 1]
    elif cls.targets:
        assert predicted[0] > predicted[1]
        assert (predicted > -1).all()
    else:
        assert predicted.shape == (2, 2)
        assert predicted[0, 0] > predicted[1, 0]
        if cls.scales_target:
            assert abs(predicted[0, 0] - 100) < 60, "in the data's own units"


def test_metrics_and_pictures_are_of_what_the_scores_say(table, tmp_path):
    run = optcli.train(config(table, "poisson", "count", epochs=80), out=tmp_path / "run")
    assert run.history["validation_r2"][-1] > 0.2
    assert run.history["train_r2"][-1] > 0.2
    assert (tmp_path / "run" / "predicted.png").exists()


def test_training_with_class_weights_keeps_them(table, tmp_path):
    weighted = {"name": "cross_entropy", "class_weights": {"0": 2, "2": 0.5}}
    run = optcli.train(config(table, weighted, "grade"), out=tmp_path / "a", plots=False)
    listed = {"name": "cross_entropy", "class_weights": [2, 1, 0.5]}
    same = optcli.train(config(table, listed, "grade"), out=tmp_path / "b", plots=False)
    assert run.history["validation_loss"] == same.history["validation_loss"]
    loaded = Trained.load(tmp_path / "a" / "model.npz")
    assert loaded.loss == CROSS_ENTROPY(class_weights=(2, 1, 0.5))
    resolved = yaml.safe_load((tmp_path / "a" / "config.yaml").read_text())
    assert resolved["loss"]["class_weights"] == {"0": 2, "2": 0.5}


def test_balanced_weights_do_not_depend_on_how_rows_fall_into_batches(table, tmp_path):
    balanced = {"name": "cross_entropy", "class_weights": "balanced"}
    losses = []
    for size in (7, "full"):
        plan = config(table, balanced, "grade", epochs=1, batch_size=size)
        plan["optimizer"] = {"name": "sgd", "lr": 1e-12}
        plan["dtype"] = "float64"
        run = optcli.train(plan, out=tmp_path / str(size), plots=False)
        losses.append(run.history["train_loss"][0])
    assert losses[0] == pytest.approx(losses[1], rel=1e-9)


@for_each(
    ("loss", "target", "message"),
    [
        ("poisson", "negative", "5: column 'negative': is -2.5; poisson needs targets at least 0"),
        ("gamma", "count", "column 'count': is 0; gamma needs targets above 0"),
        ("msle", "negative", "5: column 'negative': is -2.5; msle needs targets above -1"),
        (
            "ordinal_logistic",
            "word",
            "ordinal_logistic needs ordered classes, but 'word' holds 'high'; "
            "write them as numbers, or use cross_entropy",
        ),
        (
            "kl_divergence",
            "p1",
            "kl_divergence needs a target column for each class, but dataset.target names one; "
            "for one column of classes use cross_entropy",
        ),
        (
            "kl_divergence",
            ["p1", "word"],
            "kl_divergence needs numbers, but 'word' is text (high, low, mid); "
            "use a loss for classes, such as cross_entropy",
        ),
        (
            "kl_divergence",
            ["half", "more"],
            "5: column 'more': is 1.5; a probability must be in [0, 1]",
        ),
        (
            "kl_divergence",
            ["half", "less"],
            "5: column 'less': with half sums to 0.7; probabilities must sum to 1",
        ),
        (
            {"name": "cross_entropy", "class_weights": [1, 2]},
            "grade",
            "has 2 weights; must have 3, for 0, 1, 2",
        ),
        (
            {"name": "cross_entropy", "class_weights": "fair"},
            "grade",
            "is 'fair'; must be a list of numbers ≥ 0, "
            "a mapping from names to numbers ≥ 0, or 'balanced'",
        ),
        (
            {"name": "cross_entropy", "class_weights": [1, -2, 1]},
            "grade",
            "is [1, -2, 1]; must be a list of numbers ≥ 0, "
            "a mapping from names to numbers ≥ 0, or 'balanced'",
        ),
        (
            {"name": "binary_cross_entropy", "pos_weight": -1},
            "left",
            "is -1; must be at least 0",
        ),
        ({"name": "huber", "delta": 0}, "y", "is 0; must be above 0"),
        ({"name": "tweedie", "power": 2}, "count", "is 2; must be in (1, 2)"),
    ],
)
def test_faults(loss, target, message, table):
    with pytest.raises(InvalidInput) as error:
        optcli.api.check.check(config(table, loss, target))
    assert message in str(error.value.faults[0])


def test_a_metric_of_classes_is_no_metric_of_probabilities(table):
    plan = config(table, "kl_divergence", TARGETS["probabilities"]) | {"metrics": ["accuracy"]}
    with pytest.raises(InvalidInput, match="is about probabilities"):
        optcli.api.check.check(plan)


@pytest.mark.parametrize("dtype", ["float32", "complex128"])
def test_many_rows_of_few_scores_have_the_bits_of_few_rows(dtype):
    """Their largest scores are found class by class, not row by row."""
    rng = np.random.default_rng(0)
    scores = rng.integers(-3, 4, size=(40, 32, 3)).astype(dtype)
    scores[3], scores[5, :, 1] = np.nan, np.inf
    target, loss = rng.integers(3, size=(40, 32)), LOSSES.find("cross_entropy")()
    gradient = np.empty_like(scores)
    with np.errstate(invalid="ignore"):
        whole = loss.value_and_gradient(scores, target, gradient)
        for replica in range(40):
            rows, own = slice(replica, replica + 1), np.empty_like(scores[:1])
            alone = loss.value_and_gradient(scores[rows], target[rows], own)
            assert np.array_equal(whole[rows], alone, equal_nan=True)
            assert np.array_equal(gradient[rows], own, equal_nan=True)
