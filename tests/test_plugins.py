"""Plug-ins that are not as they should be: one line, with the plug-in's file, and exit code 2."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from optcli.cli.main import run
from optcli.losses.base import LOSSES
from optcli.optimizers.base import OPTIMIZERS
from optcli.plugins import loading
from tests.for_each import for_each

HEAD = """\
from dataclasses import dataclass
import numpy as np
from optcli.plugins import LOSSES
from optcli.plugins import PlainLoss
from optcli.plugins import OPTIMIZERS, Optimizer
"""
LOSS = (
    HEAD
    + """\
@LOSSES.register("{name}")
@dataclass(frozen=True)
class Mine(PlainLoss):
    "Mine."
    scales_target = True
    def batch(self, scores, target):
        r = scores - target
        {body}
"""
)
RULE = (
    HEAD
    + """\
@OPTIMIZERS.register("{name}")
@dataclass(frozen=True)
class Mine(Optimizer):
    "Mine."
    def coefficients(self, t):
        {numbers}
    def update(self, x, g, s, lr):
        {body}
"""
)
STEP = "np.subtract(x, np.multiply(g, lr, s), x)"
CONFIG = """\
dataset: {name: linear, samples: 60}
model: linear
loss: LOSS
optimizer: RULE
training: {epochs: 3}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command(words: str) -> int:
    """The command's exit code; it finds and leaves all registries without plug-ins."""
    with pytest.MonkeyPatch.context() as patch:
        for registry in (LOSSES, OPTIMIZERS):
            registry.names()
            patch.setattr(registry, "_classes", dict(registry._classes))
            patch.setattr(registry, "_aliases", dict(registry._aliases))
        patch.setattr(loading, "loaded", [])
        return run([*words.split(), "--plugin", "p.py"])


def plugin(text: str | bytes, loss: str = "mse", rule: str = "{name: sgd, lr: 0.1}") -> None:
    Path("p.py").write_bytes(text if isinstance(text, bytes) else text.encode())
    Path("c.yaml").write_text(CONFIG.replace("LOSS", loss).replace("RULE", rule))


# ---- on import -----------------------------------------------------------------------

FAILS = "fails on import: "
TAKEN = "is taken by optcli."
LETTERS = "must be lower-case letters, digits and _"
BARE = HEAD + '@LOSSES.register("mine")\n'
IMPORTS = {
    "syntax": ("x = 1\ndef f(:\n", f":2: --plugin: {FAILS}SyntaxError: "),
    "NUL": ("x = 1\0\n", f": --plugin: {FAILS}SyntaxError: "),
    "binary": (b"\x89PNG\0\0", f": --plugin: {FAILS}SyntaxError: "),
    "no module": ("import nothere\n", f":1: --plugin: {FAILS}ModuleNotFoundError: No module"),
    "raises": ("x = 1\nx / 0\n", f":2: --plugin: {FAILS}ZeroDivisionError: division by zero"),
    "leaves": ("import sys\nsys.exit(0)\n", f":2: --plugin: {FAILS}SystemExit: 0"),
    "stranger": ("class E(BaseException): pass\nraise E('x')\n", f":2: --plugin: {FAILS}E: x"),
    "markup": ("raise ValueError('[red]a\\x1b[2J\\nb')\n", r": ValueError: [red]a\x1b[2J\nb"),
    "taken": (
        LOSS.format(name="mse", body="pass"),
        f":6: --plugin: loss name 'mse' {TAKEN}losses.mse.MSE; choose another",
    ),
    "alias taken": (
        LOSS.format(name="mean_squared_error", body="pass"),
        f":6: --plugin: loss name 'mean_squared_error' {TAKEN}losses.mse.MSE; choose another",
    ),
    "rule taken": (
        RULE.format(name="adam", numbers="pass", body="pass"),
        f":6: --plugin: optimizer name 'adam' {TAKEN}optimizers.adam.Adam; choose another",
    ),
    "two words": (
        LOSS.format(name="a b", body="pass"),
        f":6: --plugin: loss name 'a b' {LETTERS}",
    ),
    "no word": (LOSS.format(name="", body="pass"), f":6: --plugin: loss name '' {LETTERS}"),
    "no class": (
        HEAD + 'LOSSES.register("mine")(3)\n',
        ":6: --plugin: loss 'mine' must be a class derived from optcli.plugins.Loss",
    ),
    "other class": (
        BARE + "class Mine: pass\n",
        ":6: --plugin: loss 'mine' must be a class derived from optcli.plugins.Loss",
    ),
    "nothing in it": (
        BARE + "@dataclass(frozen=True)\nclass Mine(PlainLoss): pass\n",
        ":6: --plugin: loss 'mine' lacks batch (see optcli.plugins.Loss)",
    ),
}


