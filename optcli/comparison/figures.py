"""Figures: which ones a comparison gets, and from what they are drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from optcli import plots
from optcli.comparison.study import Study
from optcli.core.arrays import Array
from optcli.core.durations import counted


def draw(study: Study, summary: Mapping[str, Any], title: str) -> Iterator[tuple[str, bytes]]:
    """File names and contents: the courses of the final runs, and what each rate gave."""
    rows = {row["label"]: row for row in summary["optimizers"]}
    courses = {label: _courses(study, label) for label in rows}
    notes = {label: f"lr {row['hyperparameters']['lr']:.3g}" for label, row in rows.items()}
    quantity, seeds = study.measure.words, study.budget.seeds
    heading = f"{title}, {counted(seeds, 'seed')}"
    optimizers = {label: row["optimizer"] for label, row in rows.items()}
    higher = study.measure.higher
    target = study.targets[0] if study.targets else None
    figure = plots.curves(courses, quantity, heading, target, notes, optimizers, higher)
    yield "curves.png", plots.render(figure)
    tried = {
        label: [
            plots.Tried(*(rate[n] for n in ("lr", "mean", "values", "diverged", "chosen")))
            for rate in row["learning_rates"]
        ]
        for label, row in rows.items()
        if row["learning_rates"]
    }
    if tried:
        defaults = {label: rows[label]["default"]["hyperparameters"]["lr"] for label in tried}
        starts = [values[:, 0] for _, values in courses.values()]
        start = float(np.nanmedian(np.concatenate(starts)))
        seeds = study.budget.tuning_seeds
        heading = f"{title}, tuning on {counted(seeds, 'seed')}"
        figure = plots.sensitivity(tried, defaults, quantity, heading, start, optimizers, higher)
        yield "sensitivity.png", plots.render(figure)


def profile(found: Mapping[str, Any], title: str) -> bytes:
    """The performance profile of several configs, as their summary.json has it."""
    return plots.render(plots.profile(found["ratios"], found["cap"], title, len(found["configs"])))


def _courses(study: Study, label: str) -> tuple[Array, Array]:
    """Steps (E,) and values (S, E) of the final runs; NaN where one was over.

    Where one has diverged its value is infinite, the worst, as in the verdict.
    """
    results = study.final(label, study.chosen[label])
    courses = [study.measure.course(result) for result in results]
    steps = np.asarray(max((own for own, _ in courses), key=len), float)
    values = np.full((len(results), len(steps)), np.nan)
    for row, result, (_, course) in zip(values, results, courses, strict=True):
        row[: len(course)] = [study.measure.signed(value) for value in course]
        if result.outcome == "diverged":
            worst = study.measure.signed(np.inf)
            row[len(course) :] = worst
            row[1:][~np.isfinite(row[1:])] = worst
    return steps, values
