"""Reasons: a config line by line, with what speaks for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from optcli.config.writing import flow
from optcli.data.columns import Column, Numbers, short
from optcli.data.table import listed
from optcli.starter import columns, parts
from optcli.starter.draft import Draft
from optcli.starter.page import Line
from optcli.starter.parts import Parts
from optcli.starter.trial import FOLDS, Tried

PARTS = ("validation", "test")
MOST_SAID = 20  # columns with a comment each
OF_COLUMNS = ("exclude", "categorical", "dates", "numeric")


def lines_of(
    draft: Draft, own: Parts, chosen: Mapping[str, Any], results: Sequence[Tried]
) -> tuple[Line, ...]:
    """The config. chosen: the sections of model and training; results: what was tried."""
    head = draft.head(own)
    dataset = head["dataset"]
    said = {each.name: each.said for each in draft.found.findings}
    why: dict[str, list[str]] = {}
    if draft.gaps:
        order = sorted(draft.gaps, key=lambda name: -draft.gaps[name])
        shown = listed(
            [f"{short(name)} ({draft.gaps[name]:,} of {draft.rows:,})" for name in order], 5
        )
        why["missing"] = [
            f"Missing values: {shown}. They become the mean or the most frequent category."
        ]
    if draft.unlabelled:
        why["unlabelled"] = [f"{draft.unlabelled:,} of {draft.table.rows:,} rows have no target."]
    if own.rare:
        shown = listed([f"'{short(text)}'" for text in own.few], 5)
        what = "become one class" if own.rare == "merge" else "are left out"
        why["rare_classes"] = [f"Classes of too few rows for the parts {what}: {shown}."]
    if draft.found.rare:
        shown = listed(draft.found.rare, 5)
        why["rare_categories"] = [
            f"Categories of fewer than {columns.RARE} rows become one ({shown})."
        ]
    if "day_first" in dataset:
        why["day_first"] = ["01/02/2024 is the first of February; false: the second of January."]
    if "decimal" in dataset:
        why["decimal"] = ["What stands before decimals; the other mark separates thousands."]
    if draft.found.missing_values:
        why["missing_values"] = [
            "Texts that mean missing: odd ones of these columns, and usual ones."
        ]
    lists = {name for key in OF_COLUMNS for name in dataset.get(key, ())}
    rest = [
        f"{short(each.name)}: {each.said}"
        for each in draft.found.findings
        if each.said and each.name not in lists
    ]
    why["target"] = rest[:MOST_SAID]
    inner = [
        Line(key, value, why.get(key, ()), said if key in OF_COLUMNS else {})
        for key, value in dataset.items()
    ]
    ordered = [name for name in draft.found.dates if _ascends(draft.table.columns[name])]
    instead = []
    if draft.found.groups and own.split["test"]:
        ways = {
            part: {"group": draft.found.groups[0], "fraction": parts.FRACTION} for part in PARTS
        }
        instead.append(f"split: {flow(ways)}")
    if ordered and own.split["test"]:
        instead.append(f"split: {flow({part: {'last': parts.FRACTION} for part in PARTS})}")
    reasons = parts.why(own, draft.rows, draft.found.groups, ordered)
    return (
        Line("dataset", tuple(inner)),
        Line("split", own.split, reasons, instead=instead),
        Line("loss", draft.goal.loss, draft.goal.hints),
        Line("metrics", head["metrics"]),
        Line("model", chosen["model"], _reason(chosen, results, draft.rows)),
        Line("optimizer", chosen["optimizer"]),
        Line("schedule", chosen["schedule"]),
        Line("regularization", chosen["regularization"]),
        Line("training", chosen["training"]),
        Line("seed", draft.seed),
    )


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
        if len(least) == 1:
            rest = "; networks of so many inputs and outputs would take long to try"
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
