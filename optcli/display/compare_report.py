"""What `optcli compare` shows at its end: the table, the pairs, the verdict and the settings."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from optcli.comparison.ranking import median_ranks
from optcli.comparison.signed_rank import fewest_seeds
from optcli.comparison.study import Study
from optcli.comparison.targets import DEPTHS
from optcli.core.durations import counted
from optcli.core.errors import Grave
from optcli.display.table import Column, Table
from optcli.display.terminal import width_of
from optcli.display.text import alike, brief, escaped, metric, number, short, wrapped

WIDEST = 110
MOST_PAIRS = 6
MOST_ACROSS = 10  # pairs over several configs; of more there is a row for each entry


def report(summary: Mapping[str, Any], width: int) -> list[str]:
    """The table, the verdict, the pairs, and what they rest on."""
    shown = table(summary, width)
    lines = [*shown.lines(), "", *wrapped(summary["verdict"], width)]
    pairs = summary["pairs"]
    if 1 < len(pairs) <= MOST_PAIRS:
        lines += ["", *_pairs(summary, width)]
    columns = [column.key for column in shown.columns]
    left_out = [column.heading.replace("\n", " ") for column in shown.left_out]
    lines.append("")
    for words in _rests_on(summary, columns, left_out):
        lines += wrapped(words, width)
    return [escaped(line) for line in lines]


def table(summary: Mapping[str, Any], width: int) -> Table:
    """A row for each optimizer, best first; the ranked quantity and its interval stay."""
    rows = summary["optimizers"]
    what = summary["quantity"].replace("crossfit", "cross-fit").replace("_", "\n")
    # the whole range of so few holds the median less often
    interval = "95 % CI" if median_ranks(summary["seeds"])[2] >= 0.95 else "range"
    columns = [
        Column("rank", "rank", [_rank(row) for row in rows]),
        Column("optimizer", "optimizer", [row["label"] for row in rows], left=True, cut=True),
        Column("lr", "lr", [short(row["hyperparameters"]["lr"]) for row in rows], rank=2),
        Column("median", f"median\n{what}", alike([row["median"] for row in rows])),
        Column("interval", interval, _intervals(rows), rank=1),
    ]
    if len(rows) > 2:
        wins = [_wins(row["label"], summary["pairs"]) for row in rows]
        columns.append(Column("wins", "wins/ties/\nlosses", wins, rank=3))
    for i, target in enumerate(summary["targets"]):
        depth = f"{DEPTHS[i]:.0%}" if len(summary["targets"]) > 1 else f"{number(target)}"
        steps = [_steps(row["steps_to_targets"][i]) for row in rows]
        rank = 4 if i == len(summary["targets"]) - 1 else 7 + i
        columns.append(Column(f"target {i}", f"steps to\n{depth}", steps, rank=rank))
    times = [_step_time(row) for row in rows]
    columns.append(Column("time", "relative\nstep time\n(SGD = 1)", times, rank=5))
    if any(row["diverged"] for row in rows):
        counts = [f"{row['diverged']}/{summary['seeds']}" for row in rows]
        columns.append(Column("diverged", "seeds\ndiverged", counts, rank=6))
    defaults = alike([row["default"]["median"] for row in rows], 3)
    columns.append(Column("default", "median with\ndefault\nsettings", defaults, rank=9))
    widths = [_band(row) for row in rows]
    columns.append(Column("band", "learning-rate\nrange\n(decades)", widths, rank=10))
    if (other := _other(summary)) is not None:
        values = [_known((row["test"] or row["metrics"])[other], metric) for row in rows]
        columns.append(Column("other", f"median\n{_of_rows(summary)} {other}", values, rank=11))
    return Table(columns, width)


def _of_rows(summary: Mapping[str, Any]) -> str:
    return "validation" if summary["rows"] == "validation" else "test"


def _wins(label: str, pairs: Sequence[Mapping[str, Any]]) -> str:
    """`2/1/0`: pairs won, tied and lost."""
    counts = {"win": 0, "tied": 0, "loss": 0}
    for pair in pairs:
        if label in (pair["a"], pair["b"]):
            ours = "a" if pair["a"] == label else "b"
            verdict = pair["verdict"]
            counts["tied" if verdict == "tied" else "win" if verdict == ours else "loss"] += 1
    return "/".join(map(str, counts.values()))


def _intervals(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """`[0.0098, 0.0111]`, the ends of all in one format."""
    ends = alike([row[end] for row in rows for end in ("ci_low", "ci_high")], 3)
    return [f"[{low}, {high}]" for low, high in zip(ends[::2], ends[1::2], strict=True)]


def _other(summary: Mapping[str, Any]) -> str | None:
    """A further measure that all have on the verdict's rows, the first one."""
    everyone = [row["test"] or row["metrics"] for row in summary["optimizers"]]
    compared = (summary["quantity"].partition("_")[2], summary["quantity"], "loss")
    prefix = "validation_" if summary["rows"] == "validation" else ""
    known = {f"{prefix}{name}" for name in compared}
    shared = [name for name in everyone[0] if all(name in own for own in everyone)]
    return next((name for name in shared if name not in known), None)


