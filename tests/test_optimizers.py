"""What each optimizer is equal to, and laws over all of them; more are in `optcli.plugins.laws`."""

import dataclasses
import functools
import inspect
import json
import re
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import yaml

from optcli import config
from optcli.core.parameters import Layout
from optcli.core.specs import fields
from optcli.optimizers.base import OPTIMIZERS, Shaped, state_size
from optcli.optimizers.stepper import Stepper
from optcli.plugins.laws.optimizers.walk import SHAPES, RowsOracle
from tests.cohorts import cohort, final
from tests.for_each import for_each
from tests.reference.optimizers import OPTAX, PINS, TORCH, compare, library, settings_of
from tests.reference.problems import PROBLEMS, STEPS
from tests.reference.rules import CASES, GOALS, RULES, settings

DOCS = Path(__file__).parent.parent / "docs" / "optimizers.md"
NAMES = OPTIMIZERS.names()
LIBRARY = [case for case in CASES if library(case)]


def name_of(case):
    return case.partition("-")[0]


def make(case):
    return OPTIMIZERS.find(name_of(case))(**CASES[case])


def ask(stepper, x):
    """Give the rules that ask somebody to ask; returns who is asked."""
    asked = []

    def oracle(rows):
        asked.append(RowsOracle(x.shape[1], len(x[rows]), x.dtype))
        return asked[-1]

    stepper.attach_oracles(oracle)
    return asked


def walk(optimizers, x, gradients, *, losses=None, shapes=None, plan=None, **settings):
    """The models after each gradient (R, P) in turn, planned `plan` steps at a time."""
    x, g = x.copy(), np.empty_like(x)
    layout = Layout(shapes) if shapes else None
    stepper = Stepper(optimizers, x, g, layout=layout, samples=12, **settings)
    asked = ask(stepper, x)
    losses = np.ones((len(gradients), len(x))) if losses is None else losses
    plan = plan or len(gradients)
    for first in range(0, len(gradients), plan):
        count = min(plan, len(gradients) - first)
        stepper.plan(first + 1, count)
        for k in range(count):
            g[:] = gradients[first + k]
            for each in asked:
                each.step = first + k
            stepper.step(k, losses[first + k])
            same = np.array_equal(g, gradients[first + k], equal_nan=True)
            assert same, "the gradient is untouched"
    model = np.empty_like(x)
    stepper.model(model)
    return model


def sample(replicas, steps=20, dtype=np.float64):
    random = np.random.default_rng(0)
    x = random.standard_normal((replicas, 50)).astype(dtype)
    losses = random.uniform(0.1, 3, (steps, replicas)).astype(dtype)
    return x, random.standard_normal((steps, replicas, 50)).astype(dtype), losses


def test_every_optimizer_has_a_case():
    assert {name_of(case) for case in CASES} == set(NAMES)


# These ask for a model; tests/test_oracles.py holds them to their rules on one.
OF_MODELS = {"newton", "gauss_newton", "svrg", "saga"}


def test_every_case_is_held_to_something():
    alone = {case for case in CASES if name_of(case) not in {*RULES, *OF_MODELS}}
    assert alone <= set(LIBRARY)


# ---- each against torch and optax --------------------------------------------------------


def solve(case, problem):
    """The model after all steps on a reference problem."""
    optimizer = OPTIMIZERS.find(name_of(case))(**settings_of(case, problem))
    x = problem.start[None].copy()
    g = np.empty_like(x)
    stepper = Stepper([optimizer], x, g, layout=Layout(problem.shapes))
    stepper.attach_oracles(lambda rows: RowsOracle(x.shape[1], 1, x.dtype, problem.slope))
    stepper.plan(1, STEPS)
    for t in range(STEPS):
        loss, g[0] = problem.loss_and_gradient(t, x[0])
        stepper.step(t, np.array([loss]))
    model = np.empty_like(x)
    stepper.model(model)
    return model[0]


@functools.cache
def pins():
    return json.loads(PINS.read_text())


# optax takes MADGRAD's √t in float32.
CLOSE = {"madgrad": 1e-6}


@for_each("problem", PROBLEMS)
@for_each("case", LIBRARY)
def test_equals_what_torch_or_optax_said(case, problem):
    expected = np.array(pins()[case][problem])
    assert np.abs(expected - PROBLEMS[problem].start).max() > 1e-3
    close = CLOSE.get(case, 1e-10)
    assert np.allclose(solve(case, PROBLEMS[problem]), expected, rtol=0, atol=close)


@for_each("case", LIBRARY)
def test_equals_torch_or_optax(case):
    pytest.importorskip(library(case))
    problem = PROBLEMS["sequence"]
    close = CLOSE.get(case, 1e-10)
    assert np.allclose(solve(case, problem), compare(case, problem), rtol=0, atol=close)


