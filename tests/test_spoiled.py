"""Folders, configs and names that were spoiled: refused in words, or whole; never half-believed."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml

from optcli import plots
from optcli.cli.main import run
from optcli.core.errors import InvalidInput
from optcli.display.output import Output
from optcli.storage import files, seals
from optcli.training.model_file import Trained
from tests import systems
from tests.for_each import for_each

ROOT = Path(__file__).parent.parent
CONFIG = {
    "dataset": {"name": "moons", "samples": 60},
    "model": {"name": "mlp", "hidden": [4]},
    "loss": "binary_cross_entropy",
    "optimizer": {"name": "adam", "lr": 0.05},
    "training": {"epochs": 2, "batch_size": 16},
}
COMPARE = ["compare", "sgd", "adam", "-c", "c.yaml", "--tune", "1", "--tune-seeds", "1"]
COMPARE += ["--seeds", "6", "--quiet", "--no-plots"]
KINDS = ("train", "compare", "trace", "gradcheck", "benchmark", "evaluate")
GRADCHECK = ["gradcheck", "mse", "--fast", "--plots", "--quiet"]
EVALUATE = ["evaluate", "tabled", "t.csv", "--quiet", "--no-plots", "--importance"]
EVALUATE += ["--repeats", "2", "--resamples", "20", "--out", "evaluate"]
TABLE = {"dataset": {"name": "csv", "path": "t.csv", "target": "y"}, "loss": "cross_entropy"}
BENCHMARK = [*COMPARE, "-c", "d.yaml"]
TRACE = ["trace", "beale", "sgd", "--steps", "5", "--quiet", "--no-plots"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with one of each kind, and a second run."""
    here = tmp_path_factory.mktemp("made")
    with contextlib.chdir(here):
        for name in ("c.yaml", "d.yaml"):
            Path(name).write_text(json.dumps(CONFIG))
        Path("t.yaml").write_text(json.dumps(CONFIG | TABLE))
        rows = [f"{i % 7},{i * i % 11},{'abc'[i % 3]}\n" for i in range(60)]
        Path("t.csv").write_text("a,b,y\n" + "".join(rows))
        assert run(["train", "c.yaml", "--out", "train", "--quiet", "--no-plots"]) == 0
        assert run([*COMPARE, "--out", "compare"]) == 0
        assert run([*TRACE, "--out", "trace"]) == 0
        assert run([*GRADCHECK, "--out", "gradcheck"]) == 0
        assert run([*BENCHMARK, "--out", "benchmark"]) == 0
        assert run(["train", "t.yaml", "--out", "tabled", "--quiet", "--no-plots"]) == 0
        assert run(EVALUATE) == 0
        shutil.copytree("train", "other")
    return here


