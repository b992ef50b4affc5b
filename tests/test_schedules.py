"""Schedules: torch's and optax's values, pinned and live; their laws; what does not fit."""

import dataclasses
import itertools
import warnings

import numpy as np
import pytest

import optcli
from optcli import config
from optcli.core.errors import InvalidInput
from optcli.core.events import EpochEnded
from optcli.core.specs import fields
from optcli.optimizers.base import OPTIMIZERS
from optcli.schedules import SCHEDULES
from optcli.schedules.base import Span
from optcli.schedules.chebyshev import fractal
from optcli.training import Trainer
from tests.cohorts import cohort, data, final
from tests.for_each import for_each

ALL = list(SCHEDULES)
T = 30


def make(name, **keys):
    return SCHEDULES.find(name)(**keys)


def factors(schedule, steps=T, per_epoch=1):
    return schedule.factor(np.arange(1, steps + 1, dtype=float), steps, per_epoch)


# ---- torch and optax -----------------------------------------------------------------

# name, our keys, torch's scheduler and its keys, for 30 steps
TORCH = {
    "constant": ({}, "ConstantLR", {"factor": 1.0}),
    "step": ({"every": 7, "gamma": 0.3}, "StepLR", {"step_size": 7, "gamma": 0.3}),
    "multistep": (
        {"milestones": (0.1, 11, 20), "gamma": 0.5},
        "MultiStepLR",
        {"milestones": [3, 11, 20], "gamma": 0.5},
    ),
    "exponential": ({"gamma": 0.9, "every": 1}, "ExponentialLR", {"gamma": 0.9}),
    "polynomial": ({"power": 1.7}, "PolynomialLR", {"total_iters": T, "power": 1.7}),
    "linear": (
        {"end": 0.1},
        "LinearLR",
        {"start_factor": 1.0, "end_factor": 0.1, "total_iters": T},
    ),
    "cosine": ({"end": 0.05}, "CosineAnnealingLR", {"T_max": T, "eta_min": 0.05}),
    "cosine_restarts": (
        {"first": 4, "multiplier": 2, "end": 0.02},
        "CosineAnnealingWarmRestarts",
        {"T_0": 4, "T_mult": 2, "eta_min": 0.02},
    ),
    "one_cycle": (
        {"rise": 0.4, "start": 0.1, "end": 0.001},
        "OneCycleLR",
        {"max_lr": 1.0, "total_steps": T, "pct_start": 0.4, "div_factor": 10}
        | {"final_div_factor": 100, "cycle_momentum": False},
    ),
    "cyclic": (
        {"cycle": 8, "low": 0.2, "up": 0.25, "mode": "triangular2"},
        "CyclicLR",
        {"base_lr": 0.2, "max_lr": 1.0, "step_size_up": 2, "step_size_down": 6}
        | {"mode": "triangular2", "cycle_momentum": False},
    ),
}
MORE = {
    "cosine_restarts-equal": (
        "cosine_restarts",
        {"first": 7},
        "CosineAnnealingWarmRestarts",
        {"T_0": 7},
    ),
    "one_cycle-linear": (
        "one_cycle",
        {"rise": 0.3, "anneal": "linear"},
        "OneCycleLR",
        {"max_lr": 1.0, "total_steps": T, "anneal_strategy": "linear", "cycle_momentum": False},
    ),
    "cyclic-plain": (
        "cyclic",
        {"cycle": 10, "low": 0.3},
        "CyclicLR",
        {"base_lr": 0.3, "max_lr": 1.0, "step_size_up": 5, "cycle_momentum": False},
    ),
    "cyclic-exp_range": (
        "cyclic",
        {"cycle": 10, "low": 0.3, "mode": "exp_range", "gamma": 0.9},
        "CyclicLR",
        {"base_lr": 0.3, "max_lr": 1.0, "step_size_up": 5, "mode": "exp_range", "gamma": 0.9}
        | {"cycle_momentum": False},
    ),
}
CASES = {name: (name, *rest) for name, rest in TORCH.items()} | MORE

