"""Laws: over all that is registered they hold; what is broken on purpose is told what to mend."""

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
import pytest

from optcli.core.errors import InvalidInput
from optcli.core.specs import Doc, Ge
from optcli.data import table as tables
from optcli.data.base import Dataset, Roles
from optcli.layers.base import Layer
from optcli.layers.initializers import Initializer
from optcli.losses.base import Loss
from optcli.losses.plain import PlainLoss
from optcli.metrics import Metric
from optcli.objectives.base import Objective
from optcli.optimizers.base import OPTIMIZERS, Optimizer, Shaped
from optcli.plugins.catalog import KINDS
from optcli.plugins.first_use import check_before_training
from optcli.plugins.laws import all_kinds, layers
from optcli.plugins.laws import optimizers as of_optimizers
from optcli.plugins.laws.base import examine
from optcli.schedules.base import Schedule
from optcli.training.wrappers import Average
from tests.for_each import for_each
from tests.reference.rules import CASES

LINES = Path(__file__).read_text().splitlines()
Decay = Annotated[float, Ge(0), Doc("weight decay")]


def broken(laws, member):
    """What is wrong with it, by law."""
    return {found.law: found.fault for found in examine(laws, member) if found.fault}


@pytest.mark.parametrize("case", CASES)
def test_every_optimizer_keeps_the_laws(case):
    rule = OPTIMIZERS.find(case.partition("-")[0])
    # steps of those that ask for gradients elsewhere are dear
    usual = [rule()] if case == rule.name and not rule.needs_oracle else []
    for each in (rule(**CASES[case]), *usual):
        assert broken(of_optimizers.LAWS, each) == {}


# ---- optimizers that are broken on purpose -------------------------------------------


@dataclass(frozen=True)
class Plain(Optimizer):
    """Gradient descent, as it should be; the others differ from it in one thing."""

    def coefficients(self, t):
        return {"lr": self.lr}

    def update(self, x, g, s, lr):
        np.multiply(g, lr, s)
        np.subtract(x, s, x)


class Returns(Plain):
    def update(self, x, g, s, lr):
        return x - lr * g


class Rebinds(Plain):
    def update(self, x, g, s, lr):
        x = x - lr * g


class NormOverRows(Plain):
    def update(self, x, g, s, lr):
        np.multiply(g, lr / (np.linalg.norm(g) + 1e-12), s)
        np.subtract(x, s, x)


class MeanOverRows(Plain):
    def update(self, x, g, s, lr):
        np.subtract(g, g.mean(axis=0), s)
        np.multiply(s, lr, s)
        np.subtract(x, s, x)


class ClipsTheWhole(Plain):
    def update(self, x, g, s, lr):
        np.multiply(g, lr * min(1.0, 3 / np.abs(g).max()), s)
        np.subtract(x, s, x)


class NormOfATile(Plain):
    def update(self, x, g, s, lr):
        np.multiply(g, lr / (np.linalg.norm(g, axis=-1, keepdims=True) + 1e-12), s)
        np.subtract(x, s, x)


class NeighbourOfAnEntry(Plain):
    def update(self, x, g, s, lr):
        np.add(g, np.roll(g, 1, axis=-1), s)
        np.multiply(s, lr, s)
        np.subtract(x, s, x)


class ReadsItsRate(Plain):
    def update(self, x, g, s, lr):
        np.multiply(g, self.lr, s)
        np.subtract(x, s, x)


@dataclass(frozen=True)
class ReadsItsMomentum(Plain):
    momentum: float = 0.9

    state = ("v",)

    def update(self, x, g, v, s, lr):
        np.multiply(v, self.momentum, v)
        np.add(v, g, v)
        np.multiply(v, lr, s)
        np.subtract(x, s, x)


class RateOfItsOwn(Plain):
    def update(self, x, g, s, lr):
        np.multiply(g, 0.01, s)
        np.subtract(x, s, x)


class RateInUpdate(Plain):
    """Where all learning rates are one, only a schedule tells."""

    structure = ("lr",)

    def update(self, x, g, s, lr):
        np.multiply(g, self.lr, s)
        np.subtract(x, s, x)


