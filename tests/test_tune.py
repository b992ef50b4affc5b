"""tune: the space, the search, its model, and what a folder of it holds."""

import csv
import json
import math
import multiprocessing
import signal
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import optcli
import optcli.api.verify
from optcli import config
from optcli.cli.main import run
from optcli.comparison import trials
from optcli.comparison.trials import Measure, Trial, TrialResult, prepared
from optcli.config.space import varied
from optcli.core.errors import InvalidInput, OptcliError
from optcli.core.events import EpochEnded, FoldsDone
from optcli.data.split import Draw
from optcli.storage.dispatch import processes
from optcli.tuning import importance, plan, sequence
from optcli.tuning.candidates import candidates
from optcli.tuning.events import RunsDone
from optcli.tuning.scores import scores

FAST = optcli.TuneSettings(budget=9, repeats=2)
SPACE = {
    "optimizer.lr": {"from": 1e-3, "to": 1.0, "log": True},
    "model.hidden": {"values": [[4], [8]]},
}


def table(path, rows=90, seed=0, shift=0.0):
    """Two classes; every sixth row is of the test part, where `shift` changes the inputs."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 2))
    y = np.where(x[:, 0] + 0.3 * rng.normal(size=rows) > 0, "a", "b")
    part = ["test" if i % 6 == 0 else "train" for i in range(rows)]
    x[::6] += shift
    lines = [f"{a!r},{b!r},{c},{p}" for (a, b), c, p in zip(x.tolist(), y, part, strict=True)]
    path.write_text("\n".join(["u,v,kind,part", *lines]) + "\n")
    return path


def told(path, **more):
    """A config on such a table, that is quick."""
    return {
        "dataset": {"name": "csv", "path": str(path), "target": "kind"},
        "split": {"validation": 0.25, "test": {"column": "part"}},
        "model": {"name": "mlp", "hidden": [4]},
        "loss": "cross_entropy",
        "optimizer": {"name": "sgd", "lr": 0.1},
        "training": {"epochs": 9, "batch_size": 16},
        "tune": SPACE,
        **more,
    }


def numbers(folder):
    """What a search found, but for its model and test score."""
    names = ("trials.csv", "runs.csv", "history.csv")
    return [(folder / name).read_bytes() for name in names]


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A finished search: its folder, its config and the result."""
    place = tmp_path_factory.mktemp("tune")
    source = told(table(place / "t.csv"))
    return place / "s", source, optcli.tune(source, settings=FAST, out=place / "s")


# ---- the section ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("optimizer.lr: 0.1", "optimizer.lr: is 0.1; must be {from: 1e-4"),
        ("optimizer.lr: [1, 2]", "write {values: [1, 2]}"),
        ("optimizer.lr: {from: 1}", "has no 'to'"),
        ("optimizer.lr: {from: 1, to: 0.1}", "to: is 0.1; must be above from, 1"),
        ("optimizer.lr: {from: 0, to: 1, log: true}", "from: is 0; must be above 0 with log"),
        ("optimizer.lr: {from: -1, to: 1}", "from: is -1"),
        ("optimizer.lr: {from: a, to: 1}", "from: is 'a'; must be a number"),
        ("optimizer.lr: {form: 1, to: 2}", "form: unknown key; did you mean 'from'?"),
        ("optimizer.lr: {from: 1, to: 2, values: [1]}", "cannot be combined with values"),
        ("optimizer.lr: {values: []}", "values: is []; must be a list with one value or more"),
        ("optimizer.lr: {values: [1, 1]}", "1 is listed twice"),
        ("optimizer.lr: {values: [0.1, fast]}", "values[1]: is 'fast'; must be a number"),
        ("optimizer.momntum: {values: [0.1]}", "did you mean 'optimizer.momentum'?"),
        ("optimizer: {lr: {from: 1, to: 2}}", "write it as one key, optimizer.lr:"),
        ("optimiser.lr: {values: [0.1]}", "did you mean 'optimizer'?"),
        ("seed: {values: [1, 2]}", "cannot be tuned"),
        ("training.time_limit: {values: [1]}", "would make the result depend on the machine"),
        ("model.hidden: {from: 8, to: 32}", "takes no range; must be {values: [a, b]}"),
        ("model.activation: {from: 0, to: 1}", "takes no range; must be {values: [a, b]}"),
        ("model.hidden: {values: [[32], 8]}", "values[1]: is 8; must be a list"),
        ("model.dropout: {from: 0, to: 2}", "to: is 2.0; must be in [0, 1)"),
        ("training.batch_size: {from: 8, to: 9.5, integer: true}", "must be whole"),
    ],
)
def test_what_is_wrong_in_the_section_is_said_with_its_line(tmp_path, line, said):
    table(tmp_path / "t.csv")
    text = [
        "dataset: {name: csv, path: t.csv, target: kind, exclude: [part]}",
        "model: {name: mlp, hidden: [4]}",
        "loss: cross_entropy",
        "optimizer: {name: sgd, lr: 0.1}",
        "tune:",
        f"  {line}",
    ]
    path = tmp_path / "c.yaml"
    path.write_text("\n".join(text) + "\n")
    with pytest.raises(InvalidInput) as caught:
        config.load(path)
    assert said in str(caught.value)
    assert f"{path}:6: tune." in str(caught.value)


