"""Faults that only the cases at the edges see, each of which must be caught; and right losses.

A fault shows where there is no error, for one or two outputs, where two hyperparameters
meet, in float32, beyond some row or output, at the edge of the targets, or between rows.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import pytest

from optcli.core.specs import Bound, Ge, Gt, Le
from optcli.gradients.check import How
from optcli.gradients.layer_cases import activation_cases
from optcli.gradients.loss_cases import loss_cases
from optcli.layers.activations import Activation
from optcli.losses.plain import PlainLoss

pytestmark = pytest.mark.long


def outcomes(case_set, seed=0):
    """What each case came to, by its words."""
    return {case.what: result for case, result in case_set.check(How(seed=seed))}


def caught(case_set, seed=0):
    return any(not result.ok for _, result in case_set.check(How(seed=seed)))


def softmax(s):
    z = s - s.max(axis=1, keepdims=True)
    p = np.exp(z)
    return z, p / p.sum(axis=1, keepdims=True)


# ---- right losses of the plain form ----------------------------------------------------


@dataclass(frozen=True)
class Squared(PlainLoss):
    scale: Annotated[float, Gt(0)] = 1.0
    shift: float = 0.0

    def batch(self, s, t):
        r = s - t - self.shift
        return self.scale * (r**2).mean(axis=1), 2 * self.scale * r / s.shape[1]


@dataclass(frozen=True)
class Length(PlainLoss):
    """‖r‖, 0 at 0."""

    def batch(self, s, t):
        r = s - t
        d = np.sqrt((r**2).sum(axis=1))
        return d, r / np.where(d == 0, 1, d)[:, None]


@dataclass(frozen=True)
class Absolute(PlainLoss):
    def batch(self, s, t):
        return np.abs(s - t).mean(axis=1), np.sign(s - t) / s.shape[1]


@dataclass(frozen=True)
class Power(PlainLoss):
    """|r|^power; it refuses powers below 1 itself."""

    power: float = 2.0

    def __post_init__(self):
        if self.power < 1:
            raise ValueError("power must be at least 1")

    def batch(self, s, t):
        size = np.abs(s - t)
        slope = self.power * size ** (self.power - 1) * np.sign(s - t)
        return (size**self.power).mean(axis=1), slope / s.shape[1]


@dataclass(frozen=True)
class Charbonnier(PlainLoss):
    eps: Annotated[float, Gt(0)] = 0.1

    def batch(self, s, t):
        r = s - t
        d = np.sqrt(r**2 + self.eps**2)
        return d.mean(axis=1), r / d / s.shape[1]


@dataclass(frozen=True)
class LogCosh(PlainLoss):
    def batch(self, s, t):
        size = np.abs(s - t)
        value = size + np.log1p(np.exp(-2 * size)) - np.log(2)
        return value.mean(axis=1), np.tanh(s - t) / s.shape[1]


@dataclass(frozen=True)
class Softmax(PlainLoss):
    target: ClassVar[str] = "classes"
    smoothing: Annotated[float, Ge(0), Le(1)] = 0.0
    heavy: Annotated[float, Gt(0)] = 1.0  # the weight of class 0

    def batch(self, s, t):
        rows = np.arange(len(s))
        z, p = softmax(s)
        logs = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        w = np.ones(s.shape[1])
        w[0] = self.heavy
        q = np.full(s.shape, self.smoothing / s.shape[1])
        q[rows, t] += 1 - self.smoothing
        return -(q * w * logs).sum(axis=1), (q * w).sum(axis=1, keepdims=True) * p - q * w


@dataclass(frozen=True)
class Logistic(PlainLoss):
    target: ClassVar[str] = "labels"

    def batch(self, s, t):
        return (np.logaddexp(0, s) - t * s).mean(axis=1), (
            0.5 + 0.5 * np.tanh(s / 2) - t
        ) / s.shape[1]


@dataclass(frozen=True)
class Hinge(PlainLoss):
    target: ClassVar[str] = "labels"

    def batch(self, s, t):
        sign = 2 * t - 1
        return np.maximum(0, 1 - sign * s).mean(axis=1), -sign * (sign * s < 1) / s.shape[1]


@dataclass(frozen=True)
class Counts(PlainLoss):
    """Poisson, its mean exp(s)."""

    targets: ClassVar[tuple[Bound, ...]] = (Ge(0),)
    scores: ClassVar[tuple[Bound, ...]] = (Le(700),)

    def respond(self, scores):
        with np.errstate(over="ignore"):
            return np.exp(scores)

    def batch(self, s, t):
        return (np.exp(s) - t * s).mean(axis=1), (np.exp(s) - t) / s.shape[1]


@dataclass(frozen=True)
class Divergence(PlainLoss):
    target: ClassVar[str] = "probabilities"

    def batch(self, s, t):
        z, p = softmax(s)
        logs = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        entropy = np.where(t > 0, t * np.log(np.where(t > 0, t, 1)), 0)
        return (entropy - t * logs).sum(axis=1), t.sum(axis=1, keepdims=True) * p - t


RIGHT = (
    Squared,
    Length,
    Absolute,
    Power,
    Charbonnier,
    LogCosh,
    Softmax,
    Logistic,
    Hinge,
    Counts,
    Divergence,
)


def accused(seeds, losses=RIGHT):
    """What of the right losses is not found right."""
    return [
        f"seed {seed}: {result}"
        for seed in seeds
        for cls in losses
        for result in outcomes(cases_of(cls), seed).values()
        if not result.ok
    ]


def cases_of(cls):
    return loss_cases(type(cls.__name__, (cls,), {"name": cls.__name__.lower()}))


@pytest.mark.parametrize("seed", range(3))
def test_right_losses_are_found_right(seed):
    assert accused([seed]) == []


@pytest.mark.study
@pytest.mark.parametrize("first", range(0, 200, 20))
def test_right_losses_are_found_right_for_200_seeds(first):
    assert accused(range(first, first + 20)) == []


# ---- faults of a gradient g (B, C), for scores s (B, C) and targets t -----------------


def exact(s, t):
    """Which scores (B, C) are exactly their targets."""
    return s == t


WAYS = {
    "NaN without error": lambda g, s, t: np.where(exact(s, t), np.nan, g),
    "infinite without error": lambda g, s, t: np.where(exact(s, t), np.inf, g),
    "10 without error": lambda g, s, t: np.where(exact(s, t), 10.0, g),
    "-10 without error": lambda g, s, t: np.where(exact(s, t), -10.0, g),
    "NaN in rows without error": lambda g, s, t: np.where(
        exact(s, t).all(axis=1, keepdims=True), np.nan, g
    ),
    "NaN for targets of 0": lambda g, s, t: np.where(t == 0, np.nan, g),
    "zero for targets of 0": lambda g, s, t: np.where(t == 0, 0, g),
    "clipped where targets are large": lambda g, s, t: np.where(
        np.abs(t) > 100, np.clip(g, -1e-3, 1e-3), g
    ),
    "zero for small targets": lambda g, s, t: np.where((t != 0) & (np.abs(t) < 4e-3), 0, g),
    "doubled for one output": lambda g, s, t: 2 * g if g.shape[1] == 1 else g,
    "zero for one output": lambda g, s, t: 0 * g if g.shape[1] == 1 else g,
    "NaN for one output": lambda g, s, t: np.nan * g if g.shape[1] == 1 else g,
    "divided by C - 1, of two": lambda g, s, t: g * 2 if g.shape[1] == 2 else g,
    "in reverse for two outputs": lambda g, s, t: g[:, ::-1] if g.shape[1] == 2 else g,
    "sign for two outputs": lambda g, s, t: -g if g.shape[1] == 2 else g,
    "doubled for one row": lambda g, s, t: 2 * g if len(g) == 1 else g,
    "zero for one row": lambda g, s, t: 0 * g if len(g) == 1 else g,
    "NaN for one row": lambda g, s, t: np.nan * g if len(g) == 1 else g,
    "zero beyond row 100": lambda g, s, t: np.where(np.arange(len(g))[:, None] > 100, 0, g),
    "zero beyond row 511": lambda g, s, t: np.where(np.arange(len(g))[:, None] > 511, 0, g),
    "last of 600 rows forgotten": lambda g, s, t: np.where(np.arange(len(g))[:, None] == 599, 0, g),
    "rows repeat after 256": lambda g, s, t: g[np.arange(len(g)) % 256],
    "zero beyond output 64": lambda g, s, t: np.where(np.arange(g.shape[1]) > 64, 0, g),
    "zero beyond output 255": lambda g, s, t: np.where(np.arange(g.shape[1]) > 255, 0, g),
    "last of 300 outputs forgotten": lambda g, s, t: np.where(np.arange(g.shape[1]) == 299, 0, g),
    "outputs repeat after 128": lambda g, s, t: g[:, np.arange(g.shape[1]) % 128],
    "halved for many numbers": lambda g, s, t: g / 2 if g.size > 1000 else g,
    "index of eight bits": lambda g, s, t: g[np.arange(len(g)).astype(np.uint8).astype(int)],
    "NaN beyond 1000 numbers": lambda g, s, t: np.where(
        np.arange(g.size).reshape(g.shape) > 1000, np.nan, g
    ),
    "NaN in float32": lambda g, s, t: np.nan * g if s.dtype == np.float32 else g,
    "infinite in float32 at 1000": lambda g, s, t: (
        np.where(np.abs(s) > 1000, np.inf, g) if s.dtype == np.float32 else g
    ),
    "zero in float32": lambda g, s, t: 0 * g if s.dtype == np.float32 else g,
    "cancelled in float32": lambda g, s, t: (
        ((g + 1e5).astype("f4") - 1e5) if s.dtype == np.float32 else g
    ),
    "sign in float32 at 1000": lambda g, s, t: (
        np.where(np.abs(s) > 1000, -g, g) if s.dtype == np.float32 else g
    ),
}


def broken(cls, way):
    def batch(self, s, t):
        value, g = cls.batch(self, s, t)
        return value, WAYS[way](g, s, t)

    return cases_of(type(cls.__name__, (cls,), {"batch": batch}))


# Three outputs, seven rows, float64, and hyperparameters changed one by one.
USUAL = ("ordinary scores", "weighted", "scores of magnitude", "scores of 0", "scale", "shift")


@pytest.mark.parametrize("way", WAYS)
def test_faults_at_the_edges_are_caught_and_nowhere_else(way):
    found = outcomes(broken(Squared, way))
    failed = [what for what, result in found.items() if not result.ok]
    usual = [what for what in failed if what.startswith(USUAL) and "," not in what]
    assert failed
    assert not usual or "float32" in way or "targets" in way


# ---- faults of classes, labels and probabilities ---------------------------------------

OTHER_WAYS = {
    "one class only": (Softmax, lambda g, s, t: 0 * g if (t == t[0]).all() else g),
    "two classes": (Softmax, lambda g, s, t: 2 * g if g.shape[1] == 2 else g),
    "many classes": (Softmax, lambda g, s, t: np.where(np.arange(g.shape[1]) > 99, 0, g)),
    "no label in a row": (
        Logistic,
        lambda g, s, t: np.where(t.sum(axis=1, keepdims=True) == 0, 0, g),
    ),
    "all labels in a row": (Logistic, lambda g, s, t: np.where(t.all(axis=1)[:, None], -g, g)),
    "one label": (Logistic, lambda g, s, t: g / 2 if g.shape[1] == 1 else g),
    "one-hot is 0·log 0": (Divergence, lambda g, s, t: np.where(t == 0, np.nan, g)),
    "one-hot takes 1 for all": (
        Divergence,
        lambda g, s, t: np.where((t == 1).any(axis=1)[:, None], 0, g),
    ),
    "targets equal to softmax": (
        Divergence,
        lambda g, s, t: np.where(np.abs(g).max(axis=1, keepdims=True) < 1e-12, np.nan, g),
    ),
    "counts of 0": (Counts, lambda g, s, t: np.where(t == 0, np.nan, g)),
    "counts met exactly": (Counts, lambda g, s, t: np.where(np.abs(g) < 1e-12, np.nan, g)),
    "length without error": (
        Length,
        lambda g, s, t: np.where((s == t).all(axis=1)[:, None], np.nan, g),
    ),
}


@pytest.mark.parametrize("way", OTHER_WAYS)
def test_faults_of_classes_and_labels_are_caught(way):
    cls, change = OTHER_WAYS[way]

    def batch(self, s, t):
        value, g = cls.batch(self, s, t)
        return value, change(g, s, t)

    assert caught(cases_of(type(cls.__name__, (cls,), {"batch": batch})))


# ---- faults where hyperparameters meet -------------------------------------------------


@dataclass(frozen=True)
class Three(PlainLoss):
    """a·r² + b·r⁴ + c·r, whose gradient forgets a term of two or three together."""

    a: Annotated[float, Ge(0)] = 1.0
    b: Annotated[float, Ge(0)] = 0.0
    c: float = 0.0
    forgotten: ClassVar[str] = ""

    def batch(self, s, t):
        r = s - t
        values = self.a * r**2 + self.b * r**4 + self.c * r
        slopes = 2 * self.a * r + 4 * self.b * r**3 + self.c
        changed = {name for name in "abc" if getattr(self, name) != getattr(Three, name)}
        if self.forgotten and set(self.forgotten) <= changed:
            slopes = 2 * self.a * r
        return values.mean(axis=1), slopes / s.shape[1]


@pytest.mark.parametrize("forgotten", ["ab", "ac", "bc", "abc"])
def test_a_fault_of_two_or_three_hyperparameters_together_is_caught(forgotten):
    made = type("Three", (Three,), {"forgotten": forgotten})
    found = outcomes(cases_of(made))
    wrong = [what for what, result in found.items() if not result.ok]
    assert wrong
    assert all(what.count(", ") == len(forgotten) - 1 or what.count(", ") == 2 for what in wrong)
    assert not caught(cases_of(Three))


# ---- rows that influence each other ----------------------------------------------------

COUPLINGS = {
    "less the mean of the batch": lambda r: (r - r.mean(axis=0)) ** 2,
    "over the largest of the batch": lambda r: r**2 / np.abs(r).max(),
    "the row before": lambda r: r**2 + 0.1 * np.roll(r, 1, axis=0) ** 2,
    "the first row": lambda r: r**2 + 0.1 * r[:1],
    "the last row": lambda r: r**2 + 0.1 * r[-1:],
    "ranks": lambda r: r**2 * (1 + r.argsort(axis=0).argsort(axis=0)),
}


@pytest.mark.parametrize("coupling", COUPLINGS)
def test_rows_that_influence_each_other_are_named(coupling):
    class Coupled(Squared):
        def batch(self, s, t):
            return COUPLINGS[coupling](s - t).mean(axis=1), Squared.batch(self, s, t)[1]

    found = outcomes(cases_of(Coupled))["ordinary scores"]
    assert found.outcome == "wrong"
    assert "changes with the scores of row" in str(found)
    assert "a plain loss must treat each row separately" in str(found)


# ---- activations -----------------------------------------------------------------------


@dataclass(frozen=True)
class Softsign(Activation):
    name: ClassVar[str] = "softsign"
    width: Annotated[float, Gt(0)] = 1.0
    height: Annotated[float, Gt(0)] = 1.0

    def value(self, x, y, keep):
        np.divide(self.height * x, self.width + np.abs(x), y)

    def slope(self, x):
        return self.height * self.width / (self.width + np.abs(x)) ** 2

    def chain(self, dy, x, y, keep):
        dy *= self.slope(x)


def softsign(**methods):
    return activation_cases(type("Broken", (Softsign,), methods))


def with_slope(change):
    return softsign(slope=lambda self, x: change(self, Softsign.slope(self, x), x))


ACTIVATION_WAYS = {
    "many rows": lambda self, g, x: np.where(np.arange(x.shape[-2])[:, None] > 255, 0, g),
    "one column": lambda self, g, x: g[:, :1] * 2 if x.shape[-1] == 1 else g,
    "both hyperparameters": lambda self, g, x: (
        g * 1.5 if self.width != 1 and self.height != 1 else g
    ),
    "float32": lambda self, g, x: g * np.nan if x.dtype == np.float32 else g,
}


@pytest.mark.parametrize("way", ACTIVATION_WAYS)
def test_faults_of_activations_are_caught(way):
    assert caught(with_slope(ACTIVATION_WAYS[way]))
    assert not caught(softsign())


def test_an_activation_that_looks_at_its_neighbours_is_named():
    def value(self, x, y, keep):
        Softsign.value(self, x, y, keep)
        y += 0.1 * x.mean()

    found = outcomes(softsign(value=value))["common inputs"]
    assert "an activation must treat each number separately" in str(found)


def test_forty_new_ways():
    assert len(WAYS) + len(OTHER_WAYS) + len(COUPLINGS) + len(ACTIVATION_WAYS) + 4 >= 40
