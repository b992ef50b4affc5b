"""Resume: a run that goes on ends with the bits of one that never stopped."""

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import optcli
from optcli import config as configs
from optcli import training
from optcli.api import train as api
from optcli.api.check import Setup
from optcli.api.resume import restored
from optcli.cli.main import run as command
from optcli.core.errors import InvalidInput
from optcli.core.events import Ended, EpochEnded, Progress
from optcli.data.checksum import checksum
from optcli.optimizers.base import OPTIMIZERS
from optcli.schedules.base import SCHEDULES
from optcli.storage import run_folder, seals
from optcli.training import loop, train_cohort
from optcli.training.settings import EarlyStopping, GradientNoise
from tests import systems
from tests.cohorts import cohort, data
from tests.forks import Forks

ROOT = Path(__file__).parent.parent
CONFIG = {
    "dataset": {"name": "moons", "samples": 100, "noise": 0.2},
    "split": {"validation": 0.2, "test": 0.1},
    "model": {"name": "mlp", "hidden": [6], "dropout": 0.2, "batch_norm": True},
    "loss": "binary_cross_entropy",
    "optimizer": {"name": "adam", "lr": 0.02},
    "schedule": {"name": "cosine", "warmup": 3},
    "training": {"epochs": 8, "batch_size": 16, "gradient_noise": {}, "checkpoint_every": 1},
}


# ---- a cohort ------------------------------------------------------------------------


def copied(state):
    return {name: np.array(value, copy=True) for name, value in state.arrays().items()}


def same(one, two):
    """Whether two states have the same bits, but for the clock."""
    assert one.keys() == two.keys()
    for name in one.keys() - {"seconds"}:
        assert one[name].tobytes() == two[name].tobytes(), name


def check_every_step(made, least=24):
    """Stop after each step, go on from a copy, and compare what comes.

    From every fifth the run goes on to its end, from the others for three events: where the
    state after a step has the same bits, so has the next.
    """
    stops, ends, rows = [], None, []
    for event in train_cohort(made):
        if isinstance(event, EpochEnded):
            rows.append(event.row())
        if isinstance(event, Progress | EpochEnded):
            stops.append((copied(event.state), len(rows)))
        if isinstance(event, Ended):
            ends = copied(event.state)
    assert len(stops) >= least
    for number, (arrays, done) in enumerate(stops):
        again = rows[:done]
        saved = {name: value.copy() for name, value in arrays.items()}
        whole = number % 5 == 0 or number + 3 >= len(stops)
        seen = 0
        for event in train_cohort(made, resume=arrays):
            if isinstance(event, EpochEnded):
                again.append(event.row())
            if isinstance(event, Progress | EpochEnded):
                seen += 1
                same(copied(event.state), stops[number + seen][0])
                if seen == 3 and not whole:
                    break
        if whole:
            assert isinstance(event, Ended)
            same(copied(event.state), ends)
            assert len(again) == len(rows)
        same(arrays, saved)  # what is read is not written
        for one, two in zip(again, rows, strict=False):
            one, two = ({k: v for k, v in row.items() if k != "seconds"} for row in (one, two))
            np.testing.assert_equal(one, two)


@pytest.fixture
def steps_apart(monkeypatch):
    """An event after each step."""
    monkeypatch.setattr(loop, "PROGRESS_SECONDS", -1.0)


@pytest.mark.parametrize("name", OPTIMIZERS.names())
def test_every_optimizer_goes_on_from_any_step(name, steps_apart):
    rows = data(rows=50, validation=10, features=2, outputs=2)
    made = cohort([name], prepared=rows, hidden=(3,), epochs=4, batch_size=16)
    check_every_step(made, least=16)


@pytest.mark.parametrize("name", SCHEDULES.names())
def test_every_schedule_goes_on_from_any_step(name, steps_apart):
    fields = {"multistep": {"milestones": (0.3, 0.7)}, "step": {"every": 0.3}}.get(name, {})
    schedule = SCHEDULES.find(name)(**fields)
    check_every_step(cohort(["adam"], schedule=schedule, hidden=(4,), epochs=6, batch_size=16))


