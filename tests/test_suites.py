"""Suites: sets of problems by name, or a folder of configs."""

import filecmp
import json
from pathlib import Path

import numpy as np
import pytest

import optcli
from optcli import config
from optcli.api import compare as api
from optcli.cli.main import run
from optcli.comparison import several_problems, suites
from optcli.comparison.costly import costly
from optcli.comparison.ranking import rank
from optcli.comparison.several_problems import claims
from optcli.core.errors import InvalidInput
from optcli.display import compare_report
from optcli.optimizers.base import OPTIMIZERS

FEW = optcli.ComparisonSettings(tune=1, tune_seeds=1, finalists=1, seeds=2)
TINY = ["training.steps=3", "training.epochs=null"]
CONFIGS = Path(__file__).parent.parent / "configs"


def test_each_problem_says_why_it_is_there():
    small, full = suites.named()
    assert len(small.configs) == 12
    assert set(small.configs) < set(full.configs)
    reasons = [suites.reason(path) for path in full.configs]
    assert all(len(reason.split()) > 8 for reason in reasons)
    assert len({*reasons}) == len(reasons)
    titles = {config.load(path).title for path in full.configs}
    assert titles == {path.stem for path in full.configs}
    assert set(small.few) < titles


def test_the_tables_of_suites_are_those_of_the_configs():
    tables = sorted((suites.HERE / "data").iterdir())
    names = [path.name for path in tables]
    _, differ, missing = filecmp.cmpfiles(suites.HERE / "data", CONFIGS / "data", names, False)
    assert (differ, missing) == ([], [])
    assert "README.md" in names, "their licences"


def test_a_suite_by_name(tmp_path):
    """All of small run; what costs too much takes part on few problems, and keeps its place."""
    probed = []

    def costly(problem, entries):
        probed.append([entry.label for entry in entries])
        return ["lion"]

    told = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("optcli.comparison.run_benchmark.costly", costly)
        for _ in range(2):
            settings = {"suite": "small", "settings": FEW, "plots": False}
            found = optcli.compare(
                ["sgd", "adam", "lion"],
                overrides=TINY,
                out=tmp_path / "c",
                listener=told.append,
                **settings,
            )
    assert probed == [["adam", "lion"]], "it is measured once"
    assert len(found.found) == 12
    assert [title for title, own in found.found.items() if len(own.study.entries) == 3] == sorted(
        suites.FEW
    )
    configs = {(p["a"], p["b"]): p["configs"] for p in found.summary["pairs"]}
    assert configs == {pair: 4 if "lion" in pair else 12 for pair in configs}
    assert "a step of lion costs more than ten of sgd" in " ".join(told[0].notes)
    # lion is tested on the few alone, and the claims are as many as that
    assert found.summary["reference"] == "sgd"
    assert found.summary["correction"]["single"] == 3 * (12 + 4)


def test_an_optimizer_takes_no_part_where_it_cannot(tmp_path):
    for name, model in [("normed", "{name: mlp, batch_norm: true}"), ("plain", "linear")]:
        text = f"dataset: {{name: moons, samples: 40}}\nmodel: {model}\nloss: cross_entropy\n"
        (tmp_path / f"{name}.yaml").write_text(f"{text}optimizer: sgd\n")
    told = []
    settings = {"settings": FEW, "plots": False, "listener": told.append}
    found = optcli.compare(
        ["sgd", "saga", "adam"], None, TINY, suite=tmp_path, out=tmp_path / "out", **settings
    )
    assert [own.summary["trials"] for own in found.found.values()] == [4, 6]
    assert {pair["configs"] for pair in found.summary["pairs"] if "saga" in pair.values()} == {1}
    (note,) = [note for note in told[0].notes if "saga" in note]
    assert note.startswith("saga takes no part on normed: saga looks at rows one by one")
    with pytest.raises(InvalidInput, match="rows one by one"):
        optcli.compare(["saga", "adam"], None, TINY, suite=tmp_path, **settings)
    both = sorted(tmp_path.glob("*.yaml"))
    with pytest.raises(InvalidInput, match="rows one by one"):
        optcli.compare(["sgd", "saga"], both, TINY, **settings)