# ---- each against its rule, written plainly ----------------------------------------------


@for_each("case", [case for case in CASES if name_of(case) in RULES])
def test_equals_a_plain_transcription_of_its_rule(case):
    problem = PROBLEMS["sequence"]
    expected = RULES[name_of(case)](problem.start, problem.gradients, settings(make(case)))
    assert np.abs(expected - problem.start).max() > 1e-3
    assert np.allclose(solve(case, problem), expected, rtol=0, atol=1e-10)


# ---- laws --------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES)
def test_any_tile_and_any_plan_give_the_same_bits(case, dtype):
    x, gradients, losses = sample(3, steps=10, dtype=dtype)
    optimizers = [make(case)] * 3
    fixed = {"losses": losses, "shapes": SHAPES, "seeds": [0, 1, 2]}
    expected = walk(optimizers, x, gradients, **fixed)
    assert expected.dtype == dtype
    assert np.isfinite(expected).all()
    if optimizers[0].needs_model:  # asks for much, row by row
        each = [{"plan": 3}]
    elif isinstance(optimizers[0], Shaped):
        each = [{"plan": plan} for plan in (1, 3, 7)]
    else:
        sizes = zip((1, 7, 50, 51, 100, 149), (10, 7, 3, 10, 1, 7), strict=True)
        each = [{"tile": tile, "plan": plan} for tile, plan in sizes]
    for sizes in each:
        assert np.array_equal(walk(optimizers, x, gradients, **sizes, **fixed), expected), sizes


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_alone_in_company_and_permuted_give_the_same_bits(dtype):
    random = np.random.default_rng(1)
    optimizers = [
        dataclasses.replace(make(case), lr=float(lr))
        for case in CASES
        for lr in random.uniform(0.001, 0.3, 2)
    ]
    x, gradients, losses = sample(len(optimizers), steps=10, dtype=dtype)
    seeds = list(range(len(optimizers)))
    company = walk(optimizers, x, gradients, losses=losses, shapes=SHAPES, seeds=seeds)
    for row, optimizer in enumerate(optimizers):
        own = slice(row, row + 1)
        fixed = {"losses": losses[:, own], "shapes": SHAPES, "seeds": [row]}
        alone = walk([optimizer], x[own], gradients[:, own], **fixed)
        assert np.array_equal(alone[0], company[row]), optimizer
    order = random.permutation(len(optimizers))
    fixed = {"losses": losses[:, order], "shapes": SHAPES, "seeds": order.tolist()}
    permuted = walk([optimizers[i] for i in order], x[order], gradients[:, order], **fixed)
    assert np.array_equal(permuted, company[order])


# LAPACK decomposes matrices in room of its own: for an array of m × n of size max(m, n)²,
# for all P parameters of P². And of saga the oracle here makes the rows.
ALLOCATE = {"shampoo", "soap", "newton", "gauss_newton", "saga"}


class Bowl:
    """An oracle that allocates nothing: half the sum of squares."""

    steps_per_epoch = 1

    def gradient(self, x, out):
        np.copyto(out, x)
        return np.vecdot(x, x) / 2

    full_gradient = gradient


@for_each("case", [case for case in CASES if name_of(case) not in ALLOCATE])
def test_a_step_allocates_nothing_of_the_size_of_the_parameters(case):
    layout = Layout({"w": (500, 199), "b": (500,)})
    x, g = np.random.default_rng(0).standard_normal((2, 1, layout.size))
    loss = np.ones(1)
    stepper = Stepper([make(case)], x, g, layout=layout, samples=12)
    stepper.attach_oracles(lambda rows: Bowl())
    stepper.plan(1, 3)
    stepper.step(0, loss)
    tracemalloc.start()
    stepper.step(1, loss)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # ufuncs may buffer 8192 numbers; shaped rules keep some for each row and column
    assert peak < x.nbytes * (0.2 if isinstance(make(case), Shaped) else 0.02)


@for_each("case", CASES)
def test_a_measured_step_is_the_same_step_and_leaves_its_change(case):
    x, gradients, losses = sample(2, steps=4)
    found = []
    for measured in (False, True):
        ours, g = x.copy(), np.empty_like(x)
        stepper = Stepper([make(case)] * 2, ours, g, tile=16, layout=Layout(SHAPES), samples=12)
        asked = ask(stepper, x)
        stepper.plan(1, 4)
        for k in range(4):
            g[:], before = gradients[k], ours.copy()
            for each in asked:
                each.step = k
            (stepper.measured_step if measured else stepper.step)(k, losses[k])
            assert not measured or np.array_equal(g, ours - before)
        (slots,) = stepper.state
        found.append([ours, *slots.values()])
    assert all(map(np.array_equal, *found))


