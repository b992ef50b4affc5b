"""Plug-ins are part of a run's identity: results of two versions never mix."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from optcli.cli.main import run
from optcli.comparison import trials
from optcli.losses.base import LOSSES
from optcli.optimizers.base import OPTIMIZERS
from optcli.plugins import loading, sources

RULE = """\
from dataclasses import dataclass
import numpy as np
from optcli.plugins import OPTIMIZERS, Optimizer
{head}
@OPTIMIZERS.register("{name}")
@dataclass(frozen=True)
class Mine(Optimizer):
    "Mine."
    lr: float = 0.1
    def coefficients(self, t):
        return {{"lr": {rate}}}
    def update(self, x, g, s, lr):
        np.subtract(x, np.multiply(g, lr, s), x)
"""
LOSS = """\
from dataclasses import dataclass
import numpy as np
from optcli.plugins import LOSSES
from optcli.plugins import PlainLoss
@LOSSES.register("own")
@dataclass(frozen=True)
class Own(PlainLoss):
    "Own."
    scales_target = True
    def batch(self, scores, target):
        r = scores - target
        return (r**2).mean(axis=1), {factor} * r / r.shape[1]
"""
CONFIG = """\
dataset: {{name: linear, samples: 60}}
model: linear
loss: {loss}
optimizer: {rule}
training: {{epochs: 2}}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command(words: str) -> int:
    """The command's exit code; it finds and leaves all without plug-ins, as a new process."""
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        for registry in (LOSSES, OPTIMIZERS):
            registry.names()
            patch.setattr(registry, "_classes", dict(registry._classes))
            patch.setattr(registry, "_aliases", dict(registry._aliases))
        patch.setattr(loading, "loaded", [])
        patch.setattr(sources, "_sums", {})
        patch.setattr(sources, "_folders", [])
        try:
            return run(words.split())
        finally:
            here = str(Path.cwd())
            for name in set(sys.modules) - before:
                if str(getattr(sys.modules[name], "__file__", "")).startswith(here):
                    del sys.modules[name]


def rule(file: str = "mine.py", name: str = "mine", rate: str = "self.lr", head: str = "") -> None:
    Path(file).write_text(RULE.format(name=name, rate=rate, head=head))


def config(rule: str = "mine", loss: str = "mse") -> None:
    Path("c.yaml").write_text(CONFIG.format(rule=rule, loss=loss))


def train(plugin: str = "--plugin mine.py") -> None:
    assert command(f"train c.yaml --out r --no-plots --quiet {plugin}") == 0


RESUME = "train --resume r --set training.epochs=4 --no-plots --quiet"
CHANGED = "has changed since this run was made"


def test_a_run_keeps_its_plugins_and_the_modules_they_import(folder):
    Path("pkg").mkdir()
    Path("pkg/__init__.py").write_text("")
    Path("pkg/deep.py").write_text("from . import deeper\n")
    Path("pkg/deeper.py").write_text("FACTOR = 1.0\n")
    Path("late.py").write_text("x = 1\n")
    Path("random.py").write_text("never imported: Python has one of its own\n")
    head = "import json, random\nimport pkg.deep\ndef f():\n    import late\n"
    rule(head=head, rate="self.lr * pkg.deep.deeper.FACTOR")
    config()
    train()
    (told,) = json.loads(Path("r/environment.json").read_text())["plugins"]
    assert told["file"] == "mine.py"
    assert told["registers"] == ["mine"]
    assert [*told["modules"]] == ["late.py", "pkg/__init__.py", "pkg/deep.py", "pkg/deeper.py"]
    sums = {"mine.py": told["sha256"], **told["modules"]}
    for name, found in sums.items():
        line = subprocess.run(["sha256sum", name], capture_output=True, text=True).stdout
        assert line.split()[0] == found


@pytest.mark.parametrize("words", [RESUME, "runs verify r"])
def test_a_changed_plugin_is_refused_and_named(words, capsys):
    rule()
    config()
    train()
    assert command(f"{words} --plugin mine.py") == 0
    state = {path.name: path.read_bytes() for path in Path("r").iterdir()}
    rule(rate="self.lr * 0.5")
    capsys.readouterr()
    assert command(f"{words.replace('=4', '=6')} --plugin mine.py") == 2
    line = capsys.readouterr().err
    assert line.startswith(f"error: mine.py: --plugin: {CHANGED}; restore it, ")
    assert {path.name: path.read_bytes() for path in Path("r").iterdir()} == state


