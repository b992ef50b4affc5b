"""Verdict: a comparison in words: the table, the pairs, the sentence, and on what they stand."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from optcli.comparison.ranking import median_ranks
from optcli.comparison.study import Study
from optcli.core.durations import counted
from optcli.core.errors import Grave
from optcli.display.aligned import cut, fitted, terminal_width
from optcli.display.words import escaped, metric, number, short

WIDEST = 110
MOST_PAIRS = 6


def report(summary: Mapping[str, Any], width: int) -> list[str]:
    """The table, the pairs, the verdict, and on what they stand."""
    lines = table(summary, width)
    pairs = summary["pairs"]
    if 1 < len(pairs) <= MOST_PAIRS:
        lines += ["", *_pairs(summary, width)]
    lines += ["", *wrapped(summary["verdict"], width), *wrapped(summary["note"], width)]
    lines += wrapped(_terms(summary, lines[0].split()), width)
    lines += wrapped(_stopped(summary), width) if summary.get("stopped_early") else []
    return [escaped(line) for line in lines]


def table(summary: Mapping[str, Any], width: int) -> list[str]:
    """Aligned lines, best first; where there is no room the last named below go first."""
    rows = summary["optimizers"]
    what = summary["quantity"].replace("validation_", "").replace("_", " ")
    other = _other(summary)
    # the whole range of so few holds the median less often
    interval = "95 % interval" if median_ranks(summary["seeds"])[2] >= 0.95 else "range"
    columns = {
        "rank": [_rank(row) for row in rows],
        "optimizer": [row["label"] for row in rows],
        "lr": [short(row["hyperparameters"]["lr"]) for row in rows],
        what: [number(row["median"]) for row in rows],
        interval: [f"[{brief(row['ci_low'])}, {brief(row['ci_high'])}]" for row in rows],
        "to target": [_steps(row) for row in rows],
        "step": [_step_time(row) for row in rows],
        "diverged": [f"{row['diverged']}/{summary['seeds']}" for row in rows],
        "default": [_default(row) for row in rows],
        "band": [_band(row) for row in rows],
    }
    if other is not None:
        name = other.removeprefix("validation_")
        columns[name] = [_known(row["metrics"][other], metric) for row in rows]
    if any(row["test"] for row in rows):
        columns["test"] = [_test(row, summary["quantity"]) for row in rows]
    if not any(row["diverged"] for row in rows):
        del columns["diverged"]
    if summary["target"] is None:
        del columns["to target"]
    spare = [*list(columns)[:4:-1], interval]
    return fitted(columns, width, spare=spare, left={"optimizer"})


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
    return "-" if row["step_cost"] is None else f"{row['step_cost']:.2f}x"


def _default(row: Mapping[str, Any]) -> str:
    return brief(row["default"]["median"])


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
    for pair in summary["pairs"]:
        a, b, share = pair["a"], pair["b"], pair["better_in"]
        numbers = [pair[name] for name in ("difference", "ci_low", "ci_high")]
        if pair["verdict"] == "tied":
            words = f"{a} and {b} tied: difference"
        else:
            numbers = [abs(numbers[0]), *sorted(map(abs, numbers[1:]))]
            if pair["verdict"] == "b":
                a, b, share = b, a, 1 - share
            words = f"{a} beats {b}: by"
        size, low, high = map(brief, numbers)
        better = "" if pair["verdict"] != "tied" else f"{a} "
        seeds = f"{better}better in {share * summary['seeds']:g} of {summary['seeds']}"
        lines.append(f"{words} {size} [{low}, {high}], p {pair['p_value']:.2g}, {seeds}")
    return [part for line in lines for part in wrapped(line, width)]


def _stopped(summary: Mapping[str, Any]) -> str:
    """How many runs were shorter than the others."""
    stopped = summary["stopped_early"]
    patience = " or ".join(map(str, stopped["patience"]))
    words = f"{stopped['runs']} of {counted(summary['trials'], 'run')} were stopped early"
    return f"{words} by the config's rule (patience {patience}), so their steps differ"


def _terms(summary: Mapping[str, Any], columns: Sequence[str]) -> str:
    """How many runs, the target, and what the columns of the table are."""
    words = [f"{counted(summary['trials'], 'run')} in all"]
    if summary["extended"]:
        words.append(f"three more rates for {', '.join(summary['extended'])}")
    if summary["edge"]:
        words.append(f"the best rate of {', '.join(summary['edge'])} is the last one tried")
    if summary["target"] is not None:
        steps = sorted({step for own in summary["resolution"].values() for step in own})
        each = " or ".join(f"{step:,}" for step in steps)
        words.append(f"target {number(summary['target'])}, looked for every {each} steps")
        words.append("rates were tuned for the result, not for speed")
    if "step" in columns:
        words.append("step: relative time per step (SGD = 1)")
        if any(row["step_cost"] is None for row in summary["optimizers"]):
            words.append("- where it varied too much to repeat within 10 %")
    if "band" in columns:
        words.append("band: decades of learning rate that come within 5 % of the best")
    return "; ".join(words)


def across(summary: Mapping[str, Any], width: int) -> list[str]:
    """The table over several configs."""
    rows = summary["performances"]
    lines = [""]
    if rows:
        size = max(9, *(len(row["label"]) for row in rows))
        size = min(size, max(9, width - 34))
        lines.append(f"{'optimizer':<{size}}  score  average rank  speed-up")
        for row in rows:
            name = f"{cut(row['label'], size):<{size}}"
            lines.append(
                f"{name}  {row['score']:5.2f}  {row['average_rank']:12.2f}  {row['speed_up']:7.2f}x"
            )
        few = len(summary["counted"]) < 6
        words = f"over {len(summary['counted'])} configs, speed-up over {summary['reference']}"
        if len(rows) > 2:
            words += "; the score compares each with the best, not with each other"
        if few:
            words += "; no verdict across fewer than six"
        lines += wrapped(words, width)
    if summary["unsolved"]:
        lines += wrapped(f"nobody reached the target: {', '.join(summary['unsolved'])}", width)
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
            f"then the best and the default on {counted(budget.seeds, 'fresh one')}"
        )
    else:
        words = f"{title}: nothing to tune, {counted(budget.seeds, 'seed')}"
    lines = wrapped(words, terminal_width(WIDEST))
    for note in notes:
        kind = "warning" if isinstance(note, Grave) else "note"
        lines += wrapped(f"{kind}: {note}", terminal_width(WIDEST))
    return [escaped(line) for line in [*lines, ""]]


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most `width` characters, broken at spaces."""
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}" if lines[-1] else word
    return lines


def brief(value: float) -> str:
    """Three significant digits: `0.00987`, `-0.413`, `1.23e+04`."""
    return f"{value:.3g}" if math.isnan(value) or abs(value) < 0.01 else f"{value:#.3g}".rstrip(".")
