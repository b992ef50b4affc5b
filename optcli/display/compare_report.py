"""What `optcli compare` shows at its end: the table, the verdict, the pairs, what they rest on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from optcli.comparison.ranking import median_ranks
from optcli.comparison.signed_rank import fewest_seeds
from optcli.comparison.study import HALVING_SEEDS, Study
from optcli.comparison.targets import DEPTHS
from optcli.core.durations import counted
from optcli.core.errors import Grave
from optcli.display.table import GAP, LEAST_NAME, Column, Table
from optcli.display.terminal import width_of
from optcli.display.text import (
    alike,
    brief,
    escaped,
    metric,
    number,
    short,
    shortened_inside,
    wrapped,
)

WIDEST = 110
MOST_PAIRS = 6  # of more, those of the first entry
PARTS = 3  # of the table, one below the other, where it is wider than the terminal
MINOR = 11  # columns of this rank or more get no part of their own
MOST_ACROSS = 10  # pairs over several configs; of more there is a row for each entry


def report(summary: Mapping[str, Any], width: int) -> list[str]:
    """The table, the verdict, the pairs, and what they rest on."""
    parts = tables(summary, width)
    lines: list[str] = []
    for part in parts:
        lines += [*part.lines(), ""]
    lines += [*wrapped(summary["verdict"], width), ""]
    for unit in ("gradient evaluations", "time"):
        if (own := summary.get(f"at_equal_{unit.replace(' ', '_')}")) is not None:
            lines += [*wrapped(own["verdict"] or f"at equal {unit}: {own['note']}", width), ""]
    lines += [*_pairs(summary, width), ""]
    shown = [column.key for part in parts for column in part.columns]
    left_out = [column.heading.replace("\n", " ") for column in parts[-1].left_out]
    said = {**rests_on(summary), **headings(summary, shown, left_out)}
    rows = Table([Column("topic", cells=list(said), left=True), Column("text", wrap=True)], width)
    for topic, words in said.items():
        lines += rows.row({"topic": topic, "text": words})
    return [escaped(line) for line in lines]


def tables(summary: Mapping[str, Any], width: int) -> list[Table]:
    """The table; the columns that have no room beside the others stand in a second one below.

    What the ranking is by comes first: the median and its interval, then wins and losses.
    """
    everything = columns(summary)
    name = next(column for column in everything if column.key == "optimizer")
    parts = [Table(everything, width)]
    while any(c.rank < MINOR for c in parts[-1].left_out) and len(parts) < PARTS:
        parts.append(Table([name, *parts[-1].left_out], width))
    return parts


def columns(summary: Mapping[str, Any]) -> list[Column]:
    """A row for each optimizer, best first."""
    rows = summary["optimizers"]
    what = summary["quantity"].replace("crossfit", "cross-fit").replace("_", "\n")
    # the whole range of so few holds the median less often
    interval = "95 % CI" if median_ranks(summary["seeds"])[2] >= 0.95 else "range"
    found = [
        Column("rank", "rank", [_rank(row) for row in rows]),
        Column("optimizer", "optimizer", [row["label"] for row in rows], left=True, cut=True),
        Column("median", f"median\n{what}", alike([row["median"] for row in rows])),
        Column("interval", interval, _intervals(rows), rank=1),
    ]
    if len(rows) > 2:
        wins = [_wins(row["label"], summary["pairs"]) for row in rows]
        found.append(Column("wins", "wins/\nties/\nlosses", wins, rank=2))
    if any(row["diverged"] for row in rows):
        counts = [f"{row['diverged']}/{summary['seeds']}" for row in rows]
        found.append(Column("diverged", "seeds\ndiverged", counts, rank=4))
    best = [short(row["hyperparameters"]["lr"]) for row in rows]
    chosen = any(row["learning_rates"] for row in rows)
    found.append(Column("lr", "best\nrate" if chosen else "rate", best, rank=3))
    if any(len(row["finalists"]) > 1 for row in rows):
        others = [_finalists(row) for row in rows]
        found.append(Column("finalists", "other\nfinalists", others, rank=10))
    for i, target in enumerate(summary["targets"]):
        depth = f"{DEPTHS[i]:.0%}".replace("%", " %")
        depth = depth if len(summary["targets"]) > 1 else number(target)
        steps = [_steps(row["steps_to_targets"][i]) for row in rows]
        rank = 5 if i == len(summary["targets"]) - 1 else 11 + i
        found.append(Column(f"target {i}", f"steps\nto {depth}", steps, rank=rank))
    if len({row.get("gradient_evaluations_per_step") for row in rows}) > 1:
        counts = [f"{row['gradient_evaluations']:,.0f}" for row in rows]
        found.append(Column("gradients", "gradient\nevaluations", counts, rank=9))
    times = [_step_time(row) for row in rows]
    found.append(Column("time", "relative\nstep time\n(SGD = 1)", times, rank=6))
    defaults = alike([row["default"]["median"] for row in rows], 3)
    found.append(Column("default", "with\ndefault\nsettings", defaults, rank=8))
    if chosen:
        widths = [_band(row) for row in rows]
        found.append(Column("band", "rate range\n(decades)", widths, rank=13))
    if (other := _other(summary)) is not None:
        values = [_known((row["test"] or row["metrics"])[other], metric) for row in rows]
        name = other.removeprefix("validation_")
        found.append(Column("other", f"median\n{_of_rows(summary)}\n{name}", values, rank=7))
    return found


def _finalists(row: Mapping[str, Any]) -> str:
    """The rates of the other finalists: `0.1, 1`."""
    return ", ".join(short(own["lr"]) for own in row["finalists"][1:]) or "-"


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
    values = [row[end] for row in rows for end in ("ci_low", "ci_high")]
    sizes = [abs(value) for value in values if math.isfinite(value) and value]
    # in one format, unless one that nearly diverged would put all into powers of ten
    apart = bool(sizes) and max(sizes) > 1e3 * min(sizes)
    ends = [brief(value) for value in values] if apart else alike(values, 3)
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
    median = f"{steps['median']:,.0f}" if math.isfinite(steps["median"]) else "-"
    return median if steps["reached"] == count else f"{median} ({steps['reached']}/{count})"


def _step_time(row: Mapping[str, Any]) -> str:
    return "-" if row["step_cost"] is None else f"{row['step_cost']:.2f}"


def _band(row: Mapping[str, Any]) -> str:
    return "-" if row["band"] is None else f"{row['band']['decades']:.1f}"


def _known(value: float, said: Callable[[float], str]) -> str:
    return "-" if math.isnan(value) else said(value)


def _pairs(summary: Mapping[str, Any], width: int) -> list[str]:
    """A row for each pair: the difference, how sure it is, and who is better."""
    count = len(summary["pairs"])
    anchor = summary.get("reference") or summary["optimizers"][0]["label"]
    pairs = summary["pairs"]
    if count > MOST_PAIRS:
        pairs = [pair for pair in pairs if anchor in (pair["a"], pair["b"])]
    numbers = pair_columns(summary, pairs)
    better = numbers.pop().cells
    # three names, where there is room for them beside what decides
    kept = [column for column in numbers if not column.rank]
    room = width - sum(column.width + len(GAP) for column in kept) - 2 * len(GAP)
    longest = max(len(name) for pair in pairs for name in (pair["a"], pair["b"]))
    if 3 * longest > room:
        sides = {"a": "first", "b": "second"}
        better = [sides.get(p["verdict"], own) for p, own in zip(pairs, better, strict=True)]
        longest = min(longest, max(LEAST_NAME, (room - max(map(len, better))) // 2))
    first, second = (
        [shortened_inside(escaped(pair[side]), longest) for pair in pairs] for side in ("a", "b")
    )
    columns = [
        Column("a", "first", first, left=True),
        Column("b", "second", second, left=True),
        *numbers,
        Column("better", "better", better, left=True),
    ]
    lines = Table(columns, width).lines()
    lines += wrapped(interval_words(summary, pairs), width)
    if len(pairs) < count:
        lines += wrapped(f"{count - len(pairs)} more pairs are in summary.json", width)
    return lines


def pair_columns(summary: Mapping[str, Any], pairs: Sequence[Mapping[str, Any]]) -> list[Column]:
    """The columns of a table of pairs, without the names of the two: who is better comes last."""
    seeds, few = summary["seeds"], _is_few(summary)
    ends = [brief(pair[end] + 0.0) for pair in pairs for end in ("difference", "ci_low", "ci_high")]
    tied = "undecided" if few else "tied"
    better = [pair[pair["verdict"]] if pair["verdict"] != "tied" else tied for pair in pairs]
    intervals = [f"[{low}, {high}]" for low, high in zip(ends[1::3], ends[2::3], strict=True)]
    return [
        Column("difference", "difference", ends[::3]),
        *([] if few else [Column("interval", "95 % CI", intervals)]),
        Column("p", "p", [_p(pair["p_value"]) for pair in pairs], rank=2),
        Column("share", "first\nbetter in", [_share(pair, seeds) for pair in pairs], rank=3),
        Column("better", "better", better, left=True),
    ]


def _is_few(summary: Mapping[str, Any]) -> bool:
    """Whether the seeds are too few for any pair to be decided."""
    correction = summary.get("correction", len(summary["pairs"]))
    return bool(summary["seeds"] < fewest_seeds(correction))


def interval_words(summary: Mapping[str, Any], pairs: Sequence[Mapping[str, Any]]) -> str:
    """What the difference and its interval are, and why one side may be long."""
    count, seeds = len(summary["pairs"]), summary["seeds"]
    if _is_few(summary):
        words = f"no interval: {counted(seeds, 'seed')} for {counted(count, 'pair')}"
        return f"{words} {'is' if seeds == 1 else 'are'} too few to decide"
    over = "" if count == 1 else f", all {count} pairs together"
    if summary.get("correction", count) > count:
        over = ", all claims of all configs together"
    words = "difference: first minus second, seed by seed (Hodges-Lehmann), at the best rates"
    if not any(max(pair["finalists"]) > 1 for pair in pairs):
        return f"{words}; 95 % CI and p: signed rank{over}"
    return (
        f"{words}; 95 % CI and p: signed rank{over}, and over the finalists: each of one against "
        "the best of the other; an end far from the difference is that of another finalist"
    )


def _p(value: float) -> str:
    """As many digits as tell it from 0.05."""
    return "< 0.0001" if value < 1e-4 else f"{value:.4f}" if value < 0.1 else f"{value:.2f}"


def _share(pair: Mapping[str, Any], seeds: int) -> str:
    return f"{pair['better_in'] * seeds:g}/{seeds}"


def rests_on(summary: Mapping[str, Any]) -> dict[str, str]:
    """Rows, seeds, budget, and what diverged, each in a line."""
    return {
        "rows": _measured(summary),
        "seeds": f"{summary['seeds']}; {summary['note']}; another --seed replicates it",
        "budget": _budget(summary),
        "diverged": _diverged(summary),
    }


def _measured(summary: Mapping[str, Any]) -> str:
    """On which rows, at which epoch, and what chose that epoch."""
    counts = summary.get("row_counts") or {}
    number = f"{counts['measured']:,} " if counts else ""
    rows = {
        "test": "test rows, which chose nothing",
        "fresh": "fresh rows of the synthetic data, which chose nothing",
        "validation": "validation rows by cross-fit: at epochs that the other rows chose",
    }[summary["rows"]]
    epoch = {"best": "the epoch of lowest validation loss", "last": "the last epoch"}
    at = "" if summary["rows"] == "validation" else f", at {epoch[summary['at']]}"
    rest = [f"{counts['train']:,} train"] if counts else []
    if counts and summary["rows"] != "validation":
        rest.append(f"{counts['validation']:,} validation")
    return f"{number}{rows}{at}" + (f" ({', '.join(rest)} rows)" if rest else "")


def _budget(summary: Mapping[str, Any]) -> str:
    """How many settings were tried on how many seeds, and what was cut short."""
    trials = summary["trials"]
    tuned = [row for row in summary["optimizers"] if row["learning_rates"]]
    words = []
    if tuned:
        # those of the extension are three more
        plain = [len(r["learning_rates"]) for r in tuned if r["label"] not in summary["extended"]]
        extended = [len(r["learning_rates"]) - 3 for r in tuned if not plain]
        rates = max(plain or extended)
        seeds, finalists = summary["tune_seeds"], summary["finalists"]
        words.append(f"{counted(rates, 'setting')} each on {counted(seeds, 'seed')}")
        if finalists > 1:
            words[0] += f", {finalists} finalists on {max(seeds, HALVING_SEEDS)}"
        if summary["extended"]:
            words.append(f"3 more rates beyond the edge for {', '.join(summary['extended'])}")
        if summary["edge"]:
            words.append(f"the best rate of {', '.join(summary['edge'])} is still at the edge")
    words.append(counted(trials, "run"))
    if stopped := summary["stopped_early"]:
        patience = " or ".join(map(str, stopped["patience"]))
        words.append(f"{stopped['runs']} stopped early (patience {patience})")
    return "; ".join(words)


def _diverged(summary: Mapping[str, Any]) -> str:
    """Which runs diverged, and how they count."""
    found = []
    for row in summary["optimizers"]:
        tuning = sum(rate["diverged"] for rate in row["learning_rates"])
        final = row["diverged"]
        parts = [f"{tuning} in tuning"] * bool(tuning)
        parts += [f"{final} of {summary['seeds']} at the best rate"] * bool(final)
        found += [f"{row['label']} {', '.join(parts)}"] * bool(parts)
    if not found:
        return "no tuning run, and none at the best rates"
    return f"{'; '.join(found)}; such a run counts as the worst"


def headings(
    summary: Mapping[str, Any], shown: Sequence[str], left_out: Sequence[str]
) -> dict[str, str]:
    """What a heading alone does not say."""
    said = {}
    if any(name.startswith("target") for name in shown):
        said["steps"] = _targets(summary)
    if "time" in shown and any(row["step_cost"] is None for row in summary["optimizers"]):
        said["step time"] = "- where it varied by more than 25 %"
    if left_out:
        said["not shown"] = f"{', '.join(left_out)}; widen the terminal or see summary.json"
    return said


def _targets(summary: Mapping[str, Any]) -> str:
    steps = sorted({step for own in summary["resolution"].values() for step in own})
    each = "step" if steps == [1] else " or ".join(f"{step:,}" for step in steps) + " steps"
    values = ", ".join(map(number, summary["targets"]))
    quantity = summary["quantity"].partition("_")[2]
    what = f"median to {quantity} {values}"
    if len(summary["targets"]) > 1:
        what += " (90, 97, 99 % of the way from untrained to the best tuned)"
    own = [each for row in summary["optimizers"] for each in row["steps_to_targets"]]
    some = any(0 < one["reached"] < len(one["values"]) for one in own)
    counts = "; (n/N): reached in n of N seeds" * some
    return f"{what}, checked every {each}{counts}"


def across(summary: Mapping[str, Any], width: int) -> list[str]:
    """What may be said over several configs: the pairs or the entries, the verdict, its basis."""
    many = len(summary["pairs"]) > MOST_ACROSS
    shown = entries_across(summary) if many else pairs_across(summary)
    lines = ["", *Table(shown, width).lines(), "", *wrapped(summary["verdict"], width), ""]
    for words in basis(summary):
        lines += wrapped(words, width)
    return [escaped(line) for line in lines]


def pairs_across(summary: Mapping[str, Any]) -> list[Column]:
    """A row for each pair: how many configs, how often, how sure."""
    pairs = sorted(summary["pairs"], key=lambda pair: -pair["better_in"])
    found = [
        Column("pair", "pair", [f"{p['a']} / {p['b']}" for p in pairs], left=True, cut=True),
        Column("wins", "wins/ties/losses\nby config", list(map(_counts, pairs)), rank=2),
        Column("share", "first better,\n% of seeds", list(map(_percent, pairs))),
        Column("p", "p", [f"{pair['p_value']:.2g}" for pair in pairs], rank=3),
        Column("verdict", "better on\nthese configs", [_winner(pair, pair) for pair in pairs]),
    ]
    if any(pair["new"] for pair in pairs):
        new = [_winner(pair, pair["new"]) for pair in pairs]
        found.append(Column("new", "better on\nnew configs", new, rank=1))
    return found


def _counts(own: Mapping[str, Any]) -> str:
    return f"{own['wins']}/{own['ties']}/{own['losses']}"


def _percent(own: Mapping[str, Any]) -> str:
    """`78 [70, 84]`."""
    share, low, high = (100 * own[name] for name in ("better_in", "ci_low", "ci_high"))
    return f"{share:.0f} [{low:.0f}, {high:.0f}]"


def _winner(pair: Mapping[str, Any], found: Mapping[str, Any] | None) -> str:
    return "-" if found is None or found["verdict"] == "tied" else str(pair[found["verdict"]])


def entries_across(summary: Mapping[str, Any]) -> list[Column]:
    """A row for each entry, against all that it was tested against."""
    rows = summary["optimizers"]
    reference = summary["reference"]
    against = "others" if reference is None else reference
    found = [
        Column("label", "optimizer", [row["label"] for row in rows], left=True, cut=True),
        Column("wins", "wins/ties/losses\npair by config", list(map(_counts, rows)), rank=1),
        Column("share", "better,\n% of seeds", [f"{100 * row['better_in']:.0f}" for row in rows]),
        Column("configs", "configs", [str(row["configs"]) for row in rows], rank=3),
    ]
    if reference is None:
        lost = [str(row["rank"] - 1) for row in rows]
        found.append(Column("beaten", "beaten over\nall configs by", lost, rank=2))
    else:
        own = [_against_reference(row["label"], summary) for row in rows]
        found.append(Column("verdict", f"these configs,\nagainst {against}", own))
        if any(pair["new"] for pair in summary["pairs"]):
            new = [_against_reference(row["label"], summary, new=True) for row in rows]
            found.append(Column("new", f"new configs,\nagainst {against}", new, rank=2))
    return found


def _against_reference(label: str, summary: Mapping[str, Any], new: bool = False) -> str:
    for pair in summary["pairs"]:
        if label in (pair["a"], pair["b"]) and label != summary["reference"]:
            winner = _winner(pair, pair["new"] if new else pair)
            return winner if winner == "-" else "better" if winner == label else "worse"
    return ""


def basis(summary: Mapping[str, Any]) -> list[str]:
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


def shard_report(summary: Mapping[str, Any], width: int) -> list[str]:
    """What a shard has trained, and what is to be done with it."""
    index, _, of = summary["shard"].partition("/")
    whose = f" of {', '.join(summary['entries'])}" if summary["entries"] else ""
    words = f"shard {index} of {of}: {counted(summary['runs'], 'run')}{whose}; merge all {of} with "
    words += "optcli runs merge"
    return [escaped(line) for line in wrapped(words, width)]


def head(study: Study, title: str, notes: Sequence[str]) -> list[str]:
    """What is about to be done, and what is to be said of it."""
    budget = study.budget
    rates = (
        f"{budget.settings} settings" if budget.settings else counted(budget.rates, "learning rate")
    )
    seeds = counted(budget.seeds, "fresh seed")
    if any(len(e.candidates(budget.rates, budget.settings)) > 1 for e in study.entries):
        words = f"{title}: {rates} each on {counted(budget.tuning_seeds, 'seed')}, "
        if budget.finalists > 1:
            words += f"the {budget.finalists} best on {len(budget.halving)}, then these"
        else:
            words += "then the best"
        words += f" and the default on {seeds}"
    else:
        words = f"{title}: nothing to tune, {seeds}"
    lines = wrapped(words, width_of(WIDEST))
    for note in notes:
        kind = "warning" if isinstance(note, Grave) else "note"
        lines += wrapped(f"{kind}: {note}", width_of(WIDEST))
    return [escaped(line) for line in [*lines, ""]]
