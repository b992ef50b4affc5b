"""Oracles answer as torch does; the optimizers that ask keep their rules, and find the optimum."""

import dataclasses

import numpy as np
import pytest

from optcli import config as configs
from optcli.api.check import check
from optcli.api.trace import trace
from optcli.core.errors import InvalidInput
from optcli.data.batches import Batches, Source
from optcli.losses.base import LOSSES
from optcli.models import MLP, Linear
from optcli.objectives.base import OBJECTIVES
from optcli.optimizers.base import OPTIMIZERS, hessian_product
from optcli.schedules import SCHEDULES
from optcli.training import Replica, train_cohort
from optcli.training import trace as tracing
from optcli.training.oracles import OfModel
from optcli.training.settings import Regularization
from optcli.training.trace import TracedOptimizer
from tests.cohorts import cohort, data, final
from tests.for_each import for_each

L2 = 0.05
ROWS, FEATURES, CLASSES, BATCH = 22, 4, 3, 6


def find(name, **settings):
    return OPTIMIZERS.find(name)(**settings)


# ---- what the oracle says ----------------------------------------------------------------


def oracle_at(step, *, weighted, loss):
    """An oracle of two replicas with data of their own, at a step of the second epoch."""
    parts = [data(ROWS, FEATURES, CLASSES, seed=s, weighted=weighted).train for s in (0, 1)]
    prepared = data(ROWS, FEATURES, CLASSES, weighted=weighted)
    training = cohort(["sgd"] * 2, prepared=prepared)
    training = dataclasses.replace(training, model=MLP(hidden=(5,), activation="tanh"), loss=loss)
    sources = [Source(part, seed) for seed, part in enumerate(parts)]
    batches = Batches(sources, BATCH, shuffle=True)
    regularization = Regularization(l2=L2)
    architecture = training.architecture()
    asked = OfModel(
        architecture,
        loss,
        regularization,
        sources,
        slice(0, 2),
        batches,
        np.dtype(np.float64),
    )
    for number, batch in enumerate(batches.epoch(2)):
        if number == step:
            asked.see(2, batches.steps + step, batch)
            return asked, architecture.layout, [Source(p, s).part for s, p in enumerate(parts)]
    raise AssertionError


def with_torch(layout, part, rows, loss, *, penalty=True):
    """The loss of these rows, and their scores, as functions of the parameters (P,)."""
    import torch

    x, y = torch.tensor(part.x[rows]), torch.tensor(part.y[rows])
    weight = torch.ones(len(y)) if part.weight is None else torch.tensor(part.weight[rows])
    classes = torch.tensor(loss.class_weights or [1.0] * CLASSES, dtype=torch.float64)
    weight = weight * classes[y]

    def views(p):
        slices = layout.slices()
        return [p[slices[name]].reshape(shape) for name, shape in layout.shapes.items()]

    def scores(p):
        w1, b1, w2, b2 = views(p)
        return torch.tanh(x @ w1 + b1) @ w2 + b2

    def of_scores(s):
        each = torch.nn.functional.cross_entropy(s, y, reduction="none")
        return (each * weight).sum() / weight.sum()

    def of(p):
        w1, _, w2, _ = views(p)
        squares = (w1**2).sum() + (w2**2).sum() if penalty else 0.0
        return of_scores(scores(p)) + L2 / 2 * squares

    return of, of_scores, scores


