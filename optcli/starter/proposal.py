"""Proposal: from a table and the names of its targets to a config, with the reasons for it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from optcli.config import load
from optcli.core.errors import Fault, InvalidInput, setting, suggestion
from optcli.core.shell import quoted
from optcli.core.specs import TargetKind
from optcli.data.checks import drop
from optcli.data.columns import short
from optcli.data.preparation import Prepared
from optcli.data.recognition import recognise, recognised
from optcli.data.table import Table, listed
from optcli.optimizers.base import Optimizer
from optcli.starter import columns, recipe
from optcli.starter.columns import Finding, Found
from optcli.starter.draft import Draft
from optcli.starter.goal import NO_TARGET, Goal, check_targets, goal_of
from optcli.starter.page import Line, text_of, values_of
from optcli.starter.parts import Parts, parts_of
from optcli.starter.reasons import lines_of
from optcli.starter.trial import FOLDS, MOST_ROWS, Candidate, Listener, Tried, best, tried
from optcli.training.task import Task

TARGET_NAMES = ("target", "label", "class", "y", "outcome", "response")


@dataclass(frozen=True)
class Proposal:
    """A config for a table.

    lines: of the config, with their reasons; `dataset.path` is as seen from here. rows: with a
    target. tried: what the model was chosen from; empty where nothing was tried.
    """

    source: str
    lines: tuple[Line, ...]
    findings: tuple[Finding, ...]
    goal: Goal
    rows: int
    tried: tuple[Tried, ...] = ()

    @property
    def values(self) -> dict[str, Any]:
        return values_of(self.lines)

    def text(self, path: str, command: str) -> str:
        """The config as YAML. path: of the table, as seen from the config; command: to train it."""
        table, *rest = self.lines
        inner = [replace(e, value=path) if e.key == "path" else e for e in table.value]
        title = [
            f"Predicts {self.goal.said}.",
            f"Written by optcli init from {short(path)}. To train: {command}",
        ]
        return text_of(title, [replace(table, value=tuple(inner)), *rest])


def propose(
    path: str,
    targets: Sequence[str],
    seed: int = 0,
    *,
    quick: bool = False,
    listener: Listener = lambda trying: None,
) -> Proposal:
    """A config for the table in a file; raises InvalidInput where no model can be made of it.

    quick: whether the model follows from the number of rows, and none is tried. listener: is
    called with each `Trying` while models are tried.
    """
    draft, parts, chosen, results = _chosen(_draft(path, targets, seed), quick, listener)
    lines = lines_of(draft, parts, chosen, results)
    findings = tuple(draft.found.findings)
    return Proposal(draft.table.source, lines, findings, draft.goal, draft.rows, tuple(results))


def _draft(path: str, targets: Sequence[str], seed: int) -> Draft:
    """What there is to know of the table."""
    target = targets[0] if len(targets) == 1 else list(targets or ["?"])
    dataset: dict[str, Any] = {"name": "csv", "path": path, "target": target}
    table = _read(dataset)
    _check_targets(table, targets)
    known = recognised(table)
    check_targets(table, targets, known)
    # a column counts as what it is in all rows, but by the values that it has beside a target
    found = columns.look(drop(table, targets), targets, known)
    keys = found.keys_of_dataset()
    if keys.keys() - {"exclude"}:
        table = _read(dataset | keys)
    goal = goal_of(table, targets)
    kind: TargetKind = goal.kind if goal.kind in ("classes", "values") else "labels"
    columns.leaks(found, table, targets, kind, _task({"dataset": dataset}).dataset.roles())
    _check_inputs(table, found)
    return Draft.of(dataset, table, targets, found, goal, seed)


def _read(dataset: Mapping[str, Any]) -> Table:
    """The table as a config with this section reads it."""
    try:
        return _task({"dataset": dict(dataset)}).table()
    except InvalidInput as error:
        raise InvalidInput(
            *(
                replace(fault, key=None, parameter="data") if fault.key == "dataset.path" else fault
                for fault in error.faults
            )
        ) from None


def _task(values: Mapping[str, Any]) -> Task:
    return load({"model": "linear", "loss": "mse", "optimizer": "adam", **values}).task()


def _check_targets(table: Table, targets: Sequence[str]) -> None:
    faults = []
    if not targets:
        likely = likely_target(table)
        option = setting("target", quoted(likely))
        message = f"is missing; name the column to predict, such as '{short(likely)}': {option} "
        message += f"(the columns are {listed(table.names)})"
        raise InvalidInput(Fault(message, parameter="target"))
    for name in dict.fromkeys(targets):
        if name not in table.columns:
            table.check_header(name)
            hint = suggestion(name, table.names)
            if set(several := name.split(",")) <= set(table.names):
                words = " ".join(setting("target", quoted(each)) for each in several)
                hint = f"; give {words}"
            message = f"no column '{short(name)}'{hint} ({table.source} has {listed(table.names)})"
            faults.append(Fault(message, parameter="target"))
    if len(set(targets)) < len(targets):
        faults.append(Fault("names a column twice", parameter="target"))
    if faults:
        raise InvalidInput(*faults)


def likely_target(table: Table) -> str:
    """The column that is likely meant to be predicted: by its name, or the last that can be."""
    lower = {name.lower(): name for name in table.names}
    named = [lower[name] for name in TARGET_NAMES if name in lower]
    for name in (*named, *reversed(table.names)):
        if recognise(name, table.columns[name], table).kind not in NO_TARGET:
            return name
    return table.names[-1]


def _check_inputs(table: Table, found: Found) -> None:
    if not any(each.use == "input" for each in found.findings):
        left = [f"'{short(f.name)}' {f.said}" for f in found.findings if f.use == "excluded"]
        message = "has no other column, to predict from"
        if left:
            message = f"has no column to predict from; the others are no data: {listed(left, 5)}"
            message += "; if one is, write a config that names it in dataset.features"
        raise InvalidInput(Fault(message, file=table.source))


def _chosen(
    draft: Draft, quick: bool, listener: Listener
) -> tuple[Draft, Parts, dict[str, Any], list[Tried]]:
    """How to divide the rows, the sections of model and training, and what was tried.

    The draft then has only metrics that can be measured.
    """
    usual = recipe.untried(draft.rows)
    parts = parts_of(draft.rows, draft.goal.counts, stops=usual.stops)
    data = _prepared(draft, parts)
    if data.train.streamed:  # what sums over rows can be measured
        draft = replace(draft, metrics=[name for name in draft.metrics if name != "roc_auc"])
    odd = not recipe.FEWEST_TRIED <= draft.rows <= recipe.MOST_TRIED
    if quick or odd or data.train.streamed:
        return draft, parts, _complete(usual, data), []
    several = _in_time(recipe.candidates(draft.rows), data)
    configs = [_config(draft, parts, each, data) for each in several]
    results = tried(several, configs, data, listener)
    return draft, parts, _complete(best(results).candidate, data), results


def _prepared(draft: Draft, parts: Parts) -> Prepared:
    """The rows as they train, by which batches and epochs are chosen."""
    config = load({**draft.head(parts), "metrics": [], "model": "linear", "optimizer": "adam"})
    with config.locating_faults():
        return config.task().prepare(draft.table)


def _parameters(candidate: Candidate, data: Prepared) -> int:
    """How many weights its model has, about."""
    hidden = candidate.sections["model"].get("hidden", [])
    widths = [data.encoder.inputs.size, *hidden, data.outputs]
    return sum(map(math.prod, itertools.pairwise(widths)))


def _in_time(candidates: Sequence[Candidate], data: Prepared) -> list[Candidate]:
    """The linear ones, and of the others the first that can be tried in a reasonable time."""
    rows = min(MOST_ROWS, len(data.train.x))
    kept, left = [], recipe.SECONDS_OF_TRIAL
    for each in candidates:
        if each.kind != "linear":
            left -= FOLDS * recipe.seconds(rows, _parameters(each, data))
        if left >= 0:
            kept.append(each)
    return kept


def _complete(candidate: Candidate, data: Prepared) -> dict[str, Any]:
    """The sections of a candidate, with the length of its training."""
    parameters = _parameters(candidate, data)
    training = recipe.training(len(data.train.x), parameters, stops=candidate.stops)
    return {**candidate.sections, "training": training}


def _config(
    draft: Draft, parts: Parts, candidate: Candidate, data: Prepared
) -> tuple[Task, Optimizer]:
    config = load({**draft.head(parts), **_complete(candidate, data)})
    return config.task(), config.optimizer
