"""Files that the user names to write to: nothing that must stay is replaced."""

from __future__ import annotations

import csv
import errno
import gzip
import io
import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import optcli
from optcli.cli.main import run
from optcli.core.errors import InvalidInput
from optcli.data import opening, streaming
from optcli.data.reading_rules import CURRENT
from optcli.data.targets import _probabilities
from optcli.display import predict as display
from optcli.storage import files, lock, outputs
from tests import systems

ROWS = "a,b,y\n" + "".join(
    f"{i % 7},{i % 5},{'yes' if i % 7 > i % 5 else 'no'}\n" for i in range(40)
)
FORMS = ", ".join(display.FORMS)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    place = tmp_path_factory.mktemp("outputs")
    (place / "t.csv").write_text(ROWS)
    config = {
        "dataset": {"name": "csv", "path": str(place / "t.csv"), "target": "y"},
        "model": "linear",
        "loss": "cross_entropy",
        "optimizer": {"name": "sgd", "lr": 0.5},
        "training": {"epochs": 2},
    }
    optcli.train(config, out=place / "r", plots=False)
    return place


@pytest.fixture(autouse=True)
def here(trained, tmp_path, monkeypatch):
    """A folder with a table of its own, and the run beside it as `r`."""
    (tmp_path / "new.csv").write_text(ROWS)
    if sys.platform == "win32":
        pytest.skip("makes links, which take rights on Windows")
    (tmp_path / "r").symlink_to(trained / "r")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def predict(output: str, *rest: str, data: str = "new.csv") -> int:
    return run(["predict", "r", data, "-o", output, *rest])


def expected() -> bytes:
    assert predict("plain.csv", "--quiet") == 0
    content = Path("plain.csv").read_bytes()
    Path("plain.csv").unlink()
    return content


def links() -> None:
    Path("soft.csv").symlink_to("new.csv")
    Path("hard.csv").hardlink_to("new.csv")
    Path("far.csv").symlink_to("soft.csv")
    Path("folder").symlink_to(".")
    Path("model.csv").symlink_to("r/model.npz")
    Path("loop.csv").symlink_to("loop.csv")
    Path("dir.csv").mkdir()


TABLE = "is the table itself; write elsewhere"
IN_RUN = "lies in a run folder; write elsewhere"
FOLDER = "is a folder; must be a file"


@systems.needs_links
@pytest.mark.parametrize(
    ("output", "wrong"),
    {
        "new.csv": TABLE,
        "./new.csv": TABLE,
        "dir.csv/../new.csv": TABLE,
        "soft.csv": TABLE,
        "hard.csv": TABLE,
        "far.csv": TABLE,
        "folder/new.csv": TABLE,
        "r/model.npz": IN_RUN,
        "r/history.csv": IN_RUN,
        "r/predictions.csv": IN_RUN,
        "model.csv": IN_RUN,
        "dir.csv": FOLDER,
        "dir.csv/": FOLDER,
        "out.csv/": FOLDER,
        ".": FOLDER,
        "loop.csv": "cannot be a file: Too many levels of symbolic links",
        "none/out.csv": "there is no folder none; make it",
        "new.csv/out.csv": "cannot be a file: Not a directory",
        "out.xlsx": f"its suffix is '.xlsx'; must be one of {FORMS}",
        "out.gz": f"its suffix is '.gz'; must be one of {FORMS}",
        "out.json": f"its suffix is '.json'; must be one of {FORMS}",
    }.items(),
)
def test_what_must_stay_stays(here, trained, output, wrong, capsys):
    links()

    def state() -> dict[str, bytes]:
        found = [path for place in (here, trained / "r") for path in place.iterdir()]
        return {str(path): path.read_bytes() for path in found if path.is_file()}

    before = state()
    assert predict(output) == 2
    assert capsys.readouterr() == ("", f"error: {output}: {wrong}\n")
    assert state() == before


def test_the_table_that_the_run_was_trained_on_stays(trained, capsys):
    assert predict(str(trained / "t.csv")) == 2
    assert capsys.readouterr().err.endswith(
        ": is a table that the run was trained on; write elsewhere\n"
    )
    assert (trained / "t.csv").read_text() == ROWS


@systems.needs_modes
def test_a_write_protected_file_stays_also_for_root(capsys):
    Path("kept.csv").write_text("kept")
    Path("kept.csv").chmod(0o444)
    Path("link.csv").symlink_to("kept.csv")
    for name in ("kept.csv", "link.csv"):
        assert predict(name) == 3
        message = f"{name}: is write-protected; write elsewhere, or chmod u+w\n"
        assert capsys.readouterr().err == f"error: {message}"
    assert Path("kept.csv").read_text() == "kept"