class ChangesTheGradient(Plain):
    def update(self, x, g, s, lr):
        np.multiply(g, lr, g)
        np.subtract(x, g, x)


class ChangesACoefficient(Plain):
    def update(self, x, g, s, lr):
        np.multiply(lr, 0.5, lr)
        np.multiply(g, lr, s)
        np.subtract(x, s, x)


class StateOnSelf(Plain):
    def update(self, x, g, s, lr):
        held = self.__dict__.get("m", 0)
        object.__setattr__(self, "m", 0.9 * held + g)
        np.multiply(self.m, lr, s)
        np.subtract(x, s, x)


class StateByName(Plain):
    def update(self, x, g, s, lr):
        BY_NAME[x.shape, self] = 0.9 * BY_NAME.get((x.shape, self), 0) + g
        np.multiply(BY_NAME[x.shape, self], lr, s)
        np.subtract(x, s, x)


BY_NAME = {}


class StateInGlobals(Plain):
    def update(self, x, g, s, lr):
        np.multiply(g, lr / next(STEPS), s)
        np.subtract(x, s, x)


STEPS = itertools.count(1)


class StateInScratch(Plain):
    scratch = ("s", "m")

    def update(self, x, g, s, m, lr):
        np.nan_to_num(m, copy=False)
        np.multiply(m, 0.9, m)
        np.add(m, g, m)
        np.multiply(m, lr, s)
        np.subtract(x, s, x)


class RandomOfItsOwn(Plain):
    def update(self, x, g, s, lr):
        np.multiply(g + np.random.default_rng().standard_normal(g.shape), lr, s)
        np.subtract(x, s, x)


class LeavesTheFirstStepOut(Plain):
    """A count of steps on self: 1 again after a resumption."""

    def update(self, x, g, s, lr):
        object.__setattr__(self, "t", self.__dict__.get("t", 0) + 1)
        np.multiply(g, lr / self.t, s)
        np.subtract(x, s, x)


class RenewsWeightsNowAndThen(Plain):
    """Weights missing from the state: a resumption just where they are renewed hides that."""

    every: ClassVar[int] = 7

    def coefficients(self, t):
        return {"lr": self.lr, "renews": (t - 1) % self.every == 0}

    def update(self, x, g, s, lr, renews):
        kept = self.__dict__.get("kept", {})
        weights = kept.get(id(x), 1 + 0 * g)
        if renews.all():
            weights = 1 / (1 + np.abs(g))
        object.__setattr__(self, "kept", kept | {id(x): weights})
        np.multiply(g, weights, s)
        np.multiply(s, lr, s)
        np.subtract(x, s, x)


class RenewsWeightsEverySixth(RenewsWeightsNowAndThen):
    every = 6


@dataclass(frozen=True)
class DecaysTwice(Plain):
    weight_decay: Decay = 0.0

    def coefficients(self, t):
        return {"lr": self.lr, "decay": self.weight_decay}

    def update(self, x, g, s, lr, decay):
        np.multiply(x, decay, s)
        np.add(s, g, s)
        np.multiply(s, lr, s)
        np.subtract(x, s, x)


@dataclass(frozen=True)
class DecaysTwiceDecoupled(DecaysTwice):
    decay = "decoupled"


@dataclass(frozen=True)
class NeverDecays(Plain):
    decay = "own"
    weight_decay: Decay = 0.0


class DividesByZero(Plain):
    state = ("v",)

    def update(self, x, g, v, s, lr):
        np.add(v, g * g, v)
        np.divide(g, np.sqrt(v), s)
        np.multiply(s, lr, s)
        np.subtract(x, s, x)


class UnderflowsInFloat32(DividesByZero):
    def update(self, x, g, v, s, lr):
        np.add(v, g * g, v)
        np.divide(g, np.sqrt(v) + x.dtype.type(1e-100), s)
        np.multiply(s, lr, s)
        np.subtract(x, s, x)


class GrowsWithoutEnd(Plain):
    def update(self, x, g, s, lr):
        np.multiply(g, lr, s)
        np.subtract(x, s, x)
        np.multiply(x, 1e100, x)


