"""Wrappers: torch's and optax's values, pinned and live; laws; what does not fit."""

import tracemalloc
import warnings
from dataclasses import replace

import numpy as np
import pytest

import optcli
from optcli import config, training
from optcli.core.errors import InvalidInput
from optcli.core.events import EpochEnded, Progress
from optcli.metrics import METRICS
from optcli.models import MLP, Linear
from optcli.optimizers.base import OPTIMIZERS
from optcli.schedules.linear import Linear as Falling
from optcli.training import State, Trainer, loop
from optcli.training.settings import SAM, Lookahead
from optcli.training.wrappers import EMA, SWA
from tests.cohorts import cohort, data, final
from tests.for_each import for_each

ROWS, BATCH, EPOCHS = 48, 8, 5  # 6 batches an epoch, 30 steps
ADAM = OPTIMIZERS.find("adam")(lr=0.05)
SGD = OPTIMIZERS.find("sgd")(lr=0.3, momentum=0.9)

# optimizer and what goes around it
CASES = {
    "accumulate": (ADAM, {"accumulate": 3}),
    "sam": (SGD, {"sam": SAM(rho=0.2)}),
    "asam": (ADAM, {"sam": SAM(rho=0.5, adaptive=True)}),
    "sam and accumulate": (SGD, {"sam": SAM(rho=0.2), "accumulate": 2}),
    "lookahead": (ADAM, {"lookahead": Lookahead(every=4, alpha=0.3)}),
    "ema": (ADAM, {"average": EMA(decay=0.9)}),
    "ema, late and seldom": (SGD, {"average": EMA(decay=0.6, start=0.5, every=4)}),
    "swa": (SGD, {"average": SWA(start="2 epochs")}),
    "average of all": (SGD, {"average": SWA(start=0, every=1)}),
    "coupled": (ADAM, {"weight_decay": 0.1}),
    "decoupled": (ADAM, {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    "coupled sgd": (SGD, {"weight_decay": 0.1}),
}


def prepared():
    return data(ROWS, validation=0)


def small(case, **more):
    optimizer, keys = CASES[case]
    settings = {"epochs": EPOCHS, "batch_size": BATCH, "shuffle": False, **keys, **more}
    made = cohort([optimizer], hidden=(), prepared=prepared(), **settings)
    return replace(made, model=Linear(init="lecun"))  # where torch's values began


def ours(case):
    """The model after 30 steps: weights (4, 3) and biases, (15,)."""
    return final(small(case))[-1].state.best[0]


# ---- torch ---------------------------------------------------------------------------


def in_torch(case):
    """The same, by a plain loop in torch."""
    import torch
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    part = prepared().train
    x, y = torch.tensor(part.x), torch.tensor(part.y)
    begin = Trainer(small(case)).state.parameters.views
    model = torch.nn.Linear(4, 3, dtype=torch.float64)
    with torch.no_grad():
        model.weight.copy_(torch.tensor(begin["dense1.weight"][0].T))
        model.bias.copy_(torch.tensor(begin["dense1.bias"][0]))
    own, keys = CASES[case]
    decay, decoupled = keys.get("weight_decay", 0), keys.get("decoupled_weight_decay", False)
    if own is ADAM:
        kind = torch.optim.AdamW if decoupled else torch.optim.Adam
        optimizer = kind(model.parameters(), lr=own.lr, weight_decay=decay)
    else:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9, weight_decay=decay)
    average = keys.get("average")
    averaged = AveragedModel(model)
    if isinstance(average, EMA):
        averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(average.decay))
    slow = [p.detach().clone() for p in model.parameters()]
    accumulate, sam = keys.get("accumulate", 1), keys.get("sam")
    step = 0

    def gradients(batch):
        optimizer.zero_grad()
        for start in range(batch, batch + accumulate * BATCH, BATCH):
            rows = slice(start, start + BATCH)
            loss = torch.nn.functional.cross_entropy(model(x[rows]), y[rows]) / accumulate
            loss.backward()

    for _ in range(EPOCHS):
        for batch in range(0, ROWS, BATCH * accumulate):
            step += 1
            gradients(batch)
            if sam:
                with torch.no_grad():
                    before = [p.clone() for p in model.parameters()]
                    sizes = [p.abs() if sam.adaptive else torch.ones_like(p) for p in before]
                    pairs = list(zip(model.parameters(), sizes, strict=True))
                    norm = torch.sqrt(sum(((s * p.grad) ** 2).sum() for p, s in pairs))
                    for p, s in pairs:
                        p += sam.rho * s**2 * p.grad / (norm + 1e-12)
                gradients(batch)
                with torch.no_grad():
                    for p, old in zip(model.parameters(), before, strict=True):
                        p.copy_(old)
            optimizer.step()
            if "lookahead" in keys and step % keys["lookahead"].every == 0:
                with torch.no_grad():
                    for p, behind in zip(model.parameters(), slow, strict=True):
                        behind += keys["lookahead"].alpha * (p - behind)
                        p.copy_(behind)
            if case == "ema" or case == "average of all":
                averaged.update_parameters(model)
            if case == "ema, late and seldom" and step > 15 and (step - 15) % 4 == 0:
                averaged.update_parameters(model)
        if case == "swa" and step > 12:
            averaged.update_parameters(model)
    if "lookahead" in keys:
        weight, bias = slow
    else:
        last = averaged.module if average else model
        weight, bias = last.weight.detach(), last.bias.detach()
    return np.concatenate([weight.numpy().T.ravel(), bias.numpy()])


