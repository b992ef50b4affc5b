"""Laws of schedules: factors step by step, and what is kept of the epochs."""

from __future__ import annotations

import numpy as np

from optcli.core.arrays import Array
from optcli.plugins.laws.base import FIELDS, Law, same
from optcli.schedules.base import Schedule

LONG = 300


def factors(schedule: Schedule, steps: int, epoch: int = 7) -> Array:
    """The factor of every step of a run."""
    return schedule.factor(np.arange(1, steps + 1, dtype=float), steps, epoch)


def gives_factors(schedule: Schedule) -> str:
    """Whether there is one finite factor for each step, none of them negative, not all 0."""
    for steps in (1, 2, 3, 10, LONG):
        found = factors(schedule, steps)
        if np.shape(found) != (steps,):
            return (
                f"shape gives {np.shape(found)} for {steps} steps; must give one factor for each: "
                "`done` is an array (K,), so use np.where, np.cos, …, and np.ones_like(done) for 1"
            )
        if not np.isfinite(found).all():
            return (
                f"a factor is not finite in a run of {steps} steps; divide by span.rest, which is "
                "at least 1"
            )
        if (found < 0).any():
            return f"a factor is negative in a run of {steps} steps: it would climb"
        if not found.max() > 0:
            return f"every factor of a run of {steps} steps is 0"
    return ""


def follows_from_the_step(schedule: Schedule) -> str:
    """Whether a part of the steps has the bits of the whole, in whatever order asked."""
    whole = factors(schedule, LONG)
    for start, stop in ((200, LONG), (0, 1), (90, 120), (LONG - 1, LONG)):
        t = np.arange(start + 1, stop + 1, dtype=float)
        if not same(schedule.factor(t, LONG, 7), whole[start:stop]):
            return (
                "a part of the steps has other factors than the whole run: each must follow from "
                "its own step alone, so that a resumed run goes on as it was"
            )
    return ""


def leaves_the_steps(schedule: Schedule) -> str:
    """Whether `done` is as it was."""
    done = np.arange(10.0)
    schedule.shape(done, schedule.span(10, 1))
    if same(done, np.arange(10.0)):
        return ""
    return "shape changes `done`, which it is given; make a new array"


def remembers_each_run(schedule: Schedule) -> str:
    """Whether what is kept of the epochs is separate for each run, and all of it in `state`."""
    usual = "validation_loss"
    if schedule.watches(usual) is None:
        if schedule.state(2):
            return "has state but monitors nothing: watches must return the column"
        return ""
    random = np.random.default_rng(0)
    values = np.stack([np.ones(24), random.uniform(0.5, 2, 24), np.linspace(1, 2, 24)], axis=1)

    def scales(rows: slice, *, copied: bool = False) -> Array:
        count = len(values[0, rows])
        state, found = schedule.state(count), []
        for value in values[:, rows]:
            if copied:  # as a checkpoint does
                state = {name: array.copy() for name, array in state.items()}
            schedule.watch(state, value.copy())
            found.append(np.broadcast_to(schedule.scale(state), count).copy())
        return np.array(found)

    for name, array in schedule.state(3).items():
        if not isinstance(array, np.ndarray) or len(array) != 3:
            return f"state has '{name}' as {array!r}; must be an array (R,), a number for a run"
    together = scales(slice(None))
    if not same(scales(slice(None)), together):
        return "the same epochs give other factors the second time: keep all of it in `state`"
    if not same(scales(slice(None), copied=True), together):
        return "a resumed run differs: keep all of it in `state`, and change it in place"
    for r in range(3):
        if not same(scales(slice(r, r + 1))[:, 0], together[:, r]):
            return (
                "a run trained alongside others differs from the same run trained alone"
                ": state has a number for each run; "
                "use np.where and masks, not `if`"
            )
    return ""


def _of_its_class(schedule: Schedule) -> str:
    return FIELDS.fault(type(schedule))


LAWS: tuple[Law[Schedule], ...] = (
    Law(FIELDS.says, _of_its_class),
    Law("one finite factor for each step, none negative", gives_factors),
    Law("factors follow from the step alone", follows_from_the_step),
    Law("the steps are left as they are", leaves_the_steps),
    Law("what it keeps is each run's own", remembers_each_run),
)