def _rank(row: Mapping[str, Any]) -> str:
    return f"{row['rank']}{'=' if row['tied_with'] else ''}"


def _steps(steps: Mapping[str, Any]) -> str:
    if not steps["reached"]:
        return "never"
    count = len(steps["values"])
    median = f"{steps['median']:,.0f}" if math.isfinite(steps["median"]) else "inf"
    return median if steps["reached"] == count else f"{median} ({steps['reached']}/{count})"


def _step_time(row: Mapping[str, Any]) -> str:
    return "-" if row["step_cost"] is None else f"{row['step_cost']:.2f}"


def _band(row: Mapping[str, Any]) -> str:
    return "-" if row["band"] is None else f"{row['band']['decades']:.1f}"


def _known(value: float, said: Callable[[float], str]) -> str:
    return "-" if math.isnan(value) else said(value)


def _pairs(summary: Mapping[str, Any], width: int) -> list[str]:
    """A line for each pair: who is better, by how much, and how sure that is."""
    lines = []
    few = summary["seeds"] < fewest_seeds(summary.get("correction", len(summary["pairs"])))
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


def _rests_on(
    summary: Mapping[str, Any], columns: Sequence[str], left_out: Sequence[str]
) -> list[str]:
    """What the numbers rest on: rows, seeds, budget; what was cut short; what is not shown."""
    measured = [_measured(summary), summary["note"]]
    budget = [f"{counted(summary['trials'], 'run')} in total"]
    if summary["extended"]:
        budget.append(f"three more learning rates tried for {', '.join(summary['extended'])}")
    if summary["edge"]:
        edge = ", ".join(summary["edge"])
        budget.append(f"the best learning rate of {edge} is at the edge of the range tried")
    if stopped := summary["stopped_early"]:
        patience = " or ".join(map(str, stopped["patience"]))
        words = f"{stopped['runs']} of {counted(summary['trials'], 'run')} were stopped early"
        budget[0] = f"{words} by the config's rule (patience {patience}), so their steps differ"
    shown = []
    if any(name.startswith("target") for name in columns):
        shown.append(_targets(summary))
    if "time" in columns and any(row["step_cost"] is None for row in summary["optimizers"]):
        shown.append("relative step time: - where it varied by more than 10 %")
    if "band" in columns:
        shown.append("learning-rate range: that within 5 % of the best")
    if left_out:
        shown.append(f"not shown: {', '.join(left_out)}; widen the terminal or see summary.json")
    return [
        ". ".join(_sentence(part) for part in parts if part) + "."
        for parts in (measured, ["; ".join(budget)], shown)
        if any(parts)
    ]


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:].rstrip(".")


def _measured(summary: Mapping[str, Any]) -> str:
    """On which rows, at which epoch, and what chose that epoch."""
    rows = {
        "test": "test rows, which chose nothing",
        "fresh": "fresh rows of the synthetic data, which chose nothing",
        "validation": "validation rows by cross-fit: at epochs that the other rows chose",
    }[summary["rows"]]
    epoch = {"best": "the epoch of the lowest validation loss", "last": "the last epoch"}
    at = "" if summary["rows"] == "validation" else f", at {epoch[summary['at']]}"
    return f"measured on {rows}{at}"


def _targets(summary: Mapping[str, Any]) -> str:
    steps = sorted({step for own in summary["resolution"].values() for step in own})
    each = " or ".join(f"{step:,}" for step in steps)
    if len(summary["targets"]) == 1:
        what = f"target {number(summary['target'])}"
    else:
        values = ", ".join(map(number, summary["targets"]))
        what = f"steps to 90, 97 and 99 % of the way to the best tuned loss ({values})"
    return f"{what}, checked every {each} steps"


def across(summary: Mapping[str, Any], width: int) -> list[str]:
    """What may be said over several configs: the pairs or the entries, the verdict, its basis."""
    shown = _pairs_across(summary, width)
    if len(summary["pairs"]) > MOST_ACROSS:
        shown = _entries_across(summary, width)
    lines = ["", *shown, "", *wrapped(summary["verdict"], width), ""]
    for words in _basis(summary):
        lines += wrapped(words, width)
    return [escaped(line) for line in lines]


