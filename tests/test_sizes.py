"""Sizes: wide rows in pieces of bytes, blocks that are refused, many targets, huge cells."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import optcli
from optcli.api.check import check
from optcli.cli.main import run
from optcli.data import checksum, columns, encoding, preparation
from optcli.plots import figures
from optcli.training import checks
from tests import systems

WIDE = """\
dataset: {name: csv, path: w.csv, target: y, categorical: [id], cache: cache, stream: true}
split: {validation: 0.1}
model: linear
loss: binary_cross_entropy
optimizer: {name: sgd, lr: 0.1}
training: {epochs: 1, batch_size: 64}
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def wide(rows):
    """A table with a category for each row."""
    Path("w.csv").write_text("id,y\n" + "".join(f"u{i:06},{i % 2}\n" for i in range(rows)))
    Path("w.yaml").write_text(WIDE)


def peak():
    """The most bytes that this process has had in memory, by /proc where there is one.

    A process that was forked from a larger one begins with that one's `ru_maxrss`.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text().splitlines()
        return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmHWM")))
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def test_the_checksum_of_many_categories_is_of_their_indices(here, monkeypatch):
    """Dense, a hundred thousand rows of as many categories would be 40 GB."""
    sums = []
    for rows, most in ((80, 1 << 14), (80, 10), (80, 10), (81, 10)):
        if len(sums) == 2:  # two rows change places
            lines = Path("w.csv").read_text().splitlines()
            lines[3], lines[8] = lines[8], lines[3]
            Path("w.csv").write_text("\n".join(lines))
        else:
            wide(rows)
        monkeypatch.setattr(checksum, "MOST_DENSE", most)
        with monkeypatch.context() as patch:
            if most == 10:
                patch.setattr(encoding.Encoded, "__getitem__", None)
            sums.append(checksum.checksum(check("w.yaml").data))
    assert len(set(sums)) == 4


@systems.needs_peak
def test_wide_rows_are_prepared_and_summed_up_in_little_memory(here):
    """All rows at once would be 324 MB."""
    wide(9000)
    code = "import sys; from optcli.cli.main import run; from tests.test_sizes import peak\n"
    code += "code = run(['check', 'w.yaml'])\n"
    code += "from optcli.api.check import check; check('w.yaml').environment('w')\n"
    code += "print(peak(), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert int(done.stderr) < 220e6, done.stdout


def test_pieces_of_bytes_change_no_checksum(here, monkeypatch):
    wide(300)
    data = optcli.check("w.yaml").data
    whole = checksum.checksum(data)
    monkeypatch.setattr(columns, "PIECE_BYTES", 5000)  # four rows
    assert checksum.checksum(data) == whole
    lengths = [s.stop - s.start for s in columns.pieces_of(slice(7, 18), 1200)]
    assert lengths == [4, 4, 3]


def test_a_block_of_too_many_bytes_is_refused_by_check_and_train(here, monkeypatch, capsys):
    wide(300)
    monkeypatch.setattr(checks, "MOST_BLOCK", 300_000)
    for command in (["check", "w.yaml"], ["train", "w.yaml", "--out", "r"]):
        assert run(command) == 2
        said = capsys.readouterr().err
        assert said == (
            "error: w.yaml:1: dataset: a block of 256 rows takes 0 MB, as a row has 300 inputs, "
            "300 of them categories of 'id'; the most is 0 MB; exclude a column\n"
        )
    assert not Path("r").exists()
    monkeypatch.setattr(checks, "MOST_BLOCK", 256 * 300 * 4)
    assert run(["check", "w.yaml"]) == 0


def test_rows_without_room_in_memory_are_refused_before_they_are_made(here, monkeypatch, capsys):
    wide(300)
    monkeypatch.setattr(preparation, "memory_available", lambda: 300_000.0)
    assert run(["check", "w.yaml", "--set", "dataset.stream=false"]) == 2
    said = capsys.readouterr().err
    assert "300 rows take 0 MB of memory, as a row has 300 inputs, 300 of them" in said
    assert said.endswith("exclude a column, or set dataset.stream: true\n")


def test_of_many_targets_the_worst_are_drawn(here):
    rng = np.random.default_rng(0)
    true = rng.normal(size=(50, 500))
    noise = np.full(500, 0.01)
    noise[100:120] = 2.0
    found = figures._worst(true + noise * rng.normal(size=true.shape), true)
    assert found == list(range(100, 120))
    assert figures._worst(true[:, :20], true[:, :20]) == list(range(20))


def test_a_cell_whose_scores_overflow_is_refused_at_predict(here, capsys):
    rng = np.random.default_rng(0)
    rows = "".join(f"{a:.3f},{b:.3f},{a - b:.3f}\n" for a, b in 9 * rng.normal(size=(60, 2)))
    Path("n.csv").write_text("a,b,y\n" + rows)
    Path("n.yaml").write_text(
        "dataset: {name: csv, path: n.csv, target: y, standardize: false}\nmodel: linear\n"
        "loss: mse\noptimizer: {name: sgd, lr: 0.01}\ntraining: {epochs: 30}\n"
    )
    assert run(["train", "n.yaml", "--out", "r", "--quiet", "--no-plots"]) == 0
    Path("new.csv").write_text("a,b\n1,2\n3.4e38,-3.4e38\n")
    capsys.readouterr()
    assert run(["predict", "r", "new.csv"]) == 2
    said = capsys.readouterr().err
    assert said == (
        "error: new.csv:3: column 'a': is 3.4e+38, for which the model's scores are beyond "
        "float32; correct it\n"
    )
