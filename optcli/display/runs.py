"""What `optcli runs` says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from json import dumps
from typing import Any, TextIO

from optcli.comparison import read_back
from optcli.core.durations import counted
from optcli.display import compare_report, trace
from optcli.display.jsonl import JsonLines
from optcli.display.output import Output
from optcli.display.table import Column, Table
from optcli.display.terminal import width_of
from optcli.display.text import duration, escaped, metric, number, setting
from optcli.display.train.results import diagnosis, results
from optcli.storage import kinds

WIDEST = 160
# What a measure is, where its name in summary.json does not say it.
NAMES = {
    "first loss": "loss before training",
    "constant loss": "loss of a constant prediction",
}


def listed(found: Iterable[Any], *, json: bool, stream: TextIO) -> None:
    """A line a run."""
    entries = list(found)
    if json:
        lines = JsonLines(stream)
        for entry in entries:
            lines.emit("run", _fields(entry))
        return
    output = Output(stream)
    if not entries:
        output.line("no runs")
        return
    columns = [
        Column("run", "run", [escaped(each.folder.name) for each in entries], left=True, cut=True),
        Column("kind", "kind", [each.kind for each in entries], left=True, rank=2),
        Column("outcome", "outcome", [_outcome(each) for each in entries], left=True),
        Column("epochs", "epochs", [_epochs(each) for each in entries], rank=3),
        Column("loss", "best loss", [_best(each) for each in entries]),
    ]
    if any(results := [_result(each) for each in entries]):
        columns.append(Column("result", "result", results, left=True, rank=1))
    table = Table(columns, width_of(WIDEST))
    keys = [column.key for column in columns]
    rows = zip(*(column.cells for column in columns), strict=True)
    for line in table.heading():
        output.line(line)
    for entry, row in zip(entries, rows, strict=True):
        (line,) = table.row(dict(zip(keys, row, strict=True)))
        output.line(f"{line}: {entry.damage}" if entry.damage else line)
    for entry in entries:
        if entry.resume and entry.kind != "train":
            output.line(f"continue with: {entry.resume}")


def _fields(entry: Any) -> dict[str, Any]:
    return {
        "run": str(entry.folder),
        "kind": entry.kind,
        "outcome": entry.outcome,
        "damage": entry.damage,
        "continue": entry.resume,
        "best": entry.summary.get("best") or {},
        "epochs": entry.summary.get("epochs"),
    }


def _outcome(entry: Any) -> str:
    return "failed to train" if _has_failed(entry) else str(entry.outcome).replace("_", " ")


def _epochs(entry: Any) -> str:
    epochs = entry.summary.get("epochs")
    return "" if epochs is None else f"{epochs:,}"


def _best(entry: Any) -> str:
    best = entry.summary.get("best") or {}
    loss = best.get("validation_loss", best.get("train_loss"))
    return number(loss) if isinstance(loss, int | float) else ""


def _result(entry: Any) -> str:
    """Who is first in a comparison, or in a trace and on what; the first measure of rows."""
    if measured := entry.summary.get("evaluation"):
        return _measured(measured)
    if shard := entry.summary.get("shard"):
        return f"shard {shard}"
    if paths := entry.summary.get("paths"):
        objective = entry.summary.get("objective")
        return f"{paths[0]['label']}{f' on {objective}' if objective else ''}"
    rows = entry.summary.get("optimizers") or []
    first = [row["label"] for row in rows if row["rank"] == 1]
    return f"{', '.join(first)}{' (tied)' if len(first) > 1 else ''}"


def _measured(found: Mapping[str, Any]) -> str:
    """The first metric, or the loss, of an evaluation, and of how many rows it is."""
    measures, rows = found.get("measures"), found.get("rows")
    if not isinstance(measures, Mapping) or not isinstance(rows, int):
        return ""
    name = next((each for each in measures if each != "loss"), "loss")
    one = measures.get(name)
    value = one.get("value") if isinstance(one, Mapping) else None
    if not isinstance(value, int | float):
        return ""
    return f"{escaped(name)} {metric(value)} on {counted(rows, 'row')}"


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
    whole = printed(entry, width_of(WIDEST))
    for rows in (
        {
            NAMES.get(key, key): _said(value)
            for key, value in measures.items()
            if not (whole and _is_printed(entry, key))
        },
        {"": ""} if settings and not whole else {},
        {key: _set(value) for key, value in settings.items() if value is not None},
    ):
        columns = [Column("key", cells=[*rows], left=True), Column("value", wrap=True)]
        table = Table(columns, width_of(WIDEST))
        for key, value in rows.items():
            for line in table.row({"key": escaped(key), "value": escaped(value)}):
                output.line(line)
        if whole:
            for line in ("", *whole, ""):
                output.line(line)
            whole = []


def _is_printed(entry: Any, key: str) -> bool:
    """Whether what the command printed says it: the ranking and the verdict of a comparison."""
    if entry.kind == kinds.EVALUATE.name:
        return key != "outcome"
    return key == "verdict" or key.startswith("median ")


def printed(entry: Any, width: int) -> list[str]:
    """What the command printed at its end of what it found, from what it left in its folder."""
    summary, kind = entry.summary, entry.kind
    if not summary:
        return []
    if kind == kinds.EVALUATE.name:
        from optcli.display import evaluate
        from optcli.evaluation.stored import read

        found = replace(read(entry.folder), folder=None)  # which is known here
        return list(evaluate.lines(found, min(width, evaluate.WIDEST)))
    if kind == kinds.COMPARE.name and summary.get("version", 1) > 1:
        summary = read_back.summary(entry.folder)
        return compare_report.report(summary, min(width, compare_report.WIDEST))
    if kind == kinds.BENCHMARK.name and summary.get("version", 1) > 1:
        return compare_report.across(summary, min(width, compare_report.WIDEST))[1:]
    if kind == kinds.TUNE_SHARD.name:
        from optcli.display import tune

        return tune.shard_report(summary, min(width, tune.WIDEST))
    if kind in [each.name for each in kinds.SHARDS]:
        return compare_report.shard_report(summary, min(width, compare_report.WIDEST))
    if summary.get("paths"):
        return [escaped(line) for line in trace.report(summary["paths"], min(width, trace.WIDEST))]
    if summary.get("checked"):
        return [escaped(line) for line in checks(summary, min(width, WIDEST))]
    return [escaped(line) for line in (*results(summary), *diagnosis(summary))]


def checks(summary: Mapping[str, Any], width: int) -> list[str]:
    """A line for each set of cases of a gradient check, and the verdict on all."""
    rows = summary["checked"]
    verdicts = {"right": "ok", "wrong": "WRONG"}
    ratios = [row["worst_ratio"] for row in rows]
    columns = [
        Column("name", "name", [row["name"] for row in rows], left=True, cut=True),
        Column("kind", "kind, cases", [f"{r['kind']}, {r['cases']}" for r in rows], left=True),
        Column("ratio", "error/tol", ["-" if r is None else f"{r:.2g}" for r in ratios]),
        Column("verdict", "verdict", [verdicts.get(r["outcome"], r["outcome"]) for r in rows]),
    ]
    cases = counted(sum(row["cases"] for row in rows), "gradient")
    wrong = [row["name"] for row in rows if row["outcome"] == "wrong"]
    said = f"WRONG: {', '.join(wrong)}" if wrong else "all correct"
    if summary["outcome"] == "not checked":
        said = "not all could be checked"
    return [*Table(columns, width).lines(), "", f"{said}: {cases}, {duration(summary['seconds'])}"]


def differing(found: Any, stream: TextIO, *, json: bool) -> None:
    """Two runs side by side."""
    if json:
        fields = {"a": str(found.a), "b": str(found.b)}
        JsonLines(stream).emit(
            "diff", {**fields, "config": found.config, "measures": found.measures}
        )
        return
    output = Output(stream)
    rows = [[key, _set(a), _set(b)] for key, (a, b) in found.config.items()]
    rows += [] if found.config else [["config", "the same", ""]]
    rows.append(["", "", ""])
    rows += [[NAMES.get(key, key), _said(a), _said(b)] for key, (a, b) in found.measures.items()]
    cells = [[escaped(cell) for cell in column] for column in zip(*rows, strict=True)]
    names = [escaped(found.a.name), escaped(found.b.name)]
    if not _fits(cells, names):
        for short, name in zip("ab", names, strict=True):
            output.line(f"{short}  {name}")
        output.line("")
        names = ["a", "b"]
    columns = [
        Column("key", "", cells[0], left=True),
        Column("a", names[0], cells[1], left=True, cut=True),
        Column("b", names[1], cells[2], left=True, cut=True),
    ]
    for line in Table(columns, width_of(WIDEST)).lines():
        output.line(line)


def _fits(cells: Sequence[Sequence[str]], names: Sequence[str]) -> bool:
    """Whether the names of two runs may head their columns."""
    widths = [max(map(len, column)) for column in cells]
    wide = [max(size, len(name)) for size, name in zip(widths[1:], names, strict=True)]
    return widths[0] + sum(wide) + 4 <= width_of(WIDEST)


def verified(found: Any, stream: TextIO, *, json: bool) -> None:
    """Whether the bits agree, and why they need not."""
    if json:
        fields = {"agrees": found.agrees, "epochs": found.epochs, "first": found.first}
        fields |= {"machine": found.machine, "lengthened_after": found.lengthened}
        JsonLines(stream).emit("verify", fields)
        return
    output = Output(stream)
    if found.agrees:
        output.line(f"reproduced bit for bit ({counted(found.epochs, 'epoch')})")
    else:
        output.line(escaped(f"not reproduced: {found.first}"))
    for key, (then, now) in found.machine.items():
        output.line(escaped(f"{key} was {_said(then)}, is {_said(now)}"))
    if not found.agrees and found.lengthened:
        after = " and ".join(map(str, found.lengthened))
        output.line(f"training was extended after epoch {after}, which changed its schedule:")
        output.line("a run of that length from the start gives other results")
    elif not found.agrees and not found.machine:
        output.line("machine and versions are the same as then: either the folder was altered,")
        output.line("or something in the run is not deterministic")


def _set(value: Any) -> str:
    """A value of a config, as YAML has it."""
    if value is None or isinstance(value, str):
        return value or "-"
    if isinstance(value, list) and any(isinstance(each, Mapping) for each in value):
        return ", ".join(map(setting, value))
    return dumps(value).replace('"', "")


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, float):
        return "-" if value is None else str(value)
    return number(value)
