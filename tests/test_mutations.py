"""Ways of breaking a gradient, every one of which must be caught, and none where there is none.

A mutant is a loss, an activation, a layer or a network whose gradient is broken on purpose
in one way. It is checked by the very cases in which the unbroken one is checked.
"""

import copy

import numpy as np
import pytest

from optcli.core.inputs import Inputs
from optcli.gradients.case import Case
from optcli.gradients.cases import case_sets
from optcli.gradients.check import How
from optcli.gradients.layer_cases import activation_cases, layer_cases
from optcli.gradients.loss_cases import loss_cases
from optcli.gradients.networks import FixedBatch, NetworkFunction
from optcli.gradients.objective_cases import objective_cases
from optcli.layers.activations import ACTIVATIONS
from optcli.layers.base import LAYERS, Pass, rows_last
from optcli.losses.base import LOSSES
from optcli.models import MLP, Architecture
from optcli.objectives.base import OBJECTIVES
from optcli.training.settings import Regularization

pytestmark = pytest.mark.long


def caught(case_set, seed=0):
    """Whether any case of a set is found to be wrong."""
    return any(not result.ok for _, result in case_set.check(How(seed=seed)))


# ---- losses: the gradient g (R, B, C) is broken after it was computed ------------------


def largest(g):
    """Index of the largest entry of each replica's gradient, as for `g[...]`."""
    flat = np.abs(np.nan_to_num(g)).reshape(len(g), -1).argmax(axis=1)
    return (np.arange(len(g)), *np.unravel_index(flat, g.shape[1:]))


def scaled(factor):
    return lambda g, **_: np.multiply(g, factor, g)


def entry(change):
    def way(g, **_):
        at = largest(g)
        g[at] = change(g[at])

    return way


def turned(turn):
    def way(g, **_):
        g[...] = turn(g.copy())

    return way


LOSS_WAYS = {
    "dropped 1/B": lambda g, **_: np.multiply(g, g.shape[1], g),
    "divided by B twice": lambda g, **_: np.divide(g, g.shape[1], g),
    "mean over the outputs, too": lambda g, **_: np.divide(g, g.shape[2] + 1, g),
    "divided by the replicas": lambda g, **_: np.divide(g, len(g), g),
    "wrong sign": scaled(-1),
    "lost ½": scaled(2),
    "factor 1.001": scaled(1.001),
    "zero": scaled(0),
    "one entry x 1.001": entry(lambda v: 1.001 * v),
    "one entry's sign": entry(lambda v: -v),
    "one entry zero": entry(lambda v: 0 * v),
    "one entry NaN": entry(lambda v: v * np.nan),
    "one entry infinite": entry(lambda v: v * np.inf),
    "rows shifted by one": turned(lambda g: np.roll(g, 1, axis=1)),
    "outputs in reverse": turned(lambda g: g[..., ::-1]),
    "first row forgotten": turned(lambda g: np.concatenate([0 * g[:, :1], g[:, 1:]], axis=1)),
    "last output forgotten": turned(lambda g: np.concatenate([g[..., :-1], 0 * g[..., -1:]], 2)),
    "rows averaged": turned(lambda g: 0 * g + g.mean(axis=1, keepdims=True)),
    "replicas averaged": turned(lambda g: 0 * g + g.mean(axis=0)),
    "clipped": turned(lambda g: np.clip(g, -0.01, 0.01)),
    "sign only": turned(np.sign),
    "never written": lambda g, **_: g.fill(np.nan),
    "in float32": turned(lambda g: g.astype(np.float32)),
    "absolute value": turned(np.abs),
    "one row x 1.001": turned(lambda g: np.concatenate([1.001 * g[:, :1], g[:, 1:]], axis=1)),
}


def broken_loss(cls, way):
    def value_and_gradient(self, prediction, target, gradient, weight=None, work=None):
        value = cls.value_and_gradient(self, prediction, target, gradient, weight, work)
        LOSS_WAYS[way](gradient)
        return value

    return type("Broken", (cls,), {"value_and_gradient": value_and_gradient})


