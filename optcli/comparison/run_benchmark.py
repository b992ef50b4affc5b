"""Run a benchmark: the same optimizers on several configs, and how they do on all."""

from __future__ import annotations

import csv
import io
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from optcli.comparison import figures, run_comparison
from optcli.comparison.problem import measure, optimizers, with_held_out
from optcli.comparison.profile import CAP, profile
from optcli.comparison.result import Benchmark, Comparison, Listener
from optcli.comparison.settings import ComparisonSettings
from optcli.core.environment import environment
from optcli.core.errors import Fault, InvalidInput
from optcli.plugins import loading
from optcli.storage import files, kinds, seals
from optcli.storage.destination import Destination
from optcli.storage.paths import safe_name


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
    """The same optimizers on several configs: a comparison each, and the profile of all."""
    from optcli.config.writing import written

    destination = Destination(kinds.BENCHMARK, "compare-benchmark", out, overwrite, True)
    destination.check()
    problems = [optimizers(words, source, overrides) for source in sources]
    titles = [problem.title for problem in problems]
    twice = next((title for i, title in enumerate(titles) if title in titles[:i]), None)
    places = _places(titles)
    if twice is not None:
        raise InvalidInput(Fault(f"'{twice}' is listed twice", parameter="config"))
    for problem in problems:
        with_rows, rows = with_held_out(problem)
        measure(with_rows, settings.metric, rows, settings.at)
    config = written({"benchmark": {"entries": list(words), "configs": titles}})
    recorded = {**environment(1, None), "plugins": loading.identity(), **settings.origin}
    part = replace(settings, command=None)  # the command goes on with all, in the folder above
    found = {}
    with destination.claim(config, recorded) as folder:
        seals.unseal(folder)
        kinds.rewrite(folder, kinds.BENCHMARK, config, recorded)
        for problem in problems:
            place = folder / places[problem.title]
            found[problem.title] = run_comparison.run(problem, part, place, False, plots, listener)
        summary = _across(words, found)
        files.write_json(folder / "summary.json", summary)
        files.write(folder / "runs.csv", _gathered(found))
        if plots and summary["performances"]:
            files.write(folder / "profile.png", figures.profile(summary, "all configs"))
        seals.seal(folder, kinds.BENCHMARK)
    benchmark = Benchmark(folder, found, summary)
    listener(benchmark)
    return benchmark


def _places(titles: Sequence[str]) -> dict[str, str]:
    """A name for the folder of each, numbered where a system may take two for the same."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for title in titles:
        name = safe_name(title)
        numbered = (f"{name}-{number}" for number in itertools.count(2))
        found[title] = next(
            each for each in itertools.chain([name], numbered) if each.casefold() not in taken
        )
        taken.add(found[title].casefold())
    return found


def _across(words: Sequence[str], found: Mapping[str, Comparison]) -> dict[str, Any]:
    """The medians of the steps to target over configs: profile, ranks, speed-up."""
    steps: dict[str, list[float]] = {word: [] for word in words}
    for each in found.values():
        for row in each.summary["optimizers"]:
            reached = row["steps_to_target"]
            steps[row["label"]].append(reached["median"] if reached else math.inf)
    over_all = profile(steps, list(found))
    return {
        "configs": {title: each.summary["verdict"] for title, each in found.items()},
        "counted": list(over_all.configs),
        "unsolved": list(over_all.unsolved),
        "reference": over_all.reference,
        "cap": CAP,
        "performances": [
            {
                "label": p.label,
                "ratios": list(p.ratios),
                "score": p.score,
                "average_rank": p.average_rank,
                "speed_up": p.speed_up,
            }
            for p in sorted(over_all.performances, key=lambda p: -p.score)
        ],
    }


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
