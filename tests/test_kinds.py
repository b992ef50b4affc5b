"""Kinds of run folders: written by each command, recognised, refused where another is wanted."""

from __future__ import annotations

import ast
import contextlib
import functools
import json
import os
import shutil
from pathlib import Path

import pytest

import optcli
from optcli.api import runs
from optcli.cli.main import run
from optcli.core.errors import EnvironmentFailed, InvalidInput
from optcli.core.version import __version__
from optcli.gradients.case import CaseSet
from optcli.storage import files, kinds, run_folder, seals
from optcli.storage.lock import lock
from tests.for_each import for_each
from tests.test_faults import CONFIG, Disk, calls

ROOT = Path(__file__).parent.parent
LEFT = ROOT / "tests" / "v0_1"
QUIET = ["--quiet", "--no-plots"]
SHORT = ["--tune", "1", "--tune-seeds", "1", "--seeds", "1", *QUIET]
COMPARE = ["compare", "sgd", "adam", "-c", "c.yaml", *SHORT]
MADE = {
    "train": ["train", "c.yaml", *QUIET],
    "compare": COMPARE,
    "benchmark": [*COMPARE, "-c", "d.yaml"],
    "shard": [*COMPARE, "--shard", "2/2"],
    "benchmark-shard": [*COMPARE, "-c", "d.yaml", "--shard", "1/2"],
    "tune": ["tune", "c.yaml", "--budget", "2", "--repeats", "1", *QUIET],
    "tune-shard": ["tune", "c.yaml", "--budget", "2", "--repeats", "1", "--shard", "2/2", *QUIET],
    "trace": ["trace", "beale", "sgd", "--steps", "5", *QUIET],
    "landscape": ["landscape", "train", "--points", "3", "--no-curvature", *QUIET],
    "gradcheck": ["gradcheck", "mae", "--fast", "--plots", "--quiet"],
    "evaluate": ["evaluate", "train", "rows.csv", "--resamples", "9", *QUIET],
}
WHAT = {
    "train": "a training run",
    "compare": "a comparison",
    "benchmark": "a comparison on several configs",
    "tune": "a search",
    "shard": "a shard of a comparison",
    "benchmark-shard": "a shard of a comparison on several configs",
    "tune-shard": "a shard of a search",
    "trace": "a trace",
    "landscape": "a landscape",
    "gradcheck": "a gradient check",
    "evaluate": "an evaluation",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder of each kind, made by its command."""
    here = tmp_path_factory.mktemp("kinds")
    with contextlib.chdir(here):
        for name in ("c.yaml", "d.yaml"):
            Path(name).write_text(json.dumps(CONFIG))
        Path("rows.csv").write_text("x1,x2,class\n0,1,0\n1,0,1\n0.5,0.1,1\n")
        for kind, words in MADE.items():
            assert run([*words, "--out", kind]) == 0
    return here


@pytest.fixture
def here(made, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: None)
    shutil.copytree(made, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def forget(folder):
    """Make a folder, and those in it, as version 0.1 left them: they do not say their kind."""
    if folder == "gradcheck":
        for path in Path(folder).iterdir():
            if path.name != "gradcheck.png":
                path.unlink()
    for path in Path(folder).rglob(kinds.ENVIRONMENT):
        recorded = files.read_json(path)
        del recorded["kind"]
        files.write_json(path, recorded)
        seals.seal(path.parent)


def refusal(capsys, *words):
    """What a command says that is refused, in one line."""
    assert run(list(words)) == 2, words
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.startswith("error: ")
    return said.err.removeprefix("error: ").strip()


# ---- recognised ----------------------------------------------------------------------


def test_every_kind_is_made_here():
    assert [*MADE] == [*kinds.KINDS]
    assert {name: kind.what for name, kind in kinds.KINDS.items()} == WHAT


@pytest.mark.parametrize("kind", MADE)
def test_a_folder_says_its_kind_and_is_known_without(kind, here, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")
    assert files.read_json(Path(kind, "environment.json"))["kind"] == kind
    assert kinds.of(Path(kind)) == kinds.KINDS[kind]
    forget(kind)
    assert kinds.of(Path(kind)) == kinds.KINDS[kind]
    assert run(["runs", "list", "."]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert [row[:2] for row in rows] == [[name, name] for name in sorted(MADE)]
    assert "damaged" not in str(rows)


@for_each(
    ("folder", "kind"),
    [(path.relative_to(LEFT), "train") for path in sorted(LEFT.glob("train/*"))]
    + [("../format_2/muon", "train"), ("trace/rosenbrock", "trace")]
    + [("compare/finished", "compare"), ("compare/interrupted", "compare")]
    + [("compare/benchmark", "benchmark"), ("compare/benchmark/moons", "compare")]
    + [("gradcheck/moons", "gradcheck")],
    ids=str,
)
def test_a_folder_of_an_earlier_version_is_known(folder, kind):
    assert run_folder.is_own(LEFT / folder)
    assert kinds.of(LEFT / folder) == kinds.KINDS[kind]
    assert runs.entry(LEFT / folder).kind == kind
    assert runs.entry(LEFT / folder).damage is None


def test_a_comparison_of_version_0_1_says_what_it_measured(here, capsys):
    def measured_on(folder):
        assert run(["runs", "show", str(folder)]) == 0
        return "measured on" in (shown := capsys.readouterr().out), " ".join(shown.split())

    there, shown = measured_on(LEFT / "compare" / "finished")
    assert there
    assert "measured on the validation rows that chose the epoch, as in optcli 0.1 verdict" in shown
    assert not measured_on("compare")[0]
    assert not measured_on(LEFT / "compare" / "interrupted")[0]


def test_the_picture_of_version_0_1_is_listed_shown_and_removed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(LEFT / "gradcheck", "runs")
    assert run(["runs", "list"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["moons", "gradcheck", "done"]
    assert run(["runs", "show", "runs/moons"]) == 0
    assert capsys.readouterr().out == "outcome  done\n"
    Path("runs/moons/mine.txt").write_text("mine")
    message = "runs/moons: was not made by optcli, and is left alone"
    assert refusal(capsys, "runs", "remove", "runs/moons") == message
    Path("runs/moons/mine.txt").unlink()
    assert run(["runs", "remove", "runs/moons"]) == 0
    assert not Path("runs/moons").exists()


def test_no_other_folder_has_a_kind(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    assert kinds.of(tmp_path) is None
    assert not run_folder.is_own(tmp_path)
    (tmp_path / "environment.json").write_text('{"kind": "train"}')
    assert not run_folder.is_own(tmp_path)


# ---- refused -------------------------------------------------------------------------


def needed(kind, folder):
    return f"{folder}: is {WHAT[kind]}, not a training run; name a run of optcli train"


def resumed(kind, folder):
    command = " ".join(["optcli", *MADE[kind], "--out", folder])
    remedies = {
        "compare": f"continue it with: {command}",
        "benchmark": f"continue it with: {command}",
        "tune": f"continue it with: {command}",
        "shard": f"continue it with: {command}",
        "benchmark-shard": f"continue it with: {command}",
        "tune-shard": f"continue it with: {command}",
        "trace": "repeat it with optcli trace",
        "landscape": "repeat it with optcli landscape",
        "gradcheck": "repeat it with optcli gradcheck",
        "evaluate": "repeat it with optcli evaluate",
    }
    return f"{folder}: is {WHAT[kind]}, not a training run; {remedies[kind]}"


def taken(kind, folder):
    return f"--out: {folder} holds {WHAT[kind]}; choose another, or add --overwrite"


READERS = {
    "predict FOLDER c.csv": needed,
    "evaluate FOLDER c.csv": needed,
    "runs verify FOLDER": needed,
    "train --resume FOLDER": resumed,
}


@pytest.mark.parametrize("kind", [kind for kind in MADE if kind != "train"])
@pytest.mark.parametrize("said", [True, False], ids=["said", "recognised"])
def test_each_command_refuses_a_folder_of_another_kind(kind, said, here, capsys):
    recorded = files.read_json(Path(kind, "environment.json"))
    if recorded.get("command"):  # not that of these tests
        origin = {"command": " ".join(["optcli", *MADE[kind]]), "directory": None}
        files.write_json(Path(kind, "environment.json"), recorded | origin)
        seals.seal(Path(kind))
    if not said:
        forget(kind)
    before = {path: path.read_bytes() for path in Path(kind).rglob("*") if path.is_file()}
    for words, told in READERS.items():
        found = refusal(capsys, *words.replace("FOLDER", kind).split())
        assert found == told(kind, kind), words
        after = {path: path.read_bytes() for path in Path(kind).rglob("*") if path.is_file()}
        assert after == before, words


@for_each("command", MADE)
@for_each("kind", MADE)
def test_no_command_writes_into_a_folder_of_another_kind(kind, command, here, capsys):
    continued = ("compare", "benchmark", "tune", "shard", "benchmark-shard", "tune-shard")
    if kind == command and kind in continued:
        return  # these continue it
    before = {path: path.read_bytes() for path in Path(kind).rglob("*") if path.is_file()}
    assert refusal(capsys, *MADE[command], "--out", kind) == taken(kind, kind)
    after = {path: path.read_bytes() for path in Path(kind).rglob("*") if path.is_file()}
    assert after == before


@pytest.mark.parametrize("command", MADE)
def test_overwrite_takes_a_folder_of_any_kind(command, here):
    other = {"train": "benchmark", "gradcheck": "train"}.get(command, "gradcheck")
    assert run([*MADE[command], "--out", other, "--overwrite"]) == 0
    assert kinds.of(Path(other)) == kinds.KINDS[command]
    seals.check_seal(Path(other))


def test_all_that_is_in_a_folder_of_any_kind_is_known_as_its_own(here):
    # a landscape with paths and an evaluation of values have these, too
    for name in ("landscape/walks.csv", "evaluate/residuals.csv"):
        assert not Path(name).exists()
        Path(name).touch()
    for kind in MADE:
        run_folder.check_own(Path(kind))


def test_a_kind_of_a_later_version_is_listed_and_refused(here, capsys):
    recorded = files.read_json(Path("train/environment.json"))
    files.write_json(Path("train/environment.json"), recorded | {"kind": "sculpture"})
    seals.seal(Path("train"))
    assert runs.entry(Path("train")).kind == "sculpture"
    assert run(["runs", "show", "train"]) == 0
    capsys.readouterr()
    unknown = f"optcli {__version__} does not know it; update optcli"
    message = f"train: is a folder of kind 'sculpture', not a training run; {unknown}"
    for words in ("predict train c.csv", "runs verify train", "train --resume train"):
        assert refusal(capsys, *words.split()) == message
    said = refusal(capsys, *COMPARE, "--out", "train")
    assert said == (
        "--out: train holds a folder of kind 'sculpture'; choose another, or add --overwrite"
    )


@pytest.mark.parametrize("kind", [1, [], {"a": 1}, True])
def test_a_kind_that_is_no_text_is_damage(kind, here, capsys):
    recorded = files.read_json(Path("train/environment.json"))
    files.write_json(Path("train/environment.json"), recorded | {"kind": kind})
    seals.seal(Path("train"))
    assert runs.entry(Path("train")).outcome == "damaged"
    message = "environment.json: is damaged: 'kind' is not text"
    for words in ("predict train c.csv", "runs verify train", "train --resume train"):
        assert message in refusal(capsys, *words.split())


# ---- claimed in one way --------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize("command", ["trace", "gradcheck"])
def test_what_cannot_be_resumed_is_whole_or_gone(command, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr("optcli.plots.render", lambda *_: b"a picture")  # to draw takes long
    check = CaseSet.check
    found = functools.cache(lambda self, how: list(check(self, how)))  # and so does this
    monkeypatch.setattr(CaseSet, "check", lambda self, how: found(self, how))
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(json.dumps(CONFIG))
    words = [word for word in MADE[command] if word != "--no-plots"]
    total = calls(monkeypatch, lambda: run([*words, "--out", "whole"]))
    assert total > 15
    for number in range(1, total + 1):
        with monkeypatch.context() as patch:
            Disk(patch, number)
            code = run([*words, "--out", "x"])
        if code == 0:
            seals.check_seal(Path("x"))
            run_folder.remove(Path("x"))
        else:
            assert code == 3
        assert sorted(path.name for path in Path().iterdir()) == ["c.yaml", "whole"]


def test_comparisons_of_several_configs_hold_their_folder(here, capsys):
    with lock(Path("benchmark")):
        said = refusal(capsys, *MADE["benchmark"], "--out", "benchmark")
    assert said == f"benchmark: is in use by process {os.getpid()}; wait until it ends"


def test_a_comparison_that_is_refused_leaves_a_new_folder_and_no_old_one(here, capsys, monkeypatch):
    """A new folder goes, with its parts; one that was there stays, results or none."""

    def failed(*_):
        raise EnvironmentFailed("no room")

    monkeypatch.setattr("optcli.comparison.study.Study.run", failed)
    for words in (MADE["compare"], MADE["benchmark"]):
        assert run([*words, "--out", "new"]) == 3
        assert not Path("new").exists()
    for name in ("runs.csv", "history.csv", "summary.json", "checksums.json"):
        Path("compare", name).unlink()
    assert run([*COMPARE, "--out", "compare"]) == 3
    assert run_folder.is_own(Path("compare"))
    capsys.readouterr()


# ---- in one place --------------------------------------------------------------------


def constants(path):
    """The texts in a module's code, its docstrings left out."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = None
    return [
        node.value if isinstance(node.value, str) else node.value.decode("latin-1")
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
    ]


def test_what_a_folder_is_stands_in_one_module():
    for path in sorted((ROOT / "optcli").rglob("*.py")):
        if path.parent.name == "storage":
            continue
        text = path.read_text()
        assert "read_json" not in text, path
        if not any(word in text for word in ("environment.json", "compare:", "benchmark:")):
            continue
        texts = constants(path)
        # what completes a word imports nothing of storage, which loads numpy
        assert "environment.json" not in texts or path.stem in ("loading", "paths"), path
        assert not any(text.startswith(("compare:", "benchmark:")) for text in texts), path


def test_the_python_api_claims_in_the_same_way(here):
    with pytest.raises(InvalidInput, match="holds a trace"):
        optcli.train(CONFIG, out="trace", plots=False)
    with pytest.raises(InvalidInput, match="holds a training run"):
        optcli.trace("beale", ["sgd"], steps=2, out="train", plots=False)
