"""Compare: a fair fight, whatever the company, the processes and the interruptions."""

import csv
import io
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import optcli
from optcli import config as configs
from optcli.cli.main import run
from optcli.comparison import figures, read_back, run_comparison, step_time, trials, tuning
from optcli.comparison.courses import courses
from optcli.comparison.ranking import rank
from optcli.comparison.result import Comparison, FiguresDrawn, ModelsKept
from optcli.comparison.trials import Job, Measure, Trial
from optcli.core.errors import InvalidInput
from optcli.display import compare, compare_report
from optcli.optimizers.base import OPTIMIZERS
from optcli.storage import seals
from optcli.storage.dispatch.processes import Processes
from tests import systems

SMALL = {
    "dataset": {"name": "moons", "samples": 60, "noise": 0.2},
    "model": {"name": "mlp", "hidden": [4]},
    "loss": "binary_cross_entropy",
    "optimizer": "sgd",
    "training": {"epochs": 3, "batch_size": 16},
}
FEW = optcli.ComparisonSettings(tune=3, tune_seeds=2, seeds=6)


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def small(words=("sgd", "adam"), *, settings=FEW, config=SMALL, **options):
    return optcli.compare(words, config, settings=settings, plots=False, **options)


# ---- what it says --------------------------------------------------------------------


def test_the_built_in_problem_has_its_known_answer(whole_step_times, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(["compare", "sgd", "adam", "--out", "here"]) == 0
    said = capsys.readouterr().out
    assert "adam (lr 0.316) beats sgd" in said
    assert "the noise limits the loss to about 0.01" in " ".join(said.split())
    summary = json.loads((tmp_path / "here" / "summary.json").read_text())
    first, second = summary["optimizers"]
    assert (first["label"], first["rank"], second["rank"]) == ("adam", 1, 2)
    # the noise has variance 0.01; a mean over 10 splits may be a little below
    assert 0.009 < first["median"] < 0.012 < second["median"]
    assert second["step_cost"] == 1  # plain SGD is what relative_step_times are measured against
    pictures = {path.name for path in (tmp_path / "here").glob("*.png")}
    assert pictures == {"curves.png", "sensitivity.png", "targets.png"}
    for name in ("runs.csv", "history.csv", "checksums.json", *pictures):
        assert (tmp_path / "here" / name).stat().st_size
    # the last line of the live view, the table, and the file have the same medians
    (told,) = re.findall(r"evaluation: 80 of 80 runs; median: (.*)", said)
    for row in summary["optimizers"]:
        assert f"{row['label']} {row['median']:.5f}" in told
        assert re.search(rf"{row['label']} +{row['median']:.5f} ", said)


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """A comparison of three, and its folder."""
    out = tmp_path_factory.mktemp("three") / "c"
    return small(("sgd", "adam", "lion"), out=out), out


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """The folder of a comparison of two."""
    out = tmp_path_factory.mktemp("two") / "c"
    small(out=out)
    return out


def test_the_summary_agrees_with_the_statistics_of_its_runs(three):
    found, out = three
    table = [row for row in rows(out / "runs.csv") if row["phase"] == "final"]
    order = found.study.budget.final
    final = {}
    for row in found.summary["optimizers"]:
        for finalist in row["finalists"]:
            settings = json.dumps(finalist["hyperparameters"])
            own = [
                r for r in table if (r["label"], r["hyperparameters"]) == (row["label"], settings)
            ]
            own.sort(key=lambda run: order.index(int(run["seed"])))
            final.setdefault(row["label"], []).append([float(run["test_loss"]) for run in own])
        assert final[row["label"]][0] == row["values"]
        assert row["median"] == np.median(row["values"])
        means = [finalist["tuning_mean"] for finalist in row["finalists"]]
        assert means == sorted(means), "the chosen one is not the best of the finalists"
    compared = rank(final)
    for pair in found.summary["pairs"]:
        expected = compared.pairs[pair["a"], pair["b"]]
        assert (pair["difference"], pair["p_value"]) == (expected.difference, expected.p_value)
    assert found.summary["verdict"].startswith(("no difference shown", "adam (", "lion (", "sgd ("))


def test_everyone_gets_the_same_budget_and_fresh_seeds(tmp_path):
    small(("sgd", "adam", "adam:lr=0.01,beta1=0.8", "momentum:lr=0.1|0.01"), out=tmp_path / "c")
    table = rows(tmp_path / "c" / "runs.csv")
    tuned = {}
    for row in table:
        if row["phase"] == "tune":
            tuned.setdefault(row["label"], set()).add((row["lr"], row["seed"]))
    assert "adam:lr=0.01,beta1=0.8" not in tuned, "a fixed rate is not tuned"
    assert {rate for rate, _ in tuned["momentum:lr=0.1|0.01"]} == {"0.1", "0.01"}
    # three rates on two seeds, perhaps three more; then the best three on eight more
    assert all(len(own) in (30, 36) for label, own in tuned.items() if ":" not in label)
    assert len(tuned["momentum:lr=0.1|0.01"]) == 20
    seeds = {
        phase: {r["seed"] for r in table if r["phase"] == phase} for phase in ("tune", "final")
    }
    assert [len(seeds[phase]) for phase in ("tune", "final")] == [10, 6]
    assert not seeds["tune"] & seeds["final"]
    finals = [row for row in table if row["phase"] == "final"]
    for label, count in {"adam:lr=0.01,beta1=0.8": 1, "sgd": 3}.items():
        settings = {row["hyperparameters"] for row in finals if row["label"] == label}
        assert len(settings) in (count, count + 1), "the finalists, and the default settings"


def test_accuracy_counts_when_it_is_asked_for(tmp_path):
    settings = replace(FEW, metric="accuracy")
    found = small(settings=settings, out=tmp_path / "c")
    assert found.summary["quantity"] == "test_accuracy"
    first, second = found.summary["optimizers"]
    assert first["median"] >= second["median"]
    assert found.summary["target"] > 0.5
    for pair in found.summary["pairs"]:
        assert pair["ci_low"] <= pair["difference"] <= pair["ci_high"]


def test_whole_configs_compare_on_a_shared_metric(tmp_path):
    soft = write(tmp_path / "soft.yaml", "cross_entropy")
    hinge = write(tmp_path / "hinge.yaml", "multiclass_hinge")
    with pytest.raises(InvalidInput, match="the losses differ"):
        optcli.compare([soft, hinge], out=tmp_path / "c", settings=FEW)
    assert not (tmp_path / "c").exists()
    settings = replace(FEW, metric="accuracy")
    found = optcli.compare([soft, hinge], out=tmp_path / "c", settings=settings, plots=False)
    assert {row["label"] for row in found.summary["optimizers"]} == {"soft", "hinge"}
    other = write(tmp_path / "other.yaml", "cross_entropy", samples=90)
    with pytest.raises(InvalidInput, match=r"dataset\.samples: is 90"):
        optcli.compare([soft, other], settings=settings)


def test_losses_in_different_units_are_not_compared(tmp_path):
    table = "x,w,y\n" + "".join(f"{i % 7},{1 + i % 2},{100 * i}\n" for i in range(40))
    (tmp_path / "d.csv").write_text(table)

    def config(name, dataset):
        text = f"dataset: {{name: csv, path: d.csv, target: y, {dataset}}}\nmodel: linear\n"
        (tmp_path / name).write_text(text + "loss: mse\noptimizer: sgd\ntraining: {epochs: 1}\n")
        return tmp_path / name

    scaled = config("a.yaml", "features: [x]")
    with pytest.raises(InvalidInput, match=r"standardize differs.*compare a metric: .*rmse"):
        optcli.compare([scaled, config("b.yaml", "features: [x], standardize: false")])
    with pytest.raises(InvalidInput, match=r"dataset\.weights"):
        optcli.compare([scaled, config("c.yaml", "features: [x], weights: w")])
    settings = replace(FEW, metric="rmse")
    pair = [scaled, tmp_path / "b.yaml"]
    found = optcli.compare(pair, out=tmp_path / "c", settings=settings, plots=False)
    assert all(row["median"] > 100 for row in found.summary["optimizers"]), "not the data's units"


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({}, "initialization, batch order, split and test rows"),
        ({"split": {"validation": {"last": 0.2}}}, "initialization, batch order and test rows"),
        ({"model": {"name": "linear", "init": "zeros"}}, "batch order, split and test rows"),
        ({"training": {"epochs": 1, "batch_size": "full"}}, "initialization, split and test rows"),
        ({"training": {"epochs": 1, "shuffle": False}}, "initialization, split and test rows"),
    ],
    ids=["usual", "last", "zeros", "full", "in order"],
)
def test_what_is_said_to_have_differed_did(tmp_path, config, words):
    base = SMALL | {"dataset": {"name": "linear", "samples": 60}, "loss": "mse"}
    found = small(("sgd:lr=0.1", "adam:lr=0.1"), config=base | config, out=tmp_path / "c")
    assert found.summary["note"].startswith(f"each seed had its own {words}, the same for all")