def test_a_key_below_a_choice_must_be_one_of_each_of_its_values(tmp_path):
    source = told(tmp_path / "t.csv")
    source["tune"] = {
        "optimizer": {"values": ["sgd", {"name": "adam", "beta1": 0.8}]},
        "optimizer.lr": {"from": 1e-3, "to": 1.0, "log": True},
    }
    space = config.load(source).space
    assert [axis.key for axis in space] == ["optimizer", "optimizer.lr"]
    own = varied(config.load(source), {"optimizer": space[0].values[1], "optimizer.lr": 0.5})
    assert (own.optimizer.name, own.optimizer.lr, own.optimizer.beta1) == ("adam", 0.5, 0.8)
    source["tune"]["optimizer.momentum"] = {"values": [0.5, 0.9]}
    with pytest.raises(InvalidInput, match=r"unknown key with optimizer \{name: 'adam'"):
        config.load(source)


def test_the_section_is_no_part_of_what_is_trained(tmp_path):
    source = told(table(tmp_path / "t.csv"))
    loaded = config.load(source)
    assert "tune" not in loaded.resolved()
    assert config.load(loaded.resolved()) == loaded
    changed = config.load(source, ["tune.optimizer.lr={values: [0.1, 0.2]}"])
    assert changed.space[0].values == (0.1, 0.2)


def test_axes():
    lr, batch = config.load(
        told(Path("t.csv"), tune={**SPACE, "training.batch_size": {"from": 8, "to": 32}})
    ).space[::2]
    assert [lr.at(x) for x in (0.0, 0.5, 1.0)] == [0.001, 0.03162, 1.0]
    assert batch.integer
    assert {batch.at(x) for x in np.linspace(0, 1, 1000)} == set(range(8, 33))


def test_points_fill_every_axis_evenly_and_follow_from_the_seed():
    draw = sequence.points(3, 4)
    found = np.array([next(draw) for _ in range(210)])
    again = sequence.points(3, 4)
    assert found[:5].tolist() == [next(again) for _ in range(5)]
    for axis, base in enumerate((2, 3, 5, 7)):
        counts = np.histogram(found[:, axis], base**2, (0, 1))[0]
        assert counts.max() - counts.min() <= 1  # a row of random numbers has gaps
    assert found[:5].tolist() != np.array([next(sequence.points(4, 4)) for _ in range(5)]).tolist()


def test_more_budget_tries_the_same_settings_first(tmp_path):
    loaded = config.load(told(table(tmp_path / "t.csv")))
    few, _ = candidates(loaded, loaded.space, 5, 0)
    more, _ = candidates(loaded, loaded.space, 12, 0)
    assert [own.values for own in more[:5]] == [own.values for own in few]
    assert few[0].values == {"optimizer.lr": 0.1, "model.hidden": [4]}  # the config's own


