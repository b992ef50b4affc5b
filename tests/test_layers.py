"""Laws that every layer keeps, and the references it is equal to."""

import copy
import dataclasses
import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import optcli
from optcli import training
from optcli.core.errors import InvalidInput
from optcli.core.events import EpochEnded
from optcli.core.inputs import Inputs
from optcli.core.parameters import Layout, Parameters
from optcli.core.randomness import Stream
from optcli.layers.activations import ACTIVATIONS
from optcli.layers.base import Binding, Clock
from optcli.layers.batch_norm import BatchNorm
from optcli.layers.convolution import Convolution
from optcli.layers.dense import Dense, DensePass
from optcli.layers.dropout import Dropout
from optcli.layers.flatten import Flatten
from optcli.layers.layer_norm import LayerNorm
from optcli.layers.pooling import AveragePool, MaxPool
from optcli.layers.residual import Residual
from optcli.models import CNN, MLP, Architecture, Linear, Network, predict
from optcli.optimizers.base import OPTIMIZERS
from optcli.training.model_file import Trained
from tests.cohorts import cohort, data, final
from tests.for_each import for_each

ROOT = Path(__file__).parent.parent
PINS = json.loads((ROOT / "tests" / "reference" / "layers.json").read_text())

ROW, IMAGE = (5,), (2, 5, 7)
CASES = {
    "dense": (Dense(3), ROW),
    "dropout": (Dropout(0.4), ROW),
    "dropout-image": (Dropout(0.4), IMAGE),
    "batch_norm": (BatchNorm(), ROW),
    "batch_norm-image": (BatchNorm(eps=0.01), IMAGE),
    "layer_norm": (LayerNorm(), ROW),
    "layer_norm-image": (LayerNorm(eps=0.01), IMAGE),
    "convolution": (Convolution(3, kernel=(2, 3)), IMAGE),
    "convolution-padded": (Convolution(3, kernel=3, padding=1), IMAGE),
    "convolution-strided": (Convolution(3, (3, 2), stride=(2, 3), padding=(1, 2)), IMAGE),
    "convolution-1": (Convolution(4, kernel=1), IMAGE),
    "max_pool": (MaxPool(2), IMAGE),
    "max_pool-overlapping": (MaxPool((3, 2), stride=(1, 2)), IMAGE),
    "average_pool": (AveragePool(2), IMAGE),
    "average_pool-overlapping": (AveragePool((3, 2), stride=(1, 2)), IMAGE),
    "flatten": (Flatten(), IMAGE),
    "residual": (Residual((Dense(5), BatchNorm(), ACTIVATIONS.find("tanh")(), Dropout(0.3))), ROW),
    "residual-image": (
        Residual((ACTIVATIONS.find("relu")(), Convolution(2, 3, padding=1), BatchNorm())),
        IMAGE,
    ),
} | {name: (ACTIVATIONS.find(name)(), ROW) for name in ACTIVATIONS.names()}
OPTIONS = {
    "leaky_relu-steep": (ACTIVATIONS.find("leaky_relu")(slope=0.3), IMAGE),
    "elu-low": (ACTIVATIONS.find("elu")(alpha=0.4), IMAGE),
}
CASES |= OPTIONS


def arrays(shapes, replicas, random, dtype=np.float64):
    return {n: random.standard_normal((replicas, *s)).astype(dtype) for n, s in shapes.items()}


class Bench:
    """A layer bound to parameters of R replicas, and an input of B rows."""

    def __init__(
        self,
        layer,
        shape,
        replicas=1,
        rows=4,
        *,
        seed=0,
        dtype=np.float64,
        training=True,
        learns=True,
        seeds=(),
        clock=None,
        x=None,
        parameters=None,
        statistics=None,
    ):
        random = np.random.default_rng(seed)
        shapes = layer.parameters(shape)
        self.parameters = parameters or arrays(shapes, replicas, random, dtype)
        self.gradients = {n: np.full_like(v, np.nan) for n, v in self.parameters.items()}
        self.x = random.standard_normal((replicas, rows, *shape)) if x is None else x
        self.x = self.x.astype(dtype)
        self.binding = Binding(
            self.parameters,
            self.gradients if learns else {},
            replicas,
            rows,
            shape,
            dtype,
            inputs_wanted=learns,
            training=training,
            statistics=statistics,
            seeds=seeds,
            clock=clock,
        )
        self.bound = layer.bind(self.binding)
        self.single = replicas == 1

    def forward(self, x=None):
        x = (self.x if x is None else x).copy()
        y = self.bound.forward(x[0] if self.single else x)
        return (y[None] if self.single else y).copy()

    def backward(self, dy):
        dy = dy.copy()
        dx = self.bound.backward(dy[0] if self.single else dy)
        return (dx[None] if self.single else dx).copy()