LAST = -(-ROWS // BATCH) - 1  # a batch with fewer rows than the others


@pytest.mark.parametrize("step", [1, LAST])
@pytest.mark.parametrize(
    ("weighted", "class_weights"), [(False, None), (True, None), (True, (0.5, 2.0, 1.0))]
)
def test_the_oracle_says_what_torch_does(weighted, class_weights, step):
    torch = pytest.importorskip("torch")
    func = torch.func
    loss = LOSSES.find("cross_entropy")(class_weights=class_weights)
    asked, layout, parts = oracle_at(step, weighted=weighted, loss=loss)
    random = np.random.default_rng(3)
    x, v = random.standard_normal((2, 2, layout.size))
    found = {name: np.empty_like(x) for name in ("gradient", "full", "gauss", "hessian")}
    value = asked.gradient(x, found["gradient"])
    asked.full_gradient(x, found["full"])
    asked.gauss_newton(x, v, found["gauss"])
    hessian_product(asked, x, v, found["hessian"], np.empty_like(x), np.empty_like(x))
    rows, shares, shares_of_all = asked.rows()
    by_row = asked.row_gradients(x)

    for r, part in enumerate(parts):
        p, along = torch.tensor(x[r]), torch.tensor(v[r])
        of, of_scores, scores = with_torch(layout, part, rows[r], loss)
        of_all, _, _ = with_torch(layout, part, slice(None), loss)
        assert np.allclose(value[r], of(p), rtol=0, atol=1e-13)
        assert np.allclose(found["gradient"][r], func.grad(of)(p), rtol=0, atol=1e-13)
        assert np.allclose(found["full"][r], func.grad(of_all)(p), rtol=0, atol=1e-13)
        hessian = func.grad(lambda p, of=of, along=along: func.grad(of)(p) @ along)(p)
        assert np.allclose(found["hessian"][r], hessian, rtol=0, atol=1e-10)
        s, jacobian = scores(p), func.jacrev(scores)(p)
        curvature = func.jacrev(func.grad(of_scores))(s)
        gauss = torch.einsum("ncp,ncmd,mdq,q->p", jacobian, curvature, jacobian, along).numpy()
        for name, columns in layout.slices().items():
            if name.endswith("weight"):
                gauss[columns] += L2 * v[r, columns]
        assert np.allclose(found["gauss"][r], gauss, rtol=0, atol=1e-10)
        for row, slope in zip(rows[r], by_row[r], strict=True):
            alone, _, _ = with_torch(layout, part, [row], loss, penalty=False)
            assert np.allclose(slope, func.grad(alone)(p), rtol=0, atol=1e-13)
        plain, _, _ = with_torch(layout, part, rows[r], loss, penalty=False)
        assert np.allclose(shares[r] @ by_row[r], func.grad(plain)(p), rtol=0, atol=1e-13)
        counts = np.ones(ROWS) if part.weight is None else part.weight
        if class_weights:
            counts = counts * np.array(class_weights)[part.y]
        assert np.allclose(shares_of_all[r], (counts / counts.sum())[rows[r]], rtol=0, atol=1e-15)


def test_a_pass_over_all_rows_leaves_no_single_row_to_batch_norm(monkeypatch):
    """Of 257 rows the last would be normalized alone: to 0, with no gradient."""
    passes = []
    whole = OfModel._pass

    def watched(self, at, x, *rest, **more):
        passes.append(x.shape[1])
        return whole(self, at, x, *rest, **more)

    monkeypatch.setattr(OfModel, "_pass", watched)
    training = cohort(["svrg"], prepared=data(257, validation=0), epochs=1, batch_size=50)
    training = dataclasses.replace(training, model=MLP(hidden=(3,), batch_norm=True))
    *_, ended = final(training)
    assert ended.outcomes == ("completed",)
    assert passes[:2] == [255, 2]


# ---- the rules, written plainly ----------------------------------------------------------


class Softmax:
    """Softmax regression on rows in their order, with L2: gradients and Hessians by formula."""

    def __init__(self, part):
        self.rows = np.hstack([part.x, np.ones((len(part.x), 1))])
        self.right = np.eye(CLASSES)[part.y]
        self.decay = L2 * np.repeat([1, 1, 1, 1, 0], CLASSES)

    def probabilities(self, x):
        scores = np.exp(self.rows @ x.reshape(-1, CLASSES))
        return scores / scores.sum(axis=1, keepdims=True)

    def value(self, x, rows):
        scores = self.rows[rows] @ x.reshape(-1, CLASSES)
        highest = scores.max(axis=1)
        total = highest + np.log(np.exp(scores - highest[:, None]).sum(axis=1))
        return (total - (scores * self.right[rows]).sum(axis=1)).mean() + self.decay @ x**2 / 2

    def by_row(self, x):
        return np.einsum("ni,nc->nic", self.rows, self.probabilities(x) - self.right).reshape(
            len(self.rows), -1
        )

    def gradient(self, x, rows):
        return self.by_row(x)[rows].mean(axis=0) + self.decay * x

    def hessian(self, x, rows):
        p, a = self.probabilities(x)[rows], self.rows[rows]
        inner = np.einsum("nc,cd->ncd", p, np.eye(CLASSES)) - np.einsum("nc,nd->ncd", p, p)
        found = np.einsum("ni,nj,ncd->icjd", a, a, inner) / len(a)
        return found.reshape(len(x), len(x)) + np.diag(self.decay)


def newton(f, x, batches, lr, damping):
    """lr, damping: by step, as `lr` is in the rules that follow."""
    for rows, step, added in zip(batches, lr, damping, strict=True):
        g = f.gradient(x, rows)
        d = -np.linalg.solve(f.hessian(x, rows) + added * np.eye(len(x)), g)
        while f.value(x + step * d, rows) > f.value(x, rows) + 1e-4 * step * g @ d:
            step /= 2
        x = x + step * d
    return x


def svrg(f, x, batches, lr, epochs):
    for k, (rows, step) in enumerate(zip(batches, lr, strict=True)):
        if k % (4 * epochs) == 0:
            snapshot, full = x, f.gradient(x, slice(None))
        x = x - step * (f.gradient(x, rows) - f.gradient(snapshot, rows) + full)
    return x


def saga(f, x, batches, lr):
    table = np.zeros((ROWS, len(x)))
    for rows, step in zip(batches, lr, strict=True):
        new = f.by_row(x)[rows]
        v = (new - table[rows]).mean(axis=0) + table.mean(axis=0) + f.decay * x
        table[rows] = new
        x = x - step * v
    return x


RULES = {
    "newton": (newton, {"lr": 0.9, "damping": 0.1}),
    "newton-far": (newton, {"lr": 50.0, "damping": 0.01}),
    "gauss_newton": (newton, {"lr": 0.9, "damping": 0.1}),
    "svrg": (svrg, {"lr": 0.3, "epochs": 2}),
    "saga": (saga, {"lr": 0.2}),
}
MOVED = {case: ["", "lr", *(["damping"] if "newton" in case else [])] for case in RULES}
MOVED["newton-far"] = [""]


@pytest.mark.parametrize(("case", "moved"), [(case, of) for case in MOVED for of in MOVED[case]])
def test_equals_a_plain_transcription_of_its_rule_under_any_schedule(case, moved):
    rule, settings = RULES[case]
    prepared = data(ROWS, FEATURES, CLASSES, validation=0)
    schedule = SCHEDULES.find("cosine")(end=0.3, of=(moved,)) if moved else None
    fixed = {"hidden": (), "prepared": prepared, "regularization": Regularization(l2=L2)}
    optimizer = find(case.partition("-")[0], **settings)
    training = cohort(
        [optimizer], epochs=5, batch_size=BATCH, shuffle=False, schedule=schedule, **fixed
    )
    events = train_cohort(training)
    start = next(events).state.parameters.buffer[0].copy()
    *_, ended = events
    assert ended.outcomes == ("completed",)
    batches = [slice(start, start + BATCH) for start in range(0, ROWS, BATCH)] * 5
    wave = 0.3 + 0.7 * (1 + np.cos(np.pi * np.arange(20) / 20)) / 2
    steps = {
        name: value * (wave if name == moved else np.ones(20)) if name != "epochs" else value
        for name, value in settings.items()
    }
    expected = rule(Softmax(prepared.train), start, batches, **steps)
    assert np.abs(expected - start).max() > 0.1
    assert np.allclose(ended.state.parameters.buffer[0], expected, rtol=0, atol=1e-9)


# ---- the optimum -------------------------------------------------------------------------
# Epochs, settings, the rows of a batch, and how near the training loss comes.

OPTIMA = {
    "newton": (12, {}, "full", 1e-12),
    "gauss_newton": (12, {}, "full", 1e-12),
    "lbfgs": (300, {}, "full", 1e-10),
    "fista": (1000, {"lr": 0.5}, "full", 1e-10),
    "svrg": (300, {"lr": 0.3}, BATCH, 1e-10),
    "saga": (300, {"lr": 0.2}, BATCH, 1e-10),
}


def excess(name, epochs, settings, batch):
    """How far above the least loss an optimizer ends, that of scikit-learn being the least."""
    linear_model = pytest.importorskip("sklearn.linear_model")
    prepared = data(60, FEATURES, CLASSES, validation=0)
    regularization = Regularization(l2=L2)
    fixed = {"hidden": (), "prepared": prepared, "regularization": regularization}
    made = cohort([find(name, **settings)], epochs=epochs, batch_size=batch, **fixed)
    # lbfgs stops where a step changes little, which is not equally near from everywhere
    *_, ended = final(dataclasses.replace(made, model=Linear(init="lecun")))
    f = Softmax(prepared.train)
    solver = linear_model.LogisticRegression(C=1 / (60 * L2), tol=1e-12, max_iter=10_000)
    solver.fit(prepared.train.x, prepared.train.y)
    best = np.vstack([solver.coef_.T, solver.intercept_]).ravel()
    return f.value(ended.state.model.buffer[0], slice(None)) - f.value(best, slice(None))


@pytest.mark.parametrize("name", OPTIMA)
def test_finds_the_optimum_of_logistic_regression(name):
    epochs, settings, batch, near = OPTIMA[name]
    assert abs(excess(name, epochs, settings, batch)) < near


def test_plain_descent_on_batches_stays_in_a_cloud():
    assert excess("sgd", 300, {"lr": 0.3}, BATCH) > 1e-5


def test_newton_turns_away_from_a_saddle():
    entry = TracedOptimizer("newton", find("newton"))
    (path,) = tracing.trace(OBJECTIVES.find("saddle")(), [entry], steps=20).paths
    assert path.reached is not None


def test_svrg_takes_the_noise_out_of_a_noisy_quadratic():
    """Where `sgd` with the same rate stays in a cloud."""
    entries = [
        TracedOptimizer("svrg", find("svrg", lr=0.1)),
        TracedOptimizer("sgd", find("sgd", lr=0.1)),
    ]
    found = tracing.trace(OBJECTIVES.find("noisy_quadratic")(), entries, steps=500)
    svrg, sgd = sorted(found.paths, key=lambda path: path.label, reverse=True)
    assert svrg.distance[-1] < 1e-10
    assert sgd.distance[-1] > 1e-3


# ---- in company --------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_alone_and_in_company_give_the_same_bits(dtype):
    """Data, order and neighbours of their own, two of a kind, dropout, weights."""
    names = ["newton", "saga", "saga", "adam", "svrg", "svrg", "sophia", "gauss_newton", "newton"]
    prepared = [data(ROWS, seed=s, weighted=True, dtype=dtype) for s in range(len(names))]
    model = MLP(hidden=(3,), activation="tanh", dropout=0.2)

    def ends(rows):
        training = cohort(
            [names[r] for r in rows],
            prepared=[prepared[r] for r in rows],
            seeds=list(rows),
            regularization=Regularization(l2=0.01, l1=0.001),
            epochs=3,
            batch_size=BATCH,
            dtype=dtype,
        )
        *_, ended = final(dataclasses.replace(training, model=model))
        assert set(ended.outcomes) == {"completed"}
        return ended.state.model.buffer

    company = ends(range(len(names)))
    assert company.dtype == dtype
    for r in range(len(names)):
        assert np.array_equal(ends([r])[0], company[r]), names[r]


def test_a_diverged_neighbour_does_no_harm():
    """Of the same kind, from data that are not finite."""
    for name in ("newton", "gauss_newton", "svrg", "saga", "sophia"):
        good, bad = data(ROWS), data(ROWS, seed=1)
        bad.train.x[3] = np.inf
        *_, alone = final(cohort([name], prepared=[good], seeds=[0]))
        *_, both = final(cohort([name] * 2, prepared=[bad, good], seeds=[1, 0]))
        assert both.outcomes == ("diverged", "completed")
        assert np.array_equal(both.state.model.buffer[1], alone.state.model.buffer[0])


# ---- what is refused ---------------------------------------------------------------------


def refusal(**document):
    document = {"dataset": "blobs", "model": "linear", "loss": "cross_entropy"} | document
    with pytest.raises(InvalidInput) as error:
        check(document)
    (fault,) = error.value.faults
    return fault


@pytest.mark.parametrize("name", ["newton", "gauss_newton"])
def test_matrices_that_do_not_fit_are_refused_with_their_size(name):
    fault = refusal(model={"name": "mlp", "hidden": [20_000, 50]}, optimizer=name)
    assert fault.key == "optimizer"
    assert fault.message.startswith("needs about 8,992.4 GB of memory for 1,060,203 parameters; ")


def test_rows_one_by_one_and_batch_norm_are_refused():
    model = {"name": "mlp", "hidden": [4], "batch_norm": True}
    fault = refusal(model=model, optimizer="saga")
    assert str(fault.message) == "saga looks at rows one by one, batch norm at batches; use svrg"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gauss_newton", "needs the scores of a model; an objective has none; try newton"),
        ("saga", "needs the rows of a model; an objective has none; try svrg"),
    ],
)
def test_what_only_a_model_has_is_refused_on_an_objective(name, message):
    with pytest.raises(InvalidInput) as error:
        trace("rosenbrock", ["sgd", name])
    assert [(fault.key, fault.message) for fault in error.value.faults] == [(name, message)]


