"""What work costs, counted in NumPy calls and in bytes: on a busy machine clocks prove nothing.

A number here may fall, and is then written anew; where it grows, something is done twice.
"""

import sys
import tracemalloc

import numpy as np
import pytest

import optcli
from optcli.core.randomness import generator
from optcli.layers.initializers import PIECE, draw
from optcli.storage import files
from optcli.training.loop import Trainer
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


@pytest.mark.parametrize(("optimizer", "most"), [("sgd", 46), ("adam", 56)])
def test_calls_of_a_step(calls, optimizer, most):
    made = cohort([optimizer], hidden=(8, 8), batch_size=8)
    trainer = Trainer(made)
    batches = trainer.batches.epoch(1)
    trainer._plan(4)
    trainer._steps(batches, 0, 1, 100)
    assert calls(lambda: trainer._steps(batches, 1, 1, 100)) <= most


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
