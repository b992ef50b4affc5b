"""A comparison: verdict, ranking, curves, learning rates, targets, differences of pairs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from optcli.comparison import read_back
from optcli.comparison.courses import courses
from optcli.comparison.figures import tried
from optcli.core.arrays import Array
from optcli.core.shell import quoted
from optcli.display import compare_report
from optcli.display.report.blocks import about, facts, reproduce, section, sentences, table
from optcli.display.report.charts import Axis, Chart, Line, Row, Series, swatch
from optcli.display.report.markup import Markup, join
from optcli.display.report.source import Source
from optcli.display.table import Column
from optcli.display.text import brief, number
from optcli.plots import ticks
from optcli.plots.comparison import quartiles, usual_range
from optcli.plots.looks import Look, looks
from optcli.plots.pairs import reach

AXES = {
    "step": "step",
    "gradients": "gradient evaluations",
    "time": "time, in steps of SGD",
}
OLD = "Made by optcli 0.1: measured on the validation rows that chose the epoch."


def blocks(
    source: Source, charts: list[Chart], prefix: str = "", level: int = 2, *, whole: bool = True
) -> Markup:
    """The sections of a comparison. charts: what the page draws, to which its own are added.

    whole: whether with all pairs, config and environment.
    """
    summary = source.summary
    if not summary.get("optimizers"):
        said = [f"{source.outcome}: the comparison has not ended"]
        said += [f"continue with: {source.resume}"] if source.resume else []
        return join(
            section(f"{prefix}verdict", "Verdict", sentences(said), level=level),
            about(source, prefix, level),
        )
    own = looks(*_names(summary))
    found = [
        ("Curves", [_curves(source, own)]),
        ("Learning rates", [_sensitivity(source, own)]),
        ("Targets", [_targets(source, own)] * whole),
    ]
    parts = []
    for title, drawn in found:
        frames = []
        for chart in filter(None, drawn):
            frames.append(chart.frame(len(charts), f"h{level + 1}"))
            charts.append(chart)
        if frames:
            name = f"{prefix}{title.lower().replace(' ', '-')}"
            parts.append(section(name, title, *frames, level=level))
    return join(
        verdict(source, prefix, level),
        ranking(summary, own, prefix, level),
        *parts,
        _pairs(summary, own, charts, prefix, level) if whole else None,
        reproduce(commands(source), prefix, level) if whole else None,
        about(source, prefix, level) if whole else None,
    )


def _names(summary: Mapping[str, Any]) -> tuple[list[str], dict[str, str]]:
    rows = summary["optimizers"]
    return [row["label"] for row in rows], {row["label"]: row["optimizer"] for row in rows}


def is_old(summary: Mapping[str, Any]) -> bool:
    """Whether version 0.1 made it, whose summary.json says less."""
    return bool(summary.get("version", 1) < 2)


def verdict(source: Source, prefix: str, level: int) -> Markup:
    """The sentences that the terminal shows."""
    summary = source.summary
    said = [summary["verdict"]]
    for unit in ("gradient evaluations", "time"):
        if (own := summary.get(f"at_equal_{unit.replace(' ', '_')}")) is not None:
            said.append(own["verdict"] or f"at equal {unit}: {own['note']}")
    if is_old(summary):
        said.append(OLD)
    return section(f"{prefix}verdict", "Verdict", sentences(said), level=level)


def ranking(summary: Mapping[str, Any], own: Mapping[str, Look], prefix: str, level: int) -> Markup:
    """The table of the terminal, whole, and what it rests on."""
    rows = summary["optimizers"]
    marks = {"optimizer": [swatch(own[row["label"]]) for row in rows]}
    if is_old(summary):
        columns = [
            Column("rank", "rank", [f"{r['rank']}{'=' if r['tied_with'] else ''}" for r in rows]),
            Column("optimizer", "optimizer", [row["label"] for row in rows], left=True),
            Column(
                "median",
                f"median {summary['quantity'].replace('_', ' ')}",
                ["-" if r["median"] is None else number(r["median"]) for r in rows],
            ),
        ]
        words = {"seeds": f"{summary['seeds']}; {summary['note']}"}
    else:
        columns = compare_report.columns(summary)
        shown = [column.key for column in columns]
        words = {
            **compare_report.rests_on(summary),
            **compare_report.headings(summary, shown, ()),
        }
    values: dict[str, Sequence[float | None]] = {"median": [row["median"] for row in rows]}
    if not is_old(summary):
        values["default"] = [row["default"]["median"] for row in rows]
        values["lr"] = [row["hyperparameters"]["lr"] for row in rows]
    return section(
        f"{prefix}ranking",
        "Ranking",
        table(columns, "Ranking", head="optimizer", values=values, marks=marks),
        facts(words),
        level=level,
    )


def _curves(source: Source, own: Mapping[str, Look]) -> Chart | None:
    """Median and interquartile range of the final runs, by step and by cost."""
    summary = source.summary
    rows = {row["label"]: row for row in summary["optimizers"]}
    if not all(source.runs.get(label) for label in rows):
        return None
    measure = read_back.measure(summary)
    found = {label: courses(measure, source.runs[label]) for label in rows}
    units = {"step": dict.fromkeys(rows, 1.0)}
    per_step = {n: row.get("gradient_evaluations_per_step") for n, row in rows.items()}
    if all(per_step.values()) and len(set(per_step.values())) > 1:
        units["gradients"] = {label: float(per_step[label] or 1.0) for label in rows}
    costs = {label: row["step_cost"] for label, row in rows.items()}
    if all(costs.values()):
        units["time"] = costs
    series = []
    for label, (steps, values) in found.items():
        low, middle, high = quartiles(values)
        xs = [steps * each[label] for each in units.values()]
        series.append(Series(label, own[label], xs, middle, low, high))
    shown = usual_range([values for _, values in found.values()], measure.higher)
    target = next(iter(summary.get("targets") or ()), None)
    lines = [] if target is None else [Line("target", y=target)]
    wide = not measure.higher and shown.size > 0 and shown.min() > 0
    log = bool(wide and shown.max() > 8 * shown.min())
    words = "line: median; band: interquartile range of all seeds, at the chosen rates"
    return Chart(
        f"{_capital(measure.words)} along training",
        [Axis(AXES[unit]) for unit in units],
        Axis(measure.words, log),
        series,
        words,
        lines,
        _window(shown, log),
        whole="history.csv",
    )


def _window(shown: Array, log: bool) -> tuple[float, float] | None:
    """What the axis shows at first of values that are worth seeing."""
    if not shown.size:
        return None
    low, high = float(shown.min()), float(shown.max())
    if log:
        return low / 1.2, high * 1.2
    free = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    return low - free, high + free


def _sensitivity(source: Source, own: Mapping[str, Look]) -> Chart | None:
    """What each learning rate gave in tuning, and the finalists on the verdict's rows."""
    summary = source.summary
    rows = {r["label"]: r for r in summary["optimizers"] if r.get("learning_rates")}
    if not rows:
        return None
    measure = read_back.measure(summary)
    series, worth = list[Series](), list[float]()
    for label, row in rows.items():
        rates = tried(row)
        means = [math.nan if rate.diverged or rate.mean is None else rate.mean for rate in rates]
        notes = [_rate_note(rate) for rate in rates]
        x = [rate.lr for rate in rates]
        series.append(Series(label, own[label], [x], means, notes=notes))
        seeds = [(r.lr, v) for r in rates for v in r.values if v is not None and math.isfinite(v)]
        if seeds:
            series.append(
                Series(
                    f"{label}, a seed",
                    own[label],
                    [[lr for lr, _ in seeds]],
                    [value for _, value in seeds],
                    kind="points",
                    group=label,
                )
            )
        bars = [rate for rate in rates if rate.verdict]
        if bars:
            middle, low, high = zip(*(bar.verdict for bar in bars if bar.verdict), strict=True)
            where = "cross-fit" if measure.rows == "validation" else "test"
            series.append(
                Series(
                    f"{label}, {where} median of a finalist",
                    own[label],
                    [[bar.lr for bar in bars]],
                    middle,
                    low,
                    high,
                    kind="bars",
                    group=label,
                )
            )
            worth += [v for bar in bars for v in (bar.verdict or ())]
        chosen = [i for i, rate in enumerate(rates) if rate.chosen and math.isfinite(means[i])]
        if chosen:
            series.append(
                Series(
                    f"{label}, chosen",
                    own[label],
                    [[x[i] for i in chosen]],
                    [means[i] for i in chosen],
                    kind="rings",
                    group=label,
                )
            )
            worth += [means[i] for i in chosen]
        worth += [
            float(np.median(mine))
            for rate in rates
            if (mine := [v for v in rate.values if v is not None])
        ]
    values = ticks.usable(np.array(worth))
    starts = [measure.start(run) for runs in source.runs.values() for run in runs]
    start = measure.signed(float(np.median(starts))) if starts else None
    if start is not None and start > 0 and values.size:
        near = values >= start / 1.2 if measure.higher else values <= 1.2 * start
        values = values[near] if near.any() else values
    log = bool(not measure.higher and ticks.wants_log(values))
    words = (
        "line: mean of the cross-fit validation values in tuning, no point where a seed diverged; "
        "dots: seeds; ring: chosen; bar: a finalist on the verdict's rows, with its interval"
    )
    return Chart(
        f"{_capital(measure.metric.replace('_', ' '))} by learning rate",
        [Axis("learning rate", log=True)],
        Axis(measure.metric.replace("_", " "), log),
        series,
        words,
        (),
        _window(values, log),
        near=True,
    )


