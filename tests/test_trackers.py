"""Trackers: what is read back of them, runs that go on, and failures that a run outlives."""

from __future__ import annotations

import errno
import importlib.util
import json
import sys
import types
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from tensorboardX.proto import event_pb2
from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData

import optcli
from optcli.api.kept import keep
from optcli.cli.main import run as command
from optcli.core.errors import EnvironmentFailed, Grave, InvalidInput
from optcli.core.events import EpochEnded
from optcli.storage import kinds, run_folder, seals
from optcli.trackers.tensorboard import TensorBoard, records

IRIS = Path(__file__).parent.parent / "configs" / "iris.yaml"
SCORES = {
    *("best_epoch", "best_train_loss", "best_validation_loss", "test_loss", "test_accuracy"),
    *("baseline_best_loss", "baseline_test_loss"),
}


def train(folder, log, *overrides, **more):
    settings = [f"training.log=[{log}]", "training.epochs=6", *overrides]
    return optcli.train(IRIS, settings, out=folder, plots=False, **more)


def events(folder):
    """The events of all files of a run, in order."""
    return [
        event_pb2.Event.FromString(data)
        for path in sorted((folder / "tensorboard").iterdir(), key=lambda each: each.name)
        for _, data in records(path.read_bytes())
    ]


def scalars(folder):
    """For each tag its steps and values."""
    found = {}
    for event in events(folder):
        for value in event.summary.value:
            if not value.HasField("metadata"):
                found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return found


class Stop(Exception):
    pass


def stop_at(epoch):
    def listener(event):
        if isinstance(event, EpochEnded) and event.epoch == epoch:
            raise Stop

    return listener


# ---- TensorBoard ---------------------------------------------------------------------


def test_tensorboard_has_the_history_the_config_and_the_scores(tmp_path):
    run = train(tmp_path / "run", "tensorboard")
    found = scalars(tmp_path / "run")
    assert set(found) >= SCORES | (set(run.history) - {"epoch"})
    for name, values in run.history.items():
        if name != "epoch":
            logged = np.array([value for _, value in found[name]], np.float32)
            assert [step for step, _ in found[name]] == [1, 2, 3, 4, 5, 6]
            assert np.array_equal(logged, np.array(values, np.float32))
    assert found["test_loss"] == [(6, np.float32(run.summary["test"]["loss"]))]
    other = {
        value.tag: value
        for event in events(tmp_path / "run")
        for value in event.summary.value
        if value.HasField("metadata")
    }
    assert b"name: csv\n" in other["config.yaml/text_summary"].tensor.string_val[0]
    content = other["_hparams_/session_start_info"].metadata.plugin_data.content
    start = HParamsPluginData.FromString(content).session_start_info.hparams
    assert start["optimizer.lr"].number_value == 0.01
    assert start["model.activation"].string_value == "relu"


def test_a_run_that_went_on_has_each_epoch_once(tmp_path):
    """Events after the last checkpoint, of a process that died, are dropped; a torn one, too."""
    with pytest.raises(Stop):
        train(
            tmp_path / "run",
            "tensorboard",
            "training.checkpoint_every=4",
            listeners=[stop_at(6)],
        )
    [path] = (tmp_path / "run" / "tensorboard").iterdir()
    assert [step for step, _ in scalars(tmp_path / "run")["train_loss"]] == [1, 2, 3, 4, 5]
    path.write_bytes(path.read_bytes() + path.read_bytes()[:20])
    # of another length, and so with other learning rates from the checkpoint on
    resumed = optcli.resume(tmp_path / "run", ["training.epochs=7"], plots=False)
    longer = optcli.resume(tmp_path / "run", ["training.epochs=8"], plots=False)
    assert resumed.notes == longer.notes == ()
    found = scalars(tmp_path / "run")
    assert [step for step, _ in found["train_loss"]] == list(range(1, 9))
    logged = [value for _, value in found["train_loss"]]
    assert logged == [np.float32(value) for value in longer.history["train_loss"]]
    assert [step for step, _ in found["test_loss"]] == [7, 8]
    tags = [value.tag for event in events(tmp_path / "run") for value in event.summary.value]
    assert tags.count("_hparams_/session_start_info") == 1


