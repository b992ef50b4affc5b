"""What is believed of a run is covered: swapped, unsealed or crafted files are named."""

from __future__ import annotations

import io
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

import optcli
from optcli.api.verify import verify
from optcli.cli.main import run
from optcli.core.errors import EnvironmentFailed, InvalidInput
from optcli.display import predict as display
from optcli.storage import files, kinds, seals
from tests.test_spoiled import WRONG, parts

WORDS = ("=1+1", "@x", "+b", "\x1b[2Jplain")
CONFIG = {
    "dataset": {"name": "csv", "path": "t.csv", "target": "y"},
    "model": "linear",
    "loss": "cross_entropy",
    "optimizer": "sgd",
    "training": {"epochs": 2},
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    here = tmp_path_factory.mktemp("made")
    rows = [f"{i % 5},{'uv'[i % 2]},{WORDS[i % 4]}" for i in range(80)]
    (here / "t.csv").write_text("\n".join(["a,b,y", *rows]) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        optcli.train(CONFIG, out="r", plots=False)
        optcli.train({**CONFIG, "seed": 1}, out="other", plots=False)
    return here


@pytest.fixture
def here(made, tmp_path, monkeypatch):
    shutil.copytree(made, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")


def test_the_checkpoint_of_another_run_is_refused(here):
    shutil.copy("other/checkpoint.npz", "r/checkpoint.npz")
    seals.seal(Path("r"))
    message = "r/checkpoint.npz: is of another run: seed was 1, is 0; restore the checkpoint"
    with pytest.raises(InvalidInput, match=message):
        optcli.resume("r", ["training.epochs=3"])


def test_a_run_that_has_ended_is_not_believed_without_its_seal(here, capsys):
    Path("r/checksums.json").unlink()
    for words in (["runs", "show", "r"], ["runs", "verify", "r"], ["predict", "r", "t.csv"]):
        assert run(words) == 2
        said = capsys.readouterr().err
        assert said.startswith("error: r/checksums.json: is missing, though the run has ended")
    optcli.resume("r", plots=False)
    assert verify(Path("r")).agrees


@pytest.mark.parametrize("what", ["encoder", "statistics"])
def test_verify_compares_all_that_the_model_file_holds(what, here):
    config = {**CONFIG, "model": {"name": "mlp", "hidden": [3], "batch_norm": True}}
    optcli.train(config, out="n", plots=False)
    path = Path("n/model.npz")
    arrays, description = files.read_arrays(path)
    if what == "encoder":
        description["encoder"]["target"]["classes"][0].reverse()
    else:
        name = next(name for name in arrays if name.startswith("statistics."))
        arrays[name] = np.nextafter(arrays[name], np.float32(9))
    files.write_arrays(path, arrays, description)
    seals.seal(Path("n"))
    found = verify(Path("n"))
    assert (found.agrees, found.first) == (False, f"the {what} of model.npz")


@pytest.mark.parametrize("part", ["test", "best"])
def test_verify_compares_the_scores_of_the_summary(part, here):
    optcli.train({**CONFIG, "split": {"test": 0.2}}, out="n", plots=False)
    assert verify(Path("n")).agrees
    summary = files.read_json(Path("n/summary.json"))
    name = next(name for name in summary[part] if name.endswith("loss"))
    was = summary[part][name]
    summary[part][name] = float(np.nextafter(was, 0))
    files.write_json(Path("n/summary.json"), summary)
    seals.seal(Path("n"))
    found = verify(Path("n"))
    said = f"summary.json: {part} {name} is {was!r}, was {summary[part][name]!r}"
    assert (found.agrees, found.first) == (False, said)


def test_a_crafted_encoder_is_named_with_its_file_or_predicts(here, capsys):
    arrays, description = files.read_arrays(Path("r/model.npz"))
    refused = 0
    for number, place in enumerate(parts(description["encoder"])):
        crafted = json.loads(json.dumps(description))
        *above, last = place
        inner = crafted["encoder"]
        for key in above:
            inner = inner[key]
        inner[last] = WRONG[number % len(WRONG)]
        files.write_arrays(Path("r/model.npz"), arrays, crafted)
        seals.seal(Path("r"))
        code = run(["predict", "r", "t.csv", "--quiet"])
        said = capsys.readouterr().err
        assert code in (0, 2)
        refused += code == 2
        assert all(line.startswith(("error: r/", "error: t.csv")) for line in said.splitlines())
    assert refused > 15


def test_files_deleted_during_a_run_are_named(here):
    def deletes(event):
        Path("new/config.yaml").unlink(missing_ok=True)

    message = "new: config.yaml was deleted during the run; resume it"
    with pytest.raises(EnvironmentFailed, match=message):
        optcli.train(CONFIG, out="new", plots=False, listeners=[deletes])
    optcli.resume("new", plots=False)
    assert verify(Path("new")).agrees


def test_a_missing_picture_blocks_nothing(here):
    optcli.train(CONFIG, out="p")
    Path("p/loss.png").unlink()
    assert run(["predict", "p", "t.csv", "--quiet"]) == 0
    assert run(["runs", "show", "p"]) == 0


def test_a_run_within_a_comparison_is_not_removed_with_it(here, capsys):
    Path("both").mkdir()
    kinds.rewrite(Path("both"), kinds.BENCHMARK, "benchmark: {}\n", {})
    shutil.copytree("r", "both/mine")
    assert run(["runs", "remove", "both"]) == 2
    said = capsys.readouterr().err
    assert said == "error: both: holds 'mine', a training run of its own; " + (
        "move it, or remove it first\n"
    )
    assert Path("both/mine/model.npz").exists()


def test_verify_writes_its_temporary_folder_alone(here, tmp_path):
    streamed = {**CONFIG, "dataset": {**CONFIG["dataset"], "stream": True}}
    optcli.train(streamed, out="s", plots=False)
    shutil.rmtree(".cache")
    before = sorted((str(path), path.stat().st_mtime_ns) for path in Path().rglob("*"))
    assert verify(Path("s")).agrees
    assert sorted((str(path), path.stat().st_mtime_ns) for path in Path().rglob("*")) == before


# ---- text ----------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_predict_escapes_what_would_act_on_a_terminal(here, capsys, monkeypatch):
    columns = {"y": np.array(["\x1b[2J", "b"]), "p": np.array([1.0, -2.0])}
    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        display.predictions(columns, quiet=False, json=False, stream=stream)
    assert terminal.getvalue() == "y,p\n\\x1b[2J,1.0\nb,-2.0\n"
    assert pipe.getvalue() == "y,p\n\x1b[2J,1.0\nb,-2.0\n"


def test_formulas_are_prefixed_on_request(here, capsys):
    for words, mark in ((["--safe-csv"], "'"), ([], "")):
        assert run(["predict", "r", "t.csv", "-o", "o.csv", "--quiet", *words]) == 0
        text = Path("o.csv").read_text()
        found = {line.partition(",")[0] for line in text.splitlines()[1:]}
        assert found & {f"{mark}=1+1", f"{mark}@x"}
    assert run(["predict", "r", "t.csv", "-o", "o.parquet", "--safe-csv"]) == 2
    assert "--safe-csv: is for CSV and TSV" in capsys.readouterr().err
    assert display.no_formula("\t=x") == "'\t=x"
    assert display.no_formula("-2") == "-2"  # a number is no formula


def test_the_environment_has_the_instructions_that_numpy_chose_by(here):
    from numpy._core._multiarray_umath import __cpu_features__ as features

    found = kinds.recorded(Path("r"))["simd"]
    assert all(features[name] for name in found)
    assert sys.byteorder == kinds.recorded(Path("r"))["byteorder"]
