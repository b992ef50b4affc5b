"""Columns that are no data, rows that are dropped, and classes of few rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import optcli
from optcli.cli.main import run
from optcli.core.errors import Grave, InvalidInput
from optcli.data import streaming
from optcli.data import table as tables
from optcli.data.base import DATASETS, Roles
from optcli.data.columns import Numbers
from optcli.data.preparation import Encoder, labelled, prepare
from optcli.data.reading_rules import Reading
from optcli.data.remarks import Remarks, counters, words_of
from optcli.data.split import Split
from tests.for_each import for_each

CONFIGS = Path(__file__).parents[1] / "configs"
File = DATASETS.find("csv")
WHOLE = Split(validation=0.0)
WAYS = pytest.mark.parametrize("stream", [False, True], ids=["", "streamed"])


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(streaming, "BLOCK_ROWS", 7)
    return tmp_path


def columns(**cells):
    """Write t.csv with these columns."""
    rows = zip(*cells.values(), strict=True)
    lines = [",".join(cells), *(",".join(map(str, row)) for row in rows)]
    Path("t.csv").write_text("\n".join(lines) + "\n")


def prepared(kind="values", split=WHOLE, rules=2, stream=False, target="y", **fields):
    dataset = File(path="t.csv", target=target, stream=stream, **fields)
    return prepare(
        dataset, dataset.table(0, rules), target=kind, split=split, seed=0, dtype=np.float64
    )


def noise(rows, seed=0):
    return np.random.default_rng(seed).normal(size=rows).round(4).tolist()


# ---- columns that are no data --------------------------------------------------------


@WAYS
@for_each("first", [0, 1])
@for_each("name", ["Unnamed: 0", "__index_level_0__", "id", "a", "CustomerId"])
def test_a_column_that_counts_the_rows_is_noted(name, first, stream):
    columns(**{name: range(first, 30 + first), "b": noise(30), "y": noise(30, 1)})
    way = ": left out" if name == "Unnamed: 0" else "; list it in dataset.exclude"
    assert prepared(stream=stream).warnings == (f"column '{name}' counts the rows{way}",)
    assert prepared(stream=stream, features=(name, "b")).warnings == (
        f"column '{name}' counts the rows; remove it from dataset.features",
    )
    assert prepared(stream=stream, exclude=(name,)).warnings == ()


def test_what_only_looks_like_a_counter_is_not_noted():
    rows = 30
    columns(
        year=range(1901, 1901 + rows),
        step=range(0, 2 * rows, 2),
        late=[*range(rows - 1), rows],
        day=range(1, rows + 1),
        hour=range(rows),
        y=noise(rows),
    )
    assert prepared().warnings == ()
    columns(month=range(1, 13), x=range(12), y=noise(12))
    assert prepared().warnings == ()
    columns(id=[1, 2], y=[3.0, 5.0])
    assert prepared().warnings == ()


def test_a_counter_is_one_of_all_rows_and_not_of_those_that_are_left():
    columns(id=range(30), b=["", *noise(29)], y=noise(30, 1))
    assert "column 'id' counts the rows; list it in dataset.exclude" in (
        prepared(missing="drop").warnings
    )


@WAYS
@for_each("name", ["customer_id", "customerID", "OrderNo", "key", "id_order", "nr"])
def test_an_identifier_is_noted(name, stream):
    numbers = (np.random.default_rng(3).permutation(900)[:40] + 100_000).tolist()
    columns(**{name: numbers, "b": noise(40), "y": noise(40, 1)})
    assert prepared(stream=stream).warnings == (
        f"column '{name}' has a different number in each row, like an identifier; "
        "list it in dataset.exclude",
    )


def test_a_price_a_measurement_and_a_repeated_key_are_no_identifiers():
    different = (np.random.default_rng(3).permutation(900)[:40] + 100_000).tolist()
    columns(
        price=different,
        paid=different,
        no_of_rooms=different,
        key=[i % 12 for i in range(40)],
        index=noise(40, 5),
        y=noise(40, 1),
    )
    assert prepared().warnings == ()


def test_the_words_of_names():
    assert words_of("customerID") == ["customer", "id"]
    assert words_of("ID_REF") == ["id", "ref"]
    assert words_of("Kundennummer") == ["kundennummer"]


@WAYS
def test_a_feature_that_is_the_target_is_noted(stream):
    y = noise(30)
    near = [v + 0.01 * (i % 2) for i, v in enumerate(y)]
    columns(same=y, fahrenheit=[32 + 1.8 * v for v in y], near=near, y=y)
    assert prepared(stream=stream).warnings == (
        "column 'same' equals the target 'y'; list it in dataset.exclude",
        "column 'fahrenheit' is a linear function of the target 'y'; list it in dataset.exclude",
    )


@WAYS
@pytest.mark.parametrize("kind", ["classes", "labels"])
def test_a_feature_that_tells_the_class_is_noted(kind, stream):
    y = ["no", "yes", "yes", "no", "yes"] * 12
    columns(
        copy=y,
        code=[{"no": 3, "yes": 1}[v] for v in y],
        word=[{"no": "n", "yes": "j"}[v] for v in y],
        most=["yes", *y[1:]],
        fine=[v + str(i % 2) for i, v in enumerate(y)],
        y=y,
    )
    assert prepared(kind, stream=stream).warnings == (
        "column 'copy' equals the target 'y'; list it in dataset.exclude",
        "column 'code' recodes the target 'y' one to one; list it in dataset.exclude",
        "column 'word' recodes the target 'y' one to one; list it in dataset.exclude",
    )


def test_each_of_several_labels_is_looked_at():
    rng = np.random.default_rng(0)
    one, two = rng.integers(0, 2, (2, 40)).tolist()
    columns(a=noise(40), b=[5 - v for v in two], one=one, two=two)
    assert prepared("labels", target=("one", "two")).warnings == (
        "column 'b' recodes the target 'two' one to one; list it in dataset.exclude",
    )


def test_a_recoded_number_is_noted_where_it_comes_often_and_a_measurement_is_not():
    grade = [i * i % 5 for i in range(60)]
    columns(word=["abcde"[v] for v in grade], other=noise(60), y=grade)
    assert prepared().warnings == (
        "column 'word' recodes the target 'y' one to one; list it in dataset.exclude",
    )
    columns(other=noise(60), y=noise(60, 1))
    assert prepared().warnings == ()


def test_many_columns_of_a_kind_share_a_line():
    columns(**{f"c{i}": [7] * 30 for i in range(8)}, a=noise(30), y=noise(30, 1))
    assert prepared().warnings == (
        "8 columns are constant in the training rows and become 0 "
        "('c0', 'c1', 'c2', 'c3', 'c4' and 3 more); list them in dataset.exclude",
    )


@pytest.mark.parametrize(
    ("name", "notes"),
    [
        ("iris", 0),
        ("mpg", 1),  # rows dropped
        ("penguins", 1),  # values imputed
        ("digits", 0),
        ("moons", 0),
        ("linear-regression", 0),
        ("multilabel", 0),
    ],
)
def test_the_shipped_configs_hold_nothing_odd(name, notes):
    assert len(optcli.check(CONFIGS / f"{name}.yaml").data.warnings) == notes


def test_the_checks_stop_at_the_first_block():
    """Of a million rows a column is looked at as far as it is what is looked for."""
    seen = []

    class Watched(np.ndarray):
        def __getitem__(self, rows):
            seen.append(rows)
            return super().__getitem__(rows)

    column = Numbers(np.random.default_rng(0).normal(size=1_000_000).view(Watched))
    table = tables.Table({"a": column, "y": column})
    assert not counters(table, ["a"], Remarks(Roles(("y",))))
    assert len(seen) <= 2


# ---- nearly constant columns ---------------------------------------------------------


def spread(mean, steps, rows):
    """Values at a few neighbouring floats of a mean."""
    return [mean + (i % 3) * steps * np.spacing(mean) for i in range(rows)]


@WAYS
@for_each("mean", [0.3, 1e-9, 12345.678, 1e15])
@for_each("steps", [0, 1, 5, 200, 10**7])
def test_a_constant_but_for_rounding_is_one_as_in_scikit_learn(mean, steps, stream):
    from sklearn.preprocessing import StandardScaler

    values = spread(mean, steps, 60)
    columns(a=[repr(float(v)) for v in values], b=noise(60), y=noise(60, 1))
    scaler = StandardScaler().fit(np.array(values)[:, None])
    constant = scaler.scale_[0] == 1
    found = prepared(stream=stream)
    feature = found.encoder.features[0]
    assert (feature.scale == 0) == constant
    if not constant:
        assert feature.scale == pytest.approx(scaler.scale_[0], rel=1e-4)
    else:
        assert not np.any(found.train.x[:][:, 0])
        but = " up to rounding" if steps else ""
        assert found.warnings == (
            f"column 'a' is constant in the training rows{but} and becomes 0; "
            "list it in dataset.exclude",
        )


@given(
    st.floats(1e-3, 1e6),  # of tiny ones scikit-learn's squares are 0
    st.integers(0, 60),
    st.lists(st.integers(-3, 3), min_size=2, max_size=60),
)
def test_any_spread_is_told_as_in_scikit_learn(mean, exponent, steps):
    from sklearn.preprocessing import StandardScaler
    from sklearn.preprocessing._data import _is_constant_feature

    values = mean + np.array(steps) * np.spacing(mean) * 2.0**exponent
    scaler = StandardScaler().fit(values[:, None])
    n, eps = len(values), np.finfo(float).eps
    bound = n * eps * scaler.var_ + (n * scaler.mean_ * eps) ** 2
    if np.ptp(values) and abs(scaler.var_[0] - bound[0]) < 0.1 * bound[0]:
        return  # where both round, either may be right
    dataset = File(path="t.csv", target="y")
    table = tables.of({"a": values, "y": np.arange(n)})
    found = prepare(dataset, table, target="values", split=WHOLE, seed=0, dtype=np.float64)
    expected = bool(_is_constant_feature(scaler.var_, scaler.mean_, n)[0])
    assert (found.encoder.features[0].scale == 0) == expected


def test_a_model_of_a_nearly_constant_column_predicts_sensibly():
    a = noise(60)
    columns(a=a, tax=["0.3", "0.30000000000000004"] * 30, y=[2 * v for v in a])
    config = {
        "dataset": {"name": "csv", "path": "t.csv", "target": "y", "exclude": []},
        "model": "linear",
        "loss": "mse",
        "optimizer": {"name": "adam", "lr": 0.05},
        "training": {"epochs": 60, "batch_size": 8},
    }
    trained = optcli.train(config, out="run", plots=False)
    both = trained.predict({"a": [1.0, 1.0], "tax": [0.3, 0.31]})
    np.testing.assert_allclose(both, 2, atol=0.1)
    assert both[0] == both[1]


def test_version_0_1_scaled_what_rounding_had_spread():
    columns(a=noise(60), tax=["0.3", "0.30000000000000004"] * 30, y=noise(60, 1))
    assert prepared(rules=1).encoder.features[1].scale == pytest.approx(2.776e-17, rel=1e-3)
    assert prepared(rules=2).encoder.features[1].scale == 0


def test_a_target_that_is_constant_but_for_rounding_becomes_zero():
    columns(a=noise(60), y=["0.3", "0.30000000000000004"] * 30)
    found = prepared()
    assert found.encoder.target.scale == (0,)
    assert not np.any(found.train.y)
    assert "target 'y' is constant in the training rows" in found.warnings


def test_a_label_that_never_changes_is_noted():
    columns(a=noise(40), one=[0, 1] * 20, two=[*["no"] * 39, "yes"])
    found = prepared("labels", Split(validation={"last": 0.1}), target=("one", "two"))
    assert found.warnings == ("target 'two' is always 'no' in the training rows",)


# ---- rows that are dropped -----------------------------------------------------------


def holed(rows, **gaps):
    """Columns in which every row but the first so many lacks a value."""
    cells = {
        name: ["" if i >= kept else v for i, v in enumerate(noise(rows, k))]
        for k, (name, kept) in enumerate(gaps.items())
    }
    columns(a=noise(rows, 98), **cells, y=noise(rows, 99))


@WAYS
def test_many_dropped_rows_are_said_first_with_the_columns_to_blame(stream):
    holed(100, b=20, c=95, d=99, e=99)
    first, *_ = prepared(missing="drop", stream=stream).warnings
    assert isinstance(first, Grave)
    assert first == (
        "80 of 100 rows dropped for missing values (80.0 %), 80 of them for column 'b', "
        "5 for 'c', 1 for 'd' (and 1 more column); list them in dataset.exclude, "
        "or set dataset.missing: impute"
    )
    holed(100, b=89)
    assert prepared(missing="drop", stream=stream).warnings == (
        "11 of 100 rows dropped for missing values (11.0 %), 11 of them for column 'b'; "
        "list it in dataset.exclude, or set dataset.missing: impute",
    )
    holed(100, b=90)
    assert prepared(missing="drop", stream=stream).warnings == (
        "10 of 100 rows dropped for missing values",
    )


def test_a_target_that_is_missing_cannot_be_imputed():
    holed(100, b=50, y2=20)
    found = prepared(missing="drop", target="y2", exclude=("y",)).warnings
    assert found == (
        "80 of 100 rows dropped for missing values (80.0 %), 80 of them for column 'y2', "
        "50 for 'b'; list 'b' in dataset.exclude",
    )


CONFIG = """\
dataset: {name: csv, path: t.csv, target: y, missing: drop}
split: {validation: 0.2, test: 0.2}
model: linear
loss: mse
optimizer: adam
training: {epochs: 2}
"""


def test_train_says_it_before_its_result_and_check_with_the_rows(capsys):
    holed(100, b=40)
    Path("c.yaml").write_text(CONFIG)
    assert run(["train", "c.yaml", "--out", "r", "--no-plots"]) == 0
    lines = capsys.readouterr().out.splitlines()
    said = [i for i, line in enumerate(lines) if "60 of 100 rows dropped" in line]
    assert lines[said[0]].startswith("warning: 60 of 100 rows dropped for missing values (60.0 %)")
    assert lines[said[0] - 1].startswith("epoch 2/2")
    assert lines[said[0] + 1].startswith("completed after 2 epochs")
    assert lines[said[1]].startswith("note: ")
    assert run(["check", "c.yaml"]) == 0
    said = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["dropped", "60"] in said


def test_what_evaluating_leaves_out_is_told():
    holed(100, b=95)
    found = prepared(missing="drop")
    part = labelled(found.encoder, tables.read("t.csv", Reading()))
    assert len(part.x) == 95
    assert part.notes == (
        "t.csv: 5 of 100 rows left out for missing values, 5 of them for column 'b'",
    )
    Path("t.csv").write_text("a,b,y\n1,,2\n")
    with pytest.raises(InvalidInput, match="no row is left to use: 1 of 1 rows left out"):
        labelled(found.encoder, tables.read("t.csv", Reading()))


# ---- classes of few rows -------------------------------------------------------------

PARTS = Split(validation=0.2, test=0.2)
HINT = "split.stratify to false"


def classed(**counts):
    """A table with so many rows of each class."""
    y = [name for name, count in counts.items() for _ in range(count)]
    columns(a=noise(len(y)), b=noise(len(y), 1), y=y)


def refused(**fields):
    with pytest.raises(InvalidInput) as caught:
        prepared("classes", PARTS, **fields)
    return str(caught.value)


@WAYS
@for_each(
    ("counts", "message"),
    [
        (
            {"p": 9, "q": 9, "r": 1},
            "class 'r' of 'y' in t.csv has 1 row for 3 parts; set dataset.rare_classes to drop, or",
        ),
        (
            {"p": 9, "q": 9, "r": 1, "s": 2},
            "2 classes of 'y' in t.csv have fewer than 3 rows, one for each part: "
            "'r' (1 row), 's' (2 rows); "
            "set dataset.rare_classes to drop or merge, or",
        ),
        (
            {"p": 9, "r": 1, "s": 2},
            "2 classes of 'y' in t.csv have fewer than 3 rows, one for each part: "
            "'r' (1 row), 's' (2 rows); "
            "set dataset.rare_classes to merge, or",
        ),
        ({"p": 9, "r": 1}, "class 'r' of 'y' in t.csv has 1 row for 3 parts; set"),
    ],
)
def test_the_message_names_the_settings_that_go_on(counts, message, stream):
    classed(**counts)
    assert refused(stream=stream) == f"split: {message} {HINT}"


@pytest.mark.parametrize(
    "counts", [{"p": 9, "q": 9, "r": 1, "s": 2}, {"p": 9, "r": 1, "s": 2}, {"p": 9, "r": 1}]
)
def test_every_setting_that_the_message_names_does_go_on(counts):
    classed(**counts)
    said = refused()
    for way in ("drop", "merge"):
        if f" {way}" in said:
            found = prepared("classes", PARTS, rare_classes=way)
            for part in (found.train, found.validation, found.test):
                assert len(np.unique(part.y)) == found.outputs
    prepared("classes", Split(0.2, 0.2, stratify=False))


@WAYS
def test_rare_classes_are_dropped(stream):
    classed(p=9, q=9, r=1, s=2)
    found = prepared("classes", PARTS, rare_classes="drop", stream=stream)
    assert found.encoder.target.classes == (("p", "q"),)
    assert sum(len(part.x) for part in (found.train, found.validation, found.test)) == 18
    assert found.dropped == 3
    [note] = found.warnings
    assert isinstance(note, Grave)  # 3 of 21 rows
    assert note == "3 rows of 2 rare classes of 'y' dropped: 'r' (1 row), 's' (2 rows)"


@WAYS
def test_rare_classes_are_merged(stream):
    classed(p=9, other=9, r=1, s=2)
    found = prepared("classes", PARTS, rare_classes="merge", stream=stream)
    assert found.encoder.target.classes == (("other", "p", "other_2"),)
    counts = sum(np.bincount(p.y, minlength=3) for p in (found.train, found.validation, found.test))
    assert counts.tolist() == [9, 9, 3]
    assert found.warnings == (
        "2 rare classes of 'y' (3 rows) merged into 'other_2': 'r' (1 row), 's' (2 rows)",
    )
    again = Encoder.from_json(found.encoder.to_json())
    assert again == found.encoder
    names = ["p", "r", "s", "other", "other_2"]
    table = tables.of({"a": [0.0] * 5, "b": [0.0] * 5, "y": names})
    assert again.encode_target(table).tolist() == [1, 2, 2, 0, 2]


def test_numbers_as_classes_are_merged_and_dropped():
    columns(a=noise(23), y=[1] * 10 + [2] * 10 + [30, 4, 4])
    merged = prepared("classes", PARTS, rare_classes="merge").encoder
    assert merged.names == ("1", "2", "other")
    table = tables.of({"a": [0.0] * 4, "y": [1, 30, 4, 2]})
    assert merged.encode_target(table).tolist() == [0, 2, 2, 1]
    dropped = prepared("classes", PARTS, rare_classes="drop").encoder
    part = labelled(dropped, table)
    assert part.y.tolist() == [0, 1]
    assert part.notes == (
        "the data: 2 of 4 rows left out, of classes of 'y' that training dropped "
        "for their few rows",
    )
    with pytest.raises(InvalidInput, match="is the unknown class '7'"):
        labelled(dropped, tables.of({"a": [0.0], "y": [7]}))


def test_rare_below_says_what_is_rare():
    classed(p=9, q=9, r=5)
    assert prepared("classes", PARTS, rare_classes="drop").outputs == 3
    assert prepared("classes", PARTS, rare_classes="drop", rare_below=6).outputs == 2
    assert refused(rare_below=6) == (
        "dataset.rare_below: is 6, but class 'r' of 'y' in t.csv has 5 rows; "
        "set dataset.rare_classes to drop, or lower it"
    )


@pytest.mark.parametrize(
    ("counts", "fields", "message"),
    [
        (
            {"p": 9, "r": 1},
            {"rare_classes": "drop"},
            "is drop, which leaves one class of 'y' with 3 rows or more; training takes two",
        ),
        (
            {"p": 9, "q": 9, "r": 1},
            {"rare_classes": "merge"},
            "is merge, but there is 1 row in all of rare classes of 'y': 'r' (1 row); "
            f"drop them, or set {HINT}",
        ),
        (
            {"p": 2, "q": 2},
            {"rare_classes": "merge"},
            "is merge, but all classes of 'y' are rare: 'p' (2 rows), 'q' (2 rows); add rows, "
            f"or set {HINT}",
        ),
    ],
)
def test_what_cannot_be_done_with_rare_classes(counts, fields, message):
    classed(**counts)
    assert refused(**fields) == f"dataset.rare_classes: {message}"


def test_numbers_have_no_rare_classes():
    columns(a=noise(9), y=noise(9, 1))
    with pytest.raises(InvalidInput, match=r"dataset.rare_classes: is for one column of classes"):
        prepared(rare_classes="drop")


@WAYS
def test_a_split_without_strata_goes_on_and_says_what_a_part_lacks(stream):
    classed(p=20, q=20, r=1)
    found = prepared("classes", Split(0.2, 0.2, stratify=False), stream=stream)
    assert found.outputs == 3
    lacking = [
        label
        for label, part in {
            "training": found.train,
            "validation": found.validation,
            "test": found.test,
        }.items()
        if 2 not in part.y
    ]
    assert found.warnings == tuple(
        f"no row of class 'r' of 'y' is in the {label} part" for label in lacking
    )
    assert len(lacking) == 2


# ---- what is said at predict and evaluate --------------------------------------------


def told(capsys, *words):
    assert run(list(words)) == 0
    said = capsys.readouterr()
    return said.err


def test_evaluating_and_predicting_tell_of_rare_classes_and_of_rows_left_out(capsys):
    classed(p=20, q=20, r=2, s=2)
    Path("c.yaml").write_text(CONFIG.replace("mse", "cross_entropy"))
    for way in ("drop", "merge"):
        settings = ["--set", f"dataset.rare_classes={way}", "--set", "dataset.rare_below=4"]
        told(capsys, "train", "c.yaml", *settings, "--out", way, "--no-plots", "--quiet")
    assert told(capsys, "evaluate", "drop", "t.csv") == (
        "note: t.csv: 4 of 44 rows left out, of classes of 'y' that training dropped "
        "for their few rows\n"
    )
    assert told(capsys, "evaluate", "drop", "t.csv", "--quiet") == ""
    assert told(capsys, "predict", "drop", "t.csv") == ""
    assert told(capsys, "evaluate", "merge", "t.csv") == ""
    columns(a=[0.1, ""], b=[1, 2], y=["p", "q"])
    assert "1 of 2 rows left out for missing values, 1 of them for column 'a'" in (
        told(capsys, "evaluate", "drop", "t.csv")
    )
    assert run(["predict", "drop", "t.csv"]) == 2
    assert capsys.readouterr().err == (
        "error: t.csv: column 'a': 1 missing value (first in line 3); "
        "remove the row, or train with dataset.missing: impute\n"
    )


def test_a_prediction_of_the_merged_class_is_explained():
    columns(a=[*noise(20), *[9.0] * 4], y=["p", "q"] * 10 + ["r", "r", "s", "s"])
    config = {
        "dataset": {"name": "csv", "path": "t.csv", "target": "y", "rare_classes": "merge"},
        "split": {"validation": 0.2, "test": 0.2},
        "model": "linear",
        "loss": "cross_entropy",
        "optimizer": {"name": "adam", "lr": 0.5},
        "training": {"epochs": 30},
    }
    trained = optcli.train(config, out="run", plots=False)
    said = []
    found = trained.predictions({"a": [9.0]}, said.append)
    assert found["y"].tolist() == ["other"]
    assert said == ["class 'other' stands for the rare classes 'r', 's'"]


def test_a_comparison_tells_of_dropped_rows(capsys):
    holed(100, b=40)
    Path("c.yaml").write_text(CONFIG)
    words = ["compare", "sgd", "adam", "--config", "c.yaml", "--seeds", "1", "--tune", "1"]
    assert run([*words, "--out", "cmp", "--no-plots"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("warning: 60 of 100 rows dropped") for line in lines[:3])
