"""Laws of training: bits, allocation, outcomes, what is measured when."""

import dataclasses
import tracemalloc

import numpy as np
import pytest

from optcli import training
from optcli.core.events import EpochEnded
from optcli.core.inputs import Inputs
from optcli.core.parameters import Parameters
from optcli.metrics import METRICS
from optcli.models import Architecture, predict
from optcli.optimizers.base import OPTIMIZERS
from optcli.schedules.cosine import Cosine
from optcli.training import loop, train_cohort
from optcli.training.settings import EarlyStopping, Lookahead, Regularization
from tests.cohorts import cohort, data, final
from tests.for_each import for_each

KINDS = {"cross_entropy": "classes", "binary_cross_entropy": "labels", "mse": "values"}
ACCURACY = METRICS.find("accuracy")()


def mixed(count, first=0):
    """Optimizers of all kinds with learning rates of their own, from the first of the list on."""
    random = np.random.default_rng(0)
    names = OPTIMIZERS.names()
    return [
        OPTIMIZERS.find(names[(first + i) % len(names)])(lr=float(random.uniform(0.001, 0.1)))
        for i in range(count)
    ]


def epochs(events):
    return [event for event in events if isinstance(event, EpochEnded)]


def last(events):
    return events[-1].state.parameters.buffer