def test_a_run_may_be_logged_from_the_middle_on(tmp_path):
    optcli.train(IRIS, ["training.epochs=3"], out=tmp_path / "run", plots=False)
    settings = ["training.epochs=5", "training.log=[tensorboard]"]
    optcli.resume(tmp_path / "run", settings, plots=False)
    assert [step for step, _ in scalars(tmp_path / "run")["lr"]] == [1, 2, 3, 4, 5]


def test_a_run_on_a_test_function_is_logged(tmp_path):
    config = IRIS.with_name("rosenbrock.yaml")
    settings = ["training.log=[tensorboard]", "training.epochs=20"]
    run = optcli.train(config, settings, out=tmp_path / "run", plots=False)
    found = scalars(tmp_path / "run")
    assert len(found["train_loss"]) == 20
    assert found["end_loss"] == [(20, np.float32(run.summary["end"]["loss"]))]


def test_the_folder_knows_its_events(tmp_path, capsys):
    folder = tmp_path / "run"
    run = train(folder, "tensorboard")
    plain = train(tmp_path / "plain", "")
    assert {**run.history, "seconds": 0} == {**plain.history, "seconds": 0}
    [path] = (folder / "tensorboard").iterdir()
    assert f"tensorboard/{path.name}" in json.loads((folder / "checksums.json").read_text())
    assert command(["runs", "verify", str(folder)]) == 0
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"x")
    with pytest.raises(InvalidInput, match=r"tfevents.*checksum differs"):
        seals.check_seal(folder)
    path.write_bytes(content)
    other = folder / "tensorboard" / "notes.txt"
    other.write_text("mine")
    assert command(["runs", "remove", str(folder)]) == 2
    assert "'tensorboard/notes.txt', which is not optcli's" in capsys.readouterr().err
    other.unlink()
    train(folder, "", overwrite=True)
    assert not (folder / "tensorboard").exists()
    train(folder, "tensorboard", overwrite=True)
    run_folder.remove(folder)
    assert not folder.exists()


def test_models_that_a_comparison_keeps_are_not_logged(tmp_path):
    settings = ["training.log=[tensorboard]", "training.epochs=2"]
    folder = tmp_path / "c" / "models" / "adam" / "1"
    folder.mkdir(parents=True)
    keep(optcli.check(IRIS, settings), folder, "iris", kinds.COMPARE, title="iris")
    assert (folder / "model.npz").exists()
    assert not (folder / "tensorboard").exists()


# ---- what is wrong -------------------------------------------------------------------


def without(monkeypatch, *packages):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name in packages else find(name, *a)
    )


@pytest.mark.parametrize("words", [["train"], ["check"]])
def test_a_missing_package_is_a_fault_at_its_line(words, tmp_path, monkeypatch, capsys):
    without(monkeypatch, "tensorboardX", "mlflow")
    monkeypatch.chdir(tmp_path)
    text = IRIS.read_text().replace("data/iris.csv", f"{IRIS.parent}/data/iris.csv")
    text = text.replace("training: {", "training: {log: [mlflow, tensorboard], ")
    Path("iris.yaml").write_text(text)
    lines = Path("iris.yaml").read_text().splitlines()
    line = 1 + next(i for i, each in enumerate(lines) if "log:" in each)
    assert command([*words, "iris.yaml"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"error: iris.yaml:{line}: training.log[0]: 'mlflow' needs the package mlflow, which is "
        "not installed; run: pip install mlflow",
        f"error: iris.yaml:{line}: training.log[1]: 'tensorboard' needs the package tensorboardX,"
        " which is not installed; run: pip install optcli[tensorboard]",
    ]
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("[wandb]", r"log\[0\]: is 'wandb'; must be one of 'tensorboard', 'mlflow'"),
        ("[tensorboard, tensorboard]", "log: 'tensorboard' is named twice"),
        ("tensorboard", r"must be a list.*as \['tensorboard'\]"),
    ],
)
def test_only_known_trackers_can_be_named(log, said):
    with pytest.raises(InvalidInput, match=said):
        optcli.check(IRIS, [f"training.log={log}"])


