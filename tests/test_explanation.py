"""What `optcli explain` says: pages on names, and the passes of a model.

`python -m tests.test_explanation` writes the catalog that is shipped anew.
"""

import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest

import optcli
from optcli import plots
from optcli.api import explain, passes, pictures
from optcli.api.page import written
from optcli.cli.main import run
from optcli.core import catalog_file
from optcli.ideas import ideas, plain
from optcli.layers.base import LAYERS
from optcli.models import CNN, MLP
from optcli.plugins.catalog import KINDS
from tests.cohorts import cohort
from tests.for_each import for_each
from tests.test_layers import trained

DIGITS = str(Path(__file__).parent.parent / "configs" / "digits.yaml")
NAMES = sorted({name for registry in (*KINDS.values(), LAYERS) for name in registry.names()})


def test_the_catalog_that_is_shipped_says_what_the_classes_say():
    how = "run: python -m tests.test_explanation"
    assert written() == catalog_file.PATH.read_text("utf-8"), how


@pytest.mark.parametrize("name", NAMES)
def test_there_is_a_page_for_every_name(name, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    assert run(["explain", name]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{name} (")
    for page in explain.pages(name):
        assert page.text
        for key in page.fields:
            assert f"  {key} " in out
    assert all(len(line) <= 60 for line in out.splitlines())


@for_each("name", LAYERS.names() + KINDS["activations"].names())
def test_pages_on_layers_give_gradient_and_reference(name):
    page = next(p for p in explain.pages(name) if p.kind in ("layer", "activation"))
    if name != "flatten":
        assert "Reference: " in page.text
    assert any(word in page.text for word in ("∂/∂", "f′(x)", "gradient", "dy/n"))


def own(registry):
    """What comes with optcli; other tests may have registered plug-ins in this process."""
    return [cls for cls in registry if cls.__module__.startswith("optcli.")]


def test_pages_say_when_to_use_a_thing_and_when_not():
    kinds = (
        "optimizers",
        "losses",
        "activations",
        "initializers",
        "schedules",
        "averages",
        "models",
    )
    for registry in (*(KINDS[kind] for kind in kinds), LAYERS):
        for cls in own(registry):
            text = " ".join(cls.__doc__.split())
            assert "Use it when " in text, cls
            assert re.search(r"Avoid (it|its|large|extreme|too|very|a) ", text), cls


def test_a_page_gives_range_and_default(capsys):
    assert run(["explain", "dropout"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "rate probability that an input is set to 0 (number in [0, 1), default 0.5)" in said


def test_the_page_of_a_loss_gives_its_domain_and_its_kinks():
    page = next(p for p in explain.pages("exponential") if p.kind == "loss")
    assert page.facts["targets"] == "two classes, or 0 and 1 in each of several columns"
    assert page.facts["scores"].startswith("in [-700, 700]")
    assert page.facts["kinks"] == "none"
    (page,) = explain.pages("tweedie")
    assert page.facts["targets"] == "numbers ≥ 0"
    (page,) = explain.pages("epsilon_insensitive")
    assert page.facts["kinks"] == "s = t + epsilon, s = t − epsilon"
    assert explain.pages("adam")[0].facts == {}


def test_a_line_of_names_says_what_it_says_when_it_is_parsed(capsys):
    """Those with `--` are parsed."""
    lines = ("list", "list losses", "list x", "explain learning rate", "explain adam")
    for line in (*lines, *(f"{line} --json" for line in lines), "schema"):
        command, *words = line.split()
        options = [word for word in words if word.startswith("--")]
        names = [word for word in words if word not in options]
        told = []
        for given in ([command, *words], [command, *options, "--", *names]):
            code = run(given)
            told.append((code, *capsys.readouterr()))
        assert told[0] == told[1], line


def test_other_names_lead_to_the_page(capsys):
    assert run(["explain", "conv2d"]) == 0
    assert capsys.readouterr().out.startswith("convolution (layer, also conv, conv2d)")


def test_all_kinds_of_a_name_are_explained(capsys):
    assert run(["explain", "linear", "--json"]) == 0
    kinds = [json.loads(line)["kind"] for line in capsys.readouterr().out.splitlines()]
    assert {"dataset", "model", "schedule", "layer"} <= set(kinds)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["adma"], "NAME: unknown name 'adma'; did you mean 'adam'? (optcli list)"),
        (
            ["rate"],
            "NAME: unknown name 'rate'; did you mean 'warmup' or 'learning_rate' or "
            "'learning_rate_schedule' or 'adaptive_learning_rates'? (optcli list)",
        ),
        (
            ["wieght", "decay"],
            "NAME: unknown name 'wieght decay'; did you mean 'weight_decay'? (optcli list)",
        ),
        (["forward", "no.yaml"], "no.yaml: no such file"),
    ],
)
def test_wrong_arguments_are_said_in_one_line(arguments, message, capsys):
    assert run(["explain", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.err == f"error: {message}\n"
    assert captured.out == ""


@pytest.mark.parametrize("width", ["60", "100"])
@pytest.mark.parametrize("way", ["forward", "backward"])
def test_passes_are_a_table_that_fits(way, width, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", width)
    assert run(["explain", way, DIGITS]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= int(width)
    layers = [line for line in lines if "convolution" in line]
    assert len(layers) == 2
    first = "convolution2" if way == "backward" else "convolution1"
    assert first in layers[0]


def test_passes_as_json(capsys):
    assert run(["explain", "backward", DIGITS, "--json"]) == 0
    batch, *gradients = map(json.loads, capsys.readouterr().out.splitlines())
    assert batch["event"] == "batch"
    assert batch["rows"] == 32
    assert gradients[0] | {"norm": 0, "largest": 0} == {
        "event": "gradient",
        "layer": "dense2",
        "parameter": None,
        "shape": [10],
        "norm": 0,
        "largest": 0,
    }


def test_passes_by_value():
    made = cohort(["adam"], hidden=(), shuffle=False)
    found = passes.passes(made)
    part = made.replicas[0].data.train
    x, y = part.x[:16], part.y[:16]
    row = np.zeros(made.architecture().layout.size)
    made.architecture().initialize(row, 0)
    scores = x @ row[:12].reshape(4, 3) + row[12:]
    p = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    dy = (p - np.eye(3)[y]) / 16
    (output,) = found.forward
    assert (output.layer, output.shape, output.parameters) == ("dense1", (3,), 15)
    assert (output.mean, output.deviation) == pytest.approx((scores.mean(), scores.std()))
    assert found.loss == pytest.approx(-np.log(p[np.arange(16), y]).mean())
    expected = [(None, dy), ("weight", x.T @ dy), ("bias", dy.sum(0))]
    for gradient, (name, value) in zip(found.backward, expected, strict=True):
        assert gradient.parameter == name
        assert gradient.norm == pytest.approx(np.linalg.norm(value))
        assert gradient.largest == pytest.approx(np.abs(value).max())


@pytest.mark.parametrize(
    "model", [MLP(hidden=(6, 6), residual=True), CNN(channels=(3, 3), residual=True)]
)
def test_passes_know_every_parameter(model):
    made = trained(model)
    found = passes.passes(made)
    named = {f"{g.layer}.{g.parameter}" for g in found.backward if g.parameter}
    assert named == set(made.architecture().layout.shapes)
    assert sum(output.parameters for output in found.forward) == found.parameters
    assert np.isfinite([g.norm for g in found.backward]).all()


HEADINGS = [
    "Formula",
    "Why",
    "When to use it",
    "What goes wrong",
    "See it",
    "Read further",
]


IDEAS = pytest.mark.parametrize("idea", ideas(), ids=lambda idea: idea.name)


@IDEAS
def test_the_page_of_an_idea_is_whole(idea, capsys, monkeypatch):
    assert list(idea.sections) == HEADINGS
    assert all(len(text) > 20 for text in (idea.text, *idea.sections.values()))
    monkeypatch.setenv("COLUMNS", "60")
    for name in (idea.name, *idea.aliases):
        assert run(["explain", *name.split()]) == 0
        out = capsys.readouterr().out
        assert f"{idea.name} (idea" in out
    assert all(len(line) <= 60 for line in out.splitlines() if "optcli " not in line)


@pytest.mark.long
@IDEAS
def test_the_commands_of_an_idea_run(idea, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(Path(DIGITS).parent, tmp_path / "configs")
    lines = [line for line in idea.sections["See it"].splitlines() if line]
    for line in lines:
        program, *words = shlex.split(line)
        assert program == "optcli"
        assert run([*words, "--no-plots"] if words[0] == "trace" else words) == 0, line


def test_no_two_ideas_have_a_name_in_common():
    names = [plain(name) for idea in ideas() for name in {idea.name, *idea.aliases}]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("words", [["learning", "rate"], ["Learning-Rate"], ["step size"]])
def test_an_idea_is_found_however_it_is_written(words, capsys):
    assert run(["explain", *words, "--json"]) == 0
    page = json.loads(capsys.readouterr().out)
    assert (page["kind"], page["name"]) == ("idea", "learning_rate")
    assert list(page["sections"]) == HEADINGS


def test_a_picture_has_the_function_and_its_derivative(tmp_path, capsys):
    figure = optcli.picture("huber")
    above, below = figure.axes[:2]
    for line, slope in zip(above.lines, below.lines, strict=True):
        x, y = line.get_data()
        middle = np.abs(x[1:-1]) > 0.1  # away from the kink of mae
        numerical = ((y[2:] - y[:-2]) / (x[2:] - x[:-2]))[middle]
        assert numerical == pytest.approx(slope.get_ydata()[1:-1][middle], abs=0.02)
    file = tmp_path / "huber.svg"
    assert run(["explain", "huber", "-o", str(file)]) == 0
    assert file.read_text().startswith("<?xml")
    assert f"plot: {file}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("kind", "count"), [("losses", 0), ("activations", 0), ("schedules", 1), ("optimizers", 9)]
)
def test_what_is_registered_has_a_picture_or_says_why_not(kind, count, monkeypatch):
    drawn, said = [], []
    for name in ("slopes", "overlay"):
        monkeypatch.setattr(plots, name, lambda lines, *rest, **more: drawn.extend(lines))
    for cls in own(KINDS[kind]):
        try:
            pictures.picture(cls.name)
        except optcli.InvalidInput as error:
            said.append(str(error))
    assert drawn
    assert all(np.isfinite(line.y).all() for line in drawn)
    assert len(said) == count
    assert all("depend on the losses" in text or "gradients alone" in text for text in said)


def test_the_picture_of_adam_shows_what_bias_correction_does():
    lines = {line.get_label(): line for line in optcli.picture("adam").axes[0].lines}
    first = sorted(float(line.get_ydata()[0]) for line in lines.values())
    assert first == pytest.approx([1, 1, 0.1 / np.sqrt(0.001)], rel=1e-6)


CONFIGS = Path(__file__).parent.parent / "configs"


def test_one_row_is_worked_out_by_hand(capsys):
    small = ["--row", "3", "--json", "--set", "model={name: mlp, hidden: [3], activation: tanh}"]
    told = {}
    for way in ("forward", "backward"):
        words = ["explain", way, str(CONFIGS / "iris.yaml"), *small]
        assert run([*words, "--set", "dtype=float64"]) == 0
        head, *rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        told[way] = {
            (row["layer"], row["parameter"]): np.array(row["values"]).reshape(row["shape"])
            for row in rows
        }
    assert (head["row"], head["rows"], head["target"]) == (3, 90, "setosa")
    seen, slopes = told["forward"], told["backward"]
    hidden = np.tanh(seen["input", None] @ seen["dense1", "weight"] + seen["dense1", "bias"])
    scores = hidden @ seen["dense2", "weight"] + seen["dense2", "bias"]
    odds = np.exp(scores) / np.exp(scores).sum()
    np.testing.assert_allclose(seen["prediction", None], odds, rtol=1e-12)
    assert head["loss"] == pytest.approx(-np.log(odds[0]), rel=1e-12)
    at_scores = odds - [1, 0, 0]
    at_sums = (seen["dense2", "weight"] @ at_scores) * (1 - hidden**2)
    np.testing.assert_allclose(slopes["dense2", None], at_scores, rtol=1e-10)
    np.testing.assert_allclose(slopes["dense2", "weight"], np.outer(hidden, at_scores), rtol=1e-10)
    np.testing.assert_allclose(slopes["dense1", "bias"], at_sums, rtol=1e-10)
    np.testing.assert_allclose(
        slopes["dense1", "weight"], np.outer(seen["input", None], at_sums), rtol=1e-10
    )


def test_a_row_takes_a_config(capsys):
    assert run(["explain", "adam", "--row", "3"]) == 2
    assert "--row: is for forward and backward" in capsys.readouterr().err


if __name__ == "__main__":
    catalog_file.PATH.write_text(written(), "utf-8")
