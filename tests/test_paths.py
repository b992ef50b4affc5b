"""Paths as they are: links, loops, long and reserved names, folders that cannot be read."""

import errno
import os
import shutil
import sys
from pathlib import Path

import pytest

import optcli
from optcli.cli.main import run
from optcli.core import errors
from optcli.core.errors import InvalidInput
from optcli.storage import files
from optcli.storage.paths import MOST_BYTES, relative, safe_name
from tests.for_each import for_each
from tests.test_faults import CONFIG

LONG = "x" * 300
TABLE = "a,b,y\n" + "".join(f"{i},{i % 3},{'pq'[i % 2]}\n" for i in range(40))
YAML = """
dataset: {name: csv, path: t.csv, target: y}
model: mlp
loss: cross_entropy
optimizer: adam
training: {epochs: 1}
"""
needs_links = pytest.mark.skipif(sys.platform == "win32", reason="links take rights on Windows")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a config, a table, and a link that leads to itself."""
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)
    Path("c.yaml").write_text(YAML)
    Path("t.csv").write_text(TABLE)
    if sys.platform != "win32":
        Path("loop").symlink_to("loop")
    return place


@needs_links
def test_a_run_finds_its_table_from_a_folder_on_another_disk(here, tmp_path, capsys):
    (tmp_path / "disk" / "far" / "runs").mkdir(parents=True)
    Path("runs").symlink_to("../disk/far/runs")
    whole = optcli.train("c.yaml", ["training.epochs=2"], out="whole", plots=False)
    for out in (None, "runs/named"):
        kept = optcli.train("c.yaml", out=out, plots=False)
        assert optcli.resume(kept.folder, ["training.epochs=2"], plots=False).folder == kept.folder
        more = optcli.load(kept.folder).trained.parameters
        assert more.tobytes() == whole.trained.parameters.tobytes()
        assert run(["runs", "verify", str(kept.folder)]) == 0
        capsys.readouterr()
        assert run(["runs", "show", str(kept.folder)]) == 0
        assert ["dataset.path", "t.csv"] in [
            line.split() for line in capsys.readouterr().out.splitlines()
        ]


@needs_links
def test_a_way_goes_by_real_folders_and_keeps_a_link_to_a_file(tmp_path):
    for name in ("a/b", "c"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "to_b").symlink_to("a/b")
    (tmp_path / "c" / "latest.csv").symlink_to("v2.csv")
    assert relative(tmp_path / "c" / "latest.csv", tmp_path / "to_b") == "../../c/latest.csv"
    assert relative(tmp_path / "to_b" / "t.csv", tmp_path / "c") == "../a/b/t.csv"


def test_a_way_to_another_drive_is_absolute(tmp_path, monkeypatch):
    def refuse(*_):
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    monkeypatch.setattr(os.path, "relpath", refuse)
    assert relative(tmp_path / "t.csv", tmp_path) == (tmp_path / "t.csv").as_posix()


@for_each(
    ("text", "name"),
    [
        ("iris", "iris"),
        ("größe β", "größe β"),
        (".hidden", "hidden"),
        ("v1.2", "v1.2"),
        ("ends. ", "ends"),
        ("a:b*?", "a-b"),
        ("-o", "o"),
        ("../up", "up"),
        ("CON", "CON_"),
        ("nul.txt", "nul_.txt"),
        ("com1", "com1_"),
        ("console", "console"),
        ("\udcff", "unnamed"),
        ("...", "unnamed"),
    ],
)
def test_a_name_is_one_on_every_system(text, name):
    assert safe_name(text) == name


def test_a_long_name_is_shortened_and_stays_its_own():
    one, two = safe_name("б" * 130), safe_name("б" * 130 + "в")
    assert one != two
    for name in (one, two):
        assert len(name.encode()) <= MOST_BYTES
        assert name.startswith("б" * 90)
    assert safe_name("n" * MOST_BYTES) == "n" * MOST_BYTES


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no files of these names")
def test_folders_are_made_for_configs_of_any_name(here):
    for stem in ("б" * 125, "CON", "Con", "a:b", ".hidden"):
        Path(f"{stem}.yaml").write_text(YAML)
        found = optcli.train(f"{stem}.yaml", plots=False).folder
        assert found.name.startswith(safe_name(stem)[:60] + ("" if len(stem) > 60 else "-"))
    configs = ["CON.yaml", "Con.yaml", "a:b.yaml", f"{'б' * 125}.yaml"]
    settings = optcli.ComparisonSettings(tune=2, tune_seeds=1, seeds=2)
    both = optcli.compare(["sgd", "adam"], configs, settings=settings, plots=False)
    parts = {path.name for path in both.folder.iterdir() if path.is_dir()}
    assert parts == {"CON_", "Con_-2", "a-b", safe_name("б" * 125)}
    names = [path.name for path in Path("runs").iterdir()]
    assert not [name for name in names if name.startswith(".")]


COMMANDS = [
    (["train", "{}"], f"cannot be read: {os.strerror(errno.ELOOP)}"),
    (["check", "c.yaml", "--set", "dataset.path={}"], "is a broken link"),
    (["check", "c.yaml", "--set", "dataset.path={}/t.csv"], "no such file; there is no folder"),
    (["check", "c.yaml", "--plugin", "{}"], "is a broken link"),
    (["check", "c.yaml", "--plugin", "{}/p.py"], "no such file"),
    (["plugin", "check", "{}"], "is a broken link"),
    (["train", "c.yaml", "--out", "{}"], "is a broken link"),
    (["train", "c.yaml", "--out", "{}/x"], "is a broken link"),
    (["train", "--resume", "{}"], "is not a run folder"),
    (["predict", "{}", "t.csv"], "no such folder"),
    (["runs", "list", "{}"], "no such folder"),
    (["runs", "show", "{}/x"], "no such folder"),
    (["runs", "remove", "{}"], "is not a run folder"),
]


@needs_links
@for_each(("words", "loop"), COMMANDS, ids=lambda words: " ".join(words)[:40])
@for_each("path", ["loop", LONG])
def test_a_loop_of_links_or_too_long_a_name_is_told_in_a_line(here, words, loop, path, capsys):
    before = sorted(Path().iterdir())
    assert run([word.format(path) for word in words]) == 2
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert err.startswith("error: ")
    assert path in err
    assert (loop if path == "loop" else os.strerror(errno.ENAMETOOLONG)) in err
    assert sorted(Path().iterdir()) == before


def test_a_folder_that_cannot_be_read_stops_no_list(here, monkeypatch, capsys):
    """Root reads everything: the refusal is that of the system's call."""
    optcli.train(CONFIG, out="runs/a", plots=False)
    for name in ("b", "c"):
        shutil.copytree("runs/a", f"runs/{name}")
    real, refusal = os.stat, errno.EACCES

    def stat(path, *arguments, **keywords):
        if Path("runs/b") in Path(os.fsdecode(path)).parents:
            raise OSError(refusal, os.strerror(refusal), path)
        return real(path, *arguments, **keywords)

    monkeypatch.setattr(os, "stat", stat)
    for refusal in (errno.EACCES, errno.EIO):
        assert run(["runs", "list"]) == 0
        _, *lines = capsys.readouterr().out.splitlines()
        assert [line.split()[:3] for line in lines] == [
            ["a", "train", "completed"],
            ["b", "unknown", "damaged:"],
            ["c", "train", "completed"],
        ]
        assert lines[1].endswith(f"damaged: cannot be read: {os.strerror(refusal)}")
    assert run(["runs", "show", "runs/bb"]) == 2
    assert "no such folder" in capsys.readouterr().err


def test_an_error_of_the_system_without_a_file_is_told_for_what_it_is(monkeypatch, capsys):
    from optcli.api import explain

    def fail(*_, **__):
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    monkeypatch.setattr(explain, "pages", fail)
    assert run(["explain", "adam"]) == 3
    assert capsys.readouterr().err == f"error: {os.strerror(errno.ENOMEM)}\n"
    assert errors.lost == []


def test_what_is_open_on_windows_is_replaced_when_it_is_closed(tmp_path, monkeypatch):
    path = tmp_path / "f"
    files.write(path, b"old")
    refused = []

    def replace(source, target, real=os.replace):
        if len(refused) < 3:
            refused.append(source)
            raise PermissionError(errno.EACCES, "The file is in use", target)
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(errors.EnvironmentFailed, match="in use"):
        files.write(path, b"new")
    assert path.read_bytes() == b"old"
    monkeypatch.setattr(files, "PATIENCE", (0.0, 0.0))
    files.write(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@needs_links
def test_a_loop_named_in_python_is_an_invalid_input(here):
    with pytest.raises(InvalidInput, match="broken link"):
        optcli.check("c.yaml", ["dataset.path=loop"])