# What torch 2.13 gives at steps 1, 2, 8, 15, 24 and 30.
PINS = {
    "constant": [1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
    "step": [1.0, 1.0, 0.3, 0.09, 0.027, 0.0081],
    "multistep": [1.0, 1.0, 0.5, 0.25, 0.125, 0.125],
    "exponential": [
        1.0,
        0.9,
        0.47829690000000014,
        0.22876792454961012,
        0.08862938119652508,
        0.04710128697246249,
    ],
    "polynomial": [
        1.0,
        0.9439966723945162,
        0.6365480443485,
        0.3434771395653646,
        0.08424818142592207,
        0.0030824345718579796,
    ],
    "linear": [
        1.0,
        0.97,
        0.7899999999999999,
        0.5799999999999998,
        0.3099999999999999,
        0.12999999999999995,
    ],
    "cosine": [
        1.0,
        0.9973979002999298,
        0.8779937921017623,
        0.5746510200521356,
        0.1720062078982379,
        0.05260209970007014,
    ],
    "cosine_restarts": [
        1.0,
        0.8564823227814082,
        0.697514881858894,
        0.9627009709305305,
        0.23777058582039504,
        0.9976405160693765,
    ],
    "one_cycle": [
        0.09999999999999998,
        0.11822816187347607,
        0.7369367558508488,
        0.9330796891903272,
        0.2507500000000001,
        0.001,
    ],
    "cyclic": [
        0.2,
        0.6000000000000001,
        0.33333333333333337,
        0.33333333333333337,
        0.23333333333333334,
        0.25,
    ],
    "cosine_restarts-equal": [
        1.0,
        0.9504844339512095,
        1.0,
        1.0,
        0.8117449009293668,
        0.9504844339512095,
    ],
    "one_cycle-linear": [
        0.04,
        0.16,
        0.88,
        0.7142868571428571,
        0.2857171428571429,
        4.000000000004e-06,
    ],
    "cyclic-plain": [
        0.3,
        0.4400000000000001,
        0.72,
        0.8599999999999999,
        0.7199999999999998,
        0.4400000000000001,
    ],
    "cyclic-exp_range": [
        0.3,
        0.4260000000000001,
        0.500884698,
        0.4281100377477816,
        0.3372243401025405,
        0.30659418017614476,
    ],
}
SHOWN = [0, 1, 7, 14, 23, 29]


@for_each("case", CASES)
def test_values_are_torch_s(case):
    name, keys, _, _ = CASES[case]
    assert factors(make(name, **keys))[SHOWN] == pytest.approx(PINS[case], rel=1e-12, abs=1e-15)


@for_each("case", CASES)
def test_values_are_those_of_torch_where_it_is_installed(case):
    torch = pytest.importorskip("torch")
    name, keys, scheduler, theirs = CASES[case]
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    followed = getattr(torch.optim.lr_scheduler, scheduler)(optimizer, **theirs)
    expected = []
    for _ in range(T):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        followed.step()
    assert factors(make(name, **keys)) == pytest.approx(expected, rel=1e-12, abs=1e-15)


OPTAX = {
    "linear": ({"end": 0.1}, "linear_schedule", (1.0, 0.1, T)),
    "polynomial": ({"power": 3.0, "end": 0.2}, "polynomial_schedule", (1.0, 0.2, 3.0, T)),
    "cosine": ({"end": 0.05}, "cosine_decay_schedule", (1.0, T, 0.05)),
    "exponential": (
        {"gamma": 0.7, "every": "2 epochs"},
        "exponential_decay",
        (1.0, 10, 0.7),
    ),
}


@pytest.mark.parametrize("name", OPTAX)
def test_values_are_those_of_optax_where_it_is_installed(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        optax = pytest.importorskip("optax")
        keys, theirs, arguments = OPTAX[name]
        schedule = getattr(optax, theirs)(*arguments)
        expected = [float(schedule(step)) for step in range(T)]
    # optax computes in float32
    assert factors(make(name, **keys), per_epoch=5) == pytest.approx(expected, rel=3e-6)


def test_a_staircase_is_rounded_down():
    schedule = make("exponential", gamma=0.5, every="1 epoch", staircase=True)
    assert factors(schedule, 7, 3).tolist() == [1, 1, 1, 0.5, 0.5, 0.5, 0.25]


@pytest.mark.parametrize("anneal", ["cosine", "linear"])
def test_the_momentum_of_one_cycle_is_torch_s(anneal):
    keys = {"rise": 0.4, "anneal": anneal, "cycle_momentum": True, "base_momentum": 0.7}
    found = make("one_cycle", **keys).values(np.arange(1.0, T + 1), T)["momentum"]
    # torch 2.13 at steps 1, 2, 8, 15, 24 and 30
    pinned = {
        "cosine": [
            0.95,
            0.9449366217018121,
            0.7730731233747642,
            0.716746824526945,
            0.8875,
            0.95,
        ],
        "linear": [
            0.95,
            0.9272727272727272,
            0.7909090909090909,
            0.7416666666666667,
            0.8666666666666666,
            0.95,
        ],
    }
    assert found[SHOWN] == pytest.approx(pinned[anneal], rel=1e-10)


@pytest.mark.parametrize("nesterov", [False, True])
def test_training_with_the_momentum_of_one_cycle_is_torch_s(nesterov):
    torch = pytest.importorskip("torch")
    keys = {"lr": 0.1, "momentum": 0.9, "nesterov": nesterov}
    schedule = make("one_cycle", cycle_momentum=True)
    settings = {"batch_size": "full", "epochs": T, "hidden": (), "prepared": data(validation=0)}
    made = cohort([OPTIMIZERS.find("sgd")(**keys)], schedule=schedule, **settings)
    part, begin = settings["prepared"].train, Trainer(made).state.parameters.views
    x, y = torch.tensor(part.x), torch.tensor(part.y)
    model = torch.nn.Linear(4, 3, dtype=torch.float64)
    with torch.no_grad():
        model.weight.copy_(torch.tensor(begin["dense1.weight"][0].T))
        model.bias.copy_(torch.tensor(begin["dense1.bias"][0]))
    optimizer = torch.optim.SGD(model.parameters(), **keys)
    followed = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=T)
    for step in range(T):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
        if step < T - 1:
            followed.step()
    expected = np.append(model.weight.detach().numpy().T.ravel(), model.bias.detach().numpy())
    assert final(made)[-1].state.best[0] == pytest.approx(expected, rel=1e-10)


def test_a_momentum_that_is_not_there_is_not_moved():
    keys = {"name": "one_cycle", "cycle_momentum": True}
    for optimizer in ("sgd", "adam", "nadam"):
        with pytest.raises(InvalidInput) as caught:
            optcli.check({**SMALL, "optimizer": optimizer, "schedule": keys})
        assert str(caught.value) == (
            f"schedule.cycle_momentum: is true, but {optimizer} has no 'momentum' to "
            "schedule, or it is 0"
        )


def test_a_warmup_by_itself_is_that_of_a_constant_rate():
    constant = SCHEDULES.find("constant")
    for given in ({"warmup": 0.2}, {"name": "constant", "warmup": 0.2}):
        assert config.load({**SMALL, "schedule": given}).schedule == constant(warmup=0.2)
    assert config.load(SMALL, ["schedule.warmup=5 epochs"]).schedule.warmup == "5 epochs"
    found = factors(constant(warmup=0.2), 10)
    assert found.tolist() == [0.5, 1, 1, 1, 1, 1, 1, 1, 1, 1]
    with pytest.raises(InvalidInput, match="schedule: has no 'name'"):
        config.load({**SMALL, "schedule": {"gamma": 0.2}})


SMALL = {"dataset": "blobs", "model": "linear", "loss": "cross_entropy", "optimizer": "adam"}


def test_inverse_sqrt_is_the_transformer_s():
    d, w, steps = 512, 40, 400
    t = np.arange(1, steps + 1)
    paper = d**-0.5 * np.minimum(t**-0.5, t * w**-1.5)
    ours = (d * w) ** -0.5 * factors(make("inverse_sqrt", warmup=w), steps)
    assert ours == pytest.approx(paper, rel=1e-13)


def test_inverse_sqrt_without_a_warmup_starts_at_one():
    found = factors(make("inverse_sqrt", timescale=100), 1000)
    assert found[99] == pytest.approx(0.5**0.5)
    assert 0.99 < found[0] < 1


@pytest.mark.parametrize(
    ("kind", "middle"), [("linear", 0.5), ("sqrt", 1 - 0.5**0.5), ("cosine", 0.5)]
)
def test_wsd_is_a_trapezoid(kind, middle):
    found = factors(make("wsd", warmup=0.1, decay=0.2, kind=kind), 100)
    assert found[:11].tolist() == [i / 10 for i in range(1, 11)] + [1]
    assert (found[10:81] == 1).all()
    assert (np.diff(found[80:]) < 0).all()
    assert found[90] == pytest.approx(middle)


def test_rex_is_the_paper_s():
    # equation 1 with its constants: (1 - z) / (1/2 + (1 - z)/2)
    z = np.arange(T) / T
    assert factors(make("rex")) == pytest.approx((1 - z) / (0.5 + 0.5 * (1 - z)), rel=1e-14)


def test_the_fractal_order_is_the_paper_s():
    assert fractal(8) == [1, 8, 4, 5, 2, 7, 3, 6]
    assert sorted(fractal(11)) == list(range(1, 12))


@pytest.mark.parametrize(("cycle", "condition"), [(4, 10.0), (8, 20.0), (16, 100.0), (6, 50.0)])
def test_chebyshev_steps_shrink_every_quadratic_as_much_as_can_be(cycle, condition):
    curvatures = np.linspace(1 / condition, 1, 2001)  # M = 1, so lr = 1
    steps = factors(make("chebyshev", cycle=cycle, condition=condition), cycle)
    left = np.prod([1 - step * curvatures for step in steps], axis=0)
    z = (condition + 1) / (condition - 1)
    best = 1 / np.cosh(cycle * np.arccosh(z))  # 1 / T_n(z), Chebyshev's bound
    assert np.abs(left).max() == pytest.approx(best, rel=1e-6)


# ---- laws ----------------------------------------------------------------------------


@for_each("cls", ALL, ids=lambda cls: cls.name)
@for_each("steps", [1, 2, 3, 10, 1000])
@for_each("warmup", [0.0, 0.5, 1, "1 epoch"])
def test_every_factor_is_finite_and_none_is_negative(cls, steps, warmup):
    found = factors(cls(warmup=warmup), steps, 3)
    assert found.shape == (steps,)
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    assert found.max() > 0


@for_each("cls", ALL, ids=lambda cls: cls.name)
def test_the_warmup_is_a_straight_line_and_what_follows_begins_at_its_beginning(cls):
    found = factors(cls(warmup=20), 100)
    assert found[:20].tolist() == [i / 20 for i in range(1, 21)]
    if cls.name not in ("step", "multistep", "inverse_sqrt", "wsd", "cyclic"):
        begun = cls().factor(np.arange(1.0, 3), 100)
        assert found[20] == pytest.approx(begun[0])


@pytest.mark.parametrize("name", ["linear", "cosine", "polynomial", "rex"])
def test_what_fills_the_run_is_as_long_as_what_the_warmup_leaves(name):
    assert factors(make(name, warmup=0.2), 100)[20:].tolist() == factors(make(name), 80).tolist()


@pytest.mark.parametrize(
    ("length", "steps"),
    [(0.25, 50), (0, 0), (1, 1), (30, 30), ("5 epochs", 35), ("1 epoch", 7), ("0.5 epochs", 3.5)],
)
def test_a_length_is_a_fraction_steps_or_epochs(length, steps):
    assert Span(200, 7).length(length) == steps


@for_each("every", [0.1, 0.2, 0.3, 1 / 3, 0.05, 0.7])
@for_each("steps", [10, 30, 70, 100, 1000])
def test_rounding_does_not_move_a_drop(every, steps):
    found = factors(make("step", every=every, gamma=0.5), steps)
    drops = np.flatnonzero(np.diff(found)) + 1
    expected = [np.ceil(round(max(every * steps, 1) * k, 6)) for k in range(1, 100)]
    assert drops.tolist() == [at for at in expected if at < steps]


@for_each("cls", ALL, ids=lambda cls: cls.name)
def test_the_page_has_a_line_a_rule_and_an_example(cls):
    page = cls.__doc__
    assert page.partition("\n")[0].endswith(".")
    assert "Example: `schedule: " in page
    assert all(field.doc for field in fields(cls))


# ---- plateau -------------------------------------------------------------------------


def losses(seed, epochs=60):
    random = np.random.default_rng(seed)
    return 1 / np.arange(1, epochs + 1) + 0.1 * random.random(epochs)


PLATEAU = [
    {"gamma": 0.5, "patience": 2},
    {"gamma": 0.1, "patience": 0, "cooldown": 3, "end": 1e-3},
    {"gamma": 0.7, "patience": 4, "threshold": 0.05},
]


@pytest.mark.parametrize("keys", PLATEAU)
@pytest.mark.parametrize("higher", [False, True])
def test_reduce_on_plateau_is_torch_s(keys, higher):
    torch = pytest.importorskip("torch")
    seeds = range(5)
    schedule = make("reduce_on_plateau", **keys)
    state = schedule.state(len(seeds))
    found = []
    for values in np.stack([losses(seed) for seed in seeds], axis=1):
        schedule.watch(state, -(2 - values) if higher else values)
        found.append(np.array(schedule.scale(state)))
    theirs = {"gamma": "factor", "end": "min_lr"}
    given = {theirs.get(key, key): value for key, value in keys.items()}
    for r, seed in enumerate(seeds):
        optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
        mode = "max" if higher else "min"
        followed = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode=mode, **given, eps=0)
        for epoch, value in enumerate(losses(seed)):
            followed.step(2 - value if higher else value)
            assert found[epoch][r] == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)