def _rate_note(rate: Any) -> str:
    said = ["chosen"] * bool(rate.chosen)
    said += [f"{rate.diverged} of {len(rate.values)} seeds diverged"] * bool(rate.diverged)
    return "; ".join(said)


def _targets(source: Source, own: Mapping[str, Look]) -> Chart | None:
    """The share of all pairs of seed and target that were reached, by step."""
    summary = source.summary
    if not summary.get("targets"):
        return None
    rows = summary["optimizers"]
    ends = [run.steps for runs in source.runs.values() for run in runs]
    steps = {
        row["label"]: np.array([each["values"] for each in row["steps_to_targets"]]).ravel()
        for row in rows
    }
    finite = np.concatenate([mine[np.isfinite(mine)] for mine in steps.values()])
    last = max([*ends, float(finite.max(initial=1.0))])
    first = max(1.0, float(finite.min(initial=last)) / 1.3)
    series = []
    for label, mine in steps.items():
        at = np.unique([first, *mine[np.isfinite(mine)], last])
        share = (mine[:, None] <= at).mean(axis=0)
        series.append(Series(label, own[label], [at], share, kind="step"))
    count = len(summary["targets"])
    many = f"{count} targets" if count > 1 else "1 target"
    words = f"share of all pairs of seed and target; {many}, {summary['seeds']} seeds"
    return Chart(
        "Targets reached",
        [Axis("step", log=True)],
        Axis("share reached"),
        series,
        words,
        window=(0.0, 1.04),
    )


