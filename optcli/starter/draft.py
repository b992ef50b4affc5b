"""Draft: what is known of a table before a model is chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optcli.data.checks import drop
from optcli.data.table import Table
from optcli.starter.columns import Found
from optcli.starter.goal import Goal
from optcli.starter.parts import Parts


@dataclass(frozen=True)
class Draft:
    """What is known of a table, as its config reads it.

    dataset: that section of the config. unlabelled: rows without a target; rows: the others. gaps:
    missing values of each input that has some.
    """

    dataset: Mapping[str, Any]
    metrics: Sequence[str]
    table: Table
    found: Found
    goal: Goal
    rows: int
    unlabelled: int
    gaps: Mapping[str, int]
    seed: int

    @classmethod
    def of(
        cls,
        dataset: Mapping[str, Any],
        table: Table,
        targets: Sequence[str],
        found: Found,
        goal: Goal,
        seed: int,
    ) -> Draft:
        """With the keys of `dataset` that follow from the columns."""
        inputs = [each.name for each in found.findings if each.use == "input"]
        labelled = drop(table, targets)
        gaps = {name: gone for name in inputs if (gone := labelled.columns[name].gaps())}
        unlabelled = table.rows - labelled.rows
        section = {**dataset, **found.keys_of_dataset()}
        section |= {"missing": "impute"} if gaps else {}
        section |= {"unlabelled": "drop"} if unlabelled else {}
        return cls(section, goal.metrics, table, found, goal, labelled.rows, unlabelled, gaps, seed)

    def head(self, parts: Parts) -> dict[str, Any]:
        """The sections of the config that do not depend on the model."""
        dataset = dict(self.dataset) | ({"rare_classes": parts.rare} if parts.rare else {})
        return {
            "dataset": dataset,
            "split": parts.split,
            "loss": self.goal.loss,
            "metrics": list(self.metrics),
            "seed": self.seed,
        }
