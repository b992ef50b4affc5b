"""Completion: what TAB offers in bash, zsh and fish, and that it costs next to nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from optcli.cli import commands
from optcli.cli.completion import shells, syntax
from optcli.cli.completion.candidates import LISTED, candidates
from optcli.cli.completion.keys import kind
from optcli.cli.main import run
from optcli.comparison import suites
from optcli.ideas import ideas
from optcli.plugins.catalog import KINDS, PLACES_OF_OFFERS, registry
from tests.for_each import for_each

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder with configs, tables and two runs."""
    monkeypatch.chdir(tmp_path)
    for name in ("configs/data", "runs/iris", "runs/other", "runs/none", "my configs"):
        Path(name).mkdir(parents=True)
    for name in ("iris", "other"):
        Path(f"runs/{name}/environment.json").write_text("{}")
    Path("configs/iris.yaml").write_text("model: {hidden: [3], name: mlp}\noptimizer: adam  # it\n")
    Path("configs/moons.yaml").write_text("optimizer:\n  # why\n  lr: 1\n\n  name: 'lion'\n")
    for name in ("table.csv", "my_loss.py", "my configs/a.yaml", "configs/data/x.csv"):
        Path(name).write_text("")
    return tmp_path


def every(command, path=()):
    """Commands that do something, by their words."""
    if not hasattr(command, "commands"):
        yield path, command
        return
    for name in command.list_commands(None):
        yield from every(command.get_command(None, name), (*path, name))


def test_what_is_read_from_the_text_of_the_commands_is_what_they_take():
    app = commands.root_command()
    assert [*syntax.commands()] == app.list_commands(None)
    top = {name for each in app.params for name in each.opts} | {"-h", "--help"}
    assert set(syntax.ROOT) == top
    found = [*every(app)]
    assert len(found) > 15
    for path, command in found:
        known = syntax.of(*path)
        options = {"--help": "", "-h": ""}
        arguments = []
        for each in command.params:
            if isinstance(each, typer.core.TyperArgument):
                arguments.append(each.metavar)
            elif not each.hidden:
                value = "" if each.is_flag else each.metavar
                names = [*each.opts, *each.secondary_opts]
                options |= dict.fromkeys(names, value)
                assert {known.helps[name] for name in names} == {each.help.rstrip(".")}
        assert known.options == options, path
        assert known.arguments == arguments, path
        if len(path) == 2:
            assert path[1] in syntax.commands(path[0])


def test_names_are_those_of_the_registries():
    for plural in PLACES_OF_OFFERS:
        assert set(kind(plural)) == registry(plural).built_in(), plural
    assert set(kind("ideas")) == {idea.name for idea in ideas()}
    assert set(kind("suites")) == {suite.name for suite in suites.named()}
    assert {*LISTED} == {*KINDS, "suites", "ideas"}