def test_reduce_on_plateau_by_hand():
    schedule = make("reduce_on_plateau", gamma=0.5, patience=1, threshold=0.0, cooldown=1)
    state = schedule.state(1)
    values = [1.0, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.8, np.nan, np.inf]
    expected = [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125]
    for value, factor in zip(values, expected, strict=True):
        schedule.watch(state, np.array([value]))
        assert schedule.scale(state)[0] == factor


def epochs(events):
    return [event for event in events if isinstance(event, EpochEnded)]


def test_each_replica_has_its_own_plateau_and_the_bits_of_itself_alone():
    plateau = make("reduce_on_plateau", gamma=0.5, patience=0, threshold=0.03)
    rates = [OPTIMIZERS.find("adam")(lr=lr) for lr in (0.3, 0.001, 0.05)]
    settings = {"schedule": plateau, "epochs": 15, "prepared": data(validation=0)}
    company = final(cohort(rates, **settings))
    lr = np.stack([event.lr for event in epochs(company)])
    assert len(set(map(tuple, (lr / lr[0]).T))) > 1, "they do not drop together"
    for r, optimizer in enumerate(rates):
        alone = final(cohort([optimizer], **settings))
        assert [event.lr[0] for event in epochs(alone)] == lr[:, r].tolist()
        assert np.array_equal(
            alone[-1].state.parameters.buffer[0], company[-1].state.parameters.buffer[r]
        )
    assert "schedule.factor" in company[-1].state.arrays()