@for_each("case", IMPORTS)
def test_what_does_not_import(case, capsys):
    text, message = IMPORTS[case]
    plugin(text)
    assert command("list") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: p.py:")
    assert message in line


def test_interrupting_an_import_interrupts():
    plugin("raise KeyboardInterrupt\n")
    assert command("list") == 130


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("none.py", "none.py: --plugin: no such file"),
        (".", ".: --plugin: is a folder; must be a .py file"),
        ("p.txt", "p.txt: --plugin: is no Python file (.py)"),
    ],
)
def test_what_is_no_plugin(path, message, capsys):
    Path("p.txt").write_text("x = 1\n")
    assert run(["list", "--plugin", path]) == 2
    assert capsys.readouterr().err == f"error: {message}\n"


# ---- in use --------------------------------------------------------------------------

LOSSES_IN_USE = {
    "raises": ("raise RuntimeError('boom')", ":13: loss 'mine', batch: RuntimeError: boom"),
    "leaves": ("import sys; sys.exit(4)", ":13: loss 'mine', batch: SystemExit: 4"),
    "without end": ("return self.batch(scores, target)", ": loss 'mine', batch: RecursionError: "),
    "writes": (
        "scores[:] = 0; return r, r",
        ":13: loss 'mine', batch: ValueError: assignment dest",
    ),
    "values": ("return r, r", ":11: loss 'mine': gives values of shape ("),
    "gradient": ("return r[:, 0] ** 2, r[:, 0]", ":11: loss 'mine': gives gradient of shape ("),
    "mean": ("return (r**2).mean(), 2 * r", ":11: loss 'mine': gives values of shape () for "),
    "nothing": ("return None", ":11: loss 'mine': gives NoneType; must give two arrays"),
    "one": ("return (r**2).mean(1)", ":11: loss 'mine': gives ndarray; must give two arrays"),
    "ragged": ("return [[0], [0, 1]], r", ":11: loss 'mine': gives lists of unequal lengths; must"),
    "texts": ("return (r[:, 0]).astype(str), r", "values of type <U32; must be real numbers"),
    "objects": ("return r[:, 0] ** 2, r.astype(object)", "gradient of type object; must be real"),
    "complex": ("return r[:, 0] + 1j, r", "values of type complex"),
}


@pytest.mark.parametrize("case", LOSSES_IN_USE)
def test_a_loss_that_fails_in_use(case, capsys):
    body, message = LOSSES_IN_USE[case]
    plugin(LOSS.format(name="mine", body=body), loss="mine")
    for words in ("train c.yaml --quiet", "compare sgd adam --config c.yaml", "gradcheck mine"):
        assert command(words) == 2, words
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("error: p.py:"), words
        assert message in line, words
    assert not list(Path("runs").iterdir()), "nothing half-written stays"