@pytest.mark.parametrize(
    "settings",
    [
        {"early_stopping": EarlyStopping(patience=2)},
        {"gradient_noise": GradientNoise()},
        {"clip_norm": 0.5, "clip_value": 0.1},
        {"metrics": ("accuracy",)},
        {"prepared": data(weighted=True)},
    ],
    ids=["early stopping", "noise", "clipping", "metrics", "sample weights"],
)
def test_whatever_else_lasts_goes_on_from_any_step(settings, steps_apart):
    from optcli.metrics import METRICS

    settings = dict(settings)
    metrics = tuple(METRICS.find(metric)() for metric in settings.pop("metrics", ()))
    optimizers = [OPTIMIZERS.find("adam")(lr=0.3), OPTIMIZERS.find("sgd")(lr=1.0)]
    made = cohort(optimizers, seeds=[1, 2], epochs=12, batch_size=13, metrics=metrics, **settings)
    check_every_step(made, least=8)


def test_a_state_of_another_cohort_is_refused():
    first = cohort(["adam"], hidden=(4,))
    *_, event = train_cohort(first)
    arrays = copied(event.state)
    with pytest.raises(ValueError, match="parameters is"):
        next(train_cohort(cohort(["adam"], hidden=(5,)), resume=arrays))
    with pytest.raises(ValueError, match="do not fit this config"):
        next(train_cohort(cohort(["sgd"], hidden=(4,)), resume=arrays))


def test_stop_ends_after_a_step(steps_apart):
    asked = iter([False] * 7)
    events = list(train_cohort(cohort(["sgd"]), stop=lambda: next(asked, True)))
    assert events[-1].outcomes == ("interrupted",)
    assert events[-1].steps[0] == 7


# ---- a run ---------------------------------------------------------------------------


def history(folder):
    with (folder / "history.csv").open(newline="") as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


def agree(one, two):
    """Whether two run folders hold the same results."""
    assert history(one) == history(two)
    assert (one / "model.npz").read_bytes() == (two / "model.npz").read_bytes()
    first, second = (json.loads((f / "summary.json").read_text()) for f in (one, two))
    for found in (first, second):
        for name in ("seconds", "samples_per_second"):
            del found[name]
        for row in ("best", "final"):
            (found[row] or {}).pop("seconds", None)
    assert first == second


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "whole"
    optcli.train(CONFIG, out=folder, plots=False)
    return folder


def interrupted(folder, steps, monkeypatch, config=CONFIG):
    """A run that was told to stop after so many steps."""
    monkeypatch.setattr(loop, "PROGRESS_SECONDS", -1.0)
    asked = iter([False] * steps)
    train = training.train_cohort
    with monkeypatch.context() as patch:
        patch.setattr(
            api,
            "train_cohort",
            lambda made, **options: train(
                made, resume=options["resume"], stop=lambda: next(asked, True)
            ),
        )
        return optcli.train(config, out=folder, plots=False)


@pytest.mark.parametrize("steps", [0, 1, 4, 5, 7, 12, 39])
def test_an_interrupted_run_ends_as_the_undisturbed_one(steps, tmp_path, monkeypatch, undisturbed):
    done = interrupted(tmp_path / "r", steps, monkeypatch)
    assert done.summary["outcome"] == "interrupted"
    assert done.summary["steps"] == steps
    again = optcli.resume(tmp_path / "r", plots=False)
    assert again.summary["outcome"] == "completed"
    agree(tmp_path / "r", undisturbed)
    # a second time there is nothing to do
    before = {path: path.read_bytes() for path in (tmp_path / "r").iterdir()}
    assert "nothing was changed" in optcli.resume(tmp_path / "r").notes[0]
    assert {path: path.read_bytes() for path in (tmp_path / "r").iterdir()} == before


def test_more_epochs_make_a_finished_run_go_on(tmp_path):
    config = CONFIG | {"schedule": "constant"}
    short = config | {"training": config["training"] | {"epochs": 5}}
    optcli.train(short, out=tmp_path / "short", plots=False)
    optcli.train(config, out=tmp_path / "whole", plots=False)
    optcli.resume(tmp_path / "short", ["training.epochs=8"], plots=False)
    agree(tmp_path / "short", tmp_path / "whole")
    assert "epochs: 8" in (tmp_path / "short" / "config.yaml").read_text()


