"""What `optcli list` shows: names by kind."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TextIO

from optcli.display.jsonl import JsonLines
from optcli.display.sections import sections


class CatalogEntry(Protocol):
    """A thing with a name, of a kind, and what is said of it."""

    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def aliases(self) -> tuple[str, ...]: ...
    @property
    def summary(self) -> str: ...


def catalog(entries: Iterable[CatalogEntry], *, json: bool, stream: TextIO) -> None:
    """The entries by kind: name, what it is, other names."""
    found = list(entries)
    if json:
        lines = JsonLines(stream)
        for entry in found:
            names = ("kind", "name", "aliases", "summary")
            lines.emit("entry", {name: getattr(entry, name) for name in names})
        return
    kinds = dict.fromkeys(entry.kind for entry in found)
    pairs = {kind: [(e.name, _summary(e)) for e in found if e.kind == kind] for kind in kinds}
    sections(pairs, stream)


def _summary(entry: CatalogEntry) -> str:
    return entry.summary + (f" (also {', '.join(entry.aliases)})" if entry.aliases else "")
