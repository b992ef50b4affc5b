"""`optcli init`: a config for a table, from what the table shows."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import pytest

import optcli
from optcli.cli.main import run
from optcli.config.writing import flow
from optcli.config.yaml_text import read
from optcli.core.errors import InvalidInput
from optcli.data import csv
from optcli.starter import recipe, trial
from optcli.starter.page import Line, text_of, values_of
from optcli.starter.parts import parts_of

from . import user_tables

ROOT = Path(__file__).parent.parent
DATA = ROOT / "configs" / "data"


def write(folder, columns, name="t.csv"):
    """A table of columns as a file."""
    lines = [
        ",".join(columns),
        *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True)),
    ]
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    return path


def plain(rows=60, **more):
    """Columns x and z of numbers, and further ones."""
    rng = np.random.default_rng(0)
    return {"x": rng.normal(size=rows).round(3), "z": rng.normal(size=rows).round(3), **more}


def found(folder, columns, target, **options):
    return optcli.init(data=write(folder, columns), target=target, **{"quick": True, **options})


def fault(folder, columns, target):
    with pytest.raises(InvalidInput) as caught:
        found(folder, columns, target)
    return str(caught.value)


def comment(text):
    """All comments of a config, in one line."""
    return " ".join(line.partition("#")[2].strip() for line in text.splitlines() if "#" in line)


# ---- the command -----------------------------------------------------------------------


def test_the_example_trains_on_a_machine_that_has_nothing_else(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(["init", "--quick"]) == 0
    assert "next: optcli train config.yaml" in capsys.readouterr().out
    assert (tmp_path / "iris.csv").read_bytes() == (DATA / "iris.csv").read_bytes()
    assert run(["check", "config.yaml", "--quiet"]) == 0
    assert run(["init", "--quick"]) == 2
    assert "config.yaml: exists already; name another file, or give --overwrite" in (
        capsys.readouterr().err
    )
    (tmp_path / "iris.csv").write_text("mine")
    assert run(["init", "other.yaml", "--quick"]) == 2
    assert (tmp_path / "iris.csv").read_text() == "mine"
    assert not (tmp_path / "other.yaml").exists()
    assert run(["init", "--quick", "--overwrite"]) == 0
    assert run(["train", "config.yaml", "--out", "run", "--no-plots", "--quiet"]) == 0
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["test"]["accuracy"] > 0.9


def test_the_config_is_printed_for_a_dash(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(["init", "-", "--data", str(DATA / "mpg.csv"), "--target", "mpg", "--quick"]) == 0
    (tmp_path / "there.yaml").write_text(capsys.readouterr().out)
    assert run(["check", "there.yaml", "--quiet"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["there.yaml"]


def test_the_path_is_as_seen_from_the_config(tmp_path, monkeypatch):
    (tmp_path / "configs").mkdir()
    path = write(tmp_path, plain(y=np.arange(60) * 1.5))
    monkeypatch.chdir(tmp_path)
    optcli.init("configs/a.yaml", data="t.csv", target="y", quick=True)
    assert read(tmp_path / "configs/a.yaml").value["dataset"]["path"] == "../t.csv"
    assert optcli.check("configs/a.yaml").config.dataset.path == "configs/../t.csv"
    assert path.exists()


def test_json_has_the_text_and_each_column(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, plain(id=range(1, 61), y=["a", "b"] * 30))
    assert run(["init", "--data", "t.csv", "--target", "y", "--quick", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["text"] == (tmp_path / "config.yaml").read_text()
    assert told["rows"] == 60
    assert told["columns"][2] == {
        "name": "id",
        "kind": "row counter",
        "use": "excluded",
        "said": "counts the rows",
    }
    assert told["config"]["dataset"]["exclude"] == ["id"]


def test_without_a_target_the_error_lists_the_columns_and_what_to_type(tmp_path, capsys):
    path = str(write(tmp_path, plain(label=["a", "b"] * 30, last=["u"] * 60)))
    assert run(["init", str(tmp_path / "c.yaml"), "--data", path]) == 2
    assert capsys.readouterr().err == (
        "error: --target: is missing; name the column to predict, such as 'label': "
        "--target label (the columns are x, z, label, last)\n"
    )
    path = str(write(tmp_path, plain(last=["u"] * 60)))
    assert run(["init", str(tmp_path / "c.yaml"), "--data", path]) == 2
    assert "such as 'z'" in capsys.readouterr().err
    assert run(["init", str(tmp_path / "c.yaml"), "--data", path, "--target", "zz"]) == 2
    assert "--target: no column 'zz'; did you mean 'z'?" in capsys.readouterr().err
    assert run(["init", str(tmp_path / "c.yaml"), "--data", str(tmp_path / "no.csv")]) == 2
    assert "error: --data: " in capsys.readouterr().err
    assert run(["init", str(tmp_path / "c.yaml"), "--target", "x"]) == 2
    assert "error: --data: is missing" in capsys.readouterr().err


# ---- what is predicted -----------------------------------------------------------------

COUNTS = np.random.default_rng(1).poisson(6, 60)
SIZES = np.exp(np.random.default_rng(1).normal(0, 2.5, 60)).round(4)
GOALS = {
    "two classes": (["no", "yes"] * 30, "binary_cross_entropy", ["accuracy", "f1", "roc_auc"], ""),
    "two numbers": ([1, 2] * 30, "binary_cross_entropy", ["accuracy", "f1", "roc_auc"], ""),
    "a rare class": (
        ["no"] * 54 + ["yes"] * 6,
        "binary_cross_entropy",
        ["accuracy", "f1", "roc_auc"],
        "pos_weight: balanced",
    ),
    "three classes": (["a", "b", "c"] * 20, "cross_entropy", ["accuracy"], ""),
    "classes of unequal rows": (
        ["a"] * 50 + ["b"] * 5 + ["c"] * 5,
        "cross_entropy",
        ["accuracy", "f1"],
        "class_weights: balanced",
    ),
    "classes in order": ([1, 2, 3, 4, 5] * 12, "cross_entropy", ["accuracy"], "ordinal_logistic"),
    "values": (np.linspace(-3, 9, 60), "mse", ["rmse", "r2"], ""),
    "counts": (COUNTS, "mse", ["rmse", "r2"], "loss: poisson"),
    "sizes": (SIZES, "mse", ["rmse", "r2"], "loss: msle"),
    "yes before no": (["ja", "nein"] * 30, "binary_cross_entropy", ["accuracy", "f1", "roc_auc"],
                      "'ja' seems to mean yes"),
}  # fmt: skip


@pytest.mark.parametrize("case", GOALS)
def test_loss_and_metrics_follow_from_the_target(case, tmp_path):
    values, loss, metrics, hint = GOALS[case]
    starter = found(tmp_path, plain(y=values), "y")
    assert starter.config["loss"] == loss
    assert starter.config["metrics"] == metrics
    assert hint in comment(starter.text)


def test_what_a_hint_says_can_be_done(tmp_path):
    """Each loss that a comment offers is put in the place of the chosen one."""
    losses = ["poisson", "msle", "mae", "ordinal_logistic"]
    losses += ["{name: binary_cross_entropy, pos_weight: balanced}"]
    losses += ["{name: cross_entropy, class_weights: balanced}"]
    left = set(losses)
    for values, *_ in GOALS.values():
        starter = found(tmp_path, plain(y=values), "y")
        for loss in losses:
            if f"loss: {loss}`" in comment(starter.text):
                optcli.check(starter.config, [f"loss={loss}"])
                left.discard(loss)
    assert not left


def test_several_targets_are_labels_or_values(tmp_path):
    rng = np.random.default_rng(0)
    labels = {"a": rng.integers(0, 2, 60), "b": ["no", "yes"] * 30}
    starter = found(tmp_path, plain(**labels), ["a", "b"])
    assert starter.config["loss"] == "binary_cross_entropy"
    assert starter.config["dataset"]["target"] == ["a", "b"]
    starter = found(tmp_path, plain(a=rng.normal(size=60), b=rng.normal(size=60)), ["a", "b"])
    assert starter.config["loss"] == "mse"
    assert "several targets must be labels of two values each, or numbers" in fault(
        tmp_path, plain(a=rng.normal(size=60), b=["u", "v", "w"] * 20), ["a", "b"]
    )


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["u"] * 60, "it has one value only"),
        (range(60), "it counts the rows"),
        ([f"text {i}" for i in range(60)], "nearly every row has a different text"),
        ([""] * 60, "it has no value"),
        ([f"2024-01-{1 + i % 28:02d}" for i in range(60)], "it holds dates"),
    ],
)
def test_what_cannot_be_predicted_is_said(values, said, tmp_path):
    assert said in fault(tmp_path, plain(y=values), "y")


def test_a_table_without_inputs_and_infinite_values_are_said(tmp_path, capsys):
    assert "has no other column, to predict from" in fault(tmp_path, {"y": [1, 2, 3]}, "y")
    only = {"id": range(60), "y": ["a", "b"] * 30}
    assert "the others are no data: 'id' counts the rows" in fault(tmp_path, only, "y")
    infinite = plain(y=[*range(3, 62), "inf"])
    assert "column 'y': is infinite; must be a finite number" in fault(tmp_path, infinite, "y")
    assert run(["init", str(tmp_path / "c.yaml"), "--data", "-", "--target", "y"]) == 2
    assert "--data: is standard input" in capsys.readouterr().err


def test_a_table_is_not_taken_for_the_config(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    table = write(tmp_path, plain(y=["a", "b"] * 30, z=["c", "d"] * 30)).rename("t.csv")
    kept = table.read_bytes()
    for words, said in {
        ("t.csv", "--target", "y"): "would be written there; give --data t.csv",
        ("t.csv", "--data", "t.csv", "--overwrite"): "there; name it config.yaml, say",
        ("t.yaml", "--data", "t.yaml", "--overwrite"): "t.yaml: is the table; write elsewhere",
        ("c.yaml", "--data", "t.csv", "--target", "y,z"): "; give --target y --target z (t.csv",
        ("c.yaml", "--data", "https://x.org/t.csv"): "table on the web, download it first",
    }.items():
        Path("t.yaml").write_bytes(kept)
        assert run(["init", *words]) == 2
        assert said in capsys.readouterr().err
        assert table.read_bytes() == Path("t.yaml").read_bytes() == kept
    assert not Path("c.yaml").exists()


# ---- the columns -----------------------------------------------------------------------


def test_columns_that_are_no_data_are_left_out(tmp_path):
    rng = np.random.default_rng(1)
    y = rng.normal(size=60).round(3)
    columns = plain(
        row=range(60),
        customer_id=rng.permutation(60) + 1000,
        note=[f"note {i}" for i in range(60)],
        ticket=[f"T{i}" for i in range(60)],
        same=["k"] * 60,
        nothing=[""] * 60,
        mostly_nothing=["", *[""] * 57, 1, 2],
        y=y,
        twice=2 * y + 1,
        shop_id=rng.integers(0, 25, 60),
    )
    starter = found(tmp_path, columns, "y")
    left = [
        "row",
        "customer_id",
        "note",
        "ticket",
        "same",
        "nothing",
        "mostly_nothing",
        "shop_id",
        "twice",
    ]
    assert starter.config["dataset"]["exclude"] == left
    said = {each["name"]: each["said"] for each in starter.columns}
    assert said["note"] == "is text that differs in most rows"
    assert said["ticket"] == "has a different value in each row, like an identifier"
    assert said["twice"] == "is a linear function of the target 'y'"
    assert all(f"- {name}" in starter.text and said[name] in starter.text for name in left)
    assert "split: {validation: {group: shop_id, fraction: 0.2}" in starter.text
    ways = {part: {"group": "shop_id", "fraction": 0.2} for part in ("validation", "test")}
    optcli.check({**starter.config, "split": ways})


def test_missing_values_are_imputed_and_rows_without_a_target_left_out(tmp_path):
    columns = plain(y=["", *["a", "b"] * 29, ""])
    columns["x"] = ["", "", *columns["x"][2:]]
    starter = found(tmp_path, columns, "y")
    assert starter.config["dataset"]["missing"] == "impute"
    assert starter.config["dataset"]["unlabelled"] == "drop"
    assert "2 of 60 rows have no target" in comment(starter.text)
    assert "x (1 of 58)" in comment(starter.text)
    assert starter.rows == 58


def test_columns_that_have_values_only_where_the_target_has_none_are_left_out(tmp_path):
    columns = plain(y=[""] * 30 + ["a", "b"] * 15, before=[*range(30), *[""] * 30])
    columns["kind"] = [*"uvw" * 10, *[""] * 27, *"uvw"]
    columns["same"] = ["no"] * 30 + ["yes"] * 30
    starter = found(tmp_path, columns, "y")
    assert starter.config["dataset"]["exclude"] == ["before", "same"]
    assert starter.config["dataset"]["categorical"] == ["kind"]
    assert starter.rows == 30


def test_a_few_texts_among_numbers_mean_missing_and_many_make_categories(tmp_path):
    columns = plain(
        income=[*map(str, range(100, 157)), "unknown", "unknown", "refused"],
        rooms=["1", "2", "3+"] * 20,
        y=["a", "b"] * 30,
    )
    starter = found(tmp_path, columns, "y")
    dataset = starter.config["dataset"]
    assert dataset["missing_values"][:2] == ["refused", "unknown"]
    assert "NA" in dataset["missing_values"]
    assert dataset["categorical"] == ["rooms"]
    features = {f.name: f.categories for f in optcli.check(starter.config).data.encoder.features}
    assert features["income"] is None
    assert features["rooms"] == ("1", "2", "3+")


def test_names_and_values_of_any_kind_stay_what_they_are(tmp_path):
    names = ["no", "2010", "a: b", "# c", "- d", "'e'", '"f"', "{g", "e, f", "1e3", "ü", "yes\tno"]
    lines = [Line("exclude", names, of_items={name: f"is\n{name}" for name in names})]
    (tmp_path / "c.yaml").write_text(text_of(["title"], lines))
    assert read(tmp_path / "c.yaml").value == values_of(lines)
    for value in [*names, "a\nb", "\u2028", 1e-5, 0.001, [1, {"name": "no"}], True, None]:
        (tmp_path / "c.yaml").write_text(f"key: {flow(value)}\n")
        assert read(tmp_path / "c.yaml").value == {"key": value}


def test_the_text_holds_the_config(tmp_path):
    for name, target in {
        "penguins.csv": "species",
        "mpg.csv": "mpg",
        "iris.csv": "species",
    }.items():
        starter = optcli.init(
            tmp_path / "c.yaml", data=DATA / name, target=target, quick=True, overwrite=True
        )
        value = read(tmp_path / "c.yaml").value
        value["dataset"]["path"] = starter.config["dataset"]["path"]
        assert value == starter.config


# ---- the split -------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [2, 3, 4, 5, 8, 10, 20, 39, 40, 41])
def test_tables_of_any_size_get_a_config_that_trains(rows, tmp_path):
    rng = np.random.default_rng(rows)
    columns = plain(rows, y=rng.normal(size=rows), c=(["a", "b"] * rows)[:rows])
    for target in "yc":
        starter = found(tmp_path, columns, target)
        done = optcli.train(starter.config, ["training.epochs=2"], out=tmp_path / "run",
                            overwrite=True, plots=False)  # fmt: skip
        assert done.summary["outcome"] == "completed"


@pytest.mark.parametrize(
    ("counts", "rare", "stratify"),
    [
        ({"a": 50, "b": 50}, None, True),
        ({"a": 50, "b": 50, "c": 1}, "drop", True),
        ({"a": 50, "b": 50, "c": 1, "d": 1, "e": 1}, "merge", True),
        ({"a": 50, "c": 1, "d": 1, "e": 1}, "merge", True),
        ({"a": 50, "b": 1}, None, False),
    ],
)
def test_rare_classes_get_what_the_split_needs(counts, rare, stratify, tmp_path):
    for stops in (True, False):
        parts = parts_of(sum(counts.values()), counts, stops=stops)
        assert parts.rare == rare
        assert ("stratify" not in parts.split) == stratify
    values = [text for text, count in counts.items() for _ in range(count)]
    starter = found(tmp_path, plain(len(values), y=values), "y")
    assert starter.config["dataset"].get("rare_classes") == rare


def test_one_row_is_said_to_be_too_few(tmp_path):
    assert "column 'y': cannot be predicted" in fault(tmp_path, plain(1, y=["a"]), "y")


# ---- the model -------------------------------------------------------------------------


def curved(rows, curve):
    rng = np.random.default_rng(3)
    x, z = rng.normal(size=(2, rows)).round(3)
    return {"x": x, "z": z, "y": (curve(x, z) + 0.1 * rng.normal(size=rows)).round(3)}


def test_the_model_suits_the_table(tmp_path, monkeypatch):
    monkeypatch.setattr(recipe, "MOST", 60)
    lines = found(tmp_path, curved(200, lambda x, z: x - z), "y", quick=False)
    assert lines.config["model"] == {"name": "linear"}
    curves = found(tmp_path, curved(200, lambda x, z: x * z), "y", quick=False)
    assert curves.config["model"]["name"] == "mlp"
    assert "5-fold cross-validation" in comment(curves.text)


def test_networks_that_take_long_to_try_are_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(recipe, "MOST", 4)
    monkeypatch.setattr(recipe, "SPEED", 1e4)
    starter = found(tmp_path, curved(60, lambda x, z: x * z), "y", quick=False)
    assert {each.candidate.kind for each in starter.proposal.tried} == {"linear"}
    assert "would take long to try" in comment(starter.text)


def test_metrics_of_encoded_rows_that_are_streamed_can_be_summed(tmp_path, monkeypatch):
    monkeypatch.setattr(csv, "KEPT_BYTES", 3000)  # more bytes than the file, fewer than its rows
    columns = plain(k=[f"k{i % 12}" for i in range(60)], y=["a", "b"] * 30)
    for quick in (True, False):
        starter = found(tmp_path, columns, "y", quick=quick)
        assert starter.config["metrics"] == ["accuracy", "f1"]
        assert not starter.proposal.tried


def test_the_test_rows_have_no_say(tmp_path, monkeypatch):
    monkeypatch.setattr(recipe, "MOST", 10)
    columns = curved(100, lambda x, z: x)
    columns["z"] = np.arange(100) / 7 + 0.05
    starter = found(tmp_path, columns, "y", quick=False)
    task = optcli.check(starter.config)
    scale, mean = task.data.encoder.features[1].scale, task.data.encoder.features[1].mean
    rows = np.rint((task.data.test.x[:, 1] * scale + mean - 0.05) * 7).astype(int)
    assert len(set(rows)) == 20
    columns["y"][rows] = 50
    other = found(tmp_path, columns, "y", quick=False)
    pairs = zip(starter.proposal.tried, other.proposal.tried, strict=True)
    assert all(np.array_equal(one.losses, two.losses) for one, two in pairs)


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stream", "options", "shown"),
    [
        (Terminal, [], True),
        (Terminal, ["--json"], False),
        (Terminal, ["--quiet"], False),
        (io.StringIO, [], False),
    ],
)
def test_a_terminal_shows_which_model_is_tried(stream, options, shown, tmp_path, monkeypatch):
    monkeypatch.setattr(recipe, "MOST", 4)
    monkeypatch.setattr("optcli.display.init.FIRST", 0.0)
    monkeypatch.setattr("optcli.display.init.INTERVAL", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "110")
    table = write(tmp_path, plain(y=["a", "b"] * 30))
    monkeypatch.setattr(sys, "stderr", stream())
    words = ["init", str(tmp_path / "c.yaml"), "--data", str(table), "--target", "y"]
    assert run([*words, *options]) == 0
    text = sys.stderr.getvalue()
    if not shown:
        assert text == ""
        return
    several = recipe.candidates(60)
    for i, each in enumerate(several):
        assert re.search(rf"{i + 1}/{len(several)}, \d:\d\d: {re.escape(each.said)}", text)


def result(said, kind, losses):
    candidate = trial.Candidate(said, {"model": {"name": kind}})
    return trial.Tried(candidate, np.array(losses))


def test_a_simpler_model_is_taken_unless_another_is_better_by_more_than_chance():
    net = result("net", "mlp", [1.0, 1.2, 0.8, 1.1, 0.9])
    near = result("near", "linear", [1.1, 1.1, 0.9, 1.0, 1.0])
    far = result("far", "linear", [1.2, 1.4, 1.0, 1.3, 1.1])
    assert trial.best([far, near, net]) is near
    assert trial.best([far, net]) is net
    assert trial.best([result("gone", "linear", [np.inf] * 5), net]) is net
    small = result("small", "mlp", near.losses)
    assert trial.best([far, small, net]) is small
    assert trial.best([far, result("small", "mlp", far.losses), net]) is net


def test_training_ends_in_about_a_minute():
    for rows in (100, 10_000, 1_000_000, 20_000_000):
        section = recipe.training(rows, 10_000, stops=True)
        assert section["epochs"] * 6 * rows * 10_000 / recipe.SPEED < 2 * recipe.SECONDS or (
            section["epochs"] == 5
        )
        assert section["early_stopping"]["patience"] < section["epochs"]


# ---- an installed optcli ---------------------------------------------------------------


@pytest.mark.long
def test_an_installed_optcli_needs_nothing_else(tmp_path):
    """A wheel in an environment of its own: `init`, then `train`, in an empty folder."""
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=True)
    python = str(environment / "bin" / "python")
    source = tmp_path / "source"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".git", "runs", "tests"))
    build = [python, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(source)]
    subprocess.run(build, check=True)
    (wheel,) = tmp_path.glob("optcli-*.whl")
    subprocess.run([python, "-m", "pip", "install", "-q", str(wheel)], check=True)
    empty = tmp_path / "empty"
    empty.mkdir()
    program = str(environment / "bin" / "optcli")
    for words in (["init"], ["train", "config.yaml", "--out", "run"]):
        subprocess.run([program, *words], check=True, cwd=empty, env={"PATH": "/usr/bin:/bin"})
    assert (empty / "run" / "model.npz").exists()
    shutil.rmtree(empty)
    empty.mkdir()
    subprocess.run([python, "-m", "pip", "install", "-q", "uv"], check=True)
    uvx = [str(environment / "bin" / "uvx"), "--python", sys.executable, "--from", str(wheel)]
    subprocess.run([*uvx, "optcli", "init", "--quick"], check=True, cwd=empty)
    assert {path.name for path in empty.iterdir()} == {"config.yaml", "iris.csv"}


# ---- tables as users have them ---------------------------------------------------------

USERS = {
    "churn": (user_tables.churn, ["churned"]),
    "houses": (user_tables.houses, ["price"]),
    "films": (user_tables.films, ["action", "comedy", "drama"]),
}


@pytest.mark.parametrize("name", USERS)
def test_five_commands_lead_from_a_table_to_predictions_and_a_report(name, tmp_path, monkeypatch):
    make, targets = USERS[name]
    monkeypatch.chdir(tmp_path)
    make(Path("t.csv"))
    named = [word for target in targets for word in ("--target", target)]
    assert run(["init", "--data", "t.csv", *named, "--quick", "--quiet"]) == 0
    rest = ["--out", "run", "--no-plots", "--quiet", "--set", "training.epochs=20"]
    assert run(["train", "config.yaml", *rest]) == 0
    assert run(["evaluate", "run", "t.csv", "--quiet"]) == 0
    assert run(["predict", "run", "t.csv", "-o", "out.csv", "--quiet"]) == 0
    assert run(["report", "run", "-o", "page.html", "--quiet"]) == 0
    assert Path("page.html").exists()
    rows = len(Path("t.csv").read_text().splitlines())
    assert len(Path("out.csv").read_text().splitlines()) == rows


@pytest.mark.parametrize(
    ("name", "dataset"),
    [
        (
            "churn",
            {
                "exclude": ["customer", "note"],
                "categorical": ["zip"],
                "dates": ["signed_up", "born"],
                "numeric": ["monthly", "spent"],
                "missing": "impute",
            },
        ),
        (
            "houses",
            {
                "exclude": ["id"],
                "categorical": ["zip"],
                "dates": ["sold"],
                "numeric": ["area", "price"],
                "missing": "impute",
            },
        ),
        ("films", {"exclude": ["film"], "numeric": ["length"], "missing": "impute"}),
    ],
)
def test_columns_are_read_as_what_they_are(name, dataset, tmp_path):
    make, targets = USERS[name]
    starter = optcli.init(data=make(tmp_path / "t.csv"), target=targets, quick=True)
    found = starter.config["dataset"]
    assert {key: found[key] for key in found if key not in ("name", "path", "target")} == dataset


@pytest.mark.long
def test_house_prices_are_predicted_as_well_as_by_a_careful_config(tmp_path):
    table = str(user_tables.houses(tmp_path / "t.csv"))
    starter = optcli.init(data=table, target="price")
    columns = {"exclude": ["id"], "categorical": ["zip"], "dates": ["sold"], "missing": "impute"}
    careful = {
        "dataset": {
            "name": "csv",
            "path": table,
            "target": "price",
            "numeric": ["area", "price"],
            **columns,
        },
        "split": starter.config["split"],
        "model": {"name": "linear"},
        "loss": "mse",
        "optimizer": {"name": "adam", "lr": 0.01},
        "schedule": "cosine",
        "training": {"epochs": 200, "batch_size": 32},
        "regularization": {"l2": 0.003},
    }
    net = careful | {"model": {"name": "mlp", "hidden": [32, 32], "dropout": 0.1}}
    net |= {"split": {"validation": 0.15, "test": 0.2}}
    scores = {"init": [], "linear": [], "net": []}
    for seed in range(3):
        for name, config in {"init": starter.config, "linear": careful, "net": net}.items():
            run = optcli.train(
                config, [f"split.seed={seed}"], out=tmp_path / f"{name}{seed}", plots=False
            )
            scores[name].append(run.summary["test"]["r2"])
    means = {name: np.mean(of) for name, of in scores.items()}
    assert means["init"] > 0.85
    assert means["init"] >= max(means["linear"], means["net"]) - 0.005, means