def bench(case, *args, **settings):
    layer, shape = CASES[case]
    return Bench(layer, shape, *args, **settings)


def slope(function, array, index, h=1e-5):
    """The central difference of a function by one entry of an array, in place."""
    held = array[index]
    array[index] = held + h
    above = function()
    array[index] = held - h
    below = function()
    array[index] = held
    return (above - below) / (2 * h)


# ---- gradients -----------------------------------------------------------------------


@for_each("replicas", [1, 2])
@for_each("case", CASES)
def test_gradients_are_those_of_the_output(case, replicas):
    at = bench(case, replicas, rows=3)
    weights = np.random.default_rng(1).standard_normal(at.forward().shape)

    def value():
        return (at.forward() * weights).sum()

    value()
    dx = at.backward(weights)
    for name, (own, gradient) in {
        "x": (at.x, dx),
        **{n: (at.parameters[n], at.gradients[n].copy()) for n in at.parameters},
    }.items():
        for index in np.ndindex(own.shape):
            expected = slope(value, own, index)
            assert gradient[index] == pytest.approx(expected, rel=2e-6, abs=2e-8), (name, index)


@for_each("case", [case for case in CASES if case not in ACTIVATIONS.names()])
def test_what_comes_after_may_write_over_the_output(case):
    if case in OPTIONS:
        pytest.skip("an activation keeps its output")
    at = bench(case, 2)
    weights = np.random.default_rng(1).standard_normal(at.forward().shape)
    expected = at.backward(weights)
    y = at.bound.forward(at.x.copy())
    y.fill(np.nan)
    assert np.array_equal(at.backward(weights), expected)


@for_each("case", CASES)
def test_no_layer_that_is_fed_the_data_writes_over_them(case):
    layer, _ = CASES[case]
    if layer.name in ACTIVATIONS.names():
        pytest.skip("an activation may")
    at = bench(case, 2)
    x = at.x.copy()
    at.bound.forward(x)
    assert np.array_equal(x, at.x)


@for_each("case", CASES)
def test_a_second_batch_leaves_nothing_of_the_first(case):
    at, fresh = bench(case), bench(case)
    first = np.random.default_rng(5).standard_normal(at.x.shape)
    dy = np.random.default_rng(1).standard_normal(at.forward(first).shape)
    at.backward(dy[::-1] * 3)
    assert np.array_equal(at.forward(), fresh.forward())
    assert np.array_equal(at.backward(dy), fresh.backward(dy))
    for name in at.gradients:
        assert np.array_equal(at.gradients[name], fresh.gradients[name])


@for_each("case", CASES)
def test_without_gradients_it_goes_forward_all_the_same(case):
    layer, _ = CASES[case]
    assert np.array_equal(bench(case, 2).forward(), bench(case, 2, learns=False).forward())
    assert layer.analytic


@for_each("case", CASES)
def test_an_analytic_layer_takes_complex_numbers(case):
    at, by_step = bench(case, 2, learns=True), bench(case, 2, learns=False, dtype=np.complex128)
    dy = np.random.default_rng(1).standard_normal(at.forward().shape)
    dx = at.backward(dy)
    scale = max(1, np.abs(dx).max())
    for index in list(np.ndindex(at.x.shape))[::7]:
        x = at.x.astype(complex)
        x[index] += 1e-30j
        y = by_step.forward(x)
        assert np.iscomplexobj(y)
        assert (y.imag * dy).sum() / 1e-30 == pytest.approx(dx[index], abs=1e-12 * scale)


@for_each("name", ACTIVATIONS.names())
def test_kinks_are_where_they_are_declared(name):
    activation = ACTIVATIONS.find(name)(**({"alpha": 0.7} if name == "elu" else {}))
    points = np.array([*np.linspace(-5, 5, 41)])  # every quarter; the kinks are among them
    h = 1e-6
    y = [
        Bench(activation, points.shape, rows=1, x=(points + d)[None, None]).forward()
        for d in (-h, 0, h)
    ]
    jumps = ((y[2] - y[1]) - (y[1] - y[0]))[0, 0] / h
    there = np.abs(jumps) > 1e-3
    assert points[there].tolist() == list(activation.kinks)
    assert activation.convex_at_kinks == (jumps[there] > 0).all()


# ---- replicas ------------------------------------------------------------------------