class NoNames(Plain):
    def coefficients(self, t):
        return self.lr


class OtherNames(Plain):
    def coefficients(self, t):
        return {"lr": self.lr} if len(t) == 1 else {"rate": self.lr}


class Misspelled(Plain):
    def update(self, x, g, s, lrr):
        np.multiply(g, lrr, s)
        np.subtract(x, s, x)


class NoneAtAll(Plain):
    def coefficients(self, t):
        return {}


class OneNameTwice(Plain):
    state = ("lr",)


class LeavesItsStateOut(Plain):
    state = ("v",)


class TextAsCoefficient(Plain):
    def coefficients(self, t):
        return {"lr": "fast"}


class SummedOverRows(Plain):
    def coefficients(self, t):
        return {"lr": np.broadcast_to(self.lr, (len(t), 2, 1))[:, :, 0]}


class AsksWhetherColumns(Plain):
    def coefficients(self, t):
        return {"lr": self.lr if self.lr > 0.1 else self.lr / 2}


class CountsItsCalls(Plain):
    def coefficients(self, t):
        return {"lr": self.lr * np.linspace(1, 2, len(t))[:, None, None]}


class StateAsText(Plain):
    state = "m"


class ShapesOfItsOwn(Plain):
    def state_shapes(self, shape):
        return {"m": (1,)}


class UnknownModel(Plain):
    model = "average"


class NoScratch(Plain):
    scratch = ()


class UnknownDecay(Plain):
    decay = "L2"


class NoUpdate(Optimizer):
    def coefficients(self, t):
        return {"lr": self.lr}


class NoDataclass(Plain):
    momentum: float = 0.9


class StopsWithANeighbour(Plain):
    def update(self, x, g, s, lr):
        if np.isfinite(g).all():
            np.multiply(g, lr, s)
            np.subtract(x, s, x)


class WaitsForAGradient(Plain):
    """Momentum that begins with the first gradient there is, of whichever run."""

    state = ("m",)

    def update(self, x, g, m, s, lr):
        if not m.any():
            np.copyto(m, g)
        np.multiply(m, 0.9, m)
        np.add(m, g, m)
        np.multiply(m, lr, s)
        np.subtract(x, s, x)


class StandsWithoutAGradient(WaitsForAGradient):
    def update(self, x, g, m, s, lr):
        if g.any():
            super().update(x, g, m, s, lr)


class Climbs(Plain):
    def update(self, x, g, s, lr):
        np.multiply(g, lr, s)
        np.add(x, s, x)


class CountsOnTheClass(Plain):
    calls = 0

    def coefficients(self, t):
        type(self).calls += 1
        return {"lr": self.lr / self.calls}


class ShapedOverRows(Shaped):
    whole: ClassVar[bool] = True

    def coefficients(self, t):
        return {"lr": self.lr}

    def update(self, x, g, s, lr):
        np.multiply(g, lr / np.sqrt((g * g).sum()), s)
        np.subtract(x, s, x)


class OracleUnasked(ShapedOverRows):
    def update(self, x, g, s, lr, oracle):
        oracle.gradient(x, s)


class Raises(Plain):
    def update(self, x, g, s, lr):
        raise RuntimeError("boom")