def test_one_run_repeated_is_said_to_be_that(tmp_path):
    config = SMALL | {"dataset": {"name": "linear", "samples": 60}, "loss": "mse"}
    config |= {"model": {"name": "linear", "init": "zeros"}}
    config |= {"training": {"epochs": 9, "batch_size": "full", "shuffle": False}}
    settings = replace(FEW, fixed_split=True)
    found = small(
        ("sgd:lr=0.1", "sgd:lr=0.2"), config=config, settings=settings, out=tmp_path / "c"
    )
    assert len({*found.summary["optimizers"][0]["values"]}) == 1
    assert "intervals and p-values do not cover such variation" in found.summary["note"]


def test_the_sentence_names_the_rate_chosen_from_a_list(tmp_path):
    found = small(("sgd:lr=0.1|0.01", "adam:lr=0.1"), out=tmp_path / "c")
    (chosen,) = (r for r in found.summary["optimizers"] if r["label"] == "sgd:lr=0.1|0.01")
    assert chosen["hyperparameters"]["lr"] == 0.1, "the one that the label begins with"
    said = "adam:lr=0.1 beats sgd:lr=0.1|0.01 at each of its two best learning rates (0.1, 0.01)"
    assert found.summary["verdict"].startswith(said)
    assert "adam:lr=0.1 (" not in found.summary["verdict"]


def write(path, loss, samples=60):
    path.write_text(
        f"dataset: {{name: blobs, samples: {samples}}}\nmodel: linear\nloss: {loss}\n"
        "optimizer: {name: sgd, lr: 0.1}\ntraining: {epochs: 3, batch_size: 16}\n"
    )
    return path


def test_several_configs_make_a_profile(tmp_path):
    a = write(tmp_path / "a.yaml", "cross_entropy")
    b = write(tmp_path / "b.yaml", "multiclass_hinge")
    found = optcli.compare(["sgd", "adam"], [a, b], out=tmp_path / "c", settings=FEW)
    assert (tmp_path / "c" / "profile.png").stat().st_size
    assert {row["config"] for row in rows(tmp_path / "c" / "runs.csv")} == {"a", "b"}
    assert set(found.summary["configs"]) == {"a", "b"}
    (pair,) = found.summary["pairs"]
    assert set(pair["by_config"]) == {"a", "b"}
    assert pair["wins"] + pair["ties"] + pair["losses"] == 2
    # each config's claims are corrected for those of all
    assert [own.summary["correction"] for own in found.found.values()] == [6, 6]


def test_what_is_chosen_does_not_depend_on_test_rows(tmp_path):
    """Other test rows leave every number before the verdict its bits."""
    random = np.random.default_rng(0)
    x, y = random.normal(size=(80, 2)), random.integers(0, 2, 80)
    parts = ["train", "validation", "train", "test"] * 20
    tables = []
    for name, labels in (("a", y), ("b", np.where(np.array(parts) == "test", 1 - y, y))):
        path = tmp_path / f"{name}.csv"
        cells = zip(x, labels, parts, strict=True)
        path.write_text("u,v,y,part\n" + "".join(f"{u},{v},{c},{p}\n" for (u, v), c, p in cells))
        dataset = {"name": "csv", "path": str(path), "target": "y"}
        way = {"column": "part"}
        config = SMALL | {"dataset": dataset, "split": {"validation": way, "test": way}}
        small(config=config, out=tmp_path / name)
        tables.append(rows(tmp_path / name / "runs.csv"))
    before, after = ([r for r in table if r["phase"] == "tune"] for table in tables)
    assert before == after
    keys = ("label", "lr", "seed", "phase", "validation_loss", "crossfit_loss")
    one, other = ([[r[key] for key in keys] for r in table] for table in tables)
    assert one == other, "finalists or final runs differ"
    assert [r["test_loss"] for r in tables[0]] != [r["test_loss"] for r in tables[1]]