# What torch 2.13 gives: weights 1, 5 and 12, and the first and the last bias.
PINS = {
    "accumulate": [
        0.1735943789508463,
        -0.19024810317741536,
        0.7758706904105114,
        0.3403613845398595,
        0.1910693062366537,
    ],
    "sam": [
        2.2751621063061105,
        -3.9196017537181076,
        3.9621019323648747,
        0.4736070084168746,
        -0.017775485059721402,
    ],
    "asam": [
        0.5388450795083088,
        -0.8125212263756239,
        1.4428845969132091,
        0.20376331169176687,
        -0.011984700725382224,
    ],
    "sam and accumulate": [
        1.4895344306232374,
        -2.3691294124964015,
        2.910949684918559,
        0.606290494100643,
        0.0012905263527356753,
    ],
    "lookahead": [
        0.025269957408010857,
        -0.059192684974260945,
        0.6547603379850164,
        0.08476544142197544,
        0.061019418113686795,
    ],
    "ema": [
        0.3531338432701855,
        -0.5273965552860362,
        1.1506468322513168,
        0.1541492616294188,
        0.022476970550687207,
    ],
    "ema, late and seldom": [
        1.929033008405825,
        -3.088576586993287,
        3.493638325802838,
        0.6381656283215308,
        -0.06978721745302045,
    ],
    "swa": [
        1.9367196637524304,
        -3.1308321228872007,
        3.505686088202131,
        0.616249201691195,
        -0.07580426156219082,
    ],
    "average of all": [
        1.2571018075656049,
        -2.051183606139557,
        2.5318928988552347,
        0.44817673657953444,
        0.045338884788892975,
    ],
    "coupled": [
        0.4641228396787002,
        -0.6581624495265077,
        1.0546845503903555,
        0.16797039413427992,
        -0.028184149050239873,
    ],
    "decoupled": [
        0.5124552218454287,
        -0.7577010674977063,
        1.3327278568015373,
        0.1969445235206357,
        -0.03743501673942483,
    ],
    "coupled sgd": [
        0.5152412372695226,
        -0.5931662914352177,
        0.7167517675747458,
        0.185795162921867,
        0.0467421458074644,
    ],
}


