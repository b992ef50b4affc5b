"""Markup: elements of HTML, in which any text is text.

element("td", "<b>") == '<td>&lt;b&gt;</td>'
"""

from __future__ import annotations

import html

from optcli.display.text import escaped

EMPTY = ("img", "meta", "link")


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Content = Markup | str | None


def text(content: Content) -> Markup:
    """The text as HTML: markup as it is, all else with `<`, `&` and control characters escaped."""
    if content is None:
        return Markup()
    return content if isinstance(content, Markup) else Markup(html.escape(escaped(content)))


def lines(content: str) -> Markup:
    """A text of several lines, for `pre`."""
    return Markup("\n".join(map(text, content.replace("\t", "    ").split("\n"))))


def element(name: str, /, *contents: Content, **attributes: str | bool | None) -> Markup:
    """An element. attributes: `class_="x"`, `aria_label="y"`; True for one without a value."""
    said = ""
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.rstrip("_").replace("_", "-")
        said += f" {key}" if value is True else f' {key}="{text(value)}"'
    if name in EMPTY:
        return Markup(f"<{name}{said}>")
    return Markup(f"<{name}{said}>{join(*contents)}</{name}>")


def join(*contents: Content) -> Markup:
    """One after the other."""
    return Markup("".join(map(text, contents)))