@for_each("dtype", [np.float32, np.float64])
@for_each("case", CASES)
def test_stacked_equals_looped_bit_for_bit(case, dtype):
    seeds = [3, 1, 3, 0, 7]
    layer, shape = CASES[case]
    kept = {n: np.ones((5, *s), dtype) for n, s in layer.statistics(shape).items()}
    settings = {"rows": 6, "dtype": dtype}
    together = bench(case, 5, seeds=seeds, statistics=kept, **settings)
    y = together.forward()
    assert y.dtype == dtype
    dy = np.random.default_rng(1).standard_normal(y.shape).astype(dtype)
    dx = together.backward(dy)
    assert dx.dtype == dtype
    for r in range(5):
        row = slice(r, r + 1)
        own = {n: np.ones((1, *s), dtype) for n, s in layer.statistics(shape).items()}
        alone = bench(
            case,
            1,
            seeds=seeds[row],
            x=together.x[row],
            parameters={n: v[row].copy() for n, v in together.parameters.items()},
            statistics=own,
            **settings,
        )
        assert np.array_equal(alone.forward(), y[row])
        assert np.array_equal(alone.backward(dy[row]), dx[row])
        for name, gradient in alone.gradients.items():
            assert np.array_equal(gradient, together.gradients[name][row])
        for name, statistic in own.items():
            assert np.array_equal(statistic, kept[name][row])


@for_each("case", CASES)
def test_one_batch_may_serve_all_replicas(case):
    layer, _ = CASES[case]
    if layer.name in ACTIVATIONS.names():
        pytest.skip("never the first layer")
    alike = bench(case, 3)
    x = alike.x[:1]
    assert np.array_equal(alike.forward(x), alike.forward(np.repeat(x, 3, axis=0)))


@pytest.mark.parametrize("case", CASES)
def test_a_call_allocates_nothing(case):
    layer, shape = CASES[case]
    shape = (64,) if len(shape) == 1 else (2, 16, 16)
    if isinstance(layer, Residual) and shape == (64,):
        layer = Residual((Dense(64), *layer.layers[1:]))
    rows = 4096 if len(shape) == 1 else 256
    at = Bench(layer, shape, 2, rows)
    assert at.x.nbytes > 1_000_000
    y = at.forward()
    x, dy = (at.binding.empty(*each.shape[2:]) for each in (at.x, y))  # as a network hands them on
    x[...], dy[...] = at.x, y
    at.bound.forward(x)
    at.bound.backward(dy)
    tracemalloc.start()
    at.bound.forward(x)
    at.bound.backward(dy)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 140_000  # NumPy's own buffers take 64 KiB each


# ---- any shape -----------------------------------------------------------------------

SIZE = st.integers(1, 5)


@settings(deadline=None, max_examples=150)
@given(
    case=st.sampled_from(sorted(CASES)),
    replicas=SIZE,
    rows=SIZE,
    features=SIZE,
    image=st.tuples(SIZE, SIZE, SIZE),
)
def test_every_shape_works_and_has_the_bits_of_each_alone(case, replicas, rows, features, image):
    layer, shape = CASES[case]
    shape = (features,) if len(shape) == 1 else image
    if isinstance(layer, Residual):
        first, *others = layer.layers
        layer = Residual((Dense(features), *others)) if len(shape) == 1 else layer
        if len(shape) == 3:
            layer = Residual((first, Convolution(shape[0], 3, padding=1), *others[1:]))
    try:
        out = layer.output(shape)
    except InvalidInput:  # a window is larger than the image
        return
    together = Bench(layer, shape, replicas, rows)
    y = together.forward()
    assert y.shape == (replicas, rows, *out)
    dx = together.backward(np.ones(y.shape))
    assert dx.shape == (replicas, rows, *shape)
    assert np.isfinite(y).all()
    assert np.isfinite(dx).all()
    r = replicas - 1
    alone = Bench(
        layer,
        shape,
        1,
        rows,
        x=together.x[r:],
        parameters={n: v[r:].copy() for n, v in together.parameters.items()},
    )
    assert np.array_equal(alone.forward(), y[r:])
    assert np.array_equal(alone.backward(np.ones(y[r:].shape)), dx[r:])


# ---- torch ---------------------------------------------------------------------------


