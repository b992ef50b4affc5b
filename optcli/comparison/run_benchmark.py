"""Run a benchmark: the same optimizers on several configs, and what may be said of all."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from optcli.comparison import asked as asking
from optcli.comparison import gate, run_comparison, several_problems
from optcli.comparison.costly import costly
from optcli.comparison.problem import Problem, measure, optimizers, with_held_out
from optcli.comparison.result import (
    Benchmark,
    BenchmarkStarted,
    Comparison,
    FinishedShard,
    Listener,
)
from optcli.comparison.settings import ComparisonSettings
from optcli.comparison.shards import Nobody, Part, Shard, ShardFolder, finished
from optcli.comparison.study import HALVING_SEEDS
from optcli.core.environment import environment
from optcli.core.errors import Fault, InvalidInput
from optcli.core.jsonable import jsonable
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
    shard: Shard | None = None,
    merged: Sequence[ShardFolder] = (),
) -> Benchmark | FinishedShard:
    """The same optimizers on several configs: a comparison each, and the claims over all.

    few: the titles of configs on which alone those take part whose steps cost most; () for none.
    suite: whether the configs are a suite, on which an optimizer is left out of those configs
    that it cannot train. shard: whose part alone is trained. merged: the shards that have all runs,
    for a new folder.
    """
    from optcli.config.writing import written

    kind = kinds.BENCHMARK if shard is None else kinds.BENCHMARK_SHARD
    name = f"compare-benchmark{'' if shard is None else f'-shard-{shard}'}"
    destination = Destination(kind, name, out, overwrite, not merged)
    destination.check()
    problems = [optimizers(words, source, overrides) for source in sources]
    titles = [problem.title for problem in problems]
    twice = next((title for i, title in enumerate(titles) if title in titles[:i]), None)
    places = safe_names(titles)
    if twice is not None:
        raise InvalidInput(Fault(f"'{twice}' is listed twice", parameter="config"))
    unfit: list[str] = []  # notes
    loaded = [problem.configs[""] for problem in problems]
    asked = asking.told(words, loaded, settings, few=few, suite=suite)
    if shard is not None and destination.continued:
        _check_same(destination.folder, shard, asked)
    # of all that was asked for: who takes part where is nothing that shards need agree on
    parts = {
        problem.title: shard.part(words, number, len(problems))
        for number, problem in enumerate(problems)
        if shard is not None
    }
    problems = [_checked(problem, settings, unfit if suite else None) for problem in problems]
    apart, notes = _apart(problems, few, destination.folder) if few and not merged else ([], [])
    if merged:  # who stood apart in one shard has too few runs
        before = [_set_apart(each) for each in merged]
        apart = [word for word in words if any(word in each for each in before)]
    problems = [_without(problem, apart, few) for problem in problems]
    problems = [problem for problem in problems if len(problem.entries) > 1]
    settled = {"entries": list(words), "configs": titles, "apart": apart}
    first = {} if shard is None else {kind.name: str(shard)}
    config = written({**first, "benchmark": settled})
    recorded = {**environment(1, None), "plugins": loading.identity(), **settings.origin}
    if shard is not None:
        recorded |= {"shard": str(shard), "asked": asked}
    if merged:
        recorded["shards"] = {str(each.shard): each.machine for each in merged}
    entered = {p.title: [entry.label for entry in p.entries] for p in problems}
    claimed = several_problems.claims(entered, settings.seeds)
    gates = gate.parsed(settings, words, claimed.single)  # before anything is written
    # the command goes on with all, in the folder above
    part = replace(settings, command=None, seeds=claimed.seeds)
    found: dict[str, Comparison | FinishedShard] = {}
    nobody = nullcontext(Nobody()) if merged else None
    with (
        nobody or opened(run_comparison.pool(problems, settings, listener)) as workers,
        destination.claim(config, recorded) as folder,
    ):
        seals.unseal(folder)
        kinds.rewrite(folder, kind, config, recorded)
        runs = sum(map(len, entered.values())) * _runs(part)
        notes = [*claimed.notes, *notes, *unfit]
        listener(BenchmarkStarted(list(entered), words, claimed.seeds, runs, notes))
        for problem in problems:
            own = parts.get(problem.title, {})
            if shard is not None and not own:
                continue
            within = [each.within(places[problem.title]) for each in merged]
            found[problem.title] = run_comparison.run(
                problem,
                _asked(part, gates, entered[problem.title]),
                folder / places[problem.title],
                False,
                plots,
                listener,
                family=claimed.single,
                workers=workers,
                part=None if shard is None else Part(shard, own),
                merged=[each for each in within if each is not None],
            )
        if shard is not None:
            count = sum(each.summary["runs"] for each in found.values())
            trained = [word for word in words if any(word in p for p in parts.values())]
            return finished(folder, kind, shard, trained, count)
        comparisons = {t: each for t, each in found.items() if isinstance(each, Comparison)}
        summaries = {title: each.summary for title, each in comparisons.items()}
        summary = several_problems.summary(claimed, summaries)
        files.write_json(folder / "summary.json", summary)
        files.write(folder / "runs.csv", _gathered(comparisons))
        if plots and summary["profile"]["ratios"]:
            from optcli.comparison import figures

            suffix = outputs.picture_format(plots)
            drawn = figures.profile(summary["profile"], "all configs", suffix)
            files.write(folder / f"profile.{suffix}", drawn)
        seals.seal(folder, kinds.BENCHMARK)
    benchmark = Benchmark(folder, comparisons, summary)
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


def _check_same(folder: Path, shard: Shard, asked: Mapping[str, Any]) -> None:
    """Raise InvalidInput where a folder holds another shard, or one of another comparison."""
    there = kinds.recorded(folder)
    before, unlike = there.get("asked"), ""
    if there.get("shard") != str(shard):
        unlike = f"shard was {there.get('shard')}, is {shard}"
    elif isinstance(before, dict):
        unlike = asking.differences(before, jsonable(asked))
    if unlike:
        message = f"{folder} holds {kinds.BENCHMARK_SHARD.what}, but another ({unlike}); choose "
        message += "another folder"
        raise InvalidInput(Fault(message, parameter="out"))


def _set_apart(shard: ShardFolder) -> list[str]:
    """The labels that a shard has trained on few configs alone."""
    from optcli.config import yaml_text

    found: list[str] = yaml_text.read_written(shard.folder / kinds.CONFIG)["benchmark"]["apart"]
    return found


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
