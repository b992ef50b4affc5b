"""What is exported in tests: every layer and loss on a table with columns of all kinds."""

from __future__ import annotations

import functools
import tempfile
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np

import optcli
from optcli.api.predict import Run
from optcli.core.arrays import DTYPES
from optcli.layers.activations import ACTIVATIONS
from optcli.losses.base import LOSSES
from optcli.models import CNN, MLP, Linear

ROWS = 40
EPOCH = datetime(1970, 1, 1)
CITIES = ("Oslo", "Łódź", 'a "quoted", name', "Rome", "seldom")
RAW = ("size", "always", "city", "flag", "when", "price", "code", "size again")


def table(rows=ROWS, seed=0):
    """Columns of all kinds, and targets for every kind of loss."""
    rng = np.random.default_rng(seed)
    sizes = rng.normal(50, 20, rows)
    city = [CITIES[i] for i in rng.choice(4, rows)]
    city[:2] = ["seldom", "Rome"]
    day, hour = rng.integers(1, 29, rows), rng.integers(0, 24, rows)
    cells = {
        "size": [None if i % 7 == 3 else repr(float(value)) for i, value in enumerate(sizes)],
        "always": ["4.5"] * rows,
        "city": [None if i % 11 == 5 else text for i, text in enumerate(city)],
        "flag": [("true", "false")[i] for i in rng.integers(0, 2, rows)],
        "when": [
            f"{1960 + 2 * (i % 30)}-{1 + i % 12:02}-{d:02} {h:02}:30"
            for i, (d, h) in enumerate(zip(day, hour, strict=True))
        ],
        "price": [f"${value:,.2f}" for value in rng.uniform(900, 5000, rows)],
        "code": [str(number) for number in rng.integers(8, 11, rows)],
        "size again": [repr(float(value)) for value in rng.normal(size=rows)],
    }
    shares = rng.dirichlet([1, 1, 1], rows)
    values = rng.uniform(0.5, 3, (rows, 2))
    targets = {
        "species": [("gentoo", "adélie", "chin'strap")[i] for i in rng.permutation(rows) % 3],
        "yes": [("no", "yes")[i] for i in rng.permutation(rows) % 2],
        "left": [("0", "1")[i] for i in rng.permutation(rows) % 2],
        "grade": [str(1 + i) for i in rng.permutation(rows) % 4],
        "y": [repr(float(v)) for v in values[:, 0]],
        "z": [repr(float(100 * v)) for v in values[:, 1]],
        **{f"p{i}": [repr(float(v)) for v in shares[:, i]] for i in range(3)},
    }
    return cells, targets


KINDS = {
    "classes": ("cross_entropy", ["species"]),
    "ordered": ("ordinal_logistic", ["grade"]),
    "label": ("binary_cross_entropy", ["yes"]),
    "labels": ("binary_cross_entropy", ["yes", "left"]),
    "values": ("mse", ["y", "z"]),
    "probabilities": ("kl_divergence", ["p0", "p1", "p2"]),
}


@functools.cache
def trained_on(kind):
    """A run on the table for one kind of target."""
    cells, targets = table()
    loss, names = KINDS[kind]
    config = {
        "dataset": {
            "name": "table",
            "target": names,
            "missing": "impute",
            "dates": ["when"],
            "numeric": ["price"],
            "categorical": ["city", "flag", "code"],
            "rare_categories": 2,
            "unknown": "ignore",
        },
        "split": {"validation": 0},
        "model": "linear",
        "loss": loss,
        "optimizer": {"name": "adam", "lr": 0.05},
        "training": {"epochs": 1},
        "metrics": [],
    }
    data = {**cells, **{name: targets[name] for name in names}}
    return trained(config, data)


def trained(config, data):
    """A run whose folder is gone."""
    with tempfile.TemporaryDirectory() as place:
        return optcli.train(config, data=data, out=Path(place) / "run", plots=False)


IMAGE = (2, 6, 5)


@functools.cache
def trained_on_images():
    """A run on images, in three classes."""
    rng = np.random.default_rng(1)
    pixels = rng.uniform(0, 255, (30, *IMAGE)).reshape(30, -1)
    data = {f"p{i}": pixels[:, i] for i in range(pixels.shape[1])}
    config = {
        "dataset": {"name": "table", "target": "kind", "image": list(IMAGE)},
        "split": {"validation": 0},
        "model": "linear",
        "loss": "cross_entropy",
        "optimizer": "sgd",
        "training": {"epochs": 1},
        "metrics": [],
    }
    kinds = [("a", "b", "c")[i % 3] for i in range(30)]
    return trained(config, {**data, "kind": kinds})