def test_the_first_setting_is_the_configs_own_where_the_space_has_it(tmp_path):
    source = told(table(tmp_path / "t.csv"))

    def first(space):
        loaded = config.load({**source, "tune": space})
        return candidates(loaded, loaded.space, 1, 0)[0][0]

    lr = {"optimizer.lr": {"from": 1e-3, "to": 1.0, "log": True}}
    # no section schedule is a constant one; sgd with its own rate is the optimizer
    constant = first({"schedule": {"values": ["cosine", "constant"]}})
    assert constant.is_own
    assert constant.values == {"schedule": "constant"}
    own = first({"optimizer": {"values": ["adam", {"name": "sgd"}]}, **lr})
    assert own.is_own
    assert own.values == {"optimizer": {"name": "sgd"}, "optimizer.lr": 0.1}
    assert list(own.values) == ["optimizer", "optimizer.lr"]
    # sgd has its default rate there, the config another one
    assert not first({"optimizer": {"values": ["adam", "sgd"]}}).is_own


# ---- rounds and scores ---------------------------------------------------------------


def test_each_round_keeps_a_third_and_trains_three_times_as_long():
    found = plan.rounds(40, 100, 3, 0)
    assert [(r.settings, r.epochs(100), r.repeats) for r in found] == [
        (40, 12, 3),
        (14, 34, 3),
        (5, 100, 5),
    ]
    assert [r.repeats for r in plan.rounds(40, 100, 3, 4)] == [4, 4, 4]
    assert [(r.settings, r.part) for r in plan.rounds(4, 100, 3, 0)] == [(4, 1)]
    assert [(r.settings, r.part) for r in plan.rounds(40, 2, 3, 0)] == [(40, 1)]


def result(losses, outcome="completed"):
    losses = [1.0, *losses]
    history = {"epoch": list(range(len(losses))), "step": list(range(len(losses)))}
    history |= {"train_loss": losses, "validation_loss": losses}
    optimizer = config.load(told(Path("t.csv"))).optimizer
    return TrialResult(Trial("x", optimizer, 0), outcome, 9, history, {"loss": 0.5}, {})


def test_a_run_is_scored_at_the_median_best_epoch_of_the_others():
    measure = Measure(rows="validation")
    runs = [result([5, 1, 7]), result([5, 3, 2]), result([4, 6, 9])]
    # the best epochs are 2, 3 and 1: each run is measured at the (higher) median of the others
    assert scores(runs, measure) == [7, 3, 9]
    assert scores([result([5, 1, 7])], measure) == [0.5]
    assert scores([result([5, 1]), result([math.nan], "diverged")], measure)[1] == math.inf


def test_importance_finds_what_matters():
    rng, draw = np.random.default_rng(0), sequence.points(0, 2)
    a, b = np.array([next(draw) for _ in range(60)]).T
    choice = [["x"], ["y"]] * 30
    values = {"a": a.tolist(), "b": b.tolist(), "c": choice}
    curve = (10 * (a - 0.5) ** 2 + 0.05 * rng.normal(size=60)).tolist()
    found = importance.shares(values, {"a": False, "b": False, "c": True}, [*curve[:-1], math.inf])
    assert found["a"] > 0.6
    assert found["b"] < 0.1
    assert found["c"] < 0.1
    by_choice = importance.shares(values, {"a": False, "b": False, "c": True}, [0.0, 1.0] * 30)
    assert by_choice["c"] > 0.9
    assert importance.shares({"a": [1.0]}, {"a": False}, [1.0]) == {"a": None}


# ---- a whole search ------------------------------------------------------------------


def test_what_a_search_leaves(searched):
    folder, _, found = searched
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["outcome"] == "completed"
    assert summary["settings"] == 9
    best = summary["chosen"]
    assert best["epochs"] == sorted(best["best_epochs"])[2]
    assert len(best["best_epochs"]) == 5
    rows = found.trials
    assert len(rows) == 9
    assert sorted(row["rank"] for row in rows) == list(range(1, 10))
    first = next(row for row in rows if row["rank"] == 1)
    assert first["score"] == best["score"]
    assert first["optimizer.lr"] == found.values["optimizer.lr"]
    assert (folder / "effects.png").stat().st_size > 5000
    assert set(summary["test"]) == {"loss", "accuracy"}
    assert summary["test_rows"] == 15
    low, high = summary["test_intervals"]["accuracy"]
    assert low < summary["test"]["accuracy"] <= high
    assert summary["rows"] == 75  # all but the test part
    loaded = optcli.load(folder, optcli.SavedSearch)
    assert loaded.values == found.values
    assert loaded.model.predict({"u": [1.0], "v": [0.0]})
    assert "<table>" in loaded._repr_html_()
    assert loaded.plot().axes


