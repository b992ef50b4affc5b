"""What a comparison leaves to be used: the config of each entry, and the models on request."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

import optcli
from optcli.api import runs
from optcli.cli.main import run
from optcli.comparison import best
from optcli.core.errors import InvalidInput
from optcli.plugins import loading
from optcli.storage import seals
from optcli.storage.paths import safe_names
from tests import systems
from tests.test_compare import FEW, SMALL, rows, small

CHOSEN = ("sgd", "adam:lr=0.01,beta1=0.8", "momentum:lr=0.1|0.01")


def table(folder, count=48):
    """A table of fewer training rows than a batch has by default."""
    random = np.random.default_rng(1)
    lines = [f"{u:.4f},{v:.4f},{'ab'[int(u * v > 0)]}\n" for u, v in random.normal(size=(count, 2))]
    (folder / "t.csv").write_text("u,v,y\n" + "".join(lines))
    return {"name": "csv", "path": str(folder / "t.csv"), "target": "y"}


def default_batch(folder):
    return SMALL | {"dataset": table(folder), "training": {"epochs": 3}}


CASES = {
    "synthetic": (lambda folder: SMALL, {}),
    "synthetic, fixed split": (lambda folder: SMALL | {"seed": 3}, {"fixed_split": True}),
    "table": (default_batch, {}),
    "table, fixed split": (
        lambda folder: default_batch(folder) | {"split": {"test": 0.3, "seed": 5}},
        {"fixed_split": True, "seeds": 5},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_config_repeats_the_first_final_run(case, tmp_path, monkeypatch):
    made, settings = CASES[case]
    out = tmp_path / "c"
    found = small(CHOSEN, settings=replace(FEW, **settings), config=made(tmp_path), out=out)
    monkeypatch.chdir(out)  # paths in the files do not depend on where one stands
    seed = str(found.study.budget.final[0])
    assert {row["config"] for row in found.summary["optimizers"]} == {
        "best/sgd.yaml",
        "best/adam-lr=0.01,beta1=0.8.yaml",
        "best/momentum-lr=0.1-0.01.yaml",
    }
    for row in found.summary["optimizers"]:
        chosen = json.dumps(row["hyperparameters"])
        (kept,) = (
            each
            for each in rows(out / "runs.csv")
            if (each["label"], each["hyperparameters"], each["seed"], each["phase"])
            == (row["label"], chosen, seed, "final")
        )
        words = ["train", row["config"], "--out", str(tmp_path / kept["run"]), "--no-plots"]
        assert run([*words, "--quiet"]) == 0
        alone = optcli.load(tmp_path / kept["run"])
        own = [
            each
            for each in rows(out / "history.csv")
            if each["run"] == kept["run"] and each["train_loss"]
        ]
        for name in ("train_loss", "validation_loss", "validation_accuracy"):
            assert [float(each[name]) for each in own] == alone.history[name]
        if found.study.measure.rows == "test":
            assert alone.summary["test"]["loss"] == pytest.approx(row["values"][0], rel=1e-6)


def test_names_are_safe_and_distinct():
    names = safe_names(["a:b", "a|b", "A-B", "con", "sgd"])
    assert list(names.values()) == ["a-b", "a-b-2", "A-B-3", "con_", "sgd"]
    assert best._names(["a/m.yaml", "b/m.yml"]) == {"a/m.yaml": "a-m", "b/m.yml": "b-m"}
    assert list(best._names(["m.yaml", "m.json"]).values()) == ["m.yaml", "m.json"]


def test_the_command_in_a_config_has_the_plug_ins(tmp_path, monkeypatch):
    monkeypatch.setattr(loading, "loaded", [tmp_path / "my rule.py"])
    said = best._comment("a\nb", "mine.yaml", 7, tmp_path / "c" / "best").splitlines()
    assert said[0].endswith("optcli train mine.yaml --plugin '../../my rule.py'")
    assert len(said) == 3


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A comparison on a table with its models, and its folder."""
    folder = tmp_path_factory.mktemp("kept")
    config = default_batch(folder)
    few = replace(FEW, seeds=6, finalists=1, keep=True)
    return small(settings=few, config=config, out=folder / "c"), folder / "c"


def test_kept_models_have_the_values_of_the_verdict(kept):
    found, out = kept
    for row in found.summary["optimizers"]:
        for seed, value in zip(found.study.budget.final, row["values"], strict=True):
            model = optcli.load(out / "models" / row["label"] / str(seed))
            assert model.summary["test"]["loss"] == pytest.approx(value, rel=1e-6)
            assert set(model.predict({"u": [0.5], "v": [1.0]})) <= {"a", "b"}
    assert len(list(out.glob("models/*/*"))) == 2 * 6


def test_kept_models_predict_and_are_verified(kept, capsys):
    found, out = kept
    model = out / "models" / "adam" / str(found.study.budget.final[1])
    assert run(["predict", str(model), str(out.parent / "t.csv")]) == 0
    assert capsys.readouterr().out.count("\n") == 49
    assert run(["runs", "verify", str(model)]) == 0


def test_models_on_fresh_rows_say_what_was_measured(tmp_path):
    few = replace(FEW, tune=1, tune_seeds=1, seeds=5, keep=True)
    found = small(settings=few, out=tmp_path / "c")
    row, seed = found.summary["optimizers"][0], found.study.budget.final[0]
    model = optcli.load(tmp_path / "c" / "models" / row["label"] / str(seed))
    assert model.summary["test"]["loss"] == row["values"][0]