@for_each("case", CASES)
def test_values_are_torch_s(case):
    assert ours(case)[[0, 4, 11, 12, 14]] == pytest.approx(PINS[case], rel=1e-10, abs=1e-12)


@for_each("case", CASES)
def test_values_are_those_of_torch_where_it_is_installed(case):
    pytest.importorskip("torch")
    assert ours(case) == pytest.approx(in_torch(case), rel=1e-10, abs=1e-12)


# ---- optax ---------------------------------------------------------------------------


def in_optax(case):
    """The same for what optax has; None for the rest."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        jax, optax = pytest.importorskip("jax"), pytest.importorskip("optax")
        from optax.contrib import sam as sharp

    part = prepared().train
    own, keys = CASES[case]
    base = optax.adam(0.05) if own is ADAM else optax.sgd(0.3, momentum=0.9)
    begin = Trainer(small(case)).state.parameters.views
    with jax.enable_x64(True):
        numbers = jax.numpy
        start = {name: numbers.array(view[0]) for name, view in begin.items()}
        parameters = start

        def loss(p, rows):
            scores = part.x[rows] @ p["dense1.weight"] + p["dense1.bias"]
            return optax.softmax_cross_entropy_with_integer_labels(scores, part.y[rows]).mean()

        if "lookahead" in keys:
            follow = keys["lookahead"]
            base = optax.lookahead(base, follow.every, follow.alpha)
            parameters = optax.LookaheadParams.init_synced(start)
        if "accumulate" in keys:
            base = optax.MultiSteps(base, keys["accumulate"])
        if "sam" in keys:
            climb = optax.chain(optax.contrib.normalize(), optax.sgd(keys["sam"].rho))
            base = sharp(base, climb, sync_period=2, opaque_mode=True)
        state = base.init(parameters)
        move = base.update if "sam" in keys else jax.jit(base.update)
        for _ in range(EPOCHS):
            for first in range(0, ROWS, BATCH):
                rows = np.arange(first, first + BATCH)
                at = parameters.fast if "lookahead" in keys else parameters
                gradient = jax.grad(loss)(at, rows)
                more = {}
                if "sam" in keys:
                    more["grad_fn"] = lambda p, _, rows=rows: jax.grad(loss)(p, rows)
                update, state = move(gradient, state, parameters, **more)
                parameters = optax.apply_updates(parameters, update)
        end = parameters.slow if "lookahead" in keys else parameters
        return np.concatenate([np.asarray(end[name]).ravel() for name in begin])


@pytest.mark.parametrize("case", ["accumulate", "sam", "lookahead"])
def test_values_are_those_of_optax_where_it_is_installed(case):
    close = 1e-6 if case == "accumulate" else 1e-10  # MultiSteps has its 1/3 in float32
    assert ours(case) == pytest.approx(in_optax(case), rel=close, abs=1e-12)


# ---- laws ----------------------------------------------------------------------------

EVERYTHING = {
    "accumulate": 2,
    "sam": SAM(rho=0.1),
    "weight_decay": 0.01,
    "lookahead": Lookahead(every=3),
    "average": EMA(decay=0.8, start=3),
    "clip_norm": 0.5,
}
ALONE = {"asam": {"sam": SAM(adaptive=True)}, "swa": {"average": SWA(start=0.3, every=2)}} | {
    name: {name: EVERYTHING[name]} for name in EVERYTHING if name != "clip_norm"
}
SETTINGS = {
    **ALONE,
    "decoupled": {"weight_decay": 0.1, "decoupled_weight_decay": True},
    "everything": EVERYTHING,
}


def kept(events):
    """All that training left, but for its seconds."""
    state = events[-1].state
    assert np.isfinite(state.best).all()
    return {"model": state.model.buffer.copy()} | {
        name: array.copy() for name, array in state.arrays().items() if name != "seconds"
    }


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize(
    ("dtype", "hidden"),
    [(np.float32, ()), (np.float64, (1,)), (np.float32, (7, 4)), (np.float64, (7, 4))],
)
def test_a_replica_has_the_same_bits_in_company(name, dtype, hidden):
    some = [OPTIMIZERS.find(o)(lr=0.02) for o in ("sgd", "adam", "lion", "lamb", "muon") * 2]
    settings = {"dtype": dtype, "hidden": hidden, **SETTINGS[name]}
    seeds = [i % 4 for i in range(10)]
    company = kept(final(cohort(some, seeds=seeds, **settings)))
    plain = kept(final(cohort(some, seeds=seeds, dtype=dtype, hidden=hidden)))
    assert not np.array_equal(plain["model"], company["model"])
    for r in (0, 3, 7, 9):
        alone = kept(final(cohort([some[r]], seeds=[seeds[r]], **settings)))
        for key in ("parameters", "model", "best", "best_loss", "lookahead", "average"):
            if key in alone:
                assert np.array_equal(alone[key][0], company[key][r]), key
                assert alone[key].dtype == (np.float64 if key == "best_loss" else dtype)


@for_each("name", SETTINGS)
@for_each("optimizer", ["sgd", "adam"])
def test_a_step_allocates_nothing_of_the_size_of_the_parameters(name, optimizer):
    settings = {"hidden": (512, 512), "batch_size": 64, "epochs": 40, **SETTINGS[name]}
    trainer = Trainer(cohort([optimizer], prepared=data(512, validation=0), **settings))
    batches = trainer.batches.epoch(1)
    trainer._plan(4)
    trainer._steps(batches, 0, 1, 4)
    trainer.state.step = 5  # where looking ahead and averaging are due
    tracemalloc.start()
    trainer._steps(batches, 1, 2, 4)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000  # the parameters take 2 MB


def test_averaging_does_not_move_the_optimizer():
    plain, averaged = (
        kept(final(cohort(["adam"], **more))) for more in ({}, {"average": EMA(decay=0.5)})
    )
    assert np.array_equal(plain["parameters"], averaged["parameters"])
    assert not np.array_equal(plain["best"], averaged["best"])


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("batch", [1, 5, 16])
def test_accumulated_batches_are_one_great_batch(weighted, batch):
    given = data(50, validation=7, weighted=weighted)  # 50 rows leave a smaller last piece
    metrics = [METRICS.find("accuracy")()]
    settings = {"prepared": given, "metrics": metrics, "hidden": (8,)}
    whole = final(cohort(["adam"], batch_size=4 * batch, **settings))
    pieces = final(cohort(["adam"], batch_size=batch, accumulate=4, **settings))
    state, other = whole[-1].state, pieces[-1].state
    assert other.parameters.buffer == pytest.approx(state.parameters.buffer, rel=1e-9)
    for one, two in zip(whole, pieces, strict=True):
        if isinstance(one, EpochEnded):
            assert two.row() | {"seconds": 0} == pytest.approx(one.row() | {"seconds": 0})


def test_every_piece_drops_inputs_of_its_own():
    row = data(1, validation=0).train
    same = data(6, validation=0)
    same.train.x[:], same.train.y[:] = row.x, row.y
    made = cohort(["sgd"], prepared=same, batch_size=1, accumulate=6, epochs=1)
    trainer = Trainer(
        cohort_with(made, model=MLP(hidden=(40,), dropout=0.5), seen=METRICS.find("accuracy")())
    )
    trainer._plan(1)
    trainer._steps(trainer.batches.epoch(1), 0, 1, 2)
    scores = trainer.state.seen[0]
    assert len(np.unique(scores[:, 0])) == 6


def cohort_with(made, model, seen=None):
    return replace(made, model=model, metrics=[seen] if seen else [])


def test_batch_norm_keeps_the_statistics_of_the_first_pass():
    """And that of an average are averaged as the parameters are."""
    normed = MLP(hidden=(6,), batch_norm=True)
    settings = {"epochs": 1, "steps": 1, "batch_size": 10}
    plain, sam = (
        kept(final(cohort_with(cohort(["sgd"], **settings, **more), normed)))
        for more in ({}, {"sam": SAM(rho=0.5)})
    )
    assert np.array_equal(plain["statistics"], sam["statistics"])
    assert not np.array_equal(plain["parameters"], sam["parameters"])
    settings = {"batch_size": 10, "average": SWA(start=0, every=1)}
    moments = []
    for steps in (1, 2, 3):
        made = cohort_with(cohort(["sgd"], steps=steps, **settings), normed)
        moments.append(kept(final(made))["statistics"])
    assert kept(final(made))["average_statistics"] == pytest.approx(np.mean(moments, axis=0))
    assert kept(final(made))["best_statistics"] == pytest.approx(np.mean(moments, axis=0))


def test_the_model_is_the_point_until_something_is_averaged():
    settings = {"epochs": 4, "batch_size": 25, "average": SWA(start="2 epochs")}
    points, models = [], []
    for event in training.train_cohort(cohort(["adam"], **settings)):
        if isinstance(event, EpochEnded):
            points.append(event.state.parameters.buffer.copy())
            models.append(event.state.model.buffer.copy())
    assert all(np.array_equal(points[i], models[i]) for i in (0, 1, 2))
    assert models[3] == pytest.approx((points[2] + points[3]) / 2)


def test_regularization_is_taken_at_the_point_itself():
    """l2 adds its gradient at x, wherever the loss's is taken."""
    from optcli.training.settings import Regularization

    settings = {"steps": 1, "batch_size": "full", "hidden": ()}
    sgd = OPTIMIZERS.find("sgd")(lr=1.0)
    ends = [
        kept(final(cohort([sgd], regularization=Regularization(l2=l2), **settings, **sam)))
        for l2 in (0.0, 0.5)
        for sam in ({}, {"sam": SAM(rho=0.3)})
    ]
    plain, sharp, l2, both = (end["parameters"] for end in ends)
    assert l2 - plain == pytest.approx(both - sharp, abs=1e-14)
    assert not np.allclose(plain, sharp)


