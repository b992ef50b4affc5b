"""Hyperparameters that move: every rule, under a schedule of each, against its plain form."""

import dataclasses
import json

import numpy as np

from optcli.core.parameters import Layout
from optcli.optimizers.stepper import Stepper
from tests.for_each import for_each
from tests.reference.problems import PROBLEMS
from tests.reference.rules import CASES, RULES, settings
from tests.reference.scheduled import PINS, STEPS, cases, factors
from tests.test_optimizers import OF_MODELS, RowsOracle, make, name_of

PROBLEM = PROBLEMS["sequence"]
FEW = 14
# With a drift, so that steps are worth repeating, as for prodigy.
DRIFTING = PROBLEM.gradients[:FEW] + 0.5

# Where the numbers of the cases have no say in so few steps.
SHARP = {
    "adafactor": {"d": 1.12, "eps": 1.0},
    "adan": {"eps_root": 0.02},
    "fromage": {"min_norm": 3.0},
    "lbfgs": {"tolerance_grad": 1.75, "tolerance_change": 0.04},
    "momo": {"lower_bound": 1.0},
    "polyak_sgd": {"max_learning_rate": 0.08},
    "prodigy": {"estim_lr_coef": 30.0},
    "rprop": {"step_max": 0.07},
    "sophia": {"eps": 0.3},
}
# A lower bound of eigenvalues, which these gradients do not reach; it acts at the start.
BOUNDS = {"shampoo": {"eps"}}


def numbers(optimizer):
    """The hyperparameters that a schedule may name, as `task.check` has them."""
    return [f.name for f in dataclasses.fields(optimizer) if isinstance(f.default, float)]


def moving(case):
    """The optimizer of a case, with numbers that have a say.

    0.1 stands for each that is 0 in all cases of its rule, 0.05 for an eps that is next to it.
    """
    optimizer = make(case)
    all_of_it = [make(each) for each in CASES if name_of(each) == name_of(case)]
    zero = [name for name in numbers(optimizer) if not any(getattr(o, name) for o in all_of_it)]
    sharp = dict.fromkeys(zero, 0.1) | SHARP.get(name_of(case), {})
    if getattr(optimizer, "eps", 1) < 1e-3:
        sharp = {"eps": 0.05} | sharp
    return dataclasses.replace(optimizer, **sharp)


def factor(name, steps):
    """Rprop's step up and Adafactor's d stay above 1."""
    return factors(0.9 if name in ("eta_plus", "d") else 0.4, steps)


def solve(optimizer, plans, gradients, at_once=STEPS):
    """The model of each plan, which is factors (T,) by hyperparameter: replicas in company."""
    steps = len(gradients)
    x = np.repeat(PROBLEM.start[None], len(plans), axis=0)
    g = np.empty_like(x)
    stepper = Stepper([optimizer] * len(plans), x, g, layout=Layout(PROBLEM.shapes))
    stepper.attach_oracles(
        lambda rows: RowsOracle(x.shape[1], len(x[rows]), x.dtype, PROBLEM.slope)
    )
    all_moved = {
        name: np.stack([plan.get(name, np.ones(steps)) for plan in plans], axis=1)
        for name in {name: None for plan in plans for name in plan}
    }
    for first in range(0, steps, at_once):
        part = slice(first, min(first + at_once, steps))
        own = {name: of[part] for name, of in all_moved.items()}
        stepper.plan(first + 1, part.stop - first, own)
        for k, t in enumerate(range(part.start, part.stop)):
            g[:] = gradients[t]
            stepper.step(k, np.full(len(x), PROBLEM.losses[t]))
    model = np.empty_like(x)
    stepper.model(model)
    return model


HELD = [case for case in CASES if name_of(case) not in OF_MODELS]


def test_every_rule_is_written_plainly():
    assert {name_of(case) for case in HELD} == set(RULES)


@for_each("case", HELD)
def test_equals_its_rule_under_a_schedule_of_each_number(case):
    optimizer, rule = moving(case), RULES[name_of(case)]
    names = [name for name in numbers(optimizer) if getattr(optimizer, name)]
    together = {name: factor(name, FEW) for name in names}
    plans = [{}, *({name: of} for name, of in together.items()), together]
    found = solve(optimizer, plans, DRIFTING)
    for plan, model in zip(plans, found, strict=True):
        expected = rule(PROBLEM.start, DRIFTING, settings(optimizer, plan))
        assert np.isfinite(expected).all(), list(plan)
        assert np.allclose(model, expected, rtol=1e-10, atol=1e-10), list(plan)
    assert np.array_equal(solve(optimizer, [together], DRIFTING, at_once=5)[0], found[-1])


def test_every_number_of_every_rule_has_a_say():
    """But for those that are set before the first step."""
    said = {name: set() for name in RULES}
    for case in HELD:
        optimizer = moving(case)
        names = [name for name in numbers(optimizer) if getattr(optimizer, name)]
        still, *found = solve(optimizer, [{}, *({n: factor(n, FEW)} for n in names)], DRIFTING)
        own = zip(names, found, strict=True)
        said[name_of(case)] |= {name for name, model in own if abs(model - still).max() > 1e-6}
    for name in RULES:
        without = {*make(name).initial_only, *BOUNDS.get(name, ())}
        assert {*numbers(make(name))} - said[name] == without, name


def test_equals_what_torch_said():
    pins = json.loads(PINS.read_text())
    assert pins.keys() == {f"{case}/{moved}" for case, moved in cases()}
    assert {"adam/beta1", "nadam/beta1", "radam/beta2", "amsgrad/beta2"} <= pins.keys()
    for case, moved in cases():
        optimizer, expected = make(case), np.array(pins[f"{case}/{moved}"])
        found, still = solve(optimizer, [{moved: factors()}, {}], PROBLEM.gradients[:STEPS])
        assert np.allclose(found, expected, rtol=0, atol=1e-10), (case, moved)
        assert not np.allclose(still, expected, rtol=0, atol=1e-5)
