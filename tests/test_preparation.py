from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from optcli.core.errors import InvalidInput
from optcli.core.inputs import Inputs
from optcli.data import table
from optcli.data.base import DATASETS
from optcli.data.preparation import Encoder, labelled, prepare
from optcli.data.split import Split
from tests.for_each import for_each

DATA = Path(__file__).parents[1] / "configs" / "data"
File = DATASETS.find("csv")
WHOLE = Split(validation=0.0)
REMOVE = "remove the row, or train with dataset.missing: impute"


def prepared(path, target, kind, split=WHOLE, seed=0, dtype=np.float64, loss="the loss", **fields):
    dataset = File(path=str(path), target=target, **fields)
    return prepare(
        dataset, dataset.table(seed), target=kind, split=split, seed=seed, dtype=dtype, loss=loss
    )


def write(folder, content, name="t.csv"):
    path = folder / name
    path.write_text(content)
    return path


def faults(*arguments, **fields):
    with pytest.raises(InvalidInput) as caught:
        prepared(*arguments, **fields)
    return str(caught.value)


# ---- real tables ---------------------------------------------------------------------


def test_iris():
    found = prepared(DATA / "iris.csv", "species", "classes", Split(), dtype=np.float32)
    assert found.encoder.target.classes == (("setosa", "versicolor", "virginica"),)
    assert (found.outputs, found.encoder.inputs) == (3, Inputs(4))
    assert found.test is None
    assert found.warnings == ()
    train, validation = found.train, found.validation
    assert train.x.shape == (120, 4)
    assert train.x.dtype == np.float32
    assert train.x.flags.c_contiguous
    assert train.y.dtype == np.intp
    assert np.bincount(train.y).tolist() == [40, 40, 40]
    assert np.bincount(validation.y).tolist() == [10, 10, 10]
    np.testing.assert_allclose(train.x.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(train.x.std(axis=0), 1, rtol=1e-5)
    # the file is sorted by species, and the training rows keep its order
    assert (np.diff(train.y) >= 0).all()


def test_penguins_with_missing_values():
    path = DATA / "penguins.csv"
    assert faults(path, "species", "classes") == "\n".join(
        f"{path}: column '{name}': {count} missing values (first in line 5); "
        "set dataset.missing to drop or impute"
        for name, count in {
            "bill_length_mm": 2,
            "bill_depth_mm": 2,
            "flipper_length_mm": 2,
            "body_mass_g": 2,
            "sex": 11,
        }.items()
    )
    dropped = prepared(path, "species", "classes", missing="drop")
    assert dropped.train.x.shape == (333, 3 + 4 + 2)
    assert dropped.warnings == ("11 of 344 rows dropped for missing values",)
    imputed = prepared(path, "species", "classes", missing="impute")
    assert imputed.train.x.shape == (344, 9)
    # line 5: mean and mode
    np.testing.assert_allclose(imputed.train.x[3], [0, 0, 1, 0, 0, 0, 0, 0, 1], atol=1e-12)


def test_mpg_scales_the_target_and_restores_it():
    path, fields = DATA / "mpg.csv", {"missing": "drop", "exclude": ("name",)}
    found = prepared(path, "mpg", "values", Split(), **fields)
    raw = table.read(path).columns["mpg"].values
    assert found.train.y.shape[1] == 1
    np.testing.assert_allclose([found.train.y.mean(), found.train.y.std()], [0, 1], atol=1e-12)
    both = np.concatenate([found.train.y, found.validation.y])
    restored = both * found.target_scale + found.target_mean
    assert set(restored.ravel().round(6)) <= set(raw.round(6))
    np.testing.assert_allclose(found.encoder.restore(both), restored)
    np.testing.assert_allclose(found.encoder.decode(both)["mpg"], restored[:, 0])
    dataset = File(path=str(path), target="mpg", **fields)
    unscaled = prepare(
        dataset, dataset.table(0), target="values", split=WHOLE, seed=0, scale_target=False
    )
    assert unscaled.train.y[0, 0] == 18
    assert "name" in faults(path, "mpg", "values", missing="drop")


# ---- encoding ------------------------------------------------------------------------


def test_columns_become_inputs_in_order(tmp_path):
    path = write(tmp_path, "c,n,y,k\nred,1,0,5\nblue,3,1,5\nred,5,0,5\nblue,7,1,5\n")
    found = prepared(path, "y", "values", standardize=False)
    assert [f.name for f in found.encoder.features] == ["c", "n", "k"]
    np.testing.assert_array_equal(
        found.train.x, [[0, 1, 1, 5], [1, 0, 3, 5], [0, 1, 5, 5], [1, 0, 7, 5]]
    )
    np.testing.assert_array_equal(found.train.y, [[0], [1], [0], [1]])
    assert found.warnings == (
        "column 'k' is constant in the training rows; list it in dataset.exclude",
    )
    scaled = prepared(path, "y", "values", features=("k", "n"))
    expected = np.array([-3, -1, 1, 3]) / np.sqrt(5)  # the population's deviation
    np.testing.assert_allclose(scaled.train.x, np.column_stack([np.zeros(4), expected]))
    np.testing.assert_allclose(scaled.train.y, [[-1], [1], [-1], [1]])
    assert scaled.warnings == (
        "column 'k' is constant in the training rows and becomes 0; "
        "remove it from dataset.features",
    )


def test_the_training_rows_alone_set_the_scale(tmp_path):
    path = write(tmp_path, "x,y\n1,0\n3,2\n100,50\n")
    found = prepared(path, "y", "values", Split(validation={"last": 0.34}))
    np.testing.assert_allclose(found.train.x, [[-1], [1]])
    np.testing.assert_allclose(found.validation.x, [[98]])
    np.testing.assert_allclose(found.validation.y, [[49]])


@pytest.mark.parametrize(
    ("cells", "classes"),
    [
        ("10,9,2,10,9,2", ("2", "9", "10")),
        ("1,2,1,2,1,2", ("1", "2")),
        ("-1,1,1,-1,1,1", ("-1", "1")),
        ("yes,no,no,yes,no,no", ("no", "yes")),
        ("b,a,c,b,a,c", ("a", "b", "c")),
    ],
)
def test_classes_are_ordered_by_number_or_as_text(tmp_path, cells, classes):
    path = write(tmp_path, "x,t\n" + "".join(f"{i},{c}\n" for i, c in enumerate(cells.split(","))))
    for fields in ({}, {"categorical": ("t",)}):
        found = prepared(path, "t", "classes", **fields)
        assert found.encoder.target.classes == (classes,)
        assert [classes[i] for i in found.train.y] == cells.split(",")
    if len(classes) == 2:
        found = prepared(path, "t", "labels")
        assert found.train.y.shape == (6, 1)
        assert [classes[int(i)] for i in found.train.y[:, 0]] == cells.split(",")


def test_decoding():
    classes = prepared(DATA / "iris.csv", "species", "classes").encoder
    decoded = classes.decode(np.log([[1.0, 2, 1], [8, 1, 1]]))
    assert list(decoded) == [
        "species",
        "probability_setosa",
        "probability_versicolor",
        "probability_virginica",
    ]
    assert decoded["species"].tolist() == ["versicolor", "setosa"]
    np.testing.assert_allclose(decoded["probability_versicolor"], [0.5, 0.1])
    labels = prepared(DATA / "penguins.csv", "sex", "labels", missing="drop").encoder
    decoded = labels.decode(np.array([[0.0], [np.log(3)], [-1000]]))
    assert decoded["sex"].tolist() == ["FEMALE", "MALE", "FEMALE"]
    np.testing.assert_allclose(decoded["probability_sex"], [0.5, 0.75, 0])


@pytest.mark.parametrize(
    ("file", "target", "kind", "fields"),
    [
        ("iris", "species", "classes", {}),
        ("penguins", "sex", "labels", {"missing": "drop"}),
        ("penguins", "species", "classes", {"missing": "impute"}),
        ("mpg", ("mpg", "weight"), "values", {"missing": "drop", "exclude": ("name",)}),
        ("mpg", "origin", "classes", {"features": ("cylinders",), "categorical": ("cylinders",)}),
    ],
)
def test_an_encoder_survives_json_and_predicts_from_the_file(file, target, kind, fields):
    path = DATA / f"{file}.csv"
    found = prepared(path, target, kind, **fields)
    encoder = Encoder.from_json(json.loads(json.dumps(found.encoder.to_json())))
    assert encoder == found.encoder
    part = labelled(encoder, table.read(path, encoder.reading), np.float64)
    np.testing.assert_array_equal(part.x, found.train.x)
    np.testing.assert_array_equal(part.y, found.train.y)


def test_predicting_from_memory():
    encoder = prepared(DATA / "iris.csv", "species", "classes").encoder
    names = [feature.name for feature in encoder.features]
    raw = np.array([[5.1, 3.5, 1.4, 0.2]])
    x = encoder.encode(table.of(raw, names))
    mixed_up = {"extra": [1], **dict(zip(names[::-1], raw[:, ::-1].T, strict=True))}
    np.testing.assert_array_equal(encoder.encode(table.of(mixed_up)), x)
    with pytest.raises(InvalidInput, match="has 3 columns; must have 4: sepal_length"):
        table.of(raw[:, :3], names)


def test_faults_at_prediction(tmp_path):
    encoder = prepared(DATA / "penguins.csv", "species", "classes", missing="drop").encoder
    path = write(
        tmp_path,
        "island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g,sex\n"
        "Dream,40,18,190,4000,MALE\nAtlantis,40,,190,x,male\nAtlantis,40,18,190,1,\n",
    )
    with pytest.raises(InvalidInput) as caught:
        encoder.encode(table.read(path))
    assert str(caught.value).split("\n") == [
        f"{path}:3: column 'island': is the unknown category 'Atlantis' "
        "(known: Biscoe, Dream, Torgersen); correct the value, "
        "remove the 2 rows with an unknown category, or train the model with it",
        f"{path}: column 'bill_depth_mm': 1 missing value (first in line 3); {REMOVE}",
        f"{path}:3: column 'body_mass_g': is 'x', not a number; correct it or remove the row",
        f"{path}:3: column 'sex': is the unknown category 'male'; did you mean 'MALE'? "
        "(known: FEMALE, MALE); correct the value, remove the row, or train the model with it",
        f"{path}: column 'sex': 1 missing value (first in line 4); {REMOVE}",
    ]
    with pytest.raises(InvalidInput) as caught:
        encoder.encode(table.of({"bill_length": [1], "sex": ["MALE"]}))
    assert str(caught.value) == (
        "the data: missing columns: island, bill_length_mm, bill_depth_mm, flipper_length_mm, "
        "body_mass_g; the columns are bill_length, sex"
    )


def test_unknown_classes_at_evaluation(tmp_path):
    encoder = prepared(DATA / "iris.csv", "species", "classes").encoder
    path = write(tmp_path, (DATA / "iris.csv").read_text().replace("virginica", "virginca"))
    with pytest.raises(InvalidInput, match=r"t.csv:102: column 'species': is the unknown class"):
        labelled(encoder, table.read(path))


def test_weights(tmp_path):
    path = write(tmp_path, "x,w,y\n1,1,2\n2,0.5,3\n3,0,4\n")
    found = prepared(path, "y", "values", weights="w", dtype=np.float32)
    assert found.train.weight.tolist() == [1, 0.5, 0]
    assert found.train.weight.dtype == np.float32
    assert [f.name for f in found.encoder.features] == ["x"]
    for cell, message in {
        "-1": ":2: column 'w': is -1; a weight must be at least 0 and finite",
        "inf": ":2: column 'w': is inf; a weight must be at least 0 and finite",
    }.items():
        write(tmp_path, f"x,w,y\n1,{cell},2\n2,0.5,3\n")
        assert faults(path, "y", "values", weights="w") == f"{path}{message}"
    write(tmp_path, "x,w,y\n1,0,2\n2,0,3\n")
    assert faults(path, "y", "values", weights="w") == f"{path}: column 'w': every weight is 0"


@pytest.mark.parametrize("image", [None, (1, 1, 2)])
def test_a_weighted_row_counts_as_several_in_means_and_deviations(tmp_path, image):
    rows = ["1,10,5", "2,30,6", "4,20,9", "100,-8,70"]
    weights = [2, 3, 1, 0]
    weighted = "a,b,y,w\n" + "".join(f"{row},{w}\n" for row, w in zip(rows, weights, strict=True))
    repeated = "a,b,y\n" + "".join(f"{row}\n" * w for row, w in zip(rows, weights, strict=True))
    fields = {"image": image} if image else {}
    ours, other = (
        prepared(write(tmp_path, text), "y", "values", **fields, **more).encoder
        for text, more in ((weighted, {"weights": "w"}), (repeated, {}))
    )
    assert ours.target.mean == pytest.approx(other.target.mean)
    assert ours.target.scale == pytest.approx(other.target.scale)
    for feature, same in zip(ours.features, other.features, strict=True):
        assert (feature.mean, feature.scale) == pytest.approx((same.mean, same.scale))


def test_a_column_that_only_rows_of_weight_0_have_keeps_their_mean(tmp_path):
    path = write(tmp_path, "a,b,y,w\n1,,5,2\n2,,6,1\n3,7,8,0\n4,9,9,0\n")
    encoder = prepared(path, "y", "values", weights="w", missing="impute").encoder
    assert [feature.mean for feature in encoder.features] == [pytest.approx(4 / 3), 8]


def test_huge_numbers_are_standardized_without_overflow(tmp_path):
    path = write(tmp_path, "x,y\n1e300,1\n3e300,2\n")
    np.testing.assert_allclose(prepared(path, "y", "values").train.x, [[-1], [1]])


# ---- faults --------------------------------------------------------------------------

IRIS = "sepal_length, sepal_width, petal_length, petal_width, species"
HINT = f"({DATA / 'iris.csv'} has {IRIS})"

NAMES = [
    ("specie", {}, f"dataset.target: no column 'specie'; did you mean 'species'? {HINT}"),
    (
        "species",
        {"features": ("petal_length", "species")},
        "dataset.features: 'species' is in dataset.target, too; name it in one",
    ),
    (
        "species",
        {"exclude": ("petl",), "weights": "w"},
        f"dataset.exclude: no column 'petl' {HINT}\ndataset.weights: no column 'w' {HINT}",
    ),
    (("species", "species"), {}, "dataset.target: 'species' is named twice"),
    (
        "species",
        {"exclude": ("species",)},
        "dataset.target: 'species' is in dataset.exclude, too; name it in one",
    ),
]


@pytest.mark.parametrize(("target", "fields", "message"), NAMES)
def test_faults_of_names(target, fields, message):
    assert faults(DATA / "iris.csv", target, "classes", **fields) == message


MISFITS = [
    (
        "mpg",
        "mpg",
        "classes",
        "cross_entropy",
        "loss: cross_entropy needs classes, but 'mpg' holds numbers such as 17.5; "
        "use a loss for values, such as mse",
    ),
    (
        "iris",
        "species",
        "values",
        "mse",
        "loss: mse needs numbers, but 'species' is text (setosa, versicolor, virginica); "
        "use a loss for classes, such as cross_entropy",
    ),
    (
        "iris",
        "species",
        "labels",
        "hinge",
        "loss: hinge needs two classes, but 'species' has 3 (setosa, versicolor, virginica); "
        "use a loss for classes, such as cross_entropy",
    ),
    (
        "mpg",
        ("origin", "cylinders"),
        "classes",
        "cross_entropy",
        "loss: cross_entropy needs one target column, but dataset.target names 2; "
        "use a loss for labels, such as binary_cross_entropy, or one for values",
    ),
    (
        "mpg",
        "weight",
        "classes",
        "cross_entropy",
        "loss: cross_entropy needs classes, but 'weight' has 351 different values in 398 rows; "
        "use a loss for values, such as mse",
    ),
]


@pytest.mark.parametrize(("file", "target", "kind", "loss", "message"), MISFITS)
def test_a_target_that_does_not_fit_the_loss(file, target, kind, loss, message):
    fields = {"features": ("acceleration",)} if file == "mpg" else {}
    assert faults(DATA / f"{file}.csv", target, kind, loss=loss, **fields) == message


CELLS = [
    (
        "x,y\n1,2\n?,3\n4,-\n5,6\n",
        {},
        ": column 'x': 1 missing value (first in line 3); set dataset.missing to drop or impute",
        ": column 'y': 1 missing value (first in line 4); set dataset.missing to drop",
    ),
    (
        "x,y\n1,2\n2,\n4,3\n",
        {"missing": "impute"},
        ": column 'y': 1 missing value (first in line 3); only features can be imputed; "
        "set dataset.unlabelled to drop",
    ),
    (
        "x,z,y\n1,,2\n2,NA,3\n",
        {"missing": "impute"},
        ": column 'z': every value is missing; list it in dataset.exclude",
    ),
    (
        "x,z,y\n,1,2\n2,,3\n",
        {"missing": "drop"},
        ": every row has a missing value, 1 of them for column 'x', 1 for 'z'; "
        "list them in dataset.exclude, or set dataset.missing: impute",
    ),
    (
        "x,z,y\n1,inf,2\n2,-1e999,3\n1e39,1,1\n",
        {"dtype": np.float32},
        ":4: column 'x': is 1e+39, beyond the largest float32; "
        "rescale the column, or set dtype to float64",
        ":2: column 'z': is infinite; must be a finite number",
    ),
    (
        "x,y\n1,2\n2,3e39\n",
        {"dtype": np.float32},
        ":3: column 'y': is 3e+39, beyond the largest float32; "
        "rescale the column, or set dtype to float64",
    ),
    (
        "x,y\n1,2\nlow,3\n",
        {},
        ":3: column 'x': is 'low', not a number; correct it, or list it in dataset.missing_values",
    ),
    (
        "x,n,y\n1,a,2\n2,b,2\n3,c,1\n4,a,1\n",
        {},
        ": column 'n': is text with 3 different values in 4 rows; "
        "list it in dataset.exclude, or in dataset.categorical to keep it",
    ),
    (
        "x,n,y\n1,,2\n2,b,2\n3,b,1\n4,b,1\n",
        {"categorical": (), "missing": "drop"},
        ":3: column 'n': is 'b', not a number as dataset.categorical: [] demands; "
        "exclude the column, or list it there",
    ),
    ("x,y\n1,2\n", {}, ": has one row; training takes two or more"),
]


@pytest.mark.parametrize(("content", "fields", "messages"), [(c, f, m) for c, f, *m in CELLS])
def test_faults_of_cells(tmp_path, content, fields, messages):
    path = write(tmp_path, content)
    assert faults(path, "y", "values", **fields) == "\n".join(f"{path}{m}" for m in messages)


def test_rows_without_a_target_are_left_out_where_features_are_imputed(tmp_path):
    path = write(tmp_path, "x,y\n1,2\n2,\n,4\n5,6\n")
    found = prepared(path, "y", "values", missing="impute", unlabelled="drop")
    assert found.train.y.shape == (3, 1)
    assert found.dropped == 1
    assert "1 of 4 rows dropped for missing values" in found.warnings[0]
    other = labelled(found.encoder, table.read(path))
    assert len(other.y) == 3
    assert "1 of 4 rows left out" in other.notes[0]
    again = Encoder.from_json(found.encoder.to_json())
    assert len(labelled(again, table.read(path)).y) == 3
    with pytest.raises(InvalidInput, match="every row lacks a target"):
        prepared(write(tmp_path, "x,y\n1,\n2,\n"), "y", "values", unlabelled="drop")


def test_what_is_wrong_with_an_unused_column_does_not_matter(tmp_path):
    path = write(tmp_path, "x,bad,id,y\n1,1,a,2\n2,x,b,3\n4,inf,c,5\n")
    assert prepared(path, "y", "values", exclude=("bad", "id")).train.x.shape == (3, 1)
    assert prepared(path, "y", "values", features=("x",)).train.x.shape == (3, 1)
    kept = prepared(path, "y", "values", categorical=("bad", "id"))
    assert kept.train.x.shape == (3, 1 + 3 + 3)


def test_one_class(tmp_path):
    path = write(tmp_path, "x,y\n1,a\n2,a\n")
    for kind in ("classes", "labels"):
        assert faults(path, "y", kind) == (
            f"{path}: column 'y': holds one class only, 'a'; must hold two or more"
        )


def test_a_class_missing_from_a_part(tmp_path):
    path = write(tmp_path, "x,y\n" + "1,a\n2,b\n" * 5 + "3,c\n")
    assert faults(path, "y", "classes", Split()) == (
        f"split: class 'c' of 'y' in {path} has 1 row for 2 parts; "
        "set dataset.rare_classes to drop, or split.stratify to false"
    )
    path = write(tmp_path, "x,y\n" + "1,a\n2,b\n" * 5 + "3,c\n3,c\n")
    assert faults(path, "y", "classes", Split(validation={"last": 0.15})) == (
        "split: no row of class 'c' of 'y' is in the training part; "
        "each part needs rows of every class, or set split.stratify to false\n"
        "split.validation: no row of classes 'a', 'b' of 'y' is in the validation part; "
        "each part needs rows of every class, or set split.stratify to false"
    )


# ---- splits --------------------------------------------------------------------------


def numbered(folder, rows, extra=""):
    """A table whose x is the row's index; `extra(i)` makes a column `part`."""
    lines = [f"{i},{extra(i) if extra else 0},{i % 3},{i}" for i in range(rows)]
    return write(folder, "x,part,t,y\n" + "\n".join(lines) + "\n")


def rows_of(path, split, seed=0, target="y", kind="values", **fields):
    """Row indices of each part."""
    found = prepared(
        path, target, kind, split, seed=seed, features=("x",), standardize=False, **fields
    )
    parts = (found.train, found.validation, found.test)
    return [[] if part is None else part.x[:, 0].astype(int).tolist() for part in parts]


@settings(max_examples=50, deadline=None)
@given(st.integers(5, 60), st.floats(0, 0.5), st.floats(0, 0.49), st.integers(0, 99))
def test_fractions_take_every_row_once(tmp_path_factory, rows, validation, test, seed):
    taken = sum(max(1, round(part * rows)) for part in (validation, test) if part)
    assume(taken < rows)
    path = numbered(tmp_path_factory.mktemp("t"), rows)
    split = Split(validation=validation, test=test)
    train, *held_out = rows_of(path, split, seed)
    assert sorted(train + held_out[0] + held_out[1]) == list(range(rows))
    for part in (train, *held_out):
        assert part == sorted(part)
    for part, fraction in zip(held_out, (validation, test), strict=True):
        assert len(part) == (max(1, round(fraction * rows)) if fraction else 0)
    assert rows_of(path, split, seed) == [train, *held_out]


def test_a_split_of_zero_is_the_whole_file_and_seeds_matter(tmp_path):
    path = numbered(tmp_path, 40)
    assert rows_of(path, WHOLE) == [list(range(40)), [], []]
    first, second = (rows_of(path, Split(), seed) for seed in (1, 2))
    assert first != second
    assert rows_of(path, Split(seed=1), 2) == first
    # the validation rows do not depend on whether there are test rows
    assert rows_of(path, Split(test=0.2), 1)[1] == first[1]


def test_fractions_are_stratified(tmp_path):
    sizes = {"a": 70, "b": 23, "c": 7}
    path = write(
        tmp_path, "x,t\n" + "".join(f"{i},{c}\n" for c, n in sizes.items() for i in range(n))
    )
    found = prepared(path, "t", "classes", Split(validation=0.2, test=0.1))
    counts = [np.bincount(part.y).tolist() for part in (found.train, found.validation, found.test)]
    assert counts == [[49, 16, 5], [14, 5, 1], [7, 2, 1]]
    rare = write(tmp_path, "x,t\n" + "1,a\n" * 40 + "2,b\n" * 3)
    found = prepared(rare, "t", "labels", Split(validation=0.1, test=0.1))
    assert [int(p.y.sum()) for p in (found.train, found.validation, found.test)] == [1, 1, 1]


def test_the_last_rows(tmp_path):
    path = numbered(tmp_path, 20)
    split = Split(validation={"last": 0.2}, test={"last": 0.1})
    assert rows_of(path, split) == [list(range(14)), [14, 15, 16, 17], [18, 19]]
    train, validation, test = rows_of(path, Split(validation=0.25, test={"last": 0.1}))
    assert (len(train), len(validation), test) == (13, 5, [18, 19])


def test_groups_stay_together(tmp_path):
    path = numbered(tmp_path, 60, lambda i: f"g{i // 6}")
    way = {"group": "part", "fraction": 0.2}
    parts = rows_of(path, Split(validation=way, test=way))
    assert [len(part) for part in parts] == [36, 12, 12]
    groups = [{i // 6 for i in part} for part in parts]
    assert not groups[0] & groups[1]
    assert not groups[0] & groups[2]
    assert not groups[1] & groups[2]
    for other, told in ((0.2, "0.2"), ({"last": 0.1}, "{last: 0.1}")):
        with pytest.raises(InvalidInput) as caught:
            Split(validation=other, test=way)
        assert str(caught.value) == (
            f"validation: is {told}, which would split the groups of 'part'; "
            "use {group: part, fraction: …}, or 0"
        )


def test_a_column_says_which_part(tmp_path):
    path = numbered(tmp_path, 9, lambda i: ("train", "validation", "test")[i % 3])
    way = {"column": "part"}
    assert rows_of(path, Split(validation=way, test=way)) == [[0, 3, 6], [1, 4, 7], [2, 5, 8]]
    found = prepared(path, "y", "values", Split(validation=way, test=way))
    assert [f.name for f in found.encoder.features] == ["x", "t"]  # the column is no feature
    assert faults(path, "y", "values", Split(validation=way)) == (
        f"{path}:4: column 'part': is 'test'; must be train or validation "
        "(or set split.test to {column: part})"
    )
    path = numbered(tmp_path, 9, lambda i: "train" if i else "valid")
    assert faults(path, "y", "values", Split(validation=way)) == (
        f"{path}:2: column 'part': is 'valid'; must be train or validation"
        "; did you mean 'validation'?"
    )
    path = numbered(tmp_path, 9, lambda i: "train")
    assert faults(path, "y", "values", Split(validation=way)) == (
        "split.validation: no row of column 'part' reads validation"
    )


def test_a_table_of_its_own(tmp_path):
    path = numbered(tmp_path, 9)
    other = write(tmp_path, "y,x,t,part\n7,100,1,0\n", "validation.csv")
    assert rows_of(path, Split(validation=str(other))) == [list(range(9)), [100], []]
    write(tmp_path, "y,z\n7,100\n", "validation.csv")
    assert faults(path, "y", "values", Split(validation=str(other)), features=("x",)) == (
        f"{other}: column 'x': is missing (the columns are y, z)"
    )


SPLITS = [
    (
        {"validation": 0.6, "test": 0.5},
        "fractions of 1.1 in all leave no training row; must be less than 1",
    ),
    (
        {"validation": {"lst": 0.2}},
        "validation: is {lst: 0.2}; must be a fraction, a table's path, "
        "{column: name}, {group: name, fraction: f} or {last: f}; did you mean 'last'?",
    ),
    (
        {"test": {"last": 2}},
        "test: takes 2 of the rows; must be in (0, 1)",
    ),
    (
        {"validation": {"column": "prt"}},
        "split: no column 'prt'; did you mean 'part'? (PATH has x, part, t, y)",
    ),
    (
        {"validation": {"last": 0.95}},
        "split: leaves no training row of 6; take less for validation and test",
    ),
]


@pytest.mark.parametrize(("split", "message"), SPLITS)
def test_faults_of_splits(tmp_path, split, message):
    path = numbered(tmp_path, 6)
    with pytest.raises(InvalidInput) as caught:  # keys of the split itself are relative to it
        prepared(path, "y", "values", Split(**split))
    assert str(caught.value) == message.replace("PATH", str(path))


@for_each("name", [n for n in DATASETS.names() if n not in ("csv", "table")])
def test_every_synthetic_set_can_be_prepared(name):
    dataset = DATASETS.find(name)()
    kind = "labels" if name == "multilabel" else "classes"
    kind = "values" if dataset.roles().target[0].startswith("y") else kind
    found = prepare(dataset, dataset.table(0), target=kind, split=Split(), seed=0)
    assert len(found.train.x) == 400
    assert len(found.validation.x) == 100


# ---- images --------------------------------------------------------------------------


def test_digits():
    found = prepared(
        DATA / "digits.csv.gz", "digit", "classes", Split(), dtype=np.float32, image=(1, 8, 8)
    )
    assert found.encoder.inputs == Inputs(64, (1, 8, 8))
    assert found.encoder.target.classes == (tuple("0123456789"),)
    assert len(found.train.x) + len(found.validation.x) == 1797
    # of the data set's own documentation: how often each digit occurs
    counts = np.bincount(np.concatenate([found.train.y, found.validation.y]))
    assert counts.tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert found.warnings == (), "corners are blank, and that is right"
    assert found.train.x.mean() == pytest.approx(0, abs=1e-5)
    assert found.train.x.std() == pytest.approx(1, abs=1e-5)
    again = Encoder.from_json(json.loads(json.dumps(found.encoder.to_json())))
    assert again == found.encoder


def test_pixels_are_scaled_by_their_channel(tmp_path):
    path = write(tmp_path, "a,b,c,d,t\n0,4,10,10,u\n4,8,10,30,v\n")
    found = prepared(path, "t", "classes", image=[2, 1, 2])
    first = np.array([[0, 4], [4, 8]])
    second = np.array([[10, 10], [10, 30]])
    expected = [(each - each.mean()) / each.std() for each in (first, second)]
    np.testing.assert_allclose(found.train.x, np.hstack(expected), rtol=1e-14)
    plain = prepared(path, "t", "classes", image=[2, 1, 2], standardize=False)
    np.testing.assert_array_equal(plain.train.x, np.hstack([first, second]))


@pytest.mark.parametrize(
    ("image", "cells", "message"),
    [
        ([1, 2], "1,2", "is [1, 2]; must be [channels, height, width]"),
        ([1, 3, 1], "1,2", "is [1, 3, 1], which makes 3 pixels; there are 2 features"),
        (
            [1, 2, 1],
            "1,x",
            "takes the features as pixels, but column 'b' is text; exclude it",
        ),
    ],
)
def test_faults_of_images(tmp_path, image, cells, message):
    path = write(tmp_path, f"a,b,t\n{cells},u\n{cells},v\n")
    assert faults(path, "t", "classes", image=image) == f"dataset.image: {message}"