def test_a_full_disk_ends_the_logging_and_not_the_run(tmp_path, monkeypatch, capsys):
    plain = train(tmp_path / "plain", "")
    log = TensorBoard.log

    def full(self, row):
        if row["epoch"] == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        log(self, row)

    monkeypatch.setattr(TensorBoard, "log", full)
    run = train(tmp_path / "run", "tensorboard")
    [note] = run.notes
    assert isinstance(note, Grave)
    assert note == (
        "training.log: 'tensorboard' failed after epoch 3 ([Errno 28] No space left on device); "
        "the run itself is whole"
    )
    assert {**run.history, "seconds": 0} == {**plain.history, "seconds": 0}
    assert [step for step, _ in scalars(tmp_path / "run")["lr"]] == [1, 2]
    seals.check_seal(tmp_path / "run")
    words = ["train", str(IRIS), "--set", "training.log=[tensorboard]", "--no-plots"]
    assert command([*words, "--set", "training.epochs=4", "--out", str(tmp_path / "again")]) == 0
    assert "\nwarning: training.log: 'tensorboard' failed" in capsys.readouterr().out


# ---- MLflow, against a fake that takes what MLflow takes -------------------------------


@dataclass(frozen=True)
class Metric:
    key: str
    value: float
    timestamp: int
    step: int


@dataclass(frozen=True)
class Param:
    key: str
    value: str


@dataclass
class FakeRun:
    run_id: str
    run_name: str | None
    parent: str | None
    metrics: list[Metric] = field(default_factory=list)
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    artifacts: dict[str, bytes] = field(default_factory=dict)
    status: str = "RUNNING"

    @property
    def info(self):
        return self


@pytest.fixture
def mlflow(monkeypatch):
    """The part of mlflow that is used, with its limits; `server.gone` makes all calls fail."""
    server = types.SimpleNamespace(runs={}, active=[], gone=False, messages=0)

    def reach():
        if server.gone:
            raise ConnectionError("Max retries exceeded")
        server.messages += 1

    def start_run(run_id=None, run_name=None, nested=False):
        reach()
        if server.active and not nested:
            raise RuntimeError("Run is already active")
        if run_id is None:
            run_id = f"id{len(server.runs)}"
            parent = server.active[-1].run_id if server.active else None
            server.runs[run_id] = FakeRun(run_id, run_name, parent)
        run = server.runs[run_id]
        run.status = "RUNNING"
        server.active.append(run)
        return run

    def end_run(status="FINISHED"):
        run = server.active.pop()
        reach()
        run.status = status

    class Client:
        def log_batch(self, run_id, metrics=(), params=(), tags=()):
            reach()
            assert len(metrics) <= 1000
            assert len(params) <= 100
            run = server.runs[run_id]
            for param in params:
                assert isinstance(param.value, str)
                assert run.params.setdefault(param.key, param.value) == param.value
            for metric in metrics:
                assert isinstance(metric.value, float)
                assert isinstance(metric.step, int)
            run.metrics += metrics

        def set_tag(self, run_id, key, value):
            reach()
            server.runs[run_id].tags[key] = value

        def get_metric_history(self, run_id, key):
            reach()
            return [metric for metric in server.runs[run_id].metrics if metric.key == key]

        def log_artifact(self, run_id, local_path):
            reach()
            path = Path(local_path)
            server.runs[run_id].artifacts[path.name] = path.read_bytes()

    entities = types.ModuleType("mlflow.entities")
    entities.Metric, entities.Param = Metric, Param
    module = types.ModuleType("mlflow")
    module.__spec__ = importlib.util.spec_from_loader("mlflow", None)
    module.entities, module.MlflowClient = entities, Client
    module.start_run, module.end_run = start_run, end_run
    module.active_run = lambda: server.active[-1] if server.active else None
    monkeypatch.setitem(sys.modules, "mlflow", module)
    monkeypatch.setitem(sys.modules, "mlflow.entities", entities)
    return server


