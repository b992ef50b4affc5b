"""Bytes changed at random in what optcli reads: it says so in words, and ends as documented."""

from __future__ import annotations

import functools
import gzip
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from optcli.cli.main import run
from optcli.data import opening, streaming
from tests import systems

pytestmark = pytest.mark.long

CONFIGS = Path(__file__).parent.parent / "configs"
DOCUMENTED = (0, 1, 2, 3)
MOST_SECONDS = 10


def damaged(data: bytes, rng: random.Random) -> bytes:
    """The data with bits flipped, bytes lost, put in or repeated, or its end cut off."""
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 4))):
        at = rng.randrange(len(found)) if found else 0
        match rng.randrange(5):
            case 0 if found:
                found[at] ^= 1 << rng.randrange(8)
            case 1:
                del found[at : at + rng.choice((1, 3, 40))]
            case 2:
                found[at:at] = rng.randbytes(rng.choice((1, 2, 9)))
            case 3:
                found[at:at] = found[max(0, at - 9) : at]
            case _:
                del found[at:]
    return bytes(found)


def check(words: list[str], name: str, capfd: pytest.CaptureFixture[str]) -> int:
    """The command ends as documented: what it says of a fault names the file, in each line."""
    begin = time.perf_counter()
    code = run(words)
    seconds = time.perf_counter() - begin
    error = capfd.readouterr().err
    assert code in DOCUMENTED, (words, error)
    assert seconds < MOST_SECONDS, words
    assert "Traceback" not in error, (words, error)
    assert "panicked" not in error, (words, error)
    if code in (2, 3):
        assert error.strip(), words
        for line in error.splitlines():
            assert name in line, (words, error)
    return code


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rounds(few: int, many: int) -> pytest.MarkDecorator:
    """A few seeds in the suite, many among the long tests."""
    long = pytest.param(range(few, many), marks=pytest.mark.long, id="long")
    return pytest.mark.parametrize("seeds", [pytest.param(range(few), id="short"), long])


# ---- configs -------------------------------------------------------------------------


@systems.needs_links
@rounds(200, 2000)
def test_configs(seeds, capfd):
    Path("data").symlink_to(CONFIGS / "data")
    paths = sorted(CONFIGS.glob("*.yaml"))
    for seed in seeds:
        rng = random.Random(seed)
        path = rng.choice(paths)
        Path("c.yaml").write_bytes(damaged(path.read_bytes(), rng))
        check(["check", "c.yaml"], "c.yaml", capfd)


# ---- tables --------------------------------------------------------------------------

CONFIG = """\
dataset: {{name: csv, path: {name}, target: y, stream: {stream}}}
split: {{validation: 0.25}}
model: linear
loss: cross_entropy
optimizer: adam
"""


@functools.cache
def table(name: str) -> bytes:
    rows = [(i, i * 1.5, "xyz"[i % 3], "pq"[i % 2]) for i in range(80)]
    if name == "t.parquet":
        pl.DataFrame(rows, ["a", "b", "c, d", "y"], orient="row").write_parquet(name)
        return Path(name).read_bytes()
    lines = ['a,b,"c, d",y', *(",".join(map(str, row)) for row in rows)]
    text = ("\n".join(lines) + "\n").encode()
    return gzip.compress(text, mtime=0) if name.endswith(".gz") else text


@pytest.mark.parametrize("stream", ["false", "true"])
@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.parquet"])
@rounds(60, 600)
def test_tables(seeds, name, stream, capfd):
    Path("c.yaml").write_text(CONFIG.format(name=name, stream=stream))
    for seed in seeds:
        Path(name).write_bytes(damaged(table(name), random.Random(seed)))
        check(["check", "c.yaml"], name, capfd)


@pytest.mark.parametrize("seed", [114, 149])
def test_parquet_at_which_polars_2_panics(seed, capfd):
    Path("t.parquet").write_bytes(damaged(table("t.parquet"), random.Random(seed)))
    Path("c.yaml").write_text(CONFIG.format(name="t.parquet", stream="false"))
    assert check(["check", "c.yaml"], "t.parquet", capfd) == 2


CONTENTS = [
    b"0",
    b'"',
    *(pytest.param(each, marks=pytest.mark.long) for each in (b",", b"\0", b"\n")),
]


@systems.needs_limits
@pytest.mark.parametrize("content", CONTENTS)
def test_a_file_that_unpacks_to_more_than_memory(content):
    """A gigabyte in one megabyte, for a process that may have half of it."""
    part = gzip.compress(content * 10**7, 6, mtime=0)
    Path("t.csv.gz").write_bytes(part * 100)
    Path("c.yaml").write_text(CONFIG.format(name="t.csv.gz", stream="null"))
    import resource

    most = 2**29
    done = subprocess.run(
        [sys.executable, "-m", "optcli", "check", "c.yaml"],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (most, most)),
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: t.csv.gz:"), line


@systems.needs_limits
def test_text_that_is_wanted_in_memory_and_does_not_fit():
    Path("t.csv.gz").write_bytes(gzip.compress(b"a,y\n1,2\n" * 10**6, 6, mtime=0) * 100)
    Path("c.yaml").write_text(CONFIG.format(name="t.csv.gz", stream="false"))
    import resource

    most = 2**29
    done = subprocess.run(
        [sys.executable, "-m", "optcli", "check", "c.yaml"],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (most, most)),
        timeout=60,
        check=False,
    )
    message = "does not fit in memory; set dataset.stream to true, or use part of the file"
    assert (done.returncode, done.stderr) == (3, f"error: t.csv.gz: {message}\n")