@pytest.mark.parametrize("loss", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_same_twice(loss, dtype):
    first, second = (final(cohort(["adam"], loss=loss, dtype=dtype)) for _ in range(2))
    assert np.array_equal(last(first), last(second))
    assert last(first).dtype == dtype
    for one, other in zip(epochs(first), epochs(second), strict=True):
        assert one.row() | {"seconds": 0} == other.row() | {"seconds": 0}


@pytest.mark.parametrize("hidden", [(), (8,), (32, 5)])
@pytest.mark.parametrize("loss", KINDS)
def test_a_replica_has_the_same_bits_among_thirty_others(loss, hidden):
    # each case has others of all optimizers, and holds other rows of the company to it
    turn = 3 * len(hidden) + list(KINDS).index(loss)
    dtype = (np.float32, np.float64)[turn % 2]
    optimizers = mixed(31, 7 * turn)
    seeds = [i // 4 for i in range(31)]
    settings = {"loss": loss, "dtype": dtype, "hidden": hidden, "clip_norm": 1.0, "epochs": 2}
    settings["regularization"] = Regularization(l2=0.01, l1=0.001)
    if loss != "mse":
        settings["metrics"] = [ACCURACY]
    company = final(cohort(optimizers, seeds=seeds, **settings))
    for r in range(turn % 7, 31, 7):
        alone = final(cohort(optimizers[r : r + 1], seeds=seeds[r : r + 1], **settings))
        assert np.array_equal(last(alone)[0], last(company)[r])
        assert np.array_equal(alone[-1].state.best[0], company[-1].state.best[r])
        for one, all_ in zip(epochs(alone), epochs(company), strict=True):
            assert one.row() | {"seconds": 0} == all_.row(r) | {"seconds": 0}


def test_splits_of_their_own_do_not_change_a_replica():
    splits = [data(seed=seed) for seed in range(5)]
    company = final(cohort(["adam"] * 5, prepared=splits, seeds=[3] * 5))
    for r in range(5):
        alone = final(cohort(["adam"], prepared=splits[r], seeds=[3]))
        assert np.array_equal(last(alone)[0], last(company)[r])


def test_the_length_of_a_plan_does_not_matter(monkeypatch):
    expected = final(cohort(["adam"], schedule=Cosine(warmup=0.2)))
    for steps in (1, 2, 3):
        monkeypatch.setattr(loop, "PLANNED_STEPS", steps)
        events = final(cohort(["adam"], schedule=Cosine(warmup=0.2)))
        assert np.array_equal(last(events), last(expected))
        for one, other in zip(epochs(events), epochs(expected), strict=True):
            assert one.row() | {"seconds": 0} == other.row() | {"seconds": 0}


def test_nor_does_the_size_of_a_block(monkeypatch):
    from optcli.data import batches

    expected = last(final(cohort(["adam", "sgd"], seeds=[1, 2])))
    monkeypatch.setattr(batches, "BLOCK_BYTES", 1)
    assert np.array_equal(last(final(cohort(["adam", "sgd"], seeds=[1, 2]))), expected)


# tests of the optimizers hold each of them to this; here are one of every build
@for_each("optimizer", ["sgd", "momentum", "adagrad", "adam", "lamb", "prodigy"])
@for_each("loss", KINDS)
@for_each(("batch", "hidden"), [(16_384, (8,)), (64, (512, 512))])
def test_a_step_allocates_nothing_of_the_size_of_parameters_or_batch(
    optimizer, loss, batch, hidden
):
    prepared = data(4 * batch, 4, 3, KINDS[loss], validation=0)
    settings = {"hidden": hidden, "batch_size": batch, "loss": loss, "prepared": prepared}
    decay = Regularization(l2=1e-4, l1=1e-5)
    trainer = training.Trainer(cohort([optimizer], regularization=decay, **settings))
    batches = trainer.batches.epoch(1)
    trainer._plan(4)
    trainer._steps(batches, 0, 1, 4)
    tracemalloc.start()
    trainer._steps(batches, 1, 2, 4)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # NumPy's own buffer takes 64 KiB; one number for each row of the batch, 128 KiB
    assert peak < 100_000


def test_training_loss_is_that_of_the_batches_as_they_were_seen():
    prepared = data(50, validation=0)
    settings = {"prepared": prepared, "shuffle": False, "epochs": 1, "hidden": ()}
    (event,) = epochs(final(cohort([OPTIMIZERS.find("sgd")(lr=0.5)], **settings)))
    W, b, total, right = np.zeros((4, 3)), np.zeros(3), 0.0, 0
    architecture = Architecture(cohort(["sgd"], **settings).model, Inputs(4), 3)
    row = np.zeros(architecture.layout.size)
    architecture.initialize(row, 0)
    W, b = row[:12].reshape(4, 3).copy(), row[12:].copy()
    for start in range(0, 50, 16):  # the last batch has 2 rows and is averaged over them
        x, y = prepared.train.x[start : start + 16], prepared.train.y[start : start + 16]
        scores = x @ W + b
        p = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
        total -= np.log(p[np.arange(len(y)), y]).sum()
        right += (scores.argmax(1) == y).sum()
        p[np.arange(len(y)), y] -= 1
        W -= 0.5 * x.T @ p / len(y)
        b -= 0.5 * p.mean(0)
    assert event.train_loss[0] == pytest.approx(total / 50, rel=1e-12)
    (measured,) = epochs(
        final(cohort([OPTIMIZERS.find("sgd")(lr=0.5)], metrics=[ACCURACY], **settings))
    )
    assert measured.train_metrics["accuracy"][0] == right / 50


def test_weights_count_as_repeated_rows_do():
    prepared = data(12, validation=0)
    twice = np.repeat(np.arange(12), np.arange(12) % 3 + 1)
    repeated = dataclasses.replace(
        prepared,
        train=type(prepared.train)(prepared.train.x[twice], prepared.train.y[twice]),
    )
    weighted = dataclasses.replace(
        prepared,
        train=dataclasses.replace(prepared.train, weight=np.arange(12) % 3 + 1.0),
    )
    one, other = (
        final(cohort(["sgd"], prepared=p, batch_size="full", shuffle=False))
        for p in (weighted, repeated)
    )
    assert np.allclose(last(one), last(other), rtol=0, atol=1e-14)
    assert epochs(one)[-1].train_loss[0] == pytest.approx(
        epochs(other)[-1].train_loss[0], rel=1e-13
    )


def test_regularization_reaches_weights_and_not_biases():
    settings = {"hidden": (), "batch_size": "full", "epochs": 1, "shuffle": False}
    sgd = OPTIMIZERS.find("sgd")(lr=1.0)
    plain = final(cohort([sgd], **settings))
    state = plain[-1].state
    start = np.empty_like(state.parameters.buffer)
    state.architecture.initialize(start[0], 0)
    both = final(cohort([sgd], regularization=Regularization(l2=0.1, l1=0.01), **settings))
    pull = last(plain) - last(both)
    assert np.allclose(pull[0, :12], 0.1 * start[0, :12] + 0.01 * np.sign(start[0, :12]))
    assert state.architecture.weights() == ["dense1.weight"]
    assert epochs(both)[0].train_loss == epochs(plain)[0].train_loss, "it is left out of the loss"


def test_clipping_by_norm_is_torch_s():
    settings = {"hidden": (), "batch_size": "full", "epochs": 1, "shuffle": False}
    sgd = OPTIMIZERS.find("sgd")(lr=1.0)
    free, held = final(cohort([sgd], **settings)), final(cohort([sgd], clip_norm=0.1, **settings))
    norm = epochs(free)[0].gradient_norm[0]
    assert epochs(held)[0].gradient_norm[0] == norm, "it is measured before clipping"
    assert epochs(held)[0].update_norm[0] == pytest.approx(norm * 0.1 / (norm + 1e-6), rel=1e-12)


def test_a_diverging_replica_does_no_harm():
    wild = OPTIMIZERS.find("sgd")(lr=1e150)
    tame = OPTIMIZERS.find("sgd")(lr=0.1)
    settings = {"loss": "mse", "epochs": 4}
    events = final(cohort([tame, wild, tame], **settings))
    assert events[-1].outcomes == ("completed", "diverged", "completed")
    alone = final(cohort([tame], **settings))
    assert np.array_equal(last(events)[[0, 2]], np.repeat(last(alone), 2, axis=0))
    assert np.isfinite(events[-1].state.best).all()


def test_a_replica_that_diverges_alone_ends_the_training():
    events = final(cohort([OPTIMIZERS.find("sgd")(lr=1e150)], loss="mse", epochs=50))
    assert events[-1].outcomes == ("diverged",)
    assert events[-1].steps[0] < 50
    assert np.isfinite(events[-1].state.best).all()


@pytest.mark.parametrize("settings", [{}, {"lookahead": Lookahead(every=2)}])
def test_where_an_epoch_s_last_step_diverges_the_norm_is_that_of_its_gradient(settings):
    made = cohort([OPTIMIZERS.find("sgd")(lr=1e200)], batch_size="full", clip_norm=0.1, **settings)
    ended = final(made)[-1]
    assert ended.outcomes == ("diverged",)
    assert ended.state.norms[0, 0] == pytest.approx(0.1, rel=1e-5)


def test_best_is_the_lowest_validation_loss_and_the_first_of_equals():
    events = final(cohort([OPTIMIZERS.find("adam")(lr=0.3)], epochs=20))
    losses = [event.validation_loss[0] for event in epochs(events)]
    assert events[-1].best_epoch[0] == int(np.argmin(losses)) + 1
    assert [bool(e.best[0]) for e in epochs(events)] == [
        loss < min(losses[:i], default=np.inf) for i, loss in enumerate(losses)
    ]
    prepared = cohort(["adam"]).replicas[0].data.validation
    state = events[-1].state
    parameters = Parameters(state.architecture.layout, state.best)
    scores = predict(state.architecture, parameters, prepared.x)[0]
    p = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    loss = -np.log(p[np.arange(len(p)), prepared.y]).mean()
    assert loss == pytest.approx(min(losses), rel=1e-12)


def test_without_validation_the_last_state_is_the_model():
    events = final(cohort(["adam"], prepared=data(validation=0)))
    assert np.array_equal(events[-1].state.best, last(events))
    assert epochs(events)[0].validation_loss is None


def test_early_stopping_waits_for_its_patience():
    rule = EarlyStopping(patience=3)
    events = final(cohort([OPTIMIZERS.find("adam")(lr=0.3)], epochs=200, early_stopping=rule))
    losses = [event.validation_loss[0] for event in epochs(events)]
    assert events[-1].outcomes == ("stopped_early",)
    assert len(losses) == int(np.argmin(losses)) + 1 + 3
    assert min(losses[-3:]) >= min(losses[:-3])


def test_steps_end_in_the_middle_of_an_epoch():
    events = final(cohort(["sgd"], steps=6, metrics=[ACCURACY]))  # four steps an epoch
    assert [event.step for event in epochs(events)] == [4, 6]
    assert events[-1].steps[0] == 6


def test_a_time_limit_ends_a_training_of_short_epochs():
    events = final(cohort(["sgd"], epochs=10**7, time_limit=0.05))
    assert events[-1].outcomes == ("timed_out",)
    assert events[-1].seconds < 0.5
    assert np.isfinite(events[-1].state.best).all()


def test_a_schedule_is_followed_and_recorded():
    events = final(cohort([OPTIMIZERS.find("sgd")(lr=0.5)], schedule=Cosine(), epochs=3))
    expected = [0.5 * 0.5 * (1 + np.cos(np.pi * (step - 1) / 12)) for step in (4, 8, 12)]
    assert [event.lr[0] for event in epochs(events)] == pytest.approx(expected, rel=1e-14)


def test_an_epoch_visits_every_row_once():
    batches = training.Trainer(cohort(["sgd"], batch_size=16)).batches
    orders = [np.concatenate([b.x[0].copy() for b in batches.epoch(n)]) for n in (1, 2)]
    rows = cohort(["sgd"]).replicas[0].data.train.x
    for order in orders:
        assert np.array_equal(np.sort(order, axis=0), np.sort(rows, axis=0))
    assert not np.array_equal(*orders)


def test_seeds_give_orders_and_weights_of_their_own():
    batches = training.Trainer(cohort(["sgd"] * 2, seeds=[0, 1])).batches
    first = next(iter(batches.epoch(1)))
    assert not np.array_equal(first.x[0], first.x[1])
    state = training.Trainer(cohort(["sgd"] * 2, seeds=[0, 1], hidden=(4, 4))).state
    assert not np.array_equal(*state.parameters.buffer)
    first, second = (state.parameters.views[f"dense{i}.weight"][0] for i in (1, 2))
    assert not np.array_equal(first, second), "layers of one shape start differently"


def test_of_equal_epochs_the_first_is_the_best():
    events = final(cohort([OPTIMIZERS.find("sgd")(lr=1e-300)], epochs=3))
    assert events[-1].best_epoch[0] == 1


def test_a_closed_generator_leaves_nothing_running():
    events = train_cohort(cohort(["sgd"]))
    next(events)
    events.close()
