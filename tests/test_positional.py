"""Optimizers of plug-ins that were written for version 0.1: they work, with a warning."""

import warnings
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import pytest

from optcli.core.errors import InvalidInput
from optcli.core.specs import Doc, Ge, Gt, Lt
from optcli.optimizers.base import OPTIMIZERS, Optimizer, Shaped, dot, hessian_product
from optcli.optimizers.stepper import Stepper
from optcli.plugins.laws import all_kinds
from optcli.plugins.laws import optimizers as laws
from optcli.plugins.laws.base import examine
from tests.test_optimizers import sample, walk

Momentum = OPTIMIZERS.find("momentum")


def said(make):
    """What is warned of when something is made, or is used."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made = make()
    assert {each.category for each in caught} <= {DeprecationWarning}
    return made, [str(each.message) for each in caught]


def ball():
    @dataclass(frozen=True)
    class Ball(Optimizer):
        scratch: ClassVar[int] = 2

        lr: Annotated[float, Gt(0), Doc("learning rate")] = 1e-2
        momentum: Annotated[float, Ge(0), Lt(1), Doc("what stays")] = 0.9
        weight_decay: Annotated[float, Ge(0), Doc("coupled")] = 0.0

        def slots(self):
            return ("velocity",)

        def coefficients(self, t):
            return self.lr, self.momentum

        def update(self, x, g, velocity, work, more, rate, stays):
            np.multiply(velocity, stays, velocity)
            np.multiply(g, rate, more)
            np.subtract(velocity, more, velocity)
            np.add(x, velocity, x)

    return Ball


def test_a_rule_of_version_0_1_is_what_it_was_and_is_warned_of_once():
    cls, words = said(ball)
    assert words == [
        "optimizer Ball: 'slots' is of version 0.1: now it is state (docs/plugins.md); "
        "it works until version 0.3"
    ]
    x, gradients, _ = sample(3)
    ours, words = said(lambda: walk([cls(weight_decay=0.1)] * 3, x, gradients))
    assert words == []
    assert np.array_equal(ours, walk([Momentum(weight_decay=0.1)] * 3, x, gradients))
    (slots,) = Stepper([cls()], x[:1], x[:1]).state
    assert list(slots) == ["velocity"]


def test_it_keeps_the_laws():
    cls, _ = said(ball)
    told, words = said(lambda: list(examine(laws.LAWS, cls())))
    assert [found.fault for found in told if found.fault] == []
    assert words == []


def test_its_author_is_told_in_a_note():
    cls, _ = said(ball)
    (kind,) = (each for each in all_kinds.KINDS if each.registry is OPTIMIZERS)
    told, _ = said(lambda: list(all_kinds.check(kind, cls)))
    *_, note = told
    assert note.fault.startswith("'slots' is of version 0.1: now it is state (docs/plugins.md)")
    assert not note.grave
    assert "version" not in str([found.fault for found in all_kinds.check(kind, Momentum)])


def test_an_update_in_order_alone_is_warned_of_too():
    @dataclass(frozen=True)
    class Plain(Optimizer):
        def coefficients(self, t):
            return (self.lr,)

        def update(self, x, g, step, lr):
            np.subtract(x, np.multiply(g, lr, step), x)

    x, gradients, _ = sample(2)
    ours, words = said(lambda: walk([Plain()] * 2, x, gradients))
    assert len(words) == 1
    assert "coefficients returns a tuple: now it is a dictionary" in words[0]
    assert np.array_equal(ours, walk([OPTIMIZERS.find("sgd")()] * 2, x, gradients))


def test_one_that_builds_on_a_rule_of_optcli_s_may_take_its_arguments_in_order():
    class Mine(Momentum):
        def update(self, x, g, velocity, work, rate, stays):
            super().update(x, g, velocity, work, rate, stays)

    x, gradients, _ = sample(2)
    ours, words = said(lambda: walk([Mine()] * 2, x, gradients))
    assert len(words) == 1
    assert "update takes its arguments in order" in words[0]
    assert np.array_equal(ours, walk([Momentum()] * 2, x, gradients))


def test_noise_loss_oracle_shapes_and_start_come_as_they_did():
    found = []

    def make():
        @dataclass(frozen=True)
        class Old(Shaped):
            whole: ClassVar[bool] = True
            noisy: ClassVar[bool] = True
            sees_loss: ClassVar[bool] = True
            asks: ClassVar[bool] = True

            def spaces(self, shape):
                return {"origin": shape, "count": (1,)}

            def rooms(self, shape):
                return shape, shape, (*shape, 2)

            def start(self, x, *slots):
                slots[0][:] = x

            def coefficients(self, t):
                return self.lr, t

            def update(self, x, g, origin, count, noise, s, w, pairs, lr, t, loss, oracle):
                found.append([np.shape(each) for each in (noise, s, w, pairs, lr, t, loss)])
                hessian_product(oracle, x, g, s, pairs[..., 0].copy(), w)
                count += dot(origin, origin) * 0 + 1
                np.subtract(x, np.multiply(g, lr, s), x)

        return Old

    cls, words = said(make)
    assert len(words) == 1
    assert (cls.needs_oracle, cls().state_shapes((4,))) == (True, {"origin": (4,), "count": (1,)})
    x, gradients, losses = sample(2)
    ours, _ = said(lambda: walk([cls()] * 2, x, gradients, losses=losses))
    assert found[0] == [(2, 50), (2, 50), (2, 50), (2, 50, 2), (2, 1), (2, 1), (2, 1)]
    expected = walk([OPTIMIZERS.find("sgd")()] * 2, x, gradients)
    assert np.array_equal(ours, expected)


def test_a_wrong_number_of_arguments_is_told():
    class Many(Optimizer):
        def coefficients(self, t):
            return self.lr, self.lr

        def update(self, x, g, s, lr):
            pass

    with pytest.raises(InvalidInput, match=r"update takes 4 arguments \(x, g, s, lr\), but gets 5"):
        said(lambda: Stepper([Many()], np.ones((1, 2)), np.ones((1, 2))))


def test_a_rule_of_today_may_call_a_coefficient_as_it_likes():
    class Today(Optimizer):
        def coefficients(self, t):
            return {"coefficient": self.lr}

        def update(self, x, coefficient, g):
            np.subtract(x, coefficient * g, x)

    x, gradients, _ = sample(2)
    ours, words = said(lambda: walk([Today()] * 2, x, gradients))
    assert words == []
    assert np.array_equal(ours, walk([OPTIMIZERS.find("sgd")()] * 2, x, gradients))


def test_names_that_nobody_has_are_told_at_once():
    class Misspelled(Optimizer):
        def coefficients(self, t):
            return {"rate": self.lr}

        def update(self, x, g, s, raet):
            pass

    words = r"Misspelled.update takes 'raet', which does not exist; did you mean 'rate'\?"
    with pytest.raises(InvalidInput, match=words):
        Stepper([Misspelled()], np.ones((1, 2)), np.ones((1, 2)))

    class Begins(Optimizer):
        state = ("m",)

        def start(self, x, n):
            pass

        def coefficients(self, t):
            return {"lr": self.lr}

        def update(self, x, g, m, s, lr):
            pass

    stepper = Stepper([Begins()], np.ones((1, 2)), np.ones((1, 2)))
    with pytest.raises(InvalidInput, match=r"Begins.start takes 'n', which does not exist"):
        stepper.plan(1, 1)