def test_without_test_rows_the_verdict_is_cross_fit(tmp_path):
    found = small(config=SMALL | {"split": {"test": 0}}, out=tmp_path / "c")
    assert found.summary["quantity"] == "crossfit_loss"
    assert any("split.test is 0" in note for note in found.notes)
    assert "validation rows by cross-fit" in " ".join(compare_report.report(found.summary, 300))
    for row in found.summary["optimizers"]:
        own = [r for r in rows(tmp_path / "c" / "runs.csv") if r["label"] == row["label"]]
        fits = {
            r["seed"]: float(r["crossfit_loss"])
            for r in own
            if r["lr"] == str(row["hyperparameters"]["lr"])
        }
        order = found.study.budget.final
        assert row["values"] == [fits[str(seed)] for seed in order]


def test_a_table_without_a_test_part_gets_one(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x,y\n" + "".join(f"{i / 7},{'ab'[i % 2]}\n" for i in range(40)))
    dataset = {"name": "csv", "path": str(path), "target": "y"}
    found = small(config=SMALL | {"dataset": dataset}, out=tmp_path / "c")
    assert found.summary["rows"] == "test"
    assert any("20 % of the rows are held out" in note for note in found.notes)
    assert "test: 0.2" in (tmp_path / "c" / "config.yaml").read_text()


@pytest.mark.parametrize(
    ("labels", "split", "rows"),
    [
        ("ab" * 29 + "cc", {}, "validation"),  # a class of two rows
        ("ab" * 30, {"validation": 0.85}, "validation"),  # no training row would be left
        ("ab" * 30, {"validation": {"last": 0.2}}, "test"),
        ("ab" * 30, {"validation": {"group": "x", "fraction": 0.2}}, "test"),
    ],
)
def test_a_test_part_is_made_in_the_manner_of_the_validation_part(labels, split, rows, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x,z,y\n" + "".join(f"{i % 9},{i / 7},{c}\n" for i, c in enumerate(labels)))
    dataset = {"name": "csv", "path": str(path), "target": "y"}
    config = SMALL | {"dataset": dataset, "split": split, "loss": "cross_entropy"}
    config |= {"training": {"epochs": 2, "batch_size": 4}}
    found = small(("sgd:lr=0.1", "adam:lr=0.1"), config=config, out=tmp_path / "c")
    assert found.summary["rows"] == rows


@pytest.mark.parametrize("metric", [None, "accuracy"])
def test_a_streamed_table_has_cross_fit_values(metric, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x,y\n" + "".join(f"{i % 97},{'ab'[i % 97 > 40]}\n" for i in range(3000)))
    dataset = {"name": "csv", "path": str(path), "target": "y", "stream": True}
    config = SMALL | {"dataset": dataset, "split": {"test": 0}}
    config |= {"training": {"epochs": 1, "batch_size": 16}}  # so that there is nothing to choose
    settings = replace(FEW, metric=metric)
    words = ("sgd:lr=0.1", "adam:lr=0.1")
    small(words, config=config, settings=settings, out=tmp_path / "c")
    name = metric or "loss"
    for row in rows(tmp_path / "c" / "runs.csv"):
        whole = float(row[f"validation_{name}"])
        assert float(row[f"crossfit_{name}"]) == pytest.approx(whole, rel=1e-6)


def test_the_last_epoch_counts_when_it_is_asked_for(tmp_path):
    found = small(settings=replace(FEW, at="last"), out=tmp_path / "c")
    history = rows(tmp_path / "c" / "history.csv")
    ends = {row["run"]: row for row in history if row["train_loss"]}
    for row in rows(tmp_path / "c" / "runs.csv"):
        if row["phase"] == "final":
            assert row["test_loss"] == ends[row["run"]]["test_loss"]
    assert "at the last epoch" in " ".join(compare_report.report(found.summary, 300))
    with pytest.raises(InvalidInput, match="at: is 'end'; must be best or last"):
        small(settings=replace(FEW, at="end"))


def test_test_rows_are_touched_by_final_runs_alone(tmp_path):
    small(config=SMALL | {"split": {"test": 0.2}}, out=tmp_path / "c")
    for row in rows(tmp_path / "c" / "runs.csv"):
        assert bool(row["test_loss"]) == (row["phase"] == "final")


def test_a_table_is_read_once_and_within_an_epoch_only_what_counts_is_measured(monkeypatch):
    made = []

    def counted(cls, make):
        monkeypatch.setattr(
            cls, make.__name__, lambda *args: made.append(make.__name__) or make(*args)
        )

    task = configs.load(SMALL).task()
    trials.forget()
    counted(type(task), type(task).table)
    counted(type(task.dataset), type(task.dataset).fresh)
    sgd = OPTIMIZERS.find("sgd")
    runs = [Trial("sgd", sgd(lr=rate), seed) for seed in (1, 2, 3) for rate in (0.01, 0.1)]
    job = Job(task, tuple(runs), Measure(rows="fresh"), final=True)
    for history in (result.history for result in trials.train(job)):
        within = np.mod(history["epoch"], 1) > 0
        assert within.any()
        assert np.isfinite(history["test_loss"]).all()
        metrics = [name for name in history if name.startswith("test_") and name != "test_loss"]
        assert metrics
        for name in metrics:
            assert (np.isnan(history[name]) == within).all()
    assert made == ["table", "fresh", "fresh", "fresh"]  # the fresh rows once for each seed


@pytest.mark.parametrize("at", ["best", "last"])
def test_a_run_that_is_cut_is_a_shorter_run(at):
    """At a constant learning rate; one that diverged after the cut had not diverged before."""
    measure = Measure(rows="fresh", at=at)
    rates = (0.03, 1.0, 30.0, 1e30)
    runs = tuple(Trial("sgd", OPTIMIZERS.find("sgd")(lr=rate), 5) for rate in rates)

    def trained(epochs):
        task = configs.load(SMALL, [f"training.epochs={epochs}"]).task()
        return trials.train(Job(task, runs, measure, final=True))

    shorter = [measure.of(result) for result in trained(2)]
    longer = trained(12)
    assert [measure.cut(result, 2 * 3) for result in longer] == shorter
    assert [measure.cut(result, 2 * 3 + 2) for result in longer] == shorter  # within an epoch
    assert [measure.of(result) for result in longer] != shorter
    ended_later = replace(longer[0], outcome="diverged", steps=7)
    assert measure.cut(ended_later, 6) == shorter[0]
    assert measure.cut(ended_later, 7) == math.inf


def test_what_costs_more_is_compared_at_equal_costs_too(tmp_path):
    """Of 9 steps svrg takes 2 evaluations each, and 2 snapshots of 3; a share of 3 of 8 is 3."""
    found = small(("sgd", "svrg:epochs=1", "adam"), out=tmp_path / "c").summary
    evaluations = {own["label"]: own["gradient_evaluations"] for own in found["optimizers"]}
    assert evaluations == {"sgd": 9, "svrg:epochs=1": 2 * 9 + 3 * 3, "adam": 9}
    kept = {row["label"]: row["gradient_evaluations"] for row in rows(tmp_path / "c/runs.csv")}
    assert kept == {"sgd": "9", "svrg:epochs=1": "27", "adam": "9"}
    equal = found["at_equal_gradient_evaluations"]
    assert equal["costs"] == {"sgd": 1, "svrg:epochs=1": 3, "adam": 1}
    assert equal["steps"] == {"sgd": 9, "svrg:epochs=1": 3, "adam": 9}
    assert equal["verdict"].startswith("at equal gradient evaluations (sgd 9 steps, svrg")
    # who keeps all steps differs as in the whole comparison
    whole, cut = (
        {frozenset((p["a"], p["b"])): p["p_value"] for p in each["pairs"]}
        for each in (found, equal)
    )
    assert whole.keys() == cut.keys()
    assert whole[frozenset(("sgd", "adam"))] == cut[frozenset(("sgd", "adam"))]
    assert small(out=tmp_path / "d").summary["at_equal_gradient_evaluations"] is None
    scheduled = SMALL | {"schedule": {"name": "cosine"}}
    found = small(("sgd", "svrg"), config=scheduled, out=tmp_path / "e").summary
    assert found["at_equal_gradient_evaluations"]["verdict"] is None
    assert "takes new runs" in found["at_equal_gradient_evaluations"]["note"]


def test_an_entry_that_takes_over_ten_times_as_long_is_announced(tmp_path, monkeypatch):
    took = {"sgd": 0.1, "adam": 0.3, "newton": 2.1, "sophia": 0.5}
    asked = []

    def seconds(job):
        asked.append(job.trials[0].label)
        return took[asked[-1]]

    monkeypatch.setattr(step_time, "seconds", seconds)
    task = configs.load(SMALL).task()
    entries = {name: tuning.Competitor(name, task, OPTIMIZERS.find(name)()) for name in took}
    assert step_time.long_runs([entries[name] for name in took]) == []  # 7 times
    took["newton"] = 3.1
    (note,) = step_time.long_runs([entries[name] for name in took])
    assert note == (
        "a run of newton takes about 10 times as long as one of the others (3.1 s against 0.3 s)"
    )
    asked.clear()
    assert step_time.long_runs([entries["sgd"], entries["adam"]]) == []
    assert asked == []
    dear = ("sgd:lr=0.1", "newton:lr=0.1")
    took |= dict(zip(dear, (0.1, 9.0), strict=True))
    notes = small(dear, settings=replace(FEW, seeds=1), out=tmp_path / "c").notes
    assert any("about 90 times" in note for note in notes)


def test_a_diverged_run_is_the_worst_and_the_rest_go_on(tmp_path):
    wild = {"dataset": {"name": "linear", "samples": 60}, "model": "linear", "loss": "mse"}
    found = small(("adam", "sgd:lr=1e30"), config=SMALL | wild, out=tmp_path / "c")
    last = found.summary["optimizers"][-1]
    assert (last["label"], last["diverged"], last["median"]) == ("sgd:lr=1e30", 6, math.inf)
    assert "sgd:lr=1e30 diverged in 6 of 6 seeds" in found.summary["verdict"]
    kept = json.loads((tmp_path / "c" / "summary.json").read_text())
    assert kept["optimizers"][-1]["median"] is None
    (pair,) = kept["pairs"]
    assert (pair["difference"], pair["diverged"]) == (None, [0, 6])
    assert_read_back(found)


def assert_read_back(found):
    """What a folder says of its comparison is what the comparison said."""
    again, study = read_back.summary(found.folder), found.study
    assert compare_report.report(again, 1000) == compare_report.report(found.summary, 1000)
    for before, after in zip(found.summary["pairs"], again["pairs"], strict=True):
        for name in ("difference", "ci_low", "ci_high"):
            assert after[name] == before[name]
    assert read_back.measure(again) == study.measure
    settings = {row["label"]: row["hyperparameters"] for row in again["optimizers"]}
    for label, runs in read_back.final_runs(found.folder, settings).items():
        own = study.final(label, study.chosen[label])
        own = sorted(own, key=lambda result: result.trial.seed)
        assert [run.seed for run in runs] == [result.trial.seed for result in own]
        for here, there in zip(*(courses(study.measure, of) for of in (runs, own)), strict=True):
            np.testing.assert_array_equal(here, there)


def test_pictures_of_given_rates_and_of_diverged_runs(tmp_path):
    """In tuning.png there are only those that were tuned."""
    words = ("adam", "sgd:lr=0.1", "sgd:lr=1e30")
    found = small(words, out=tmp_path / "c")
    drawn = dict(figures.draw(found.study, found.summary, "c", "seconds"))
    assert set(drawn) == {
        f"{name}.png" for name in ("curves", "sensitivity", "targets", "pairs", "wins", "tuning")
    }
    assert all(content.startswith(b"\x89PNG") for content in drawn.values())
    assert_read_back(found)


def test_what_a_diverged_run_was_before_is_not_counted(tmp_path):
    """Its loss is infinite; beside that no error stands that it had on the way."""
    config = {"dataset": {"name": "linear", "samples": 100, "features": 3}, "model": "linear"}
    config |= {"loss": "mse", "optimizer": "sgd", "split": {"validation": 0.2, "test": 0.2}}
    config |= {"training": {"epochs": 60, "batch_size": 16}}
    found = small(("sgd:lr=0.05", "sgd:lr=1.35"), config=config, out=tmp_path / "c")
    fine, wild = found.summary["optimizers"]
    assert math.isfinite(fine["metrics"]["validation_rmse"])
    assert (wild["diverged"], wild["median"]) == (6, math.inf)
    runs = [r for r in rows(tmp_path / "c" / "runs.csv") if r["label"] == wild["label"]]
    assert all(float(run["validation_rmse"]) < math.inf for run in runs), "it diverged at once"
    assert math.isnan(wild["metrics"]["validation_rmse"])
    assert math.isnan(wild["test"]["rmse"])


def test_the_range_of_few_seeds_is_no_interval_of_95_percent(tmp_path, three):
    """Five values enclose the median with 1 − 2/2⁵ = 93.75 %, six with 96.9 %."""
    assert "  95 % CI  " in compare_report.tables(three[0].summary, 120)[0].heading()[-1]
    found = small(("sgd:lr=0.1", "adam"), settings=replace(FEW, seeds=5), out=tmp_path / "c")
    assert "95 % CI" not in " ".join(compare_report.report(found.summary, 120))
    assert "  range  " in compare_report.tables(found.summary, 120)[0].heading()[-1]


def test_the_report_says_what_is_measured_and_what_has_no_room(three):
    summary = three[0].summary
    narrow = " ".join(" ".join(compare_report.report(summary, 46)).split())
    assert "1,000 fresh rows of the synthetic data" in narrow
    left_out = narrow.partition("not shown ")[2].partition("; widen the terminal")[0]
    assert "rate range (decades)" in left_out
    wide = " ".join(compare_report.report(summary, 300))
    assert "not shown" not in wide


@pytest.mark.parametrize("width", [60, 80, 120])
def test_what_decides_is_in_the_first_part_of_the_table(three, width):
    first, *rest = compare_report.tables(three[0].summary, width)
    assert [column.key for column in first.columns[:4]] == [
        "rank",
        "optimizer",
        "median",
        "interval",
    ]
    shown = {column.key for part in (first, *rest) for column in part.columns}
    assert {"wins", "lr", "finalists", "time", "default"} <= shown
    assert all(len(line) <= width for part in (first, *rest) for line in part.lines())


def test_a_reader_finds_the_answers_on_the_screen(three):
    """What, on which rows, how sure, at what cost, with which settings, and may it be repeated."""
    summary = three[0].summary
    said = " ".join(" ".join(compare_report.report(summary, 80)).split())
    for words in (
        "1,000 fresh rows of the synthetic data, which chose nothing",
        "(48 train, 12 validation rows)",
        "no interval: 6 seeds for 3 pairs are too few to decide",
        "3 settings each on 2 seeds, 3 finalists on 10",
        "another --seed replicates it",
    ):
        assert words in said
    diverged = {
        row["label"]: sum(rate["diverged"] for rate in row["learning_rates"])
        for row in summary["optimizers"]
    }
    assert any(diverged.values())
    assert all(f"{label} {count} in tuning" in said for label, count in diverged.items() if count)
    assert "such a run counts as the worst" in said
    for row in summary["optimizers"]:
        rates = ", ".join(f"{own['lr']:.4g}" for own in row["finalists"][1:])
        assert re.search(rf"{row['label']} +{re.escape(rates)} ", said)
    for pair in summary["pairs"]:
        assert re.search(rf"{pair['a']} +{pair['b']} .* {pair['p_value']:.2f}", said)


def test_what_a_step_costs_is_on_the_screen_where_costs_differ(three):
    summary = three[0].summary
    assert "gradient evaluations" not in " ".join(compare_report.report(summary, 300))
    dear = dict(summary)
    dear["optimizers"] = [dict(row) for row in summary["optimizers"]]
    first = dear["optimizers"][0]
    first |= {"gradient_evaluations": 1234.0, "gradient_evaluations_per_step": 2.0}
    dear["at_equal_gradient_evaluations"] = {"verdict": "at equal gradient evaluations: so."}
    dear["at_equal_time"] = {"verdict": None, "note": "the schedule is not constant"}
    said = compare_report.report(dear, 110)
    (part,) = (p for p in compare_report.tables(dear, 110) if "gradients" in p.sizes)
    assert any("1,234" in line for line in part.lines())
    assert "at equal gradient evaluations: so." in said
    assert "at equal time: the schedule is not constant" in said


def test_of_many_pairs_those_of_the_first_are_shown(three):
    summary = three[0].summary
    labels = "abcde"
    base = summary["optimizers"][0]
    many = dict(summary)
    many["optimizers"] = [{**base, "label": label} for label in labels]
    both = [(a, b) for i, a in enumerate(labels) for b in labels[i + 1 :]]
    many["pairs"] = [{**summary["pairs"][0], "a": a, "b": b} for a, b in both]
    many["seeds"] = 20
    said = compare_report.report(many, 80)
    said = said[next(i for i, line in enumerate(said) if line.startswith("first  ")) :]
    assert sum(line.startswith("a  ") for line in said) == 4
    assert not any(line.startswith("b      c ") for line in said)
    assert "6 more pairs are in summary.json" in said
    words = " ".join(said)
    assert "signed rank, all 10 pairs together, and over the finalists" in words


def test_a_best_rate_on_the_edge_is_said_to_be_there(tmp_path, capsys):
    """sgd learns next to nothing in three steps, the more the higher its rate."""
    words = ("sgd:lr=1e-9|1e-8|1e-7", "adam:lr=0.1")
    found = small(words, out=tmp_path / "c", listener=compare.Plain(sys.stdout))
    assert found.summary["edge"] == [words[0]]
    said = " ".join(capsys.readouterr().out.split())
    assert f"the best rate of {words[0]} is still at the edge" in said


def test_a_head_without_tuning_speaks_of_none(tmp_path, capsys):
    listener = compare.Plain(sys.stdout)
    small(("sgd:lr=0.1", "adam:lr=0.1"), out=tmp_path / "c", listener=listener)
    assert "nothing to tune, 6 fresh seeds\n" in capsys.readouterr().out


# ---- the same bits -------------------------------------------------------------------


@pytest.mark.parametrize("fixed", [False, True])
def test_a_run_of_the_table_can_be_trained_alone(tmp_path, three, fixed):
    out = tmp_path / "c" if fixed else three[1]
    if fixed:
        small(("sgd", "adam", "lion"), settings=replace(FEW, fixed_split=True), out=out)
    history = rows(out / "history.csv")
    for row in rows(out / "runs.csv")[::7]:
        settings = json.loads(row["hyperparameters"])
        split = {} if fixed else {"split": {"seed": int(row["seed"])}}
        alone = SMALL | {
            "optimizer": {"name": row["optimizer"], **settings},
            "seed": int(row["seed"]),
            "dataset": SMALL["dataset"] | {"seed": 0},
            **({"split": {"seed": 0}} if fixed else split),
        }
        done = optcli.train(alone, out=tmp_path / row["run"], plots=False)
        own = [each for each in history if each["run"] == row["run"] and each["train_loss"]]
        for name in ("train_loss", "validation_loss", "validation_accuracy"):
            cells = [float(each[name] or "nan") for each in own]
            assert np.array_equal(cells, done.history[name], equal_nan=True)


SHORT = ("--set", "training.epochs=2", "--tune", "3", "--seeds", "6", "--no-plots", "--quiet")


def test_processes_and_order_do_not_change_a_bit(tmp_path, monkeypatch):
    monkeypatch.setattr(run_comparison, "LONG_STEPS", 0)  # so that workers start at once
    sent, original = [], Processes.run

    def noted(self, function, jobs, expected=0.0):
        sent.extend(jobs)
        return original(self, function, jobs, expected)

    monkeypatch.setattr(Processes, "run", noted)
    for entries, jobs in (("sgd adam lion", "1"), ("lion sgd adam", "2")):
        words = ["compare", *entries.split(), *SHORT, "--jobs", jobs]
        assert run([*words, "--out", str(tmp_path / jobs)]) == 0
    one, two = (sorted(lines(tmp_path / name / "runs.csv")) for name in ("1", "2"))
    assert one == two
    assert sum(len(job.trials) for job in sent) == len(two)


def lines(path):
    """The runs without their numbers."""
    return [",".join(list(row.values())[1:]) for row in rows(path)]


# ---- nothing is lost -----------------------------------------------------------------


def test_it_goes_on_where_it_stopped(three, tmp_path, monkeypatch):
    whole, folder = three
    small(("sgd", "adam"), settings=replace(FEW, seeds=4), out=tmp_path / "parts")
    trained = []
    train = trials.train

    def counting(job):
        trained.extend(job.trials)
        return train(job)

    monkeypatch.setattr(trials, "train", counting)
    goal = json.loads((tmp_path / "parts" / "summary.json").read_text())["target"]
    parts = small(("sgd", "adam", "lion"), out=tmp_path / "parts")
    # the target stays that of the first two; all else is as if done at once
    assert parts.summary["target"] == goal
    without = [
        [
            {
                name: cell
                for name, cell in r.items()
                if not name.startswith(("steps_to", "checksum"))
            }
            for r in rows(each / "runs.csv")
        ]
        for each in (folder, tmp_path / "parts")
    ]
    assert without[0] == without[1]
    assert whole.summary["verdict"] == parts.summary["verdict"]
    known = [*whole.study.budget.final[:4], *whole.study.budget.halving]
    assert trained
    again = [t for t in trained if t.label != "lion" and t.seed in known]
    assert not again, "what was finished ran again"
    trained.clear()
    small(("sgd", "adam", "lion"), out=tmp_path / "parts")
    assert not trained


@systems.needs_kill
def test_a_killed_comparison_ends_as_the_undisturbed_one(tmp_path):
    """Killed as soon as there is a folder, and as soon as it holds runs."""
    words = ["compare", "sgd", "adam", *SHORT, "--out"]
    assert run([*words, str(tmp_path / "a")]) == 0
    for kept in ("config.yaml", "runs.csv"):
        call = [sys.executable, "-m", "optcli", *words, str(tmp_path / "b")]
        with subprocess.Popen(call) as process:
            while not (tmp_path / "b" / kept).exists() and process.poll() is None:
                time.sleep(0.001)
            process.kill()
        assert process.returncode == -signal.SIGKILL, "it was not killed in time"
        assert not (tmp_path / "b" / "checksums.json").exists()
    for _ in range(2):  # the second time from what is read alone
        assert run([*words, str(tmp_path / "b")]) == 0
    for name in ("runs.csv", "history.csv", "config.yaml"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    a, b = ((tmp_path / each / "summary.json").read_text().splitlines() for each in ("a", "b"))
    differing = [one for one, other in zip(a, b, strict=True) if one != other]
    assert all('"step_cost": ' in line for line in differing)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"settings": replace(FEW, tune=4)}, "tune was 3, is 4"),
        ({"settings": replace(FEW, tune_seeds=3)}, "tune_seeds was 2, is 3"),
        ({"config": SMALL | {"model": "linear"}}, "model was"),
        ({"config": SMALL | {"training": {"epochs": 4}}}, "training was"),
        ({"config": SMALL | {"dataset": {"name": "moons", "samples": 70}}}, "dataset was"),
    ],
)
def test_a_folder_of_another_comparison_is_refused(two, change, words):
    before = {path: path.read_bytes() for path in two.rglob("*") if path.is_file()}
    with pytest.raises(InvalidInput, match=words):
        small(out=two, **change)
    assert {path: path.read_bytes() for path in two.rglob("*") if path.is_file()} == before


