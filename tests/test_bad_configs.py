"""Each bad config: its message, word for word, and nothing but InvalidInput ever."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import math
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import yaml
from annotated_types import Ge, Gt, Le, Lt, MinLen, Predicate
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from optcli import config
from optcli.core.errors import EnvironmentFailed, Fault, InvalidInput
from optcli.core.specs import Columns, Named, fields
from optcli.data.base import DATASETS
from optcli.data.split import Split
from optcli.losses.base import LOSSES
from optcli.metrics import METRICS
from optcli.models import MODELS
from optcli.optimizers.base import OPTIMIZERS
from optcli.schedules import SCHEDULES
from optcli.training.settings import Regularization, Training
from tests.for_each import for_each

GOOD = """\
dataset: {name: moons}
model: {name: mlp, hidden: [8]}
loss: binary_cross_entropy
optimizer: {name: adam, lr: 0.01}
"""
BASE: dict[str, Any] = yaml.safe_load(GOOD)
SECTIONS = (
    "dataset, objective, split, model, loss, optimizer, schedule, regularization, training, "
    "metrics, seed, dtype, tune"
)
TRAINING_KEYS = ", ".join(field.name for field in fields(Training))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(text: str | bytes, *overrides: str) -> list[str]:
    """The lines that c.yaml with this text is refused with."""
    Path("c.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InvalidInput) as caught:
        config.load("c.yaml", overrides)
    assert caught.value.exit_code == 2
    lines = [str(fault) for fault in caught.value.faults]
    assert str(caught.value) == "\n".join(lines)
    return lines


# ---- what is no config at all --------------------------------------------------------

EMPTY = "is empty; a config has the keys dataset, model, loss, optimizer"
BEGINS = "not a config; a config begins with keys such as 'dataset:'"
SECOND = "a second ': ' in one line; put the text in quotes, or begin a new line"
NO_KEY = "a key is not allowed here; check the indentation, and ': ' in the line above"
NO_SPACE = "a space is missing after"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(9 * ['*' + before])}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)

UNREADABLE = {
    "empty": (b"", f"c.yaml:1: {EMPTY}"),
    "comments": (b"# a\n# b\n", f"c.yaml:1: {EMPTY}"),
    "empty document": (b"---\n", f"c.yaml:1: {EMPTY}"),
    "list": (b"- a\n- b\n", f"c.yaml:1: is a list, {BEGINS}"),
    "text": (b"hello\n", f"c.yaml:1: is the text 'hello', {BEGINS}"),
    "number": (b"5\n", f"c.yaml:1: is the text 5, {BEGINS}"),
    "csv": (b"a,b\n1,2\n3,4\n", f"c.yaml:1: is the text 'a,b 1,2 3,4', {BEGINS}"),
    "tab": (b"dataset:\n\tname: moons\n", "c.yaml:2: is indented by a tab; use spaces"),
    "open bracket": (
        b"seed: 1\nmetrics: [accuracy\n",
        "c.yaml:3: ends inside a quote or bracket begun in line 2",
    ),
    "open bracket inside": (
        b"seed: 1\nmetrics: [accuracy\nloss: mse\n",
        "c.yaml:3: a comma, or the end of the bracket begun in line 2, is missing before this",
    ),
    "open quote": (
        b"seed: 1\nloss: 'mse\n",
        "c.yaml:3: ends inside a quote or bracket begun in line 2",
    ),
    "a: b: c": (b"seed: 0\na: b: c\n", f"c.yaml:2: {SECOND}"),
    "missing colon": (b"dataset:\n  name moons\n  noise: 1\n", f"c.yaml:3: {NO_KEY}"),
    "no space": (b"seed: 1\nmodel:linear\nloss: mse\n", f"c.yaml:2: {NO_SPACE} 'model:'"),
    "no space inside": (
        b"dataset:\n  name:csv\n  path: a.csv\n",
        f"c.yaml:2: {NO_SPACE} 'name:'",
    ),
    "indentation": (
        b"split:\n    test: 0.1\n  seed: 1\n",
        "c.yaml:3: does not fit what is above; check the indentation",
    ),
    "alias": (b"seed: 1\nloss: *x\n", "c.yaml:2: unknown alias 'x'"),
    "duplicate": (
        b"seed: 1\nloss: mse\nseed: 2\n",
        "c.yaml:3: duplicate key 'seed' (also on line 1)",
    ),
    "duplicate inside": (
        b"training:\n  epochs: 1\n  shuffle: true\n  epochs: 2\n",
        "c.yaml:4: duplicate key 'epochs' (also on line 2)",
    ),
    "two documents": (
        b"seed: 1\n---\nseed: 2\n",
        "c.yaml:2: a second document begins here; a config is one",
    ),
    "python": (
        b"seed: 1\nloss: !!python/object/apply:os.mkdir [gone]\n",
        "c.yaml:2: the tag !!python/object/apply:os.mkdir is not allowed",
    ),
    "tag": (b"seed: !mine 1\n", "c.yaml:1: the tag !mine is not allowed"),
    "wrong tag": (b"seed: !!int abc\n", "c.yaml:1: 'abc' cannot be held as int"),
    "list as key": (b"[a]: 1\n", "c.yaml:1: a key must be a word"),
    "bomb": (BOMB.encode(), "c.yaml:1: holds more than 10,000 values, aliases counted"),
    "own alias": (b"seed: &a [*a]\n", "c.yaml: is nested too deeply"),
    "deep": (b"seed: " + b"[" * 1000 + b"]" * 1000, "c.yaml: is nested too deeply"),
    "deep blocks": (b"- " * 3000 + b"x\n", "c.yaml: is nested too deeply"),
    "binary": (b"\x89PNG\r\n\x1a\n\0\0", "c.yaml:1: is not UTF-8 text; must be a YAML file"),
    "utf-16": (GOOD.encode("utf-16"), "c.yaml:1: is not UTF-8 text; must be a YAML file"),
    "latin-1": (b"seed: 1\nloss: \xe9\n", "c.yaml:2: is not UTF-8 text; must be a YAML file"),
    "NUL": (b"seed: 1\0\n", "c.yaml: is a binary file; must be a YAML file"),
    "bell": (b"seed: 1\nloss: \a\n", "c.yaml:2: holds control characters; must be text"),
    "half a character": (
        b'loss: "\\ud800"\n',
        "c.yaml:1: contains an unpaired surrogate, as in '\\ud800'",
    ),
    "long number": (b"seed: " + b"9" * 5000, f"c.yaml:1: '{40 * '9'}' cannot be held as int"),
    "large": (b"# " + b"x" * 10**6, "c.yaml: is larger than 1 MB, too large for a config"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_is_no_config_is_refused_in_one_line(case: str) -> None:
    text, message = UNREADABLE[case]
    assert said(text) == [message]
    assert not Path("gone").exists()


def test_a_missing_file_names_the_nearest() -> None:
    Path("iris.yaml").write_text(GOOD)
    with pytest.raises(
        InvalidInput, match=r"^iros.yaml: no such file; did you mean 'iris.yaml'\?$"
    ):
        config.load("iros.yaml")
    with pytest.raises(InvalidInput, match=r"^nowhere/at/all.yml: no such file$"):
        config.load("nowhere/at/all.yml")


def test_a_folder_is_refused() -> None:
    Path("configs").mkdir()
    with pytest.raises(InvalidInput, match=r"^configs: is a folder; must be a YAML file$"):
        config.load("configs")


def test_a_file_that_may_not_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")  # root may read everything

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(EnvironmentFailed, match=r"^c\.yaml: no permission to read it$"):
        config.load("c.yaml")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no endless file here")
def test_an_endless_file_is_not_read_to_its_end() -> None:
    with pytest.raises(InvalidInput, match="larger than 1 MB"):
        config.load("/dev/zero")


# ---- what is wrong inside ------------------------------------------------------------


def test_missing_sections_are_said_at_the_line_of_their_parent() -> None:
    assert said("# my config\n\nseed: 1\n") == [
        "c.yaml:3: dataset: is missing (optcli list datasets)",
        "c.yaml:3: model: is missing (optcli list models)",
        "c.yaml:3: loss: is missing (optcli list losses)",
        "c.yaml:3: optimizer: is missing (optcli list optimizers)",
    ]
    assert said(GOOD.replace("binary_cross_entropy", "")) == [
        "c.yaml:3: loss: is missing (optcli list losses)"
    ]


NAMES = {
    "dataset": ("mons", "unknown dataset 'mons'; did you mean 'moons'? (optcli list datasets)"),
    "model": ("MLP", "unknown model 'MLP'; did you mean 'mlp'? (optcli list models)"),
    "loss": ("mes", "unknown loss 'mes'; did you mean 'mse'? (optcli list losses)"),
    "optimizer": (
        "adma",
        "unknown optimizer 'adma'; did you mean 'adam'? (optcli list optimizers)",
    ),
    "schedule": (
        "cosin",
        "unknown schedule 'cosin'; did you mean 'cosine'? (optcli list schedules)",
    ),
}


@for_each("section", NAMES)
@for_each("form", ["{section}: {name}", "{section}:\n  name: {name}"])
def test_unknown_names(section: str, form: str) -> None:
    name, message = NAMES[section]
    others = "".join(line for line in GOOD.splitlines(True) if not line.startswith(section))
    line = 2 if "\n" in form else 1
    text = form.format(section=section, name=name) + "\n" + others
    assert said(text) == [f"c.yaml:{line}: {section}.name: {message}"]


@pytest.mark.parametrize("name", ["Adam", "ADAM"])
def test_names_are_case_sensitive(name: str) -> None:
    assert said(GOOD.replace("adam", name)) == [
        f"c.yaml:4: optimizer.name: unknown optimizer '{name}'; "
        "did you mean 'adam'? (optcli list optimizers)"
    ]


OPTIMIZER = {
    "lr: fast": "optimizer.lr: is 'fast'; must be a number > 0",
    "lr: -1": "optimizer.lr: is -1; must be above 0",
    "lr: 0": "optimizer.lr: is 0; must be above 0",
    "lr: .nan": "optimizer.lr: is .nan; must be a number > 0",
    "lr: .inf": "optimizer.lr: is .inf; must be a number > 0",
    "lr: null": "optimizer.lr: is null; must be a number > 0",
    "lr: ": "optimizer.lr: is null; must be a number > 0",
    "lr: yes": "optimizer.lr: is 'yes'; must be a number > 0",
    "lr: true": "optimizer.lr: is true; must be a number > 0",
    "lr: '0.1'": "optimizer.lr: is '0.1'; must be a number > 0",
    "lr: [0.1]": "optimizer.lr: is [0.1]; must be a number > 0",
    "beta2: 1.2": "optimizer.beta2: is 1.2; must be in [0, 1)",
    "learning_rate: 0.1": "optimizer.learning_rate: unknown key; did you mean 'lr'?",
    "betas: [0.9, 0.99]": "optimizer.betas: unknown key; did you mean 'beta1'?",
    "wd: 0.1": "optimizer.wd: unknown key; did you mean 'weight_decay'?",
    "bata2: 0.9": "optimizer.bata2: unknown key; did you mean 'beta2'?",
    "LR: 0.1": "optimizer.LR: unknown key; did you mean 'lr'?",
    "speed: 1": "optimizer.speed: unknown key; must be one of lr, beta1, beta2, eps, weight_decay, "
    "bias_correction",
}


@for_each("keys", OPTIMIZER)
def test_optimizers(keys: str) -> None:
    text = GOOD.replace("lr: 0.01", keys)
    assert said(text) == [f"c.yaml:4: {OPTIMIZER[keys]}"]


LINES = {
    "training: {epochs: 0}": "training.epochs: is 0; must be at least 1",
    "training: {epochs: -3}": "training.epochs: is -3; must be at least 1",
    "training: {epochs: 2.5}": "training.epochs: is 2.5; must be a whole number ≥ 1",
    "training: {batch_size: 0}": "training.batch_size: is 0; must be at least 1",
    "training: {batch_size: all}": (
        "training.batch_size: is 'all'; must be a whole number ≥ 1 or 'full'"
    ),
    "training: {shuffle: yes}": "training.shuffle: is 'yes'; must be true or false",
    "training: {batchsize: 8}": "training.batchsize: unknown key; did you mean 'batch_size'?",
    "training: {n_epochs: 8}": "training.n_epochs: unknown key; did you mean 'epochs'?",
    "training: {num_epochs: 8}": "training.num_epochs: unknown key; did you mean 'epochs'?",
    "training: {speed: 8}": f"training.speed: unknown key; must be one of {TRAINING_KEYS}",
    "training: {early_stopping: {patience: 0}}": (
        "training.early_stopping.patience: is 0; must be at least 1"
    ),
    "training: {early_stopping: {patient: 5}}": (
        "training.early_stopping.patient: unknown key; did you mean 'patience'?"
    ),
    "training: {early_stopping: 5}": (
        "training.early_stopping: is 5; must be a mapping with patience, min_delta, monitor"
    ),
    "training: {steps: 5, epochs: 5}": (
        "training.steps: cannot be combined with epochs; set only one"
    ),
    "training: 100": (
        "training: is 100; must be a mapping with "
        "epochs, steps, batch_size, shuffle, clip_norm, clip_value, …"
    ),
    "training: {early_stopping: {monitor: validation_acuracy}}": (
        "training.early_stopping.monitor: is 'validation_acuracy', which is not measured; must be "
        "one of train_loss, train_accuracy, validation_loss, validation_accuracy"
    ),
    "{training: {early_stopping: {}}, split: {validation: 0}}": (
        "training.early_stopping.monitor: is 'validation_loss', which is not measured; must be "
        "one of train_loss, train_accuracy"
    ),
    "{training: {early_stopping: {monitor: validation_accuracy}}, metrics: [f1]}": (
        "training.early_stopping.monitor: is 'validation_accuracy', which is not measured; must "
        "be one of train_loss, train_f1, validation_loss, validation_f1"
    ),
    "split: {validation: 0.6, test: 0.5}": (
        "split: fractions of 1.1 in all leave no training row; must be less than 1"
    ),
    "split: {validation: 0.5, test: 0.5}": (
        "split: fractions of 1 in all leave no training row; must be less than 1"
    ),
    "split: {validation: 1}": "split.validation: is 1; must be in [0, 1)",
    "split: {validation: {colum: part}}": (
        "split.validation: is {colum: part}; must be a fraction, a table's path, "
        "{column: name}, {group: name, fraction: f} or {last: f}; did you mean 'column'?"
    ),
    "split: {val: 0.1}": "split.val: unknown key; did you mean 'validation'?",
    "metrics: [acuracy]": (
        "metrics[0].name: unknown metric 'acuracy'; did you mean 'accuracy'? (optcli list metrics)"
    ),
    "metrics: [accuracy, accuracy]": "metrics[1]: 'accuracy' is named twice",
    "metrics: [{name: top_k, k: 0}]": "metrics[0].k: is 0; must be at least 1",
    "metrics: 5": "metrics: is 5; must be a list of names",
    "seed: -1": "seed: is -1; must be a whole number in [0, 2^63)",
    "seed: abc": "seed: is 'abc'; must be a whole number in [0, 2^63)",
    "seed: 9223372036854775808": (
        "seed: is 9223372036854775808; must be a whole number in [0, 2^63)"
    ),
    "seed: 1_000": "seed: is '1_000'; must be a whole number in [0, 2^63)",
    "dtype: float16": "dtype: is 'float16'; must be one of float32, float64",
    "dtype: [float32]": "dtype: is ['float32']; must be one of float32, float64",
    "schedule: {gamma: 0.1}": (
        "schedule: has no 'name'; must name one of the schedules (optcli list schedules)"
    ),
    "schedule: {type: cosine}": (
        "schedule: has no 'name'; must name one of the schedules (optcli list schedules); "
        "did you mean 'name' by 'type'?"
    ),
    "schedule: [cosine]": "schedule: is ['cosine']; must be a name, or a mapping with 'name'",
    "regularization: 0.1": "regularization: is 0.1; must be a mapping with l2, l1",
    "learning_rate: 0.1": "learning_rate: unknown key; did you mean 'optimizer.lr'?",
    "weight_decay: 0.1": "weight_decay: unknown key; did you mean 'optimizer.weight_decay'?",
    "epochs: 5": "epochs: unknown key; did you mean 'training.epochs'?",
    "random_state: 5": "random_state: unknown key; did you mean 'seed'?",
    "regularisation: {}": "regularisation: unknown key; did you mean 'regularization'?",
    "cat: 5": f"cat: unknown key; must be one of {SECTIONS}",
}


@for_each("line", LINES)
def test_further_sections(line: str) -> None:
    text = GOOD + line.removeprefix("{") + "\n"
    if line.startswith("{"):  # two sections, both in line 1
        both = yaml.safe_load(line)
        text = GOOD + "".join(f"{key}: {_flow(value)}\n" for key, value in both.items())
    assert said(text) == [f"c.yaml:5: {LINES[line]}"]


def _flow(value: Any) -> str:
    return str(yaml.safe_dump(value, default_flow_style=True).strip())


MODELS_LINES = {
    "{name: mlp, hidden: [0]}": ["model.hidden[0]: is 0; must be at least 1"],
    "{name: mlp, hidden: [64, x]}": ["model.hidden[1]: is 'x'; must be a whole number ≥ 1"],
    "{name: mlp, hidden: [2.5, 3, -1]}": [
        "model.hidden[0]: is 2.5; must be a whole number ≥ 1",
        "model.hidden[2]: is -1; must be at least 1",
    ],
    "{name: mlp, hidden: []}": [
        "model.hidden: is empty; must be a list of whole numbers with one entry or more"
    ],
    "{name: mlp, hidden: 64}": ["model.hidden: is 64; must be a list of whole numbers, as [64]"],
    "{name: mlp, layers: [64]}": ["model.layers: unknown key; did you mean 'hidden'?"],
    "{name: mlp, activation: ReLU}": [
        "model.activation: unknown activation 'ReLU'; "
        "did you mean 'relu'? (optcli list activations)"
    ],
    "{name: mlp, activation: 5}": [
        "model.activation: is 5; must be one of the activations (optcli list activations)"
    ],
    "{name: mlp, init: zeros}": [
        "model.init: is zeros, from which hidden units cannot learn; allowed for linear only"
    ],
    "{name: mlp, activation:relu}": [
        "model.activation:relu: unknown key; a space is missing after 'activation:'"
    ],
    "{name:mlp}": [
        "model: has no 'name'; must name one of the models (optcli list models); "
        "a space is missing after 'name:'"
    ],
    "{hidden: [64]}": ["model: has no 'name'; must name one of the models (optcli list models)"],
    "{name: 5}": ["model: its name is 5; must name one of the models (optcli list models)"],
}


@for_each("model", MODELS_LINES)
def test_models(model: str) -> None:
    text = GOOD.replace("{name: mlp, hidden: [8]}", model)
    assert said(text) == [f"c.yaml:2: {message}" for message in MODELS_LINES[model]]


DATASET_LINES = {
    "csv": [
        "dataset: has no 'path' (the file, relative to the config)",
        "dataset: has no 'target' (target column, or a list of them)",
    ],
    "{name: csv, path: a.csv, label: y}": [
        "dataset: has no 'target' (target column, or a list of them)",
        "dataset.label: unknown key; did you mean 'target'?",
    ],
    "{name: csv, path: '', target: y}": ["dataset.path: is empty; must be text"],
    "{name: csv, path: a.csv, target: 5.5}": [
        "dataset.target: is 5.5; must be text or a list of texts; "
        'if a column is called that, write "5.5" in quotes'
    ],
    "{name: csv, path: a.csv, target: y, missing: ignore}": [
        "dataset.missing: is 'ignore'; must be one of 'error', 'drop', 'impute'"
    ],
    "{name: moons, n_samples: 9}": ["dataset.n_samples: unknown key; did you mean 'samples'?"],
    "{name: moons, samples: 1}": ["dataset.samples: is 1; must be at least 2"],
}


def test_an_entry_of_a_list_is_told_once():
    text = GOOD.replace("{name: moons}", "{name: csv, path: t.csv, target: y, missing_values: M}")
    key, must = "c.yaml:1: dataset.missing_values", "must be text or a number"
    quotes = 'write "null" in quotes to have it as text'
    assert said(text.replace("M", "[NA, null, [1]]")) == [
        f"{key}[1]: is null; {must}; {quotes}",
        f"{key}[2]: is [1]; {must}",
    ]
    assert said(text.replace("M", "NA")) == [
        f"{key}: is 'NA'; must be a list of texts or numbers, as ['NA']",
    ]


@pytest.mark.parametrize("dataset", DATASET_LINES)
def test_datasets(dataset: str) -> None:
    text = GOOD.replace("{name: moons}", dataset)
    assert said(text) == [f"c.yaml:1: {message}" for message in DATASET_LINES[dataset]]


def test_all_faults_at_once_in_file_order() -> None:
    text = """\