def test_training_the_best_config_again_repeats_the_model(searched, tmp_path):
    _folder, _, found = searched
    again = optcli.train(found.config, out=tmp_path / "m", plots=False)
    assert np.array_equal(again.trained.parameters, found.model.trained.parameters)
    assert again.summary["test"] == found.summary["test"]
    assert again.summary["epochs"] == found.summary["chosen"]["epochs"]


def test_no_number_before_the_end_depends_on_test_rows(searched, tmp_path):
    folder, source, found = searched
    other = {**source, "dataset": {**source["dataset"]}}
    other["dataset"]["path"] = str(table(tmp_path / "t.csv", shift=5.0))
    again = optcli.tune(other, settings=FAST, out=tmp_path / "s", plots=False)
    assert numbers(tmp_path / "s") == numbers(folder)
    assert np.array_equal(again.model.trained.parameters, found.model.trained.parameters)
    assert again.summary["test"] != found.summary["test"]


def test_an_interrupted_search_ends_with_the_same_bits(searched, tmp_path):
    folder, source, _ = searched

    def cut(event):
        if isinstance(event, RunsDone) and event.round.number == 2 and event.done < event.total:
            raise KeyboardInterrupt

    out = tmp_path / "s"
    with pytest.raises(KeyboardInterrupt):
        optcli.tune(source, settings=FAST, out=out, plots=False, listener=cut)
    assert not (out / "summary.json").exists()
    text = (out / "runs.csv").read_text()
    (out / "runs.csv").write_text(text.replace("completed", "completee", 1))  # it notices
    found = optcli.tune(source, settings=FAST, out=out, plots=False)
    assert any("1 runs" in note for note in found.notes)
    assert numbers(out) == numbers(folder)
    assert (out / "model" / "model.npz").read_bytes() == (folder / "model/model.npz").read_bytes()
    before = (out / "model" / "model.npz").stat().st_mtime_ns
    optcli.tune(source, settings=FAST, out=out, plots=False)  # it is done
    assert (out / "model" / "model.npz").stat().st_mtime_ns == before
    with pytest.raises(InvalidInput, match="holds a search of other settings"):
        optcli.tune(source, ["optimizer.momentum=0.5"], settings=FAST, out=out, plots=False)


def test_settings_that_diverge_lose_and_end_nothing(tmp_path):
    source = told(table(tmp_path / "t.csv"), loss="cross_entropy")
    source["tune"] = {"optimizer.lr": {"values": [0.1, 1e30, 0.3, 1e35]}}
    found = optcli.tune(source, settings=FAST, out=tmp_path / "s", plots=False)
    assert found.values["optimizer.lr"] in (0.1, 0.3)
    assert sum(row["outcome"] == "diverged" for row in found.trials) == 2
    source["tune"] = {"optimizer.lr": {"values": [1e30, 1e35]}}
    with pytest.raises(OptcliError, match="every setting diverged"):
        optcli.tune(source, settings=FAST, out=tmp_path / "d", plots=False)


@pytest.mark.parametrize("kind", ["random", "groups"])
def test_folds_are_a_partition_of_all_but_the_test_rows(tmp_path, kind):
    path = table(tmp_path / "t.csv")
    if kind == "groups":
        lines = path.read_text().splitlines()
        lines = [lines[0] + ",who", *(f"{x},{i % 13}" for i, x in enumerate(lines[1:]))]
        path.write_text("\n".join(lines) + "\n")
    folds = 4 if kind == "random" else {"group": "who", "count": 4}
    split = {"folds": folds, "test": {"column": "part"}}
    task = config.load(told(path, split=split)).task()
    whole = prepared(task, None)
    assert whole.validation is None
    assert len(whole.train.x) == 75
    parts = [prepared(task, Draw(fold=fold)) for fold in range(4)]
    rows = np.concatenate([part.encoder and part.validation.y for part in parts])
    assert sum(len(part.validation.x) for part in parts) == 75 == len(rows)
    assert all(len(part.train.x) + len(part.validation.x) == 75 for part in parts)
    assert all(np.array_equal(part.test.y, whole.test.y) for part in parts)
    if kind == "random":
        assert {len(part.validation.x) for part in parts} == {18, 19}
        shares = [np.mean(part.validation.y) for part in parts]
        assert max(shares) - min(shares) < 0.06  # stratified
    found = optcli.tune(
        told(path, split=split), settings=FAST, out=tmp_path / "s", plots=False
    ).summary
    assert found["folds"] == 4
    assert len(found["chosen"]["scores"]) == 4
    assert found["rows"] == 75


