"""Faults: the disk fails at any write, a file is damaged anywhere; nothing wrong is believed."""

import ast
import errno
import io
import json
import os
import re
import shutil
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

import optcli
from optcli.cli.main import run as command
from optcli.comparison import run_comparison
from optcli.core.errors import EnvironmentFailed, InvalidInput
from optcli.storage import files, run_folder, seals
from optcli.training.checkpoints import read_checkpoint
from optcli.training.model_file import Trained
from tests import systems
from tests.for_each import for_each
from tests.test_resume import agree

HOUSE = Path(__file__).parent.parent / "optcli"
CONFIG = {
    "dataset": {"name": "moons", "samples": 60},
    "model": {"name": "mlp", "hidden": [4]},
    "loss": "binary_cross_entropy",
    "optimizer": {"name": "adam", "lr": 0.05},
    "training": {"epochs": 2, "batch_size": 16, "checkpoint_every": 1},
}


# ---- every write may fail ------------------------------------------------------------

CALLS = ("open", "write", "fsync", "replace", "rename", "mkdir", "ftruncate")


@pytest.fixture(autouse=True)
def without_waiting(monkeypatch):
    """No test here loses power: what is written need not reach the disk at once."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


class Disk:
    """Counts the changes of the disk, and fails at one of them."""

    def __init__(self, monkeypatch, fails=0, number=errno.ENOSPC):
        self.count, self.fails, self.number = 0, fails, number
        for name in CALLS:
            monkeypatch.setattr(os, name, self.counted(getattr(os, name)))

    def counted(self, call):
        def wrapped(*arguments, **options):
            self.count += 1
            if self.count == self.fails:
                raise OSError(self.number, os.strerror(self.number))
            return call(*arguments, **options)

        return wrapped


def calls(monkeypatch, action):
    """How many changes of the disk an action makes."""
    with monkeypatch.context() as patch:
        disk = Disk(patch)
        action()
        return disk.count


def failure(monkeypatch, action, number, kind=errno.ENOSPC):
    """What is said when the number-th change of the disk fails; None where that did no harm."""
    with monkeypatch.context() as patch:
        Disk(patch, number, kind)
        try:
            action()
        except EnvironmentFailed as error:
            return str(error)
    return None


@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.long)])
def test_a_run_survives_an_error_at_any_write(every, tmp_path, monkeypatch):
    train = lambda out: optcli.train(CONFIG, out=out, plots=False)  # noqa: E731
    total = calls(monkeypatch, lambda: train(tmp_path / "whole"))
    assert total > 60
    failed = 0
    for number in range(1, total + 1, every):
        out = tmp_path / str(number)
        kind = (errno.ENOSPC, errno.EIO)[number % 2]
        said = failure(monkeypatch, lambda: train(out), number, kind)  # noqa: B023
        if said is not None:
            failed += 1
            assert str(out) in said
            assert os.strerror(kind) in said
            assert "(volume /" in said
        if out.exists() and run_folder.is_own(out):
            for path in out.glob("*.npz"):
                files.read_arrays(path)
            optcli.resume(out, plots=False)
            agree(out, tmp_path / "whole")
        leftovers = [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]
        assert not leftovers
    assert failed > total / every / 2


@pytest.mark.long
def test_a_comparison_survives_an_error_at_any_write(tmp_path, monkeypatch):
    # takes time, and writes nothing
    monkeypatch.setattr(run_comparison, "relative_step_times", lambda _: {})
    settings = optcli.ComparisonSettings(tune=1, seeds=6)

    def compare(out):
        optcli.compare(["sgd", "adam"], CONFIG, settings=settings, out=out, plots=False)

    total = calls(monkeypatch, lambda: compare(tmp_path / "whole"))
    for number in range(1, total + 1):
        out = tmp_path / str(number)
        said = failure(monkeypatch, lambda: compare(out), number)  # noqa: B023
        assert said is None or "No space left" in said
        compare(out)
        for name in ("runs.csv", "history.csv"):
            assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_the_command_says_which_file_and_volume(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(json.dumps(CONFIG))
    with monkeypatch.context() as patch:
        Disk(patch, 9)
        assert command(["train", "c.yaml", "--out", "r"]) == 3
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "No space left on device (volume /" in said


@systems.needs_modes
@pytest.mark.skipif(not getattr(os, "geteuid", int)(), reason="root may write everywhere")
def test_a_folder_without_permission(tmp_path):
    (tmp_path / "no").mkdir(mode=0o500)
    with pytest.raises(EnvironmentFailed, match="Permission denied"):
        optcli.train(CONFIG, out=tmp_path / "no" / "r")


WRITES = ("write_text", "write_bytes", "savefig", "savez", "savez_compressed", "save", "savetxt")
WRITES += ("mkdir", "makedirs", "rename", "replace", "unlink", "rmtree", "touch", "symlink_to")
NAMED = "|".join(("open", *WRITES))
WRITERS = [f"storage/{n}.py" for n in ("files", "lock", "seals", "run_folder", "destination")]


@for_each("path", sorted(HOUSE.rglob("*.py")), ids=lambda p: str(p.relative_to(HOUSE)))
def test_writes_go_through_files_and_folders_alone(path):
    text = path.read_text()
    if path.relative_to(HOUSE).as_posix() in WRITERS or not re.search(rf"\b({NAMED})\b", text):
        return
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        method = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if method not in ("open", *WRITES):
            continue
        called = ast.unparse(node.func)
        if method == "open":
            modes = [
                a.value
                for a in (*node.args, *(k.value for k in node.keywords))
                if isinstance(a, ast.Constant) and isinstance(a.value, str)
            ]
            assert not any(mode.startswith(("w", "a", "x", "r+")) for mode in modes), called
        if method in WRITES and not _harmless(called, node):
            raise AssertionError(f"{path.name}:{node.lineno} calls {called}")


def _harmless(called, node):
    """Methods of other things that go by these names."""
    owner, _, method = called.rpartition(".")
    if method == "replace":  # of text, or of a dataclass
        return len(node.args) != 1 or not owner or bool(node.keywords)
    if method == "save":
        return True  # a model, a GIF into memory
    return method == "savefig"  # into memory


# ---- every file may be damaged -------------------------------------------------------


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "r"
    optcli.train(CONFIG, out=folder, plots=False)
    return folder


@pytest.mark.parametrize(
    "name",
    [
        "config.yaml",
        "environment.json",
        "history.csv",
        "summary.json",
        "model.npz",
        "checkpoint.npz",
    ],
)
@pytest.mark.parametrize("how", ["flipped", "cut"])
def test_a_sealed_file_damaged_anywhere_is_named(name, how, whole, tmp_path):
    folder = tmp_path / "r"
    shutil.copytree(whole, folder)
    content = (folder / name).read_bytes()
    for percent in range(100):
        at = percent * len(content) // 100
        changed = bytearray(content)
        changed[at] ^= 1 << percent % 8
        (folder / name).write_bytes(bytes(changed) if how == "flipped" else content[:at])
        with pytest.raises(InvalidInput, match=f"{name}: is (damaged|missing)"):
            optcli.resume(folder, ["training.epochs=3"])


@pytest.mark.parametrize("name", ["model.npz", "checkpoint.npz"])
@pytest.mark.parametrize("how", ["flipped", "cut"])
def test_arrays_damaged_anywhere_are_refused_or_whole_without_a_seal(name, how, whole, tmp_path):
    """A run that was killed has no checksums.json; the archive's own sums must do."""
    content = (whole / name).read_bytes()
    path = tmp_path / name
    right, _ = files.read_arrays(whole / name)
    inside, refused = stored(whole / name), set()
    for part in range(400):
        at = part * len(content) // 400
        changed = bytearray(content)
        changed[at] ^= 1 << part % 8
        path.write_bytes(bytes(changed) if how == "flipped" else content[:at])
        try:
            arrays, _ = files.read_arrays(path)
            (Trained.load if name == "model.npz" else read_checkpoint)(path)
        except InvalidInput as error:
            refused.add(at)
            assert str(path) in str(error)  # noqa: PT017
            continue
        assert {k: v.tobytes() for k, v in arrays.items()} == {
            k: v.tobytes() for k, v in right.items()
        }
    tried = {part * len(content) // 400 for part in range(400)}
    assert len(tried & inside) > 200
    assert refused >= tried & inside if how == "flipped" else refused == tried


def stored(path):
    """The places in an archive that are those of its entries' bytes; the rest is zip's own."""
    content, places = path.read_bytes(), set()
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            head = entry.header_offset  # of 30 bytes; the last four are the lengths of two fields
            name, extra = struct.unpack("<HH", content[head + 26 : head + 30])
            start = head + 30 + name + extra
            places.update(range(start, start + entry.compress_size))
    return places


def archive(path, contents, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in contents.items():
            file.writestr(name, content)


def array(value, **options):
    stream = io.BytesIO()
    np.save(stream, value, **options)
    return stream.getvalue()


def header(shape):
    """An array of zeros that tells of another shape."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "<f8", "fortran_order": False, "shape": shape}
    )
    return stream.getvalue() + bytes(80)


BAD = {
    "objects": ({"a.npy": array(np.array([{}], object), allow_pickle=True)}, zipfile.ZIP_STORED),
    "a bomb": ({"a.npy": array(np.zeros(1_000_000))}, zipfile.ZIP_DEFLATED),
    "a shape that is not there": ({"a.npy": header((10**12,))}, zipfile.ZIP_STORED),
    "no description": ({"a.npy": array(np.zeros(3))}, zipfile.ZIP_STORED),
    "no array": ({"description.npy": b"hello"}, zipfile.ZIP_STORED),
}


DESCRIPTION = {"description.npy": array(np.frombuffer(b"{}", np.uint8))}


def test_an_entry_that_is_shorter_than_it_says_is_refused(tmp_path):
    """The list of the archive says more bytes of an entry than are there."""
    path = tmp_path / "model.npz"
    archive(path, {"a.npy": header((23,)), **DESCRIPTION})
    content = bytearray(path.read_bytes())
    told = len(header((23,))) - 80 + 23 * 8
    at = content.index(b"PK\x01\x02") + 24  # of the first entry of the list: its size unpacked
    content[at : at + 4] = struct.pack("<I", told)
    content[-2:] = struct.pack("<H", 200)  # a comment, so that the sizes are below the file's
    path.write_bytes(content + bytes(200))
    with pytest.raises(InvalidInput, match="is damaged"):
        files.read_arrays(path)


def test_texts_without_a_letter_are_refused(tmp_path):
    """NumPy gives them one, which nothing would fill."""
    stream = io.BytesIO()
    told = {"descr": "<U0", "fortran_order": False, "shape": (3,)}
    np.lib.format.write_array_header_1_0(stream, told)
    archive(tmp_path / "model.npz", {"a.npy": stream.getvalue(), **DESCRIPTION})
    with pytest.raises(InvalidInput, match="is damaged"):
        files.read_arrays(tmp_path / "model.npz")


@pytest.mark.parametrize("kind", BAD)
def test_a_crafted_archive_is_refused(kind, tmp_path):
    path = tmp_path / "model.npz"
    archive(path, *BAD[kind])
    with pytest.raises(InvalidInput, match="is damaged"):
        Trained.load(path)


def test_a_newer_format_is_said(tmp_path, whole):
    arrays, description = files.read_arrays(whole / "model.npz")
    path = tmp_path / "model.npz"
    files.write_arrays(path, arrays, description | {"format": 99, "optcli": "9.0"})
    with pytest.raises(InvalidInput, match=r"is of optcli 9\.0; this is"):
        Trained.load(path)


def test_sums_that_lead_outside_are_refused(tmp_path, whole):
    folder = tmp_path / "r"
    shutil.copytree(whole, folder)
    (tmp_path / "x").write_text("secret")
    sums = files.read_json(folder / "checksums.json")
    files.write_json(folder / "checksums.json", sums | {"../x": {"bytes": 6, "sha256": ""}})
    with pytest.raises(InvalidInput, match="does not describe it"):
        optcli.resume(folder)


# ---- folders -------------------------------------------------------------------------


def test_overwrite_takes_what_is_optclis_alone(tmp_path, whole):
    folder = tmp_path / "r"
    shutil.copytree(whole, folder)
    (folder / "thesis.docx").write_text("three years of work")
    with pytest.raises(InvalidInput, match=r"holds 'thesis\.docx', which is not optcli's"):
        optcli.train(CONFIG, out=folder, overwrite=True)
    with pytest.raises(InvalidInput, match=r"thesis\.docx"):
        run_folder.remove(folder)
    assert (folder / "model.npz").exists()
    (folder / "thesis.docx").unlink()
    optcli.train(CONFIG, out=folder, overwrite=True, plots=False)
    seals.check_seal(folder)
    run_folder.remove(folder)
    assert not folder.exists()


def test_a_folder_that_is_not_empty_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    for overwrite, words in ((False, "is not empty"), (True, "was not made by optcli")):
        with pytest.raises(InvalidInput, match=words):
            optcli.train(CONFIG, out=tmp_path, overwrite=overwrite)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_empty_folder_and_a_new_one_are_taken(tmp_path):
    (tmp_path / "empty").mkdir()
    for name in ("empty", "new/deep"):
        optcli.train(CONFIG, out=tmp_path / name, plots=False)
        seals.check_seal(tmp_path / name)
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o755


def test_runs_that_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("runs").write_text("")
    with pytest.raises(EnvironmentFailed, match="runs: is a file"):
        optcli.train(CONFIG)


def test_a_name_that_is_too_long(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(json.dumps(CONFIG))
    assert command(["train", "c.yaml", "--out", "x" * 300]) == 2
    assert "File name too long" in capsys.readouterr().err
