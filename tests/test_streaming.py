"""A streamed table is the table: the same columns, faults and bits, whatever the pieces."""

from __future__ import annotations

import errno
import gzip
import itertools
import os
import re
import shutil
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import optcli
from optcli.api.verify import verify
from optcli.cli.main import run
from optcli.core.errors import EnvironmentFailed, InvalidInput
from optcli.core.events import EpochEnded
from optcli.data import batches, csv, streaming, table
from optcli.data.base import DATASETS
from optcli.data.batches import Batches, Source
from optcli.data.columns import Numbers
from optcli.data.preparation import prepare
from optcli.data.reading_rules import CURRENT, Reading
from optcli.data.split import Split
from optcli.metrics import METRICS, Additive
from optcli.storage import files
from optcli.training import Trainer, train_cohort
from tests.cohorts import cohort

DATA = Path(__file__).parents[1] / "configs" / "data"
File = DATASETS.find("csv")


@pytest.fixture
def small(monkeypatch):
    """Pieces of a few bytes and blocks of a few rows, so that small tables have many."""
    monkeypatch.setattr(streaming, "CHUNK", 16)
    monkeypatch.setattr(streaming, "BLOCK_ROWS", 3)
    monkeypatch.setattr(batches, "BLOCK_ROWS", 4)
    monkeypatch.setattr(batches, "WINDOW_BYTES", 1 << 10)
    monkeypatch.setattr(files, "SMALL", 0)
    monkeypatch.setattr(files, "MOST_TOUCHED", 100)


def write(folder, content, name="t.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def streamed(path, folder, reading=CURRENT):
    return streaming.read(path, folder, reading)


def told(read, *arguments, **options):
    """All that there is to a table, as text, or what is wrong with it."""
    try:
        found = read(*arguments, **options)
    except InvalidInput as error:
        return str(error)
    columns = {
        name: (column.values[:].tolist(), column.span)
        if isinstance(column, Numbers)
        else [None if code < 0 else column.categories[code] for code in column.codes[:]]
        for name, column in found.columns.items()
    }
    lines = None if found.lines is None else found.lines[:].astype(int).tolist()
    return repr((columns, lines, sorted(map(str, found.faults.values()))))


# ---- the table -----------------------------------------------------------------------

TABLES = {
    "numbers": "a,b\n" + "".join(f"{i},{i / 7}\n" for i in range(20)),
    "words": "a;b\n" + "".join(f"{i};w{i % 3}\n" for i in range(20)),
    "no end": "a,b\n1,2\n3,4",
    "lines in quotes": 'a,b\n1,"x\ny"\n2,"say ""no"""\n3,"p\n\nq"\n4,z\n' * 1,
    "quotes within": 'a,b\n1,5" pipe\n2,6" pipe\n3,"7\n"\n4,x\n',
    "returns": "a,b\r\n1,x\r\n2,y\r\n3,z\r\n",
    "returns alone": "a,b\r1,x\r2,y\r3,z\r4,w\r",
    "mark": b"\xef\xbb\xbfa,b\n1,2\n3,4\n5,6\n",
    "blank end": "a,b\n1,2\n3,4\n5,6\n\n\n   \n\n",
    "missing": "a,b\n1,NA\n?,x\n,y\n4,-\n5,z\n",
    "missing first, then words": "a,b\n" + "1,\n" * 20 + "2,x\n",
    "missing first, then numbers": "a,b\n" + "1,\n" * 20 + "2,5\n",
    "a word late": "a,b\n" + "1,2\n" * 20 + "1,oops\n3,4\n",
    "words, then a number": "a,b\n" + "1,x\n" * 20 + "1,007\n3,y\n",
    "decimal commas": "a;b\n" + "1;2,5\n" * 20,
    "decimal commas among words": "a;b\n" + "1;2,5\n" * 9 + "1;x\n",
    "two names in the header's lines": '"a\nb",c\n1,2\n3,4\n5,6\n',
    "blank inside": "a,b\n1,2\n3,4\n5,6\n\n7,8\n",
    "blank inside, at the end of a piece": "a,b\n1,2\n3,4\n5,6\n" + "\n" * 40 + "7,8\n",
    "short row": "a,b\n1,2\n3,4\n5,6\n7\n8,9\n",
    "long row": "a,b\n1,2\n3,4\n5,6\n7,8,9\n8,9\n",
    "open quote": 'a,b\n1,2\n3,4\n5,"6\n7,8\n8,9\n',
    "NUL": b"a,b\n1,2\n3,4\n5,\0\n7,8\n",
    "latin-1": b"a,b\n1,x\n3,y\n5,\xe9\n7,z\n",
    "header alone": "a,b\n",
    "header without an end": "a,b",
    "no header": "1,2\n3,4\n5,6\n",
    "the same name twice": "a,a\n3,4\n5,6\n",
    "empty": "",
    "web page": "<!DOCTYPE html><html></html>",
}


@pytest.mark.parametrize("categorical", [(), ("b",)], ids=["", "categorical"])
@pytest.mark.parametrize("name", TABLES)
def test_streamed_in_pieces_it_is_the_same_table(small, tmp_path, name, categorical):
    path = write(tmp_path, TABLES[name])
    reading = Reading(categorical=categorical)
    whole = told(table.read, path, reading)
    assert told(streamed, path, tmp_path / "cache", reading) == whole
    packed = write(tmp_path, gzip.compress(path.read_bytes()), "t.csv.gz")
    expected = told(table.read, packed, reading)
    assert told(streamed, packed, tmp_path / "cache", reading) == expected


CELLS = st.sampled_from(["1", "-2.5", "x", "y z", "", "NA", "1,5", '"', "\n", "é", "1e400"])


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=12), st.integers(5, 40))
def test_any_table_in_any_pieces(tmp_path_factory, rows, chunk):
    def quoted(cell):
        return '"' + cell.replace('"', '""') + '"' if set(cell) & set(',"\n') else cell

    folder = tmp_path_factory.mktemp("t")
    text = "a,b\n" + "".join(f"{quoted(a)},{quoted(b)}\n" for a, b in rows)
    path = write(folder, text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streaming, "CHUNK", chunk)
        patch.setattr(streaming, "BLOCK_ROWS", 4)
        assert told(streamed, path, folder / "cache") == told(table.read, path)