# The law that each breaks first, and words of what it is told.
MOVES = "update moves x"
COMPANY = "a run trained alongside others matches the same run trained alone, bit for bit"
TILES = "tiles of any size give the same bits"
RATE = "lr acts, and a schedule of it as the hyperparameter"
LEFT = "the gradient and the coefficients are left as they are"
TWICE = "the same steps give the same numbers twice"
STATE = "all state is in state arrays: runs side by side and resumed"
SCRATCH = "nothing is kept in scratch arrays"
DECAY = "weight decay is applied once"
FINITE = "numbers stay finite, in float32 as well"
NUMBERS = "coefficients returns numbers by name for each step"
TAKES = "update takes what state, scratch and coefficients give"
NAMED = "state, scratch and model are named as they must be"
BROKEN = {
    Returns: (MOVES, "update must write into x, as in np.subtract(x, step, x); its return value"),
    Rebinds: (MOVES, "update must write into x, as in np.subtract(x, step, x); `x = x - step`"),
    NormOverRows: (COMPANY, "update looks at all rows together; x has one row for each run"),
    MeanOverRows: (COMPANY, "update looks at all rows together"),
    ClipsTheWhole: (COMPANY, "update looks at all rows together"),
    NormOfATile: (TILES, "derive from Shaped, whose update gets whole arrays"),
    NeighbourOfAnEntry: (TILES, "derive from Shaped"),
    ReadsItsRate: (COMPANY, "update reads self.lr, which is that of one run"),
    ReadsItsMomentum: (COMPANY, "update reads self.momentum, which is that of one run"),
    RateOfItsOwn: (RATE, "lr has no effect on where it goes"),
    RateInUpdate: (RATE, "in update it is the initial rate"),
    ChangesTheGradient: (LEFT, "update changes the gradient g, which others still read"),
    ChangesACoefficient: (LEFT, "update changes its coefficients ('lr')"),
    StateOnSelf: (STATE, "two runs side by side disturb each other: it keeps state on self"),
    StateByName: (TWICE, "keep state in arrays, as in state = ('m',), not in globals"),
    StateInGlobals: (TWICE, "keep state in arrays"),
    StateInScratch: (SCRATCH, "scratch holds nothing from step to step"),
    RandomOfItsOwn: (TWICE, "random numbers come as a parameter `noise`"),
    LeavesTheFirstStepOut: (STATE, "two runs side by side disturb each other"),
    RenewsWeightsNowAndThen: (STATE, "a resumed run differs from one that never stopped"),
    RenewsWeightsEverySixth: (STATE, "a resumed run differs from one that never stopped"),
    DecaysTwice: (DECAY, 'weight_decay is applied twice: optcli applies it from outside'),
    DecaysTwiceDecoupled: (DECAY, 'set decay = "own" on the class'),
    NeverDecays: (DECAY, 'weight_decay has no effect: decay = "own" says'),
    DividesByZero: (FINITE, "a parameter whose gradient is 0 becomes nan or inf"),
    UnderflowsInFloat32: (FINITE, "in float32, with default hyperparameters, a parameter"),
    GrowsWithoutEnd: (FINITE, "x is not finite after 12 steps"),
    NoNames: (NUMBERS, 'must return a dictionary of names and numbers, as in `return {"lr": s'),
    OtherNames: (NUMBERS, "coefficients has other names for other numbers of steps"),
    Misspelled: (TAKES, "update takes 'lrr', which does not exist; did you mean 'lr'? available:"),
    NoneAtAll: (TAKES, "update takes 'lr', which does not exist; available: x, g, noise, loss; s"),
    OneNameTwice: (TAKES, "'lr' is used twice (state and coefficients); choose another name"),
    LeavesItsStateOut: (TAKES, "update does not take 'v', a state array; name it among its"),
    OracleUnasked: (TAKES, "takes 'oracle'; set needs_oracle = True on the class"),
    TextAsCoefficient: (NUMBERS, "coefficient 'lr' is 'fast'; must be a number"),
    SummedOverRows: (NUMBERS, "coefficient 'lr' has shape (1, 2) for 1 steps of 2 runs"),
    AsksWhetherColumns: (NUMBERS, "hyperparameters and t are arrays there; use np.where"),
    CountsItsCalls: ("coefficients follow from the step alone", "how many steps are asked for"),
    StateAsText: (NAMED, "state is a text; must be a tuple of names, as in state = ('m',)"),
    ShapesOfItsOwn: (NAMED, "state_shapes has other shapes than that of the parameters; derive"),
    UnknownModel: (NAMED, "model is 'average'; must be a state array: it has none"),
    NoScratch: (TAKES, "update takes 's', which does not exist; available: x, g, noise, loss; co"),
    UnknownDecay: (NAMED, "decay is 'L2'; must be 'coupled', 'decoupled' or 'own'"),
    NoUpdate: (TAKES, "lacks update(self, x, g, …), which writes into x"),
    NoDataclass: ("what is annotated is a hyperparameter", "put @dataclass(frozen=True) between"),
    StopsWithANeighbour: ("a diverged neighbour does no harm", "decide row by row, with np.where"),
    WaitsForAGradient: (COMPANY, "update looks at all rows together"),
    StandsWithoutAGradient: (COMPANY, "update looks at all rows together"),
    Climbs: ("it moves against the gradient", "subtract the step, as in np.subtract(x, step, x)"),
    CountsOnTheClass: (TWICE, "keep state in arrays"),
    ShapedOverRows: (COMPANY, "update looks at all rows together"),
}  # fmt: skip