def test_a_costly_step_is_found():
    from optcli.comparison.problem import optimizers

    path = next(path for path in suites.find("small").configs if path.stem == "plateaus")
    problem = optimizers(["sgd", "adam", "newton"], path, ())
    assert costly(problem, problem.entries[1:]) == ["newton"]


def test_a_folder_is_a_suite(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "mine"
    folder.mkdir()
    text = "dataset: {name: blobs, samples: 60}\nmodel: linear\nloss: cross_entropy\n"
    (folder / "one.yaml").write_text(text + "optimizer: sgd\n")
    words = ["compare", "sgd", "adam", "--suite", "mine", "--no-plots", "--json"]
    assert run(words) == 2
    assert "'mine' has only one config" in capsys.readouterr().err
    (folder / "two.yaml").write_text(text + "optimizer: adam\n")
    few = ["--tune", "1", "--tune-seeds", "1", "--finalists", "1", "--seeds", "2"]
    assert run([*words, *few, *(f"--set={each}" for each in TINY)]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0]["event"] == "benchmark_started"
    assert list(lines[-1]["configs"]) == ["one", "two"]
    assert run(["runs", "show", lines[-1]["folder"]]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "two no difference shown between" in said
    assert "over these 2 configs no difference shown between" in said


def test_what_is_no_suite():
    with pytest.raises(InvalidInput, match="unknown suite 'smal'; did you mean 'small'"):
        optcli.compare(["sgd", "adam"], suite="smal")
    with pytest.raises(InvalidInput, match="cannot be combined with config"):
        optcli.compare(["sgd", "adam"], "configs/iris.yaml", suite="small")


def test_all_are_all_registered():
    words = api._with_all(["all"])
    assert words[0] == "sgd"
    assert sorted(words) == sorted(cls.name for cls in OPTIMIZERS)
    assert api._with_all(["adam", "all"])[:2] == ["adam", "sgd"]
    assert api._with_all(["sgd:lr=0.1", "adam"]) == ["sgd:lr=0.1", "adam"]


def test_suites_are_listed(capsys):
    assert run(["list", "suites"]) == 0
    said = capsys.readouterr().out
    assert "problems of small" in said
    assert "saddles" in said
    assert "symmetric saddle points lie" in " ".join(said.split())
    assert run(["list", "--json"]) == 0
    kinds = [json.loads(line)["kind"] for line in capsys.readouterr().out.splitlines()]
    assert kinds.count("suites") == 2


def test_many_entries_over_configs_are_told_in_a_row_each():
    """Against the first one; of so many the sentence has numbers."""
    labels = ["sgd", *(f"o{i}" for i in range(12))]
    claimed = claims({f"c{i}": labels for i in range(7)}, 15)
    seeds = np.arange(15.0)
    found = {}
    for title in claimed.entered:
        values = {label: seeds - (0.5 + seeds / 100) * i for i, label in enumerate(labels)}
        values["o11"] = seeds
        ranked = rank(values, claimed.single)
        found[title] = {
            "verdict": "",
            "higher_is_better": False,
            "optimizers": [
                {"label": k, "finalists": [{"values": v}], "steps_to_target": None}
                for k, v in values.items()
            ],
            "pairs": [{"a": a, "b": b, "verdict": p.verdict} for (a, b), p in ranked.pairs.items()],
        }
    summary = several_problems.summary(claimed, found)
    assert summary["verdict"] == (
        "over 7 configs beat sgd: 11 entries; not distinguished from sgd: o11."
    )
    for width in (60, 110):
        lines = compare_report.across(summary, width)
        assert max(map(len, lines)) <= width
        (row,) = (line.split() for line in lines if line.strip().startswith("o3 "))
        assert row[1:] == (["7/0/0", "100", "7", "better", "-"] if width > 60 else row[1:])
        assert "better" in row