def _pairs(
    summary: Mapping[str, Any],
    own: Mapping[str, Look],
    charts: list[Chart],
    prefix: str,
    level: int,
) -> Markup:
    """The difference of each pair with its interval, drawn and in a table."""
    pairs = summary["pairs"]
    if not pairs or is_old(summary):
        return Markup()
    numbers = compare_report.pair_columns(summary, pairs)
    columns = [
        Column("a", "first", [pair["a"] for pair in pairs], left=True),
        Column("b", "second", [pair["b"] for pair in pairs], left=True),
        *numbers,
    ]
    values = {
        "difference": [pair["difference"] for pair in pairs],
        "p": [pair["p_value"] for pair in pairs],
    }
    marks = {side: [swatch(own[pair[side]]) for pair in pairs] for side in ("a", "b")}
    cells = {column.key: column.cells for column in numbers}
    shown = [
        Row(
            f"{pair['a']} − {pair['b']}",
            pair["ci_low"],
            pair["difference"],
            pair["ci_high"],
            f"{brief(pair['difference'] + 0.0)} "
            f"[{brief(pair['ci_low'] + 0.0)}, {brief(pair['ci_high'] + 0.0)}], "
            f"p {cells['p'][i]}, {cells['better'][i]}",
            (pair["a"], pair["b"]),
            own[pair[pair["verdict"]]] if pair["verdict"] != "tied" else None,
        )
        for i, pair in enumerate(pairs)
    ]
    measure = read_back.measure(summary)
    sides = ("first better", "second better")
    words = compare_report.interval_words(summary, pairs)
    frames = list[Markup]()
    if "interval" in cells:
        chart = Chart(
            f"Differences in {measure.words}",
            [Axis(f"difference in {measure.words}")],
            Axis(""),
            words="in the colour of the better one, grey where none is; arrow: it goes on",
            rows=shown,
            reach=reach([(row.low, row.middle, row.high) for row in shown]),
            sides=sides[::-1] if measure.higher else sides,
        )
        frames.append(chart.frame(len(charts), f"h{level + 1}"))
        charts.append(chart)
    whole = table(columns, "Pairs", values=values, marks=marks)
    return section(f"{prefix}pairs", "Pairs", *frames, sentences([words]), whole, level=level)


def commands(source: Source) -> dict[str, str]:
    """The command that made it, and where it was given."""
    command = source.environment.get("command")
    if not isinstance(command, str):
        return {}
    directory = source.environment.get("directory")
    where = f", in {directory}" if isinstance(directory, str) else ""
    found = {f"The comparison{where}": command}
    configs = [row.get("config") for row in source.summary.get("optimizers") or ()]
    lines = [
        f"optcli train {quoted(str(source.folder / name))}"
        for name in configs
        if isinstance(name, str)
    ]
    if lines:
        found["One run of each entry, at its chosen setting"] = "\n".join(lines)
    return found


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