def weights_forgotten(cls):
    def value_and_gradient(self, prediction, target, gradient, weight=None, work=None):
        return cls.value_and_gradient(self, prediction, target, gradient, None, work)

    return type("Broken", (cls,), {"value_and_gradient": value_and_gradient})


def stale(cls):
    """The gradient of the batch before."""
    before = {}

    def value_and_gradient(self, prediction, target, gradient, weight=None, work=None):
        value = cls.value_and_gradient(self, prediction, target, gradient, weight, work)
        now = gradient.copy()
        gradient[...] = before.get(gradient.shape, now)
        before[gradient.shape] = now
        return value

    return type("Broken", (cls,), {"value_and_gradient": value_and_gradient})


def accumulated(cls):
    """Added to what the buffer held."""

    def value_and_gradient(self, prediction, target, gradient, weight=None, work=None):
        held = gradient.copy()
        value = cls.value_and_gradient(self, prediction, target, gradient, weight, work)
        gradient += held
        return value

    return type("Broken", (cls,), {"value_and_gradient": value_and_gradient})


def default_hyperparameters(cls):
    """The gradient of the loss with its defaults."""

    def value_and_gradient(self, prediction, target, gradient, weight=None, work=None):
        cls().value_and_gradient(prediction, target, gradient, weight)
        return self.value(prediction, target, weight)

    return type("Broken", (cls,), {"value_and_gradient": value_and_gradient})


OTHER_LOSS_WAYS = (weights_forgotten, stale, accumulated)


@pytest.mark.parametrize("way", LOSS_WAYS)
def test_every_broken_loss_is_caught(way):
    missed = [cls.name for cls in LOSSES if not caught(loss_cases(broken_loss(cls, way)))]
    assert missed == []


@pytest.mark.parametrize("way", OTHER_LOSS_WAYS)
def test_every_loss_that_forgets_or_remembers_is_caught(way):
    missed = [cls.name for cls in LOSSES if not caught(loss_cases(way(cls)))]
    assert missed == []


@pytest.mark.parametrize(
    "name", ["huber", "quantile", "focal", "cross_entropy", "tweedie", "hinge", "smooth_l1"]
)
def test_a_gradient_for_other_hyperparameters_is_caught(name):
    assert caught(loss_cases(default_hyperparameters(LOSSES.find(name))))


# ---- activations: dy·f′(x) is broken, where f′ is --------------------------------------


ACTIVATION_WAYS = {
    "factor 1.001": lambda dy, own: 1.001 * dy,
    "wrong sign": lambda dy, own: -dy,
    "zero": lambda dy, own: 0 * dy,
    "derivative forgotten": lambda dy, own: own,
    "derivative 0.001 too large": lambda dy, own: dy + 0.001 * own,
    "dy forgotten": lambda dy, own: dy / np.where(own == 0, 1, own),
    "NaN where the derivative is small": lambda dy, own: np.where(
        np.abs(dy) < 0.1 * np.abs(own), np.nan, dy
    ),
    "one entry x 1.001": lambda dy, own: dy * np.where(np.abs(dy) == np.abs(dy).max(), 1.001, 1),
    "one entry of the last row": lambda dy, own: np.concatenate(
        [dy.reshape(-1)[:-1], 1.5 * dy.reshape(-1)[-1:] + 0.1]
    ).reshape(dy.shape),
    "rows in reverse": lambda dy, own: np.flip(dy, axis=dy.ndim - 2),
}


def broken_activation(cls, way):
    def chain(self, dy, x, y, keep):
        own = dy.copy()
        cls.chain(self, dy, x, y, keep)
        dy[...] = ACTIVATION_WAYS[way](dy, own)

    return type("Broken", (cls,), {"chain": chain})


@pytest.mark.parametrize("way", ACTIVATION_WAYS)
def test_every_broken_activation_is_caught(way):
    missed = [
        cls.name for cls in ACTIVATIONS if not caught(activation_cases(broken_activation(cls, way)))
    ]
    assert missed == []