@pytest.fixture
def here(made, tmp_path, monkeypatch):
    """A copy of it, to be spoiled."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    folder = tmp_path / "here"
    shutil.copytree(made, folder)
    monkeypatch.chdir(folder)
    return folder


def uses(kind):
    """Every command that reads a folder."""
    yield ["runs", "list", "."]
    yield ["runs", "show", kind]
    yield ["runs", "show", kind, "--json"]
    yield ["runs", "diff", kind, "other"]
    yield ["runs", "verify", kind]
    if kind == "train":
        yield ["train", "--resume", kind, "--quiet", "--no-plots"]
        yield ["train", "--resume", kind, "--set", "training.epochs=3", "--quiet", "--no-plots"]
    if kind == "compare":
        yield [*COMPARE, "--out", kind]
    if kind == "evaluate":
        yield ["report", kind]
    if kind == "tabled":  # whose training-rows.npz is read
        yield ["evaluate", kind, "t.csv", "--resamples", "0", "--quiet"]
        yield ["predict", kind, "t.csv"]


# ---- nothing runs --------------------------------------------------------------------


TAGS = ["!!python/object/apply:os.mkdir [ran]", "!!python/name:os.system", "!!python/module:ran"]
TAGS += ["!!python/object/new:os.mkdir [ran]", "!!python/tuple [1]", "!ran 1", "!!binary eA=="]


@pytest.mark.parametrize("tag", TAGS)
def test_no_tag_is_followed(tag, here, capsys):
    text = Path("train/config.yaml").read_text()
    changed = re.sub("(?m)^seed: .*$", f"seed: {tag}", text)
    assert changed != text
    Path("train/config.yaml").write_text(changed)
    seals.seal(Path("train"))
    line = changed[: changed.index(tag)].count("\n") + 1
    for command in (["check", "train/config.yaml"], *uses("train")):
        if command[:2] != ["runs", "list"]:
            assert run(command) == 2, command
            said = capsys.readouterr().err
            assert said.startswith(f"error: train/config.yaml:{line}: "), said
            assert said.count("\n") == 1
    assert run(["check", "c.yaml", "--set", f"seed={tag}"]) == 2
    assert not Path("ran").exists()


# ---- nothing leads elsewhere ---------------------------------------------------------


@pytest.mark.parametrize("name", ["../secret", ".."])
@for_each("kind", KINDS)
def test_sums_tell_of_the_folder_alone(name, kind, here, capsys):
    Path("secret").write_text("x")
    sums = files.read_json(Path(kind, seals.SUMS))
    told = {"bytes": 1, "sha256": files.checksum(Path("secret"))}
    files.write_json(Path(kind, seals.SUMS), sums | {name: told})
    for command in uses(kind):
        if command[0] != "compare" and command[1] != "list":
            assert run(command) == 2, command
            assert seals.SUMS in capsys.readouterr().err or name == ".."
    assert run(["runs", "list", "."]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "damaged" in lines[kind]


def files_in(folder):
    """The files of a folder, those of its folders among them."""
    paths = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    return [path.relative_to(folder).as_posix() for path in paths]


@systems.needs_links
@pytest.mark.parametrize("kind", KINDS)
def test_links_are_not_followed(kind, here, capsys):
    Path("elsewhere").mkdir()
    Path("elsewhere/mine.txt").write_text("mine")
    for name in files_in(kind):
        # parts of a benchmark are comparisons, which stand in no file of it
        if name == seals.SUMS or (kind == "benchmark" and "/" in name):
            continue
        shutil.rmtree("m", ignore_errors=True)
        shutil.copytree(kind, "m")
        shutil.copy(Path("m", name), "target")
        Path("m", name).unlink()
        Path("m", name).symlink_to(Path("target").absolute())
        assert run(["runs", "show", "m"]) == 2
        assert (
            capsys.readouterr().err == f"error: m/{name}: is a link, which optcli does not make\n"
        )
    shutil.rmtree("m")
    shutil.copytree(kind, "m")
    Path("m/deep").symlink_to(Path("other").absolute())  # a run, but not in here
    Path("m/other.png").symlink_to(Path("elsewhere/mine.txt").absolute())
    again = {"train": ["train", "c.yaml"], "compare": COMPARE, "trace": TRACE}
    again = {**again, "gradcheck": GRADCHECK, "benchmark": BENCHMARK, "evaluate": EVALUATE[:-2]}[
        kind
    ]
    for command in (["runs", "remove", "m"], [*again, "--out", "m", "--overwrite"]):
        assert run(command) == 2
        assert "which is not optcli's" in capsys.readouterr().err
    Path("link").symlink_to("other")
    assert run(["runs", "remove", "link"]) == 2
    assert "link: is a link; remove the folder itself" in capsys.readouterr().err
    assert Path("other/model.npz").exists()
    assert Path("elsewhere/mine.txt").read_text() == "mine"


@systems.needs_links
def test_a_lock_that_is_a_link_empties_no_file(here, capsys):
    Path("mine.txt").write_text("three years of work")
    Path("train/.lock").symlink_to(Path("mine.txt").absolute())
    for command in (
        ["train", "--resume", "train", "--set", "training.epochs=3"],
        ["train", "c.yaml", "--out", "train", "--overwrite"],
        ["runs", "remove", "train"],
    ):
        assert run(command) in (2, 3), command
        assert capsys.readouterr().err.count("\n") == 1
    assert Path("mine.txt").read_text() == "three years of work"
    assert Path("train/model.npz").exists()


def test_what_an_archive_calls_its_entries_is_no_path(here):
    path = Path("train/model.npz")
    arrays, description = files.read_arrays(path)
    before = sorted(Path().rglob("*"))
    for name in ("../x", "/tmp/x", "a/b"):
        files.write_arrays(path, arrays | {name: np.zeros(1)}, description)
        Trained.load(path)
        assert sorted(Path().rglob("*")) == before


# ---- nothing damaged is believed, whatever the damage --------------------------------


def mutated(content, rng):
    """The content with a few bytes turned, lost or put in, or without its end."""
    found, way = bytearray(content), rng.randrange(5)
    for _ in range(rng.choice([1, 1, 3])):
        at = rng.randrange(len(found) or 1)
        if way == 0 and found:
            found[at] ^= 1 << rng.randrange(8)
        elif way == 1:
            del found[at : at + rng.choice([1, 20])]
        elif way == 2:
            del found[at:]
        elif way == 3:
            found[at:at] = rng.randbytes(3)
        else:
            words = (b"null", b"[]", b"{}", b"-1", b"1e999", b"NaN", b"\n", b"\0", b",", b"9" * 30)
            found[at:at] = rng.choice(words)
    return bytes(found)


WRONG = [None, [], {}, "\x1b[2J", -1, 10**30, True, [[1]], {"a": 1}, 0.5]


def parts(value, above=()):
    """The place of everything in a value of JSON."""
    for key in value if isinstance(value, dict) else range(min(2, len(value))):
        yield (*above, key)
        if isinstance(value[key], dict | list):
            yield from parts(value[key], (*above, key))


def exchanged(path, rng):
    """What a file holds, with something else in one place."""
    if path.suffix == ".png":
        return mutated(path.read_bytes(), rng)

    def put(value):
        *above, last = rng.choice(list(parts(value)))
        inner = value
        for key in above:
            inner = inner[key]
        inner[last] = rng.choice(WRONG)
        return value

    if path.suffix == ".json":
        return json.dumps(put(json.loads(path.read_text()))).encode()
    if path.suffix == ".yaml":
        return yaml.safe_dump(put(yaml.safe_load(path.read_text()))).encode()
    if path.suffix == ".npz":
        arrays, description = files.read_arrays(path)
        name = rng.choice(list(arrays))
        wrong = (np.zeros(0), np.zeros((2, 2, 2)), np.array("a"), np.array([1j]), None)
        arrays |= {name: rng.choice(wrong)}
        spare = path.with_name("spare")
        arrays = {key: array for key, array in arrays.items() if array is not None}
        files.write_arrays(spare, arrays, put(description) if rng.random() < 0.5 else description)
        content = spare.read_bytes()
        spare.unlink()
        return content
    rows = list(csv.reader(path.read_text().splitlines()))
    row = rng.choice([rows[0], rows[1], rows[-1]])
    row[rng.randrange(len(row))] = rng.choice(["", "nan", "x", "-1", "1e400", "9" * 400, "{}"])
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


@pytest.mark.parametrize(
    "seal",
    [
        "sealed again",
        *(pytest.param(seal, marks=pytest.mark.long) for seal in ("sealed", "unsealed")),
    ],
)
@pytest.mark.parametrize("kind", [*KINDS, "tabled"])
def test_a_spoiled_folder_is_refused_in_words_or_whole(kind, seal, here, capsys):
    rng = random.Random(f"{kind} {seal}")
    names = files_in(kind)
    rng.shuffle(names)
    shutil.copytree(kind, "whole")
    for number in range(8):
        name = names[number % len(names)]
        shutil.rmtree(kind)
        shutil.copytree("whole", kind)
        path = Path(kind, name)
        change = exchanged if number % 2 else lambda path, rng: mutated(path.read_bytes(), rng)
        path.write_bytes(change(path, rng))
        if name != seals.SUMS and seal == "unsealed":
            Path(kind, seals.SUMS).unlink()
        elif name != seals.SUMS and seal == "sealed again":
            seals.seal(Path(kind))
        for command in uses(kind):
            began = time.monotonic()
            code = run(command)
            assert time.monotonic() - began < 10
            said = capsys.readouterr()
            assert code in (0, 1, 2), (command, name, said.err)
            assert (code == 2) == bool(said.err)
            assert all(kind in line or "--" in line for line in said.err.splitlines()), said.err
            assert "\x1b" not in said.out + said.err
            if command[:2] == ["runs", "list"]:
                assert code == 0
                assert "other" in said.out


def test_a_comparison_is_held_against_its_sums(here, capsys):
    """A run of which one figure was changed is trained again, to what it was."""
    path = Path("compare/runs.csv")
    right = path.read_text()
    rows = list(csv.DictReader(right.splitlines()))
    steps = rows[0]["steps"]
    assert f",{steps}," in right
    path.write_text(right.replace(f",{steps},", f",{int(steps) + 1},", 1))
    assert run([word for word in COMPARE if word != "--quiet"] + ["--out", "compare"]) == 0
    assert "1 runs in compare were damaged; they are trained again" in capsys.readouterr().out
    assert path.read_text() == right


@pytest.mark.parametrize("wrong", [np.float32(1), np.zeros(1, np.float32), 1j, 1.0], ids=str)
def test_no_array_is_stretched_or_cut_to_fit(wrong, here):
    """A number would fill a whole layer, and a complex one would lose its half."""
    path = Path("train/model.npz")
    arrays, description = files.read_arrays(path)
    name = next(name for name in arrays if name.endswith(".weight"))
    files.write_arrays(path, arrays | {name: np.asarray(wrong)}, description)
    with pytest.raises(InvalidInput, match=r"model.npz: "):
        Trained.load(path)


@systems.needs_limits
def test_bombs_under_little_memory(here):
    """A gigabyte at most, where a file says it has a hundred: sparse, deep or compressed."""
    Path("bomb").mkdir()
    for name, kind in (("summary.json", "a"), ("model.npz", "b"), ("config.yaml", "c")):
        shutil.copytree("train", f"bomb/{kind}")
        Path(f"bomb/{kind}", seals.SUMS).unlink()
        if kind != "a":  # what has ended is not read without its checksums
            Path(f"bomb/{kind}/summary.json").unlink()
        os.truncate(Path(f"bomb/{kind}", name), 100 << 30)
    shutil.copytree("train", "bomb/d")
    Path("bomb/d", seals.SUMS).write_text("[" * 100_000)
    shutil.copytree("train", "bomb/e")
    with zipfile.ZipFile("bomb/e/checkpoint.npz", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("outcomes.npy", bytes(200 << 20))
    Path("bomb/e", seals.SUMS).unlink()
    code = """