def test_a_table_that_has_changed_is_refused(tmp_path):
    path = tmp_path / "t.csv"
    text = "x,y\n" + "".join(f"{i / 7},{'ab'[i % 2]}\n" for i in range(40))
    path.write_text(text)
    config = SMALL | {"dataset": {"name": "csv", "path": str(path), "target": "y"}}
    small(config=config, out=tmp_path / "c")
    path.write_text(text.replace("\n0.0,a", "\n9.0,a"))
    with pytest.raises(InvalidInput, match="the data has changed"):
        small(config=config, out=tmp_path / "c")


@pytest.mark.parametrize("name", ["runs.csv", "history.csv"])
def test_damaged_runs_are_said_and_trained_again(two, tmp_path, name):
    shutil.copytree(two, tmp_path / "c")
    path = tmp_path / "c" / name
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], whole.replace(b"0.5", b"0.6", 1), b"", b"\xff\0"):
        path.write_bytes(damaged)
        found = small(out=tmp_path / "c")
        assert path.read_bytes() == whole
        if name == "history.csv" or b"0.6" in damaged:
            assert any("were damaged; they are trained again" in note for note in found.notes)


def test_histories_newer_than_the_runs_are_not_mixed_up(tmp_path):
    """A kill between the two files: the runs have other numbers in each."""
    small(("sgd", "adam"), out=tmp_path / "c")
    old = (tmp_path / "c" / "runs.csv").read_bytes()
    small(("lion", "sgd", "adam"), out=tmp_path / "c")
    new = (tmp_path / "c" / "runs.csv").read_bytes()
    (tmp_path / "c" / "runs.csv").write_bytes(old)
    small(("lion", "sgd", "adam"), out=tmp_path / "c")
    assert (tmp_path / "c" / "runs.csv").read_bytes() == new