def torch_layers(torch):
    """A function of x and the parameters for each case that torch has."""
    f = torch.nn.functional

    def normed(x, p, eps=1e-5):
        return f.batch_norm(x, None, None, p["scale"], p["shift"], training=True, eps=eps)

    def layer_normed(x, p, eps=1e-5):
        return f.layer_norm(x, x.shape[1:], p["scale"], p["shift"], eps)

    return {
        "dense": lambda x, p: x @ p["weight"] + p["bias"],
        "batch_norm": normed,
        "batch_norm-image": lambda x, p: normed(x, p, 0.01),
        "layer_norm": layer_normed,
        "layer_norm-image": lambda x, p: layer_normed(x, p, 0.01),
        "convolution": lambda x, p: f.conv2d(x, p["weight"], p["bias"]),
        "convolution-padded": lambda x, p: f.conv2d(x, p["weight"], p["bias"], padding=1),
        "convolution-strided": lambda x, p: f.conv2d(
            x, p["weight"], p["bias"], stride=(2, 3), padding=(1, 2)
        ),
        "convolution-1": lambda x, p: f.conv2d(x, p["weight"], p["bias"]),
        "max_pool": lambda x, p: f.max_pool2d(x, 2),
        "max_pool-overlapping": lambda x, p: f.max_pool2d(x, (3, 2), (1, 2)),
        "average_pool": lambda x, p: f.avg_pool2d(x, 2),
        "average_pool-overlapping": lambda x, p: f.avg_pool2d(x, (3, 2), (1, 2)),
        "flatten": lambda x, p: x.flatten(1),
        "residual-image": lambda x, p: (
            x
            + f.batch_norm(
                f.conv2d(f.relu(x), p["convolution1.weight"], p["convolution1.bias"], padding=1),
                None,
                None,
                p["batch_norm1.scale"],
                p["batch_norm1.shift"],
                training=True,
            )
        ),
        "relu": lambda x, p: f.relu(x),
        "leaky_relu": lambda x, p: f.leaky_relu(x),
        "leaky_relu-steep": lambda x, p: f.leaky_relu(x, 0.3),
        "elu": lambda x, p: f.elu(x),
        "elu-low": lambda x, p: f.elu(x, 0.4),
        "selu": lambda x, p: f.selu(x),
        "gelu": lambda x, p: f.gelu(x),
        "gelu_tanh": lambda x, p: f.gelu(x, approximate="tanh"),
        "silu": lambda x, p: f.silu(x),
        "mish": lambda x, p: f.mish(x),
        "softplus": lambda x, p: f.softplus(x, threshold=100),
        "hardswish": lambda x, p: f.hardswish(x),
        "tanh": lambda x, p: torch.tanh(x),
        "sigmoid": lambda x, p: torch.sigmoid(x),
    }


@for_each("case", sorted(set(CASES) - {"dropout", "dropout-image", "residual"}))
def test_equals_torch(case):
    torch = pytest.importorskip("torch")
    at = bench(case, rows=5)
    if case in ACTIVATIONS.names():  # the kinks, and where things overflow, too
        at.x[0, 0] = [0.0, -3.0, 3.0, 50.0, -800.0]
    y = at.forward()
    dy = np.random.default_rng(1).standard_normal(y.shape)
    dx = at.backward(dy)
    x = torch.tensor(at.x[0], requires_grad=True)
    parameters = {n: torch.tensor(v[0], requires_grad=True) for n, v in at.parameters.items()}
    expected = torch_layers(torch)[case](x, parameters)
    expected.backward(torch.tensor(dy[0]))
    pairs = [(y, expected.detach()), (dx, x.grad)]
    pairs += [(at.gradients[name], value.grad) for name, value in parameters.items()]
    for ours, theirs in pairs:
        theirs = theirs.numpy()
        assert np.abs(ours[0] - theirs).max() <= 1e-12 * max(1, np.abs(theirs).max())


@pytest.mark.parametrize("case", PINS)
def test_equals_the_pinned_values_of_torch(case):
    pin = {name: np.array(value) for name, value in PINS[case].items()}
    layer, shape = CASES[case]
    names = layer.parameters(shape)
    at = Bench(
        layer, shape, x=pin["x"][None], parameters={name: pin[name][None].copy() for name in names}
    )
    assert at.forward()[0] == pytest.approx(pin["y"], rel=0, abs=1e-12)
    assert at.backward(pin["dy"][None])[0] == pytest.approx(pin["dx"], rel=0, abs=1e-12)
    for name in names:
        assert at.gradients[name][0] == pytest.approx(pin[f"d{name}"], rel=0, abs=1e-12)


def test_a_tie_goes_to_the_first_pixel():
    at = Bench(MaxPool(2), (1, 2, 2), rows=1, x=np.full((1, 1, 1, 2, 2), 3.0))
    assert at.forward().item() == 3
    assert at.backward(np.full((1, 1, 1, 1, 1), 5.0)).ravel().tolist() == [5, 0, 0, 0]


# ---- dropout -------------------------------------------------------------------------


def drops(seed=0, step=0, rows=50, rate=0.3, shape=(40,), dtype=np.float64, **settings):
    clock = Clock()
    clock.step = step
    ones = np.ones((1, rows, *shape))
    at = Bench(
        Dropout(rate), shape, rows=rows, x=ones, seeds=[seed], clock=clock, dtype=dtype, **settings
    )
    return at.forward()


@pytest.mark.parametrize("shape", [(40,), (2, 4, 5)])
def test_dropout_keeps_the_mean_and_drops_its_share(shape):
    y = drops(rows=500, shape=shape)
    assert set(np.unique(y)) == {0, 1 / 0.7}
    dropped = (y == 0).mean()
    assert abs(dropped - 0.3) < 4 * np.sqrt(0.3 * 0.7 / y.size)
    # each feature, and each row, has its share
    axes = tuple(range(2, y.ndim))
    assert np.abs((y == 0).mean(axis=(0, 1)) - 0.3).max() < 5 * np.sqrt(0.21 / 500)
    assert np.abs((y == 0).mean(axis=axes) - 0.3).max() < 5 * np.sqrt(0.21 / 40)