RULES_IN_USE = {
    "raises": (
        "return {'lr': self.lr}",
        "raise RuntimeError('boom')",
        ":13: optimizer 'mine', update: RuntimeE",
    ),
    "numbers raise": (
        "return 1 / 0",
        STEP,
        ":11: optimizer 'mine', coefficients: ZeroDivisionError: division",
    ),
    "no such variable": (
        "return {'lr': self.lr}",
        "y += 1",
        ":13: optimizer 'mine', update: UnboundLocalError: ",
    ),
    "keeps": (
        "return {'lr': self.lr}",
        "self.k = 3",
        ":13: optimizer 'mine', update: self.k cannot be set: nothing can be kept on self; use a s",
    ),
    "leaves": (
        "return {'lr': self.lr}",
        "import sys; sys.exit(4)",
        ":13: optimizer 'mine', update: SystemExit",
    ),
    "no numbers": ("return None", STEP, ":6: optimizer 'mine': coefficients returns NoneType; mus"),
    "texts": ("return {'lr': 'a'}", STEP, ":6: optimizer 'mine': coefficient 'lr' is 'a'; must"),
    "no such name": (
        "return {'rate': self.lr}",
        STEP,
        "Mine.update takes 'lr', which does not exist",
    ),
    "none": ("return {}", STEP, ":6: optimizer 'mine': Mine.update takes 'lr', which does not"),
    "no step": (
        "return {'lr': self.lr}",
        "return x - lr * g",
        ":6: optimizer 'mine': x has not moved",
    ),
}


@pytest.mark.parametrize("case", RULES_IN_USE)
def test_an_optimizer_that_fails_in_use(case, capsys):
    numbers, body, message = RULES_IN_USE[case]
    text = RULE.format(name="mine", numbers=numbers, body=body)
    plugin(text, rule="{name: mine, lr: 0.1}")
    for words in ("train c.yaml --quiet", "compare sgd mine", "trace quadratic mine --no-plots"):
        assert command(words) == 2, words
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("error: p.py:"), words
        assert message in line, words
    assert not Path("runs").exists() or not list(Path("runs").iterdir())


def test_a_rule_that_cannot_be_called_is_named(capsys):
    text = RULE.format(name="mine", numbers="return {'lr': self.lr}", body=STEP)
    plugin(text.replace("coefficients(self, t)", "coefficients(self, t, lr)"), rule="mine")
    assert command("train c.yaml --quiet") == 2
    told = "error: p.py:6: optimizer 'mine': TypeError: Mine.coefficients() missing 1 required"
    assert capsys.readouterr().err.startswith(told)


@pytest.mark.parametrize(
    "text", ["from optcli.data import frames; frames.packed([], 'parquet')", "x = 1"]
)
def test_a_module_that_optcli_lacks_is_no_fault_of_the_plugin(text, capsys, monkeypatch):
    """Neither where the plug-in calls what needs the module, nor where optcli does."""
    monkeypatch.setitem(sys.modules, "polars", None)
    plugin(text)
    table = "{name: csv, path: d.parquet, target: y}"
    Path("d.parquet").write_bytes(b"PAR1")
    Path("c.yaml").write_text(
        Path("c.yaml").read_text().replace("{name: linear, samples: 60}", table)
    )
    assert command("check c.yaml") == 3
    told = capsys.readouterr().err
    assert told == "error: optcli needs the module 'polars'; install optcli again\n"


def test_a_loss_without_a_default_cannot_be_checked(capsys):
    text = LOSS.format(name="mine", body="return r[:, 0] ** 2, 2 * r")
    plugin(text.replace("    def batch", "    eps: float\n    def batch"))
    assert command("gradcheck") == 2
    assert "argument: 'eps'" in capsys.readouterr().err


@pytest.mark.parametrize("value", ["np.nan", "np.inf"])
def test_a_loss_that_is_not_finite_is_a_divergence_and_not_checked(value, capsys):
    plugin(LOSS.format(name="mine", body=f"return r[:, 0] * {value}, r * {value}"), loss="mine")
    assert command("train c.yaml --quiet") == 1
    assert command("gradcheck mine") == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("not checked: ")


# In the parent it is right, but so slow that workers are worth their start: what is told comes
# out of a worker.
LATE = "import multiprocessing as m; p = m.parent_process(); p or sum(range(4 * 10**4)); p and "


LEAVES, RAISES = "__import__('sys').exit(4)", "exec('raise RuntimeError(1)')"


