"""Held out: the rows that a verdict is measured on, which choose nothing before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from optcli.core.errors import InvalidInput
from optcli.data.split import Split
from optcli.training.task import Task

HELD_OUT = 0.2  # of the rows, where a config names no test part
FRESH = 1000  # rows of a synthetic data set, at least

Rows = Literal["test", "fresh", "validation"]


def rows_for(task: Task, given: bool) -> tuple[Task, Rows, str]:
    """The task with a test part, which rows the verdict is on, and what to say of it.

    given: whether the config names `split.test`. With an explicit 0 the verdict is on
    cross-fit values of the validation rows.
    """
    if given and task.split.test != 0:
        return task, "test", ""
    if given:
        return task, "validation", "split.test is 0: the verdict is on validation rows, cross-fit"
    if task.dataset.synthetic and task.dataset.fresh(2, task.seed, 0) is not None:
        return task, "fresh", ""
    split = with_test(task.split)
    if split is None:
        note = "no test rows can be held out; the verdict is on validation rows, cross-fit"
        return task, "validation", f"{note}; set split.test to change that"
    share = f"{100 * HELD_OUT:.0f} % of the rows"
    note = f"the config names no split.test; {share} are held out for the verdict"
    return replace(task, split=split), "test", note


def with_test(split: Split) -> Split | None:
    """The split with a test part in the manner of its validation part; None if that is none.

    Of a table in order of time the latest rows are held out, and the ones before them validate;
    where groups are kept together, whole groups are held out.
    """
    way: Any = HELD_OUT
    if isinstance(split.validation, Mapping):
        if "column" in split.validation:
            return None
        group = split.validation.get("group")
        way = {"last": HELD_OUT} if group is None else {"group": group, "fraction": HELD_OUT}
    try:
        return replace(split, test=way)
    except InvalidInput:  # too few rows would be left to train on
        return None