@pytest.mark.parametrize("name", ["relu", "leaky_relu"])
def test_a_wrong_slope_at_the_kink_is_caught(name):
    """A slope outside of those of both sides, at 0 alone."""
    cls = ACTIVATIONS.find(name)

    def chain(self, dy, x, y, keep):
        at_zero = y == 0 if cls.in_place else x == 0
        own = dy.copy()
        cls.chain(self, dy, x, y, keep)
        dy[at_zero] = 1.01 * own[at_zero]

    assert caught(activation_cases(type("Broken", (cls,), {"chain": chain})))


# ---- layers: the backward pass is broken -----------------------------------------------


class BrokenPass(Pass):
    def __init__(self, own, place, way):
        self.own, self.place, self.way = own, place, way
        self.memory = {}

    def forward(self, x):
        self.x = x.copy()
        return self.own.forward(x)

    def backward(self, dy):
        self.dy = dy.copy()
        dx = self.own.backward(dy)
        return self.way(self, dx)


def each_gradient(change):
    """Change every gradient by a parameter, in place."""

    def way(broken, dx):
        for name, array in broken.place.gradients.items():
            array[...] = change(name, array.copy(), broken.place.parameters[name])
        return dx

    return way


def by_input(change):
    return lambda broken, dx: change(dx.copy())


def by_input_and_dy(change):
    return lambda broken, dx: change(dx.copy(), broken.dy)


def remembers(broken, dx):
    """The gradients of the first call, for ever."""
    now = (dx.copy(), {n: a.copy() for n, a in broken.place.gradients.items()})
    first = broken.memory.setdefault("first", now)
    for name, array in broken.place.gradients.items():
        array[...] = first[1][name]
    return first[0]


def adds(broken, dx):
    """The gradients by the parameters are added up from call to call."""
    for name, array in broken.place.gradients.items():
        broken.memory[name] = array + broken.memory.get(name, 0)
        array[...] = broken.memory[name]
    return dx


def of_images(change):
    """Change dx of images (…, B, C, H, W)."""
    return lambda broken, dx: change(dx.copy()) if dx.ndim > 3 else dx


def one_large_entry(array):
    at = np.unravel_index(np.abs(array).argmax(), array.shape)
    array[at] *= 1.001
    return array


def named(wanted, change):
    return each_gradient(lambda name, g, w: change(g) if name.endswith(wanted) else g)


def l2_added(name, g, w):
    return g + 0.01 * w


INPUT_WAYS = {
    "dx wrong sign": by_input(np.negative),
    "dx factor 1.001": by_input(lambda dx: 1.001 * dx),
    "dx zero": by_input(lambda dx: 0 * dx),
    "dx NaN in one entry": by_input(lambda dx: np.where(dx == dx.max(), np.nan, dx)),
    "dx one entry x 1.001": by_input(one_large_entry),
    "dx off by one column": by_input(lambda dx: np.roll(dx, 1, axis=-1)),
    "dx in reverse": by_input(lambda dx: np.flip(dx, axis=-1)),
    "dx clipped": by_input(lambda dx: np.clip(dx, -0.05, 0.05)),
    "dx of the first batch": remembers,
    "dx edge forgotten": by_input(lambda dx: np.concatenate([dx[..., :-1], 0 * dx[..., -1:]], -1)),
    "dx rounded to float32": by_input(lambda dx: dx.astype(np.float32).astype(float)),
}
IMAGE_WAYS = {
    "dx off by one row of pixels": of_images(lambda dx: np.roll(dx, 1, axis=-2)),
    "dx of the other channel": of_images(lambda dx: np.roll(dx, 1, axis=-3)),
    "dx turned by half": of_images(lambda dx: np.flip(np.flip(dx, -1), -2)),
}
PARAMETER_WAYS = {
    "dw wrong sign": each_gradient(lambda name, g, w: -g),
    "dw factor 1.001": each_gradient(lambda name, g, w: 1.001 * g),
    "dw never written": each_gradient(lambda name, g, w: np.nan * g),
    "dw zero": each_gradient(lambda name, g, w: 0 * g),
    "dw added up": adds,
    "dw of the first batch": remembers,
    "dw regularized": each_gradient(l2_added),
    "dw one entry x 1.001": each_gradient(lambda name, g, w: one_large_entry(g)),
    "dw mean over the rows": each_gradient(lambda name, g, w: g / 6),
    "dw in reverse": each_gradient(lambda name, g, w: np.flip(g, axis=-1)),
    "dw is w": each_gradient(lambda name, g, w: w),
    "bias or shift zero": named(("bias", "shift"), lambda g: 0 * g),
    "bias or shift x 1.001": named(("bias", "shift"), lambda g: 1.001 * g),
    "weight or scale x 1.001": named(("weight", "scale"), lambda g: 1.001 * g),
}


