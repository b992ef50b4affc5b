"""What `optcli compare` shows at its end: the table, the pairs, the verdict and the settings."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from optcli.comparison.ranking import median_ranks
from optcli.comparison.signed_rank import fewest_seeds
from optcli.comparison.study import Study
from optcli.core.durations import counted
from optcli.core.errors import Grave
from optcli.display.table import Column, Table
from optcli.display.terminal import width_of
from optcli.display.text import alike, brief, escaped, metric, number, short, wrapped

WIDEST = 110
MOST_PAIRS = 6


def report(summary: Mapping[str, Any], width: int) -> list[str]:
    """The table, the pairs, the verdict, and on what they stand."""
    shown = table(summary, width)
    lines = shown.lines()
    pairs = summary["pairs"]
    if 1 < len(pairs) <= MOST_PAIRS:
        lines += ["", *_pairs(summary, width)]
    if shown.left_out:
        names = ", ".join(column.heading.replace("\n", " ") for column in shown.left_out)
        words = f"not shown: {names}; widen the terminal or see summary.json"
        lines += ["", *wrapped(words, width)]
    lines += ["", *wrapped(summary["verdict"], width), *wrapped(summary["note"], width)]
    lines += wrapped(_settings(summary, [column.key for column in shown.columns]), width)
    lines += wrapped(_stopped(summary), width) if summary.get("stopped_early") else []
    return [escaped(line) for line in lines]


def table(summary: Mapping[str, Any], width: int) -> Table:
    """A row for each optimizer, best first; the ranked quantity and its interval stay."""
    rows = summary["optimizers"]
    what = summary["quantity"].replace("_", "\n")
    # the whole range of so few holds the median less often
    interval = "95 % CI" if median_ranks(summary["seeds"])[2] >= 0.95 else "range"
    columns = [
        Column("rank", "rank", [_rank(row) for row in rows]),
        Column("optimizer", "optimizer", [row["label"] for row in rows], left=True, cut=True),
        Column("lr", "lr", [short(row["hyperparameters"]["lr"]) for row in rows], rank=2),
        Column("median", f"median\n{what}", alike([row["median"] for row in rows])),
        Column("interval", interval, _intervals(rows), rank=1),
    ]
    if summary["target"] is not None:
        columns.append(Column("target", "steps to\ntarget", [_steps(row) for row in rows], rank=3))
    times = [_step_time(row) for row in rows]
    columns.append(Column("time", "relative\nstep time\n(SGD = 1)", times, rank=4))
    if any(row["diverged"] for row in rows):
        counts = [f"{row['diverged']}/{summary['seeds']}" for row in rows]
        columns.append(Column("diverged", "seeds\ndiverged", counts, rank=5))
    defaults = alike([row["default"]["median"] for row in rows], 3)
    columns.append(Column("default", "median with\ndefault\nsettings", defaults, rank=6))
    widths = [_band(row) for row in rows]
    columns.append(Column("band", "learning-rate\nrange\n(decades)", widths, rank=7))
    if (other := _other(summary)) is not None:
        values = [_known(row["metrics"][other], metric) for row in rows]
        columns.append(Column("other", f"median\n{other.replace('_', ' ')}", values, rank=8))
    if any(row["test"] for row in rows):
        tests = [_test(row, summary["quantity"]) for row in rows]
        name = summary["quantity"].removeprefix("validation_")
        columns.append(Column("test", f"median\ntest {name}", tests, rank=9))
    return Table(columns, width)


def _intervals(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """`[0.0098, 0.0111]`, the ends of all in one format."""
    ends = alike([row[end] for row in rows for end in ("ci_low", "ci_high")], 3)
    return [f"[{low}, {high}]" for low, high in zip(ends[::2], ends[1::2], strict=True)]


def _other(summary: Mapping[str, Any]) -> str | None:
    """A further measure that all have, the first one."""
    everyone = [row["metrics"] for row in summary["optimizers"]]
    said = (summary["quantity"], "validation_loss")
    shared = [name for name in everyone[0] if all(name in own for own in everyone)]
    return next((name for name in shared if name not in said), None)


def _rank(row: Mapping[str, Any]) -> str:
    return f"{row['rank']}{'=' if row['tied_with'] else ''}"


def _steps(row: Mapping[str, Any]) -> str:
    steps = row["steps_to_target"]
    if steps is None or not steps["reached"]:
        return "never"
    count = len(steps["values"])
    median = f"{steps['median']:,.0f}" if math.isfinite(steps["median"]) else "inf"
    return median if steps["reached"] == count else f"{median} ({steps['reached']}/{count})"


def _step_time(row: Mapping[str, Any]) -> str:
    return "-" if row["step_cost"] is None else f"{row['step_cost']:.2f}"


def _band(row: Mapping[str, Any]) -> str:
    return "-" if row["band"] is None else f"{row['band']['decades']:.1f}"


def _test(row: Mapping[str, Any], quantity: str) -> str:
    name = quantity.removeprefix("validation_")
    value = (row["test"] or {}).get(name, math.nan)
    return _known(value, number)


def _known(value: float, said: Callable[[float], str]) -> str:
    return "-" if math.isnan(value) else said(value)


def _pairs(summary: Mapping[str, Any], width: int) -> list[str]:
    """A line for each pair: who is better, by how much, and how sure that is."""
    lines = []
    few = summary["seeds"] < fewest_seeds(len(summary["pairs"]))
    for pair in summary["pairs"]:
        a, b, share = pair["a"], pair["b"], pair["better_in"]
        numbers = [pair[name] for name in ("difference", "ci_low", "ci_high")]
        if pair["verdict"] == "tied":
            words = f"{a} and {b} {'not decided' if few else 'tied'}: difference"
        else:
            numbers = [abs(numbers[0]), *sorted(map(abs, numbers[1:]))]
            if pair["verdict"] == "b":
                a, b, share = b, a, 1 - share
            words = f"{a} beats {b}: by"
        size, low, high = map(brief, numbers)
        better = "" if pair["verdict"] != "tied" else f"{a} "
        seeds = f"{better}better in {share * summary['seeds']:g} of {summary['seeds']}"
        interval = "" if few else f" [{low}, {high}]"
        lines.append(f"{words} {size}{interval}, p {pair['p_value']:.2g}, {seeds}")
    if few:
        words = (
            f"no interval: {counted(summary['seeds'], 'seed')} for {len(summary['pairs'])} pairs"
        )
        lines.append(f"{words} {'is' if summary['seeds'] == 1 else 'are'} too few to decide")
    else:
        lines.append("difference: first minus second; [ ]: its 95 % interval, all pairs together")
    return [part for line in lines for part in wrapped(line, width)]


def _stopped(summary: Mapping[str, Any]) -> str:
    """How many runs were shorter than the others."""
    stopped = summary["stopped_early"]
    patience = " or ".join(map(str, stopped["patience"]))
    words = f"{stopped['runs']} of {counted(summary['trials'], 'run')} were stopped early"
    return f"{words} by the config's rule (patience {patience}), so their steps differ"


def _settings(summary: Mapping[str, Any], columns: Sequence[str]) -> str:
    """How many runs, the target, and what the columns of the table are."""
    measured = summary["quantity"].replace("_", " ", 1)
    if summary["quantity"] == "validation_loss":
        measured = "lowest validation loss of a run"
        words = ["each run counts with its lowest validation loss"]
    else:
        words = [f"{measured}: at the epoch of the lowest validation loss"]
    words.append(f"{counted(summary['trials'], 'run')} in total")
    if summary["extended"]:
        words.append(f"three more learning rates tried for {', '.join(summary['extended'])}")
    if summary["edge"]:
        edge = ", ".join(summary["edge"])
        words.append(f"the best learning rate of {edge} is at the edge of the range tried")
    if summary["target"] is not None:
        steps = sorted({step for own in summary["resolution"].values() for step in own})
        each = " or ".join(f"{step:,}" for step in steps)
        words.append(f"target {number(summary['target'])}, checked every {each} steps")
        words.append(f"learning rates were tuned for the {measured}, not for speed")
    if "time" in columns and any(row["step_cost"] is None for row in summary["optimizers"]):
        words.append("relative step time: - where it varied by more than 10 %")
    if "band" in columns:
        words.append("learning-rate range: that within 5 % of the best")
    return "; ".join(words)


def across(summary: Mapping[str, Any], width: int) -> list[str]:
    """The table over several configs."""
    rows = summary["performances"]
    lines = [""]
    if rows:
        reference = summary["reference"]
        columns = [
            Column("label", "optimizer", [row["label"] for row in rows], left=True, cut=True),
            Column("score", "profile\nscore", [f"{row['score']:.2f}" for row in rows]),
            Column("rank", "average\nrank", [f"{row['average_rank']:.2f}" for row in rows]),
            Column(
                "speed", f"speed-up\nover {reference}", [f"{row['speed_up']:.2f}" for row in rows]
            ),
        ]
        lines += Table(columns, width).lines()
        few = len(summary["counted"]) < 6
        words = f"over {counted(len(summary['counted']), 'config')}"
        if len(rows) > 2:
            words += "; the score compares each optimizer with the best one, not with the others"
        if few:
            words += "; fewer than six configs allow no verdict across them"
        lines += wrapped(words, width)
    if summary["unsolved"]:
        lines += wrapped(
            f"no optimizer reached the target: {', '.join(summary['unsolved'])}", width
        )
    return [escaped(line) for line in lines]


def head(study: Study, title: str, notes: Sequence[str]) -> list[str]:
    """What is about to be done, and what is to be said of it."""
    budget = study.budget
    rates = (
        f"{budget.settings} settings" if budget.settings else counted(budget.rates, "learning rate")
    )
    if any(len(e.candidates(budget.rates, budget.settings)) > 1 for e in study.entries):
        words = (
            f"{title}: {rates} each on {counted(budget.tuning_seeds, 'seed')}, "
            f"then the best and the default on {counted(budget.seeds, 'fresh seed')}"
        )
    else:
        words = f"{title}: nothing to tune, {counted(budget.seeds, 'seed')}"
    lines = wrapped(words, width_of(WIDEST))
    for note in notes:
        kind = "warning" if isinstance(note, Grave) else "note"
        lines += wrapped(f"{kind}: {note}", width_of(WIDEST))
    return [escaped(line) for line in [*lines, ""]]