def test_what_folds_do_not_go_with(tmp_path):
    path = table(tmp_path / "t.csv")
    for split, said in [
        ({"folds": 1}, "folds"),
        ({"folds": 3, "validation": 0.2}, "cannot be combined with validation"),
        ({"folds": 3, "test": {"last": 0.2}}, "later than those that they are validated on"),
        ({"folds": {"group": "part"}}, "must be a number from 2"),
    ]:
        with pytest.raises(InvalidInput, match=said):
            config.load(told(path, split=split))
    task = config.load(told(path, split={"folds": {"group": "part", "count": 3}})).task()
    with pytest.raises(InvalidInput, match="has 2 groups"):
        prepared(task, Draw(fold=0))


def test_commands_know_the_folder(searched, tmp_path, capsys):
    folder, _, _ = searched
    assert run(["runs", "list", str(folder.parent)]) == 0
    assert "tune" in capsys.readouterr().out
    assert run(["runs", "show", str(folder)]) == 0
    assert "optimizer.lr" in capsys.readouterr().out
    assert run(["report", str(folder), "-o", str(tmp_path / "r.html")]) == 0
    assert "trials" in (tmp_path / "r.html").read_text()


def test_what_is_refused(searched, tmp_path):
    _, source, _ = searched
    for more, settings, said in [
        ({}, {"metric": "auc"}, "metric: is 'auc'; must be one of loss, accuracy"),
        ({"split": {"validation": 0}}, {}, "is 0; a search takes validation rows"),
        ({"tune": {"loss.label_smoothing": {"from": 0, "to": 0.3}}}, {}, "tune a metric: accuracy"),
        ({}, {"budget": 0}, "budget: is 0"),
    ]:
        with pytest.raises(InvalidInput, match=said):
            optcli.tune(
                {**source, **more}, settings=optcli.TuneSettings(**settings), out=tmp_path / "s"
            )
    assert not (tmp_path / "s").exists()


# ---- cross-validation of one config --------------------------------------------------


def test_train_cross_validates_and_keeps_the_model_of_all_rows(tmp_path):
    source = told(table(tmp_path / "t.csv"), split={"folds": 5, "test": {"column": "part"}})
    source["training"]["early_stopping"] = {"patience": 4}
    source["training"]["epochs"] = 12
    said = []
    found = optcli.train(source, out=tmp_path / "r", plots=False, listeners=[said.append])
    assert [(e.done, e.folds) for e in said if isinstance(e, FoldsDone)] == [(0, 5), (5, 5)]
    folds = json.loads((tmp_path / "r" / "summary.json").read_text())["folds"]
    epochs = folds["best_epochs"]
    assert folds["epochs"] == sorted(epochs)[2] == found.summary["epochs"]
    loss = folds["scores"]["loss"]
    values = np.array(loss["values"])
    assert loss["mean"] == pytest.approx(values.mean())
    error = values.std(ddof=1) / math.sqrt(5)
    assert loss["ci_high"] - loss["mean"] == pytest.approx(2.7764451052 * error, rel=2e-3)
    # the model is that of all but the test rows, for so many epochs
    alone = {**source, "split": {"validation": 0, "test": {"column": "part"}}}
    alone["training"] = {
        **source["training"],
        "early_stopping": None,
        "stop_after": folds["epochs"],
    }
    again = optcli.train(alone, out=tmp_path / "a", plots=False)
    assert np.array_equal(again.trained.parameters, found.trained.parameters)
    assert again.summary["test"] == found.summary["test"]
    # a fold is what a run by itself is
    task = config.load(source).task()
    seed, draw = plan.draws(task.split, 0, 5)[3]
    job = trials.Job(
        task, (Trial("x", config.load(source).optimizer, seed),), Measure(), final=False
    )
    (one,) = trials.train(replace(job, draws=((seed, draw),)))
    with (tmp_path / "r" / "folds.csv").open() as file:
        row = list(csv.DictReader(file))[3]
    at = min(int(row["scored_at"]), one.history["epoch"][-1])
    assert float(row["validation_loss"]) == one.history["validation_loss"][at]
    assert optcli.api.verify.verify(tmp_path / "r").agrees


