"""A user's script: mypy --strict and pyright accept every line."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, assert_type

import numpy as np

import optcli
from optcli.comparison.result import Benchmark, Comparison
from optcli.core.events import Event
from optcli.gradients import Result

config: dict[str, Any] = {"dataset": {"name": "moons"}, "model": "mlp", "optimizer": "adam"}


def told(event: Event) -> None:
    """What a listener is."""
    print(event)


run = optcli.train(config, ["training.epochs=3"], out=Path("runs/moons"), listeners=[told])
assert_type(run, optcli.Run)
assert_type(run.folder, Path | None)
assert_type(run.history, Mapping[str, Sequence[float]])
losses: Sequence[float] = run.history["train_loss"]
accuracy: float = run.evaluate(np.zeros((4, 3)))["accuracy"]
run = optcli.resume("runs/moons", ["training.epochs=5"], plots=False)
run = optcli.load("runs/moons")
optcli.check("configs/iris.yaml")

settings = optcli.ComparisonSettings(tune=9, seeds=10, metric="accuracy")
found = optcli.compare(["sgd", "adam"], config, settings=settings)
assert_type(found, Comparison | Benchmark)
verdict: Any = found.summary["verdict"]

tested = optcli.lr_find(config, seeds=2)
assert_type(tested, optcli.LearningRateTest)
assert_type(optcli.layer_history("runs/moons"), optcli.LayerHistory)
paths = optcli.trace("rosenbrock", ["adam"], steps=100, start=[-1.0, 1.0])
checked = optcli.gradcheck(lambda x: float((x**2).sum()), lambda x: 2 * x, np.ones(3))
assert_type(checked, Result)

try:
    optcli.train("missing.yaml")
except optcli.InvalidInput as error:
    messages: list[str] = [fault.message for fault in error.faults]
except optcli.EnvironmentFailed as error:
    code: int = error.exit_code