@pytest.mark.parametrize(
    ("start", "end"),
    [
        pytest.param(LATE, LEAVES, id="late, leaves"),
        pytest.param("", RAISES, id="at once, raises"),
        pytest.param(LATE, RAISES, id="late, raises", marks=pytest.mark.long),
        pytest.param("", LEAVES, id="at once, leaves", marks=pytest.mark.long),
    ],
)
def test_what_fails_in_a_worker_is_said_as_in_the_command(start, end):
    plugin(RULE.format(name="mine", numbers="return {'lr': self.lr}", body=f"{start}{end}; {STEP}"))
    words = "compare sgd mine --config c.yaml --tune 2 --seeds 5 --jobs 2 --plugin p.py --debug "
    words += "--set training.epochs=1000"
    done = subprocess.run(
        [sys.executable, "-m", "optcli", *words.split()], capture_output=True, text=True
    )
    assert done.returncode == 2
    *traced, line = done.stderr.splitlines()
    assert line.startswith("error: p.py:13: optimizer 'mine', update: ")
    assert any('p.py", line 13, in update' in each for each in traced), "the traceback"


# ---- optcli plugin check -----------------------------------------------------------------

GOOD = LOSS.format(name="mine", body="return (r**2).mean(1), 2 * r / r.shape[1]")


def inspected(text, capsys, *words):
    """Exit code, what is printed, and the errors, of checking a plug-in."""
    Path("p.py").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        for registry in (LOSSES, OPTIMIZERS):
            registry.names()
            patch.setattr(registry, "_classes", dict(registry._classes))
            patch.setattr(registry, "_aliases", dict(registry._aliases))
        patch.setattr(loading, "loaded", [])
        code = run(["plugin", "check", "p.py", *words])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_a_right_plugin_keeps_all_laws(capsys):
    code, out, err = inspected(GOOD, capsys)
    assert (code, err) == (0, "")
    assert out.startswith("loss mine, p.py:6\n  holds   ")
    assert "BROKEN" not in out
    assert out.splitlines()[-1].startswith("all 12 laws hold, ")


def test_a_broken_plugin_is_told_what_to_write_instead(capsys):
    text = RULE.format(name="mine", numbers="return {'lr': self.lr}", body="return x - lr * g")
    code, out, _ = inspected(text, capsys)
    assert code == 1
    assert "  BROKEN  update moves x\n" in out
    assert "update must write into x" in out
    assert "BROKEN: " in out.splitlines()[-1]


def test_a_wrong_gradient_is_found(capsys):
    text = LOSS.format(name="mine", body="return (r**2).mean(1), 2 * r")
    code, out, _ = inspected(text, capsys)
    assert code == 1
    assert "BROKEN  its gradient is that of its value" in out


def test_what_raises_is_placed_and_debug_shows_where(capsys):
    text = LOSS.format(name="mine", body="raise RuntimeError('boom')")
    code, out, err = inspected(text, capsys, "--debug")
    assert code == 1
    assert "p.py:13: batch: RuntimeError: boom" in out
    assert "raise RuntimeError('boom')" in err