def test_what_the_broken_ones_differ_from_is_right():
    assert broken(of_optimizers.LAWS, Plain(lr=0.1)) == {}


@pytest.mark.parametrize("rule", BROKEN, ids=lambda rule: rule.__name__)
def test_a_broken_optimizer_is_refused_with_its_reason(rule):
    law, words = BROKEN[rule]
    with pytest.raises(InvalidInput) as caught:
        check_before_training([rule(lr=0.01)])
    (fault,) = caught.value.faults
    assert words in fault.message
    assert fault.key == f"optimizer '{rule.__name__}'"
    assert fault.file.endswith("test_laws.py")
    begun = LINES[fault.line - 1 : fault.line + 1]
    assert any(line.startswith(f"class {rule.__name__}(") for line in begun)
    assert "\n" not in str(fault)
    assert next(iter(broken(of_optimizers.LAWS, rule(lr=0.01)))) == law


def test_what_a_rule_raises_comes_through():
    with pytest.raises(RuntimeError, match="boom"):
        check_before_training([Raises()])


def test_all_that_is_broken_is_told_at_once():
    with pytest.raises(InvalidInput) as caught:
        check_before_training([Returns(), Plain(), Rebinds()])
    assert [fault.key for fault in caught.value.faults] == [
        "optimizer 'Returns'",
        "optimizer 'Rebinds'",
    ]


def test_what_optcli_has_itself_is_not_held_again(monkeypatch):
    monkeypatch.setattr(of_optimizers, "LAWS", ())
    check_before_training([OPTIMIZERS.find("adam")()])
    monkeypatch.setattr(of_optimizers, "LAWS", None)
    check_before_training([OPTIMIZERS.find("adam")()])
    with pytest.raises(TypeError):
        check_before_training([Plain(lr=0.123)])


# ---- all other kinds -----------------------------------------------------------------

OTHERS = [kind for kind in all_kinds.KINDS if kind.registry is not OPTIMIZERS]
# Tables need a path, or data: tests of tables hold them to more than these laws.
TABLES = ("csv", "table")
MEMBERS = [(kind, cls) for kind in OTHERS for cls in kind.registry if cls.name not in TABLES]


@pytest.mark.parametrize(
    ("kind", "cls"), MEMBERS, ids=lambda each: getattr(each, "name", None) or each.registry.kind
)
def test_everything_registered_keeps_the_laws(kind, cls):
    members = list(kind.members(cls))
    assert members
    for words, member in members:
        assert (words, broken(kind.laws, member)) == (words, {})


def test_every_kind_that_a_config_can_name_has_laws():
    assert {kind.registry.plural for kind in all_kinds.KINDS} == {*KINDS, "layers"}


@dataclass(frozen=True)
class Squared(PlainLoss):
    """The squared error, as it should be."""

    def batch(self, scores, target):
        r = scores - target
        return (r**2).mean(axis=1), 2 * r / scores.shape[1]


class DividesByTheBatch(Squared):
    def batch(self, scores, target):
        r = scores - target
        return (r**2).mean(axis=1) / len(r), 2 * r / scores.shape[1] / len(r)


class CentersTheBatch(Squared):
    def batch(self, scores, target):
        r = scores - scores.mean(axis=0) - target
        return (r**2).mean(axis=1), 2 * r / scores.shape[1]


class ByTheLargestTarget(Squared):
    def batch(self, scores, target):
        values, slopes = super().batch(scores, target)
        largest = np.abs(target).max()
        return values / largest, slopes / largest


