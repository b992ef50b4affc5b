"""A search: the best setting, the score by each key, and all settings that were tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from optcli.display import tune as display
from optcli.display.report.blocks import about, picture, reproduce, section, sentences, table
from optcli.display.report.charts import Axis, Chart, Series
from optcli.display.report.markup import Markup, element, join
from optcli.display.report.source import Source
from optcli.display.table import Column
from optcli.display.text import number, short
from optcli.plots.looks import Look

MOST_ROWS = 200  # of the table of trials
MOST_CHARTS = 12
WIDE = 10_000
PICTURE = "effects.png"


def blocks(source: Source, charts: list[Chart], prefix: str = "", level: int = 2) -> Markup:
    """The sections of a search. charts: what the page draws, to which its own are added."""
    summary = source.summary
    if "chosen" not in summary:
        said = "every setting diverged" if summary else "the search is not finished"
        return join(
            section(f"{prefix}verdict", "Outcome", sentences([f"{said}."]), level=level),
            about(source, prefix, level),
        )
    keys = display.keys_table(summary)
    frames = []
    for chart in _charts(source)[:MOST_CHARTS]:
        frames.append(chart.frame(len(charts), f"h{level + 1}"))
        charts.append(chart)
    chosen = [key for key, way in summary["space"].items() if "values" in way]
    if chosen and PICTURE in source.pictures:
        said = "the score by each key; a ring marks the best setting"
        frames.append(picture(PICTURE, source.pictures[PICTURE], said))
    return join(
        section(
            f"{prefix}verdict",
            "Outcome",
            sentences(f"{said}." for said in display.sentences(summary)),
            table(keys, "Keys", head="key"),
            sentences([f"Importance: {summary['importance']['method']}."]),
            level=level,
        ),
        section(f"{prefix}effects", "Score by each key", *frames, level=level) if frames else None,
        _trials(source, prefix, level),
        reproduce(
            {
                "predict with the model": f"optcli predict {source.folder}/model DATA",
                "train the best setting again": f"optcli train {source.folder}/best.yaml",
            },
            prefix,
            level,
        ),
        about(source, prefix, level),
    )


def _charts(source: Source) -> list[Chart]:
    """The score by each key that holds numbers, a series for each round."""
    summary = source.summary
    shares = summary["importance"]["shares"]
    keys = [key for key, way in summary["space"].items() if "values" not in way]
    found = []
    finished = [row for row in source.trials if row["score"] is not None]
    for key in sorted(keys, key=lambda key: -(shares.get(key) or 0.0)):
        series = []
        for place in sorted({row["round"] for row in finished}):
            rows = [row for row in finished if row["round"] == place]
            rows.sort(key=lambda row: row[key])
            series.append(
                Series(
                    f"stopped after round {place}" if place < _last(finished) else "last round",
                    Look(place - 1),
                    [[row[key] for row in rows]],
                    [row["score"] for row in rows],
                    kind="points",
                    notes=[f"trial {row['trial']}, rank {row['rank']}" for row in rows],
                )
            )
        share = shares.get(key)
        title = key if share is None else f"{key}: importance {100 * share:.0f} %"
        log = bool(summary["space"][key].get("log"))
        quantity = f"validation {summary['metric']}"
        found.append(
            Chart(title, [Axis(key, log)], Axis(quantity), series, near=True, whole="trials.csv")
        )
    return found


def _last(rows: Sequence[Mapping[str, Any]]) -> int:
    return max(int(row["round"]) for row in rows)


def _trials(source: Source, prefix: str, level: int) -> Markup:
    """The settings that were tried, the best first."""
    rows = sorted(source.trials, key=lambda row: row["rank"])
    shown = rows[:MOST_ROWS]
    keys = list(source.summary["space"])
    columns = [
        Column("rank", "rank", [str(row["rank"]) for row in shown]),
        *(Column(key, key, [_cell(row[key]) for row in shown]) for key in keys),
        Column("score", f"validation {source.summary['metric']}", [_score(row) for row in shown]),
        Column("error", "standard error", [_error(row) for row in shown]),
        Column("epoch", "best epoch", [str(int(row["best_epoch"] or 0)) for row in shown]),
        Column("round", "round", [str(row["round"]) for row in shown]),
        Column("epochs", "epochs", [str(row["epochs"]) for row in shown]),
    ]
    values = {"score": [row["score"] for row in shown]}
    more = len(rows) - len(shown)
    return section(
        f"{prefix}trials",
        "Trials",
        table(columns, "trials", values=values),
        element("p", f"{more} more are in trials.csv") if more else None,
        level=level,
    )


def _cell(value: Any) -> str:
    return short(value) if isinstance(value, float) else str(value)


def _score(row: Mapping[str, Any]) -> str:
    return "diverged" if row["score"] is None else number(row["score"])


def _error(row: Mapping[str, Any]) -> str:
    return "-" if row["standard_error"] is None else number(row["standard_error"], 3)
