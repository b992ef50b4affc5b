"""Laws: over all that is registered they hold; what is broken on purpose is told what to mend."""

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
import pytest

from optcli.errors import InvalidInput
from optcli.laws import optimizers as of_optimizers
from optcli.laws.base import examine
from optcli.laws.first_use import hold
from optcli.optimizers.base import OPTIMIZERS, Optimizer, Shaped
from optcli.specs import Doc, Ge
from tests.reference.optimizers import CASES

LINES = Path(__file__).read_text().splitlines()
Decay = Annotated[float, Ge(0), Doc("weight decay")]


def broken(laws, member):
    """What is wrong with it, by law."""
    return {found.law: found.fault for found in examine(laws, member) if found.fault}


@pytest.mark.parametrize("case", CASES)
def test_every_optimizer_keeps_the_laws(case):
    rule = OPTIMIZERS.find(case.partition("-")[0])
    for each in (rule(**CASES[case]), *([rule()] if case == rule.name else [])):
        assert broken(of_optimizers.LAWS, each) == {}


# ---- optimizers that are broken on purpose -------------------------------------------


@dataclass(frozen=True)
class Plain(Optimizer):
    """Gradient descent, as it should be; the others differ from it in one thing."""

    def coefficients(self, t):
        return (self.lr,)

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

    def slots(self):
        return ("velocity",)

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
        place = x.__array_interface__["data"][0]
        BY_PLACE[place, self] = 0.9 * BY_PLACE.get((place, self), 0) + g
        np.multiply(BY_PLACE[place, self], lr, s)
        np.subtract(x, s, x)


BY_PLACE = {}


class StateInGlobals(Plain):
    def update(self, x, g, s, lr):
        np.multiply(g, lr / next(STEPS), s)
        np.subtract(x, s, x)


STEPS = itertools.count(1)


class StateInScratch(Plain):
    scratch = 2

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


@dataclass(frozen=True)
class DecaysTwice(Plain):
    weight_decay: Decay = 0.0

    def coefficients(self, t):
        return self.lr, self.weight_decay

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
    def slots(self):
        return ("square",)

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


class NoTuple(Plain):
    def coefficients(self, t):
        return self.lr


class OneTooMany(Plain):
    def coefficients(self, t):
        return self.lr, self.lr


class NoneAtAll(Plain):
    def coefficients(self, t):
        return ()


class TextAsCoefficient(Plain):
    def coefficients(self, t):
        return ("fast",)


class SummedOverRows(Plain):
    def coefficients(self, t):
        return (np.broadcast_to(self.lr, (len(t), 2, 1))[:, :, 0],)


class AsksWhetherColumns(Plain):
    def coefficients(self, t):
        return (self.lr if self.lr > 0.1 else self.lr / 2,)


class CountsItsCalls(Plain):
    def coefficients(self, t):
        return (self.lr * np.linspace(1, 2, len(t))[:, None, None],)


class SlotsAsText(Plain):
    def slots(self):
        return "m"

    def update(self, x, g, m, s, lr):
        np.multiply(g, lr, s)
        np.subtract(x, s, x)


class SlotTwice(Plain):
    def slots(self):
        return ("m", "m")


class UnknownModel(Plain):
    model = "average"


class NoScratch(Plain):
    scratch = 0


class UnknownDecay(Plain):
    decay = "L2"


class NoUpdate(Optimizer):
    def coefficients(self, t):
        return (self.lr,)


class NoDataclass(Plain):
    momentum: float = 0.9


class StopsWithANeighbour(Plain):
    def update(self, x, g, s, lr):
        if np.isfinite(g).all():
            np.multiply(g, lr, s)
            np.subtract(x, s, x)


class ShapedOverRows(Shaped):
    whole: ClassVar[bool] = True

    def coefficients(self, t):
        return (self.lr,)

    def update(self, x, g, s, lr):
        np.multiply(g, lr / np.sqrt((g * g).sum()), s)
        np.subtract(x, s, x)


class Raises(Plain):
    def update(self, x, g, s, lr):
        raise RuntimeError("boom")