def test_mlflow_has_the_history_the_config_the_scores_and_the_model(tmp_path, mlflow):
    run = train(tmp_path / "run", "mlflow")
    [there] = mlflow.runs.values()
    assert (there.status, there.run_name, mlflow.active) == ("FINISHED", "run", [])
    for name, values in run.history.items():
        if name != "epoch":
            logged = [(m.step, m.value) for m in there.metrics if m.key == name]
            assert logged == list(zip(range(1, 7), values, strict=True))
    assert {metric.key for metric in there.metrics} >= SCORES
    assert there.params["optimizer.lr"] == "0.01"
    assert there.params["model.hidden"] == "[32, 32]"
    assert there.artifacts["model.npz"] == (tmp_path / "run" / "model.npz").read_bytes()
    assert {"config.yaml", "summary.json"} < set(there.artifacts)
    assert there.tags["optcli.config"] == "iris"
    seals.check_seal(tmp_path / "run")
    run_folder.remove(tmp_path / "run")


def test_a_run_that_went_on_goes_on_at_mlflow(tmp_path, mlflow):
    settings = ("training.checkpoint_every=4",)
    with pytest.raises(Stop):
        train(tmp_path / "run", "mlflow", *settings, listeners=[stop_at(6)])
    [there] = mlflow.runs.values()
    assert there.status == "FAILED"
    assert [m.step for m in there.metrics if m.key == "train_loss"] == [1, 2, 3, 4, 5]
    run = optcli.resume(tmp_path / "run", plots=False)
    assert (len(mlflow.runs), there.status, run.notes) == (1, "FINISHED", ())
    logged = [(m.step, m.value) for m in there.metrics if m.key == "train_loss"]
    assert logged == list(zip(range(1, 7), run.history["train_loss"], strict=True))


def test_a_run_of_the_user_is_the_parent(tmp_path, mlflow):
    sys.modules["mlflow"].start_run(run_name="mine")
    train(tmp_path / "run", "mlflow")
    mine, ours = mlflow.runs.values()
    assert ours.parent == mine.run_id
    assert mlflow.active == [mine]


def test_a_server_that_goes_ends_the_logging_and_not_the_run(tmp_path, mlflow, monkeypatch):
    def goes(event):
        mlflow.gone |= isinstance(event, EpochEnded) and event.epoch == 4

    monkeypatch.setattr("optcli.trackers.mlflow.SECONDS", 0)
    run = train(tmp_path / "run", "mlflow, tensorboard", listeners=[goes])
    assert run.summary["outcome"] == "completed"
    [note] = run.notes
    assert "'mlflow' failed after epoch 4 (Max retries exceeded)" in note
    assert mlflow.active == []
    assert len(scalars(tmp_path / "run")["train_loss"]) == 6
    again = optcli.resume(tmp_path / "run", ["training.epochs=8"], plots=False)
    assert "'mlflow' failed after epoch 6" in again.notes[0]
    assert len(scalars(tmp_path / "run")["train_loss"]) == 8
    mlflow.gone = False
    optcli.resume(tmp_path / "run", ["training.epochs=9"], plots=False)
    [there] = mlflow.runs.values()
    assert [m.step for m in there.metrics if m.key == "lr"] == list(range(1, 10))


def test_a_server_that_is_not_there_is_an_error_before_training(tmp_path, mlflow):
    mlflow.gone = True
    with pytest.raises(EnvironmentFailed, match=r"training.log\[1\]: 'mlflow' cannot begin"):
        train(tmp_path / "run", "tensorboard, mlflow")
    assert not (tmp_path / "run").exists()


def test_short_epochs_share_a_message(tmp_path, mlflow):
    train(tmp_path / "run", "mlflow", "training.epochs=40")
    assert mlflow.messages < 20
