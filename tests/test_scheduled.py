"""Hyperparameters that move: every rule, under a schedule of each, against its plain form."""

import dataclasses
import json

import numpy as np
import pytest

from optcli.optimizers.base import OPTIMIZERS, Stepper
from optcli.parameters import Layout
from tests.reference.optimizers import CASES, PROBLEMS
from tests.reference.rules import RULES, settings
from tests.reference.scheduled import PINS, STEPS, cases, factors
from tests.test_optimizers import OF_MODELS, Asked

PROBLEM = PROBLEMS["sequence"]


def made(case):
    return OPTIMIZERS.find(case.partition("-")[0])(**CASES[case])


def numbers(optimizer):
    """The hyperparameters that a schedule may name: as `task.check` has them."""
    found = [f.name for f in dataclasses.fields(optimizer) if isinstance(f.default, float)]
    return [name for name in found if getattr(optimizer, name)]


def factor(name):
    """Rprop's step up and Adafactor's d stay above 1."""
    return factors(0.9 if name in ("eta_plus", "d") else 0.4)


def solve(optimizer, moved, plan=STEPS):
    x = PROBLEM.start[None].copy()
    g = np.empty_like(x)
    stepper = Stepper([optimizer], x, g, layout=Layout(PROBLEM.shapes))
    stepper.ask(lambda rows: Asked(x.shape[1], 1, x.dtype, PROBLEM.slope))
    for first in range(0, STEPS, plan):
        part = slice(first, min(first + plan, STEPS))
        lr = optimizer.lr * moved.get("lr", np.ones(STEPS))[part, None]
        others = {name: each[part, None] for name, each in moved.items() if name != "lr"}
        stepper.plan(first + 1, lr, others)
        for k, t in enumerate(range(part.start, part.stop)):
            g[0] = PROBLEM.gradients[t]
            stepper.step(k, PROBLEM.losses[t : t + 1])
    model = np.empty_like(x)
    stepper.model(model)
    return model[0]


HELD = [case for case in CASES if case.partition("-")[0] not in OF_MODELS]


def test_every_rule_is_written_plainly():
    assert {case.partition("-")[0] for case in HELD} == set(RULES)


@pytest.mark.parametrize("case", HELD)
def test_equals_its_rule_under_any_schedule(case):
    optimizer, name = made(case), case.partition("-")[0]
    names = numbers(optimizer)
    plans = [{}, *({each: factor(each)} for each in names)]
    plans.append({each: factor(each) for each in names})
    for moved in plans:
        gradients = PROBLEM.gradients[:STEPS]
        expected = RULES[name](PROBLEM.start, gradients, settings(optimizer, moved))
        assert np.isfinite(expected).all(), moved.keys()
        found = solve(optimizer, moved)
        assert np.allclose(found, expected, rtol=1e-10, atol=1e-10), list(moved)
    assert np.array_equal(solve(optimizer, moved, plan=11), found)


def test_equals_what_torch_said():
    pins = json.loads(PINS.read_text())
    assert pins.keys() == {f"{case}/{moved}" for case, moved in cases()}
    assert {"adam/beta1", "nadam/beta1", "radam/beta2", "amsgrad/beta2"} <= pins.keys()
    for case, moved in cases():
        optimizer, expected = made(case), np.array(pins[f"{case}/{moved}"])
        found = solve(optimizer, {moved: factor(moved)})
        assert np.allclose(found, expected, rtol=0, atol=1e-10), (case, moved)
        assert not np.allclose(solve(optimizer, {}), expected, rtol=0, atol=1e-5)
