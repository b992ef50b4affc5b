"""Blocks: what several kinds of pages have in common."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from optcli.display.report.markup import Content, Markup, element, join, lines, text
from optcli.display.report.source import Source
from optcli.display.table import Column
from optcli.display.text import setting
from optcli.storage import kinds, results
from optcli.storage.seals import SUMS

LONG = 28  # characters of a name from which on it is broken
LONG_TEXT = 40  # characters of a cell from which on its column is not squeezed
MOST_CONFIG = 100_000  # characters of a config that is shown
# What each file holds, by its name.
FILES = {
    kinds.CONFIG: "the config, every default filled in",
    kinds.ENVIRONMENT: "versions, machine, checksum of the data",
    results.SUMMARY: "the results, in full precision",
    results.HISTORY: "every epoch, in full precision",
    "runs.csv": "a row for each run",
    "trials.csv": "a row for each setting of a search",
    "best.yaml": "the config of the best setting",
    results.PATHS: "every step of every path",
    kinds.EVALUATION: "all that was measured, in full precision",
    "measures.csv": "each measure with its interval",
    "model.npz": "the best parameters, with the preparation of the data",
    "checkpoint.npz": "the last state, to resume from",
    SUMS: "size and SHA-256 of each file",
}


def section(name: str, title: str, *contents: Content, level: int = 2) -> Markup:
    """A section with a heading, which the page's contents lead to by its name."""
    heading = element(f"h{level}", title, id=f"{name}-title")
    label = f"{name}-title" if level == 2 else None  # a landmark, of which there are few
    return element("section", heading, *contents, id=name, aria_labelledby=label)


def table(
    columns: Sequence[Column],
    title: str,
    *,
    head: str | None = None,
    values: Mapping[str, Sequence[float | None]] | None = None,
    marks: Mapping[str, Sequence[Content]] | None = None,
) -> Markup:
    """The columns of a table of the terminal.

    head: the key of the column that names its row. values: by key the numbers that the cells
    round, which go in with full precision. marks: by key what stands before a cell's text.
    """
    values, marks = values or {}, marks or {}
    heading = join(
        *(
            element(
                "th",
                column.heading.replace("/\n", "/").replace("\n", " "),
                scope="col",
                class_=None if column.left else "number",
            )
            for column in columns
        )
    )
    rows = []
    for i in range(len(columns[0].cells)):
        cells = []
        for column in columns:
            said: Content = column.cells[i]
            whole = values[column.key][i] if column.key in values else None
            if whole is not None:
                said = exact(str(said), whole)
            if column.key in marks:
                said = join(marks[column.key][i], " ", said)
            side = None if column.left else "number"
            if column.left and max(map(len, column.cells)) > LONG_TEXT:
                side = "long"
            if column.key == head:
                name = column.cells[i]
                mark = marks[column.key][i] if column.key in marks else None
                kind = "name" if len(name) <= LONG else None
                said = join(mark, " ", element("bdi", name))
                cells.append(element("th", said, scope="row", class_=kind))
            else:
                cells.append(element("td", said, class_=side))
        rows.append(element("tr", *cells))
    body = element(
        "table",
        element("caption", title, class_="unseen"),
        element("thead", element("tr", heading)),
        element("tbody", *rows),
    )
    return scrolled(body, f"table: {title}")


def scrolled(content: Markup, label: str) -> Markup:
    """What may be wider than the page, to be moved by keyboard as well."""
    return element("div", content, class_="scroll", tabindex="0", role="group", aria_label=label)


def exact(said: str, value: float) -> Markup:
    """A rounded number with the exact one beside it, for programs and for pointing."""
    return element("data", said, value=repr(value), title=repr(value))


def facts(rows: Mapping[str, Content]) -> Markup:
    """Names with what is said of each."""
    pairs = (join(element("dt", name), element("dd", said)) for name, said in rows.items())
    return element("dl", *pairs)


def sentences(said: Iterable[str]) -> Markup:
    """A paragraph for each."""
    return join(*(element("p", each) for each in said))


def tiles(rows: Mapping[str, tuple[Content, str]]) -> Markup:
    """The numbers that matter most: what each is, its value, and what it is to be held against."""
    found = [
        element(
            "div",
            element("dt", name),
            element(
                "dd",
                element("span", value, class_="large"),
                element("span", beside, class_="beside") if beside else None,
            ),
        )
        for name, (value, beside) in rows.items()
    ]
    return element("dl", *found, class_="tiles") if found else Markup()


def details(title: str, *contents: Content, open_: bool = False) -> Markup:
    """What is opened on demand, and is open in print."""
    return element("details", element("summary", title), *contents, open_=open_)


def code(content: str, label: str) -> Markup:
    """A text as it is, in lines."""
    return element(
        "pre", element("code", lines(content)), tabindex="0", role="group", aria_label=label
    )


def about(source: Source, prefix: str, level: int = 2) -> Markup:
    """Config, environment, and the files beside it."""
    config = source.config
    if len(config) > MOST_CONFIG:
        config = f"{config[:MOST_CONFIG]}\n… the rest is in config.yaml"
    rows = {key: environment(value) for key, value in source.environment.items()}
    kept = [
        element(
            "li",
            element("code", name),
            f" ({size:,} bytes)",
            f": {FILES[name]}" if name in FILES else None,
        )
        for name, size in source.files.items()
    ]
    blocks = [
        details("Config", code(config, "config.yaml")) if config.strip() else None,
        details("Environment", facts(rows)) if rows else None,
        details(
            "Files", element("p", "in ", element("code", str(source.folder))), element("ul", *kept)
        ),
    ]
    return section(f"{prefix}about", "Config, environment, files", *blocks, level=level)


def environment(value: Any) -> str:
    """What environment.json says of one thing."""
    if isinstance(value, list):
        return ", ".join(map(environment, value)) or "none"
    if isinstance(value, Mapping):
        return " ".join(str(each) for each in value.values() if each is not None)
    return "-" if value is None else setting(value)


def reproduce(commands: Mapping[str, str], prefix: str, level: int = 2) -> Markup:
    """Commands, each with what it does; several are lines of one text."""
    rows = [
        join(element("p", f"{said}:"), code(command, said)) for said, command in commands.items()
    ]
    if not rows:
        return Markup()
    return section(f"{prefix}commands", "Commands", *rows, level=level)


def picture(name: str, content: bytes, described: str) -> Markup:
    """A PNG file, in the page."""
    encoded = base64.b64encode(content).decode()
    size = {}
    if content[12:16] == b"IHDR":
        width, height = struct.unpack(">II", content[16:24])
        size = {"width": str(width // 2), "height": str(height // 2)}
    image = element("img", src=f"data:image/png;base64,{encoded}", alt=described, **size)
    return element(
        "figure", image, element("figcaption", described, " (", text(name), ")"), class_="picture"
    )
