"""Laws that every optimizer keeps, and what each is equal to."""

import dataclasses
import tracemalloc

import numpy as np
import pytest

from optcli.optimizers.base import OPTIMIZERS, Stepper

# Settings off the defaults, for every registered optimizer.
CASES = {
    "sgd": {"lr": 0.1},
    "sgd-momentum": {"lr": 0.1, "momentum": 0.8, "dampening": 0.2, "weight_decay": 0.05},
    "sgd-nesterov": {"lr": 0.1, "momentum": 0.7, "nesterov": True},
    "momentum": {"lr": 0.02, "momentum": 0.7, "weight_decay": 0.1},
    "adagrad": {"lr": 0.2, "lr_decay": 0.1, "eps": 1e-5, "initial_accumulator_value": 0.3},
    "adam": {"lr": 0.05, "beta1": 0.8, "beta2": 0.95, "eps": 1e-5, "weight_decay": 0.1},
}


def make(case):
    return OPTIMIZERS.find(case.partition("-")[0])(**CASES[case])


def walk(optimizers, x, gradients, *, tile=32_768, plan=None):
    """The parameters after each gradient in turn, planned `plan` steps at a time."""
    x, g = x.copy(), np.empty_like(x)
    stepper = Stepper(optimizers, x, g, tile)
    plan = plan or len(gradients)
    lr = np.array([[optimizer.lr for optimizer in optimizers]])
    for first in range(0, len(gradients), plan):
        count = min(plan, len(gradients) - first)
        stepper.plan(first + 1, np.repeat(lr, count, axis=0))
        for k in range(count):
            g[:] = gradients[first + k]
            stepper.step(k)
            assert np.array_equal(g, gradients[first + k]), "the gradient is untouched"
    return x


def problem(replicas, parameters, steps=20, dtype=np.float64):
    random = np.random.default_rng(0)
    x = random.standard_normal((replicas, parameters)).astype(dtype)
    return x, random.standard_normal((steps, replicas, parameters)).astype(dtype)


def test_every_optimizer_has_a_case():
    assert {case.partition("-")[0] for case in CASES} == set(OPTIMIZERS.names())


# ---- each against its rule, written plainly --------------------------------------------


def sgd(x, gradients, lr, momentum=0, dampening=0, weight_decay=0, nesterov=False):
    b = None
    for g in gradients:
        g = g + weight_decay * x
        b = g if b is None else momentum * b + (1 - dampening) * g
        x = x - lr * (g + momentum * b if nesterov else b if momentum else g)
    return x


def momentum(x, gradients, lr, momentum, weight_decay=0):
    v = 0
    for g in gradients:
        v = momentum * v - lr * (g + weight_decay * x)
        x = x + v
    return x


def adagrad(x, gradients, lr, lr_decay, eps, initial_accumulator_value):
    total = initial_accumulator_value
    for t, g in enumerate(gradients):
        total = total + g**2
        x = x - lr / (1 + t * lr_decay) * g / (np.sqrt(total) + eps)
    return x


def adam(x, gradients, lr, beta1, beta2, eps, weight_decay):
    m = v = 0
    for t, g in enumerate(gradients, 1):
        g = g + weight_decay * x
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        x = x - lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps)
    return x


@pytest.mark.parametrize("case", CASES)
def test_equals_a_plain_transcription_of_its_rule(case):
    rule = {"sgd": sgd, "momentum": momentum, "adagrad": adagrad, "adam": adam}
    x, gradients = problem(1, 11, steps=100)
    expected = rule[case.partition("-")[0]](x, gradients, **CASES[case])
    assert np.allclose(walk([make(case)], x, gradients), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_equals_torch(case):
    torch = pytest.importorskip("torch")
    name, settings = case.partition("-")[0], dict(CASES[case])
    if "beta1" in settings:
        settings["betas"] = (settings.pop("beta1"), settings.pop("beta2"))
    rule = {"adagrad": torch.optim.Adagrad, "adam": torch.optim.Adam}.get(name, torch.optim.SGD)
    x, gradients = problem(1, 11, steps=100)
    theirs = torch.tensor(x, requires_grad=True)
    optimizer = rule([theirs], **settings)
    for g in gradients:
        theirs.grad = torch.tensor(g)
        optimizer.step()
    ours = walk([make(case)], x, gradients)
    assert np.allclose(ours, theirs.detach().numpy(), rtol=0, atol=1e-10)


# ---- laws ------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES)
def test_any_tile_and_any_plan_give_the_same_bits(case, dtype):
    x, gradients = problem(3, 50, dtype=dtype)
    expected = walk([make(case)] * 3, x, gradients)
    assert expected.dtype == dtype
    for tile in (1, 7, 50, 51, 100, 149, 150):
        assert np.array_equal(walk([make(case)] * 3, x, gradients, tile=tile), expected)
    for plan in (1, 2, 3, 7):
        assert np.array_equal(walk([make(case)] * 3, x, gradients, plan=plan), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_alone_in_company_and_permuted_give_the_same_bits(dtype):
    random = np.random.default_rng(1)
    optimizers = [
        dataclasses.replace(make(case), lr=float(lr))
        for case in CASES
        for lr in random.uniform(0.001, 0.3, 5)
    ]
    x, gradients = problem(len(optimizers), 33, dtype=dtype)
    company = walk(optimizers, x, gradients)
    for row, optimizer in enumerate(optimizers):
        alone = walk([optimizer], x[row : row + 1], gradients[:, row : row + 1])
        assert np.array_equal(alone[0], company[row]), optimizer
    order = random.permutation(len(optimizers))
    permuted = walk([optimizers[i] for i in order], x[order], gradients[:, order])
    assert np.array_equal(permuted, company[order])


@pytest.mark.parametrize("case", CASES)
def test_a_step_allocates_nothing_of_the_size_of_the_parameters(case):
    x, gradients = problem(1, 200_000, steps=1)
    g = gradients[0]
    stepper = Stepper([make(case)], x, g)
    stepper.plan(1, np.full((3, 1), 0.1))
    stepper.step(0)
    tracemalloc.start()
    stepper.step(1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000


@pytest.mark.parametrize(
    ("name", "lr"), [("sgd", 0.1), ("momentum", 0.02), ("adagrad", 0.5), ("adam", 0.05)]
)
def test_finds_the_bottom_of_a_parabola_in_a_thousand_steps(name, lr):
    x, g = np.array([[3.0, -2.0]]), np.empty((1, 2))
    stepper = Stepper([OPTIMIZERS.find(name)(lr=lr)], x, g)
    stepper.plan(1, np.full((1000, 1), lr))
    for k in range(1000):
        np.multiply(x, [1.0, 4.0], out=g)
        stepper.step(k)
    assert np.abs(x).max() < 1e-6
