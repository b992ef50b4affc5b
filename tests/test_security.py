"""Nothing that is read runs code, writes elsewhere, or speaks to the terminal."""

from __future__ import annotations

import csv
import json
import pickle
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

import optcli
from optcli.cli.main import run
from tests import systems
from tests.for_each import for_each

# Markup of rich, a sequence that clears the screen, a turn of the writing direction, an 8-bit
# control character, mathematics that is none, a tag, a line end.
ODD = "[red]a[/red]\x1b[2J\u202e\x9b1m$\\frac{<script>&amp;\nb"
PLAIN = "[red]a[/red]\\x1b[2J\\u202e\\x9b1m$\\frac{<script>&amp;\\nb"
CONFIG = f"""\
dataset: {{name: csv, path: t.csv, target: {json.dumps("y" + ODD)}}}
model: linear
loss: cross_entropy
optimizer: adam
metrics: [accuracy, f1]
training: {{epochs: 2}}
"""


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """A folder with a table of odd names and classes, and a run of it with an odd name."""
    folder = tmp_path_factory.mktemp("odd")
    with (folder / "t.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([ODD + "1", ODD + "2", "y" + ODD])
        for i in range(60):
            writer.writerow([i % 7 + i / 60, i * i % 11, ODD + "cd"[i % 3 == 0]])
    (folder / "c.yaml").write_text(CONFIG)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run(["train", "c.yaml", "--quiet", "--out", f"run{ODD}".replace("/", "")]) == 0
        shutil.copytree(next(folder.glob("run*")), "run")
    return folder


@pytest.fixture
def here(odd, tmp_path, monkeypatch):
    shutil.copytree(odd, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def assert_plain(text: str) -> None:
    odd = {c for c in text if (ord(c) < 32 and c != "\n") or "\x7f" <= c <= "\x9f" or c == "\u202e"}
    assert not odd, text


NAMES = {
    "check": "check c.yaml",
    "train": "train c.yaml --out new",
    "train --json": "train c.yaml --out new --json --no-plots",
    "compare": "compare sgd adam --config c.yaml --tune 2 --seeds 2 --out new",
    "gradcheck": "gradcheck --config c.yaml --fast",
    "explain": "explain backward c.yaml",
    "lr-find": "lr-find c.yaml --seeds 1",
    "runs list": "runs list .",
    "runs show": "runs show run",
    "runs diff": "runs diff run RUN",
    "runs verify": "runs verify RUN",
}


@pytest.mark.parametrize("case", NAMES)
def test_names_from_files_are_plain_text_on_the_terminal(case, here, capfd):
    own = next(path.name for path in here.glob("run*") if path.name != "run")
    assert run([own if word == "RUN" else word for word in NAMES[case].split()]) == 0
    said = capfd.readouterr()
    assert_plain(said.out)
    assert_plain(said.err)
    if case in ("check", "runs show"):
        assert PLAIN[:20] in said.out


@for_each(
    "words",
    [
        "X",
        "--X",
        "check X",
        "check c.yaml --set X=1",
        "check c.yaml --plugin X",
        "train --resume X",
        "compare X sgd",
        "gradcheck X",
        "trace X sgd",
        "explain X",
        "list X",
        "runs show X",
    ],
)
def test_words_of_the_command_line_are_plain_text_in_errors(words, here, capfd):
    assert run([word.replace("X", ODD) for word in words.split()]) == 2
    said = capfd.readouterr().err
    assert_plain(said)
    assert len(said.splitlines()) == 1


def test_faults_of_a_table_are_plain_text(here, capfd):
    text = Path("t.csv").read_text()
    Path("t.csv").write_text(text + '"\x1b[2J",1,"[b]"\n')
    assert run(["check", "c.yaml"]) == 2
    said = capfd.readouterr().err
    assert_plain(said)
    assert r"\x1b[2J" in said


# ---- code ----------------------------------------------------------------------------


class Opens:
    """Unpickled, it makes the file `gone`."""

    def __reduce__(self):
        return (Path.touch, (Path("gone"),))


def crafted(path: Path) -> None:
    """An archive of arrays, one of which runs code where pickles are allowed."""
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
        with archive.open("parameters.more.npy", "w") as file:
            np.lib.format.write_array(file, np.array([Opens()], object), allow_pickle=True)
    Path(path.parent, "checksums.json").unlink()


@pytest.mark.parametrize("name", ["model.npz", "checkpoint.npz"])
def test_an_archive_runs_no_code(name, here, capfd):
    crafted(Path("run", name))
    resume = ["train", "--resume", "run", "--set", "training.epochs=3"]
    for words in (["runs", "show", "run"], ["runs", "verify", "run"], resume):
        assert run(words) in (0, 1, 2)
        assert "Traceback" not in capfd.readouterr().err
    assert not Path("gone").exists()


@pytest.mark.parametrize("name", ["config.yaml", "environment.json", "summary.json", "history.csv"])
def test_no_file_of_a_run_folder_is_unpickled_or_runs_code(name, here, capfd):
    tag = "!!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path [gone]]\n"
    for content in (pickle.dumps(Opens()), tag.encode(), b"__import__('pathlib').Path('gone')"):
        shutil.rmtree("run")
        shutil.copytree(next(here.glob("run*")), "run")
        Path("run", name).write_bytes(content)
        Path("run", "checksums.json").unlink()
        for words in (["runs", "list", "."], ["runs", "show", "run"], ["train", "--resume", "run"]):
            assert run(words) in (0, 2)
            assert "Traceback" not in capfd.readouterr().err
        assert not Path("gone").exists()


def test_a_config_loads_no_plug_in(here):
    """Only `--plugin` runs code: no key of a config, of a run or of a comparison does."""
    Path("p.py").write_text("from pathlib import Path\nPath('gone').touch()\n")
    for text in (CONFIG + "plugin: p.py\n", CONFIG + "plugins: [p.py]\n"):
        Path("c.yaml").write_text(text)
        assert run(["check", "c.yaml"]) == 2
    for name in ("p", "p.py", "./p.py", "..p", "os.path"):
        Path("c.yaml").write_text(CONFIG.replace("adam", json.dumps(name)))
        assert run(["check", "c.yaml"]) == 2
    assert not Path("gone").exists()
    Path("c.yaml").write_text(CONFIG)
    assert run(["check", "c.yaml", "--plugin", "p.py"]) == 0
    assert Path("gone").exists()


# ---- places --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../outside", "/etc/hostname", "a/../../outside", ".."])
def test_checksums_reach_no_file_outside(name, here, capfd):
    Path("outside").write_text("mine")
    sums = json.loads(Path("run/checksums.json").read_text())
    sums[name] = {"bytes": 4, "sha256": "0" * 64}
    Path("run/checksums.json").write_text(json.dumps(sums))
    assert run(["runs", "show", "run"]) == 2
    assert "is damaged: checksums.json does not describe it" in capfd.readouterr().err
    assert run(["train", "c.yaml", "--out", "run", "--overwrite", "--quiet"]) == 0
    assert Path("outside").read_text() == "mine"


@systems.needs_links
def test_removing_follows_no_link(here):
    Path("mine").mkdir()
    Path("mine/letter.txt").write_text("dear")
    Path("run/plots.png").symlink_to(here / "mine" / "letter.txt")
    Path("run/more").symlink_to(here / "mine")
    assert run(["runs", "remove", "run"]) == 2
    Path("run/more").unlink()
    assert run(["runs", "remove", "run"]) == 0
    assert Path("mine/letter.txt").read_text() == "dear"


def test_names_in_pictures_are_no_mathematics(here):
    """matplotlib would raise on this text as mathematics; the picture shows it."""
    done = optcli.train("c.yaml", out="new")
    assert {"boundary.png", "confusion.png"} <= {path.name for path in done.folder.iterdir()}
