"""Run a benchmark: the same optimizers on several configs, and what may be said of all."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from optcli.comparison import figures, gate, run_comparison, several_problems
from optcli.comparison.problem import measure, optimizers, with_held_out
from optcli.comparison.result import Benchmark, BenchmarkStarted, Comparison, Listener
from optcli.comparison.settings import ComparisonSettings
from optcli.core.environment import environment
from optcli.core.errors import Fault, InvalidInput
from optcli.plugins import loading
from optcli.storage import files, kinds, seals
from optcli.storage.destination import Destination
from optcli.storage.dispatch import opened
from optcli.storage.paths import safe_names


def run(
    words: Sequence[str],
    sources: Sequence[Any],
    overrides: Sequence[str],
    settings: ComparisonSettings,
    out: Path | None,
    overwrite: bool,
    plots: bool,
    listener: Listener,
) -> Benchmark:
    """The same optimizers on several configs: a comparison each, and the claims over all."""
    from optcli.config.writing import written

    destination = Destination(kinds.BENCHMARK, "compare-benchmark", out, overwrite, True)
    destination.check()
    problems = [optimizers(words, source, overrides) for source in sources]
    titles = [problem.title for problem in problems]
    twice = next((title for i, title in enumerate(titles) if title in titles[:i]), None)
    places = safe_names(titles)
    if twice is not None:
        raise InvalidInput(Fault(f"'{twice}' is listed twice", parameter="config"))
    for problem in problems:
        with_rows, rows = with_held_out(problem)
        measure(with_rows, settings.metric, rows, settings.at)
    config = written({"benchmark": {"entries": list(words), "configs": titles}})
    recorded = {**environment(1, None), "plugins": loading.identity(), **settings.origin}
    entered = {p.title: [entry.label for entry in p.entries] for p in problems}
    claimed = several_problems.claims(entered, settings.seeds)
    gate.parsed(settings, words, claimed.single)  # before anything is written
    # the command goes on with all, in the folder above
    part = replace(settings, command=None, seeds=claimed.seeds)
    found = {}
    with (
        opened(run_comparison.pool(problems, settings, listener)) as workers,
        destination.claim(config, recorded) as folder,
    ):
        seals.unseal(folder)
        kinds.rewrite(folder, kinds.BENCHMARK, config, recorded)
        listener(BenchmarkStarted(list(entered), words, claimed.seeds, claimed.notes))
        for problem in problems:
            found[problem.title] = run_comparison.run(
                problem,
                part,
                folder / places[problem.title],
                False,
                plots,
                listener,
                family=claimed.single,
                workers=workers,
            )
        summaries = {title: each.summary for title, each in found.items()}
        summary = several_problems.summary(claimed, summaries)
        files.write_json(folder / "summary.json", summary)
        files.write(folder / "runs.csv", _gathered(found))
        if plots and summary["profile"]["ratios"]:
            files.write(folder / "profile.png", figures.profile(summary["profile"], "all configs"))
        seals.seal(folder, kinds.BENCHMARK)
    benchmark = Benchmark(folder, found, summary)
    listener(benchmark)
    return benchmark


def _gathered(found: Mapping[str, Comparison]) -> bytes:
    """The runs of all configs in one table."""
    rows: list[dict[str, str]] = []
    for title, each in found.items():
        with (each.folder / "runs.csv").open(newline="", encoding="utf-8") as file:
            rows += [{"config": title, **row} for row in csv.DictReader(file)]
    for row in rows:
        del row["checksum"]  # it is of the row that stands in its own table
    text = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