def test_dropout_follows_from_seed_layer_and_step():
    assert np.array_equal(drops(seed=4, step=7), drops(seed=4, step=7))
    others = [drops(seed=5, step=7), drops(seed=4, step=8), drops(seed=4, step=2**40)]
    for other in others:
        # independent masks of rate 0.3 agree in 58 of 100 entries
        assert abs((other == drops(seed=4, step=7)).mean() - 0.58) < 0.05
    layers = network(MLP(hidden=(40, 40), dropout=0.3), rows=50)
    layers.forward(np.ones((1, 50, 48)), 3)
    first, second = (each.mask for each in layers.passes if hasattr(each, "mask"))
    assert abs((first == second).mean() - 0.58) < 0.05


def test_dropout_does_not_depend_on_the_dtype():
    assert np.array_equal(drops() == 0, drops(dtype=np.float32) == 0)


def test_dropout_is_off_in_evaluation():
    assert np.array_equal(drops(training=False), np.ones((1, 50, 40)))


def test_a_stream_gives_the_same_numbers_for_a_step_whatever_came_before():
    stream = Stream(3, "dropout", 1)
    expected = [Stream(3, "dropout", 1).at(step).random(7) for step in range(4)]
    for step in (2, 0, 3, 3, 1):
        stream.at(0).integers(0, 9, 5, dtype=np.uint32)  # leaves half a number behind
        assert np.array_equal(stream.at(step).random(7), expected[step])
    assert len({row.tobytes() for row in expected}) == 4


def test_evaluation_and_prediction_know_nothing_of_dropout():
    prepared = data(50)
    made = cohort(["adam"], prepared=prepared)
    dropping = dataclasses.replace(made, model=MLP(hidden=(8,), dropout=0.5))
    events = final(dropping)
    state = events[-1].state
    plain = Architecture(MLP(hidden=(8,)), Inputs(4), 3)
    parameters = Parameters(plain.layout, state.parameters.buffer)
    scores = predict(plain, parameters, prepared.validation.x)[0]
    p = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    loss = -np.log(p[np.arange(len(p)), prepared.validation.y]).mean()
    assert events[-2].validation_loss[0] == pytest.approx(loss, rel=1e-12)
    assert not np.array_equal(state.parameters.buffer, final(made)[-1].state.parameters.buffer)


# ---- batch norm ----------------------------------------------------------------------


def statistics(layer, shape, replicas=1):
    return {
        n: np.full((replicas, *s), 1.0 * (n == "variance"))
        for n, s in layer.statistics(shape).items()
    }


@pytest.mark.parametrize("shape", [ROW, IMAGE])
def test_running_statistics_by_value(shape):
    layer = BatchNorm(momentum=0.3)
    kept = statistics(layer, shape)
    at = Bench(layer, shape, rows=6, statistics=kept)
    mean, variance = np.zeros(shape[0]), np.ones(shape[0])
    for seed in range(3):
        x = np.random.default_rng(seed).standard_normal(at.x.shape) * 2 + 1
        at.forward(x)
        samples = np.moveaxis(x[0], 1, 0).reshape(shape[0], -1)
        mean = 0.7 * mean + 0.3 * samples.mean(1)
        variance = 0.7 * variance + 0.3 * samples.var(1, ddof=1)
    assert kept["mean"][0] == pytest.approx(mean, rel=1e-13)
    assert kept["variance"][0] == pytest.approx(variance, rel=1e-13)
    # and evaluation goes by them
    still = Bench(
        layer,
        shape,
        rows=6,
        statistics=kept,
        training=False,
        learns=False,
        parameters=at.parameters,
    )
    wide = (slice(None), *[None] * (len(shape) - 1))
    q = (still.x[0] - mean[wide]) / np.sqrt(variance[wide] + layer.eps)
    scale, shift = (at.parameters[name][0][wide] for name in ("scale", "shift"))
    held = {name: value.copy() for name, value in kept.items()}
    assert still.forward()[0] == pytest.approx(q * scale + shift, rel=1e-12, abs=1e-12)
    assert all(np.array_equal(kept[name], held[name]) for name in kept)


@pytest.mark.parametrize("shape", [ROW, IMAGE])
def test_running_statistics_are_torch_s(shape):
    torch = pytest.importorskip("torch")
    kept = statistics(BatchNorm(), shape)
    at = Bench(BatchNorm(), shape, rows=6, statistics=kept)
    dimensions = torch.nn.BatchNorm1d if len(shape) == 1 else torch.nn.BatchNorm2d
    reference = dimensions(shape[0], dtype=torch.float64)
    for seed in range(3):
        x = np.random.default_rng(seed).standard_normal(at.x.shape) * 2 + 1
        at.forward(x)
        reference(torch.tensor(x[0]))
    assert kept["mean"][0] == pytest.approx(reference.running_mean.numpy(), rel=1e-13)
    assert kept["variance"][0] == pytest.approx(reference.running_var.numpy(), rel=1e-13)


