"""Exported models in onnxruntime against predict: every config, layer and loss, in both dtypes.

Takes onnx, whose checker all files pass, and onnxruntime, on the CPU.

    python -m tests.studies.exports
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

import optcli
from optcli import config as configs
from optcli.data import table as tables
from optcli.data.columns import Words
from optcli.exports import onnx as exported
from tests import export_cases as cases
from tests.onnx_reader import read

ROOT = Path(__file__).parent.parent.parent
DTYPES = ("float32", "float64")


def session(content):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def off(run, X, feeds):
    """The largest difference of onnxruntime and predict, and of the tests' own interpreter."""
    content, parts, _ = exported.made(run.trained)
    onnx.checker.check_model(content, full_check=True)
    names = [tensor.name for tensor in parts["outputs"]]
    found = dict(zip(names, session(content).run(None, feeds), strict=True))
    expected = cases.answers(run, X)
    return cases.difference(found, expected), cases.difference(read(content)(feeds), expected)


def of_a_config(path, dtype):
    """A run of a config, on all complete rows of its table."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "run"
        run = optcli.train(path, [f"dtype={dtype}"], out=folder, plots=False)
    encoder = run.trained.encoder
    config = configs.load(path)
    if (table := getattr(config.dataset, "path", None)) is not None:
        found = config.dataset.read(table, encoder.reading)
        if encoder.missing == "drop":
            columns = [found.columns[feature.name] for feature in encoder.features]
            found = found.select(np.flatnonzero(~np.any([c.missing for c in columns], axis=0)))
    else:
        rng = np.random.default_rng(0)
        columns = {feature.name: rng.normal(size=500) for feature in encoder.features}
        found = tables.of(columns, list(columns))
    feeds, X = {}, {}
    for feature in encoder.features:
        column = found.columns[feature.name]
        if isinstance(column, Words):
            cells = np.array([*column.categories, ""], object)[np.asarray(column.codes)]
            X[feature.name] = [cell or None for cell in cells]
        else:
            X[feature.name] = cells = np.asarray(column.values)
        feeds[feature.name] = cells.reshape(-1, 1)
    if encoder.image:
        pixels = np.hstack(list(feeds.values())).reshape(-1, *encoder.image)
        feeds = {"image": pixels.astype(dtype)}
    return off(run, X, feeds)


def main():
    print(f"onnx {onnx.__version__}, onnxruntime {onnxruntime.__version__}\n")
    print(f"{'':28}{'float32':>10}{'float64':>10}")
    worst = dict.fromkeys(("onnxruntime", "the tests' own interpreter"), 0.0)
    rows = {}
    for path in sorted((ROOT / "configs").glob("*.yaml")):
        if configs.load(path).objective is None:
            rows[path.name] = [of_a_config(path, dtype) for dtype in DTYPES]
    for dtype in DTYPES:
        for case in cases.cases((dtype,)):
            rows.setdefault(case.name, []).append(off(case.run, *cases.both(case)))
    for name, found in rows.items():
        print(f"{name:28}" + "".join(f"{own:10.1e}" for own, _ in found))
        worst = {who: max(worst[who], found[0][i]) for i, who in enumerate(worst)}
    print("\nlargest in float32: " + ", ".join(f"{who} {w:.1e}" for who, w in worst.items()))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