@pytest.fixture
def as_broken(monkeypatch):
    """Break the layers of a class wherever they are made: the examples make them themselves."""

    def apply(cls, way):
        bind = cls.bind
        monkeypatch.setattr(
            cls, "bind", lambda self, place: BrokenPass(bind(self, place), place, way)
        )
        found = caught(layer_cases(cls))
        monkeypatch.undo()
        return found

    return apply


def with_parameters():
    return [LAYERS.find(n) for n in ("dense", "convolution", "batch_norm", "layer_norm")]


def with_images():
    return [LAYERS.find(n) for n in ("convolution", "max_pool", "average_pool", "dropout")]


@pytest.mark.parametrize("way", INPUT_WAYS)
def test_every_layer_with_a_broken_gradient_by_its_input_is_caught(way, as_broken):
    missed = [cls.name for cls in LAYERS if not as_broken(cls, INPUT_WAYS[way])]
    assert missed == []


@pytest.mark.parametrize("way", IMAGE_WAYS)
def test_every_layer_that_mixes_up_pixels_is_caught(way, as_broken):
    missed = [cls.name for cls in with_images() if not as_broken(cls, IMAGE_WAYS[way])]
    assert missed == []


@pytest.mark.parametrize("way", PARAMETER_WAYS)
def test_every_layer_with_a_broken_gradient_by_its_parameters_is_caught(way, as_broken):
    missed = [cls.name for cls in with_parameters() if not as_broken(cls, PARAMETER_WAYS[way])]
    assert missed == []


def replaced(make):
    """dx as `make(pass, dy, place)` has it."""
    return lambda broken, dx: make(broken, broken.dy, broken.place)


def without_mean_terms(broken, dy, place):
    """Normalization with mean and variance taken for constants."""
    own = broken.own
    shaped = own.matrix(dy) * own.scale * own.inverse
    out = np.empty_like(dy)
    memory = rows_last(out)
    memory[...] = shaped.reshape(memory.shape)
    return out


def ties_for_all(broken, dy, place):
    """Max pooling that gives dy to every pixel as large as the largest."""
    own = broken.own
    size, stride, count = own.windows
    x, dx = broken.x, np.zeros_like(broken.x)
    for u in range(count[0]):
        for v in range(count[1]):
            at = (
                ...,
                slice(u * stride[0], u * stride[0] + size[0]),
                slice(v * stride[1], v * stride[1] + size[1]),
            )
            window = x[at]
            top = window.max(axis=(-2, -1), keepdims=True)
            dx[at] += (window == top) * dy[..., u, v][..., None, None]
    return dx


def transposed_weight(broken, dy, place):
    """dx by Wᵀ with its rows in another order."""
    return np.matmul(dy, np.roll(place.parameters["weight"], 1, axis=-2).swapaxes(-1, -2))