def test_training_metrics_and_losses_are_those_of_the_point_itself():
    """What is seen at x + e is not remembered."""
    settings = {"steps": 1, "epochs": 1, "batch_size": "full", "hidden": ()}
    rows = []
    for more in ({}, {"sam": SAM(rho=5.0)}):
        made = cohort(["sgd"], metrics=[METRICS.find("accuracy")()], **settings, **more)
        (event,) = (e for e in training.train_cohort(made) if isinstance(e, EpochEnded))
        rows.append((event.train_loss[0], event.train_metrics["accuracy"][0]))
        rows[-1] += (event.state.seen.copy().tobytes(),)
    assert rows[0] == rows[1]


def test_decoupled_decay_follows_the_scheduled_rate():
    """As adamw's own does."""
    settings = {"schedule": Falling(), "epochs": 4}
    ends = []
    for name, more in (
        ("adamw", {}),
        ("adam", {"weight_decay": 0.3, "decoupled_weight_decay": True}),
    ):
        keys = {"lr": 0.1} | ({"weight_decay": 0.3} if name == "adamw" else {})
        optimizer = OPTIMIZERS.find(name)(**keys)
        ends.append(kept(final(cohort([optimizer], **settings, **more)))["parameters"])
    assert ends[0] == pytest.approx(ends[1], rel=1e-13)