def test_a_cross_validated_run_goes_on_with_what_its_folds_found(tmp_path):
    source = told(table(tmp_path / "t.csv"), split={"folds": 3, "test": {"column": "part"}})
    source["training"] |= {"checkpoint_every": 1, "epochs": 30}
    whole = optcli.train(source, out=tmp_path / "w", plots=False)
    assert whole.summary["epochs"] > 3

    def cut(event):
        if isinstance(event, EpochEnded) and event.epoch == 2:
            signal.raise_signal(signal.SIGTERM)

    optcli.train(source, out=tmp_path / "r", plots=False, listeners=[cut])
    assert optcli.load(tmp_path / "r").summary["outcome"] == "interrupted"
    with pytest.raises(InvalidInput, match=r"training\.epochs: cannot change"):
        optcli.resume(tmp_path / "r", ["training.epochs=99"], plots=False)
    found = optcli.resume(tmp_path / "r", plots=False)
    assert np.array_equal(found.trained.parameters, whole.trained.parameters)
    assert found.summary["folds"] == whole.summary["folds"]
    assert "to continue" not in optcli.resume(tmp_path / "r", plots=False).notes[0]


def test_what_cross_validation_says(tmp_path, capsys):
    table(tmp_path / "t.csv")
    source = told(tmp_path / "t.csv", split={"folds": 2, "test": {"column": "part"}})
    (tmp_path / "c.json").write_text(json.dumps(source))
    words = ["train", str(tmp_path / "c.json"), "--out", str(tmp_path / "r"), "--no-plots"]
    assert run(words) == 0
    said = capsys.readouterr().out
    assert "2-fold cross-validation, mean [95 % CI]: loss " in said
    assert "trained on all but the test rows for " in said
    with pytest.raises(InvalidInput, match=r"split\.folds: is 2; a comparison draws"):
        optcli.compare(["sgd", "adam"], source, out=tmp_path / "x")
    with pytest.raises(OptcliError, match="all folds diverged"):
        optcli.train(source, ["optimizer.lr=1e30"], out=tmp_path / "d", plots=False)
    assert not (tmp_path / "d").exists()


@pytest.mark.long
@pytest.mark.parametrize("where", ["processes", "executor", "dask"])
def test_the_same_bits_in_other_processes(searched, tmp_path, where, monkeypatch):
    folder, source, found = searched
    if where == "processes":
        monkeypatch.setattr(processes, "START_SECONDS", 0.0)  # so small a search stays here else
        monkeypatch.setattr(trials, "seconds", lambda job: len(job.trials))
        own, sent = processes.Processes.run, []
        monkeypatch.setattr(
            processes.Processes, "run", lambda *words: sent.append(words) or own(*words)
        )
        again = optcli.tune(source, settings=replace(FAST, jobs=2), out=tmp_path / "s", plots=False)
        assert sent
        assert numbers(tmp_path / "s") == numbers(folder)
        assert again.summary == found.summary
        return
    if where == "dask":
        pytest.importorskip("distributed")
        asked = replace(FAST, backend="dask", jobs=2)
        again = optcli.tune(source, settings=asked, out=tmp_path / "s", plots=False)
    else:
        with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as executor:
            asked = replace(FAST, executor=executor)
            again = optcli.tune(source, settings=asked, out=tmp_path / "s", plots=False)
    assert numbers(tmp_path / "s") == numbers(folder)
    assert np.array_equal(again.model.trained.parameters, found.model.trained.parameters)
    assert again.summary == found.summary


