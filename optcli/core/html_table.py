"""A small HTML table for notebooks; every text in it is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def html_table(
    caption: str, headings: Sequence[str], rows: Iterable[Sequence[str]], below: Iterable[str] = ()
) -> str:
    """The table as HTML. headings: of the columns. below: sentences under it."""
    from html import escape  # notebooks alone need it

    head = "".join(f"<th>{escape(each)}</th>" for each in headings)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>" for cells in rows
    )
    said = "".join(f"<div>{escape(each)}</div>" for each in below)
    title = f"<caption>{escape(caption)}</caption>"
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{said}"