SPECIAL = {
    "batch_norm": {"mean and variance as constants": replaced(without_mean_terms)},
    "layer_norm": {"mean and variance as constants": replaced(without_mean_terms)},
    "dropout": {
        "mask forgotten": by_input_and_dy(lambda dx, dy: dy),
        "scale forgotten": by_input(lambda dx: 0.5 * dx),
        "another mask": by_input_and_dy(lambda dx, dy: np.where(dx == 0, dy, 0)),
    },
    "max_pool": {
        "every tie gets all": replaced(ties_for_all),
        "ties get nothing": by_input(lambda dx: np.where(np.abs(dx) > 1, 0, dx)),
    },
    "average_pool": {"1/n forgotten": by_input(lambda dx: 4 * dx)},
    "dense": {"weight's rows exchanged": replaced(transposed_weight)},
    "residual": {
        "input forgotten": by_input_and_dy(lambda dx, dy: dx - dy),
        "inner layers forgotten": by_input_and_dy(lambda dx, dy: dy),
    },
    "flatten": {"pixels in another order": of_images(lambda dx: np.flip(dx, axis=-3))},
    "convolution": {
        "kernel turned around": named("weight", lambda g: np.flip(np.flip(g, -1), -2)),
        "channels exchanged": named("weight", lambda g: np.roll(g, 1, axis=-3)),
        "bias of one row only": named("bias", lambda g: g / 6),
        "edge of the kernel": named("weight", lambda g: np.roll(g, 1, axis=-1)),
    },
}


@pytest.mark.parametrize(
    ("name", "way"), [(name, way) for name, ways in SPECIAL.items() for way in ways]
)
def test_mistakes_that_a_layer_invites_are_caught(name, way, as_broken):
    assert as_broken(LAYERS.find(name), SPECIAL[name][way])


# ---- objectives ------------------------------------------------------------------------

OBJECTIVE_WAYS = {
    "wrong sign": lambda g, x: -g,
    "factor 1.001": lambda g, x: 1.001 * g,
    "last coordinate forgotten": lambda g, x: g * (np.arange(g.shape[1]) < g.shape[1] - 1),
    "coordinates exchanged": lambda g, x: g[:, ::-1],
    "never written": lambda g, x: np.nan * g,
    "the point added": lambda g, x: g + x,
}


@pytest.mark.parametrize("way", OBJECTIVE_WAYS)
def test_every_broken_objective_is_caught(way):
    missed = []
    for cls in OBJECTIVES:

        def gradient(self, x, out, cls=cls):
            cls.gradient(self, x, out)
            out[...] = OBJECTIVE_WAYS[way](out.copy(), x)

        if not caught(objective_cases(type("Broken", (cls,), {"gradient": gradient}))):
            missed.append(cls.name)
    assert missed == []


# ---- networks --------------------------------------------------------------------------


def network(seed=0, rows=8):
    random = np.random.default_rng(seed)
    architecture = Architecture(MLP(hidden=(32, 24), activation="tanh"), Inputs(10), 5)
    x = np.zeros(architecture.layout.size)
    architecture.initialize(x, seed)
    x += 0.1 * random.standard_normal(x.shape)
    weight = random.uniform(0.3, 2, rows)
    batch = FixedBatch(random.standard_normal((rows, 10)), np.arange(rows) % 5, weight)
    loss = LOSSES.find("cross_entropy")()
    return NetworkFunction(architecture, x, loss, batch, Regularization(l2=0.02, l1=0.01), seed)


def broken_network(change, seed=0):
    """A network whose gradients (R, P) are changed: named views go in, too."""
    function = network(seed)

    class Broken(NetworkFunction):
        def gradients(self, points):
            g = super().gradients(points)
            change(g, self.architecture.layout.views(g), self.architecture.layout.views(points))
            return g

    broken = copy.copy(function)
    broken.__class__ = Broken
    return Case("broken", broken, analytic=True)


def large_entry(random, g, value):
    """An entry above 1e-4·max(1, |loss|), as those below are not promised."""
    return random.choice(np.flatnonzero(np.abs(g[0]) > 1e-4 * max(1, abs(value))))