@systems.needs_modes
def test_it_writes_through_links_and_keeps_who_may_read():
    content = expected()
    Path("private.csv").write_text("old")
    Path("private.csv").chmod(0o600)
    Path("link.csv").symlink_to("private.csv")
    Path("ahead.csv").symlink_to("not-yet.csv")
    assert predict("link.csv", "--quiet") == predict("ahead.csv", "--quiet") == 0
    assert Path("link.csv").is_symlink()
    assert Path("ahead.csv").is_symlink()
    assert Path("private.csv").read_bytes() == Path("not-yet.csv").read_bytes() == content
    assert stat.S_IMODE(Path("private.csv").stat().st_mode) == 0o600


@systems.needs_pipes
@pytest.mark.parametrize("name", ["pipe", "pipe.txt"])
def test_it_writes_to_a_pipe(name):
    content = expected()
    os.mkfifo(name)
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(Path(name).read_bytes()))
    reader.start()
    assert predict(name, "--quiet") == 0
    reader.join()
    assert found == [content]
    assert Path(name).is_fifo()


@systems.needs_full_device
def test_it_writes_to_devices(capsys):
    assert predict("/dev/null", "--quiet") == 0
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)  # noqa: PTH116
    assert predict("/dev/full") == 3
    told = capsys.readouterr()
    assert told.err.startswith("error: /dev/full: cannot be written: No space left on device")
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)  # noqa: PTH116


def into(file: str, words: str, flags: int = os.O_TRUNC) -> None:
    """Run `optcli WORDS` with the file as its standard output."""
    descriptor, before = os.open(file, os.O_WRONLY | os.O_CREAT | flags), os.dup(1)
    os.dup2(descriptor, 1)
    try:
        with pytest.MonkeyPatch.context() as patch, os.fdopen(os.dup(1), "w") as stream:
            patch.setattr(sys, "stdout", stream)
            assert run(words.split()) == 0
    finally:
        os.dup2(before, 1)
        os.close(before)
        os.close(descriptor)


@systems.needs_posix_shell
def test_standard_output_by_all_its_names():
    content = expected()
    for name in ("-", "/dev/stdout", "all.csv"):
        into("all.csv", f"predict r new.csv --quiet -o {name}")
        assert Path("all.csv").read_bytes() == content, name
        Path("log.csv").write_text("before\n")
        into("log.csv", f"predict r new.csv -o {name.replace('all', 'log')}", os.O_APPEND)
        assert Path("log.csv").read_bytes() == b"before\n" + content, name
    assert not Path("-").exists()
    into("dash", "predict r new.csv --json -o -")
    into("plain", "predict r new.csv --json")
    assert Path("dash").read_bytes() == Path("plain").read_bytes()


@systems.needs_posix_shell
def test_what_the_shell_has_opened_is_continued():
    line = '"$0" -m optcli predict r new.csv -o /dev/fd/3 3>> log.csv | tee told | head -c 1'
    Path("log.csv").write_text("before\n")
    subprocess.run(["/bin/sh", "-ec", line, sys.executable], check=True, capture_output=True)
    assert Path("log.csv").read_bytes() == b"before\n" + expected()
    assert Path("told").read_text() == "predictions: 40 rows in /dev/fd/3\n"


def test_the_suffix_is_honoured():
    text = expected().decode()
    wanted = list(csv.DictReader(io.StringIO(text)))

    def as_told(row):
        return {k: v if k == "y" else repr(float(v)) for k, v in row.items()}

    for name in ("o.CSV", "o", *(f"o{form}" for form in display.FORMS)):
        assert predict(name, "--quiet") == 0
        content = Path(name).read_bytes()
        if name.endswith(".gz"):
            assert content == gzip.compress(gzip.decompress(content), mtime=0)
        if name.endswith(display.FRAMES):
            read = pl.read_parquet if name.endswith(".parquet") else pl.read_ipc
            rows = read(content).to_dicts()
        elif "json" in name:
            text = opening.contents(Path(name)).decode()
            rows = [json.loads(line) for line in text.splitlines()]
        else:
            plain = opening.contents(Path(name)).decode()
            rows = list(
                csv.DictReader(io.StringIO(plain), delimiter="\t" if "tsv" in name else ",")
            )
        assert [as_told(row) for row in rows] == wanted, name


def test_the_last_of_two_outputs_is_written():
    assert predict("one.csv", "-o", "two.csv", "--quiet") == 0
    assert not Path("one.csv").exists()
    assert Path("two.csv").exists()