@for_each("case", CASES)
def test_the_state_has_the_size_it_is_said_to_have(case):
    x, gradients, _ = sample(2)
    layout = Layout(SHAPES)
    (slots,) = Stepper([make(case)] * 2, x, gradients[0], layout=layout, samples=12).state
    size = sum(slot.size for slot in slots.values())
    assert size == 2 * state_size(make(case), layout, samples=12)


@for_each("name", NAMES)
def test_trains_in_a_cohort(name):
    rule = OPTIMIZERS.find(name)
    training = cohort([rule(), "sgd", rule()], epochs=2, dtype=np.float32)
    *_, ended = final(training)
    assert set(ended.outcomes) == {"completed"}
    assert np.isfinite(ended.state.best).all()


def test_factors_reach_the_hyperparameters_they_name():
    """A schedule of momentum or weight decay is that hyperparameter, step by step."""
    x, gradients, _ = sample(2, steps=6)
    ours, g = x.copy(), np.empty_like(x)
    rule = OPTIMIZERS.find("momentum")
    optimizers = [rule(lr=0.1, momentum=0.8, weight_decay=0.2), OPTIMIZERS.find("sgd")(lr=0.1)]
    stepper = Stepper(optimizers, ours, g)
    factor = np.linspace(1, 0, 6)[:, None]
    stepper.plan(1, 6, {"momentum": factor, "weight_decay": factor**2})
    v, expected = 0, x[0]
    for k in range(6):
        g[:] = gradients[k]
        stepper.step(k)
        slope = gradients[k, 0] + 0.2 * factor[k] ** 2 * expected
        v = 0.8 * factor[k] * v - 0.1 * slope
        expected = expected + v
    assert np.allclose(ours[0], expected, rtol=0, atol=1e-14)
    assert np.allclose(ours[1], x[1] - 0.1 * gradients[:, 1].sum(axis=0), rtol=0, atol=1e-14)


def test_the_model_is_where_the_optimizer_says():
    optimizers = [make("sgd"), make("fista"), make("asgd")]
    x, gradients, _ = sample(3, steps=15)
    g = np.empty_like(x)
    stepper = Stepper(optimizers, x, g)
    stepper.plan(1, 15)
    for k in range(15):
        g[:] = gradients[k]
        stepper.step(k)
    model = np.empty_like(x)
    stepper.model(model)
    assert stepper.averages
    assert not Stepper(optimizers[:1], x[:1], g[:1]).averages
    assert np.array_equal(model[0], x[0])
    assert np.array_equal(model[1], stepper.state[1]["x"][0])
    assert np.array_equal(model[2], stepper.state[2]["x_bar"][0])
    assert not np.allclose(model[1:], x[1:])


# ---- where they lead ---------------------------------------------------------------------
# The learning rate falls linearly to 0.


def parabola(x):
    """Loss, gradient and minimum of ½(a − 1)² + 2(b + 2)²."""
    away = x - [1, -2]
    return (away**2 @ [0.5, 2]), away * [1, 4], np.array([1, -2])


def rosenbrock(x):
    """Loss, gradient and minimum of (1 − a)² + 100(b − a²)²."""
    ((a, b),) = x.tolist()  # of which Python makes less fuss
    valley = b - a**2
    slope = [-2 * (1 - a) - 400 * a * valley, 200 * valley]
    return np.array([(1 - a) ** 2 + 100 * valley**2]), np.array([slope]), 1


# Their decay would move the minimum.
WITHOUT_DECAY = {"adamw", "lion", "muon", "nadamw", "soap", "sophia"}
# It guesses.
LOOSE = {"random_search": 0.3}


class OfFunction:
    """An oracle for a function of this test."""

    steps_per_epoch = 1

    def __init__(self, function):
        self.function = function

    def gradient(self, x, out):
        loss, out[:], _ = self.function(x)
        return loss

    full_gradient = gradient


def distance(name, function, start, lr, steps):
    """How far from the minimum an optimizer ends."""
    settings = {"weight_decay": 0.0} if name in WITHOUT_DECAY else {}
    x = np.array([start])
    g = np.empty_like(x)
    rule = OPTIMIZERS.find(name)(lr=lr, **settings)
    stepper = Stepper([rule], x, g, layout=Layout({"w": (2, 1)}))
    stepper.attach_oracles(lambda rows: OfFunction(function))
    stepper.plan(1, steps, {"lr": np.linspace(1, 0, steps, endpoint=False)[:, None]})
    for k in range(steps):
        loss, g[:], minimum = function(x)
        stepper.step(k, loss)
    model = np.empty_like(x)
    stepper.model(model)
    return np.abs(model - minimum).max()


