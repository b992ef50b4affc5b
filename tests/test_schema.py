"""The JSON Schema: what is valid by it, and what it says of a mistake in a config.

`python -m tests.test_schema` writes the file that is shipped anew.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator

from optcli import config
from optcli.cli.main import run
from optcli.config import json_schema
from optcli.core import schema_file
from tests.for_each import for_each

ROOT = Path(__file__).parent.parent
CONFIGS = sorted([*(ROOT / "configs").glob("*.yaml"), *(ROOT / "optcli/suites").rglob("*.yaml")])
SHIPPED = json.loads(schema_file.PATH.read_text())
VALIDATOR = Draft202012Validator(SHIPPED)


def test_the_file_that_is_shipped_is_the_schema():
    code = "from optcli.config import json_schema as s; import sys; sys.stdout.write(s.written())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.decode() == schema_file.PATH.read_text(), "run: python -m tests.test_schema"
    Draft202012Validator.check_schema(SHIPPED)


def test_the_command_prints_the_file_or_its_place(capsys):
    assert run(["schema"]) == 0
    assert capsys.readouterr().out == schema_file.PATH.read_text()
    assert run(["schema", "--path"]) == 0
    assert Path(capsys.readouterr().out.strip()) == schema_file.PATH


def test_the_command_adds_what_plugins_register(tmp_path, capsys, monkeypatch):
    from .test_packages import RIGHT

    monkeypatch.chdir(tmp_path)
    Path("p.py").write_text(RIGHT.replace('"smooth"', '"of_the_schema"'))
    from optcli.losses.base import LOSSES

    before = LOSSES.state()
    assert run(["schema", "--plugin", "p.py"]) == 0
    LOSSES.restore(before)
    made = json.loads(capsys.readouterr().out)
    assert "of_the_schema" in made["properties"]["loss"]["then"]["enum"]
    assert "of_the_schema" not in SHIPPED["properties"]["loss"]["then"]["enum"]


@for_each("path", CONFIGS, ids=[path.stem for path in CONFIGS])
def test_a_right_config_is_valid_and_so_is_what_it_comes_to(path):
    text = path.read_text()
    assert not [*VALIDATOR.iter_errors(yaml.load(text, Loader=config_loader()))]
    assert not [*VALIDATOR.iter_errors(json.loads(json.dumps(config.load(path).resolved())))]


def config_loader():
    """YAML's loader, with `1e-3` as a number, as an editor and optcli have it."""

    class Loader(yaml.SafeLoader):
        pass

    number = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$")
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", number, list("-+0123456789."))
    return Loader


TABLE = "{name: csv, path: data/iris.csv, target: species}"
RIGHT = (
    f"dataset: {TABLE}\n"
    + """\
split: {validation: 0.2, test: 0.2}
model: {name: mlp, hidden: [32, 32], activation: relu}
loss: cross_entropy
optimizer: {name: adam, lr: 0.01}
schedule: {name: cosine, warmup: 0.05}
training: {epochs: 100, batch_size: 32, early_stopping: {patience: 40}}
metrics: [accuracy]
"""
)
# What is changed, and the key and the words of the one message.
MISTAKES = {
    "misspelled section": ("optimizer:", "optimiser:", "", ("'optimiser' was unexpected", "")),
    "misspelled key": ("lr: 0.01", "learning_rate: 0.01", "optimizer", "'learning_rate' was"),
    "misspelled name": ("name: adam", "name: adma", "optimizer.name", "'adma' is not one of"),
    "bare misspelled name": ("cross_entropy", "crossentropy", "loss", "is not one of"),
    "out of range": ("lr: 0.01", "lr: -1", "optimizer.lr", "-1 is less than or equal to the min"),
    "key of another": ("lr: 0.01", "lr: 1, rho: 0.9", "optimizer", "'rho' was unexpected"),
    "text for a number": ("lr: 0.01", "lr: fast", "optimizer.lr", "'fast' is not of type 'num"),
    "number for a list": ("[32, 32]", "32", "model.hidden", "32 is not of type 'array'"),
    "fraction of a unit": ("[32, 32]", "[32, 0]", "model.hidden.1", "0 is less than the min"),
    "unknown activation": ("relu", "relo", "model.activation", "'relo' is not one of"),
    "neither number nor word": ("size: 32", "size: ful", "training.batch_size", "'ful' is not"),
    "too much": ("validation: 0.2", "validation: 1.5", "split.validation", "1.5 is greater"),
    "missing key": (", target: species", "", "dataset", "'target' is a required property"),
    "missing name": ("name: adam, ", "", "optimizer", "'name' is a required property"),
    "missing section": ("loss: cross_entropy\n", "", "", "'loss' is a required property"),
    "unknown metric": ("[accuracy]", "[acuracy]", "metrics.0", "'acuracy' is not one of"),
    "deep": ("patience: 40", "patience: 0", "training.early_stopping.patience", "0 is less"),
    "a list for a mapping": ("{name: adam, lr: 0.01}", "[adam]", "optimizer", "is not of type"),
    "bare name that needs keys": (TABLE, "csv", "dataset", "'csv' is not one of"),
}


