"""Figures: which ones a comparison gets, and from what they are drawn.

curves, sensitivity and targets are always drawn, as far as there is something to draw; pairs,
wins and tuning tell more than the table only from three entries on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from optcli import plots
from optcli.comparison import read_back
from optcli.comparison.courses import courses
from optcli.comparison.step_time import step_seconds
from optcli.comparison.study import Study
from optcli.comparison.tuning_curve import expected_best
from optcli.core.arrays import Array
from optcli.core.durations import counted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MANY = 3  # entries, from which on pairs are drawn
# What the axis of the curves may be, by `x` of the settings.
AXES = {
    "steps": "step",
    "gradients": "gradient evaluations",
    "seconds": "seconds of training (processor time)",
}


def draw(
    study: Study, summary: Mapping[str, Any], title: str, x: str = "steps", kind: str = "png"
) -> Iterator[tuple[str, bytes]]:
    """File names and contents.

    x: the axis of curves and targets, as in the settings. kind: `png`, `svg` or `pdf`.
    """
    figures = _Figures(study, summary, title, x)
    for name, picture in figures.all().items():
        yield f"{name}.{kind}", plots.render(picture(), kind)


def profile(found: Mapping[str, Any], title: str, kind: str = "png") -> bytes:
    """The performance profile of several configs, as a file's content."""
    figure = plots.profile(found["ratios"], found["cap"], title, len(found["configs"]))
    return plots.render(figure, kind)


def profile_figure(summary: Mapping[str, Any], title: str) -> Figure:
    """The same of a summary.json, where a target that was not reached is null."""
    found = summary["profile"]
    ratios = {
        label: [math.inf if ratio is None else ratio for ratio in each]
        for label, each in found["ratios"].items()
    }
    return plots.profile(ratios, found["cap"], title, len(found["configs"]))


def stored_curves(folder: Path, summary: Mapping[str, Any], title: str) -> Figure:
    """The curves of a comparison's folder, by step; summary: as `read_back` gives it."""
    measure = read_back.measure(summary)
    rows = {row["label"]: row for row in summary["optimizers"]}
    chosen = {label: row["hyperparameters"] for label, row in rows.items()}
    runs = read_back.final_runs(folder, chosen)
    notes = {label: f"lr {of.get('lr', math.nan):.3g}" for label, of in chosen.items()}
    return plots.curves(
        {label: courses(measure, own) for label, own in runs.items()},
        measure.words,
        f"{title}, {counted(summary['seeds'], 'seed')}",
        next(iter(summary.get("targets") or []), None),
        notes,
        {label: row["optimizer"] for label, row in rows.items()},
        measure.higher,
        AXES["steps"],
    )