import resource, sys, time
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
from optcli.cli.main import run
for kind, words in zip("abcde", sys.argv[1:]):
    began = time.monotonic()
    print(kind, run(words.format("bomb/" + kind).split()), time.monotonic() - began < 10)
print(run(["runs", "list", "bomb"]))
"""
    words = ["runs show {}", "runs verify {}", "runs show {}", "runs show {}", "train --resume {}"]
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:5] == [f"{kind} 2 True" for kind in "abcde"], done.stderr
    said = done.stderr.splitlines()
    named = ["summary.json", "model.npz", "config.yaml", seals.SUMS, "checkpoint.npz"]
    assert len(said) == 5, said
    for line, kind, name in zip(said, "abcde", named, strict=True):
        assert re.match(f"error: bomb/{kind}(/|: ){name}", line), line
    assert len(re.findall("damaged", done.stdout)) >= 2


@systems.needs_links
@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda p: p.stem)
def test_a_spoiled_config_is_refused_with_its_line_or_good(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("data").symlink_to(ROOT / "configs" / "data")
    rng = random.Random(path.stem)
    for _ in range(20):
        Path("c.yaml").write_bytes(mutated(path.read_bytes(), rng))
        began = time.monotonic()
        code = run(["check", "c.yaml"])
        assert time.monotonic() - began < 10
        said = capsys.readouterr().err
        assert code in (0, 2, 3)
        assert (code == 0) == (said == "")
        assert all(
            line.startswith(("error: c.yaml", "error: data/")) for line in said.splitlines()
        ), said
    assert [each.name for each in tmp_path.iterdir() if each.name[0] != "."] in (
        ["data", "c.yaml"],
        ["c.yaml", "data"],
    )


# ---- nothing acts on the terminal or in a picture ------------------------------------

EVIL = "[red]\x1b[2J\x1b]0;x\x07\u202e$x_{$<script>alert(1)</script>"
ACTS = ("\x1b[2J", "\x1b]0;", "\x07", "\u202e", "\x9b", "\u2066", "\r")


class Terminal(io.StringIO):
    """A terminal, on which rich draws."""

    encoding = "utf-8"

    def isatty(self):
        return True


def hostile():
    """Tables and configs whose every name means harm."""
    names = [f"a{EVIL}", "b\n2", "c[/]", "=d", f"t{EVIL}"]
    labels = [f"k{EVIL}", "=1+1\x9b31m", "[bold]m\u2066"]
    rng = random.Random(0)
    for kind, loss in (("classes", "cross_entropy"), ("values", "mse")):
        with Path(f"{kind}.csv").open("w", newline="") as file:
            write = csv.writer(file).writerow
            write(names)
            for i in range(90):
                k = i % 3
                target = labels[k] if kind == "classes" else k + rng.random()
                words = [f"p{EVIL}", "q\n", "[u]"][i // 3 % 3]
                write([rng.gauss(k), rng.gauss(-k), words, i % 7, target])
        config = {
            "dataset": {"name": "csv", "path": f"{kind}.csv", "target": names[-1]},
            "split": {"test": 0.1},
            "model": "linear",
            "loss": loss,
            "optimizer": "sgd",
            "training": {"epochs": 2},
        }
        Path(f"{title(kind)}.yaml").write_text(json.dumps(config))


def title(kind):
    return f"{kind}[red]\x1b[2J\u202e$x$<b>\n"


@pytest.mark.parametrize(("kind", "terminal"), [("classes", True), ("values", False)])
def test_what_users_name_does_not_act(kind, terminal, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    hostile()
    config = f"{title(kind)}.yaml"
    short = ["--tune", "1", "--tune-seeds", "1", "--seeds", "6", "--no-plots"]
    commands = [
        ["check", config],
        ["train", config, "--out", f"r{title(kind)}"],
        ["gradcheck", "--config", config, "--fast"],
        ["explain", "forward", config],
        ["explain", "backward", config],
        ["compare", "sgd", "adam", "-c", config, *short, "--out", "c"],
        ["compare", config, shutil.copy(config, f"x{title(kind)}.yaml"), *short, "--out", "d"],
        ["runs", "list", "."],
        ["runs", "show", f"r{title(kind)}"],
        ["runs", "diff", f"r{title(kind)}", f"r{title(kind)}"],
        ["runs", "verify", f"r{title(kind)}"],
        [EVIL],
        [f"--{EVIL}"],
        ["train", EVIL],
        ["check", config, "--set", f"{EVIL}=1"],
        ["check", config, "--set", f"optimizer={EVIL}"],
        ["check", config, "--seed", EVIL],
        ["explain", EVIL],
        ["list", EVIL],
        ["gradcheck", EVIL],
        ["trace", EVIL, "sgd"],
        ["trace", "beale", EVIL],
        ["compare", "sgd", "adam", "--metric", EVIL],
        ["compare", "sgd", "adam", "--backend", EVIL],
        ["list", "--plugin", EVIL],
        ["train", "--resume", EVIL],
    ]
    for number, command in enumerate(commands):
        stream = Terminal() if terminal else io.StringIO()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", stream)
            code = run(command)
        assert code == (0 if number < 11 else 2), command
        said = stream.getvalue() + capsys.readouterr().err
        ours = [mark for mark in ACTS if mark in said]
        if terminal:
            ours = [mark for mark in ours if mark != "\r"]  # rich moves the cursor itself
        assert ours == [], command
        if not terminal:
            assert all(c.isprintable() or c == "\n" for c in said), command
    for picture in Path(f"r{title(kind)}").glob("*.png"):
        assert picture.stat().st_size > 1000


def test_a_line_is_a_line_without_control_characters():
    stream = io.StringIO()
    Output(stream).line(f"a\n{EVIL}")
    assert stream.getvalue().count("\n") == 1
    assert stream.getvalue()[:-1].isprintable()


def test_names_in_pictures_are_text():
    from optcli.plots.matrix import confusion

    labels = [f"k{EVIL}", "$\\frac{$", "<b>&amp;</b>"]
    figure = confusion(np.eye(3, dtype=int), labels, EVIL)
    found = ElementTree.fromstring(plots.render(figure, "svg"))
    names = {element.tag.rpartition("}")[2] for element in found.iter()}
    assert "script" not in names
    assert "b" not in names


def test_json_is_json_whatever_the_names(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    hostile()
    config = f"{title('classes')}.yaml"
    for command in (
        ["check", config],
        ["train", config, "--out", "r", "--no-plots"],
        ["runs", "show", "r"],
        ["gradcheck", "--config", config, "--fast"],
    ):
        assert run([*command, "--json"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert all(line.isascii() and "event" in json.loads(line) for line in lines)
    columns = Trained.load(Path("r/model.npz")).encoder.features
    assert columns[0].name == f"a{EVIL}", "the file holds the name as it is"


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_a_byte_turned_at_any_percent_is_named_or_nothing_differs(kind, here, capsys):
    def shown():
        code = run(["runs", "show", kind])
        return code, *capsys.readouterr()

    whole = shown()
    assert whole[0] == 0
    named = 0
    # parts of a benchmark are comparisons, which stand in no file of it
    places = [Path(kind), *([Path(kind, "best")] if kind == "compare" else [])]
    for path in sorted(path for place in places for path in place.iterdir() if path.is_file()):
        content = path.read_bytes()
        if path.suffix == ".png" or not content:
            continue
        for percent in range(100):
            changed = bytearray(content)
            changed[percent * len(content) // 100] ^= 1 << percent % 8
            path.write_bytes(bytes(changed))
            code, out, err = shown()
            if code:
                named += 1
                assert code in (2, 3)
                assert path.name in err or kind in err, err
            else:
                assert out == whole[1], (path.name, percent)
        path.write_bytes(content)
    assert named >= 100
