"""Equal costs: where steps cost more for some, what the runs were after equal costs.

A run of a constant schedule that is cut after some steps is a run of that many steps, so that
the histories answer: each entry is measured at its best validation epoch up to the step at which
it has spent what the cheapest entry spends in all. Learning rates stay those tuned for all steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from optcli.comparison.study import Study
from optcli.comparison.trials import prepared
from optcli.schedules.constant import Constant
from optcli.training import Replica
from optcli.training.task import lengths

NOTABLE = 1.5  # how many times the cheapest an entry must cost


@dataclass(frozen=True)
class Length:
    """Of an entry's runs: steps, steps of an epoch, and rows of a batch."""

    steps: int
    epoch: int
    rows: int


def planned(study: Study, label: str) -> Length:
    """What the runs of an entry were to be."""
    task = study.tasks[label]
    cohort = task.cohort([Replica(study.chosen[label], prepared(task, None), task.seed)])
    steps, epoch = lengths(cohort)
    return Length(steps, epoch, cohort.batch * cohort.training.accumulate)


def evaluations_of_a_step(study: Study, label: str) -> float:
    """Gradient evaluations of a step, by the final runs of the chosen setting."""
    runs = study.final(label, study.chosen[label])
    steps = sum(run.steps for run in runs)
    return sum(run.gradient_evaluations for run in runs) / steps if steps else float("nan")


def shares(costs: Mapping[str, float], steps: Mapping[str, int]) -> dict[str, int] | None:
    """The steps of each entry that cost what all steps of the cheapest do.

    costs: of a step. None where the dearest costs no more than 1.5 times the cheapest.
    """
    totals = {label: costs[label] * steps[label] for label in costs}
    least = min(totals.values())
    if not max(totals.values()) > NOTABLE * least:
        return None
    # a little more, lest rounding cost a step
    return {label: int(least / cost * (1 + 1e-9)) for label, cost in costs.items()}


def obstacle(study: Study, lengths: Mapping[str, Length], cut: Mapping[str, int]) -> str | None:
    """Why the histories do not tell what runs of so many steps give; None if they do."""
    for label, task in study.tasks.items():
        schedule = task.schedule
        if not isinstance(schedule, Constant) or schedule.warmup or task.training.average:
            what = "average" if task.training.average else "schedule"
            return f"the {what} of {label} depends on the length of a run; this takes new runs"
    if study.measure.quantity.startswith("crossfit"):
        return "cross-fit values are known of whole runs alone; this takes new runs"
    for label, steps in cut.items():
        if steps < lengths[label].epoch:
            return f"the share of {label}, {steps} steps, ends within its first epoch"
    return None