# The law that each breaks first, and words of what it is told.
MOVES = "update moves x"
COMPANY = "a run in company has the bits of the run alone"
TILES = "tiles of any size give the same bits"
RATE = "lr acts, and a schedule of it as the hyperparameter"
LEFT = "the gradient and the coefficients are left as they are"
TWICE = "the same steps give the same numbers twice"
STATE = "all state is in slots: runs side by side and resumed"
SCRATCH = "nothing is kept in scratch arrays"
DECAY = "weight decay is applied once"
FINITE = "numbers stay finite, in float32 as well"
NUMBERS = "coefficients returns a tuple of numbers for each step"
TAKES = "update takes what slots, scratch and coefficients give"
NAMED = "state, scratch and model are named as they must be"
BROKEN = {
    Returns: (MOVES, "update must write into x, as in np.subtract(x, step, x); what it returns"),
    Rebinds: (MOVES, "update must write into x, as in np.subtract(x, step, x); `x = x - step`"),
    NormOverRows: (COMPANY, "update looks at all rows together; x has one row for each run"),
    MeanOverRows: (COMPANY, "update looks at all rows together"),
    ClipsTheWhole: (COMPANY, "update looks at all rows together"),
    NormOfATile: (TILES, "derive from Shaped, whose update gets whole arrays"),
    NeighbourOfAnEntry: (TILES, "derive from Shaped"),
    ReadsItsRate: (COMPANY, "update reads self.lr, which is that of one run"),
    ReadsItsMomentum: (COMPANY, "update reads self.momentum, which is that of one run"),
    RateOfItsOwn: (RATE, "lr has no effect on where it goes"),
    RateInUpdate: (RATE, "in update self.lr is where it began"),
    ChangesTheGradient: (LEFT, "update changes the gradient g, which others still read"),
    ChangesACoefficient: (LEFT, "update changes its coefficients ('lr')"),
    StateOnSelf: (STATE, "two runs side by side disturb each other: it keeps state on self"),
    StateByName: (TWICE, "keep state in slots(), not in globals"),
    StateInGlobals: (TWICE, "keep state in slots(), not in globals"),
    StateInScratch: (SCRATCH, "scratch holds nothing from step to step"),
    RandomOfItsOwn: (TWICE, "for random numbers set noisy = True"),
    LeavesTheFirstStepOut: (STATE, "two runs side by side disturb each other"),
    DecaysTwice: (DECAY, 'weight_decay is applied twice: optcli applies it from outside'),
    DecaysTwiceDecoupled: (DECAY, 'set decay = "own" on the class'),
    NeverDecays: (DECAY, 'weight_decay has no effect: decay = "own" says'),
    DividesByZero: (FINITE, "a parameter whose gradient is 0 becomes nan or inf"),
    UnderflowsInFloat32: (FINITE, "in float32, with default hyperparameters, a parameter"),
    GrowsWithoutEnd: (FINITE, "x is not finite after 12 steps"),
    NoTuple: (NUMBERS, "must return a tuple, as in `return (self.lr,)`"),
    OneTooMany: (TAKES, "update takes 4 arguments (x, g, s, lr), but gets 5: x, g, 1 scratch"),
    NoneAtAll: (TAKES, "update takes 4 arguments (x, g, s, lr), but gets 3: x, g, 1 scratch"),
    TextAsCoefficient: (NUMBERS, "the first of its coefficients is 'fast'; must be a number"),
    SummedOverRows: (NUMBERS, "the first of its coefficients has shape (1, 2) for 1 steps of 2"),
    AsksWhetherColumns: (NUMBERS, "hyperparameters and t are arrays there; use np.where"),
    CountsItsCalls: ("coefficients follow from the step alone", "how many steps are asked for"),
    SlotsAsText: (NAMED, "must return a tuple of names, as in ('m',)"),
    SlotTwice: (NAMED, "slots names an array twice"),
    UnknownModel: (NAMED, "model is 'average'; must be a state array: it has none"),
    NoScratch: (TAKES, "update takes 4 arguments (x, g, s, lr), but gets 3: x, g, 1 coefficient"),
    UnknownDecay: (NAMED, "decay is 'L2'; must be 'coupled', 'decoupled' or 'own'"),
    NoUpdate: (TAKES, "lacks update(self, x, g, *slots, *scratch, *coefficients)"),
    NoDataclass: ("what is annotated is a hyperparameter", "put @dataclass(frozen=True) between"),
    StopsWithANeighbour: ("a diverged neighbour does no harm", "decide row by row, with np.where"),
    ShapedOverRows: (COMPANY, "update looks at all rows together"),
}  # fmt: skip


def test_what_the_broken_ones_differ_from_is_right():
    assert broken(of_optimizers.LAWS, Plain(lr=0.1)) == {}


@pytest.mark.parametrize("rule", BROKEN, ids=lambda rule: rule.__name__)
def test_a_broken_optimizer_is_refused_with_its_reason(rule):
    law, words = BROKEN[rule]
    with pytest.raises(InvalidInput) as caught:
        hold([rule(lr=0.01)])
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
        hold([Raises()])


def test_all_that_is_broken_is_told_at_once():
    with pytest.raises(InvalidInput) as caught:
        hold([Returns(), Plain(), Rebinds()])
    assert [fault.key for fault in caught.value.faults] == [
        "optimizer 'Returns'",
        "optimizer 'Rebinds'",
    ]


def test_what_optcli_has_itself_is_not_held_again(monkeypatch):
    monkeypatch.setattr(of_optimizers, "LAWS", ())
    hold([OPTIMIZERS.find("adam")()])
    monkeypatch.setattr(of_optimizers, "LAWS", None)
    hold([OPTIMIZERS.find("adam")()])
    with pytest.raises(TypeError):
        hold([Plain(lr=0.123)])