def test_shards_of_a_search_go_on_round_by_round_and_merge_to_the_whole(searched, tmp_path):
    folder, source, found = searched
    out = [tmp_path / "s" / str(k) for k in (1, 2, 3)]

    def share(k):
        own = optcli.tune(source, settings=FAST, out=out[k - 1], plots=False, shard=(k, 3))
        assert (own.summary["shard"], own.summary["rounds"]) == (f"{k}/3", 2)
        return own.summary["round"], own.summary["waits_for"], own.summary["runs"]

    # of 18 and 15 runs; a shard goes on as soon as all others have theirs
    assert [share(1), share(2), share(3)] == [(1, [2, 3], 6), (1, [3], 6), (2, [], 11)]
    once = optcli.merge(out, tmp_path / "once", plots=False, jobs=1)
    assert [share(2), share(1), share(1)] == [(2, [], 11)] * 3
    whole = optcli.merge(out[::-1], tmp_path / "whole", plots=False)
    for each in (once, whole):  # what the shards have not trained is trained at the end
        assert numbers(each.folder) == numbers(folder)
        assert each.summary == found.summary
        assert np.array_equal(each.model.trained.parameters, found.model.trained.parameters)
    told = json.loads((tmp_path / "whole/environment.json").read_text())
    assert list(told["shards"]) == ["1/3", "2/3", "3/3"]
    assert optcli.load(tmp_path / "whole", optcli.SavedSearch).values == found.values


def test_a_whole_search_of_shards_trains_nothing_when_it_is_merged(searched, tmp_path, monkeypatch):
    folder, source, _ = searched
    out = [tmp_path / "s" / str(k) for k in (1, 2)]
    for k in (1, 2, 1):
        optcli.tune(source, settings=FAST, out=out[k - 1], plots=False, shard=f"{k}/2")
    monkeypatch.setattr(trials, "train", None)
    optcli.merge(out, tmp_path / "m", plots=False)
    assert numbers(tmp_path / "m") == numbers(folder)


def test_what_shards_of_a_search_do_not_go_with(searched, tmp_path, monkeypatch, capsys):
    _, source, _ = searched
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.json").write_text(json.dumps(source))
    words = ["tune", "c.json", "--budget", "4", "--repeats", "1", "--jobs", "1", "--no-plots"]

    def share(k, *more):
        return run([*words, *more, "--shard", f"{k}/2", "--out", f"s/{k}"])

    assert share(1, "--json") == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (last["event"], last["shard"], last["outcome"]) == ("shard", "1/2", "done")
    assert share(2, "--budget", "5") == 0
    assert "merge all 2 with" in capsys.readouterr().out

    def refused(*told):
        assert run([*told]) == 2
        return capsys.readouterr().err

    assert "shard 2 of 2 is missing" in refused("runs", "merge", "s/1")
    said = refused("runs", "merge", "s/1", "s/2")
    assert "s/2: is a shard of another search than s/1: budget is 5, there 4" in said
    assert "(shard was 1/2, is 2/2); choose another" in refused(
        *words, "--shard", "2/2", "--out", "s/1"
    )
    assert "--shard: is '3/2'; must be K/N" in refused(*words, "--shard", "3/2")
    optcli.compare(
        ["sgd", "adam"],
        overrides=["training.epochs=1", "dataset.samples=60"],
        settings=optcli.ComparisonSettings(tune=1, tune_seeds=1, finalists=1, seeds=1),
        out="c",
        shard=(2, 2),
    )
    assert "is shard 2/2 of a comparison, but s/1 is 1/2 of a search" in refused(
        "runs", "merge", "s/1", "c"
    )
    # folders beside them that are none of theirs, or damaged, do not matter
    for name, text in (("x", "{"), ("y", '{"kind": "tune-shard", "asked": null}'), ("z", "[]")):
        Path("s", name).mkdir()
        Path("s", name, "environment.json").write_text(text)
    Path("s/file").write_text("")
    # runs of a machine that may give other bits decide nothing here
    for k in (1, 2):
        assert share(k, "--budget", "9") == 0
    told = json.loads(Path("s/1/environment.json").read_text())
    Path("s/1/environment.json").write_text(json.dumps({**told, "numpy": "1.0"}))
    capsys.readouterr()
    assert share(2, "--budget", "9") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "the next round takes the runs of shard 1" in said
    assert "s/1 are not used, as they may have other bits: NumPy 1.0, here " in said


def test_the_rows_of_a_search_are_in_the_same_order_whoever_is_done_first(
    searched, tmp_path, monkeypatch
):
    folder, source, _ = searched
    cut = trials.jobs

    def one_by_one(*words, **keys):
        whole = cut(*words, **keys)
        return [replace(job, trials=(each,)) for job in whole for each in job.trials][::-1]

    monkeypatch.setattr(trials, "jobs", one_by_one)
    optcli.tune(source, settings=FAST, out=tmp_path / "s", plots=False)
    assert numbers(tmp_path / "s") == numbers(folder)