IRIS = "train configs/iris.yaml --set "
OFFERED = {
    "tr": ["train", "trace"],
    "runs ": ["list", "show", "diff", "plot", "verify", "merge", "remove"],
    "runs show ": ["runs/iris", "runs/other"],
    "runs diff runs/iris runs/o": ["runs/other"],
    "runs plot runs/iris --x s": ["step", "seconds"],
    "train --se": ["--set", "--seed"],
    "train configs/": ["configs/data/", "configs/iris.yaml", "configs/moons.yaml"],
    "train configs/iris.yaml c": [],  # there is no second config
    "train --resume runs/i": ["runs/iris"],
    "train --plots=p": ["--plots=png", "--plots=pdf"],
    "check --plugin m": ["my configs/", "my_loss.py"],
    f"{IRIS}optimizer.l": ["optimizer.lr="],
    f"{IRIS}optimizer.nam": ["optimizer.name="],
    f"{IRIS}optimizer.name=adamw": ["optimizer.name=adamw"],
    f"{IRIS}optimizer.rho": [],  # adam has none
    f"{IRIS}optimizer=rmsprop --set optimizer.rh": ["optimizer.rho="],
    f"{IRIS}model.hi": ["model.hidden="],
    f"{IRIS}model.activation=gelu_": ["model.activation=gelu_tanh"],
    f"{IRIS}training.early_stopping.p": ["training.early_stopping.patience="],
    f"{IRIS}training.shuffle=": ["training.shuffle=true", "training.shuffle=false"],
    f"{IRIS}dt": ["dtype="],
    f"{IRIS}reg": ["regularization."],
    "train configs/moons.yaml --set optimizer.beta1": ["optimizer.beta1="],
    "train configs/moons.yaml --set optimizer.eps": [],  # lion has none
    "gradcheck --config configs/moons.yaml --set optimizer.ep": [],
    "compare rmsp": ["rmsprop"],
    "compare sgd configs/m": ["configs/moons.yaml"],
    "compare adam:be": ["adam:beta1=", "adam:beta2="],
    "compare adam:lr=1,w": ["adam:lr=1,weight_decay="],
    "compare sgd --suite ": ["full", "small"],
    "compare sgd --metric roc": ["roc_auc"],
    "compare sgd -c configs/m": ["configs/moons.yaml"],
    "gradcheck batch": ["batch_norm", "batch_normalization", "batchnorm"],
    "explain learning": ["learning_rate", "learning_rate_schedule"],
    "explain backward configs/i": ["configs/iris.yaml"],
    "explain layers runs/i": ["runs/iris"],
    "lr-find configs/ir": ["configs/iris.yaml"],
    "trace rosen": ["rosenbrock"],
    "trace rosenbrock adamw": ["adamw"],
    "list su": ["suites"],
    "predict runs/iris t": ["table.csv"],
    "predict runs/iris table.csv -o ": ["configs/", "my configs/", "runs/", "my_loss.py"],
    "train --out ru": ["runs/"],
    "nothing here": [],
    "train -- --s": [],
    "train configs/none.yaml --set optimizer.nesterov": ["optimizer.nesterov="],
    "train /nowhere/a": [],
}


@for_each("line", OFFERED)
def test_what_is_offered(line):
    found = [*candidates(line.split(" "))]
    if line.endswith("-o "):
        assert set(found) > set(OFFERED[line])
    else:
        assert sorted(found) == sorted(OFFERED[line])


def program(folder):
    """`optcli` as it is installed, in a folder for PATH."""
    (folder / "bin").mkdir()
    text = f"#!{sys.executable}\nfrom optcli.cli.main import main\nmain()\n"
    (folder / "bin/optcli").write_text(text)
    (folder / "bin/optcli").chmod(0o755)
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "HOME": str(folder)}


def test_an_answer_imports_nothing_of_optcli_but_itself(folder):
    code = (
        "import sys; from optcli.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: print(sorted(sys.modules))"
    )
    words = ["train", "configs/iris.yaml", "--set", "optimizer.l"]
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        env={**program(folder), "_OPTCLI_COMPLETE": "fish_complete"},
        check=True,
    )
    offered, modules = done.stdout.splitlines()
    assert offered == "optimizer.lr=\tlearning rate (default 0.001)"
    found = {name.partition(".")[0] for name in eval(modules)} - set(sys.stdlib_module_names)
    assert found & {"numpy", "typer", "click", "rich", "yaml", "pydantic", "polars"} == set()
    for module in eval(modules):
        parts = module.split(".")
        if parts[0] == "optcli" and len(parts) > 2:
            assert parts[1:3] == ["cli", "completion"] or module in (
                "optcli.cli.main",
                "optcli.core.former_paths",
                "optcli.core.version",
                "optcli.core.catalog_file",
                "optcli.core.schema_file",
                "optcli.storage.interruption",
            ), module
    assert not {"dataclasses", "inspect", "subprocess"} & set(eval(modules))