def test_what_stopped_early_goes_on_by_another_rule(tmp_path):
    rule = {"patience": 1, "monitor": "train_loss", "min_delta": 10}
    short = CONFIG | {"training": CONFIG["training"] | {"early_stopping": rule}}
    done = optcli.train(short, out=tmp_path / "r", plots=False)
    assert done.summary["outcome"] == "stopped_early"
    assert "nothing was changed" in optcli.resume(tmp_path / "r").notes[0]
    again = optcli.resume(tmp_path / "r", ["training.early_stopping=null"], plots=False)
    assert again.summary["outcome"] == "completed"


def test_the_command_resumes(tmp_path, monkeypatch, capsys, undisturbed):
    interrupted(tmp_path / "r", 11, monkeypatch)
    assert command(["train", "--resume", str(tmp_path / "r"), "--no-plots"]) == 0
    assert "completed after 8 epochs" in capsys.readouterr().out
    agree(tmp_path / "r", undisturbed)
    assert command(["train", "--resume", str(tmp_path / "r")]) == 0
    assert "nothing was changed" in capsys.readouterr().out


REFUSED = {
    "train": "CONFIG: is missing; name a YAML file, or --resume RUN",
    "train a.yaml --resume r": "--resume: cannot be combined with a.yaml",
    "train --resume nowhere": "nowhere: is not a run folder",
    "train --resume r --set optimizer.lr=0.5": (
        "--set optimizer: cannot change when a run is resumed; only training.epochs, "
        "training.steps, training.early_stopping, training.stop_after, "
        "training.checkpoint_every, training.time_limit, training.log can"
    ),
    "train --resume r --set training.batch_size=8": (
        "--set training.batch_size: cannot change when a run is resumed; only training.epochs, "
        "training.steps, training.early_stopping, training.stop_after, "
        "training.checkpoint_every, training.time_limit, training.log can"
    ),
    "train --resume r --set training.epochs=0": ("--set training.epochs: is 0; must be at least 1"),
}


@pytest.mark.parametrize("words", REFUSED)
def test_refused_in_words(words, tmp_path, monkeypatch, capsys, undisturbed):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(undisturbed, "r")
    before = {path: path.read_bytes() for path in Path("r").iterdir()}
    assert command(words.split()) == 2
    assert capsys.readouterr().err.strip() == f"error: {REFUSED[words]}"
    assert {path: path.read_bytes() for path in Path("r").iterdir()} == before


@pytest.mark.parametrize("change", [("\n0.0,a", "\n1.0,a"), (",b,2", ",b,3")])
def test_changed_data_is_refused(change, tmp_path, monkeypatch):
    """Inputs, and sample weights."""
    table = tmp_path / "t.csv"
    rows = (f"{i / 7},{'ab'[i % 2]},{1 + i % 2}\n" for i in range(60))
    table.write_text("x,y,w\n" + "".join(rows))
    config = {
        "dataset": {"name": "csv", "path": str(table), "target": "y", "weights": "w"},
        "model": "linear",
        "loss": "cross_entropy",
        "optimizer": "sgd",
        "training": {"epochs": 3, "batch_size": 16},
    }
    interrupted(tmp_path / "r", 4, monkeypatch, config)
    table.write_text(table.read_text().replace(*change))
    with pytest.raises(InvalidInput, match="data has changed"):
        optcli.resume(tmp_path / "r")


def test_the_checksum_of_version_0_1_left_weights_out(tmp_path, monkeypatch):
    table = tmp_path / "t.csv"
    table.write_text("x,y,w\n" + "".join(f"{i / 7},{'ab'[i % 2]},{1 + i % 2}\n" for i in range(60)))
    config = {
        "dataset": {"name": "csv", "path": str(table), "target": "y", "weights": "w"},
        "model": "linear",
        "loss": "cross_entropy",
        "optimizer": "sgd",
    }
    for version, rules in (("0.1.0", 1), ("0.2.0", 2)):
        setup = Setup.of(configs.load(config), rules)
        old = {"optcli": version, "data_sha256": checksum(setup.data, weights=False)}
        if rules == 1:
            restored(setup.config, old, tmp_path)
            continue
        with pytest.raises(InvalidInput, match="data has changed"):
            restored(setup.config, old, tmp_path)


