"""Lines of names alone, as `optcli explain adam`, which need no parsing.

Typer checks even the defaults of options by pydantic, whose import takes longer than these run.
"""

from __future__ import annotations

from collections.abc import Sequence


def run(arguments: Sequence[str]) -> int | None:
    """Run such a line and return its exit code; None for any other line."""
    command, *words = arguments
    json = "--json" in words
    names = [word for word in words if word != "--json"]
    if any(name.startswith("-") for name in names):
        return None
    if command == "explain" and names:
        from optcli.cli import explain

        return explain.command(names, json=json)
    if command == "list" and len(names) <= 1:
        from optcli.cli import list as listing

        return listing.command(names[0] if names else None, json=json)
    if command == "schema" and not words:
        from optcli.cli import schema

        return schema.command()
    return None