# two moons
seed: abc
dataset: {name: moons, noise: -1}
training:
  speed: 9
  epochs: 0
optimizer:
  beta2: 1.2
  name: adam
  learning_rate: 0.1
model: {name: mlp, hidden: [64, x]}
loss: binary_cross_entrpy
"""
    assert said(text) == [
        "c.yaml:2: seed: is 'abc'; must be a whole number in [0, 2^63)",
        "c.yaml:3: dataset.noise: is -1; must be at least 0",
        f"c.yaml:5: training.speed: unknown key; must be one of {TRAINING_KEYS}",
        "c.yaml:6: training.epochs: is 0; must be at least 1",
        "c.yaml:8: optimizer.beta2: is 1.2; must be in [0, 1)",
        "c.yaml:10: optimizer.learning_rate: unknown key; did you mean 'lr'?",
        "c.yaml:11: model.hidden[1]: is 'x'; must be a whole number ≥ 1",
        "c.yaml:12: loss.name: unknown loss 'binary_cross_entrpy'; "
        "did you mean 'binary_cross_entropy'? (optcli list losses)",
    ]


def test_faults_in_one_line_come_in_its_order() -> None:
    text = GOOD.replace("lr: 0.01", "beta2: 1.2, spede: 1, lr: -1")
    assert [line.split(": ")[1] for line in said(text)] == [
        "optimizer.beta2",
        "optimizer.spede",
        "optimizer.lr",
    ]


def test_a_mapping_from_python_has_no_file() -> None:
    with pytest.raises(InvalidInput) as caught:
        config.load({"dataset": "moons", "model": "linear", "loss": "mse", "optimizer": {"lr": 1}})
    assert str(caught.value) == (
        "optimizer: has no 'name'; must name one of the optimizers (optcli list optimizers)"
    )


# ---- overrides -----------------------------------------------------------------------

OVERRIDES = {
    "optimizer.lr": "overrides: is 'optimizer.lr'; must be KEY=VALUE",
    "=1": "overrides: is '=1'; must be KEY=VALUE",
    "optimizer..lr=1": "overrides: is 'optimizer..lr=1'; must be KEY=VALUE",
    "optimizer.lr=": "overrides: optimizer.lr: has no value; write null for none",
    "optimizer.lr=fast": "overrides: optimizer.lr: is 'fast'; must be a number > 0",
    "optimizer.learning_rate=1": (
        "overrides: optimizer.learning_rate: unknown key; did you mean 'lr'?"
    ),
    "optimizer.lr=[1": "overrides: optimizer.lr: ends inside a quote or bracket",
    "optimizer.lr='1": "overrides: optimizer.lr: ends inside a quote or bracket",
    "optimizer.lr=!!python/name:os.system": (
        "overrides: optimizer.lr: the tag !!python/name:os.system is not allowed"
    ),
    "optimizer=adma": (
        "overrides: optimizer.name: unknown optimizer 'adma'; "
        "did you mean 'adam'? (optcli list optimizers)"
    ),
    "optimizer={name: sgd, lr: -1}": "overrides: optimizer.lr: is -1; must be above 0",
    "optimizer.lr.x=1": "overrides: optimizer.lr.x: 'lr' is 0.01, which has no keys",
    "model.hidden=[64, x]": ("overrides: model.hidden[1]: is 'x'; must be a whole number ≥ 1"),
    "foo.bar=1": f"overrides: foo.bar: unknown key; must be one of {SECTIONS}",
    "loss.margin=1": (
        "overrides: loss.margin: unknown key; must be one of pos_weight, label_weights"
    ),
    "seed=-1": "overrides: seed: is -1; must be a whole number in [0, 2^63)",
    "dataset=null": "overrides: dataset: is missing (optcli list datasets)",
}


@for_each("setting", OVERRIDES)
def test_faults_of_overrides_name_them(setting: str) -> None:
    assert said(GOOD, setting) == [OVERRIDES[setting]]


def test_faults_of_the_file_keep_their_place_beside_overrides() -> None:
    assert said(GOOD.replace("adam", "adma"), "seed=1") == [
        "c.yaml:4: optimizer.name: unknown optimizer 'adma'; "
        "did you mean 'adam'? (optcli list optimizers)"
    ]


# ---- every field of every spec -------------------------------------------------------

POOL: tuple[Any, ...] = (
    "nonsense", "", True, False, None, 0, -1, 1, 7, 2**40, 0.5, -0.5, 1.5, 1e300,
    math.nan, math.inf, -math.inf, [], ["nonsense"], [0], [1, 2], [None], [[1]], {}, {"x": 1},
)  # fmt: skip


def fits(hint: Any, value: Any) -> bool:
    """Whether a value fits an annotation: written anew, to hold validation to it."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        if any(isinstance(note, Columns) for note in arguments[1:]):
            value = _as_names(value)
        return fits(arguments[0], value) and all(_within(note, value) for note in arguments[1:])
    if origin in (typing.Union, types.UnionType):
        return any(fits(each, value) for each in arguments)
    if origin is Literal:
        return isinstance(value, str) and value in arguments
    if origin is tuple:
        return isinstance(value, list) and all(fits(arguments[0], item) for item in value)
    if hint is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and math.isfinite(value)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint is type(None):
        return value is None
    if dataclasses.is_dataclass(hint):
        return value == {}
    return isinstance(value, {bool: bool, str: str}.get(hint, dict))


