"""What `optcli init` shows: what is predicted, each column that is not plain, what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

from optcli.core.shell import quoted
from optcli.display.jsonl import JsonLines
from optcli.display.output import Output
from optcli.display.sections import WIDEST
from optcli.display.terminal import width_of
from optcli.display.text import escaped, number, shortened, wrapped

if TYPE_CHECKING:
    from optcli.api.init import Starter

MOST = 40  # columns that are shown one by one
NAME = 30  # characters of a name


def starter(found: Starter, *, quiet: bool, json: bool, stream: TextIO) -> None:
    """The config where it was not written to a file; else what is in it."""
    if json:
        JsonLines(stream).emit(
            "config",
            {
                "file": None if found.file is None else str(found.file),
                "text": found.text,
                "config": found.config,
                "rows": found.rows,
                "goal": found.goal,
                "columns": found.columns,
                "tried": [
                    {"candidate": each.candidate.said, "loss": each.loss}
                    for each in found.proposal.tried
                ],
            },
        )
        return
    output = Output(stream)
    if found.file is None:
        for line in found.text.splitlines():
            output.line(line)
    elif not quiet:
        for line in _lines(found, width_of(WIDEST)):
            output.line(line)


def _lines(found: Starter, width: int) -> Iterator[str]:
    said = [f for f in found.proposal.findings if f.said]
    plain = sum(not f.said and f.use == "input" for f in found.proposal.findings)
    head = f"{found.table}: {found.rows:,} rows; predicts {found.goal}"
    yield from wrapped(escaped(head), width)
    for finding in said[:MOST]:
        name = shortened(escaped(finding.name), NAME)
        end = ": excluded" if finding.use == "excluded" else ""
        first, *rest = wrapped(f"{name} {escaped(finding.said)}{end}", width - 4)
        yield f"  - {first}"
        yield from (f"    {line}" for line in rest)
    if len(said) > MOST:
        yield f"  - and {len(said) - MOST:,} more"
    if plain and said:
        yield f"  - {plain:,} further column{'s' * (plain > 1)} as they are"
    yield from wrapped(f"model: {_model(found)}", width)
    yield ""
    yield f"wrote {found.file}; next: optcli train {quoted(str(found.file))}"


def _model(found: Starter) -> str:
    """The chosen model, with the losses that speak for it."""
    model = found.config["model"]["name"]
    if not found.proposal.tried:
        return f"{model}, by the number of rows"
    least: dict[str, float] = {}
    for each in found.proposal.tried:
        kind = each.candidate.kind
        least[kind] = min(each.loss, least.get(kind, each.loss))
    told = ", ".join(f"{kind} {number(loss)}" for kind, loss in least.items())
    return f"{model}, by cross-validation (loss: {told})"