def test_the_plateau_of_training_follows_the_validation_loss_or_the_training_loss():
    for held_out in (20, 0):
        prepared = data(validation=held_out)
        plateau = make("reduce_on_plateau", gamma=0.5, patience=0, threshold=0.0)
        adam = OPTIMIZERS.find("adam")(lr=0.5)
        events = epochs(final(cohort([adam], schedule=plateau, epochs=12, prepared=prepared)))
        state = plateau.state(1)
        for before, after in itertools.pairwise(events):
            loss = before.train_loss if before.validation_loss is None else before.validation_loss
            plateau.watch(state, loss)
            assert after.lr[0] == 0.5 * plateau.scale(state)[0]
        assert events[-1].lr[0] < 0.5


# ---- in training ---------------------------------------------------------------------


def test_the_history_has_the_learning_rate_that_was_used():
    sgd = OPTIMIZERS.find("sgd")(lr=0.5)
    schedule = make("step", every="1 epoch", gamma=0.5)
    events = epochs(final(cohort([sgd], schedule=schedule, epochs=4)))
    assert [event.lr[0] for event in events] == [0.5, 0.25, 0.125, 0.0625]
    # with plain descent the update is the rate times the gradient
    for event in events:
        assert event.update_norm[0] == pytest.approx(event.lr[0] * event.gradient_norm[0])


