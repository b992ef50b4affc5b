"""Runs: listed, shown, told apart, verified, removed."""

import json
import shutil

import pytest

import optcli
from optcli.api import runs, verify
from optcli.api.resume import resume
from optcli.cli.main import run as command
from optcli.core.errors import InvalidInput
from optcli.storage import files, seals
from tests.test_faults import CONFIG


@pytest.fixture
def parent(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    optcli.train(CONFIG, out="runs/a", plots=False)
    optcli.train(CONFIG, ["optimizer.lr=0.01", "seed=3"], out="runs/b", plots=False)
    return tmp_path / "runs"


def said(capsys, *words):
    """Exit code, stdout and stderr of a command."""
    code = command(["runs", *words])
    out = capsys.readouterr()
    return code, out.out, out.err


def test_list_marks_damaged_ones_and_goes_on(parent, capsys):
    for number in range(30):
        shutil.copytree(parent / "a", parent / f"c{number:02d}")
    (parent / "c03" / "model.npz").write_bytes(b"short")
    (parent / "c04" / "summary.json").write_text("{")
    (parent / "c05" / "config.yaml").unlink()
    (parent / "c06" / "checksums.json").write_text("[]")
    (parent / "other").mkdir()
    code, out, _ = said(capsys, "list")
    assert code == 0
    lines = out.splitlines()
    assert len(lines) == 1 + 32
    assert sum("damaged" in line for line in lines) == 4
    assert sum("completed" in line for line in lines) == 28
    code, out, _ = said(capsys, "list", "--json")
    found = [json.loads(line) for line in out.splitlines()]
    assert [each["run"] for each in found if each["damage"]] == [f"runs/c0{i}" for i in range(3, 7)]


def test_list_of_a_thousand_is_quick(parent):
    import time

    for number in range(1000):
        folder = parent / f"x{number}"
        folder.mkdir()
        for name in ("config.yaml", "environment.json", "summary.json"):
            (folder / name).write_bytes((parent / "a" / name).read_bytes())
    began = time.perf_counter()
    assert len(list(runs.entries(parent))) == 1002
    assert time.perf_counter() - began < 5


def test_show_and_diff(parent, capsys):
    code, out, _ = said(capsys, "show", "runs/a")
    assert code == 0
    assert "best validation_loss" in out
    assert "optimizer.lr" in out
    code, out, _ = said(capsys, "diff", "runs/a", "runs/b")
    assert code == 0
    rows = [line.split() for line in out.splitlines()]
    assert ["optimizer.lr", "0.05", "0.01"] in rows
    assert ["seed", "0", "3"] in rows
    assert not any(row[:1] == ["model.name"] for row in rows)
    code, out, _ = said(capsys, "diff", "runs/a", "runs/b", "--json")
    assert json.loads(out)["config"]["seed"] == [0, 3]


def test_verify_agrees_or_says_where_not(parent, capsys):
    assert said(capsys, "verify", "runs/a")[:2] == (0, "reproduced bit for bit (2 epochs)\n")
    assert (
        said(capsys, "verify", "runs/a", "--epochs", "1")[1] == "reproduced bit for bit (1 epoch)\n"
    )
    path = parent / "a" / "history.csv"
    rows = path.read_text().splitlines()
    cells = rows[2].split(",")
    cells[3] = repr(float(cells[3]) * (1 + 1e-15))
    path.write_text("\n".join([*rows[:2], ",".join(cells)]) + "\n")
    seals.seal(parent / "a")
    code, out, _ = said(capsys, "verify", "runs/a")
    assert code == 1
    assert out.startswith("not reproduced: epoch 2: train_loss is")
    assert "machine and versions are the same" in out
    told = files.read_json(parent / "a" / "environment.json")
    files.write_json(parent / "a" / "environment.json", told | {"cpu": "Z80"})
    seals.seal(parent / "a")
    assert "cpu was Z80, is" in said(capsys, "verify", "runs/a")[1]


def test_a_descent_is_verified_and_resumed(tmp_path):
    config = {
        "objective": {"name": "rosenbrock"},
        "optimizer": {"name": "adam", "lr": 0.1},
        "training": {"steps": 20},
    }
    optcli.train(config, out=tmp_path / "r", plots=False)
    assert verify.verify(tmp_path / "r").agrees
    assert "nothing was changed" in resume(tmp_path / "r").notes[0]
    more = resume(tmp_path / "r", ["training.steps=30"], plots=False)
    whole = optcli.train(config | {"training": {"steps": 30}}, out=tmp_path / "w", plots=False)
    assert more.trained.parameters.tobytes() == whole.trained.parameters.tobytes()


def test_a_lengthened_run_that_is_another_in_one_go_is_not_accused(tmp_path, capsys):
    config = CONFIG | {"schedule": "cosine"}
    optcli.train(config, out=tmp_path / "r", plots=False)
    assert "training.epochs" in resume(tmp_path / "r").notes[0]
    resume(tmp_path / "r", ["training.epochs=4"], plots=False)
    assert verify.verify(tmp_path / "r").lengthened == [2]
    code, out, _ = said(capsys, "verify", str(tmp_path / "r"))
    assert code == 1
    assert "training was extended after epoch 2" in out
    assert "the folder was altered" not in out


def test_a_lengthened_run_of_a_steady_rate_is_verified(tmp_path):
    optcli.train(CONFIG, out=tmp_path / "r", plots=False)
    resume(tmp_path / "r", ["training.epochs=4"], plots=False)
    assert verify.verify(tmp_path / "r").agrees


def test_a_run_stopped_early_says_what_lets_it_go_on(tmp_path):
    rule = {"early_stopping": {"patience": 1, "min_delta": 100}}
    config = CONFIG | {"training": CONFIG["training"] | {"epochs": 9} | rule}
    optcli.train(config, out=tmp_path / "r", plots=False)
    again = resume(tmp_path / "r", ["training.epochs=12"], plots=False)
    assert "training.early_stopping" in again.notes[0]
    again = resume(tmp_path / "r", ["training.early_stopping=null"], plots=False)
    assert again.summary["epochs"] == 9


def test_diff_takes_a_file_for_the_same_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{i},{i % 7},{i % 2}\n" for i in range(40))
    (tmp_path / "t.csv").write_text("a,b,y\n" + rows)
    config = CONFIG | {"dataset": {"name": "csv", "path": "t.csv", "target": "y"}}
    for out in ("a", "deep/er/b"):
        optcli.train(config, out=out, plots=False)
    named = optcli.train(config, plots=False).folder
    assert not runs.diff(tmp_path / "a", tmp_path / "deep/er/b").config
    assert not runs.diff(tmp_path / "a", named).config
    assert runs.settings(tmp_path / "deep/er/b")["dataset.path"] == "t.csv"


@pytest.mark.parametrize("width", [60, 80])
def test_names_and_keys_stay_whole_in_a_narrow_terminal(width, parent, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    names = ["compare-penguins-20260131-235959", "penguins-20260131-235959-2"]
    for old, new in zip(("a", "b"), names, strict=True):
        (parent / old).rename(parent / new)
    out = said(capsys, "list")[1]
    assert [line.split()[0] for line in out.splitlines()[1:]] == names
    out = said(capsys, "diff", *(f"runs/{name}" for name in names))[1]
    assert "best validation_accuracy " in out
    assert all(name in out for name in names)
    assert max(map(len, out.splitlines())) <= width


def test_verify_looks_at_the_model(parent, capsys):
    arrays, description = files.read_arrays(parent / "a" / "model.npz")
    first = next(iter(arrays))
    arrays[first] = arrays[first] + 1
    files.write_arrays(parent / "a" / "model.npz", arrays, description)
    seals.seal(parent / "a")
    assert said(capsys, "verify", "runs/a")[1].startswith("not reproduced: the parameters")


def test_remove(parent, capsys):
    assert said(capsys, "remove", "runs/a", "runs/b")[0] == 0
    assert not list(parent.iterdir())
    code, _, wrong = said(capsys, "remove", "runs")
    assert (code, "was not made by optcli" in wrong) == (2, True)
    assert parent.exists()


REFUSED = {
    "show nowhere": "nowhere: no such folder",
    "verify runs": "runs: is not a run folder",
    "list nowhere": "nowhere: no such folder",
    "diff runs/a nowhere": "nowhere: no such folder",
}


@pytest.mark.parametrize("words", REFUSED)
def test_refused_in_words(words, parent, capsys):
    code, out, wrong = said(capsys, *words.split())
    assert (code, out, wrong.strip()) == (2, "", f"error: {REFUSED[words]}")


def test_a_comparison_is_not_verified(tmp_path):
    settings = optcli.ComparisonSettings(tune=1, seeds=6)
    optcli.compare(["sgd", "adam"], CONFIG, settings=settings, out=tmp_path / "c", plots=False)
    with pytest.raises(
        InvalidInput, match="is a comparison, not a training run; name a run of optcli train"
    ):
        verify.verify(tmp_path / "c")
    assert runs.opened(tmp_path / "c").kind == "compare"
