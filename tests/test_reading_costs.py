"""What reading costs, without a clock: bytes of the files that are read, and memory.

A number that grows here is seconds on a table of a million rows.
"""

from __future__ import annotations

import io
import tracemalloc
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import optcli
from optcli import config as configs
from optcli.api.check import Setup
from optcli.data import columns, delimited, encoding, fitting, pieces, streaming, targets
from optcli.storage import files

WIDTH = 6  # numbers in a row
TABLE = """\
dataset: {name: csv, path: t.csv, target: y, cache: cache}
split: {validation: 0, test: 0}
model: linear
loss: binary_cross_entropy
optimizer: sgd
training: {epochs: 2, batch_size: 512}
"""


class Counted(io.FileIO):
    """A file that adds up the bytes that are read of it."""

    total = 0

    def readinto(self, buffer, /):
        found = super().readinto(buffer)
        Counted.total += found or 0
        return found

    def readall(self):
        found = super().readall()
        Counted.total += len(found)
        return found


class Costs:
    """Bytes read of `t.csv` and of the cache, in units of their sizes."""

    def __init__(self, monkeypatch):
        self.cells = 0
        opened, some = Path.open, files.Reader._some

        def counted_open(path, mode="r", *rest, **more):
            if path.name == "t.csv" and mode == "rb":
                return io.BufferedReader(Counted(path))
            return opened(path, mode, *rest, **more)

        def counted_some(reader, out, place):
            self.cells += len(out)
            return some(reader, out, place)

        monkeypatch.setattr(Path, "open", counted_open)
        monkeypatch.setattr(files.Reader, "_some", counted_some)

    def of(self, call):
        Counted.total = self.cells = 0
        call()
        body = next((path.stat().st_size for path in Path("cache").glob("*.table")), 1)
        return Counted.total / Path("t.csv").stat().st_size, self.cells / body


@pytest.fixture
def here(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(streaming, "LARGE", 1000)
    monkeypatch.setattr(pieces, "LARGE", 1000)
    monkeypatch.setattr(delimited, "LARGE", 1000)
    monkeypatch.setattr(streaming, "CHUNK", 1 << 14)
    monkeypatch.setattr(streaming, "BLOCK_ROWS", 1 << 9)
    Path("c.yaml").write_text(TABLE)
    return monkeypatch


def table(rows):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, WIDTH))
    columns = {f"x{i}": x[:, i] for i in range(WIDTH)} | {"y": (x[:, 0] > 0).astype(int)}
    pl.DataFrame(columns).write_csv("t.csv", float_precision=4)


def train(*settings):
    return optcli.train("c.yaml", settings, out="r", overwrite=True, plots=False)


# Settings, and how often each byte is read: of the text, and of the cache.
PASSES = {
    "first": ((), 1.0, 3.2),  # its checksum is taken meanwhile
    "again": ((), 1.0, 3.2),
    "for more epochs": (("training.epochs=6",), 1.0, 3.2),
    "with parts": (("split={validation: 0.2, test: 0.2}",), 1.0, 7.6),
    "streamed": (("dataset.stream=true",), 1.0, 5.5),
    "streamed for more epochs": (("dataset.stream=true", "training.epochs=6"), 1.0, 8.4),
}


def test_how_often_bytes_are_read(here):
    table(8000)
    costs = Costs(here)
    for name, (settings, text, cells) in PASSES.items():
        found = costs.of(lambda settings=settings: train(*settings))
        assert found[0] == pytest.approx(text, abs=0.01), name
        assert cells - 0.1 < found[1] < cells + 0.1, (name, found)
    run = optcli.load("r")
    assert costs.of(lambda: run.predict_to("t.csv", "p.csv")) == (1.0, 0.0)


def peak(call):
    """The bytes that Python and NumPy hold at once, at most."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_by_the_rows(here):
    """Streamed or to predict, they take none; kept in memory, that of their inputs once."""
    here.setattr(files, "SMALL", 0)
    for room in (columns, fitting, targets, encoding):
        here.setattr(room, "BLOCK", 1 << 9)
    here.setattr(delimited, "LOOK", 1 << 12)
    streamed, kept = (configs.load("c.yaml", [f"dataset.stream={way}"]) for way in ("true", "null"))
    table(1000)
    run = train()
    few, many = 4000, 16_000
    found = {}
    for rows in (few, many):
        table(rows)
        ways = (
            lambda: Setup.of(streamed),
            lambda: run.predict_to("t.csv", "p.csv"),
            lambda: Setup.of(kept),
        )
        found[rows] = [*map(peak, ways)]
    more = [(b - a) / (many - few) for a, b in zip(found[few], found[many], strict=True)]
    assert max(more[:2]) < 1, found
    assert found[many][2] < 1.25 * many * WIDTH * 4, found
