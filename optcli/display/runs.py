"""What `optcli runs` says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from json import dumps
from typing import Any, TextIO

from optcli.core.durations import counted
from optcli.display.aligned import GAP, cut, line_width, terminal_width
from optcli.display.jsonl import JsonLines
from optcli.display.output import Output
from optcli.display.words import escaped, number

WIDEST = 160
COLUMNS = ["run", "kind", "outcome", "epochs", "best loss"]
# Where there is no room these go, the first one first; by place, from the right.
SPARE = (COLUMNS.index("epochs"), COLUMNS.index("kind"))


def listed(found: Iterable[Any], *, json: bool, stream: TextIO) -> None:
    """A line a run."""
    lines = JsonLines(stream)
    rows, commands = [], []
    for entry in found:
        commands += [entry.resume] if entry.resume and entry.kind != "train" else []
        best = entry.summary.get("best") or {}
        loss = best.get("validation_loss", best.get("train_loss"))
        epochs = entry.summary.get("epochs")
        if json:
            fields = {"run": str(entry.folder), "kind": entry.kind, "outcome": entry.outcome}
            lines.emit(
                "run",
                {
                    **fields,
                    "damage": entry.damage,
                    "continue": entry.resume,
                    "best": best,
                    "epochs": epochs,
                },
            )
        told = number(loss) if isinstance(loss, int | float) else ""
        count = "" if epochs is None else f"{epochs:,}"
        outcome = "failed to train" if _has_failed(entry) else entry.outcome
        row = [entry.folder.name, entry.kind, outcome, count, told]
        if entry.damage:
            row[2:] = [f"{entry.outcome}: {entry.damage}"]
        rows.append(row)
    if json:
        return
    rows = [COLUMNS, *rows] if rows else [["no runs"]]
    for column in SPARE:  # names are to be typed again: others go before they are cut
        if _needed(rows) > terminal_width(WIDEST):
            rows = [row[:column] + row[column + 1 :] for row in rows]
    output = Output(stream)
    say(output, rows)
    for command in commands:
        output.line(escaped(f"continue with: {command}"))


def _has_failed(entry: Any) -> bool:
    """Whether it ran to its end, far above where it began."""
    return entry.outcome != "diverged" and entry.summary.get("failed_to_train") is True


def shown(
    entry: Any,
    settings: Mapping[str, Any],
    measures: Mapping[str, Any],
    stream: TextIO,
    *,
    json: bool,
) -> None:
    """One run: what it came to, and its config."""
    if json:
        fields = {"run": str(entry.folder), "summary": entry.summary, "config": settings}
        JsonLines(stream).emit("run", fields)
        return
    output = Output(stream)
    say(output, [[key, _said(value)] for key, value in measures.items()])
    if not settings:
        return
    output.line("")
    say(output, [[key, _set(value)] for key, value in settings.items() if value is not None])


def differing(found: Any, stream: TextIO, *, json: bool) -> None:
    """Two runs side by side."""
    if json:
        fields = {"a": str(found.a), "b": str(found.b)}
        JsonLines(stream).emit(
            "diff", {**fields, "config": found.config, "measures": found.measures}
        )
        return
    output = Output(stream)
    rows = [["", found.a.name, found.b.name]]
    rows += [[key, _set(a), _set(b)] for key, (a, b) in found.config.items()]
    if not found.config:
        rows.append(["config", "the same", ""])
    rows.append(["", "", ""])
    rows += [[key, _said(a), _said(b)] for key, (a, b) in found.measures.items()]
    if _needed(rows) > terminal_width(WIDEST):
        rows[0] = ["", "a", "b"]
        say(output, [["a", found.a.name], ["b", found.b.name], [""]])
    say(output, rows)


def verified(found: Any, stream: TextIO, *, json: bool) -> None:
    """Whether the bits agree, and why they need not."""
    if json:
        fields = {"agrees": found.agrees, "epochs": found.epochs, "first": found.first}
        fields |= {"machine": found.machine, "lengthened_after": found.lengthened}
        JsonLines(stream).emit("verify", fields)
        return
    output = Output(stream)
    if found.agrees:
        output.line(f"the same bits over {counted(found.epochs, 'epoch')}")
    else:
        output.line(escaped(f"other bits: {found.first}"))
    for key, (then, now) in found.machine.items():
        output.line(escaped(f"{key} was {_said(then)}, is {_said(now)}"))
    if not found.agrees and found.lengthened:
        after = " and ".join(map(str, found.lengthened))
        output.line(f"its length was changed after epoch {after}, and its schedule with it:")
        output.line("trained in one go it is another run")
    elif not found.agrees and not found.machine:
        output.line("the machine and the versions are the same: the folder is not what it says")


def say(output: Output, rows: Sequence[Sequence[str]]) -> None:
    """Aligned columns, cut at the edge of the terminal; a row's last cell may be longer."""
    width = terminal_width(WIDEST)
    cells = [[escaped(cell) for cell in row] for row in rows]
    sizes = _sizes(cells)
    count = len(sizes)
    spare = width - sum(sizes[1:]) - len(GAP) * (count - 1)
    sizes[0] = min(sizes[0], max(width // 2, spare))
    for row in cells:
        sized = list(zip(row, sizes, strict=False))
        parts = [cut(cell, size).ljust(size) for cell, size in sized[:-1]] + row[-1:]
        line = GAP.join(parts).rstrip()
        output.line(line[:width] if len(row) == count else line)


def _sizes(rows: Sequence[Sequence[str]]) -> list[int]:
    """The width of each column; a last cell that stands before the last column does not count."""
    count = max(len(row) for row in rows)
    return [
        max((len(row[i]) for row in rows if i < len(row) - 1 or len(row) == count), default=0)
        for i in range(count)
    ]


def _needed(rows: Sequence[Sequence[str]]) -> int:
    """The width at which nothing is cut."""
    return line_width(_sizes(rows))


def _set(value: Any) -> str:
    """A value of a config, as YAML has it."""
    if value is None or isinstance(value, str):
        return value or "-"
    return dumps(value).replace('"', "")


def _said(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, float):
        return "-" if value is None else str(value)
    return number(value)