def test_a_schedule_of_weight_decay_and_momentum_leaves_the_rate_alone():
    sgd = OPTIMIZERS.find("sgd")(lr=0.5, momentum=0.9, weight_decay=0.1)
    # all but the first of four steps come after the drop to (nearly) nothing
    gone = make("multistep", milestones=(1,), gamma=1e-300, of=("momentum", "weight_decay"))
    settings = {"prepared": data(16, validation=0), "shuffle": False}
    found = final(cohort([sgd], schedule=gone, epochs=4, **settings))
    assert [event.lr[0] for event in epochs(found)] == [0.5] * 4
    first = final(cohort([sgd], epochs=1, **settings))
    plain = OPTIMIZERS.find("sgd")(lr=0.5)
    # three plain steps from where the first one led
    alone = cohort([plain], epochs=3, **settings)
    trainer = Trainer(alone)
    trainer.state.parameters.buffer[:] = first[-1].state.parameters.buffer
    list(trainer.run())
    assert np.allclose(
        found[-1].state.parameters.buffer, trainer.state.parameters.buffer, rtol=0, atol=1e-14
    )


def test_a_schedule_of_the_rate_and_the_decay_multiplies_both():
    both = make("multistep", milestones=(0.5,), gamma=0.25, of=("lr", "weight_decay"))
    sgd = OPTIMIZERS.find("sgd")(lr=0.4, weight_decay=0.2)
    settings = {"prepared": data(16, validation=0), "shuffle": False, "epochs": 2}
    found = final(cohort([sgd], schedule=both, **settings))
    first = final(cohort([sgd], **settings | {"epochs": 1}))
    later = dataclasses.replace(sgd, lr=0.1, weight_decay=0.05)
    trainer = Trainer(cohort([later], **settings | {"epochs": 1}))
    trainer.state.parameters.buffer[:] = first[-1].state.parameters.buffer
    list(trainer.run())
    assert np.allclose(
        found[-1].state.parameters.buffer, trainer.state.parameters.buffer, rtol=0, atol=1e-14
    )