NETWORK_WAYS = {
    "l2 forgotten": lambda g, dw, w: [np.subtract(dw[n], 0.02 * w[n], dw[n]) for n in weights(dw)],
    "l1 forgotten": lambda g, dw, w: [
        np.subtract(dw[n], 0.01 * np.sign(w[n]), dw[n]) for n in weights(dw)
    ],
    "l2 twice": lambda g, dw, w: [np.add(dw[n], 0.02 * w[n], dw[n]) for n in weights(dw)],
    "biases regularized": lambda g, dw, w: [
        np.add(dw[n], 0.02 * w[n], dw[n]) for n in dw if n not in weights(dw)
    ],
    "first layer zero": lambda g, dw, w: dw["dense1.weight"].fill(0),
    "first layer halved": lambda g, dw, w: np.divide(dw["dense1.weight"], 2, dw["dense1.weight"]),
    "last bias forgotten": lambda g, dw, w: dw["dense3.bias"].fill(0),
    "middle layer's sign": lambda g, dw, w: np.negative(dw["dense2.weight"], dw["dense2.weight"]),
    "everything x 1.001": lambda g, dw, w: np.multiply(g, 1.001, g),
    "clipped to norm 1": lambda g, dw, w: np.multiply(g, 0.1, g),
}


def weights(views):
    return [name for name in views if name.endswith("weight")]


@pytest.mark.parametrize("way", NETWORK_WAYS)
def test_every_broken_network_is_caught(way):
    assert not broken_network(NETWORK_WAYS[way]).check(How(), "mlp").ok


@pytest.mark.parametrize("factor", [1.001, 0, -1, np.nan])
@pytest.mark.parametrize("seed", range(6))
def test_one_wrong_entry_in_a_thousand_is_caught_and_named(seed, factor):
    random = np.random.default_rng(seed)
    value = network(seed).values(network(seed).x[None])[0]
    chosen = []

    def change(g, dw, w):
        if not chosen:
            chosen.append(large_entry(random, g, value))
        g[:, chosen[0]] *= factor

    case = broken_network(change, seed)
    result = case.check(How(seed=seed), "mlp")
    assert len(result.analytic) > 1000
    assert not result.ok
    assert [entry.index for entry in result.worst(1)] == chosen
    assert result.count("wrong") == 1


# ---- and nothing else ------------------------------------------------------------------


def test_more_than_sixty_ways():
    layers = len(INPUT_WAYS) + len(IMAGE_WAYS) + len(PARAMETER_WAYS)
    special = sum(map(len, SPECIAL.values()))
    losses = len(LOSS_WAYS) + len(OTHER_LOSS_WAYS)
    others = len(ACTIVATION_WAYS) + len(OBJECTIVE_WAYS) + len(NETWORK_WAYS)
    assert losses + others + layers + special >= 60


COMPONENTS = [s for s in case_sets() if s.kind in ("loss", "activation", "layer")]
OTHERS = [s for s in case_sets() if s.kind in ("model", "objective")]


def failures(some, seeds, every=1):
    """What of some sets of cases fails in one of `every` cases, another one with each seed."""
    found = []
    for seed in seeds:
        cases = [(case_set.name, case) for case_set in some for case in case_set.cases(seed)]
        for name, case in cases[seed % every :: every]:
            result = case.check(How(seed=seed), name)
            if not result.ok:
                found.append(f"seed {seed}: {result}")
    return found


def test_right_gradients_never_fail():
    seeds = range(0, 24, 4)
    assert failures(COMPONENTS, seeds, every=8) == []
    assert failures(OTHERS, seeds, every=8) == []


@pytest.mark.study
@pytest.mark.parametrize("first", range(0, 200, 20))
def test_right_gradients_never_fail_in_any_case(first):
    assert failures([*COMPONENTS, *OTHERS], range(first, first + 20)) == []


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, 200, 10))
def test_right_gradients_of_models_never_fail(first):
    assert failures(OTHERS, range(first, first + 10), every=5) == []