def test_every_optimizer_has_its_goals():
    """But those that ask for what functions without scores or rows do not have."""
    assert {name for name in NAMES if not OPTIMIZERS.find(name).needs_model} == set(GOALS)


@pytest.mark.parametrize("name", GOALS)
def test_finds_the_bottom_of_a_parabola_in_a_thousand_steps(name):
    lr, _, _ = GOALS[name]
    assert distance(name, parabola, (3.0, 1.0), lr, 1000) < LOOSE.get(name, 1e-3)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.long) if GOALS[n][2] > 3000 else n for n in GOALS]
)
def test_finds_the_minimum_of_rosenbrock_in_the_stated_steps(name):
    _, lr, steps = GOALS[name]
    assert distance(name, rosenbrock, (-1.2, 1.0), lr, steps) < 0.1


# ---- their pages -------------------------------------------------------------------------


@for_each("name", NAMES)
def test_the_page_is_complete(name):
    """What it is, rule, state, where it differs, reference, example; each field explained."""
    rule = OPTIMIZERS.find(name)
    first, blank, *rest = inspect.cleandoc(rule.__doc__).splitlines()
    assert first.endswith(".")
    assert len(first) <= 88
    assert not blank
    paragraphs = "\n".join(rest).split("\n\n")
    assert any(re.search(r"^    .*[←=]", each, re.M) for each in paragraphs), "the rule"
    heads = [each.partition(":")[0] for each in paragraphs]
    order = [heads.index(word) for word in ("State", "Reference", "Example")]
    assert order == sorted(order)
    assert order[2] == len(paragraphs) - 1
    between = " ".join(paragraphs[order[0] + 1 : order[1]])
    assert "torch" in between or "optax" in between, "where it differs"
    assert re.search(r"\b(19|20)\d\d\b", paragraphs[order[1]]), "the year of the reference"
    assert all(field.doc for field in fields(rule))


@for_each("name", NAMES)
def test_the_example_of_the_page_is_a_config(name):
    page = inspect.cleandoc(OPTIMIZERS.find(name).__doc__)
    (example,) = re.findall(r"^Example: `(.*)`$", page, re.M)
    document = {"dataset": "blobs", "model": "linear", "loss": "cross_entropy"}
    loaded = config.load(document | yaml.safe_load(example))
    assert loaded.optimizer.name == name
    *_, ended = final(cohort([loaded.optimizer], epochs=1))
    assert ended.outcomes == ("completed",)


def equals(name):
    """What the tests of this file, and of the oracles, hold an optimizer to, in words."""
    libraries = [("torch", TORCH.get(name)), ("optax", OPTAX.get(name))]
    held = [f"{library}'s `{theirs}`" for library, theirs in libraries if theirs]
    if name in RULES or name in OF_MODELS:
        held.append("reference implementation")
    return ", ".join(held)


def test_the_table_of_the_docs_is_that_of_the_tests():
    rows = re.findall(r"^\| `(\w+)` *\| (.*?) *\| (.*?) *\| (.*?) *\|$", DOCS.read_text(), re.M)
    expected = []
    for name in NAMES:
        goal, parabola, steps = "", "", ""
        if name in GOALS:
            parabola, goal, steps = GOALS[name]
            parabola, goal, steps = f"{parabola:g}", f"{goal:g}, ", f"{steps:,} steps"
        expected.append((name, equals(name), parabola, goal + steps))
    wanting = [f"| `{row[0]}` | {' | '.join(row[1:])} |" for row in expected if row not in rows]
    assert not wanting, "missing from the table:\n" + "\n".join(wanting)
    assert rows == expected


def test_nothing_of_torch_or_optax_is_left_out_without_a_reason():
    torch, optax = (pytest.importorskip(library) for library in ("torch", "optax"))
    spoken = set(re.findall(r"`(?:contrib\.)?(\w+)`", DOCS.read_text())) - set(NAMES)
    have = {name for name in dir(torch.optim) if name[0].isupper()} - {"Optimizer"}
    aliases = inspect.getmodule(optax.adam)
    functions = inspect.getmembers(aliases, inspect.isfunction)
    have |= {name for name, rule in functions if inspect.getmodule(rule) is aliases}
    functions = inspect.getmembers(optax.contrib, inspect.isfunction)
    have |= {
        name for name, rule in functions if "learning_rate" in inspect.signature(rule).parameters
    }
    have = {name for name in have if not name.startswith("scale_by_")}  # parts of the others
    assert have - spoken - set(NAMES) == set()