def _pairs_across(summary: Mapping[str, Any], width: int) -> list[str]:
    """A row for each pair: how many configs, how often, how sure."""
    pairs = sorted(summary["pairs"], key=lambda pair: -pair["better_in"])
    columns = [
        Column("pair", "pair", [f"{p['a']} / {p['b']}" for p in pairs], left=True, cut=True),
        Column("wins", "wins/ties/losses\nby config", list(map(_counts, pairs)), rank=2),
        Column("share", "first better,\n% of seeds", list(map(_percent, pairs))),
        Column("p", "p", [f"{pair['p_value']:.2g}" for pair in pairs], rank=3),
        Column("verdict", "better on\nthese configs", [_winner(pair, pair) for pair in pairs]),
    ]
    if any(pair["new"] for pair in pairs):
        new = [_winner(pair, pair["new"]) for pair in pairs]
        columns.append(Column("new", "better on\nnew configs", new, rank=1))
    return Table(columns, width).lines()


def _counts(own: Mapping[str, Any]) -> str:
    return f"{own['wins']}/{own['ties']}/{own['losses']}"


def _percent(own: Mapping[str, Any]) -> str:
    """`78 [70, 84]`."""
    share, low, high = (100 * own[name] for name in ("better_in", "ci_low", "ci_high"))
    return f"{share:.0f} [{low:.0f}, {high:.0f}]"


def _winner(pair: Mapping[str, Any], found: Mapping[str, Any] | None) -> str:
    return "-" if found is None or found["verdict"] == "tied" else str(pair[found["verdict"]])


def _entries_across(summary: Mapping[str, Any], width: int) -> list[str]:
    """A row for each entry, against all that it was tested against."""
    rows = summary["optimizers"]
    reference = summary["reference"]
    against = "others" if reference is None else reference
    columns = [
        Column("label", "optimizer", [row["label"] for row in rows], left=True, cut=True),
        Column("wins", "wins/ties/losses\npair by config", list(map(_counts, rows)), rank=1),
        Column("share", "better,\n% of seeds", [f"{100 * row['better_in']:.0f}" for row in rows]),
        Column("configs", "configs", [str(row["configs"]) for row in rows], rank=3),
    ]
    if reference is None:
        lost = [str(row["rank"] - 1) for row in rows]
        columns.append(Column("beaten", "beaten over\nall configs by", lost, rank=2))
    else:
        verdicts = [_against_reference(row["label"], summary) for row in rows]
        columns.append(Column("verdict", f"over all configs\nagainst {against}", verdicts))
    return Table(columns, width).lines()


def _against_reference(label: str, summary: Mapping[str, Any]) -> str:
    for pair in summary["pairs"]:
        if label in (pair["a"], pair["b"]) and label != summary["reference"]:
            winner = _winner(pair, pair)
            return winner if winner == "-" else "better" if winner == label else "worse"
    return ""


def _basis(summary: Mapping[str, Any]) -> list[str]:
    """What the claims rest on, and what they hold together with."""
    seeds, configs = counted(summary["seeds"], "seed"), counted(len(summary["configs"]), "config")
    words = [
        f"{configs}, {seeds} each; all claims here, also those of single configs, hold together "
        "with 95 %. Brackets: 95 % interval, all pairs together. -: no difference shown."
    ]
    if any(pair["new"] for pair in summary["pairs"]):
        words.append(
            "Claims about new configs presume that these are a random sample of them; they are "
            "made only where these configs show the same."
        )
    if summary["profile"]["unsolved"]:
        unsolved = ", ".join(summary["profile"]["unsolved"])
        words.append(f"No optimizer reached the target: {unsolved}.")
    return words


def head(study: Study, title: str, notes: Sequence[str]) -> list[str]:
    """What is about to be done, and what is to be said of it."""
    budget = study.budget
    rates = (
        f"{budget.settings} settings" if budget.settings else counted(budget.rates, "learning rate")
    )
    seeds = counted(budget.seeds, "fresh seed")
    if any(len(e.candidates(budget.rates, budget.settings)) > 1 for e in study.entries):
        best = "the best" if budget.finalists == 1 else f"the {budget.finalists} best"
        words = (
            f"{title}: {rates} each on {counted(budget.tuning_seeds, 'seed')}, "
            f"then {best} and the default on {seeds}"
        )
    else:
        words = f"{title}: nothing to tune, {seeds}"
    lines = wrapped(words, width_of(WIDEST))
    for note in notes:
        kind = "warning" if isinstance(note, Grave) else "note"
        lines += wrapped(f"{kind}: {note}", width_of(WIDEST))
    return [escaped(line) for line in [*lines, ""]]
