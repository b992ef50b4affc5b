"""Store: the finished runs of a comparison, in memory and in its folder.

runs.csv has a row a run and history.csv a row an evaluation; the two are all that it takes
to go on where a comparison stopped.
"""

from __future__ import annotations

import csv
import io
import json
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from optcli import files
from optcli.comparison.trials import Result, Trial
from optcli.errors import Fault, InvalidInput
from optcli.optimizers.base import OPTIMIZERS, Optimizer
from optcli.recording import unnamed

PHASES = ("tune", "final")
HEAD = ("run", "label", "optimizer", "lr", "hyperparameters", "seed", "phase", "outcome")
TAIL = ("steps", "steps_to_target")
# Writing takes at most this share of the time: a large table is not written after each run.
SHARE = 0.1


class Store:
    """Results by trial.

    folder: where they are kept, or None. columns: of the histories. labels: the order of
    the runs; others that the folder holds come after them.
    """

    def __init__(
        self, folder: Path | None, columns: Sequence[str], labels: Sequence[str] = ()
    ) -> None:
        self.folder, self.columns, self.labels = folder, list(columns), list(labels)
        self.results: dict[Trial, Result] = {}
        self.phases: dict[Trial, str] = {}
        self.target: dict[Trial, float] = {}  # steps to the target
        self._lines: dict[Trial, list[str]] = {}
        self._next_write = 0.0
        if folder is not None and (folder / "runs.csv").exists():
            self._read(folder)

    def missing(self, trials: Iterable[Trial]) -> list[Trial]:
        """Those that have no result yet, each once."""
        return [trial for trial in dict.fromkeys(trials) if trial not in self.results]

    def of(self, label: str, optimizer: Optimizer, seeds: Iterable[int]) -> list[Result]:
        """The results of one setting, by seed."""
        return [self.results[Trial(label, optimizer, seed)] for seed in seeds]

    def add(self, results: Iterable[Result], phase: str) -> None:
        """Take results in; they are written soon."""
        for result in results:
            self.results[result.trial] = result
            self.phases[result.trial] = phase
        if time.monotonic() >= self._next_write:
            self.write()

    def write(self) -> None:
        """Write runs.csv and history.csv, the runs in an order of their own."""
        if self.folder is None:
            return
        began = time.monotonic()
        labels = list(dict.fromkeys([*self.labels, *(t.label for t in self.results)]))
        order = sorted(self.results, key=lambda trial: self._place(trial, labels))
        tests = list(dict.fromkeys(name for r in self.results.values() for name in r.test))
        runs = io.StringIO()
        writer = csv.writer(runs, lineterminator="\n")
        writer.writerow([*HEAD, *self.columns, *(f"test_{name}" for name in tests), *TAIL])
        history = [",".join(("run", "epoch", "step", *self.columns)) + "\n"]
        for number, trial in enumerate(order):
            result = self.results[trial]
            settings = asdict(trial.optimizer)
            measured = [result.measured(c) if c in result.history else "" for c in self.columns]
            writer.writerow(
                [number, trial.label, trial.optimizer.name, trial.optimizer.lr]
                + [json.dumps(settings), trial.seed, self.phases[trial], result.outcome]
                + ["" if value != value else value for value in measured]
                + [result.test.get(name, "") for name in tests]
                + [result.steps, self.target.get(trial, "")]
            )
            history += [f"{number},{line}" for line in self._written(trial)]
        files.write(self.folder / "history.csv", "".join(history).encode())
        files.write(self.folder / "runs.csv", runs.getvalue().encode())
        now = time.monotonic()
        self._next_write = now + (now - began) / SHARE

    def _place(self, trial: Trial, labels: list[str]) -> tuple[Any, ...]:
        phase = PHASES.index(self.phases[trial])
        settings = json.dumps(asdict(trial.optimizer))
        return labels.index(trial.label), phase, trial.optimizer.lr, settings, trial.seed

    def _written(self, trial: Trial) -> list[str]:
        """The rows of a run's history, without its number."""
        if trial not in self._lines:
            history = self.results[trial].history
            nothing = [math.nan] * len(history["epoch"])
            columns = [history.get(name, nothing) for name in ("epoch", "step", *self.columns)]
            self._lines[trial] = [
                ",".join("" if value != value else repr(value) for value in row) + "\n"
                for row in zip(*columns, strict=True)
            ]
        return self._lines[trial]

    def _read(self, folder: Path) -> None:
        try:
            histories = _grouped(folder / "history.csv")
            for row in _rows(folder / "runs.csv"):
                settings = json.loads(row["hyperparameters"])
                optimizer = unnamed(OPTIMIZERS.find(row["optimizer"]), settings)
                trial = Trial(row["label"], optimizer, int(row["seed"]))
                tests = {
                    name.removeprefix("test_"): float(value)
                    for name, value in row.items()
                    if name.startswith("test_") and value
                }
                history = histories[row["run"]]
                result = Result(trial, row["outcome"], int(row["steps"]), history, tests)
                self.results[trial] = result
                self.phases[trial] = PHASES[PHASES.index(row["phase"])]
                if row["steps_to_target"]:
                    self.target[trial] = float(row["steps_to_target"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError, csv.Error) as error:
            message = (
                f"its runs.csv and history.csv do not fit together ({error!r}); choose another"
            )
            raise InvalidInput(Fault(f"{folder}: {message}; choose another", "--out")) from error


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def _grouped(path: Path) -> dict[str, dict[str, list[float]]]:
    """The columns of each run; those that hold nothing are left out."""
    found: dict[str, dict[str, list[float]]] = {}
    for row in _rows(path):
        columns = found.setdefault(row.pop("run"), {name: [] for name in row})
        for name, text in row.items():
            whole = name in ("epoch", "step")
            columns[name].append(int(text) if whole else float(text or "nan"))
    for columns in found.values():
        for name in [n for n, values in columns.items() if all(value != value for value in values)]:
            if name not in ("train_loss", "validation_loss"):
                del columns[name]
    return found