def _as_names(value: Any) -> Any:
    """A whole number, and each in a list, is the name of a column."""
    if isinstance(value, list):
        return [_as_names(item) for item in value]
    return str(value) if type(value) is int else value


def _within(note: Any, value: Any) -> bool:
    if isinstance(note, Named):
        return value is None  # no value of the pool is registered
    if isinstance(note, MinLen):
        return value is None or len(value) >= note.min_length
    if isinstance(note, Predicate):
        return bool(note.func(value))
    if value is None or isinstance(value, str | dict | list):
        return True
    return not (
        (isinstance(note, Gt) and not value > note.gt)
        or (isinstance(note, Ge) and not value >= note.ge)
        or (isinstance(note, Lt) and not value < note.lt)
        or (isinstance(note, Le) and not value <= note.le)
    )


REQUIRED = {"path": "a.csv", "target": "y"}


def specs() -> Iterator[tuple[str, type[Any]]]:
    registries: dict[str, Any] = {
        "dataset": DATASETS,
        "model": MODELS,
        "loss": LOSSES,
        "optimizer": OPTIMIZERS,
        "schedule": SCHEDULES,
        "metrics": METRICS,
    }
    for section, registry in registries.items():
        yield from ((section, cls) for cls in registry)
    yield from {"split": Split, "regularization": Regularization, "training": Training}.items()


