"""Proposal: from a table and the names of its targets to a config, with the reasons for it."""

from __future__ import annotations

import itertools
import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from optcli.config import load
from optcli.config.writing import flow
from optcli.core.errors import Fault, InvalidInput, setting, suggestion
from optcli.core.specs import TargetKind
from optcli.data.columns import Column, Numbers, short
from optcli.data.recognition import recognise, recognised
from optcli.data.table import Table, listed
from optcli.starter import columns, parts, recipe
from optcli.starter.columns import Finding, Found
from optcli.starter.goal import NO_TARGET, Goal, goal_of
from optcli.starter.page import Line, text_of, values_of
from optcli.starter.parts import Parts
from optcli.starter.trial import FOLDS, Candidate, Tried, best, tried
from optcli.training.task import Task

TARGET_NAMES = ("target", "label", "class", "y", "outcome", "response")


@dataclass(frozen=True)
class Proposal:
    """A config for a table.

    lines: of the config, with their reasons; `dataset.path` is as seen from here. rows: with a
    target. tried: what the model was chosen from, the best first; empty where nothing was tried.
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
            f"Written by optcli init from {short(self.source)}; train it with: {command}",
        ]
        return text_of(title, [replace(table, value=tuple(inner)), *rest])


def propose(path: str, targets: Sequence[str], seed: int = 0, *, quick: bool = False) -> Proposal:
    """A config for the table in a file; raises InvalidInput where no model can be made of it.

    quick: whether the model follows from the number of rows, and none is tried.
    """
    dataset: dict[str, Any] = {"name": "csv", "path": path, "target": _plain(targets or ["?"])}
    table = _read(dataset)
    _check(table, targets)
    known = recognised(table)
    found = columns.look(table, targets, known)
    dataset |= _keys(found)
    if found.dates or found.numeric or found.categorical or found.missing_values:
        table = _read(dataset)
    goal = goal_of(table, targets, known)
    kind: TargetKind = goal.kind if goal.kind in ("classes", "values") else "labels"
    columns.leaks(found, table, targets, kind, _task({"dataset": dataset}).dataset.roles())
    dataset |= _keys(found)
    inputs = [each.name for each in found.findings if each.use == "input"]
    if not inputs:
        message = "no column is left to predict from; all others are excluded: "
        message += "; ".join(
            f"'{short(f.name)}' {f.said}" for f in found.findings if f.use == "excluded"
        )
        raise InvalidInput(Fault(message, file=table.source))
    unlabelled = _without_target(table, targets)
    gaps = {name: gone for name in inputs if (gone := table.columns[name].gaps())}
    if gaps:
        dataset["missing"] = "impute"
    if unlabelled:
        dataset["unlabelled"] = "drop"
    rows = table.rows - unlabelled
    own = parts.parts_of(rows, goal.counts)
    if own.rare:
        dataset["rare_classes"] = own.rare
    # of a streamed table only what sums over rows can be measured
    metrics = [name for name in goal.metrics if not (table.stored and name == "roc_auc")]
    head = {
        "dataset": dataset,
        "split": own.split,
        "loss": goal.loss,
        "metrics": metrics,
    }
    chosen, results = _chosen({**head, "seed": seed}, table, rows - own.dropped, own, quick)
    lines = _lines(
        dataset, metrics, table, found, goal, own, chosen, results, rows, unlabelled, gaps, seed
    )
    return Proposal(table.source, lines, tuple(found.findings), goal, rows, tuple(results))


def _plain(targets: Sequence[str]) -> str | list[str]:
    return targets[0] if len(targets) == 1 else list(targets)


def _read(values: Mapping[str, Any]) -> Table:
    """The table as a config with this section reads it."""
    try:
        return _task({"dataset": dict(values)}).table()
    except InvalidInput as error:
        faults = [
            replace(f, key=None, parameter="data") if f.key == "dataset.path" else f
            for f in error.faults
        ]
        raise InvalidInput(*faults) from None


def _task(values: Mapping[str, Any]) -> Task:
    return load({"model": "linear", "loss": "mse", "optimizer": "adam", **values}).task()


def _keys(found: Found) -> dict[str, Any]:
    """The keys of `dataset` that say what columns are."""
    lists = {
        "exclude": found.exclude,
        "categorical": found.categorical,
        "dates": found.dates,
        "numeric": found.numeric,
        "missing_values": found.missing_values,
    }
    keys = {key: list(names) for key, names in lists.items() if names} | found.keys
    return keys | ({"rare_categories": columns.RARE} if found.rare else {})


def _check(table: Table, targets: Sequence[str]) -> None:
    faults = []
    if not targets:
        likely = likely_target(table)
        option = setting("target", shlex.quote(likely))
        message = f"is missing; name the column to predict, such as '{short(likely)}': {option} "
        message += f"(the columns are {listed(table.names)})"
        raise InvalidInput(Fault(message, parameter="target"))
    for name in dict.fromkeys(targets):
        if name not in table.columns:
            table.check_header(name)
            hint = suggestion(name, table.names)
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


def _without_target(table: Table, targets: Sequence[str]) -> int:
    """The rows in which a target is missing."""
    gone = 0
    for start, piece in table.columns[targets[0]].pieces():
        missing = piece.missing
        for name in targets[1:]:
            own = table.columns[name].select(slice(start, start + len(piece)))
            missing = missing | own.missing
        gone += int(np.sum(missing))
    return gone


def _chosen(
    head: Mapping[str, Any], table: Table, rows: int, own: Parts, quick: bool
) -> tuple[dict[str, Any], list[Tried]]:
    """The sections of model and training, and what was tried, the best first."""
    config = load({**head, "model": "linear", "optimizer": "adam"})
    task = config.task()
    with config.locating_faults():
        data = task.prepare(table)
    train, inputs, outputs = len(data.train.x), data.encoder.inputs.size, data.outputs

    def complete(candidate: Candidate) -> dict[str, Any]:
        sections = dict(candidate.sections)
        hidden = sections["model"].get("hidden", [])
        sizes = [inputs, *hidden, outputs]
        count = sum(map(math.prod, itertools.pairwise(sizes)))
        return sections | {"training": recipe.training(train, count, validates=own.validates)}

    if not own.validates:
        return complete(recipe.of_few(rows)), []
    if quick or rows > recipe.MOST_TRIED or data.train.streamed:
        return complete(recipe.untried(rows)), []
    several = recipe.candidates(rows)
    configs = [load({**head, **complete(candidate)}) for candidate in several]
    results = tried(several, [(c.task(), c.optimizer) for c in configs], data)
    return complete(best(results).candidate), results


def _lines(
    dataset: Mapping[str, Any],
    metrics: Sequence[str],
    table: Table,
    found: Found,
    goal: Goal,
    own: Parts,
    chosen: Mapping[str, Any],
    results: Sequence[Tried],
    rows: int,
    unlabelled: int,
    gaps: Mapping[str, int],
    seed: int,
) -> tuple[Line, ...]:
    """The config, line by line, with the reasons."""
    said = {each.name: each.said for each in found.findings}
    why: dict[str, list[str]] = {}
    if gaps:
        order = sorted(gaps, key=lambda name: -gaps[name])
        shown = listed([f"{short(name)} ({gaps[name]:,} of {table.rows:,})" for name in order], 5)
        why["missing"] = [
            f"Missing values: {shown}. They become the mean or the most frequent category."
        ]
    if unlabelled:
        why["unlabelled"] = [f"{unlabelled:,} of {table.rows:,} rows have no target."]
    if own.rare:
        shown = listed([f"'{short(text)}'" for text in own.few], 5)
        what = "become one class" if own.rare == "merge" else "are left out"
        why["rare_classes"] = [f"Classes of too few rows for the parts {what}: {shown}."]
    if found.rare:
        shown = listed(found.rare, 5)
        why["rare_categories"] = [
            f"Categories of fewer than {columns.RARE} rows become one ({shown})."
        ]
    if "day_first" in dataset:
        why["day_first"] = ["01/02/2024 is the first of February; false: the second of January."]
    if "decimal" in dataset:
        why["decimal"] = ["What stands before decimals; the other mark separates thousands."]
    if found.missing_values:
        why["missing_values"] = [
            "Texts that mean missing: odd ones of these columns, and usual ones."
        ]
    lists = {name for key in OF_COLUMNS for name in dataset.get(key, ())}
    rest = [
        f"{short(each.name)}: {each.said}"
        for each in found.findings
        if each.said and each.name not in lists
    ]
    why["target"] = rest[:MOST_SAID]
    inner = [
        Line(key, value, why.get(key, ()), said if key in OF_COLUMNS else {})
        for key, value in dataset.items()
    ]
    ordered = [name for name in found.dates if _ascends(table.columns[name])]
    instead = []
    if found.groups and own.split["test"]:
        ways = {part: {"group": found.groups[0], "fraction": parts.FRACTION} for part in PARTS}
        instead.append(f"split: {flow(ways)}")
    if ordered and own.split["test"]:
        instead.append(f"split: {flow({part: {'last': parts.FRACTION} for part in PARTS})}")
    reasons = parts.why(own, rows, found.groups, ordered)
    return (
        Line("dataset", tuple(inner)),
        Line("split", own.split, reasons, instead=instead),
        Line("loss", goal.loss, goal.hints),
        Line("metrics", metrics),
        Line("model", chosen["model"], _reason(chosen, results, rows)),
        Line("optimizer", chosen["optimizer"]),
        Line("schedule", chosen["schedule"]),
        Line("regularization", chosen["regularization"]),
        Line("training", chosen["training"]),
        Line("seed", seed),
    )


PARTS = ("validation", "test")
MOST_SAID = 20  # columns with a comment each
OF_COLUMNS = ("exclude", "categorical", "dates", "numeric")


def _reason(chosen: Mapping[str, Any], results: Sequence[Tried], rows: int) -> list[str]:
    """Why this model."""
    if results:
        least: dict[str, float] = {}
        for each in results:
            kind = each.candidate.kind
            least[kind] = min(each.loss, least.get(kind, np.inf))
        told = ", ".join(f"{name} {loss:.4g}" for name, loss in least.items())
        simpler = min(least, key=lambda name: least[name]) != chosen["model"]["name"]
        rest = "; where they are as good but for chance, the simpler one" * simpler
        return [
            f"Chosen from {len(results)} models by {FOLDS}-fold cross-validation without the test "
            f"rows. Loss of the best of each kind: {told}{rest}."
        ]
    if chosen["model"]["name"] == "linear":
        return [f"{rows} rows are too few for more than a linear model."]
    return [f"With {rows:,} rows a network learns what a linear model cannot."]


def _ascends(column: Column) -> bool:
    """Whether the values of a column of dates never fall, from the first row to the last."""
    if not isinstance(column, Numbers):
        return False
    last = -np.inf
    for _, piece in column.pieces():
        values = piece.values[~piece.missing]
        if len(values) and (values[0] < last or np.any(np.diff(values) < 0)):
            return False
        last = values[-1] if len(values) else last
    return len(column.distinct()) > 1
