"""Ideas of optimization, a Markdown page each, beside what a config can name.

A page begins with its title and its other names; headings follow, the same on each page. Its
name is that of its file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Idea:
    """A page. text: what it is. sections: heading -> text."""

    name: str
    aliases: tuple[str, ...]
    text: str
    sections: Mapping[str, str]

    @property
    def summary(self) -> str:
        """The first sentence."""
        return self.text.partition(". ")[0].rstrip(".")


@cache
def ideas() -> tuple[Idea, ...]:
    """All pages, by name."""
    return tuple(_read(path) for path in sorted(HERE.glob("*.md")))


def plain(name: str) -> str:
    """A name as one word: `Learning rate`, `learning-rate` and `learning_rate` are the same."""
    return re.sub(r"[\s_-]+", "_", name.strip().lower())


def _read(path: Path) -> Idea:
    head, *parts = path.read_text(encoding="utf-8").split("\n## ")
    _, also, text = (part.strip() for part in head.split("\n\n", 2))
    sections = dict(part.split("\n\n", 1) for part in parts)
    return Idea(
        path.stem,
        tuple(also.removeprefix("Also: ").split(", ")),
        text,
        {heading: body.strip("\n") for heading, body in sections.items()},
    )