class OtherThanAlone(Squared):
    def batch(self, scores, target):
        values, slopes = super().batch(scores, target)
        return (values, slopes) if len(scores) == 1 else (2 * values, 2 * slopes)


class OverflowsSoon(Squared):
    def batch(self, scores, target):
        size = np.exp(scores)
        return size.mean(axis=1), size / scores.shape[1]


class CountsBatches(Squared):
    def batch(self, scores, target):
        values, slopes = super().batch(scores, target)
        return values * next(STEPS), slopes


@dataclass(frozen=True)
class OfReplicas(Loss):
    def samples(self, prediction, target, gradient, work):
        r = prediction - target - prediction.mean(axis=0)
        if gradient is not None:
            gradient[...] = 2 * r
        return (r**2).sum(axis=-1)


class WritesOverScores(OfReplicas):
    def samples(self, prediction, target, gradient, work):
        np.subtract(prediction, target, prediction)
        if gradient is not None:
            gradient[...] = 2 * prediction
        return (prediction**2).sum(axis=-1)


class AddsToTheGradient(OfReplicas):
    def samples(self, prediction, target, gradient, work):
        r = prediction - target
        if gradient is not None:
            gradient += 2 * r
        return (r**2).sum(axis=-1)


class OneForAll(OfReplicas):
    def samples(self, prediction, target, gradient, work):
        r = prediction - target
        if gradient is not None:
            gradient[...] = 2 * r
        return (r**2).sum(axis=(1, 2))


class InPass:
    def __init__(self, place, forward, backward):
        self.place, self.forward, self.backward = place, forward, backward


@dataclass(frozen=True)
class Doubled(Layer):
    def bind(self, place):
        return InPass(place, lambda x: x * 2, lambda dy: dy * 2)


class CentersReplicas(Doubled):
    def bind(self, place):
        return InPass(place, lambda x: x - x.mean(axis=0), lambda dy: dy)


class CentersRows(Doubled):
    def bind(self, place):
        return InPass(place, lambda x: x - x.mean(axis=-2, keepdims=True), lambda dy: dy)


class WritesOverTheData(Doubled):
    def bind(self, place):
        return InPass(place, lambda x: np.multiply(x, 2, x), lambda dy: dy * 2)


class OtherShape(Doubled):
    def output(self, shape):
        return (shape[0] + 1, *shape[1:])


class LeavesWeights(Doubled):
    def parameters(self, shape):
        return {"weight": shape}


class Halving(Schedule):
    def shape(self, done, span):
        return np.where(done < span.rest / 2, 1.0, 0.5)


class OfTheCall(Halving):
    def shape(self, done, span):
        return np.linspace(1, 0.1, len(done))


class Climbing(Halving):
    def shape(self, done, span):
        return 1 - 2 * done / span.rest


class OverTheEnd(Halving):
    def shape(self, done, span):
        return 1 / (span.steps - 1 - done)


class RemembersOnce(Halving):
    def watches(self, usual):
        return usual

    def state(self, replicas):
        return {"best": np.full(replicas, np.inf)}

    def watch(self, state, value):
        state["best"][:] = min(state["best"].min(), value.min())

    def scale(self, state):
        return state["best"]


@dataclass(frozen=True)
class Away(Metric):
    kinds = frozenset({"values"})
    higher_is_better = False

    def measure(self, scores, target, weight=None):
        away = np.abs(scores.astype(float) - target).mean(axis=-1)
        return np.average(away, axis=1, weights=None if weight is None else weight + 0 * away)


class TheMoreTheBetter(Away):
    higher_is_better = True


class WithoutWeights(Away):
    def measure(self, scores, target, weight=None):
        return super().measure(scores, target)


class OfAllRuns(Away):
    def measure(self, scores, target, weight=None):
        return super().measure(scores, target, weight) - scores.mean()


class OneNumber(Away):
    def measure(self, scores, target, weight=None):
        return float(super().measure(scores, target, weight)[0])


@dataclass(frozen=True)
class Bowl(Objective):
    domain = ((-2.0, 2.0), (-2.0, 2.0))
    start = (1.0, 1.0)
    minima = np.zeros((1, 2))

    def value(self, x):
        return (x**2).sum(axis=1)

    def gradient(self, x, out):
        out[:] = 2 * x


