"""The file: styles, script, the policy that lets nothing else run or load, the data of curves."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from optcli.core.version import __version__
from optcli.display.report.charts import NUMBERS, Chart, data
from optcli.display.report.markup import Markup, element, join, text
from optcli.plots.looks import DARK, PALETTE

LIMIT = 1_000_000  # bytes of a page
LEAST = 1000  # numbers of all curves, below which a large page is left as it is


def whole(title: str, what: str, content: Markup, charts: Sequence[Chart]) -> bytes:
    """The page, as UTF-8. what: the kind of folder, in words."""
    style, script = _style(), _part("page.js")
    policy = {
        "default-src": "'none'",
        "style-src": _hash(style),
        "script-src": _hash(script),
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    head = join(
        element("meta", charset="utf-8"),
        _meta("Content-Security-Policy", "; ".join(f"{k} {v}" for k, v in policy.items())),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("meta", name="generator", content=f"optcli {__version__}"),
        element("title", f"{title} · optcli"),
        element("link", rel="icon", href="data:,"),
        element("style", Markup(style)),
    )
    body = join(
        element("a", "Skip to the result", href="#main", class_="skip"),
        element(
            "header",
            element("h1", element("bdi", title)),
            element("p", what, " · ", f"optcli {__version__}", class_="kind"),
        ),
        element("nav", element("ul", *_contents(content)), aria_label="Contents"),
        element(
            "main",
            element(
                "noscript",
                element(
                    "p",
                    "Curves need JavaScript; all results are in the tables and texts.",
                    class_="notice",
                ),
            ),
            content,
            id="main",
        ),
    )
    run = element("script", Markup(script))
    numbers = NUMBERS
    while True:
        drawn = element("script", _json(data(charts, numbers)), type="application/json", id="data")
        page = join(element("head", head), element("body", body, drawn, run))
        encoded = f"<!DOCTYPE html>\n{element('html', page, lang='en')}\n".encode(
            "utf-8", "backslashreplace"
        )
        numbers //= 2
        if len(encoded) <= LIMIT or numbers < LEAST:
            return encoded


def _meta(name: str, content: str) -> Markup:
    return Markup(f'<meta http-equiv="{name}" content="{text(content)}">')


def _contents(content: Markup) -> list[Markup]:
    """A link to each section of the page's highest level."""
    found = re.findall(r'<section id="([^"]+)"[^>]*><h2[^>]*>(.*?)</h2>', content)
    return [element("li", element("a", Markup(title), href=f"#{name}")) for name, title in found]


def _json(value: Any) -> Markup:
    """JSON that ends no element, whatever texts are in it."""
    said = json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        said = said.replace(character, f"\\u{ord(character):04x}")
    return Markup(said)


def _style() -> str:
    """page.css with the colours of the series, on light and on dark ground."""

    def colours(palette: Sequence[str]) -> str:
        return "".join(f".c{i}{{--s:{colour}}}" for i, colour in enumerate(palette))

    found: Mapping[str, str] = {"/* light */": colours(PALETTE), "/* dark */": colours(DARK)}
    style = _part("page.css")
    for mark, rules in found.items():
        style = style.replace(mark, rules)
    return style


def _part(name: str) -> str:
    return files("optcli.display.report").joinpath(name).read_text("utf-8")


def _hash(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