def test_one_sample_moves_the_running_mean_alone():
    kept = statistics(BatchNorm(), ROW)
    at = Bench(BatchNorm(), ROW, rows=1, statistics=kept)
    assert np.array_equal(at.forward()[0], at.parameters["shift"])
    assert kept["mean"][0] == pytest.approx(0.1 * at.x[0, 0])
    assert np.array_equal(kept["variance"], np.ones((1, *ROW)))


def test_without_statistics_it_keeps_none_and_cannot_evaluate():
    bench("batch_norm").forward()
    with pytest.raises(ValueError, match="needs statistics in evaluation"):
        bench("batch_norm", training=False, learns=False)


# ---- in models -----------------------------------------------------------------------

MODELS = {
    "dropout": MLP(hidden=(8, 8), dropout=0.4),
    "batch_norm": MLP(hidden=(8, 6), batch_norm=True, dropout=0.2),
    "residual": MLP(hidden=(6, 6, 6), batch_norm=True, residual=True, dropout=0.2),
    "layer_norm": MLP(hidden=(6, 6), layer_norm=True, residual=True, activation="mish"),
    "cnn": CNN(channels=(3, 3), batch_norm=True, dropout=0.3, residual=True, hidden=(5,)),
    "cnn-average": CNN(channels=(2,), kernel=2, pooling="average", hidden=(), activation="silu"),
}


def images(rows=40, shape=(2, 4, 6), **settings):
    prepared = data(rows, features=int(np.prod(shape)), **settings)
    return dataclasses.replace(prepared, encoder=dataclasses.replace(prepared.encoder, image=shape))


def trained(model, optimizers=("adam",), *, dtype=np.float64, **settings):
    settings = {"batch_size": 16, "epochs": 2} | settings
    prepared = images(dtype=dtype)
    made = cohort(list(optimizers), prepared=prepared, dtype=dtype, **settings)
    return dataclasses.replace(made, model=model)


def last(events):
    state = events[-1].state
    return [state.parameters.buffer, state.statistics.buffer, state.best, state.best_statistics]


def epochs(events):
    return [event for event in events if isinstance(event, EpochEnded)]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_replica_of_any_model_has_the_same_bits_in_company(model, dtype):
    names = ["sgd", "sgd", "momentum", "momentum", "adagrad", "adagrad", "adam", "adam"]
    seeds = [i % 3 for i in range(len(names))]
    company = final(trained(MODELS[model], names, seeds=seeds, dtype=dtype))
    assert np.isfinite(last(company)[0]).all()
    for r in range(0, len(names), 3):
        alone = final(trained(MODELS[model], names[r : r + 1], seeds=seeds[r : r + 1], dtype=dtype))
        for one, all_ in zip(last(alone), last(company), strict=True):
            assert np.array_equal(one[0], all_[r])
        for one, all_ in zip(epochs(alone), epochs(company), strict=True):
            assert one.row() | {"seconds": 0} == all_.row(r) | {"seconds": 0}


def network(model, *, training=True, seeds=(5,), rows=7, statistics=None):
    """A network with random parameters on images of 2x4x6."""
    architecture = Architecture(model, Inputs.pixels(2, 4, 6), 3)
    random = np.random.default_rng(0)
    layout = architecture.layout
    parameters = Parameters(layout, random.standard_normal((len(seeds), layout.size)))
    gradients = Parameters(layout, np.zeros_like(parameters.buffer)) if training else None
    return Network(
        architecture,
        parameters,
        gradients,
        rows,
        training=training,
        seeds=seeds,
        statistics=statistics,
    )


@pytest.mark.parametrize("model", MODELS)
def test_a_layer_writes_where_the_next_one_wants_to_read(model):
    at = network(MODELS[model])
    x = np.random.default_rng(2).standard_normal((7, *(at.image or (48,))))
    wanted = []
    for each, after in zip(at.passes, [*at.passes[1:], None], strict=True):
        x = each.forward(x)
        if after is not None and after.input is not None:
            wanted.append(after)
            assert x is after.input, "no copy is needed"
    assert any(isinstance(each, DensePass) for each in wanted) or model == "linear"


