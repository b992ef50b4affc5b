"""Checkpoints of earlier formats: what was kept as m/(1 − β) goes on as m, by today's names."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import optcli
from optcli.api import train
from optcli.cli.main import run as command
from optcli.core.errors import InvalidInput
from optcli.optimizers.base import OPTIMIZERS
from optcli.schedules.base import SCHEDULES
from optcli.storage import files
from optcli.training import checkpoint_migration
from tests.for_each import for_each

LEFT = Path(__file__).parent / "v0_1" / "train"
NAMES = sorted(path.name.removesuffix("-whole") for path in LEFT.glob("*-whole"))


def rows(folder):
    with (folder / "history.csv").open() as lines:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(lines)]


def near(found, expected):
    return np.allclose(found, expected, rtol=1e-12, atol=1e-15)


def test_every_rule_whose_state_changed_has_a_run_of_version_0_1():
    assert set(checkpoint_migration.DIVIDED) <= set(NAMES)


# One for each kind of state; the rest is for the long run.
KINDS = {"adan", "amsgrad", "ademamix", "lion", "muon", "nadam", "schedule_free_adamw"}


@pytest.mark.parametrize(
    "name", [n if n in KINDS else pytest.param(n, marks=pytest.mark.long) for n in NAMES]
)
def test_an_interrupted_run_of_version_0_1_ends_where_its_whole_run_ended(name, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(LEFT / f"{name}-interrupted", folder)
    optcli.resume(folder, plots=False)
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
    assert description["format"] == checkpoint_migration.CHECKPOINT


def test_a_killed_run_of_float32_goes_on(tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(LEFT / "killed", folder)
    done = optcli.resume(folder, plots=False)
    assert done.config.dtype == "float32"
    assert done.config.optimizer.name in checkpoint_migration.DIVIDED
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


def renamed(name, key, ndim):
    """What an array of state is called now."""
    if not key.startswith("optimizer"):
        return key
    names = checkpoint_migration.NAMES.get(name, {})
    if ndim == 2:
        names = checkpoint_migration.NAMES_OF_VECTORS.get(name, names)
    where, dot, own = key.rpartition(".")
    return f"{where}{dot}{names.get(own, own)}"


@for_each("name", OPTIMIZERS.names())
def test_only_what_was_divided_is_multiplied(name):
    optimizer, constant = OPTIMIZERS.find(name)(), SCHEDULES.find("constant")()
    arrays = slots(name)
    checkpoint_migration.convert(arrays, 1, optimizer, constant)
    divided = checkpoint_migration.DIVIDED.get(name, {})
    for old, before in slots(name).items():
        key = renamed(name, old, before.ndim)
        beta = divided.get(old.rpartition(".")[2]) if old.startswith("optimizer") else None
        if name == "muon" and old.startswith("optimizer0.w."):
            beta = None
        factor = np.float32(1 - getattr(optimizer, beta)) if beta else 1
        assert arrays[key].dtype == before.dtype
        assert np.array_equal(arrays[key], before * factor), key
    again = {key: array.copy() for key, array in arrays.items()}
    checkpoint_migration.convert(again, checkpoint_migration.CHECKPOINT, optimizer, constant)
    assert all(np.array_equal(again[key], arrays[key], equal_nan=True) for key in arrays)


def test_the_product_of_nadam_is_that_of_its_steps():
    arrays = slots("nadam")
    checkpoint_migration.convert(
        arrays, 1, OPTIMIZERS.find("nadam")(), SCHEDULES.find("constant")()
    )
    factors = [0.9 * (1 - 0.5 * 0.96 ** (t * 4e-3)) for t in range(1, 5)]
    assert arrays["optimizer0.mu_product"].shape == (1, 1)
    assert np.isclose(arrays["optimizer0.mu_product"].item(), np.prod(factors), rtol=1e-14, atol=0)


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
        checkpoint_migration.convert(slots(name), 1, OPTIMIZERS.find(name)(), plan)


@pytest.mark.parametrize(("name", "of"), [("lion", "beta1"), ("sgd", "momentum"), ("adam", "lr")])
def test_other_schedules_do_not_matter(name, of):
    checkpoint_migration.convert(
        slots(name), 1, OPTIMIZERS.find(name)(), SCHEDULES.find("linear")(of=(of,))
    )


def test_a_rule_of_ones_own_that_builds_on_a_changed_one_is_refused():
    class Mine(OPTIMIZERS.find("adam")):
        name = "mine"

    with pytest.raises(ValueError, match="'mine', which builds on 'adam'"):
        checkpoint_migration.convert(slots("mine"), 1, Mine(), SCHEDULES.find("constant")())


# ---- format 2 -------------------------------------------------------------------------

# The names that format 3 left as they were.
SAME = {"lbfgs": {"step", "numbers"}, "sm3": {"axis0", "axis1", "axis2"}}
# Switched on, so that there is all of the state.
WHOLE = {"sgd": {"momentum": 0.9}, "rmsprop": {"momentum": 0.9, "centered": True}}


@for_each("name", OPTIMIZERS.names())
def test_the_new_names_are_those_of_the_state(name):
    rule = OPTIMIZERS.find(name)(**WHOLE.get(name, {}))
    shapes = [(6,)] if getattr(rule, "whole", False) else [(6,), (2, 3)]
    state = {own for shape in shapes for own in rule.state_shapes(shape)} | {*rule.products}
    tables = (
        checkpoint_migration.NAMES.get(name, {}),
        checkpoint_migration.NAMES_OF_VECTORS.get(name, {}),
    )
    given = {new for names in tables for new in names.values()} | SAME.get(name, set())
    given -= {f"v{i}" for i in range(4, 11)} if name == "aggmo" else set()
    assert given - {"axis2"} == state


@pytest.mark.parametrize("name", ["muon", "nadam"])
def test_a_run_of_format_2_goes_on_as_one_that_never_stopped(name, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(Path(__file__).parent / "format_2" / name, folder)
    _, description = files.read_arrays(folder / "checkpoint.npz")
    assert description["format"] == 2
    optcli.resume(folder, ["training.epochs=6"], plots=False)
    train.train(folder / "config.yaml", out=tmp_path / "whole", plots=False)
    model, _ = files.read_arrays(folder / "model.npz")
    whole, _ = files.read_arrays(tmp_path / "whole" / "model.npz")
    assert model.keys() == whole.keys()
    assert all(near(model[key], whole[key]) for key in whole)


def test_a_plug_in_that_builds_on_a_rule_keeps_its_own_names():
    adam = OPTIMIZERS.find("adam")

    class Mine(adam):
        name = "mine"
        state = ("m", "v", "mean")

    arrays = {f"optimizer0.{slot}": np.ones((1, 4)) for slot in ("square", "mean")}
    checkpoint_migration.convert(arrays, 2, Mine(), SCHEDULES.find("constant")())
    assert set(arrays) == {"optimizer0.v", "optimizer0.mean"}


def test_a_newer_checkpoint_is_refused(tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(LEFT / "adam-interrupted", folder)
    arrays, description = files.read_arrays(folder / "checkpoint.npz")
    files.write_arrays(
        folder / "checkpoint.npz",
        arrays,
        description | {"format": checkpoint_migration.CHECKPOINT + 1},
    )
    (folder / "checksums.json").unlink()
    with pytest.raises(InvalidInput, match="is of optcli"):
        optcli.resume(folder, plots=False)


# ---- every folder that it left -------------------------------------------------------

EVERY = sorted(path.parent for path in LEFT.parent.glob("*/*/config.yaml"))


@for_each("folder", EVERY, ids=lambda folder: f"{folder.parent.name}-{folder.name}")
def test_a_folder_of_version_0_1_is_shown(folder, capsys):
    for more in ([], ["--json"]):
        assert command(["runs", "show", str(folder), *more]) == 0
    assert not capsys.readouterr().err


@pytest.mark.parametrize("kind", ["train", "compare", "trace"])
def test_folders_of_version_0_1_are_listed(kind, capsys):
    there = sorted(path.name for path in (LEFT.parent / kind).iterdir())
    assert command(["runs", "list", str(LEFT.parent / kind), "--json"]) == 0
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sorted(Path(line["run"]).name for line in said) == there
    assert not any(line["damage"] for line in said)


@pytest.mark.parametrize("name", ["boolean-target", "dropped", "parquet", "objective"])
def test_a_finished_run_of_version_0_1_stays_and_goes_on_when_told(name, tmp_path):
    shutil.copytree(LEFT.parent, tmp_path / "left", ignore=shutil.ignore_patterns("*-*ed"))
    folder = tmp_path / "left" / "train" / name
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert command(["train", "--resume", str(folder), "--quiet", "--no-plots"]) == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    count = len(rows(folder)) + 2
    longer = ["--set", f"training.epochs={count}", "--quiet", "--no-plots"]
    assert command(["train", "--resume", str(folder), *longer]) == 0
    assert len(rows(folder)) == count


MOONS = {
    "dataset": {"name": "moons", "samples": 60, "noise": 0.2},
    "split": {"validation": 0.2, "test": 0.2},
    "model": "linear",
    "loss": "cross_entropy",
    "optimizer": "sgd",
    "training": {"epochs": 3, "batch_size": 16},
}
DEEP = {"model": {"name": "mlp", "hidden": [32, 32]}, "training": {"epochs": 60, "batch_size": 16}}
SHORT = ["--tune", "3", "--seeds", "6"]
CONTINUED = {
    "finished": (["-c", "moons.yaml", *SHORT], MOONS, ["finished"]),
    "interrupted": (["-c", "moons.yaml", "--seeds", "1"], MOONS | DEEP, ["interrupted"]),
}


def compare(name):
    """Continue a comparison in a copy of what was left; the exit code."""
    words, config, _ = CONTINUED[name]
    Path("moons.yaml").write_text(json.dumps(config))
    quiet = ["--quiet", "--no-plots", "--out", f"left/compare/{name}"]
    return command(["compare", "sgd", "adam", *words, *quiet])


@pytest.fixture
def left(tmp_path, monkeypatch):
    """A copy of the comparisons and tables, in a folder to work in."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(LEFT.parent, "left", ignore=shutil.ignore_patterns("train", "trace"))
    for path in Path("left/data").iterdir():
        shutil.copy(path, path.name)


@pytest.mark.parametrize("name", CONTINUED)
def test_a_comparison_of_version_0_1_is_not_continued(name, left, capsys):
    """Its verdict was measured on the rows that chose the epoch."""
    tables = [Path("left/compare", part, "runs.csv") for part in CONTINUED[name][2]]
    before = [table.read_bytes() for table in tables]
    assert compare(name) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "measured on validation rows; it can be shown, not continued" in said
    assert [table.read_bytes() for table in tables] == before