@pytest.mark.parametrize(
    ("names", "taken", "found"),
    [
        (("no", "yes"), ("y",), ["probability_no", "probability_yes"]),
        (("no", "yes"), ("probability_no",), ["probability_no_2", "probability_yes"]),
        (("no", "no_2"), ("probability_no",), ["probability_no_3", "probability_no_2"]),
        (("a", "probability_a"),) * 2 + (["probability_a_2", "probability_probability_a"],),
    ],
)
def test_columns_never_collide(names, taken, found):
    assert _probabilities(names, taken) == found


def test_a_target_called_as_a_probability_is_predicted(capsys):
    Path("t.csv").write_text(ROWS.replace("a,b,y", "a,b,probability_no"))
    config = {
        "dataset": {"name": "csv", "path": "t.csv", "target": "probability_no"},
        "model": "linear",
        "loss": "cross_entropy",
        "optimizer": {"name": "sgd", "lr": 0.5},
        "training": {"epochs": 1},
    }
    done = optcli.train(config, out="collide", plots=False)
    assert set(done.predict("t.csv")) <= {"yes", "no"}
    found = done.predictions("t.csv")
    assert [*found] == ["probability_no", "probability_no_2", "probability_yes"]
    np.testing.assert_allclose(found["probability_no_2"] + found["probability_yes"], 1)
    assert run(["predict", "collide", "t.csv", "--json"]) == 0
    row = json.loads(capsys.readouterr().out.splitlines()[0])
    assert [*row["values"]] == [*found]


def test_a_folder_within_a_run_folder_is_refused(trained, capsys):
    words = ["--set", "training.epochs=1", "--no-plots", "--quiet"]
    for out in ("r/inner", "r/deep/er"):
        assert run(["train", "r/config.yaml", "--out", out, *words]) == 2
        assert "lies in a run folder" in capsys.readouterr().err
        assert run(["trace", "rosenbrock", "sgd", "--out", out, "--no-plots"]) == 2
    assert not (trained / "r" / "inner").exists()


@pytest.mark.parametrize(("cache", "what"), [("r", "a run folder"), ("new.csv", "a file")])
def test_a_cache_has_a_folder_of_its_own(cache, what):
    with pytest.raises(InvalidInput, match=f"dataset.cache: is '{cache}', {what}; must be a fold"):
        streaming.read("new.csv", Path(cache), CURRENT)


DIES = """
import os, signal, sys
from optcli.storage import files, outputs
write = os.write
def dies(descriptor, content):
    write(descriptor, content[: len(content) // 2])
    os.kill(os.getpid(), signal.SIGKILL)
os.write = dies
outputs.write(sys.argv[1], b"half of it")
"""


@systems.needs_kill
def test_what_a_killed_command_left_is_swept_away(tmp_path):
    out, long = tmp_path / "out.csv", tmp_path / ("ö" * 100)
    for path in (out, long):
        subprocess.run([sys.executable, "-c", DIES, str(path)], check=False)
    left = {path for path in tmp_path.iterdir() if path.name.startswith(".new-")}
    assert [path.read_bytes() for path in left] == [b"half "] * 2
    begun = lock.file_begins("out.csv")
    names = ("out.csv-notes", "abcdefgh", "out.csv2-abcdefgh", "out.csv-12345678-abcdefgh")
    others = [tmp_path / f".new-{name}" for name in names]  # the last is of another machine
    for path in others:
        path.write_text("mine")
    young = tmp_path / f"{begun}abcdefgh"
    young.touch()  # of a command that has just begun
    with files.atomic_writer(out, begun=begun, hold=lock.hold_file) as add:
        add(b"of a command that is at work")
        outputs.write(str(out), b"whole")
        assert out.read_bytes() == b"whole"
    assert out.read_bytes() == b"of a command that is at work"
    outputs.write(str(long), b"whole")
    os.utime(young, (0, 0))
    outputs.write(str(out), b"whole")
    assert {path for path in tmp_path.iterdir() if path.name.startswith(".new-")} == {*others}


@systems.needs_kill
def test_what_could_not_be_held_is_not_swept_away(tmp_path, monkeypatch):
    """As on a network's disk that lends no locks, or none at the moment."""
    import fcntl

    def fails(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    out, begun = tmp_path / "out.csv", lock.file_begins("out.csv")
    left = tmp_path / f"{begun}abcdefgh"
    left.write_text("left by a command that was killed")
    flock = fcntl.flock
    monkeypatch.setattr(fcntl, "flock", fails)
    with files.atomic_writer(out, begun=begun, hold=lock.hold_file) as add:
        add(b"of a command that is at work")
        outputs.write(str(out), b"whole")
        assert left.exists()
        monkeypatch.setattr(fcntl, "flock", flock)
        outputs.write(str(out), b"whole")
        assert not left.exists()
    assert out.read_bytes() == b"of a command that is at work"
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".new-")]