@pytest.mark.parametrize("name", ["iris.csv", "penguins.csv", "mpg.csv", "digits.csv.gz"])
def test_real_tables(small, monkeypatch, tmp_path, name):
    monkeypatch.setattr(streaming, "CHUNK", 5000)
    assert told(streamed, DATA / name, tmp_path) == told(table.read, DATA / name)


def test_parquet(small, tmp_path):
    path = tmp_path / "t.parquet"
    frame = pl.DataFrame({"a": [1, 2, None, 4] * 5, "b": ["x", None, "y", "z"] * 5})
    frame.write_parquet(path, row_group_size=7)
    assert told(streamed, path, tmp_path / "cache") == told(table.read, path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert told(streamed, path, tmp_path / "cache") == told(table.read, path)
    assert "not a Parquet file" in told(table.read, path)


def test_a_truncated_gz_leaves_no_cache(small, tmp_path):
    rows = "".join(f"{i},{i * i % 97}\n" for i in range(5000))
    packed = gzip.compress(f"a,b\n{rows}".encode())
    path = write(tmp_path, packed[:-9], "t.csv.gz")
    message = "is truncated or damaged; compress or download it again"
    assert told(streamed, path, tmp_path / "cache") == f"{path}: {message}"
    assert list((tmp_path / "cache").iterdir()) == []


def test_more_texts_than_are_held_are_a_fault_of_their_column(small, monkeypatch, tmp_path):
    monkeypatch.setattr(streaming, "MOST_WORDS", 10)
    path = write(tmp_path, "a,b,y\n" + "".join(f"{i},w{i},{i % 2}\n" for i in range(60)))
    dataset = File(path=str(path), target="y", stream=True, cache=str(tmp_path / "c"))
    with pytest.raises(InvalidInput, match="column 'b': is text with more than 10 different"):
        prepare(dataset, dataset.table(0), target="classes", split=Split(), seed=0)
    dataset = File(
        path=str(path), target="y", exclude=("b",), stream=True, cache=str(tmp_path / "c")
    )
    prepare(dataset, dataset.table(0), target="classes", split=Split(), seed=0)


def test_only_large_tables_are_streamed(monkeypatch, tmp_path):
    text = "a,b\n" + "1,2\n" * 3000
    path, packed = write(tmp_path, text), write(tmp_path, gzip.compress(text.encode()), "t.csv.gz")
    columns = tmp_path / "t.parquet"
    pl.read_csv(path).write_parquet(columns)
    for limit, expected in ((len(text), False), (len(text) - 1, True)):
        monkeypatch.setattr(streaming, "LARGE", limit)
        assert streaming.is_large(path) is streaming.is_large(packed) is expected
    for limit, expected in ((3000 * 16, False), (3000 * 16 - 1, True)):
        monkeypatch.setattr(streaming, "LARGE", limit)
        assert streaming.is_large(columns) is expected


LEFT_OPEN = """\
dataset: {name: csv, path: t.csv, target: y, cache: cache}
split: {validation: 0.25, test: 0}
model: linear
loss: mse
optimizer: sgd
training: {epochs: 2, batch_size: 8}
"""


@pytest.mark.parametrize(("most", "streams"), [(120 * 2 * 4, False), (120 * 2 * 4 - 1, True)])
def test_the_size_of_the_inputs_decides_and_the_run_keeps_to_it(
    small, monkeypatch, tmp_path, most, streams
):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "a,b,y\n" + "".join(f"{i},{i * i % 7},{i % 5}\n" for i in range(120)))
    write(tmp_path, LEFT_OPEN, "c.yaml")
    monkeypatch.setattr(csv, "KEPT_BYTES", most)
    whole = optcli.train("c.yaml", out="whole", plots=False)
    assert f"stream: {str(streams).lower()}\n" in Path("whole/config.yaml").read_text()
    assert any(note.startswith("streamed: ") for note in whole.notes) is streams
    assert optcli.train("c.yaml", ["training.stop_after=1"], out="part", plots=False)
    # another bound, and another choice where the config leaves it open
    monkeypatch.setattr(csv, "KEPT_BYTES", 0 if most == 120 * 2 * 4 else 1 << 30)
    rest = optcli.resume("part", ["training.stop_after=null"], plots=False)
    assert rest.history["train_loss"] == whole.history["train_loss"]
    assert verify(Path("whole")).agrees
    other = optcli.train("c.yaml", out="other", plots=False)
    assert other.history["train_loss"] != whole.history["train_loss"]


