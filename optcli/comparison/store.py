"""Store: the finished runs of a comparison, in memory and in its folder.

runs.csv has a row a run and history.csv a row an evaluation; the two are all that it takes
to go on where a comparison stopped. Each row of runs.csv ends with a checksum of itself and of
its history: what does not agree, as after a kill between the two files, is trained again.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from optcli.comparison.trials import Trial, TrialResult
from optcli.core.specs import unnamed
from optcli.optimizers.base import OPTIMIZERS, Optimizer
from optcli.storage import files

PHASES = ("tune", "final")
HEAD = ("run", "label", "optimizer", "lr", "hyperparameters", "seed", "phase", "outcome")
LOSSES = ("train_loss", "validation_loss")
TARGETS = ("steps_to_target", "steps_to_target_2", "steps_to_target_3")
TAIL = ("steps", "gradient_evaluations", *TARGETS, "checksum")
# Writing takes at most this share of the time: a large table is not written after each run.
SHARE = 0.02
# A comparison that takes no longer is written once, at its end.
FIRST_SECONDS = 1.0


class Store:
    """Results by trial.

    folder: where they are kept, or None. columns: of the histories. labels: the order of
    the runs; others that the folder holds come after them. stale: whether the runs of a
    label and an optimizer's name hold no longer; they leave the folder at once. damaged: how
    many runs of the folder are missing their history, or are not as they were written.
    """

    def __init__(
        self,
        folder: Path | None,
        columns: Sequence[str],
        labels: Sequence[str] = (),
        stale: Callable[[str, str], bool] = lambda label, optimizer: False,
    ) -> None:
        self.folder, self.columns, self.labels = folder, list(columns), list(labels)
        self.results: dict[Trial, TrialResult] = {}
        self.phases: dict[Trial, str] = {}
        self.target: dict[Trial, tuple[float, ...]] = {}  # steps to each target
        self._lines: dict[Trial, list[str]] = {}
        self._settings: dict[Optimizer, str] = {}
        self._next_write = time.monotonic() + FIRST_SECONDS
        self.damaged = 0
        self._stale = stale
        if folder is not None and (folder / "runs.csv").exists() and self._read(folder):
            self._write(folder)

    def missing(self, trials: Iterable[Trial]) -> list[Trial]:
        """Those that have no result yet, each once."""
        return [trial for trial in dict.fromkeys(trials) if trial not in self.results]

    def of(self, label: str, optimizer: Optimizer, seeds: Iterable[int]) -> list[TrialResult]:
        """The results of one setting, by seed."""
        return [self.results[Trial(label, optimizer, seed)] for seed in seeds]

    def add(self, results: Iterable[TrialResult], phase: str) -> None:
        """Take results in; they are written soon."""
        for result in results:
            self.results[result.trial] = result
            self.phases[result.trial] = phase
            if self.folder is not None:  # now, as others are at work; at the end they would wait
                self._written(result.trial)
        if time.monotonic() >= self._next_write:
            self.write()

    def add_from(self, other: Store) -> None:
        """Take in all that another store has."""
        self.results |= other.results
        self.phases |= other.phases

    def write(self) -> None:
        """Write runs.csv and history.csv, the runs in an order of their own."""
        if self.folder is not None and self.results:
            self._write(self.folder)

    def _write(self, folder: Path) -> None:
        began = time.monotonic()
        labels = list(dict.fromkeys([*self.labels, *(t.label for t in self.results)]))
        order = sorted(self.results, key=lambda trial: self._place(trial, labels))
        tests = [name for name in self.columns if name.startswith("test_")]
        best = [name for name in self.columns if name not in tests]
        fits = list(dict.fromkeys(name for r in self.results.values() for name in r.crossfit))
        head = [*HEAD, *best, *(f"crossfit_{name}" for name in fits), *tests, *TAIL]
        runs = io.StringIO()
        writer = csv.writer(runs, lineterminator="\n")
        writer.writerow(head)
        history = [",".join(("run", "epoch", "step", *self.columns)) + "\n"]
        for number, trial in enumerate(order):
            row = {"run": str(number), **self._row(trial, best, fits, tests)}
            lines = self._written(trial)
            row["checksum"] = _checksum(row, lines)
            writer.writerow([row[name] for name in head])
            history += [f"{number},{line}\n" for line in lines]
        files.write(folder / "history.csv", "".join(history).encode())
        files.write(folder / "runs.csv", runs.getvalue().encode())
        now = time.monotonic()
        self._next_write = now + (now - began) / SHARE

    def _row(
        self, trial: Trial, best: Sequence[str], fits: Sequence[str], tests: Sequence[str]
    ) -> dict[str, str]:
        """What runs.csv says of a run, beside its number and its checksum."""
        result = self.results[trial]
        measured = {c: result.measured(c) if c in result.history else math.nan for c in best}
        return {
            "label": trial.label,
            "optimizer": trial.optimizer.name,
            "lr": str(trial.optimizer.lr),
            "hyperparameters": self._json(trial.optimizer),
            "seed": str(trial.seed),
            "phase": self.phases[trial],
            "outcome": result.outcome,
            **{name: "" if value != value else str(value) for name, value in measured.items()},
            **{f"crossfit_{name}": str(result.crossfit.get(name, "")) for name in fits},
            **{name: str(result.test.get(name.removeprefix("test_"), "")) for name in tests},
            "steps": str(result.steps),
            "gradient_evaluations": _count(result.gradient_evaluations),
            **self._steps(trial),
        }

    def _steps(self, trial: Trial) -> dict[str, str]:
        found = map(str, self.target.get(trial, ()))
        return dict(itertools.zip_longest(TARGETS, found, fillvalue=""))

    def _place(self, trial: Trial, labels: list[str]) -> tuple[Any, ...]:
        phase = PHASES.index(self.phases[trial])
        settings = self._json(trial.optimizer)
        return labels.index(trial.label), phase, trial.optimizer.lr, settings, trial.seed

    def _json(self, optimizer: Optimizer) -> str:
        """Its hyperparameters; many runs have the same."""
        if optimizer not in self._settings:
            self._settings[optimizer] = json.dumps(asdict(optimizer))
        return self._settings[optimizer]

    def _written(self, trial: Trial) -> list[str]:
        """The rows of a run's history, without its number."""
        if trial not in self._lines:
            history = self.results[trial].history
            nothing = [""] * len(history["epoch"])
            cells = [
                ["" if value != value else repr(value) for value in history[name]]
                if name in history
                else nothing
                for name in ("epoch", "step", *self.columns)
            ]
            self._lines[trial] = list(map(",".join, zip(*cells, strict=True)))
        return self._lines[trial]

    def _read(self, folder: Path) -> int:
        """Take in what the folder holds; returns how many runs hold no longer."""
        (_, lines_of), gone = histories(folder / "history.csv"), 0
        for row in rows(folder / "runs.csv"):
            if self._stale(row.get("label") or "", row.get("optimizer") or ""):
                gone += 1
                continue
            try:
                lines = lines_of[row["run"]]
                if row["checksum"] != _checksum(row, lines):
                    raise ValueError
                settings = json.loads(row["hyperparameters"])
                optimizer = unnamed(OPTIMIZERS.find(row["optimizer"]), settings)
                trial = Trial(row["label"], optimizer, int(row["seed"]))
                fits, tests = (
                    {n.removeprefix(of): float(v) for n, v in row.items() if n.startswith(of) and v}
                    for of in ("crossfit_", "test_")
                )
                history = self._history(lines)
            except (ValueError, KeyError, TypeError):
                self.damaged += 1
                continue
            steps = int(row["steps"])
            evaluations = float(row.get("gradient_evaluations") or "nan")
            self.results[trial] = TrialResult(
                trial, row["outcome"], steps, history, fits, tests, evaluations
            )
            self.phases[trial] = row["phase"]
            self.target[trial] = tuple(float(row[name]) for name in TARGETS if row.get(name))
        return gone

    def _history(self, lines: Sequence[str]) -> dict[str, list[float]]:
        """The columns of a run that hold anything, and its losses."""
        names = ("epoch", "step", *self.columns)
        rows = [[float(cell or "nan") for cell in line.split(",")] for line in lines]
        columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
        whole: dict[str, list[float]] = {
            name: [int(value) if value.is_integer() else value for value in columns.pop(name)]
            for name in names[:2]
        }
        return whole | {
            name: values
            for name, values in columns.items()
            if name in LOSSES or any(value == value for value in values)
        }


def _count(number: float) -> str:
    """A number that is mostly whole; none where it is not known."""
    if math.isnan(number):
        return ""
    return str(int(number)) if number.is_integer() else str(number)


def _checksum(row: Mapping[str, str], lines: Sequence[str]) -> str:
    """Of what a row says of its run, and of the run's history."""
    said = [f"{name}={row[name]}" for name in row if name not in ("run", "checksum")]
    return f"{zlib.crc32(chr(10).join([*said, *lines]).encode()):08x}"


def rows(path: Path) -> Iterator[dict[str, str]]:
    """The rows of a table, up to what cannot be read."""
    with path.open(newline="", encoding="utf-8", errors="replace") as file, suppress(csv.Error):
        yield from csv.DictReader(file)


def histories(path: Path) -> tuple[list[str], dict[str, list[str]]]:
    """The columns of history.csv but for the run's number, and the lines of each run so."""
    found: dict[str, list[str]] = {}
    if not path.exists():
        return [], found
    head, *lines = path.read_text("utf-8", errors="replace").splitlines() or [""]
    for line in lines:
        run, _, rest = line.partition(",")
        found.setdefault(run, []).append(rest)
    return head.split(",")[1:], found
