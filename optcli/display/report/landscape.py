"""A landscape: the losses and the sharpness of what runs have found, and its picture."""

from __future__ import annotations

from optcli.display.landscape import columns, remarks
from optcli.display.report.blocks import about, picture, section, sentences, table
from optcli.display.report.charts import Chart
from optcli.display.report.markup import Markup, join
from optcli.display.report.source import Source

PICTURE = "landscape.png"
DESCRIBED = "The loss on a plane through the solutions, paths on it, and cuts along lines"


def blocks(source: Source, charts: list[Chart], prefix: str = "", level: int = 2) -> Markup:
    """The sections of a landscape; it draws nothing but the picture of its folder."""
    rows = source.summary.get("solutions") or []
    image = source.pictures.get(PICTURE)
    said = [*remarks(source.summary), *source.summary.get("notes", ())] if rows else []
    return join(
        section(
            f"{prefix}solutions",
            "Solutions",
            table(columns(rows), "Solutions", head="run") if rows else Markup(),
            sentences(said),
            level=level,
        ),
        section(f"{prefix}pictures", "Pictures", picture(PICTURE, image, DESCRIBED), level=level)
        if image
        else None,
        about(source, prefix, level),
    )