def test_version_0_1_streamed_above_a_smaller_size(monkeypatch):
    dataset = File(path="t.csv", target="y")
    assert [dataset.streams(size) for size in (10**9, 10**9 + 1)] == [False, True]
    assert [dataset.streams(size, 1) for size in (10**8, 10**8 + 1)] == [False, True]
    monkeypatch.setattr(csv, "memory_available", lambda: 10.0)  # which decided on arrays
    arrays = File(path="t.npy", target="y")
    assert [arrays.streams(size, 1) for size in (5, 6)] == [False, True]
    assert arrays.streams(10**9) is False


def test_what_is_wanted_in_memory_makes_no_cache_and_reads_one(small, monkeypatch, tmp_path):
    path, cache = write(tmp_path, TABLES["words"]), tmp_path / "cache"
    dataset = File(path=str(path), target="b", stream=False, cache=str(cache))
    whole = told(dataset.table, 0)
    assert not cache.exists()
    streamed(path, cache, dataset.reading(2))
    assert not dataset.table(0).stored  # it is small
    monkeypatch.setattr(streaming, "LARGE", 10)
    assert dataset.table(0).stored
    assert told(dataset.table, 0) == whole
    path.write_text(TABLES["words"].replace("w2", "w9"))
    assert not dataset.table(0).stored


# ---- the cache -----------------------------------------------------------------------


def test_a_cache_is_used_again_and_a_changed_table_has_its_own(small, monkeypatch, tmp_path):
    path, cache = write(tmp_path, TABLES["words"]), tmp_path / "cache"
    before = told(streamed, path, cache)
    moved = write(tmp_path, TABLES["words"], "other.csv")
    with monkeypatch.context() as patch:
        patch.setattr(streaming, "_build", None)  # must not be called
        assert told(streamed, path, cache) == before
        assert told(streamed, moved, cache) == before
    path.write_text(TABLES["words"].replace("w2", "w9"))
    assert told(streamed, path, cache) == told(table.read, path) != before
    told(streamed, path, cache, Reading(categorical=("a",)))
    assert len(list(cache.iterdir())) == 3