FIELDS = [
    pytest.param(section, cls, field.name, id=f"{section}-{cls.__name__}-{field.name}")
    for section, cls in specs()
    for field in fields(cls)
]


@functools.cache
def hints(cls: type[Any]) -> dict[str, Any]:
    return typing.get_type_hints(cls, include_extras=True)


@for_each(("section", "cls", "name"), FIELDS)
def test_every_wrong_value_of_every_field_is_refused(
    section: str, cls: type[Any], name: str
) -> None:
    base = BASE
    needed = {f.name: REQUIRED[f.name] for f in fields(cls) if f.default is dataclasses.MISSING}
    wrong = [value for value in POOL if not fits(hints(cls)[name], value)]
    assert len(wrong) > len(POOL) / 3
    for value in wrong:
        mapping = {**needed, name: value}
        if section not in ("split", "regularization", "training"):
            mapping["name"] = cls.name
        key = f"{section}.{name}" if section != "metrics" else f"metrics[0].{name}"
        with pytest.raises(InvalidInput) as caught:
            config.load({**base, section: [mapping] if section == "metrics" else mapping})
        for fault in caught.value.faults:
            # a list's entries, and a nested spec's keys, are named further
            assert fault.key is not None
            assert fault.key == key or fault.key.startswith((f"{key}[", f"{key}.")), (value, fault)
            words = ("; must be ", "; must name one of ", "unknown ")
            assert any(word in fault.message for word in words), (value, fault)


