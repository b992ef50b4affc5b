"""Checkpoints of version 0.1: what was kept as m/(1 − β) goes on as m."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

from optcli import files, run
from optcli.cli.main import run as command
from optcli.errors import InvalidInput
from optcli.optimizers.base import OPTIMIZERS
from optcli.schedules.base import SCHEDULES
from optcli.training import formats

LEFT = Path(__file__).parent / "v0_1" / "train"
NAMES = sorted(path.name.removesuffix("-whole") for path in LEFT.glob("*-whole"))


def rows(folder):
    with (folder / "history.csv").open() as lines:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(lines)]


def near(found, expected):
    return np.allclose(found, expected, rtol=1e-12, atol=1e-15)


def test_every_rule_whose_state_changed_has_a_run_of_version_0_1():
    assert set(formats.DIVIDED) <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_interrupted_run_of_version_0_1_ends_where_its_whole_run_ended(name, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(LEFT / f"{name}-interrupted", folder)
    run.resume(folder, plots=False)
    found, expected = rows(folder), rows(LEFT / f"{name}-whole")
    assert len(found) == len(expected) == 6
    for one, other in zip(found, expected, strict=True):
        assert one.keys() == other.keys()
        assert all(near(one[key], other[key]) for key in one.keys() - {"seconds"})
    model, _ = files.read_arrays(folder / "model.npz")
    whole, _ = files.read_arrays(LEFT / f"{name}-whole" / "model.npz")
    assert model.keys() == whole.keys()
    assert all(near(model[key], whole[key]) for key in whole)
    _, description = files.read_arrays(folder / "checkpoint.npz")
    assert description["format"] == 2


def test_a_killed_run_of_float32_goes_on(tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(LEFT / "killed", folder)
    done = run.resume(folder, plots=False)
    assert done.config.dtype == "float32"
    assert done.config.optimizer.name in formats.DIVIDED
    assert done.summary["outcome"] == "completed"
    history = rows(folder)
    assert len(history) == 6
    # of a first moment ten times too large the loss would rise
    assert history[-1]["train_loss"] < history[3]["train_loss"]


def test_a_run_with_a_scheduled_beta_is_refused_and_left_as_it_is(tmp_path, capsys):
    folder = tmp_path / "run"
    shutil.copytree(LEFT / "scheduled-beta1-interrupted", folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert command(["train", "--resume", str(folder)]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "is of optcli 0.1" in said
    assert "the state of 'adam' under a schedule of beta1 cannot be converted" in said
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def slots(name):
    """State of a rule for a weight (1, 2, 3) and a bias (1, 2), all ones."""
    arrays = {
        f"optimizer0.{where}{slot}": np.ones(shape, np.float32)
        for slot in ("mean", "square", "largest", "before", "velocity", "change", "slow")
        for where, shape in (("", (1, 8)), ("w.", (1, 2, 3)), ("b.", (1, 2)))
    }
    return arrays | {"position": np.array([1, 4, 0]), "parameters": np.ones((1, 8), np.float32)}


@pytest.mark.parametrize("name", OPTIMIZERS.names())
def test_only_what_was_divided_is_multiplied(name):
    optimizer, constant = OPTIMIZERS.find(name)(), SCHEDULES.find("constant")()
    arrays = slots(name)
    formats.convert(arrays, 1, optimizer, constant)
    divided = formats.DIVIDED.get(name, {})
    for key, before in slots(name).items():
        beta = divided.get(key.rpartition(".")[2]) if key.startswith("optimizer") else None
        if name == "muon" and key.startswith("optimizer0.w."):
            beta = None
        factor = np.float32(1 - getattr(optimizer, beta)) if beta else 1
        assert arrays[key].dtype == before.dtype
        assert np.array_equal(arrays[key], before * factor), key
    again = {key: array.copy() for key, array in arrays.items()}
    formats.convert(again, 2, optimizer, constant)
    assert all(np.array_equal(again[key], arrays[key], equal_nan=True) for key in arrays)


def test_the_product_of_nadam_is_that_of_its_steps():
    arrays = slots("nadam")
    formats.convert(arrays, 1, OPTIMIZERS.find("nadam")(), SCHEDULES.find("constant")())
    factors = [0.9 * (1 - 0.5 * 0.96 ** (t * 4e-3)) for t in range(1, 5)]
    assert arrays["optimizer0.product"].shape == (1, 1)
    assert np.isclose(arrays["optimizer0.product"].item(), np.prod(factors), rtol=1e-14, atol=0)


@pytest.mark.parametrize(
    ("name", "schedule", "of"),
    [
        ("adamax", "linear", ("lr", "beta1")),
        ("ademamix", "cosine", ("beta3",)),
        ("lion", "linear", ("beta2",)),
        ("nadam", "linear", ("momentum_decay",)),
        ("signum", "linear", ("momentum",)),
        ("signum", "one_cycle", ("lr",)),
    ],
)
def test_a_schedule_of_what_divided_it_cannot_be_undone(name, schedule, of):
    settings = {"cycle_momentum": True} if schedule == "one_cycle" else {}
    plan = SCHEDULES.find(schedule)(of=of, **settings)
    with pytest.raises(ValueError, match="cannot be converted"):
        formats.convert(slots(name), 1, OPTIMIZERS.find(name)(), plan)


@pytest.mark.parametrize(("name", "of"), [("lion", "beta1"), ("sgd", "momentum"), ("adam", "lr")])
def test_other_schedules_do_not_matter(name, of):
    formats.convert(slots(name), 1, OPTIMIZERS.find(name)(), SCHEDULES.find("linear")(of=(of,)))


def test_a_rule_of_ones_own_that_builds_on_a_changed_one_is_refused():
    class Mine(OPTIMIZERS.find("adam")):
        name = "mine"

    with pytest.raises(ValueError, match="'mine', which builds on 'adam'"):
        formats.convert(slots("mine"), 1, Mine(), SCHEDULES.find("constant")())


def test_a_newer_checkpoint_is_refused(tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(LEFT / "adam-interrupted", folder)
    arrays, description = files.read_arrays(folder / "checkpoint.npz")
    files.write_arrays(folder / "checkpoint.npz", arrays, description | {"format": 3})
    (folder / "checksums.json").unlink()
    with pytest.raises(InvalidInput, match="is of optcli"):
        run.resume(folder, plots=False)