def test_what_is_kept_stays_and_what_is_damaged_is_trained_again(kept, tmp_path):
    shutil.copytree(kept[1].parent, tmp_path / "again")
    out = tmp_path / "again" / "c"
    first, *others = sorted(out.glob("models/*/*/model.npz"))
    whole, before = first.read_bytes(), [path.stat().st_mtime_ns for path in others]
    first.write_bytes(b"")
    config = default_batch(tmp_path / "again")
    few = replace(FEW, seeds=6, finalists=1, keep=True)
    small(settings=few, config=config, out=out)
    assert first.read_bytes() == whole
    assert [path.stat().st_mtime_ns for path in others] == before


@systems.needs_links
def test_a_comparison_vouches_for_its_configs(kept, tmp_path):
    shutil.copytree(kept[1], tmp_path / "c")
    path = tmp_path / "c" / "best" / "sgd.yaml"
    text = path.read_text()
    path.write_text(text.replace("seed: ", "seed: 1"))
    with pytest.raises(InvalidInput, match=r"best.sgd\.yaml: is damaged"):
        runs.opened(tmp_path / "c")
    path.unlink()
    assert runs.entry(tmp_path / "c").damage == "best/sgd.yaml is missing"
    path.symlink_to(kept[1] / "best" / "sgd.yaml")
    with pytest.raises(InvalidInput, match="is a link"):
        seals.check_seal(tmp_path / "c")


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("best/notes.txt", "'best/notes.txt', which is not optcli's"),
        ("models/notes.txt", "'models/notes.txt', which is not optcli's"),
        ("models/adam/7/notes.txt", "'models/adam/7', which is not optcli's"),
    ],
)
def test_what_others_put_there_keeps_a_comparison(kept, tmp_path, place, words):
    shutil.copytree(kept[1], tmp_path / "c")
    (tmp_path / "c" / place).parent.mkdir(exist_ok=True)
    (tmp_path / "c" / place).write_text("mine")
    with pytest.raises(InvalidInput, match=words):
        runs.remove(tmp_path / "c")
    assert (tmp_path / "c" / place).read_text() == "mine"


def test_a_run_of_its_own_keeps_a_comparison_and_kept_ones_go_with_it(kept, tmp_path):
    shutil.copytree(kept[1], tmp_path / "c")
    own = tmp_path / "c" / "models" / "adam" / "mine"
    optcli.train(SMALL, out=tmp_path / "run", plots=False)
    (tmp_path / "run").rename(own)
    with pytest.raises(InvalidInput, match=r"mine', a training run of its own"):
        runs.remove(tmp_path / "c")
    shutil.rmtree(own)
    runs.remove(tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_models_of_the_last_epoch_are_not_kept():
    with pytest.raises(InvalidInput, match="keep: cannot be combined with at='last'"):
        small(settings=replace(FEW, at="last", keep=True))


# ---- whole configs -------------------------------------------------------------------


@pytest.fixture
def two_batches(tmp_path):
    """Two configs that differ in their batch size, and set something of the optimizer."""
    for name, size in (("small", 8), ("large", 24)):
        training = {"epochs": 3, "batch_size": size}
        optimizer = {"name": "momentum", "lr": 0.05, "momentum": 0.7}
        config = SMALL | {"training": training, "optimizer": optimizer}
        (tmp_path / f"{name}.yaml").write_text(json.dumps(config))
    return [str(tmp_path / f"{name}.yaml") for name in ("small", "large")]


def test_whole_configs_keep_what_they_fix_and_say_what_is_retuned(two_batches, tmp_path):
    found = optcli.compare(two_batches, settings=FEW, out=tmp_path / "c", plots=False)
    assert "the configs differ in training.batch_size (8, 24)" in found.notes
    assert (
        "learning rates retuned around each config's own (small: 0.05, large: 0.05); "
        "all else is as the configs have it"
    ) in found.notes
    for name, size in (("small", 8), ("large", 24)):
        config = optcli.config.load(tmp_path / "c" / "best" / f"{name}.yaml")
        assert (config.training.batch_size, config.optimizer.momentum) == (size, 0.7)
    steps = {row["label"]: int(row["steps"]) for row in rows(tmp_path / "c" / "runs.csv")}
    assert steps == {"small": 18, "large": 6}


@pytest.mark.parametrize("settings", [{"tune": 1}, {"budget": 4, "finalists": 1}])
def test_with_one_rate_or_a_budget_what_a_config_sets_stays(two_batches, tmp_path, settings):
    few = replace(FEW, tune_seeds=1, seeds=5, **settings)
    found = optcli.compare(two_batches, settings=few, out=tmp_path / "c", plots=False)
    tried = [json.loads(row["hyperparameters"]) for row in rows(tmp_path / "c" / "runs.csv")]
    assert {each["momentum"] for each in tried} == {0.7}
    if "budget" in settings:
        assert len({each["lr"] for each in tried}) > 1
        assert len({each["weight_decay"] for each in tried}) > 1
        assert "and hyperparameters that a config does not set" in " ".join(found.notes)
    else:
        assert {each["lr"] for each in tried} == {0.05}
        assert "each keeps its learning rate; all else is as the configs have it" in found.notes