def test_a_schedule_may_move_the_decay():
    falling = Falling(of=("weight_decay",))
    ends = []
    for name, more in (("sgd", {"weight_decay": 0.3}), ("own", {})):
        keys = {"lr": 0.1} | ({"weight_decay": 0.3} if name == "own" else {})
        optimizer = OPTIMIZERS.find("sgd")(**keys)
        ends.append(kept(final(cohort([optimizer], schedule=falling, **more)))["parameters"])
    assert ends[0] == pytest.approx(ends[1], rel=1e-13)


def test_what_lives_across_steps_is_in_the_checkpoint():
    state = final(cohort(["adam"], **EVERYTHING))[-1].state
    assert isinstance(state, State)
    found = state.arrays()
    assert found["lookahead"] is state.lookahead.slow
    assert found["average"] is state.model.buffer
    assert "average_statistics" in found


def test_a_resumed_training_has_the_bits_of_one_that_never_stopped(monkeypatch):
    monkeypatch.setattr(loop, "PROGRESS_SECONDS", 0)  # a word after every step
    made = cohort(["adam", "momentum"], epochs=3, **EVERYTHING)
    stops, ends = [], None
    for event in training.train_cohort(made):
        arrays = {name: np.array(each) for name, each in event.state.arrays().items()}
        if isinstance(event, Progress | EpochEnded):
            stops.append(arrays)
        ends = arrays
    assert len(stops) >= 6
    for arrays in stops:
        (*_, event) = training.train_cohort(made, resume=arrays)
        for name, each in event.state.arrays().items():
            assert name == "seconds" or np.array_equal(each, ends[name], equal_nan=name == "norms")