# ---- gradient evaluations ------------------------------------------------------------


def ended(rules, epochs=2, resume=None, stop=lambda: False, **training):
    """The end of a training of 20 rows in batches of 8: 3 steps an epoch, 3 parameters."""
    dataset = {"name": "linear", "samples": 20, "features": 2, "noise": 0.5}
    document = {"dataset": dataset, "split": {"validation": 0}, "model": "linear", "loss": "mse"}
    document |= {"optimizer": "sgd", "training": {"epochs": epochs, "batch_size": 8} | training}
    task = configs.load(document).task()
    data = task.prepare(task.table())
    cohort = task.cohort([Replica(rule, data, seed) for seed, rule in enumerate(rules)])
    *_, last = train_cohort(cohort, resume=resume, stop=stop)
    return last


@for_each(
    ("name", "settings", "training", "count"),
    [
        ("adam", {}, {}, 6),
        ("lbfgs", {}, {}, 6),
        ("adam", {}, {"sam": {"rho": 0.05}}, 2 * 6),
        ("adam", {}, {"batch_size": 4, "accumulate": 2}, 6),  # two pieces make a batch
        ("saga", {}, {}, 6 + 6),  # the gradient of each row besides
        ("svrg", {"epochs": 1}, {}, 6 + 6 + 2 * 3),  # at the snapshot, and all rows twice
        ("svrg", {"epochs": 2}, {}, 6 + 6 + 3),
        ("svrg", {"epochs": 1}, {"sam": {"rho": 0.05}}, 2 * 6 + 6 + 2 * 3),
        ("sophia", {"frequency": 4}, {}, 6 + 2 * 4),  # a Hessian product of four gradients
        ("sophia", {"frequency": 1}, {}, 6 + 6 * 4),
        # 3 Hessian products, and a line search that takes the first step: at x and beyond
        ("newton", {"lr": 0.1}, {}, 6 * (1 + 3 * 4 + 2)),
        # a product is five forward passes and one backward
        ("gauss_newton", {"lr": 0.1}, {}, 6 * (1 + 3 * 3 + 2)),
    ],
)
def test_gradient_evaluations_are_those_counted_by_hand(name, settings, training, count):
    rule = find(name, **settings)
    last = ended([rule, find("sgd")], **training)
    plain = 6 * (2 if "sam" in training else 1)
    assert last.gradient_evaluations.tolist() == [count, plain]