def test_a_run_in_use_is_refused(tmp_path, undisturbed):
    code = (
        "import sys, time; from pathlib import Path; from optcli.storage.lock import lock\n"
        "with lock(Path(sys.argv[1])):\n    print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(undisturbed)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(InvalidInput) as error:
        optcli.resume(undisturbed)
    by = f"process {holder.pid}" if os.name == "posix" else "another process"
    assert str(error.value) == f"{undisturbed}: is in use by {by}; wait until it ends"
    holder.kill()
    holder.communicate()
    # the lock of the dead is taken over
    assert "nothing was changed" in optcli.resume(undisturbed).notes[0]


# ---- diverged ------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["stop", "continue"])
def test_divergence_is_found_with_its_step(rule, tmp_path):
    config = CONFIG | {
        "dataset": {"name": "linear", "samples": 100},
        "split": {"validation": 0.2},
        "model": "linear",
        "loss": "mse",
        "optimizer": {"name": "sgd", "lr": 1e30},
        "schedule": "constant",
        "training": {"epochs": 3, "batch_size": 16, "on_divergence": rule},
    }
    done = optcli.train(config, out=tmp_path / "r", plots=False)
    assert done.summary["outcome"] == "diverged"
    # mse squares 1e30 at the second step
    assert done.summary["diverged"]["step"] == done.summary["steps"] == 2
    assert len(done.history["epoch"]) == (1 if rule == "stop" else 3)
    assert np.isfinite(done.trained.parameters).all()
    kept = json.loads((tmp_path / "r" / "summary.json").read_text())
    assert set(kept["diverged"]) == {"step", "gradient_norm", "parameter_norm"}


@pytest.mark.parametrize("rule", ["stop", "continue"])
def test_an_interruption_near_a_divergence_changes_nothing(rule, tmp_path, monkeypatch):
    """Before, in and after the step; it is looked for every 256 steps of an epoch."""
    config = CONFIG | {
        "dataset": {"name": "linear", "samples": 320},
        "split": {"validation": 0.2},
        "model": "linear",
        "loss": "mse",
        "optimizer": {"name": "sgd", "lr": 80.0},
        "schedule": "constant",
        "training": {"epochs": 2, "batch_size": 1, "on_divergence": rule},
    }
    whole = interrupted(tmp_path / "whole", 10_000, monkeypatch, config)
    at = whole.summary["diverged"]["step"]
    assert 3 < at < 200
    moments = {1, at - 1, at, at + 1, 255, 256} | ({257, 258, 400} if rule == "continue" else set())
    for steps in sorted(moments):
        done = interrupted(tmp_path / str(steps), steps, monkeypatch, config)
        assert done.summary["steps"] == steps or done.summary["outcome"] == "diverged"
        again = optcli.resume(tmp_path / str(steps), plots=False)
        agree(tmp_path / str(steps), tmp_path / "whole")
        assert len(again.history["epoch"]) == (1 if rule == "stop" else 2)


# ---- signals and kills ---------------------------------------------------------------

LONG = ["--set", "training.epochs=100000", "--set", "training.checkpoint_every=1000"]


def started(folder, *options):
    """A training of its own process that has begun."""
    call = [sys.executable, "-m", "optcli", "train", "configs/moons.yaml", "--out", str(folder)]
    process = subprocess.Popen(
        [*call, *options], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    line = process.stdout.readline()
    assert line.startswith("epoch"), line + process.stderr.read()
    return process


@systems.needs_interrupts
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_checkpoint_summary_and_plot(number, code, tmp_path):
    process = started(tmp_path / "r", *LONG)
    process.send_signal(number)
    said, wrong = process.communicate(timeout=20)
    assert (process.returncode, wrong) == (code, "")
    assert "interrupted after" in said
    found = json.loads((tmp_path / "r" / "summary.json").read_text())
    assert found["outcome"] == "interrupted"
    for name in ("checkpoint.npz", "model.npz", "loss.png", "checksums.json", "history.csv"):
        assert (tmp_path / "r" / name).stat().st_size
    seals.check_seal(tmp_path / "r")


@systems.needs_interrupts
def test_a_second_signal_ends_at_once(tmp_path):
    """One that comes within half a second is the first: `timeout`, say, sends two."""
    slow = tmp_path / "slow.py"  # to write the end takes longer than both
    slow.write_text(
        "import time\n"
        "from optcli.storage import seals\n"
        "seal = seals.seal\n"
        "seals.seal = lambda *args: (time.sleep(4), seal(*args))\n"
    )
    process = started(tmp_path / "r", *LONG, "--no-plots", "--plugin", str(slow))
    began = time.monotonic()
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.7)
    _, said = process.communicate(timeout=20)
    assert process.returncode == -signal.SIGINT, said  # as the shell sees it, 130
    assert time.monotonic() - began < 5


KILLED = {"training": CONFIG["training"] | {"epochs": 60}}


@pytest.fixture(scope="module")
def whole_of_killed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("killed") / "whole"
    path = write(folder.parent / "c.yaml")
    optcli.train(path, out=folder, plots=False)
    return path, folder


def write(path):
    """The config as a file."""
    from optcli.config.writing import written

    path.write_text(written(CONFIG | KILLED))
    return path


def kill(times, tmp_path, path, whole, seed):
    """Kill a run at random moments until it has ended, so many times in all."""
    chance = random.Random(seed)
    killed = number = 0
    quiet = ["--no-plots", "--quiet"]
    short = ["--set", "training.epochs=1", "--out", str(tmp_path / "first")]
    with Forks("train", str(path), *short, *quiet) as forks:
        while killed < times:
            folder = tmp_path / str(number)
            number += 1
            words = ["train", str(path), "--out", str(folder)]
            while killed < times:
                code = forks.run(chance.uniform(0, 0.4), *words, *quiet)
                assert code in (0, -signal.SIGKILL)
                if code == 0:
                    break
                killed += 1
                if folder.exists():
                    check_whole(folder)
                    words = ["train", "--resume", str(folder)]
            if folder.exists():
                optcli.resume(folder, plots=False)
                agree(folder, whole)


def check_whole(folder):
    """What has its final name can be read."""
    assert run_folder.is_own(folder)
    for path in folder.iterdir():
        if path.suffix == ".npz":
            np.load(path, allow_pickle=False).close()
        if path.suffix == ".json":
            json.loads(path.read_text())


@systems.needs_fork
def test_a_killed_run_ends_as_the_undisturbed_one(tmp_path, whole_of_killed):
    kill(5, tmp_path, *whole_of_killed, seed=0)


@systems.needs_fork
@pytest.mark.long
def test_two_hundred_kills(tmp_path, whole_of_killed):
    kill(200, tmp_path, *whole_of_killed, seed=1)


def test_twenty_runs_of_a_second_have_twenty_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    short = CONFIG | {"training": {"epochs": 1}}
    with monkeypatch.context() as patch:
        patch.setattr(time, "strftime", lambda _: "20260101-000000")
        for _ in range(20):
            optcli.train(short, plots=False)
    assert len(list((tmp_path / "runs").iterdir())) == 20


def test_the_environment_of_threads_changes_nothing(tmp_path, whole_of_killed):
    path, whole = whole_of_killed
    environment = os.environ | {
        "OMP_NUM_THREADS": "2",
        "OPENBLAS_NUM_THREADS": "2",
        "TZ": "Asia/Kathmandu",
        "LC_ALL": "C",
        "PYTHONHASHSEED": "7",
    }
    out = tmp_path / "r"
    call = [sys.executable, "-m", "optcli", "train", str(path), "--out", str(out)]
    done = subprocess.run([*call, "--no-plots", "--quiet"], cwd=ROOT, env=environment, check=False)
    assert done.returncode == 0
    agree(out, whole)