@for_each("case", MISTAKES)
def test_a_mistake_has_one_message_at_its_key(case):
    before, after, key, words = MISTAKES[case]
    assert before in RIGHT
    value = yaml.safe_load(RIGHT.replace(before, after))
    found = [*VALIDATOR.iter_errors(value)]
    if case == "misspelled section":  # and the one that is required is missing
        assert len(found) == 2
        found, words = [each for each in found if "unexpected" in each.message], words[0]
    assert [".".join(map(str, each.path)) for each in found] == [key]
    assert words in found[0].message


def test_an_editor_has_a_description_and_a_default_for_each_key():
    def keys(schema, path=()):
        for rule in schema.get("allOf", ()):
            yield from keys(rule.get("then", {}), path)
        for name, inner in schema.get("properties", {}).items():
            if "if" in schema or name != "name":
                yield (*path, name), inner
                yield from keys(inner, (*path, name))

    found = [(path, inner) for path, inner in keys(SHIPPED) if path[-1] != "name" and inner]
    assert len(found) > 500
    assert [path for path, inner in found if not inner.get("description")] == []
    adam = next(
        rule["then"]["properties"]
        for rule in SHIPPED["properties"]["optimizer"]["allOf"]
        if rule["if"]["properties"]["name"] == {"const": "adam"}
    )
    assert adam["beta2"] == {
        "type": "number",
        "minimum": 0,
        "exclusiveMaximum": 1,
        "description": adam["beta2"]["description"],
        "default": 0.999,
    }
    names = SHIPPED["properties"]["optimizer"]["properties"]["name"]
    assert len(names["enum"]) == len(names["enumDescriptions"])


def test_shipped_configs_name_the_schema():
    for path in CONFIGS:
        first = path.read_text().splitlines()[0]
        assert first.startswith(schema_file.LINE), path
        assert (path.parent / first.removeprefix(schema_file.LINE)).resolve() == schema_file.PATH


def test_init_names_the_schema_where_it_lies_in_the_project(tmp_path, monkeypatch):
    from optcli.api.init import init

    project = tmp_path / "project"
    inside = project / ".venv/optcli/config/schema.json"
    for place, said in ((inside, "../.venv/optcli/config/schema.json"), (tmp_path / "s.json", "")):
        (project / "configs").mkdir(parents=True, exist_ok=True)
        monkeypatch.chdir(project)
        monkeypatch.setattr(schema_file, "PATH", place)
        init("configs/c.yaml", quick=True, overwrite=True)
        first = Path("configs/c.yaml").read_text().splitlines()[0]
        assert first.startswith(schema_file.LINE) == bool(said)
        assert not said or first == f"{schema_file.LINE}{said}"
        config.load("configs/c.yaml")


if __name__ == "__main__":
    schema_file.PATH.write_text(json_schema.written())