BASH = """\
eval "$(optcli --show-completion)"
try() {
    COMP_LINE="$1" COMP_POINT=${#1} COMP_WORDS=(optcli)
    _optcli_completion optcli
    printf '%s|' "${COMPREPLY[@]}"
    echo
}
"""
# bash goes on after the last = or : that it takes for the end of a word.
IN_BASH = {
    "optcli tr": "train|trace|",
    "optcli train configs/i": "configs/iris.yaml|",
    "optcli train my\\ configs/": "my\\ configs/a.yaml|",
    'optcli train "my configs/': "my\\ configs/a.yaml|",
    "optcli train configs/iris.yaml --set optimizer.name=adamw": "adamw|",
    "optcli train configs/iris.yaml --set optimizer.l": "optimizer.lr=|",
    "optcli compare adam:l": "lr=|",
}
FISH = {
    "optcli runs sh": "show\tShow the results and the config of a run",
    "optcli train my\\ configs/": "my configs/a.yaml",
    "optcli train configs/iris.yaml --set optimizer.l": (
        "optimizer.lr=\tlearning rate (default 0.001)"
    ),
    "optcli compare adam:l": "adam:lr=\tlearning rate (default 0.001)",
}
# compadd works in the line editor alone; what it is given is printed instead.
ZSH = """\
compdef() { }
compadd() {
    local -a options
    while [[ $1 == -* ]]; do
        [[ $1 == -a ]] && { print -r -- "$options: ${(P)2} <${(Pj:|:)told}>"; return }
        [[ $1 == -d ]] && { told=$2; shift 2; continue }
        [[ $1 == -S ]] && { options+=(open); shift 2; continue }
        shift
    done
}
eval "$(optcli --show-completion)"
try() { words=("$@"); CURRENT=$#; PREFIX=$words[-1]; _optcli }
try optcli tra
try optcli train my\\\\\\ configs/
try optcli train configs/iris.yaml --set optimizer.l
"""
TRACE = "trace  -- Trace optimizers on a test function"
IN_ZSH = """\
: train trace <train  -- Train a model and save the run|TRACE>
: my configs/a.yaml <my configs/a.yaml>
open: optimizer.lr= <optimizer.lr=  -- learning rate (default 0.001)>
"""


def shell(name, code, folder):
    """What a shell prints that runs the code, without the user's own settings."""
    place = shutil.which(name)
    if place is None:
        pytest.skip(f"{name} is not installed")
    bare = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}[name]
    done = subprocess.run(
        [place, *bare, "-c", code], capture_output=True, text=True, env=program(folder), check=True
    )
    assert done.stderr == ""
    return done.stdout


def test_bash_offers_it(folder):
    code = BASH + "\n".join(f"try '{line}'" for line in IN_BASH)
    assert shell("bash", code, folder).splitlines() == [*IN_BASH.values()]


def test_fish_offers_it(folder):
    code = "optcli --show-completion | source\n"
    code += "\n".join(f"complete -C '{line.replace(chr(92), chr(92) * 2)}'" for line in FISH)
    assert shell("fish", code, folder) == "\n".join(FISH.values()) + "\n"


def test_zsh_offers_it(folder):
    assert shell("zsh", ZSH, folder) == IN_ZSH.replace("TRACE", TRACE)


@pytest.mark.parametrize(
    ("name", "file", "settings"),
    [
        ("bash", ".bash_completions/optcli.sh", ".bashrc"),
        ("zsh", ".zfunc/_optcli", ".zshrc"),
        ("fish", ".config/fish/completions/optcli.fish", None),
    ],
)
def test_installing_twice_is_installing_once(name, file, settings, folder, monkeypatch, capsys):
    for variable in ("XDG_CONFIG_HOME", "ZDOTDIR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setattr(shells, "this", lambda: name)
    if settings:
        Path(settings).write_text("export A=1")  # without an end of line
    for _ in range(2):
        assert run(["--install-completion"]) == 0
        said = capsys.readouterr().out
        assert said == f"{name} completion is in {folder / file}; it works in the next shell\n"
    assert Path(file).read_text() == shells.SCRIPTS[name]
    if settings:
        first, *added = Path(settings).read_text().splitlines()
        assert (first, len(added)) == ("export A=1", 1)
    if name == "bash":
        done = subprocess.run(
            ["bash", "-c", ". ~/.bashrc; complete -p optcli"], capture_output=True, text=True
        )
        assert done.stdout == "complete -F _optcli_completion optcli\n"


def test_other_shells_are_told(monkeypatch, capsys):
    monkeypatch.setattr(shells, "this", lambda: "tcsh")
    for option in ("--show-completion", "--install-completion"):
        assert run([option]) == 2
        told = capsys.readouterr().err
        assert told.startswith("error: the shell is 'tcsh', and completion is for bash, zsh, fish")