class ElsewhereLevel(Bowl):
    minima = np.ones((1, 2))


class NotTheLeast(Bowl):
    least = 1.0


class ReturnsItsGradient(Bowl):
    def gradient(self, x, out):
        return 2 * x


class OfAllPoints(Bowl):
    def value(self, x):
        return (x**2).sum(axis=1) + x.sum()


@dataclass(frozen=True)
class Large(Initializer):
    def draw(self, random, shape, fan_in, fan_out):
        return np.random.default_rng().standard_normal(shape)


@dataclass(frozen=True)
class Beyond(Average):
    def share(self, n):
        return 1 + 1 / n


@dataclass(frozen=True)
class Drawn(Dataset):
    def table(self, seed, rules):
        return tables.of({"x1": np.random.default_rng().random(5), "y": np.arange(5.0)}, ())

    def roles(self):
        return Roles(target=("y",))

    def other(self, path):
        raise NotImplementedError


class Nameless(Drawn):
    def roles(self):
        return Roles(target=("z",))


BROKEN_OTHERS = {
    DividesByTheBatch: "a row of weight 2 does not count as two rows",
    CentersTheBatch: "a row of weight 2 does not count as two rows",
    ByTheLargestTarget: "a row alone has another loss than in a batch",
    OtherThanAlone: "a row alone has another loss than in a batch",
    OverflowsSoon: "subtract the largest before np.exp, or declare the bounds of `scores`",
    CountsBatches: "a run trained alongside others differs from the same run trained alone",
    OfReplicas: "do not reduce over the first axis",
    WritesOverScores: "changes the scores that it is given",
    AddsToTheGradient: "samples must write into `gradient`",
    OneForAll: "must be (2, 7): one for each row, the mean is taken for you",
    CentersReplicas: "batches are (R, B, …), of a single run (B, …); count axes from the end",
    CentersRows: "rows influence each other in evaluation",
    WritesOverTheData: "forward writes over its input, which may be the data",
    OtherShape: "forward gives rows of shape (5,), but output says (6,)",
    LeavesWeights: "backward leaves the gradient by 'weight' unwritten",
    OfTheCall: "each must follow from its own step alone",
    Climbing: "a factor is negative in a run of 3 steps: it would climb",
    OverTheEnd: "divide by span.rest, which is at least 1",
    RemembersOnce: "state has a number for each run; use np.where and masks, not `if`",
    TheMoreTheBetter: "but higher_is_better is True",
    WithoutWeights: "a row of weight 2 does not count as two rows",
    OfAllRuns: "do not reduce over the first axis",
    OneNumber: "measure gives shape () for 3 runs (values); must be (3,)",
    ElsewhereLevel: "the gradient at its minima is 2; must be 0",
    NotTheLeast: "has the value 0 at its minimum, but `least` is 1",
    ReturnsItsGradient: "gradient leaves `out` unwritten; write into it, as in out[:] = …",
    OfAllPoints: "a point evaluated alongside others differs from the same point alone",
    Large: "draw from `random` alone",
    Beyond: "share(2) is 1.5; must be in [0, 1]",
    Drawn: "the same seed gives another table",
    Nameless: "roles names 'z', which is no column of its table (x1, y)",
}
RIGHT = [Squared, Doubled, Halving, Away, Bowl]


def laws_of(cls):
    """What is found of a class that is not registered."""
    (kind, _) = next(all_kinds.kinds_of([cls]))
    member = layers.Fed(cls(), (5,)) if issubclass(cls, Layer) else cls()
    return broken(kind.laws, member)


@pytest.mark.parametrize("cls", RIGHT, ids=lambda cls: cls.__name__)
def test_what_the_others_differ_from_is_right(cls):
    assert laws_of(cls) == {}


@for_each("cls", BROKEN_OTHERS, ids=lambda cls: cls.__name__)
def test_what_is_broken_is_told_what_to_mend(cls):
    found = list(laws_of(cls).values())
    assert found
    assert BROKEN_OTHERS[cls] in found[0]
    assert "\n" not in found[0]
