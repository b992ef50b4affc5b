"""Which parts a page has, and in which order."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence

from optcli.display.report import document, run, runs
from optcli.display.report.blocks import section
from optcli.display.report.charts import Chart
from optcli.display.report.markup import Markup, join
from optcli.display.report.source import Source
from optcli.storage import kinds

MOST_WHOLE = 20  # training runs that have a part of their own beside their curves together
Blocks = Callable[[Source, list[Chart], str], Markup]
# What a page calls a folder of each kind, and the module that has its `blocks`: the rooms that
# one kind needs are not loaded for another.
KINDS: dict[str, tuple[str, str]] = {
    kinds.TRAIN.name: ("Training run", "run"),
    kinds.COMPARE.name: ("Comparison", "comparison"),
    kinds.BENCHMARK.name: ("Comparison on several configs", "benchmark"),
    kinds.TUNE.name: ("Search", "search"),
    kinds.TRACE.name: ("Trace", "trace"),
    kinds.LANDSCAPE.name: ("Landscape", "landscape"),
    kinds.GRADCHECK.name: ("Gradient check", "gradients"),
    kinds.EVALUATE.name: ("Evaluation", "evaluation"),
}


def of_kind(kind: str) -> tuple[str, Blocks]:
    """What a page calls a folder of a kind, and the function that gives its sections."""
    what, module = KINDS[kind]
    blocks: Blocks = importlib.import_module(f"optcli.display.report.{module}").blocks
    return what, blocks


def page(sources: Sequence[Source]) -> bytes:
    """The page on one folder or several; training runs are drawn one over the other.

    The same folders give the same bytes.
    """
    charts: list[Chart] = []
    if len(sources) == 1:
        (source,) = sources
        what, blocks = of_kind(source.kind)
        return document.whole(source.name, what, blocks(source, charts, ""), charts)
    trained = [source for source in sources if source.kind == kinds.TRAIN.name]
    parts = []
    if len(trained) > 1:
        parts.append(runs.blocks(trained, charts, ""))
    traced = [source for source in sources if source.kind == kinds.TRACE.name]
    if len(traced) > 1:
        parts.append(_traces(traced, charts))
    together = [each for each in (trained, traced) if len(each) > 1]
    others = [source for source in sources if not any(source in each for each in together)]
    for i, source in enumerate(others):
        what, blocks = of_kind(source.kind)
        parts.append(_within(source, what, blocks, charts, f"part-{i}"))
    if 1 < len(trained) <= MOST_WHOLE:
        names = runs.labels(trained)
        for i, (source, name) in enumerate(zip(trained, names, strict=True)):
            prefix = f"run-{i}-"
            content = join(
                run.verdict(source, prefix, 3),
                run.scores_table(source, prefix, 3),
                run.reproduced(source, prefix, 3),
            )
            parts.append(section(f"run-{i}", name, content))
    title = f"{len(sources)} folders" if len(trained) < len(sources) else f"{len(sources)} runs"
    return document.whole(title, ", ".join(runs.labels(sources)), join(*parts), charts)


def _traces(sources: Sequence[Source], charts: list[Chart]) -> Markup:
    """Several traces: on one map, where they are of one objective, and the part of each."""
    from optcli.display.report import trace

    starts = trace.together(sources, charts)
    parts = [] if starts is None else [starts]
    for i, source in enumerate(sources):
        name = f"trace-{i}"
        content = trace.blocks(source, charts, f"{name}-", 3, mapped=starts is None)
        parts.append(section(name, f"Trace: {source.name}", content))
    return join(*parts)


def _within(source: Source, what: str, blocks: Blocks, charts: list[Chart], name: str) -> Markup:
    """A folder's part of a page of several."""
    return section(name, f"{what}: {source.name}", blocks(source, charts, f"{name}-"), level=2)