def test_a_bias_that_follows_its_weight_in_memory_is_part_of_the_product():
    for replicas in (1, 3):
        apart = bench("dense", replicas)
        layout = Layout({"weight": (5, 3), "bias": (3,)})
        own, slopes = (layout.views(np.empty((replicas, 18))) for _ in range(2))
        for name, view in own.items():
            view[...] = apart.parameters[name]
        binding = copy.copy(apart.binding)
        binding.parameters, binding.gradients = (
            {name: view[0] if replicas == 1 else view for name, view in views.items()}
            for views in (own, slopes)
        )
        together = Dense(3).bind(binding)
        assert (together.input is not None) == (replicas == 1)
        assert together.place is not None
        assert apart.bound.input is apart.bound.place is None
        dy = np.random.default_rng(1).standard_normal((replicas, 4, 3))
        x, dy_own = (a[0] if replicas == 1 else a for a in (apart.x, dy))
        np.testing.assert_allclose(together.forward(x), apart.forward().reshape(together.y.shape))
        dx = together.backward(dy_own)
        np.testing.assert_allclose(dx, apart.backward(dy).reshape(dx.shape), rtol=1e-12)
        for name in own:
            np.testing.assert_allclose(slopes[name], apart.gradients[name], rtol=1e-12)


@pytest.mark.parametrize("model", MODELS)
def test_scores_follow_from_the_step_not_from_the_way_to_it(model):
    x = np.random.default_rng(2).standard_normal((1, 7, 48))
    old = network(MODELS[model])
    seen = []
    for step in range(4):
        seen.append(old.forward(x, step).copy())
        old.gradient[...] = 1
        old.backward()
    for step in (3, 1):
        assert np.array_equal(network(MODELS[model]).forward(x, step), seen[step])
    chance = MODELS[model].__dict__.get("dropout")
    assert np.array_equal(seen[0], seen[1]) == (not chance or model == "cnn-average")


def test_the_best_statistics_are_kept_with_the_best_parameters():
    made = trained(MODELS["batch_norm"], [OPTIMIZERS.find("adam")(lr=0.3)], epochs=12)
    kept = []
    for event in training.train_cohort(made):
        if isinstance(event, EpochEnded):
            kept.append(
                (event.state.parameters.buffer.copy(), event.state.statistics.buffer.copy())
            )
            best = event.state.best, event.state.best_statistics
    index = int(event.best_epoch[0]) - 1
    assert 0 <= index < len(kept) - 1, "the last is not the best here"
    for one, other in zip(best, kept[index], strict=True):
        assert np.array_equal(one, other)
    assert {"statistics", "best_statistics"} <= set(event.state.arrays())


def test_regularization_reaches_neither_scale_nor_shift():
    architecture = Architecture(MODELS["residual"], Inputs(48), 3)
    assert architecture.weights() == [
        "dense1.weight",
        "residual1.dense1.weight",
        "residual2.dense1.weight",
        "dense2.weight",
    ]


def test_normalizations_start_at_scale_one_and_variance_one():
    architecture = Architecture(MODELS["cnn"], Inputs.pixels(2, 4, 6), 3)
    row = np.full(architecture.layout.size, np.nan)
    architecture.initialize(row, 0)
    kept = np.full((1, architecture.statistics.size), np.nan)
    architecture.initialize_statistics(kept)
    for name, view in architecture.layout.views(row[None]).items():
        kind = name.rpartition(".")[2]
        assert kind == "weight" or (view == (kind == "scale")).all(), name
        assert np.isfinite(view).all()
    assert set(architecture.statistics.shapes) == {
        "batch_norm1.mean",
        "batch_norm1.variance",
        "residual1.batch_norm1.mean",
        "residual1.batch_norm1.variance",
    }
    for name, view in architecture.statistics.views(kept).items():
        assert (view == name.endswith("variance")).all()


def test_weights_of_convolutions_have_the_variance_of_their_fan_in():
    layer = Convolution(64, kernel=5)
    weight = np.zeros(layer.parameters((32, 9, 9))["weight"])
    layer.initialize({"weight": weight}, (32, 9, 9), np.random.default_rng(0))
    assert weight.var() == pytest.approx(2 / (32 * 25), rel=0.03)


def test_a_step_of_a_convolutional_network_allocates_nothing():
    model = CNN(channels=(8, 8), batch_norm=True, dropout=0.3, hidden=(512,), residual=True)
    prepared = images(2048, (1, 16, 16), validation=0)
    made = dataclasses.replace(cohort(["adam"], prepared=prepared, batch_size=512), model=model)
    trainer = training.Trainer(made)
    batches = trainer.batches.epoch(1)
    trainer._plan(4)
    trainer._steps(batches, 0, 1, 4)
    tracemalloc.start()
    trainer._steps(batches, 1, 2, 4)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 140_000


