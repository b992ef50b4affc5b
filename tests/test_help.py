"""The help of every command: its shape, and examples that run."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from optcli.cli.commands import root_command
from optcli.cli.main import run
from optcli.losses.base import LOSSES
from optcli.plugins import loading

ROOT = Path(__file__).parent.parent
PLUGIN = """
from dataclasses import dataclass
from optcli.plugins import LOSSES, PlainLoss

@LOSSES.register("of_the_help")
@dataclass(frozen=True)
class Squares(PlainLoss):
    "Half of the squared error."

    def batch(self, scores, target):
        r = scores - target
        return (r**2).sum(axis=1) / 2, r
"""


def commands():
    """All commands by what is typed, groups left out."""
    found = {}

    def look(command, words):
        if not hasattr(command, "list_commands"):
            found[" ".join(words)] = command
            return
        for name in command.list_commands(None):
            look(command.get_command(None, name), [*words, name])

    look(root_command(), [])
    return found


COMMANDS = commands()
EXAMPLES = [line for each in COMMANDS.values() for line in each.epilog.splitlines()]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_help_fits_the_width_and_ends_with_examples(width, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(width))
    for words, command in [*COMMANDS.items(), ("", None), ("runs", None), ("plugin", None)]:
        assert run([*words.split(), "--help"]) == 0
        lines = capsys.readouterr().out.splitlines()
        heading = max(i for i, line in enumerate(lines) if line.startswith("Example"))
        shown = [line.strip() for line in lines[heading + 1 :]]
        assert 1 <= len(shown) <= 2, words
        assert all(line.startswith(f"optcli {words}".rstrip()) for line in shown), words
        assert command is None or shown == command.epilog.splitlines()
        told = [line for line in lines[:heading] if "|" not in line]
        assert max(map(len, told)) <= width, words
        assert not any("<=" in line or "9223372036854775807" in line for line in lines), words


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder as a reader of the examples has it: configs, runs, shards and a plug-in."""
    made = tmp_path_factory.mktemp("examples")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made)
        shutil.copytree(ROOT / "configs", "configs")
        Path("my_loss.py").write_text(PLUGIN)
        short = ["--quiet", "--no-plots", "--set", "training.epochs=5"]
        assert run(["train", "configs/iris.yaml", "--out", "runs/iris", *short]) == 0
        shutil.copytree("runs/iris", "runs/other")
        few = ["--tune", "1", "--seeds", "2", "--quiet"]
        own = ["--config", "configs/iris.yaml", "--out", "runs/compare-iris"]
        assert run(["compare", "sgd", "adam", *few, *short[1:], *own]) == 0
        for k in (1, 2):
            own = ["--shard", f"{k}/2", "--out", f"shards/{k}"]
            assert run(["compare", "sgd", "adam", *few, *own]) == 0
        yield made


# What commands that train again say, and one on the loss of a landscape.
NOTES = r"note: training \w+ again to .*|note: the loss is shown without the penalty of .*"


@pytest.mark.long  # the pages have most of them
@pytest.mark.parametrize("line", EXAMPLES)
def test_every_example_runs(line, folder, capsys):
    _, *words = shlex.split(line)
    Path("config.yaml").unlink(missing_ok=True)
    if "config.yaml" in words:  # that of a reader who has followed the example of init
        assert run(["init"]) == 0
    with pytest.MonkeyPatch.context() as patch:  # no plug-in stays for other tests
        LOSSES.names()
        patch.setattr(LOSSES, "_classes", dict(LOSSES._classes))
        patch.setattr(loading, "loaded", [])
        assert run(words) == 0
    said = capsys.readouterr()
    assert [line for line in said.err.splitlines() if not re.fullmatch(NOTES, line)] == []
    assert said.out or words[:2] == ["runs", "remove"]