# ---- what is refused -----------------------------------------------------------------

REFUSED = {
    "sgd": "ENTRY: 1 given; a comparison takes two or more (optcli list optimizers)",
    "sgd sgd": "sgd: is listed twice",
    "adam adam:beta1=0.9": "adam:beta1=0.9: is the same as 'adam'",
    "sgd adma": "adma: unknown optimizer 'adma'; did you mean 'adam'? (optcli list optimizers)",
    "sgd adam --jobs 0": "--jobs: is 0; must be 1 to 1,024",
    "sgd adam --seeds 0": "--seeds: is 0; must be 1 to 10,000",
    "sgd adam --target nan": "--target: is nan; must be a number",
    "sgd adam --metric f1": "--metric: is 'f1'; must be one of loss, r2, rmse",
    "sgd adam:lr=0.1|x": "adam:lr=x: lr: is 'x'; must be a number > 0",
    "sgd adam --backend foo": "--backend: is 'foo'; must be dask, dask://host:port or tls://host:port",
    "sgd configs/iris.yaml": "ENTRY: 'sgd' is no config; compare optimizers, or configs, not both",
    "sgd adam --set split.validation=0": (
        "--set split.validation: is 0; a comparison takes validation rows"
    ),
    "sgd adam --set training.time_limit=9": (
        "--set training.time_limit: is 9; a comparison counts steps; must be null"
    ),
    "sgd adam --set training.batch_size=999": (
        "--set training.batch_size: is 999; there are 800 training rows"
    ),
}