@for_each(("section", "cls", "name"), FIELDS)
def test_every_right_value_of_every_field_is_taken(section: str, cls: type[Any], name: str) -> None:
    base = BASE
    needed = {f.name: REQUIRED[f.name] for f in fields(cls) if f.default is dataclasses.MISSING}
    for value in POOL:
        if not fits(hints(cls)[name], value) or isinstance(value, dict):
            continue
        if name == "monitor" and value is not None:
            continue  # it must be measured
        if name == "output_init" and value is None:
            continue  # its default is filled in
        mapping = {**needed, name: value}
        if section not in ("split", "regularization", "training"):
            mapping["name"] = cls.name
        loaded = config.load({**base, section: [mapping] if section == "metrics" else mapping})
        made = getattr(loaded, section)
        held = getattr(made[0] if section == "metrics" else made, name)
        if value == "":
            continue  # a path, which means the folder
        if any(isinstance(note, Columns) for note in typing.get_args(hints(cls)[name])[1:]):
            value = _as_names(value)
        assert held == (tuple(value) if isinstance(value, list) else value)


# ---- anything at all -----------------------------------------------------------------


def survives(text: str) -> None:
    """Loading ends in a Config or in InvalidInput with one line a fault."""
    Path("any.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    faults: tuple[Fault, ...] = ()
    try:
        loaded = config.load("any.yaml")
        assert config.load(loaded.resolved()) == loaded
    except InvalidInput as error:
        faults = error.faults
    for fault in faults:
        assert fault.message
        assert fault.file == "any.yaml"
        assert fault.line is None or 1 <= fault.line <= len(text.splitlines()) + 1


LENIENT = settings(
    max_examples=75, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
PIECES = st.sampled_from(
    [
        *"{}[]:,-?!&*|>'\"%@`#~ \t\n\\",
        "\n  ",
        ": ",
        "- ",
        "&a ",
        "*a ",
        "!!int ",
        "!!bool ",
        "<<: *a",
    ]
    + [
        "---\n",
        "...\n",
        "%YAML 1.2\n",
        "name",
        "null",
        "1e3",
        ".nan",
        "0x",
        "0o7",
        "\x85",
        "é",
        "😀",
    ]
    + [word for word in GOOD.split() if word.isidentifier()]
)


@LENIENT
@given(st.lists(PIECES, max_size=30).map("".join))
@example('loss: "\\U00110000"')
@example('loss: "\\UFFFFFFFF"')
@example("seed: 0x" + "f" * 5000)
@example("? seed\n: 1")
@example("{\t}")
def test_any_text_is_refused_in_words(text: str) -> None:
    survives(text)


@LENIENT
@given(st.data())
def test_any_slip_of_the_pen_is_taken_or_refused_in_words(data: st.DataObject) -> None:
    text = GOOD + "training: {epochs: 5}\nmetrics: [accuracy]\n"
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        stop = data.draw(st.integers(start, min(len(text), start + 10)))
        text = text[:start] + data.draw(PIECES | st.just("")) + text[stop:]
    survives(text)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from(["adam", "mlp", "mse", "moons", "csv", "full", "zeros", "a.csv"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["name", "lr", "hidden", "epochs", "last", "x", ""]), inner),
    max_leaves=6,
)  # fmt: skip


@LENIENT
@given(st.dictionaries(st.sampled_from(SECTIONS.split(", ")), VALUES, max_size=3))
def test_any_values_are_taken_or_refused_in_words(values: dict[str, Any]) -> None:
    survives(yaml.safe_dump({**BASE, **values}, allow_unicode=True))
    with contextlib.suppress(InvalidInput):
        config.load({**BASE, **values})
    with contextlib.suppress(InvalidInput):
        config.load({"objective": "booth", "optimizer": "adam", **values})
