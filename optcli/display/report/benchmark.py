"""A comparison on several configs: what holds over all, then each of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from optcli.display import compare_report
from optcli.display.report import comparison
from optcli.display.report.blocks import about, reproduce, section, sentences, table
from optcli.display.report.charts import Axis, Chart, Series
from optcli.display.report.markup import Markup, join
from optcli.display.report.source import Source
from optcli.plots.looks import looks

OLD = "Made by optcli 0.1: its results over all configs are in summary.json."


def blocks(source: Source, charts: list[Chart], prefix: str = "") -> Markup:
    """The sections of all configs. charts: what the page draws, to which its own are added."""
    summary = source.summary
    said, tables = list[str](), list[Markup]()
    if isinstance(summary.get("verdict"), str):
        said = [summary["verdict"], *compare_report.basis(summary)]
        if len(summary["optimizers"]) > 2:
            tables.append(table(compare_report.entries_across(summary), "Optimizers"))
        tables.append(table(compare_report.pairs_across(summary), "Pairs"))
    else:
        said = [OLD if summary else f"{source.outcome}: the comparison has not ended"]
        said += [f"continue with: {source.resume}"] if source.resume else []
    frames = []
    for chart in _profile(source):
        frames.append(chart.frame(len(charts), "h3"))
        charts.append(chart)
    parts = [
        section(
            f"{prefix}config-{i}",
            name,
            comparison.blocks(part, charts, f"{prefix}config-{i}-", 3, whole=False),
        )
        for i, (name, part) in enumerate(source.parts.items())
    ]
    return join(
        section(f"{prefix}verdict", "Verdict", sentences(said)),
        section(f"{prefix}all", "All configs", *tables, *frames) if tables or frames else None,
        *parts,
        reproduce(comparison.commands(source), prefix),
        about(source, prefix),
    )


def _profile(source: Source) -> Sequence[Chart]:
    """The share of configs that each solves within a ratio of the fewest steps."""
    found = source.summary.get("profile")
    if not found or not found["ratios"]:
        return []
    optimizers = {
        row["label"]: row["optimizer"]
        for part in source.parts.values()
        for row in part.summary.get("optimizers") or ()
    }
    own = looks(list(found["ratios"]), optimizers)
    cap, series = found["cap"], []
    for label, ratios in found["ratios"].items():
        mine = np.array([np.inf if ratio is None else ratio for ratio in ratios])
        at = np.unique([1.0, *mine[mine <= cap], cap])
        share = (mine[:, None] <= at).mean(axis=0)
        series.append(Series(label, own[label], [at], share, kind="step"))
    words = f"share of {len(found['configs'])} configs solved"
    return [
        Chart(
            "Performance profile",
            [Axis("steps to target relative to the best optimizer")],
            Axis(words),
            series,
            window=(0.0, 1.04),
        )
    ]
