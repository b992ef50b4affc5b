"""A gradient check: what was checked, and how far the worst was from its tolerance."""

from __future__ import annotations

from typing import Any

from optcli.core.durations import counted
from optcli.core.shell import joined
from optcli.display.report.blocks import about, picture, reproduce, section, sentences, table
from optcli.display.report.charts import Chart
from optcli.display.report.markup import Markup, join
from optcli.display.report.source import Source
from optcli.display.table import Column
from optcli.display.text import number
from optcli.storage import kinds

OUTCOMES = {
    "right": "all correct",
    "wrong": "a gradient is wrong",
    "not checked": "a gradient could not be checked",
}
DESCRIBED = "Error of the numerical gradient by step size, of the worst cases"


def blocks(source: Source, charts: list[Chart], prefix: str = "", level: int = 2) -> Markup:
    """The sections of a check; it draws nothing but the picture of its folder."""
    summary = source.summary
    rows = summary.get("checked") or []
    outcome = summary.get("outcome")
    said = [OUTCOMES.get(str(outcome), str(outcome or source.outcome))]
    if rows:
        said[0] += f": {counted(sum(row['cases'] for row in rows), 'case')}"
        said[0] += f" of {counted(len(rows), 'name')}"
    image = source.pictures.get(kinds.PICTURE)
    return join(
        section(f"{prefix}verdict", "Outcome", sentences(said), level=level),
        _table(rows, prefix, level),
        section(
            f"{prefix}pictures", "Pictures", picture(kinds.PICTURE, image, DESCRIBED), level=level
        )
        if image
        else None,
        reproduce(_commands(source), prefix, level),
        about(source, prefix, level),
    )


def _table(rows: list[dict[str, Any]], prefix: str, level: int) -> Markup:
    if not rows:
        return Markup()
    ratios = [row.get("worst_ratio") for row in rows]
    columns = [
        Column("name", "name", [row["name"] for row in rows], left=True),
        Column("kind", "kind", [row["kind"] for row in rows], left=True),
        Column("cases", "cases", [f"{row['cases']:,}" for row in rows]),
        Column("outcome", "outcome", [row["outcome"] for row in rows], left=True),
        Column(
            "ratio",
            "largest error\nover its tolerance",
            ["-" if value is None else number(value) for value in ratios],
        ),
    ]
    shown = table(columns, "Gradients", head="name", values={"ratio": ratios})
    words = "An error over its tolerance above 1 is a wrong gradient."
    return section(f"{prefix}gradients", "Gradients", shown, sentences([words]), level=level)


def _commands(source: Source) -> dict[str, str]:
    names = source.settings.get("gradcheck.names")
    if not isinstance(names, list) or any(key.startswith("config.") for key in source.settings):
        return {}
    words = ["optcli", "gradcheck", *map(str, names), "--plots"]
    if source.settings.get("gradcheck.fast"):
        words.append("--fast")
    return {"The same check": joined(words)}
