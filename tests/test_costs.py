"""What work costs, counted in NumPy calls and in bytes: on a busy machine clocks prove nothing.

A number here may fall, and is then written anew; where it grows, something is done twice.
"""

import sys
import tracemalloc

import numpy as np
import pytest

import optcli
from optcli import config
from optcli.comparison.trials import Job, Measure, Trial, train
from optcli.core.inputs import Inputs
from optcli.core.randomness import generator
from optcli.gradients.case import Case
from optcli.gradients.check import How
from optcli.gradients.model_cases import point
from optcli.gradients.networks import FixedBatch, NetworkFunction
from optcli.layers.initializers import PIECE, draw
from optcli.losses.base import LOSSES
from optcli.models import MLP, Architecture
from optcli.optimizers.adam import Adam
from optcli.optimizers.sgd import SGD
from optcli.storage import files
from optcli.training.loop import Trainer
from optcli.training.settings import Regularization
from tests.cohorts import cohort


class Counted:
    """A function of NumPy that counts its calls, and those of its methods (`np.add.reduce`)."""

    def __init__(self, function, counts):
        self.function, self.counts = function, counts

    def __call__(self, *given, **named):
        self.counts.append(self.function.__name__)
        return self.function(*given, **named)

    def __getattr__(self, name):
        found = getattr(self.function, name)
        return Counted(found, self.counts) if callable(found) else found


@pytest.fixture
def calls(monkeypatch):
    """Counts the calls of ufuncs, products, copies and methods of arrays while a function runs.

    All that is bound to NumPy's functions must be made after this fixture.
    """
    counts = []
    ufuncs = [name for name, found in vars(np).items() if isinstance(found, np.ufunc)]
    for name in [*ufuncs, "dot", "copyto"]:
        monkeypatch.setattr(np, name, Counted(getattr(np, name), counts))

    def method(_, event, function):
        if event == "c_call" and isinstance(getattr(function, "__self__", None), np.ndarray):
            counts.append(function.__name__)

    def count(run):
        counts.clear()
        sys.setprofile(method)
        try:
            run()
        finally:
            sys.setprofile(None)
        return len(counts)

    return count


@pytest.mark.parametrize(("optimizer", "most"), [("sgd", 36), ("adam", 46)])
def test_calls_of_a_step(calls, optimizer, most):
    made = cohort([optimizer], hidden=(8, 8), batch_size=8)
    trainer = Trainer(made)
    batches = trainer.batches.epoch(1)
    trainer._plan(4)
    trainer._steps(batches, 0, 1, 100)
    assert calls(lambda: trainer._steps(batches, 1, 1, 100)) <= most


def near(found, pinned):
    """Whether it is no more than what is pinned, nor so much less that this should be pinned."""
    print(f"{found}, pinned {pinned}")
    return 0.9 * pinned < found <= pinned


def peak(run):
    """Bytes allocated at most while a function runs."""
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_arrays_are_written_and_read_without_a_copy_of_the_file(tmp_path):
    given = {"a": np.zeros(3_000_000), "b": np.arange(3_000_000.0), "c": np.zeros((0, 2))}
    given |= {"d": np.array(3.0), "e": np.array(["", "three"]), "f": np.ones((3, 2), ">i2", "F")}
    assert peak(lambda: files.write_arrays(tmp_path / "a.npz", given, {"n": 1})) < 1e6
    found = []
    whole = sum(array.nbytes for array in given.values())
    assert peak(lambda: found.extend(files.read_arrays(tmp_path / "a.npz"))) < whole + 4e6
    arrays, description = found
    assert description == {"n": 1}
    for name, array in given.items():
        assert arrays[name].dtype == array.dtype, name
        assert np.array_equal(arrays[name], array), name


def test_training_holds_five_arrays_of_the_size_of_the_parameters(tmp_path):
    """Parameters, gradients, Adam's two moments and the best; bytes of each parameter."""

    def train(units):
        config = {
            "dataset": {"name": "blobs", "samples": 60},
            "model": {"name": "mlp", "hidden": [units, units]},
            "loss": "cross_entropy",
            "optimizer": "adam",
            "training": {"epochs": 2, "batch_size": 32},
        }
        return optcli.train(config, out=tmp_path / "run", overwrite=True, plots=False)

    train(2)  # so that all is imported
    least, most = peak(lambda: train(2)), peak(lambda: train(1000))
    parameters = optcli.load(tmp_path / "run").summary["parameters"]
    assert (most - least) / parameters < 23


@pytest.mark.parametrize("name", ["he", "he_uniform"])
def test_weights_are_drawn_piece_by_piece(name):
    weight = np.empty((1000, 700), np.float32)
    assert peak(lambda: draw(name, weight, 1000, 700, generator(0, "init"))) < 20 * PIECE
    random = generator(0, "init")
    deviation = (2 / 1000) ** 0.5
    whole = (
        random.standard_normal(weight.shape) * deviation
        if name == "he"
        else random.uniform(-deviation * 3**0.5, deviation * 3**0.5, weight.shape)
    )
    assert np.allclose(weight, whole, rtol=1e-6, atol=0)


# ---- many runs, and gradcheck ---------------------------------------------------------------


def runs_together(rates, epochs):
    """Train runs of two seeds and so many learning rates, by two optimizers."""
    values = {
        "dataset": {"name": "blobs", "samples": 100, "classes": 3},
        "split": {"test": 0},
        "model": {"name": "mlp", "hidden": [8, 8]},
        "loss": "cross_entropy",
        "optimizer": "sgd",
        "training": {"epochs": epochs, "batch_size": 20},
    }
    runs = [
        Trial(rule.name, rule(lr=0.01 * (i + 1)), seed)
        for rule in (SGD, Adam)
        for i in range(rates)
        for seed in (0, 1)
    ]
    job = Job(config.load(values).task(), tuple(runs), Measure(rows="validation"), fixed_split=True)
    return lambda: train(job)


def test_calls_of_a_cohorts_epoch(calls):
    """Of four steps, validation, metrics and cross-fit folds: as many for any number of runs."""
    runs_together(2, 2)()  # so that all is imported
    epochs = {
        rates: calls(runs_together(rates, 3)) - calls(runs_together(rates, 2)) for rates in (2, 6)
    }
    assert near(epochs[2], 279)
    assert epochs[6] == epochs[2]


def test_bytes_of_a_run_in_a_cohort():
    runs_together(2, 2)()
    few, many = peak(runs_together(4, 2)), peak(runs_together(20, 2))
    assert near((many - few) / 64, 19_000)


def checked(units):
    """Check the gradient of a network, by differences and complex steps."""
    architecture = Architecture(MLP(hidden=(units,)), Inputs(4), 3)
    random = generator(0, "gradcheck")
    x, y = random.standard_normal((8, 4)), random.integers(3, size=8)
    batch, loss = FixedBatch(x, y, None), LOSSES.find("cross_entropy")()
    place = point(architecture, random)
    function = NetworkFunction(architecture, place, loss, batch, Regularization(), 0)
    return lambda: Case("net", function, analytic=True).check(How(), "net")


def test_calls_of_gradcheck(calls):
    """Many entries are moved at once: four times as many parameters take hardly more calls."""
    checked(4)()  # so that all is imported
    assert near(calls(checked(4)), 500)
    assert near(calls(checked(16)), 500)


def test_bytes_of_gradcheck():
    checked(4)()
    assert near(peak(checked(16)), 400_000)