def test_parquet_that_holds_more_than_memory(monkeypatch, capfd):
    """Equal numbers take next to nothing in such a file."""
    monkeypatch.setattr(opening, "memory", lambda: 300e6)
    numbers = [pl.repeat(1, 10**7, dtype=pl.Int8).alias(name) for name in "ay"]
    pl.select(numbers).write_parquet("t.parquet")
    assert Path("t.parquet").stat().st_size < 10**6
    Path("c.yaml").write_text(CONFIG.format(name="t.parquet", stream="false"))
    assert run(["check", "c.yaml"]) == 2
    assert capfd.readouterr().err == (
        "error: t.parquet: needs 160 MB or more; the memory is 300 MB; "
        "set dataset.stream to true, or use part of the file\n"
    )
    assert streaming.is_large("t.parquet")


def test_text_that_unpacks_to_more_than_half_of_the_memory(monkeypatch, capfd):
    Path("t.csv.gz").write_bytes(gzip.compress(b"a,y\n" + b"1,2\n" * 2_000_000, mtime=0))
    monkeypatch.setattr(opening, "CHUNK", 1 << 16)
    monkeypatch.setattr(opening, "memory", lambda: 10e6)
    Path("c.yaml").write_text(CONFIG.format(name="t.csv.gz", stream="false"))
    assert run(["check", "c.yaml"]) == 2
    assert capfd.readouterr().err == (
        "error: t.csv.gz: needs 5 MB or more; the memory is 10 MB; "
        "set dataset.stream to true, or use part of the file\n"
    )


def varint(value: int) -> bytes:
    """A number as the footer of such a file holds it, with the mark of a long one."""
    value, found = 2 * value, b"\x16"
    while value > 127:
        found, value = found + bytes([value & 127 | 128]), value >> 7
    return found + bytes([value])


@pytest.mark.parametrize("stream", ["false", "true", "null"])
@pytest.mark.parametrize("rows", [13, 2**40])
def test_parquet_that_promises_more_rows_than_it_has(rows, stream, capfd):
    pl.DataFrame({"a": range(12), "y": range(12)}).write_parquet("t.parquet", statistics=False)
    whole = Path("t.parquet").read_bytes()
    length = int.from_bytes(whole[-8:-4], "little")
    body, footer = whole[: -8 - length], whole[-8 - length : -8]
    footer = footer.replace(varint(12), varint(rows), 1)  # those of the file, not of its group
    Path("t.parquet").write_bytes(body + footer + len(footer).to_bytes(4, "little") + b"PAR1")
    Path("c.yaml").write_text(CONFIG.format(name="t.parquet", stream=stream))
    assert run(["check", "c.yaml"]) == 2
    assert capfd.readouterr().err == (
        "error: t.parquet: is damaged or not a Parquet file; write it again\n"
    )


# ---- run folders ---------------------------------------------------------------------

MOONS = """\
dataset: {name: moons, samples: 60}
model: {name: mlp, hidden: [4]}
loss: binary_cross_entropy
optimizer: adam
training: {epochs: 3, checkpoint_every: 1}
"""
COMMANDS = (
    "runs list work",
    "runs show work/one",
    "runs diff work/one work/two",
    "runs verify work/one",
    "train --resume work/one --quiet --no-plots --set training.epochs=4",
)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A folder of two runs."""
    parent = tmp_path_factory.mktemp("good")
    (parent / "c.yaml").write_text(MOONS)
    for name in ("one", "two"):
        words = ["train", str(parent / "c.yaml"), "--quiet", "--out", str(parent / "work" / name)]
        assert run([*words, "--no-plots"] if name == "two" else words) == 0
    return parent / "work"


@rounds(25, 200)
def test_runs(seeds, good, capfd):
    names = sorted(path.name for path in (good / "one").iterdir())
    for seed in seeds:
        rng = random.Random(seed)
        file = Path("work/one", names[seed % len(names)])
        for command in COMMANDS:
            shutil.rmtree("work", ignore_errors=True)
            shutil.copytree(good, "work")
            file.write_bytes(damaged(file.read_bytes(), rng))
            if rng.random() < 0.3:
                Path("work/one/checksums.json").unlink()
            check(command.split(), "work/one", capfd)


# ---- comparisons ---------------------------------------------------------------------

COMPARE = "compare sgd adam --tune 2 --tune-seeds 1 --seeds 2 --quiet --no-plots --out work"


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """The folder of a comparison, and its config."""
    parent = tmp_path_factory.mktemp("compared")
    (parent / "c.yaml").write_text(MOONS.replace(", checkpoint_every: 1", ""))
    words = COMPARE.replace("work", str(parent / "work")).split()
    assert run([*words, "--config", str(parent / "c.yaml")]) == 0
    return parent


@rounds(25, 200)
def test_comparisons(seeds, compared, capfd):
    """Damaged files are named or made again; the table is never another one."""
    good = compared / "work"
    names = sorted(str(path.relative_to(good)) for path in good.rglob("*") if path.is_file())
    config = ["--config", str(compared / "c.yaml")]
    for seed in seeds:
        rng = random.Random(seed)
        name = names[seed % len(names)]
        for words in (["runs", "show", "work"], ["runs", "list", "."], COMPARE.split() + config):
            shutil.rmtree("work", ignore_errors=True)
            shutil.copytree(good, "work")
            Path("work", name).write_bytes(damaged((good / name).read_bytes(), rng))
            code = check(words, "work", capfd)
            if words[0] == "compare" and code == 0:
                assert Path("work/runs.csv").read_bytes() == (good / "runs.csv").read_bytes(), name