def test_memory_is_estimated_about_right():
    model = CNN(channels=(8, 8), batch_norm=True, hidden=(64,))
    prepared = images(600, (1, 16, 16), validation=300)
    made = dataclasses.replace(cohort(["adam"], prepared=prepared, batch_size=300), model=model)
    tracemalloc.start()
    final(dataclasses.replace(made, training=dataclasses.replace(made.training, epochs=1)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0.5 < made.memory() / peak < 2


@pytest.mark.parametrize(
    ("model", "image", "message"),
    [
        (
            CNN(),
            None,
            "model.name: cnn takes images; set dataset.image to [channels, height, width]",
        ),
        (CNN(), (1, 3, 16), "model.pool: is 2, more than the 1 pixel that there is at this layer"),
        (
            CNN(kernel=2, pool=7),
            (3, 4, 4),
            "model.pool: is 7, more than the 5 pixels that there are at this layer",
        ),
    ],
)
def test_an_image_that_does_not_fit_is_said_in_one_line(model, image, message):
    with pytest.raises(InvalidInput) as caught:
        Architecture(model, Inputs(48, image), 3)
    assert str(caught.value) == message


def test_a_model_of_features_takes_the_pixels_of_an_image_as_they_are():
    assert Architecture(MLP(), Inputs.pixels(2, 4, 6), 3).shape == (48,)


@pytest.mark.parametrize(
    ("model", "inputs"),
    [
        (Linear(), Inputs(30)),
        (MLP((64,)), Inputs(30)),
        (MLP((32, 32), "tanh", batch_norm=True), Inputs(30)),
        (MLP((16,) * 4, "selu", residual=True), Inputs(30)),
        (CNN((4, 8), hidden=(32,)), Inputs.pixels(1, 8, 8)),
    ],
    ids=["linear", "mlp", "normed", "residual", "cnn"],
)
def test_the_first_loss_is_that_of_a_constant_prediction(model, inputs):
    random = np.random.default_rng(0)
    x = random.standard_normal((500, inputs.size))

    def losses(model):
        """Cross-entropy of ten equally frequent classes, and squares of a target of variance 1."""
        architecture = Architecture(model, inputs, 10)
        own = Parameters(architecture.layout, np.zeros((1, architecture.layout.size)))
        architecture.initialize(own.buffer[0], seed=1)
        kept = Parameters(architecture.statistics, np.zeros((1, architecture.statistics.size)))
        architecture.initialize_statistics(kept.buffer)
        (s,) = predict(architecture, own, x, statistics=kept)
        y = random.standard_normal(s.shape)
        return np.log(np.exp(s).sum(axis=1)).mean() - s.mean(), ((s - y) ** 2).mean()

    entropy, squares = losses(model)
    assert entropy == pytest.approx(np.log(10), rel=0.04)
    assert squares == pytest.approx(1, rel=0.25)
    entropy, squares = losses(type(model)(init="lecun"))
    assert entropy > 1.08 * np.log(10)
    assert squares > 1.3


def test_an_initializer_that_is_given_is_that_of_all_layers():
    def spreads(model):
        architecture = Architecture(model, Inputs(100), 50)
        row = np.zeros(architecture.layout.size)
        architecture.initialize(row, seed=0)
        views = architecture.layout.views(row[None])
        return [10 * view.std() for name, view in views.items() if name.endswith(".weight")]

    # in units of lecun's, as all layers have 100 inputs
    hidden = (100, 100)
    for model, expected in [
        (Linear(), [0.1]),
        (Linear(init="he"), [2**0.5]),
        (MLP(hidden), [2**0.5, 2**0.5, 0.1]),
        (MLP(hidden, init="lecun"), [1, 1, 1]),
        (MLP(hidden, "tanh", output_init="lecun"), [1, 1, 1]),
        (MLP(hidden, init="he", output_init="zeros"), [2**0.5, 2**0.5, 0]),
    ]:
        assert spreads(model) == pytest.approx(expected, rel=0.03)


def test_what_is_saved_predicts_as_the_best_epoch_did(tmp_path):
    config = {
        "dataset": {
            "name": "csv",
            "path": str(ROOT / "configs" / "data" / "digits.csv.gz"),
            "target": "digit",
            "image": [1, 8, 8],
        },
        "model": {"name": "cnn", "channels": [4, 4], "batch_norm": True, "residual": True},
        "loss": "cross_entropy",
        "optimizer": {"name": "adam", "lr": 0.05},
        "training": {"epochs": 3, "batch_size": 64},
    }
    done = optcli.train(config, out=tmp_path / "run", plots=False)
    loaded = Trained.load(tmp_path / "run" / "model.npz")
    assert np.array_equal(loaded.statistics, done.trained.statistics)
    assert np.array_equal(loaded.parameters, done.trained.parameters)
    part = optcli.check(config).data.validation
    accuracy = (loaded.scores(part.x).argmax(1) == part.y).mean()
    assert accuracy == pytest.approx(done.summary["best"]["validation_accuracy"], rel=1e-12)
    with np.load(tmp_path / "run" / "model.npz") as file:
        assert "statistics.batch_norm1.mean" in file.files