def test_a_damaged_cache_is_written_anew(small, tmp_path):
    path, cache = write(tmp_path, TABLES["words"]), tmp_path / "cache"
    whole = told(streamed, path, cache)
    (file,) = cache.iterdir()
    content = file.read_bytes()
    tail = len(content) - 8 * np.prod(streaming._header(file)["shape"])
    for damaged in (
        b"",
        content[:10],
        content[:-1],
        content[8:],
        *(content[:-i] + bytes([content[-i] ^ 1]) + content[len(content) - i + 1 :]
          for i in range(1, tail, 7)),
    ):  # fmt: skip
        file.write_bytes(damaged)
        assert streaming._header(file) is None
    assert told(streamed, path, cache) == whole
    assert file.read_bytes() == content


def test_a_byte_of_a_cache_turned_anywhere_is_named_or_changes_nothing(small, tmp_path):
    path, cache = write(tmp_path, TABLES["words"]), tmp_path / "cache"
    whole, refused = told(streamed, path, cache), 0
    (file,) = cache.iterdir()
    content = file.read_bytes()
    for percent in range(100):
        changed = bytearray(content)
        changed[percent * len(content) // 100] ^= 1 << percent % 8
        file.write_bytes(changed)
        try:
            assert told(streamed, path, cache) == whole
        except InvalidInput as error:
            refused += 1
            said = str(error)
            assert said.startswith(f"{file}: is damaged: the checksum of block"), said
            file.unlink()
    body = 8 * np.prod(streaming._header(file)["shape"])
    assert abs(refused - 100 * body / len(content)) < 2


def test_a_cache_that_is_cut_short_while_it_is_read_is_an_error(small, tmp_path):
    path, cache = write(tmp_path, TABLES["words"]), tmp_path / "cache"
    found = streaming.read(path, cache, CURRENT)
    (file,) = cache.iterdir()
    os.truncate(file, 8)
    with pytest.raises(InvalidInput, match=f"{file}: was cut short; delete it"):
        next(iter(found.columns.values())).distinct()


CUT = """\
dataset: {name: csv, path: t.csv, target: b, stream: true, cache: cache}
model: linear
loss: cross_entropy
optimizer: sgd
training: {epochs: 2, batch_size: 8}
"""


@pytest.mark.parametrize("without", [False, True], ids=["", "without preadv"])
def test_a_cache_may_be_cut_at_any_moment(small, monkeypatch, tmp_path, capsys, without):
    """Also after its length was checked: the command ends in one line, the process never."""
    if without:
        monkeypatch.delattr(os, "preadv", raising=False)
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "a,b\n" + "".join(f"{i},{'xy'[i % 2]}\n" for i in range(60)))
    write(tmp_path, CUT, "c.yaml")
    words = ["train", "c.yaml", "--out", "r", "--overwrite", "--no-plots", "--quiet"]
    some, calls, when = files.Reader._some, 0, -1

    def cut(reader, out, place):
        nonlocal calls
        calls += 1
        if calls == when:
            (file,) = Path("cache").glob("*.table")
            os.truncate(file, int(file.stat().st_size * when / whole / 3))
        return some(reader, out, place)

    monkeypatch.setattr(files.Reader, "_some", cut)
    assert run(words) == 0
    whole, codes = calls, []
    for share in np.linspace(0, 1, 12):
        calls, when = 0, 1 + int(share * (whole - 1))
        codes.append(run(words))
        said = capsys.readouterr().err
        assert codes[-1] in (0, 2)  # 0 where nothing was read any more of what went
        assert codes[-1] == 0 or re.fullmatch(r"error: cache.*\.table: .*\n", said), said
        assert codes[-1] == 0 or "was cut short; delete it" in said
        shutil.rmtree("cache")
    assert codes.count(2) > 8