class _Figures:
    """The pictures of one comparison, and what they have in common."""

    def __init__(self, study: Study, summary: Mapping[str, Any], title: str, x: str) -> None:
        self.study, self.summary, self.title = study, summary, title
        self.rows = {row["label"]: row for row in summary["optimizers"]}
        self.optimizers = {label: row["optimizer"] for label, row in self.rows.items()}
        self.measure = study.measure
        self.seeds = counted(study.budget.seeds, "seed")
        self.across, self.per_step = AXES[x], self._per_step(x)

    def all(self) -> dict[str, Callable[[], Figure]]:
        """What is drawn of this comparison, by the stem of its file."""
        many = len(self.rows) >= MANY
        tuned = any(row["learning_rates"] for row in self.rows.values())
        found = {
            "curves": (self.curves, True),
            "sensitivity": (self.sensitivity, tuned),
            "targets": (self.targets, bool(self.study.targets)),
            "pairs": (self.pairs, many),
            "wins": (self.wins, many),
            "tuning": (self.tuning, many and self._tuning_values() != {}),
        }
        return {name: draw for name, (draw, wanted) in found.items() if wanted}

    def _per_step(self, x: str) -> Mapping[str, float]:
        """What a step of each entry is in units of the axis."""
        if x == "seconds":
            chosen = self.study.chosen
            return step_seconds(
                {label: (self.study.tasks[label], chosen[label]) for label in chosen}
            )
        if x == "gradients":
            return {n: row["gradient_evaluations_per_step"] or 1.0 for n, row in self.rows.items()}
        return dict.fromkeys(self.rows, 1.0)

    def curves(self) -> Figure:
        final = {n: self.study.final(n, self.study.chosen[n]) for n in self.rows}
        found = {label: courses(self.measure, runs) for label, runs in final.items()}
        scaled = {
            label: (steps * self.per_step[label], values)
            for label, (steps, values) in found.items()
        }
        notes = {
            label: f"lr {row['hyperparameters']['lr']:.3g}" for label, row in self.rows.items()
        }
        return plots.curves(
            scaled,
            self.measure.words,
            f"{self.title}, {self.seeds}",
            self.study.targets[0] if self.study.targets else None,
            notes,
            self.optimizers,
            self.measure.higher,
            self.across,
        )

    def sensitivity(self) -> Figure:
        rates = {label: tried(row) for label, row in self.rows.items() if row["learning_rates"]}
        defaults = {label: self.rows[label]["default"]["hyperparameters"]["lr"] for label in rates}
        starts = [start for label in rates for start in self.study.starts(label)]
        start = self.measure.signed(float(np.median(starts))) if starts else None
        rows = "cross-fit" if self.measure.rows == "validation" else "test"
        quantity = self.measure.metric
        budget = self.study.budget
        title = f"{self.title}, tuning on {counted(budget.tuning_seeds, 'seed')}"
        if budget.finalists > 1:
            title += f", finalists on {len(budget.halving)}"
        return plots.sensitivity(
            rates, defaults, quantity, title, start, self.optimizers, self.measure.higher, rows
        )

    def targets(self) -> Figure:
        taken = 0.0
        steps = {}
        for label in self.rows:
            results = self.study.final(label, self.study.chosen[label])
            each = np.array([self.study.store.target[result.trial] for result in results])
            steps[label] = each * self.per_step[label]
            taken = max(taken, *(r.steps * self.per_step[label] for r in results))
        title = f"{self.title}, {self.seeds}"
        return plots.reached_targets(steps, taken, title, self.optimizers, self.across)

    def pairs(self) -> Figure:
        title = f"{self.title}, {self.seeds}"
        quantity, higher = self.measure.words, self.measure.higher
        return plots.pair_differences(self._pairs(), quantity, title, self.optimizers, higher)

    def wins(self) -> Figure:
        title = f"{self.title}: wins, ties, losses"
        seeds = self.study.budget.seeds
        return plots.wins(list(self.rows), self._pairs(), seeds, title, self.optimizers)

    def _pairs(self) -> list[plots.PairRow]:
        return [
            plots.PairRow(
                pair["a"],
                pair["b"],
                pair["difference"],
                pair["ci_low"],
                pair["ci_high"],
                pair["p_value"],
                None if pair["verdict"] == "tied" else pair[pair["verdict"]],
                pair["better_in"],
            )
            for pair in self.summary["pairs"]
        ]

    def tuning(self) -> Figure:
        return plots.tuning_curves(
            self._tuning_values(),
            self.measure.metric,
            f"{self.title}, tuning",
            self.optimizers,
            self.measure.higher,
        )

    def _tuning_values(self) -> dict[str, Array]:
        """Of each tuned entry the expected value after 1, 2, … settings."""
        count = self.study.budget.tuning_seeds
        found = {}
        for label, row in self.rows.items():
            if count < 2 or not row["learning_rates"]:
                continue
            values = _by_seed(row["learning_rates"], count, self.measure.signed)
            if starts := self.study.starts(label):
                best = expected_best(values, float(np.median(starts)))
                found[label] = np.array([self.measure.signed(each) for each in best])
        return found


def tried(row: Mapping[str, Any]) -> list[plots.Tried]:
    """The learning rates of an entry of summary.json, with what its finalists came to."""
    verdicts = [
        (own["hyperparameters"], (own["median"], own["ci_low"], own["ci_high"]))
        for own in row.get("finalists", ())
        if math.isfinite(own["median"])
    ]
    found = []
    for rate in row["learning_rates"]:
        same = [level for settings, level in verdicts if settings == rate["hyperparameters"]]
        names = ("lr", "mean", "values", "diverged", "chosen")
        own = {name: rate[name] for name in names}
        found.append(plots.Tried(**own, verdict=same[0] if same else None))
    return found


def _by_seed(
    rates: Sequence[Mapping[str, Any]], count: int, signed: Callable[[float], float]
) -> Array:
    """The tuning values (R, S) of all tried settings on the seeds that all have, turned."""
    values = [[signed(value) for value in rate["values"][:count]] for rate in rates]
    return np.array(values, np.float64).reshape(len(rates), count)
