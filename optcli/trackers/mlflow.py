"""MLflow: a run at the user's own MLflow, which its environment variables say where to find.

MLFLOW_TRACKING_URI, MLFLOW_EXPERIMENT_NAME and the rest hold, and a run that the user has begun is
the parent of this one.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from optcli.storage import kinds, results
from optcli.trackers.base import Beginning, flat, scores

SECONDS = 1.0  # between two messages
MOST_METRICS, MOST_PARAMETERS, MOST_LETTERS = 1000, 100, 500  # of a message, and of a value
ARTIFACTS = ("model.npz", kinds.CONFIG, "summary.json")
# A server that is gone is given up after seconds; MLflow's own defaults are minutes.
PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}
STATUS = {"interrupted": "KILLED", "diverged": "FAILED", None: "FAILED"}


class MLflow:
    """Metrics by the names of history.csv, with the epoch as the step; the config as parameters.

    mlflow.json in the run folder keeps the id of the run, so that it can go on. What is not
    finite is left out, as not every store takes it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        import mlflow
        from mlflow import entities

        self._mlflow: Any = mlflow
        self._entities: Any = entities
        self._clock, self._due = clock, clock()
        self._run: Any = None
        self._client: Any = None
        self._waiting: list[Any] = []
        self._folder = Path()
        self._epoch = 0

    def begin(self, run: Beginning) -> int:
        self._folder, self._epoch = run.folder, run.epoch
        with _patient():
            nested = self._mlflow.active_run() is not None
            self._client = self._mlflow.MlflowClient()
            known = results.mlflow_run(run.folder)
            if known is not None:
                self._run = self._mlflow.start_run(run_id=known, nested=nested)
                logged = self._client.get_metric_history(known, "train_loss")
                return max((metric.step for metric in logged), default=0)
            self._run = self._mlflow.start_run(run_name=run.folder.name, nested=nested)
            results.keep_mlflow_run(run.folder, self._run.info.run_id)
            parameters = [
                self._entities.Param(key, str(value)[:MOST_LETTERS])
                for key, value in flat(run.config).items()
            ]
            for start in range(0, len(parameters), MOST_PARAMETERS):
                self._send(params=parameters[start : start + MOST_PARAMETERS])
            self._client.set_tag(self._run.info.run_id, "optcli.config", run.title)
            self._client.set_tag(self._run.info.run_id, "optcli.folder", str(run.folder.absolute()))
        return 0

    def log(self, row: Mapping[str, float]) -> None:
        self._epoch = int(row["epoch"])
        self._wait({name: value for name, value in row.items() if name != "epoch"})
        if self._clock() >= self._due:
            self._send_waiting()
            self._due = self._clock() + SECONDS

    def finish(self, summary: Mapping[str, Any]) -> None:
        self._wait(scores(summary))
        self._send_waiting()
        with _patient():
            for name in ARTIFACTS:
                self._client.log_artifact(self._run.info.run_id, str(self._folder / name))

    def close(self, outcome: str | None) -> None:
        if self._run is None:
            return
        try:
            self._send_waiting()
        finally:
            self._run = None
            with _patient():
                self._mlflow.end_run(STATUS.get(outcome, "FINISHED"))

    def _wait(self, values: Mapping[str, float]) -> None:
        """Put values in the next message."""
        now, metric = int(time.time() * 1000), self._entities.Metric
        self._waiting += [
            metric(name, float(value), now, self._epoch)
            for name, value in values.items()
            if math.isfinite(value)
        ]
        while len(self._waiting) >= MOST_METRICS:
            self._send(metrics=self._waiting[:MOST_METRICS])
            del self._waiting[:MOST_METRICS]

    def _send_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._send(metrics=waiting)

    def _send(self, **parts: Any) -> None:
        with _patient():
            self._client.log_batch(self._run.info.run_id, **parts)


@contextlib.contextmanager
def _patient() -> Iterator[None]:
    """Wait seconds for a server instead of minutes, unless the user has said how long."""
    added = {name: value for name, value in PATIENCE.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