def with_numbers(run, *, model=None, loss=None, dtype="float32", seed=0):
    """The run with another model, loss or dtype, and random parameters."""
    trained = run.trained
    empty = replace(trained, model=model or trained.model, loss=loss or trained.loss, dtype=dtype)
    architecture, rng = empty.architecture(), np.random.default_rng(seed)
    parameters = np.zeros((1, architecture.layout.size), DTYPES[dtype])
    architecture.initialize(parameters[0], seed)
    parameters += rng.normal(0, 0.3, parameters.shape).astype(dtype)
    statistics = rng.uniform(0.2, 2, (1, architecture.statistics.size)).astype(dtype)
    return replace(run, trained=replace(empty, parameters=parameters, statistics=statistics))


@dataclass(frozen=True)
class Case:
    name: str
    run: Run
    images: bool = False


def kind_of(loss):
    return "ordered" if loss.ordered else loss.target


def cases(dtypes=("float64",)):
    """Every layer, and every loss with its kind of target."""
    models = [("linear", Linear())]
    models += [(name, MLP(hidden=(6, 5), activation=name)) for name in ACTIVATIONS.names()]
    models += [
        ("batch_norm", MLP(hidden=(6,), batch_norm=True, dropout=0.3)),
        ("layer_norm", MLP(hidden=(6,), layer_norm=True)),
        ("residual", MLP(hidden=(6, 6), residual=True, batch_norm=True)),
    ]
    nets = [
        ("linear on images", Linear()),
        ("max_pool", CNN(channels=(3,), hidden=(5,))),
        ("average_pool", CNN(channels=(3, 3), kernel=2, pooling="average", hidden=())),
        ("stride", CNN(channels=(3,), kernel=3, stride=2, pool=1, batch_norm=True)),
        ("residual on images", CNN(channels=(3, 3), pool=1, residual=True, dropout=0.2)),
    ]
    for dtype in dtypes:
        for name, model in models:
            run = with_numbers(trained_on("classes"), model=model, dtype=dtype)
            yield Case(name, run)
        for name, model in nets:
            run = with_numbers(trained_on_images(), model=model, dtype=dtype)
            yield Case(name, run, images=True)
        for name in LOSSES.names():
            loss = LOSSES.find(name)()
            run = trained_on(kind_of(loss))
            yield Case(name, with_numbers(run, loss=loss, dtype=dtype))
        yield Case("one label", with_numbers(trained_on("label"), dtype=dtype))


def raw(rows=ROWS, seed=5):
    """Rows as predict takes them, some with what the training rows did not have."""
    cells = table(rows, seed)[0]
    cells["always"] = ["7.5"] * rows
    for name, text in (("city", "Atlantis"), ("flag", "maybe"), ("code", "12")):
        cells[name][:1] = [text]
    return cells


def feeds(cells):
    """The same rows as an ONNX model takes them: numbers, and texts, (N, 1) for each column."""
    found = {}
    for name, texts in cells.items():
        if name in ("city", "flag", "code"):
            found[name] = np.array([text or "" for text in texts], object)
        elif name == "when":
            seconds = [(datetime.fromisoformat(text) - EPOCH).total_seconds() for text in texts]
            found[name] = np.array(seconds)
        else:
            plain = [(text or "nan").replace("$", "").replace(",", "") for text in texts]
            found[name] = np.array(plain, float)
    return {name: array.reshape(-1, 1) for name, array in found.items()}


def images(rows=7, seed=3):
    """Images as predict takes them, (N, D), and as an ONNX model does."""
    pixels = np.random.default_rng(seed).uniform(0, 255, (rows, *IMAGE)).astype(np.float32)
    return pixels.reshape(rows, -1).astype(float), pixels


def both(case):
    """What predict takes, and the feeds."""
    if case.images:
        flat, pixels = images()
        return flat, {"image": pixels.astype(case.run.trained.dtype)}
    cells = raw()
    return cells, feeds(cells)


def answers(run, X):
    """What predict says, by the names of the ONNX outputs."""
    said, target = run.predictions(X), run.trained.encoder.target
    columns = list(said.values())
    if target.kind == "values":
        return {"values": np.stack(columns, axis=1)}
    if target.kind == "probabilities":
        return {"probabilities": np.stack(columns, axis=1)}
    if target.kind == "classes":
        return {"label": columns[0], "probabilities": np.stack(columns[1:], axis=1)}
    labels, shares = np.stack(columns[::2], axis=1), np.stack(columns[1::2], axis=1)
    if len(target.names) == 1:
        return {"label": labels[:, 0], "probabilities": np.hstack([1 - shares, shares])}
    return {"labels": labels, "probabilities": shares}


def difference(found, expected):
    """The largest difference of two answers, relative above 1; the labels must be the same."""
    assert found.keys() == expected.keys()
    largest = 0.0
    for name, values in expected.items():
        if values.dtype.kind in "UO":
            assert found[name].tolist() == values.tolist()
            continue
        assert found[name].shape == values.shape
        off = np.abs(found[name] - values) / np.maximum(1, np.abs(values))
        largest = max(largest, float(off.max()))
    return largest