def test_a_cache_that_cannot_be_read_is_told(small, monkeypatch, tmp_path):
    path, cache = write(tmp_path, TABLES["words"]), tmp_path / "cache"
    found = streaming.read(path, cache, CURRENT)

    def fails(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(files.Reader, "_some", fails)
    with pytest.raises(InvalidInput, match="table: cannot be read: Input/output error"):
        next(iter(found.columns.values())).distinct()


def test_the_cache_of_another_table_is_not_taken(small, tmp_path):
    paths = [write(tmp_path, TABLES[name], f"{name}.csv") for name in ("words", "numbers")]
    tables = [told(streamed, path, tmp_path / "cache") for path in paths]
    one, two = (tmp_path / "cache").iterdir()
    content = one.read_bytes(), two.read_bytes()
    one.write_bytes(content[1])
    two.write_bytes(content[0])
    assert [told(streamed, path, tmp_path / "cache") for path in paths] == tables


def test_a_full_disk_leaves_nothing(small, monkeypatch, tmp_path):
    path, cache = write(tmp_path, TABLES["numbers"]), tmp_path / "cache"

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    threads = threading.active_count()
    with monkeypatch.context() as patch:
        for of, what in ((streaming._Writer, "close"), (streaming._Writer, "add"), (os, "write")):
            with monkeypatch.context() as here:
                here.setattr(of, what, full)
                with pytest.raises(EnvironmentFailed, match="No space left on device"):
                    streamed(path, cache)
            assert threading.active_count() == threads
        patch.setattr(os, "posix_fallocate", full)
        with pytest.raises(EnvironmentFailed, match="No space left on device"):
            files.temporary_array(cache, 10, np.float64)
    assert list(cache.iterdir()) == []


def test_what_was_begun_and_given_up_is_removed(small, tmp_path):
    path, cache = write(tmp_path, TABLES["numbers"]), tmp_path / "cache"
    cache.mkdir()
    for name, age in (("old", 2 * files.STALE), ("young", 0)):
        begun = write(cache, "half", f".new-{name}")
        os.utime(begun, (begun.stat().st_atime, begun.stat().st_mtime - age))
    streamed(path, cache)
    assert [p.name for p in cache.iterdir() if p.name.startswith(".")] == [".new-young"]


def test_a_table_that_changes_while_it_is_read(small, monkeypatch, tmp_path):
    path = write(tmp_path, TABLES["numbers"])
    stamps = iter([(1, 1), (2, 2)])
    monkeypatch.setattr(streaming, "_stamp", lambda _: next(stamps))
    with pytest.raises(InvalidInput, match="changed while it was read"):
        streamed(path, tmp_path / "cache")


# ---- preparation ---------------------------------------------------------------------

SPLITS = {
    "fractions": Split(0.2, 0.1),
    "whole": Split(0.0),
    "last": Split({"last": 0.2}, 0.1),
    "group": Split({"group": "g", "fraction": 0.3}, 0.0),
    "column": Split({"column": "part"}, {"column": "part"}),
}


def long_table(folder, rows=200):
    rng = np.random.default_rng(0)
    parts = ["train", "train", "validation", "test"]
    with (folder / "long.csv").open("w") as file:
        file.write("x,c,w,g,part,y,v\n")
        for i in range(rows):
            x = "" if i % 23 == 5 else f"{1e6 + rng.normal():.4f}"
            c = "" if i % 31 == 7 else "abc"[rng.integers(3)]
            file.write(f"{x},{c},{1 + i % 3},g{i % 9},{parts[i % 4]},k{i * i % 3 % 2},{i % 11}\n")
    return folder / "long.csv"


# Each split with both kinds of target, and with both ways to treat what is missing.
WAYS = [
    pytest.param(split, missing, kind, id=f"{split}-{missing}-{kind}")
    for i, split in enumerate(SPLITS)
    for missing, kind in zip(
        ("drop", "impute"), (("classes", "values"), ("values", "classes"))[i % 2], strict=True
    )
]


@pytest.mark.parametrize(("split", "missing", "kind"), WAYS)
def test_parts_have_the_same_bits(small, tmp_path, split, missing, kind):
    path = long_table(tmp_path)
    fields = {"target": "y" if kind == "classes" else "v", "weights": "w", "missing": missing}
    found = []
    for stream in (False, True):
        fields |= {"path": str(path), "stream": stream, "cache": str(tmp_path / "c")}
        dataset = File(exclude=("v" if kind == "classes" else "y",), **fields)
        read = dataset.table(0)
        found.append(prepare(dataset, read, target=kind, split=SPLITS[split], seed=1))
    memory, file = found
    assert file.encoder == memory.encoder
    assert file.warnings == memory.warnings
    for part in ("train", "validation", "test"):
        one, other = getattr(memory, part), getattr(file, part)
        assert (one is None) == (other is None)
        if one is not None:
            assert not one.streamed
            assert other.streamed
            assert one.x.shape == other.x.shape
            for field in ("x", "y", "weight"):
                np.testing.assert_array_equal(getattr(one, field), getattr(other, field)[:])


def test_mean_and_deviation_of_blocks_are_those_of_all_rows(small, monkeypatch, tmp_path):
    monkeypatch.setattr("optcli.data.fitting.BLOCK", 7)
    rng = np.random.default_rng(0)
    x = 1e5 + rng.normal(size=150) + np.arange(150)
    path = write(tmp_path, "x,y\n" + "".join(f"{v!r},{i}\n" for i, v in enumerate(x.tolist())))
    dataset = File(path=str(path), target="y", stream=True, cache=str(tmp_path / "c"))
    found = prepare(dataset, dataset.table(0), target="values", split=Split(0.0), seed=0)
    (feature,) = found.encoder.features
    np.testing.assert_allclose([feature.mean, feature.scale], [x.mean(), x.std()], rtol=1e-12)


FAULTS = {
    "a word late": ("x,y\n" + "1,a\n2,b\n" * 20 + "oops,a\n", "t.csv:42: column 'x': is 'oops'"),
    "infinite": ("x,y\n" + "1,a\n2,b\n" * 20 + "inf,a\n", "t.csv:42: column 'x': is infinite"),
    "too big": ("x,y\n" + "1,a\n2,b\n" * 20 + "1e39,a\n", "t.csv:42: column 'x': is 1e+39"),
    "missing": ("x,y\n" + "1,a\n2,b\n" * 20 + ",a\n", "1 missing value (first in line 42)"),
    "no target": ("x,y\n" + "1,a\n2,b\n" * 20 + "5,\n", "1 missing value (first in line 42)"),
    "one class": ("x,y\n" + "1,a\n2,a\n" * 20, "column 'y': holds one class only, 'a'"),
    "short row": ("x,y\n" + "1,a\n2,b\n" * 20 + "5\n", "t.csv:42: has 1 field, the header has 2"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_in_late_lines_are_named_as_in_memory(small, tmp_path, name):
    content, message = FAULTS[name]
    path = write(tmp_path, content)
    said = []
    for stream in (False, True):
        dataset = File(path=str(path), target="y", stream=stream, cache=str(tmp_path / "c"))
        with pytest.raises(InvalidInput) as caught:
            prepare(dataset, dataset.table(0), target="classes", split=Split(), seed=0)
        said.append(str(caught.value))
    assert said[0] == said[1]
    assert message in said[1]


# ---- training ------------------------------------------------------------------------


def config(path, target, folder, stream, **training):
    return {
        "dataset": {
            "name": "csv",
            "path": str(path),
            "target": target,
            "missing": "drop",
            "stream": stream,
            "cache": str(folder / "cache"),
            "exclude": ["name"] if path.name == "mpg.csv" else [],
        },
        "split": {"validation": 0.2, "test": 0.2},
        "model": {"name": "mlp", "hidden": [8]},
        "loss": "mse" if path.name == "mpg.csv" else "cross_entropy",
        "optimizer": "adam",
        "training": {"epochs": 3, "batch_size": 7, **training},
    }


@pytest.mark.parametrize(
    ("file", "target", "metrics"),
    [
        ("penguins.csv", "species", ["accuracy", "f1", {"name": "top_k", "k": 2}]),
        ("mpg.csv", "mpg", ["rmse", "mae", "r2"]),
    ],
)
def test_in_the_order_of_the_file_a_run_has_the_same_bits(
    small, monkeypatch, tmp_path, file, target, metrics
):
    monkeypatch.setattr("optcli.metrics.TALLIED", 50)
    monkeypatch.setattr("optcli.training.evaluation.TALLIED", 50)
    runs = [
        optcli.train(
            config(DATA / file, target, tmp_path, stream, shuffle=False) | {"metrics": metrics},
            out=tmp_path / f"run-{stream}",
        )
        for stream in (False, True)
    ]
    memory, streamed = runs
    for name, column in memory.history.items():
        assert name == "seconds" or column == streamed.history[name], name
    for name in ("best", "final", "test"):
        one, other = memory.summary[name], streamed.summary[name]
        assert {**one, "seconds": 0} == {**other, "seconds": 0}
    np.testing.assert_array_equal(memory.trained.parameters, streamed.trained.parameters)
    assert memory.notes + streamed.notes[-1:] == streamed.notes
    assert streamed.notes[-1].startswith("streamed: ")
    assert streamed.notes[-1].endswith("in the order of the file")
    sums = [(run.folder / "environment.json").read_text().split("data_sha256")[1] for run in runs]
    assert sums[0] == sums[1]
    kept = [{path.name for path in run.folder.iterdir()} for run in runs]
    assert kept[0] == kept[1] | {"training-rows.npz"}, "hashes that take another pass"


def prepared(folder, stream=True, rows=203):
    path = folder / "rows.csv"
    path.write_text("x,y\n" + "".join(f"{i},{i % 2}\n" for i in range(rows)))
    dataset = File(
        path=str(path), target="y", stream=stream, cache=str(folder / "c"), standardize=False
    )
    read = dataset.table(0)
    return prepare(dataset, read, target="classes", split=Split(0.0), seed=0, dtype=np.float64)


@pytest.mark.parametrize("size", [1, 3, 10, 64, 203])
def test_an_epoch_visits_every_row_once(small, monkeypatch, tmp_path, size):
    monkeypatch.setattr(batches, "WINDOW_BYTES", 8 * 32)
    part = prepared(tmp_path).train
    found = Batches([Source(part, 5)], size, shuffle=True)
    orders = []
    for epoch in (1, 2):
        seen = [(b.stop - b.start, b.x[0, :, 0].copy(), b.y[0].copy()) for b in found.epoch(epoch)]
        assert [rows for rows, _, _ in seen[:-1]] == [size] * (found.steps - 1)
        order = np.concatenate([x for _, x, _ in seen])
        assert Counter(order.tolist()) == Counter(range(203))
        np.testing.assert_array_equal(order % 2, np.concatenate([y for _, _, y in seen]))
        orders.append(order)
    assert (orders[0] != orders[1]).mean() > 0.8
    # from any step on it is the same epoch
    for step in sorted({0, found.steps // 3, found.steps // 2, found.steps - 1}):
        rest = np.concatenate([b.x[0, :, 0].copy() for b in found.epoch(2, step)])
        np.testing.assert_array_equal(rest, orders[1][step * size :])


def test_rows_of_a_window_come_from_all_over_the_table_and_are_mixed(small, tmp_path):
    part = prepared(tmp_path, rows=2000).train
    found = Batches([Source(part, 5)], 2, shuffle=True)
    windows = found.windows
    assert (windows.block, windows.window) == (4, 128)
    order = np.concatenate([b.x[0, :, 0].copy() for b in found.epoch(1)])
    starts = order[: windows.window] // windows.block
    assert len(set(starts)) == windows.window // windows.block
    assert np.ptp(starts) > 400  # of 500 blocks
    assert (np.diff(order[: windows.window]) == 1).mean() < 0.1


def test_a_replica_s_order_and_bits_do_not_depend_on_its_company(small, tmp_path):
    data = prepared(tmp_path)
    settings = {"prepared": data, "epochs": 2, "metrics": [METRICS.find("accuracy")()]}
    together = Trainer(cohort(["adam", "sgd", "adam"], seeds=[1, 2, 3], **settings))
    *_, end = together.run()
    for row, (name, seed) in enumerate([("adam", 1), ("sgd", 2), ("adam", 3)]):
        *_, alone = Trainer(cohort([name], seeds=[seed], **settings)).run()
        np.testing.assert_array_equal(
            alone.state.parameters.buffer[0], end.state.parameters.buffer[row]
        )


def test_a_run_goes_on_in_the_middle_of_an_epoch(small, monkeypatch, tmp_path):
    monkeypatch.setattr("optcli.training.evaluation.TALLIED", 50)
    monkeypatch.setattr("optcli.metrics.TALLIED", 50)
    settings = {"prepared": prepared(tmp_path), "epochs": 2, "batch_size": 16}
    settings["metrics"] = [METRICS.find("accuracy")()]

    def told(events):
        """The accuracies of the last epoch, and the parameters at the end."""
        *events, end = events
        last = [event for event in events if isinstance(event, EpochEnded)][-1]
        return last.train_metrics["accuracy"].tolist(), end.state.parameters.buffer.tolist()

    whole = told(train_cohort(cohort(["adam"], **settings)))
    monkeypatch.setattr("optcli.training.loop.PROGRESS_SECONDS", 0)
    for steps in (3, 7, 18):
        asked = itertools.count(1)
        cut = cohort(["adam"], **settings)
        *_, end = train_cohort(cut, stop=lambda i=asked, n=steps: next(i) >= n)
        arrays = {name: array.copy() for name, array in end.state.arrays().items()}
        assert arrays["position"][2] > 0
        arrays["outcomes"][:] = ""
        assert told(train_cohort(cohort(["adam"], **settings), resume=arrays)) == whole


def test_several_at_once_write_one_cache(small, tmp_path):
    path, cache = write(tmp_path, TABLES["words"]), tmp_path / "cache"
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: told(streamed, path, cache), range(8)))
    assert found == [told(table.read, path)] * 8
    assert len(list(cache.iterdir())) == 1


def test_what_takes_all_rows_at_once_is_refused(small, tmp_path):
    faults = []
    for changes in (
        {"metrics": ["roc_auc"]},
        {"training": {"batch_size": "full"}},
        {"optimizer": "svrg"},
    ):
        with pytest.raises(InvalidInput) as caught:
            optcli.check(config(DATA / "iris.csv", "species", tmp_path, True) | changes)
        faults.append(str(caught.value))
    assert faults == [
        "metrics: 'roc_auc' needs all rows at once, but the table is streamed; choose others",
        "training.batch_size: is full, but the table is streamed; must be a number of rows",
        "optimizer: 'svrg' asks for more than a batch, but the table is streamed; choose another",
    ]


@pytest.mark.parametrize("name", [m.name for m in METRICS if issubclass(m, Additive)])
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
def test_a_metric_of_blocks_is_that_of_all_rows(monkeypatch, name, weighted):
    metric, rng = METRICS.find(name)(), np.random.default_rng(0)
    scores = rng.normal(size=(2, 100, 3))
    target = rng.integers(0, 3, (1, 100))
    if "values" in metric.kinds:
        target = 10 + rng.normal(size=(1, 100, 3))
        scores += target
    weight = rng.uniform(0, 2, (1, 100)) * (np.arange(100) > 20) if weighted else None
    whole = metric.measure(scores, target, weight)
    monkeypatch.setattr("optcli.metrics.TALLIED", 7)
    np.testing.assert_allclose(metric.measure(scores, target, weight), whole, rtol=1e-12)


# ---- memory --------------------------------------------------------------------------

MEMORY = """
import sys, threading, time
import optcli

def memory():
    with open("/proc/self/smaps_rollup") as lines:
        found = {line.split()[0]: int(line.split()[1]) for line in lines if "kB" in line}
    # with, and without, what the system can drop at any time
    return found["Private_Clean:"] + found["Private_Dirty:"], found["Anonymous:"]

peak = [0, 0]
def watch():
    while True:
        peak[:] = map(max, peak, memory())
        time.sleep(0.01)

threading.Thread(target=watch, daemon=True).start()
for number, path in enumerate(sys.argv[2:]):
    optcli.train(
        dict(
            dataset=dict(name="csv", path=path, target="y", stream=True),
            model="linear", loss="cross_entropy", optimizer="sgd",
            training=dict(epochs=1, batch_size=4096),
        ),
        out=f"{sys.argv[1]}/run-{number}",
        plots=False,
    )
    print(*peak)
"""


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="Linux tells")
def test_memory_does_not_grow_with_the_table(tmp_path):
    rng, paths = np.random.default_rng(0), []
    for rows in (250_000, 750_000):
        x = rng.normal(size=(rows, 20))
        columns = {f"x{i}": x[:, i] for i in range(20)} | {"y": np.where(x[:, 0] > 0, "a", "b")}
        paths.append(str(tmp_path / f"{rows}.csv"))
        pl.DataFrame(columns).write_csv(paths[-1], float_precision=3)
    command = [sys.executable, "-c", MEMORY, str(tmp_path), *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    (_, before), (private, after) = (map(int, line.split()) for line in done.stdout.splitlines())
    # the larger one has 70 MB more of text, and 40 MB more prepared
    assert after - before < 25_000
    assert private < 500_000