def test_a_replica_counts_the_same_in_company_however_long_others_search():
    rules = [find("newton", lr=lr) for lr in (1.0, 30.0, 1000.0)]
    alone = [
        ended([*[find("sgd")] * seed, rule]).gradient_evaluations[-1]
        for seed, rule in enumerate(rules)
    ]
    together = ended(rules).gradient_evaluations.tolist()
    assert together == alone
    assert together[0] < together[1] < together[2]


def test_what_a_diverged_replica_counts_ends_with_it():
    """It is found 6 steps after it diverged, at the end of the epoch."""
    rules = [find("svrg", lr=lr, epochs=1) for lr in (1e30, 0.01)]
    last = ended(rules, epochs=3)
    steps = int(last.steps[0])
    assert last.outcomes == ("diverged", "completed")
    assert steps < 3
    assert last.gradient_evaluations.tolist() == [2 * steps + 3, 9 + 9 + 9]


@pytest.mark.parametrize("name", ["svrg", "newton"])
def test_a_resumed_run_goes_on_counting(name):
    rules = [find(name, lr=0.1), find("sgd")]
    whole = ended(rules)
    part = ended(rules, stop=iter([False, True]).__next__)
    assert 0 < part.steps[0] < 6
    kept = {name: array.copy() for name, array in part.state.arrays().items()}
    kept |= {"outcomes": np.array(["", ""], "U16")}
    assert ended(rules, resume=kept).gradient_evaluations.tolist() == (
        whole.gradient_evaluations.tolist()
    )
    # a checkpoint of an earlier version does not have the number
    old = {name: array for name, array in kept.items() if "oracle" not in name}
    assert np.isnan(ended(rules, resume=old).gradient_evaluations[0])