@pytest.mark.parametrize("width", [60, 80, 120])
def test_its_lines_fit_the_terminal(width, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    text = RULE.format(name="mine", numbers="return {'lr': self.lr}", body="return x - lr * g")
    _, out, _ = inspected(text, capsys)
    assert max(map(len, out.splitlines())) <= width


def test_json_lines_have_a_law_each(capsys):
    text = RULE.format(name="mine", numbers="return {'lr': self.lr}", body="return x - lr * g")
    code, out, _ = inspected(text, capsys, "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert {line["event"] for line in lines} == {"law", "summary"}
    (first, *_) = [line for line in lines if not line.get("holds", True)]
    assert first["law"] == "update moves x"
    assert (first["file"], first["line"], first["name"]) == ("p.py", 6, "mine")
    assert lines[-1]["ok"] is False
    assert lines[-1]["broken"] >= 1


def test_notes_are_no_faults(capsys):
    text = GOOD.replace("    scales_target", "    size: float = 1.0\n    scales_target")
    text = text.replace('    "Mine."\n', "")
    code, out, _ = inspected(text, capsys)
    assert code == 0
    assert "note    has no docstring" in out
    assert "note    size: does not say its meaning" in " ".join(out.split(" "))
    assert out.splitlines()[-1].startswith("all 12 laws hold, 2 notes, ")


def test_what_registers_nothing_is_refused_with_the_class_it_forgot(capsys):
    code, _, err = inspected(GOOD.replace('@LOSSES.register("mine")\n', ""), capsys)
    assert code == 2
    assert err == (
        "error: p.py: registers nothing; Mine is a class for it: put "
        "@LOSSES.register('name'), say, "
        "above @dataclass\n"
    )


def test_a_class_that_is_forgotten_beside_others_is_a_note(capsys):
    more = "\n@dataclass(frozen=True)\nclass Other(Mine):\n    'Other.'\n"
    code, out, _ = inspected(GOOD + more, capsys)
    assert code == 0
    assert "Other is not registered" in out


@pytest.mark.parametrize("name", ["Mine", "Two"])
def test_two_classes_of_one_name_are_refused(name, capsys):
    twice = GOOD + GOOD[len(HEAD) :].replace("class Mine", f"class {name}")
    code, _, err = inspected(twice, capsys)
    assert code == 2
    assert err == (
        "error: p.py:14: --plugin: loss name 'mine' is taken by Mine in p.py; choose another\n"
    )


def test_a_hyperparameter_outside_of_a_dataclass_is_told(capsys):
    text = GOOD.replace("@dataclass(frozen=True)\n", "").replace(
        "    scales_target", "    size: float = 1.0\n    scales_target"
    )
    code, out, _ = inspected(text, capsys)
    assert code == 1
    assert "size cannot be set in a config: the class is no dataclass of its own" in " ".join(
        out.split()
    )


# ---- the examples of the page ------------------------------------------------------------

PAGE = (Path(__file__).parent.parent / "docs" / "plugins.md").read_text()
EXAMPLES = {
    "optimizer": ("optimizer: {name: power_sign, lr: 0.01, beta: 0.8}", []),
    "rule of whole arrays": ("optimizer: {name: unit_sgd, lr: 0.01}", []),
    "loss": ("loss: {name: charbonnier, eps: 0.01}", []),
    "schedule": ("schedule: {name: sawtooth, teeth: 3}", []),
    "layer": ("model: {name: scaled_linear, units: 16}", []),
    "data set": ("dataset: {name: decay, samples: 100, rate: 0.3}", []),
    "metric": ("metrics: [rmse, {name: within, distance: 0.5}]", ["validation_within"]),
}


# All of them in one process, one after the other: the second command of each is as in its own.
EXAMPLES_RUN = """\
import os, sys
from optcli.cli.main import run
for kind in sys.argv[1:]:
    os.chdir(kind)
    print("example", kind)
    assert run(["plugin", "check", "p.py"]) == 0, kind
    assert run("train c.yaml --plugin p.py --out t --no-plots --quiet".split()) == 0, kind
    os.chdir("..")
"""


def test_the_examples_of_the_page_keep_the_laws_and_train():
    for kind, (config, _) in EXAMPLES.items():
        section = re.split(f"## An? {kind}\n", PAGE)[1].partition("\n## ")[0]
        assert f"`{config}`" in section.replace("\n", " ")
        Path(kind).mkdir()
        Path(kind, "p.py").write_text(section.partition("```python\n")[2].partition("```")[0])
        usual = CONFIG.replace("LOSS", "mse").replace("RULE", "{name: adam, lr: 0.1}")
        told = yaml.safe_load(usual) | yaml.safe_load(config)
        Path(kind, "c.yaml").write_text(yaml.safe_dump(told))
    call = [sys.executable, "-c", EXAMPLES_RUN, *EXAMPLES]
    done = subprocess.run(call, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "note" not in done.stdout
    for kind, (_, columns) in EXAMPLES.items():
        head = Path(kind, "t", "history.csv").read_text().splitlines()[0].split(",")
        assert set(columns) <= set(head)
    written = PAGE.partition("    $ optcli plugin check schedule.py\n")[2].splitlines()
    shown = [line[4:] for line in written[:8]]
    found = done.stdout.replace("p.py", "schedule.py").partition("example schedule\n")[2]
    assert found.splitlines()[:7] == shown[:7]
    assert found.splitlines()[7].startswith("all 5 laws hold, ")


def test_a_data_set_in_a_file_is_read_wherever_rows_are(capsys):
    section = PAGE.split("## A data set\n")[1].partition("\n## ")[0]
    Path("p.py").write_text(section.split("```python\n")[2].partition("```")[0])
    rows = [{"x": i / 7, "kind": "ab"[i % 2], "y": i % 5} for i in range(40)]
    Path("decay.jsonl").write_text("\n".join(map(json.dumps, rows)))
    Path("c.yaml").write_text(
        re.sub("dataset: .*", "dataset: {name: json_lines, path: decay.jsonl, target: y}", CONFIG)
        .replace("LOSS", "mse")
        .replace("RULE", "sgd")
    )
    code = """
from optcli.cli.main import run
for words in (
    "train c.yaml --plugin p.py --out t --no-plots --quiet",
    "predict t decay.jsonl --plugin p.py --quiet -o new.csv",
    "runs diff t t",
):
    assert run(words.split()) == 0
Path("decay.jsonl").rename("moved.jsonl")
more = "train --resume t --plugin p.py --set training.epochs=4 --quiet --no-plots".split()
assert run(more) == 2
assert run([*more, "--set", "dataset.path=moved.jsonl"]) == 0
assert run("predict t moved.jsonl --plugin p.py -o moved.jsonl".split()) == 2
assert run("plugin check p.py".split()) == 0
"""
    done = subprocess.run(
        [sys.executable, "-c", "from pathlib import Path" + code], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    missing, same = done.stderr.splitlines()
    assert "if it has moved, add --set dataset.path=FILE" in missing
    assert "moved.jsonl: is the table itself; write elsewhere" in same
    assert len(Path("new.csv").read_text().splitlines()) == 41
    assert "note    its table is given: only training tries it" in done.stdout


FORMER = """from optcli.specs import Doc, Training
from optcli.losses.base import LOSSES
from optcli.objectives import OBJECTIVES
"""


def test_former_paths_work_and_are_noted_once_a_file(capsys):
    plugin(FORMER + LOSS.format(name="old", body="return (r * r).mean(1), 2 * r"))
    code = "from optcli.cli.main import run; import sys; sys.exit(run(sys.argv[1:]))"
    whole = [sys.executable, "-c", code, "check", "c.yaml", "--plugin", "p.py"]
    done = subprocess.run(whole, capture_output=True, text=True)
    assert (done.returncode, done.stderr.splitlines()) == (
        0,
        [
            "note: p.py:1: imports from optcli.specs, optcli.losses.base, optcli.objectives; write "
            "'from optcli.plugins import LOSSES, OBJECTIVES, Doc' and "
            "'from optcli.training.settings import Training'; it works until version 0.3"
        ],
    )
    done = subprocess.run([*whole, "--quiet"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    code = "from optcli.cli.main import run; run(['plugin', 'check', 'p.py'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout.count("imports from optcli.specs"), done.stderr) == (1, "")


def test_a_script_is_warned_where_it_imports():
    Path("s.py").write_text(FORMER + "from optcli.layers.base import Place\nprint(Doc, Place)\n")
    done = subprocess.run([sys.executable, "s.py"], capture_output=True, text=True)
    assert "optcli.core.specs.Doc" in done.stdout
    assert "optcli.layers.base.Binding" in done.stdout
    lines = [line for line in done.stderr.splitlines() if "FormerPath" in line]
    places = [line.partition("s.py:")[2].partition(":")[0] for line in lines]
    assert places == ["1", "3", "4"]
    assert "optcli.specs is optcli.core.specs now; it works until version 0.3" in lines[0]


def test_the_public_module_has_each_name_and_costs_nothing_before():
    code = (
        "import sys, optcli.plugins.loading; from optcli.plugins import catalog; "
        "assert 'optcli.plugins.public' not in sys.modules; from optcli.plugins import *; "
        "print(*sorted(n for n in dir() if n.isupper()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    kinds = "ACTIVATIONS AVERAGES DATASETS INITIALIZERS LAYERS LOSSES METRICS MODELS OBJECTIVES"
    assert done.stdout.split() == [*kinds.split(), "OPTIMIZERS", "SCHEDULES"]
