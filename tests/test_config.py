"""Configs: what they mean; for what is said of wrong ones see test_bad_configs."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from optcli import config
from optcli.config import json_schema
from optcli.core.errors import Fault
from tests.for_each import for_each

CONFIGS = sorted((Path(__file__).parent.parent / "configs").glob("*.yaml"))
BASE = """dataset: {name: moons}
model: {name: mlp, hidden: [8]}
loss: cross_entropy
optimizer: {name: adam, lr: 0.01}
"""


def lr(text):
    return BASE.replace("0.01", text)


def more(text):
    return BASE + text + "\n"


@pytest.mark.parametrize(
    ("text", "value"), [("1e-3", 1e-3), ("1E-3", 1e-3), (".5", 0.5), ("1", 1), ("+2.", 2.0)]
)
def test_numbers(text, value, tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(lr(text))
    assert config.load(path).optimizer.lr == value


@pytest.mark.parametrize("word", ["no", "off", "yes", "on", "y", "n", "1_000", "12:30:00"])
def test_words_stay_text(word, tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(BASE.replace("{name: moons}", f"{{name: csv, path: a.csv, target: {word}}}"))
    loaded = config.load(path)
    assert loaded.dataset.target == word
    path.write_text(config.dump(loaded, tmp_path))
    assert config.load(path).dataset.target == word


def test_byte_order_mark_carriage_returns_and_json_are_accepted(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + BASE.replace("\n", "\r\n").encode())
    expected = config.load(path)
    path.write_text(
        '{\n\t"dataset": "moons", "model": {"name": "mlp", "hidden": [8]},\n'
        '\t"loss": "cross_entropy", "optimizer": {"name": "adam", "lr": 1e-2}}'
    )
    assert config.load(path) == expected


def test_a_path_is_relative_to_the_config_and_dump_keeps_it(tmp_path):
    folder = tmp_path / "configs"
    folder.mkdir()
    path = folder / "config.yaml"
    path.write_text(BASE.replace("{name: moons}", "{name: csv, path: ../a.csv, target: y}"))
    loaded = config.load(path)
    assert Path(loaded.dataset.path).resolve() == tmp_path / "a.csv"
    run = tmp_path / "runs" / "one"
    assert "path: ../../a.csv" in config.dump(loaded, run).replace("configs/../", "")


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_resolved_config_means_the_same(path, tmp_path):
    loaded = config.load(path)
    copy = tmp_path / "config.yaml"
    copy.write_text(config.dump(loaded, tmp_path))
    again = config.load(copy)
    for section in config.SECTIONS:
        if section != "dataset" or not hasattr(loaded.dataset, "path"):
            assert getattr(again, section) == getattr(loaded, section)


def test_steps_instead_of_epochs_survive_the_dump(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(more("training: {steps: 7}"))
    path.write_text(config.dump(config.load(path), tmp_path))
    assert config.load(path).training.steps == 7


def test_settings_override(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(BASE)
    loaded = config.load(path, ["optimizer=sgd", "optimizer.lr=0.5", "model.hidden=[4, 4]"])
    assert (loaded.optimizer.name, loaded.optimizer.lr) == ("sgd", 0.5)
    assert loaded.model.hidden == (4, 4)
    kept = config.load(path, ["optimizer.name=sgd"])
    assert (kept.optimizer.name, kept.optimizer.lr) == ("sgd", 0.01)


def test_a_later_fault_finds_its_place(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(BASE)
    loaded = config.load(path, ["loss=mse"])
    assert str(loaded.locate(Fault("x", "optimizer.lr"))) == f"{path}:4: optimizer.lr: x"
    assert str(loaded.locate(Fault("x", "dataset.target"))) == f"{path}:1: dataset.target: x"
    assert str(loaded.locate(Fault("x", "loss"))) == "overrides: loss: x"
    assert str(loaded.locate(Fault("x", "split.test"))) == f"{path}:1: split.test: x"


def test_a_later_fault_finds_its_place_in_a_list(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(more("metrics:\n- accuracy\n- {name: top_k,\n   k: 3}"))
    loaded = config.load(path)
    assert str(loaded.locate(Fault("x", "metrics[1].k"))) == f"{path}:8: metrics[1].k: x"
    assert str(loaded.locate(Fault("x", "metrics[1].j"))) == f"{path}:7: metrics[1].j: x"
    assert str(loaded.locate(Fault("x", "model.hidden[0]"))) == f"{path}:2: model.hidden[0]: x"


def test_a_fault_of_something_else_keeps_its_place(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(BASE)
    loaded = config.load(path)
    for fault in [Fault("x"), Fault("x", "--out"), Fault("x", "loss", file="a.csv", line=3)]:
        assert loaded.locate(fault) == fault


def test_a_setting_is_read_as_if_it_stood_in_the_file(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(BASE)
    settings = ["dataset={name: csv, path: a.csv, target: no}", "split.validation=b.csv"]
    loaded = config.load(path, settings)
    assert loaded.dataset.target == "no"
    assert Path(loaded.dataset.path) == tmp_path / "a.csv"
    assert Path(loaded.split.validation) == tmp_path / "b.csv"


def test_a_mapping_is_read_like_a_file():
    given = {
        "dataset": {"name": "csv", "path": Path("a.csv"), "target": ("y", "z")},
        "model": {"name": "mlp", "hidden": np.array([4, 5])},
        "loss": "mse",
        "optimizer": {"name": "sgd", "lr": np.float64(0.5)},
        "training": {"epochs": np.int64(3)},
    }
    before = repr(given)
    loaded = config.load(given, ["optimizer.lr=0.25"])
    assert repr(given) == before
    assert (loaded.dataset.path, loaded.dataset.target) == ("a.csv", ("y", "z"))
    assert loaded.model.hidden == (4, 5)
    assert (loaded.optimizer.lr, loaded.training.epochs) == (0.25, 3)
    assert loaded.title == "config"


@for_each("path", CONFIGS, ids=lambda path: path.stem)
def test_what_is_resolved_is_the_same_config(path):
    loaded = config.load(path)
    assert config.load(loaded.resolved()) == loaded


def test_a_resolved_config_names_the_initializers_and_keeps_them():
    model = "model: {name: mlp, hidden: [8]}"

    def built(section):
        return config.load(yaml.safe_load(BASE.replace(model, section))).model

    assert built(model).output_init == "small"
    assert built("model: {name: mlp, hidden: [8], init: he}").output_init == "he"
    assert built("model: {name: cnn, output_init: zeros}").output_init == "zeros"
    # what a run's config.yaml has from before there was an output_init
    before = (
        "{name: mlp, hidden: [8], activation: relu, init: %s, dropout: 0.0, batch_norm: false, "
        "layer_norm: false, residual: false}"
    )
    assert built("model: " + before % "null").output_init == "lecun"
    assert built("model: " + before % "he").output_init == "he"
    now = config.load({**yaml.safe_load(BASE), "model": "mlp"})
    assert config.load(now.resolved()).model == now.model
    assert now.resolved()["model"]["output_init"] == "small"


def test_the_dump_reads_well(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(more("training: {early_stopping: {}}\nmetrics: [f1, {name: top_k, k: 3}]"))
    text = config.dump(config.load(path), tmp_path)
    top = [line.split(":")[0] for line in text.splitlines() if not line.startswith(" ")]
    assert top == [section for section in config.SECTIONS if section != "objective"]
    assert "split: {validation: 0.2, test: 0.0, seed: null, stratify: true, folds: null" in text
    assert "model:\n  name: mlp\n  hidden: [8]\n  activation: relu\n" in text
    assert "  early_stopping:\n    patience: 10\n" in text
    assert "seed: 0\ndtype: float32\n" in text
    assert max(map(len, text.splitlines())) <= 100


def test_the_schema_has_every_key_with_its_range():
    schema = json_schema.schema()
    assert schema == json.loads(json.dumps(schema))
    assert list(schema["properties"]) == [*config.SECTIONS, "tune"]
    assert schema["required"] == ["optimizer"]
    assert schema["else"]["required"] == ["dataset", "model", "loss"]  # without an objective
    optimizers = schema["properties"]["optimizer"]
    adam = then(optimizers, "adam")
    assert "adam" in optimizers["then"]["enum"]
    beta2 = adam["properties"]["beta2"]
    assert (beta2["minimum"], beta2["exclusiveMaximum"], beta2["default"]) == (0, 1, 0.999)
    assert adam["additionalProperties"] is False
    data = schema["properties"]["dataset"]
    assert "csv" not in data["then"]["enum"]  # a file needs a path
    assert then(data, "csv")["required"] == ["path", "target"]


def then(section, name):
    """What a section of this name is by the schema."""
    rules = [(rule["if"]["properties"]["name"], rule["then"]) for rule in section["allOf"]]
    return next(own for of, own in rules if name in (of.get("const"), *of.get("enum", ())))