@pytest.mark.parametrize("words", REFUSED)
def test_refused_in_words_and_leaves_nothing(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(["compare", *words.split()]) == 2
    said = capsys.readouterr()
    assert said.err.strip() == f"error: {REFUSED[words]}"
    assert not said.out
    assert not list(tmp_path.iterdir())


# ---- what may be claimed -------------------------------------------------------------


@pytest.fixture(scope="module")
def pool():
    """The validation losses of 2,000 real runs of one setting with different seeds."""
    config = configs.load(
        {
            "dataset": {"name": "blobs", "samples": 60, "noise": 2.0},
            "model": "linear",
            "loss": "cross_entropy",
            "optimizer": {"name": "sgd", "lr": 0.1},
            "training": {"epochs": 2, "batch_size": 16},
        }
    )
    task, optimizer = config.task(), config.optimizer
    chosen = tuple(Trial("sgd", optimizer, seed) for seed in range(2000))
    results = [
        r
        for start in range(0, 2000, 250)
        for r in trials.train(Job(task, chosen[start : start + 250], Measure()))
    ]
    losses = np.array([result.measured("validation_loss") for result in results])
    assert len(np.unique(losses)) > 1900
    return losses


@pytest.mark.long
@pytest.mark.parametrize(("k", "n"), [(2, 10), (4, 15), (8, 20)])
def test_equal_settings_are_rarely_told_apart(pool, k, n):
    """Of 1,000 comparisons of a setting with itself at most 71 claim anything.

    At a level of 0.05 more than 71 of 1,000 come with a chance of 0.002.
    """
    random = np.random.default_rng(0)
    claims = 0
    for _ in range(1000):
        drawn = random.choice(pool, (k, n), replace=False)
        compared = rank({str(i): own for i, own in enumerate(drawn)})
        claims += any(pair.verdict != "tied" for pair in compared.pairs.values())
    assert claims <= 71


@pytest.mark.long
def test_tuning_does_not_leak(tmp_path):
    """On pure noise the final test accuracy, over 100 data sets, is that of chance."""
    means = []
    rates = tuning.grid(0.1, 9)
    for number in range(100):
        random = np.random.default_rng(number)
        path = tmp_path / f"{number}.csv"
        x, y = random.normal(size=(150, 5)), random.permutation(np.arange(150) % 2)
        table = [",".join(f"{value:.4f}" for value in row) for row in x]
        path.write_text(
            "a,b,c,d,e,y\n" + "".join(f"{r},{c}\n" for r, c in zip(table, y, strict=True))
        )
        config = configs.load(
            {
                "dataset": {"name": "csv", "path": str(path), "target": "y"},
                "split": {"validation": 0.2, "test": 0.3},
                "model": "linear",
                "loss": "cross_entropy",
                "optimizer": "sgd",
                "training": {"epochs": 3, "batch_size": 32},
            }
        )
        task = config.task()
        tried = [replace(config.optimizer, lr=rate) for rate in rates]
        measure = Measure("accuracy", higher=True)
        tuned = tuple(Trial("sgd", o, 10**6 + s) for o in tried for s in range(3))
        values = {o: [] for o in tried}
        for result in trials.train(Job(task, tuned, measure)):
            values[result.trial.optimizer].append(measure.tuning(result))
        chosen = tuning.ranked(values)[0]
        chosen = tuple(Trial("sgd", chosen, s) for s in range(10))
        final = Job(task, chosen, measure, final=True)
        means.append(np.mean([result.test["accuracy"] for result in trials.train(final)]))
    error = np.std(means, ddof=1) / np.sqrt(len(means))
    assert abs(np.mean(means) - 0.5) <= 3 * error


# ---- tuning --------------------------------------------------------------------------


def test_the_grid_spans_four_decades_around_the_default():
    found = tuning.grid(1e-3, 9)
    assert len(found) == 9
    assert (found[0], found[4], found[-1]) == (1e-5, 1e-3, 0.1)
    assert np.allclose(np.diff(np.log10(found)), 0.5, atol=2e-3)
    assert 1e-3 in tuning.grid(1e-3, 4)


def test_the_grid_is_as_long_for_a_default_of_many_digits():
    for default in (0.0012345, 1 / 3):
        assert len(tuning.grid(default, 9)) == 9
        assert tuning.grid(default, 9)[4] == default


def test_an_edge_gets_three_more_rates_and_the_middle_none():
    rates = tuning.grid(1e-3, 9)
    assert tuning.extension(rates, 0.1) == [0.316, 1.0, 3.16]
    assert tuning.extension(rates, 1e-5) == [3.16e-6, 1e-6, 3.16e-7]
    assert tuning.extension(rates, 1e-3) == []
    assert tuning.extension([0.1, 0.2], 0.2) == []


def test_the_lowest_mean_is_chosen_and_of_equals_the_smaller_rate():
    adam = OPTIMIZERS.find("adam")
    a, b, c = adam(lr=0.1), adam(lr=0.01), adam(lr=1.0)
    assert tuning.ranked({a: [1, 3], b: [2.5, 2.5], c: [1, 2]}) == [c, a, b]
    assert tuning.ranked({a: [1, 3], b: [2, 2], c: [0, math.inf]}) == [b, a, c]
    assert tuning.ranked({c: [math.inf], a: [math.inf]}) == [a, c]
    assert tuning.best_of({a: [1, 3], b: [2, 2], c: [0, math.inf]}, 3) == [b, a]
    assert tuning.best_of({c: [math.inf], a: [math.inf]}, 3) == [a]


def test_a_budget_draws_all_that_is_not_fixed():
    adam = OPTIMIZERS.find("adam")(beta1=0.8)
    found = tuning.draw(adam, frozenset({"beta1"}), 20)
    assert found[0] == adam
    assert len(found) == 20
    assert {o.beta1 for o in found} == {0.8}
    assert len(set(found)) == 20
    assert len({o.lr for o in found}) >= 19
    assert all(1e-5 <= o.lr <= 0.1 and 0.9 <= o.beta2 < 1 for o in found)


@pytest.mark.parametrize("name", ["sgd", "sign_sgd", "fista", "adam"])
def test_a_budget_is_the_same_for_every_optimizer(name):
    assert len(tuning.draw(OPTIMIZERS.find(name)(), frozenset(), 10)) == 10


def test_what_is_drawn_for_a_decay_is_drawn_for_decays_alone():
    """ftrl's beta is no share that stays, but is added to a root."""
    rules = tuning.draw(OPTIMIZERS.find("ftrl")(), frozenset(), 20)
    assert {rule.beta for rule in rules} == {1.0}


def test_halton_is_the_radical_inverse():
    assert [tuning.halton(n, 2) for n in range(1, 6)] == [0.5, 0.25, 0.75, 0.125, 0.625]
    assert np.allclose([tuning.halton(n, 3) for n in (1, 2, 3, 4)], [1 / 3, 2 / 3, 1 / 9, 4 / 9])


# ---- the terminal --------------------------------------------------------------------


def test_the_table_fits(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["sgd", "adam", "sgd:lr=0.1|0.01,momentum=0.9,nesterov=true"]
    words += ["--set", "training.epochs=1", "--tune", "3", "--no-plots", "--out", "c"]
    for width in (60, 80, 120):
        monkeypatch.setenv("COLUMNS", str(width))
        assert run(["compare", *words]) == 0
        said = capsys.readouterr().out.splitlines()
        assert len(said) > 5
        for line in said:
            assert len(line) <= width or line.startswith("comparison folder:"), line


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_live_table(tmp_path, width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(compare, "INTERVAL", 0.0)
    stream = Terminal()
    listener = compare.listener(False, False, stream)
    small(("sgd", "adam", "sgd:lr=0.1|0.01,momentum=0.9"), out=tmp_path / "c", listener=listener)
    listener.close()
    said = stream.getvalue()
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said)
    assert "tuning: 4 of 16 runs" in plain or "tuning: 16 of 16 runs" in plain
    assert "evaluation: " in plain
    assert "━" in plain
    assert "rank  optimizer" in plain
    frames = [line for line in re.split(r"[\r\n]+", plain) if "folder:" not in line]
    assert max(map(len, frames)) <= width


def test_models_that_are_kept_are_counted(monkeypatch):
    """On a terminal in a line that goes; elsewhere in a line for each tenth, at most."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(compare, "INTERVAL", 0.0)
    live, plain = Terminal(), io.StringIO()
    for stream in (live, plain):
        listener = compare.listener(False, False, stream)
        for done in range(1, 41):
            listener(ModelsKept(Path("c/models"), done, 40))
        listener.close()
    assert re.search(r"models: 17 of 40, .* left", live.getvalue())
    assert live.getvalue().endswith("kept 40 models in c/models\n")
    lines = plain.getvalue().splitlines()
    assert lines[:2] == ["models: 4 of 40", "models: 8 of 40"]
    assert len(lines) == 10
    assert lines[-1] == "kept 40 models in c/models"


def test_several_configs_on_the_terminal(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    sizes = {"a": 60, "b": 70}
    paths = [write(tmp_path / f"{n}.yaml", "cross_entropy", size) for n, size in sizes.items()]
    words = ["compare", "sgd", "adam", "lion", *(f"--config={path}" for path in paths)]
    few = ["--set", "training.epochs=1", "--tune-seeds", "2", "--seeds", "7", "--no-plots"]
    assert run([*words, "--tune", "3", *few]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "7 seeds cannot show a difference for 3 pairs on 2 configs" in said
    assert "each entry is tested against sgd only" in said
    assert "wins/ties/losses first better, better on" in said
    assert "over 2 configs" in said
    assert run([*words, "--tune", "1", *few, "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["event"] == "benchmark"


def test_json_lines(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(["compare", "sgd", "adam", *SHORT[:-1], "--json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    kinds = [each["event"] for each in found]
    assert kinds[0] == "started"
    assert kinds[-1] == "summary"
    assert {"progress", "optimizer", "pair"} <= set(kinds)
    assert Path(found[-1]["folder"]).is_dir()


def test_the_verdict_does_not_wait_for_the_figures(tmp_path):
    """It comes when the folder is whole but for them; a kill while they are drawn leaves that."""
    out, killed = tmp_path / "c", []

    def listener(event):
        if isinstance(event, Comparison):
            seals.check_seal(out)
            assert seals.is_sealed(out)
            covered = set(json.loads((out / seals.SUMS).read_text()))
            assert {Path(name).suffix for name in covered} == {".csv", ".json", ".yaml"}
            if not killed:
                killed.append(event)
                raise KeyboardInterrupt
        elif isinstance(event, FiguresDrawn):
            assert killed
            assert event.names == ["curves.png", "sensitivity.png", "targets.png"]

    given = {"settings": FEW, "out": out, "listener": listener}
    with pytest.raises(KeyboardInterrupt):
        optcli.compare(("sgd", "adam"), SMALL, **given)
    assert seals.first_damage(out) is None
    assert not list(out.glob("*.png"))
    optcli.compare(("sgd", "adam"), SMALL, **given)
    assert {"curves.png", "targets.png"} <= set(json.loads((out / seals.SUMS).read_text()))
    seals.check_seal(out)


def test_the_environment_is_said(two):
    found = json.loads((two / "environment.json").read_text())
    assert len(found["data_sha256"]) == 64
    assert found["cores"] == os.cpu_count()
