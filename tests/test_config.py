"""Configs: what they mean, and what is said of wrong ones, word for word."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optcli import config
from optcli.catalog import KINDS
from optcli.errors import Fault, InvalidInput
from optcli.specs import Regularization, Split, Training, fields

CONFIGS = sorted((Path(__file__).parent.parent / "configs").glob("*.yaml"))
BASE = """dataset: {name: moons}
model: {name: mlp, hidden: [8]}
loss: cross_entropy
optimizer: {name: adam, lr: 0.01}
"""
DEEP = "dataset: " + "[" * 1000 + "]" * 1000
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcd", "bcde", strict=True)
)


def lr(text):
    return BASE.replace("0.01", text)


def more(text):
    return BASE + text + "\n"


# What is written, and what is said of it.
WRONG = {
    "empty": ("", "1: is empty; a config has the keys dataset, model, loss, optimizer"),
    "only comments": (
        "# x\n",
        "1: is empty; a config has the keys dataset, model, loss, optimizer",
    ),
    "a list": ("- a\n", "1: is a list, not a config; it begins with keys such as 'dataset:'"),
    "a table": (
        "a,b\n1,2\n",
        "1: is the text 'a,b 1,2', not a config; it begins with keys such as 'dataset:'",
    ),
    "a tab": ("dataset:\n\tname: moons\n", "2: is indented by a tab; use spaces"),
    "unclosed bracket": (
        more("seed: [1, 2"),
        "6: the file ends inside a quote or bracket begun in line 5",
    ),
    "unclosed quote": (
        more('dtype: "float32'),
        "6: the file ends inside a quote or bracket begun in line 5",
    ),
    "two colons": (
        "a: b: c\n",
        "1: a second ': ' in one line; put the text in quotes, or begin a new line",
    ),
    "unknown alias": (more("seed: *x"), "5: unknown alias 'x'"),
    "duplicate key": (more("loss: mse"), "5: the key 'loss' stands here and in line 3"),
    "two documents": (
        more("---\nseed: 1"),
        "5: a second document begins here; a config is one",
    ),
    "python tag": (
        more("seed: !!python/object:os.system {}"),
        "5: the tag 'tag:yaml.org,2002:python/object:os.system' is not allowed",
    ),
    "unknown tag": (more("seed: !mine 1"), "5: the tag '!mine' is not allowed"),
    "a bomb of aliases": (BOMB, "1: holds more than 10,000 values, aliases counted"),
    "deep nesting": (DEEP, " is nested too deeply"),
    "unknown key": (
        lr("0.1, foo: 1"),
        "4: optimizer.foo: unknown key; must be one of lr, beta1, beta2, eps, weight_decay",
    ),
    "near key": (
        lr("0.1, weight_deacy: 1"),
        "4: optimizer.weight_deacy: unknown key; did you mean 'weight_decay'?",
    ),
    "learning_rate": (
        BASE.replace("lr:", "learning_rate:"),
        "4: optimizer.learning_rate: unknown key; did you mean 'lr'?",
    ),
    "batchsize": (
        more("training: {batchsize: 3}"),
        "5: training.batchsize: unknown key; did you mean 'batch_size'?",
    ),
    "n_epochs": (
        more("training: {n_epochs: 3}"),
        "5: training.n_epochs: unknown key; did you mean 'epochs'?",
    ),
    "key of a section": (
        more("epochs: 3"),
        "5: epochs: unknown key; did you mean 'training.epochs'?",
    ),
    "capital letter": (
        BASE.replace("adam", "Adam"),
        "4: optimizer.name: unknown optimizer 'Adam'; did you mean 'adam'? (optcli list optimizers)",
    ),
    "unknown optimizer": (
        BASE.replace("adam", "adma"),
        "4: optimizer.name: unknown optimizer 'adma'; did you mean 'adam'? (optcli list optimizers)",
    ),
    "unknown dataset": (
        BASE.replace("moons", "mons"),
        "1: dataset.name: unknown dataset 'mons'; did you mean 'moons'? (optcli list datasets)",
    ),
    "unknown model": (
        BASE.replace("mlp", "mpl"),
        "2: model.name: unknown model 'mpl'; did you mean 'mlp'? (optcli list models)",
    ),
    "unknown loss": (
        BASE.replace("cross_entropy", "cros_entropy"),
        "3: loss.name: unknown loss 'cros_entropy'; did you mean 'cross_entropy'? "
        "(optcli list losses)",
    ),
    "unknown activation": (
        BASE.replace("hidden: [8]", "activation: rleu"),
        "2: model.activation: unknown activation 'rleu'; did you mean 'relu'? "
        "(optcli list activations)",
    ),
    "missing section": (
        BASE.replace("loss: cross_entropy\n", ""),
        "1: loss: is missing (optcli list losses)",
    ),
    "text": (lr("fast"), "4: optimizer.lr: is 'fast'; must be a number above 0"),
    "yes": (lr("yes"), "4: optimizer.lr: is 'yes'; must be a number above 0"),
    "true": (lr("true"), "4: optimizer.lr: is true; must be a number above 0"),
    "negative": (lr("-1"), "4: optimizer.lr: is -1; must be above 0"),
    "zero": (lr("0"), "4: optimizer.lr: is 0; must be above 0"),
    "nan": (lr(".nan"), "4: optimizer.lr: is .nan; must be a number above 0"),
    "infinite": (lr(".inf"), "4: optimizer.lr: is .inf; must be a number above 0"),
    "null": (lr("null"), "4: optimizer.lr: is null; must be a number above 0"),
    "a list for a number": (lr("[1]"), "4: optimizer.lr: is [1]; must be a number above 0"),
    "beta2": (lr("1, beta2: 1.2"), "4: optimizer.beta2: is 1.2; must be in [0, 1)"),
    "no epochs": (more("training: {epochs: 0}"), "5: training.epochs: is 0; must be at least 1"),
    "fewer": (more("training: {epochs: -3}"), "5: training.epochs: is -3; must be at least 1"),
    "half": (
        more("training: {epochs: 2.5}"),
        "5: training.epochs: is 2.5; must be a whole number at least 1",
    ),
    "batch of none": (
        more("training: {batch_size: 0}"),
        "5: training.batch_size: is 0; must be at least 1",
    ),
    "batch of some": (
        more("training: {batch_size: some}"),
        "5: training.batch_size: is 'some'; must be a whole number at least 1 or 'full'",
    ),
    "seed": (more("seed: -1"), "5: seed: is -1; must be a whole number, at least 0"),
    "seed in words": (more("seed: abc"), "5: seed: is 'abc'; must be a whole number, at least 0"),
    "dtype": (more("dtype: half"), "5: dtype: is 'half'; must be one of float32, float64"),
    "no unit": (BASE.replace("[8]", "[0]"), "2: model.hidden[0]: is 0; must be at least 1"),
    "unit x": (
        BASE.replace("[8]", "[64, x]"),
        "2: model.hidden[1]: is 'x'; must be a whole number at least 1",
    ),
    "no layer": (
        BASE.replace("[8]", "[]"),
        "2: model.hidden: is empty; must be a list of whole numbers with one entry or more",
    ),
    "zeros": (
        BASE.replace("hidden: [8]", "init: zeros"),
        "2: model.init: is zeros, from which hidden units cannot learn; allowed for linear only",
    ),
    "section": (
        BASE.replace("{name: adam, lr: 0.01}", "[adam]"),
        "4: optimizer: is ['adam']; must be a name, or a mapping with 'name'",
    ),
    "no name": (
        BASE.replace("name: adam, ", ""),
        "4: optimizer: has no 'name'; must name one of the optimizers (optcli list optimizers)",
    ),
    "fractions": (
        more("split: {validation: 0.6, test: 0.5}"),
        "5: split: validation and test take 1.1 of the rows; must leave some to train",
    ),
    "monitor": (
        more("training: {early_stopping: {monitor: validation_f1}}\nmetrics: [accuracy]"),
        "5: training.early_stopping.monitor: is 'validation_f1', which is not measured; must be "
        "one of train_loss, validation_loss, train_accuracy, validation_accuracy",
    ),
    "monitor without validation": (
        more("training: {early_stopping: {}}\nsplit: {validation: 0}\nmetrics: []"),
        "5: training.early_stopping.monitor: is 'validation_loss', which is not measured; must be "
        "one of train_loss",
    ),
    "both lengths": (
        more("training: {epochs: 3, steps: 10}"),
        "5: training.steps: stands beside epochs; give one of the two",
    ),
    "metric": (
        more("metrics: [accuracy, {name: top_k, k: 0}]"),
        "5: metrics[1].k: is 0; must be at least 1",
    ),
    "metric twice": (
        more("metrics: [accuracy, accuracy]"),
        "5: metrics[1]: 'accuracy' is named twice",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_said_of_a_wrong_config(case, tmp_path):
    text, message = WRONG[case]
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(InvalidInput) as raised:
        config.load(path)
    said = f"{path}:{message}"
    assert str(raised.value) == said
    assert raised.value.exit_code == 2


def test_all_faults_are_said_at_once_and_in_file_order(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(
        "model: {name: mlp, hidden: [0]}\n"
        "optimizer:\n"
        "  lr: -1\n"
        "  name: adam\n"
        "  beta2: 1.2\n"
        "loss: cros_entropy\n"
        "dataset: moons\n"
        "sed: 1\n"
    )
    with pytest.raises(InvalidInput) as raised:
        config.load(path)
    keys = [(fault.line, fault.key) for fault in raised.value.faults]
    assert keys == [
        (1, "model.hidden[0]"),
        (3, "optimizer.lr"),
        (5, "optimizer.beta2"),
        (6, "loss.name"),
        (8, "sed"),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (bytes(range(256)), "is not UTF-8 text; must be a YAML file"),
        (b"seed: 1\0", "is a binary file; must be a YAML file"),
        (b"#" * 1_000_001, "has 1,000,001 bytes; a config has at most a million"),
    ],
)
def test_what_is_no_text_is_refused(content, message, tmp_path):
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=re.escape(message)):
        config.load(path)


def test_a_missing_file_names_its_neighbour(tmp_path):
    (tmp_path / "iris.yaml").write_text(BASE)
    with pytest.raises(InvalidInput, match=r"iris\.yml: no such file; did you mean 'iris\.yaml'"):
        config.load(tmp_path / "iris.yml")


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
    assert str(loaded.place(Fault("x", "optimizer.lr"))) == f"{path}:4: optimizer.lr: x"
    assert str(loaded.place(Fault("x", "dataset.target"))) == f"{path}:1: dataset.target: x"
    assert str(loaded.place(Fault("x", "loss"))) == "--set loss: x"
    assert str(loaded.place(Fault("x", "split.test"))) == f"{path}:1: split.test: x"


SPECS = [
    *((f"training.{f.name}", f) for f in fields(Training)),
    *((f"split.{f.name}", f) for f in fields(Split)),
    *((f"regularization.{f.name}", f) for f in fields(Regularization)),
    *(
        (f"{section}.{f.name}", (cls, f))
        for section, plural in {"optimizer": "optimizers", "schedule": "schedules"}.items()
        for cls in KINDS[plural]
        for f in fields(cls)
    ),
]


@pytest.mark.parametrize(("key", "field"), SPECS)
def test_every_field_refuses_what_it_is_not(key, field, tmp_path):
    name = []
    if isinstance(field, tuple):
        cls, field = field
        name = [f"{key.partition('.')[0]}={cls.name}"]
    path = tmp_path / "config.yaml"
    path.write_text(BASE)
    wrong = ["[[x]]", "{q: {r: 1}}", "2000-01-01", "-.inf", ".nan"]
    if "str" not in str(field.type):
        wrong.append("someword")
    if "bool" not in str(field.type):
        wrong.append("true")
    if "bool" in str(field.type):
        wrong += ["1", "yes"]
    for value in wrong:
        if value.startswith("{") and "dict" in str(field.type):
            continue
        if value == "2000-01-01" and "str" in str(field.type):
            continue
        with pytest.raises(InvalidInput) as raised:
            config.load(path, [*name, f"{key}={value}"])
        assert str(raised.value.faults[0]).startswith(f"--set {key}"), value


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_a_config_or_is_refused(text):
    try:
        config.reading.parse(text, "x")
    except InvalidInput:
        pass


WORDS = st.sampled_from(
    ["dataset", "model", "loss", "optimizer", "name", "adam", "moons", ": ", "\n", "  ", "{", "}"]
    + ["[", "]", "- ", "&a ", "*a", "!!", "'", '"', "#", "|", ">", "1e3", "null", "\t", "?", ","]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(WORDS, max_size=25).map("".join))
def test_any_yaml_is_a_config_or_is_refused(text):
    try:
        document = config.reading.parse(text, "x")
        if isinstance(document.value, dict):
            config.load(document.value)
    except InvalidInput:
        pass