def test_a_changed_module_is_refused_and_named(capsys):
    Path("help.py").write_text("FACTOR = 1.0\n")
    rule(head="import help as h", rate="self.lr * h.FACTOR")
    config()
    train()
    stamp = Path("help.py").stat()
    Path("help.py").write_text("FACTOR = 2.0\n")
    # of the same size and time: a compiled copy would pass for it
    os.utime("help.py", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert command(f"{RESUME} --plugin mine.py") == 2
    assert capsys.readouterr().err.startswith(
        f"error: help.py: --plugin: {CHANGED} (mine.py imports it)"
    )
    Path("help.py").write_text("FACTOR = 1.0\n")
    assert command(f"{RESUME} --plugin mine.py") == 0


def test_a_missing_plugin_is_asked_for(capsys):
    rule()
    rule("other.py", "other")
    config()
    train()
    for words in (RESUME, "runs verify r", "predict r t.csv", f"{RESUME} --plugin other.py"):
        assert command(words) == 2
        message = "mine.py: is a plug-in of this run; add --plugin mine.py\n"
        assert capsys.readouterr().err == f"error: {message}"


def test_the_same_plugin_elsewhere_and_one_beside_it_are_no_change(capsys):
    rule()
    config()
    train()
    Path("lib").mkdir()
    Path("mine.py").rename("lib/renamed.py")
    rule("other.py", "other")
    assert command(f"{RESUME} --plugin other.py --plugin lib/renamed.py") == 0
    Path("patch.py").write_text("x = 1\n")  # registers nothing: it may do anything
    assert command(f"{RESUME} --plugin lib/renamed.py --plugin patch.py") == 2
    message = "patch.py: --plugin: did not exist when this run was made; leave it out\n"
    assert capsys.readouterr().err == f"error: {message}"


def test_prediction_needs_the_loss_and_not_the_optimizer_of_the_run(capsys):
    rule()
    Path("own.py").write_text(LOSS.format(factor=2))
    config(loss="own")
    both = "--plugin own.py --plugin mine.py"
    train(both)
    Path("t.csv").write_text(",".join(f"x{i}" for i in range(1, 11)) + "\n" + "0," * 9 + "1\n")
    rule(rate="self.lr * 0.5")
    status = command(f"predict r t.csv {both}")
    assert status == 0, capsys.readouterr().err
    Path("own.py").write_text(LOSS.format(factor=3))
    assert command(f"predict r t.csv {both}") == 2
    assert capsys.readouterr().err.startswith(f"error: own.py: --plugin: {CHANGED}; restore it, ")


COMPARE = "compare mine sgd --config c.yaml --tune 2 --tune-seeds 1 --seeds 6 --no-plots"


def runs(folder: str, label: str) -> list[str]:
    return [line for line in Path(folder, "runs.csv").read_text().splitlines() if label in line]


def numbers(folder: str, label: str) -> list[list[str]]:
    """The rows of a label without their numbers in the table and checksums."""
    return [line.split(",")[1:-1] for line in runs(folder, f",{label},")]


def test_a_comparison_trains_the_runs_of_a_changed_plugin_again(capsys, monkeypatch):
    rule()
    config(rule="sgd")
    words = f"{COMPARE} --plugin mine.py --out"
    assert command(f"{words} c") == 0
    rule(rate="self.lr * 0.5")
    capsys.readouterr()
    trained: list[str] = []
    plain = trials.train

    def noted(job):
        trained.extend(trial.label for trial in job.trials)
        return plain(job)

    monkeypatch.setattr(trials, "train", noted)
    assert command(f"{words} c") == 0
    assert "mine.py has changed since; its runs are trained again" in capsys.readouterr().out
    assert set(trained) == {"mine"}
    assert command(f"{words} fresh") == 0
    assert numbers("c", "mine") == numbers("fresh", "mine")
    assert numbers("c", "sgd") == numbers("fresh", "sgd")
    trained.clear()
    assert command(f"{words} c") == 0
    assert not trained
    assert command(words.replace("mine", "momentum", 1).replace("--plugin mine.py", "") + " c") == 2
    message = "mine.py: is a plug-in of this comparison; add --plugin mine.py\n"
    assert capsys.readouterr().err == f"error: {message}"


def test_a_comparison_of_a_loss_that_has_changed_trains_all_again(capsys):
    Path("own.py").write_text(LOSS.format(factor=2))
    config(rule="sgd", loss="own")
    words = COMPARE.replace("mine", "momentum") + " --plugin own.py --out"
    assert command(f"{words} c") == 0
    Path("own.py").write_text(LOSS.format(factor=1))
    assert command(f"{words} c") == 0
    assert "own.py has changed since; its runs are trained again" in capsys.readouterr().out
    assert command(f"{words} fresh") == 0
    for label in ("momentum", "sgd"):
        assert numbers("c", label) == numbers("fresh", label)


def test_killed_after_a_change_nothing_of_two_versions_is_left(monkeypatch):
    rule()
    config(rule="sgd")
    words = f"{COMPARE} --plugin mine.py --out c"
    assert command(words) == 0
    rule(rate="self.lr * 0.5")

    def dies(job):
        raise KeyboardInterrupt

    monkeypatch.setattr(trials, "train", dies)
    assert command(words) == 130
    assert not numbers("c", "mine")
    assert numbers("c", "sgd")


def test_a_worker_with_other_code_refuses_the_job(tmp_path):
    rule()
    code = (
        "import sys; from pathlib import Path; from optcli.storage import dispatch\n"
        "from optcli.plugins import loading\n"
        "from optcli.core.errors import InvalidInput\n"
        "if __name__ == '__main__':\n"
        "    path = Path('mine.py').resolve(); loading.load([path]); told = loading.identity()\n"
        "    path.write_text(path.read_text() + '# edited')\n"
        "    pool = dispatch.Pool(2, None, loading.load_same, ([path], told))\n"
        "    try:\n"
        "        with dispatch.opened(pool) as workers: list(workers.run(abs, [1, 2]))\n"
        "    except InvalidInput as error: print(error)\n"
    )
    Path("main.py").write_text(code)
    done = subprocess.run([sys.executable, "main.py"], capture_output=True, text=True)
    assert done.stdout.startswith("mine.py: plugin: has changed since the comparison began")


def test_runs_of_version_0_1_have_no_record_and_go_on():
    source = Path(__file__).parent / "v0_1" / "train" / "adam-interrupted"
    shutil.copytree(source, "old")
    assert "plugins" not in json.loads(Path("old/environment.json").read_text())
    rule()
    assert command("train --resume old --no-plots --quiet --plugin mine.py") == 0