# ---- what does not fit ---------------------------------------------------------------

MOONS = {
    "dataset": {"name": "moons", "samples": 100},
    "model": "linear",
    "loss": "binary_cross_entropy",
    "optimizer": "adam",
    "training": {"epochs": 10, "batch_size": 8},
}  # 80 training rows: 10 steps an epoch, 100 in all
LENGTH = (
    "must be a fraction of the run (below 1), a whole number of steps, or text such as '5 epochs'"
)
UNFIT = {
    "{name: cosine, warmup: 101}": (
        "schedule.warmup: is 101 steps; must be at most the run's 100 steps"
    ),
    "{name: cosine, warmup: 11 epochs}": (
        "schedule.warmup: is 11 epochs (110 steps); must be at most the run's 100 steps"
    ),
    "{name: step, every: 200}": "schedule.every: is 200 steps; must be at most the run's 100 steps",
    "{name: multistep, milestones: [0.5, 30 epochs]}": (
        "schedule.milestones[1]: is 30 epochs (300 steps); must be at most the run's 100 steps"
    ),
    "{name: wsd, warmup: 0.5, decay: 6 epochs}": (
        "schedule.decay: is 60 steps, after 50 steps of warm-up; "
        "both together must be at most the run's 100 steps"
    ),
    "{name: cosine, of: [lr, weight_dekay]}": (
        "schedule.of: names 'weight_dekay', not a numeric hyperparameter of the optimizer; "
        "did you mean 'weight_decay'?"
    ),
    "{name: cosine, of: [momentum]}": (
        "schedule.of: names 'momentum', not a numeric hyperparameter of the optimizer; "
        "must be among lr, beta1, beta2, eps, weight_decay"
    ),
    "{name: cosine, warmup: 1.5}": f"schedule.warmup: is 1.5; {LENGTH}",
    "{name: cosine, warmup: -1}": f"schedule.warmup: is -1; {LENGTH}",
    "{name: cosine, warmup: 5 steps}": f"schedule.warmup: is '5 steps'; {LENGTH}",
    "{name: step, every: 0}": f"schedule.every: is 0; {LENGTH}",
    "{name: reduce_on_plateau, monitor: validation_lost}": (
        "schedule.monitor: is 'validation_lost', which is not measured; must be one of "
        "train_loss, train_accuracy, validation_loss, validation_accuracy"
    ),
}


@for_each("schedule", UNFIT)
def test_what_does_not_fit_is_refused_in_words(schedule):
    with pytest.raises(InvalidInput) as caught:
        optcli.check(MOONS, [f"schedule={schedule}"])
    assert str(caught.value) == f"overrides: {UNFIT[schedule]}"