# ---- in a config ---------------------------------------------------------------------

BASE = {
    "dataset": {"name": "blobs", "samples": 100},
    "model": "linear",
    "loss": "cross_entropy",
    "optimizer": "adam",
}


def checked(optimizer="adam", **keys):
    """The faults of a config with these keys of training."""
    try:
        optcli.check({**BASE, "optimizer": optimizer, "training": keys})
    except InvalidInput as error:
        return str(error)
    return ""


def test_a_config_resolves_to_itself():
    given = {"average": "swa", "sam": {}, "lookahead": {"alpha": 0.2}, "accumulate": 2}
    loaded = config.load({**BASE, "training": given})
    assert loaded.training.average == SWA()
    resolved = loaded.resolved()
    assert resolved["training"]["average"] == {"name": "swa", "start": 0.75, "every": "1 epoch"}
    assert config.load(resolved) == loaded
    assert checked(**given) == ""


FAULTS = {
    "training.accumulate: is 9; an epoch has 3 batches": {"accumulate": 9},
    "training.accumulate: is 2; a full batch leaves nothing to accumulate": {
        "accumulate": 2,
        "batch_size": "full",
    },
    "training.sam.rho: is 0; must be above 0": {"sam": {"rho": 0}},
    "training.sam: is true; must be a mapping with rho, adaptive": {"sam": True},
    "training.lookahead.alpha: is 2; must be in (0, 1]": {"lookahead": {"alpha": 2}},
    "training.average.name: unknown average 'emma'; did you mean 'ema'? (optcli list averages)": {
        "average": "emma"
    },
    "training.average.decay: is 1; must be in [0, 1)": {"average": {"name": "ema", "decay": 1}},
    "training.average: begins after 300 steps and averages every 1 epoch (3 steps), which never "
    "comes in the run's 300 steps": {"average": {"name": "swa", "start": 300}},
    "training.decoupled_weight_decay: is true, but there is no training.weight_decay to decouple": {
        "decoupled_weight_decay": True
    },
}


@for_each("message", FAULTS)
def test_what_is_wrong_is_said(message):
    assert checked(**FAULTS[message]) == message


def test_what_does_not_go_together_is_said():
    assert checked("adamw", weight_decay=0.1) == (
        "training.weight_decay: cannot be combined with adamw's own weight_decay; "
        "set only one (optimizer.weight_decay=0)"
    )
    for name, given in (("lookahead", {}), ("average", "ema")):
        assert checked("schedule_free_sgd", **{name: given}) == (
            f"training.{name}: does not go with schedule_free_sgd, which averages on its own"
        )
