"""Run a benchmark: the same optimizers on several configs, and what may be said of all."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from optcli.comparison import gate, run_comparison, several_problems
from optcli.comparison.problem import Problem, measure, optimizers, with_held_out
from optcli.comparison.result import Benchmark, BenchmarkStarted, Comparison, Listener
from optcli.comparison.settings import ComparisonSettings
from optcli.comparison.study import HALVING_SEEDS
from optcli.comparison.suites import costly
from optcli.core.environment import environment
from optcli.core.errors import Fault, InvalidInput
from optcli.plugins import loading
from optcli.storage import files, kinds, outputs, seals
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
    plots: bool | str,
    listener: Listener,
    few: Sequence[str] = (),
    suite: bool = False,
) -> Benchmark:
    """The same optimizers on several configs: a comparison each, and the claims over all.

    few: the titles of configs on which alone those take part whose steps cost most; () for none.
    suite: whether the configs are a suite, on which an optimizer is left out of those configs
    that it cannot train.
    """
    from optcli.config.writing import written

    destination = Destination(kinds.BENCHMARK, "compare-benchmark", out, overwrite, True)
    destination.check()
    problems = [optimizers(words, source, overrides) for source in sources]
    titles = [problem.title for problem in problems]
    twice = next((title for i, title in enumerate(titles) if title in titles[:i]), None)
    places = safe_names(titles)
    if twice is not None:
        raise InvalidInput(Fault(f"'{twice}' is listed twice", parameter="config"))
    unfit: list[str] = []  # notes
    problems = [_checked(problem, settings, unfit if suite else None) for problem in problems]
    apart, notes = _apart(problems, few, destination.folder) if few else ([], [])
    problems = [_without(problem, apart, few) for problem in problems]
    problems = [problem for problem in problems if len(problem.entries) > 1]
    settled = {"entries": list(words), "configs": titles, "apart": apart}
    config = written({"benchmark": settled})
    recorded = {**environment(1, None), "plugins": loading.identity(), **settings.origin}
    entered = {p.title: [entry.label for entry in p.entries] for p in problems}
    claimed = several_problems.claims(entered, settings.seeds)
    gates = gate.parsed(settings, words, claimed.single)  # before anything is written
    # the command goes on with all, in the folder above
    part = replace(settings, command=None, seeds=claimed.seeds)
    found = {}
    with (
        opened(run_comparison.pool(problems, settings, listener)) as workers,
        destination.claim(config, recorded) as folder,
    ):
        seals.unseal(folder)
        kinds.rewrite(folder, kinds.BENCHMARK, config, recorded)
        runs = sum(map(len, entered.values())) * _runs(part)
        notes = [*claimed.notes, *notes, *unfit]
        listener(BenchmarkStarted(list(entered), words, claimed.seeds, runs, notes))
        for problem in problems:
            found[problem.title] = run_comparison.run(
                problem,
                _asked(part, gates, entered[problem.title]),
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
            from optcli.comparison import figures

            kind = outputs.picture_format(plots)
            drawn = figures.profile(summary["profile"], "all configs", kind)
            files.write(folder / f"profile.{kind}", drawn)
        seals.seal(folder, kinds.BENCHMARK)
    benchmark = Benchmark(folder, found, summary)
    listener(benchmark)
    return benchmark


def _checked(problem: Problem, settings: ComparisonSettings, notes: list[str] | None) -> Problem:
    """The problem, of which all entries can be trained.

    notes: where those that cannot are left out, each with the reason; None where they are a fault,
    as the first one always is. Raises InvalidInput.
    """
    with_rows, rows = with_held_out(problem)
    try:
        measure(with_rows, settings.metric, rows, settings.at)
    except InvalidInput:
        if notes is None:
            raise
        kept = []
        for entry, alone in zip(problem.entries, with_rows.entries, strict=True):
            try:
                measure(replace(with_rows, entries=[alone]), settings.metric, rows, settings.at)
                kept.append(entry)
            except InvalidInput as error:
                if not kept:
                    raise
                reason = error.faults[0].message
                notes.append(f"{entry.label} takes no part on {problem.title}: {reason}")
        return replace(problem, entries=kept)
    return problem


def _apart(
    problems: Sequence[Problem], few: Sequence[str], folder: Path
) -> tuple[list[str], list[str]]:
    """The labels that take part on few configs alone, and what to say of them.

    They are measured once: a folder that is gone on with keeps them.
    """
    from optcli.config import yaml_text

    larger = [each for each in problems if each.title not in few] or problems
    probe = max(larger, key=lambda each: len(each.entries))  # the first that has all
    before: Any = None
    if (folder / kinds.CONFIG).exists():
        before = yaml_text.read_written(folder / kinds.CONFIG).get("benchmark")
    try:
        known, found = {*before["entries"]}, {*before["apart"]}
    except (TypeError, KeyError):  # a new folder, or one that does not tell
        known, found = set(), set()
    new = [entry for entry in probe.entries[1:] if entry.label not in known]
    found |= {*costly(probe, new)} if new else set()
    apart = [entry.label for entry in probe.entries if entry.label in found]
    if not apart:
        return [], []
    first = probe.entries[0].label
    note = f"a step of {', '.join(apart)} costs more than ten of {first} on {probe.title}; "
    return apart, [note + f"compared on few configs only: {', '.join(few)}"]


def _without(problem: Problem, apart: Sequence[str], few: Sequence[str]) -> Problem:
    """The problem without those that stand apart, where it is none of the few."""
    if problem.title in few:
        return problem
    entries = [entry for entry in problem.entries if entry.label not in apart]
    return replace(problem, entries=entries)


def _asked(
    settings: ComparisonSettings, gates: Sequence[gate.Gate], labels: Sequence[str]
) -> ComparisonSettings:
    """The settings with the conditions on those that take part in a config."""
    own = [each for each in gates if each.a in labels and each.b in labels]
    unless, if_ = (
        tuple(each.condition for each in own if each.option == option)
        for option in ("fail_unless", "fail_if")
    )
    return replace(settings, fail_unless=unless, fail_if=if_)


def _runs(settings: ComparisonSettings) -> int:
    """How many runs an entry has on a config, about."""
    tuned = settings.budget or settings.tune
    more = max(0, HALVING_SEEDS - settings.tune_seeds) if settings.finalists > 1 else 0
    finalists = min(settings.finalists, tuned)
    halved = finalists * more
    return tuned * settings.tune_seeds + halved + (finalists + 1) * (settings.seeds or 0)


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