LEAVES = {
    ("adam", "{name: chebyshev, of: [beta1]}"): (
        "takes 'beta1' of adam from 0.9 to 15.22 at step 1; must stay in [0, 1)"
    ),
    ("{name: rprop, eta_plus: 1.5}", "{name: linear, of: [eta_plus]}"): (
        "takes 'eta_plus' of rprop from 1.5 to 0.99 at step 35; must stay above 1"
    ),
    ("rprop", "{name: reduce_on_plateau, end: 0.1, of: [eta_plus]}"): (
        "takes 'eta_plus' of rprop from 1.2 to 0.12 after many drops; must stay above 1"
    ),
    ("dog", "{name: one_cycle, end: 0, of: [eps]}"): (
        "takes 'eps' of dog from 1e-08 to 0 at step 100; must stay above 0"
    ),
}


@pytest.mark.parametrize(("optimizer", "schedule"), LEAVES)
def test_a_schedule_that_leaves_the_range_of_a_hyperparameter_is_refused(optimizer, schedule):
    with pytest.raises(InvalidInput) as caught:
        optcli.check(MOONS, [f"optimizer={optimizer}", f"schedule={schedule}"])
    said = LEAVES[optimizer, schedule]
    assert str(caught.value) == f"overrides: schedule: {said}; choose another schedule"


INITIAL = {
    "dog": "reps_rel",
    "yogi": "initial_accumulator_value",
}


@pytest.mark.parametrize("optimizer", INITIAL)
def test_a_schedule_of_what_acts_before_the_first_step_only_is_refused(optimizer):
    name = INITIAL[optimizer]
    changes = [f"optimizer={optimizer}", f"schedule={{name: cosine, of: [lr, {name}]}}"]
    with pytest.raises(InvalidInput) as caught:
        optcli.check(MOONS, list(changes))
    assert str(caught.value) == (
        f"overrides: schedule.of: names '{name}', which {optimizer} uses before the first step "
        "only, so that a schedule cannot change it; leave it out"
    )


def test_a_schedule_of_a_rate_that_acts_before_the_first_step_only_is_noted():
    note = "the schedule of lr has no effect: rprop uses lr before the first step only"

    def noted(*changes):
        return note in optcli.check(MOONS, list(changes)).describe().get("notes", {}).values()

    assert noted("optimizer=rprop", "schedule=cosine")
    assert noted("optimizer=rprop", "schedule={warmup: 0.1}")
    assert not noted("optimizer=rprop")
    assert not noted("optimizer=adam", "schedule=cosine")


def test_one_cycle_does_not_move_momentum_twice():
    keys = "{name: one_cycle, cycle_momentum: true, of: [lr, momentum]}"
    with pytest.raises(InvalidInput) as caught:
        optcli.check(MOONS, ["optimizer={name: sgd, momentum: 0.9}", f"schedule={keys}"])
    assert str(caught.value) == (
        "overrides: schedule.of: names 'momentum', whose values cycle_momentum sets; "
        "leave one of the two out"
    )


@pytest.mark.parametrize(
    "schedule",
    [
        "{name: cosine, warmup: 100}",
        "{name: step, every: 1}",
        "{name: one_cycle, end: 0}",
        "{name: chebyshev, of: [lr, weight_decay]}",
        "{name: reduce_on_plateau, of: [lr, beta1, eps]}",
    ],
)
def test_what_just_fits_is_taken(schedule):
    optcli.check(MOONS, [f"schedule={schedule}"])


def test_lengths_survive_the_config():
    schedule = {"name": "multistep", "milestones": [0.5, 70, "8.5 epochs"], "warmup": "1 epoch"}
    loaded = config.load(MOONS | {"schedule": schedule})
    assert loaded.schedule.milestones == (0.5, 70, "8.5 epochs")
    assert config.load(loaded.resolved()) == loaded


def test_the_name_of_version_0_1_for_state_works_with_a_warning():
    def memory(self, replicas):
        return {"epochs": np.zeros(replicas)}

    with pytest.warns(DeprecationWarning, match="'memory' is of version 0.1: now it is 'state'"):
        cls = type("Old", (SCHEDULES.find("constant"),), {"memory": memory})
    assert list(cls().state(2)) == ["epochs"]
