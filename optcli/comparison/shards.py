"""Shards: several tasks that do a comparison together, without a word to each other.

What an entry is tuned to on a config depends on nobody else, from the first rate to the last final
run; only targets and verdicts need all, and no run depends on those. So the unit that is shared out
is an entry on a config: the N shards need one round, and `merge` does the rest. Where there are
more shards than units, those of a unit divide its final runs by seeds, and each repeats its
tuning: to share that as well would take a merge after each phase. What several shards have
trained must agree to the bit.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optcli.comparison import asked
from optcli.comparison.result import FinishedShard
from optcli.comparison.store import Store
from optcli.comparison.study import Study
from optcli.comparison.trials import TrialResult
from optcli.comparison.tuning import Competitor
from optcli.core.durations import counted
from optcli.core.environment import differences
from optcli.core.errors import Fault, InvalidInput, setting
from optcli.core.shell import quoted
from optcli.storage import files, kinds, results, seals

MOST = 10_000


@dataclass(frozen=True)
class Shard:
    """The `index`-th of `of` tasks, from 1 on."""

    index: int
    of: int

    def __str__(self) -> str:
        return f"{self.index}/{self.of}"

    @classmethod
    def parsed(cls, text: str | Sequence[int]) -> Shard:
        """`2/8`, or (2, 8); raises InvalidInput."""
        found = text.split("/") if isinstance(text, str) else [*text]
        numbers = [int(n) for n in found if re.fullmatch(r"\s*\d{1,9}\s*", str(n))]
        if len(found) == len(numbers) == 2 and 1 <= numbers[0] <= numbers[1] <= MOST:
            return cls(*numbers)
        said = text if isinstance(text, str) else tuple(text)
        message = f"is {said!r}; must be K/N with K from 1 to N and N up to {MOST:,}, as in 2/8"
        raise InvalidInput(Fault(message, parameter="shard"))

    def seeds(self, unit: int, units: int) -> slice | None:
        """Which of the final runs of a unit it does, by seed; None where it does nothing of it."""
        k = self.index - 1
        if self.of <= units:
            return slice(None) if unit % self.of == k else None
        together = -(-(self.of - unit) // units)  # shards that this unit has
        return slice(k // units, None, together) if k % units == unit else None

    def part(self, labels: Sequence[str], config: int = 0, configs: int = 1) -> dict[str, slice]:
        """What it does on a config, by label: which of the final runs, after all of the tuning.

        labels: all entries. config: its number. They take turns, so that no shard has one entry
        on all configs.
        """
        count = len(labels)
        units = {
            label: config * count + (place + config) % count for place, label in enumerate(labels)
        }
        found = {label: self.seeds(unit, configs * count) for label, unit in units.items()}
        return {label: own for label, own in found.items() if own is not None}


@dataclass(frozen=True)
class Part:
    """A shard's part of a comparison on one config.

    seeds: as `Shard.part` has them. asked: what the folder keeps to be merged; None where the
    folder above does.
    """

    shard: Shard
    seeds: Mapping[str, slice]
    asked: Mapping[str, Any] | None = None

    def of(self, entries: Sequence[Competitor], final: Sequence[int]) -> list[Competitor]:
        """The entries that it trains. final: seeds; a part that has none of them is left out."""
        return [e for e in entries if e.label in self.seeds and final[self.seeds[e.label]]]

    def note(self, entries: int, final: Sequence[int]) -> str:
        """What it trains, of so many entries."""
        own = {label: len(final[part]) for label, part in self.seeds.items()}
        said = [
            label
            if count == len(final)
            else f"{label} (final runs on {count} of {len(final)} seeds)"
            for label, count in own.items()
            if count
        ]
        return f"shard {self.shard} trains {', '.join(said) or 'nothing'}, of {entries} entries"

    def finished(self, folder: Path, study: Study) -> FinishedShard:
        """Say in the folder that all is done."""
        labels = [entry.label for entry in study.entries]
        return finished(folder, kinds.SHARD, self.shard, labels, study.runs)


def finished(
    folder: Path, kind: kinds.Kind, shard: Shard, labels: Sequence[str], runs: int
) -> FinishedShard:
    """Say in the folder of a shard that it is done: what it trained, and how many runs."""
    said = {"shard": str(shard), "outcome": "done", "entries": list(labels), "runs": runs}
    files.write_json(folder / results.SUMMARY, said)
    seals.seal(folder, kind)
    return FinishedShard(folder, said)


class Nobody:
    """Workers of whom nothing is left to do."""

    here, count, start = False, 1, 0.0

    @property
    def records(self) -> dict[str, dict[str, Any]]:
        return {}

    def run(self, function: Any, jobs: Sequence[Any], expected: float = 0.0) -> Iterator[Any]:
        """Raise InvalidInput: a shard has left out what it should have done."""
        raise InvalidInput("some runs of the comparison are in none of the shards; repeat them")


# ---- folders -------------------------------------------------------------------------


@dataclass(frozen=True)
class ShardFolder:
    """A finished shard, to be merged, or one of its parts. recorded: what environment.json says."""

    folder: Path
    shard: Shard
    kind: kinds.Kind
    recorded: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What messages call it."""
        return str(self.folder)

    @property
    def machine(self) -> dict[str, Any]:
        """What environment.json of all says of where it was trained."""
        return {name: self.recorded.get(name) for name in ("platform", "cpu", "cores", "python")}

    def within(self, place: str) -> ShardFolder | None:
        """Its part on one of several configs; None where it has none."""
        folder = self.folder / place
        if kinds.guessed(folder) != kinds.SHARD:
            return None
        return ShardFolder(folder, self.shard, kinds.SHARD, kinds.recorded(folder))

    @property
    def asked(self) -> dict[str, Any]:
        """What the comparison was asked for by."""
        found: dict[str, Any] = self.recorded["asked"]
        return found


def opened(folders: Sequence[Path], *, mixed: bool) -> list[ShardFolder]:
    """All shards of one comparison or search, by their index.

    mixed: whether they may come from machines that give other bits. Raises InvalidInput with all
    that is wrong: what is no shard, unfinished, damaged, missing, there twice or of another
    comparison.
    """
    if not folders:
        raise InvalidInput(Fault("none given; name the folders of all shards", parameter="shards"))
    found: list[ShardFolder] = []
    faults: list[Fault] = []
    for folder in dict.fromkeys(folders):
        try:
            found.append(_opened(folder))
        except InvalidInput as error:
            faults += error.faults
    faults += _unlike(found, mixed=mixed)
    if not faults or not any("is a shard" in fault.message for fault in faults):
        faults += _gaps(found, complete=not faults)
    if faults:
        raise InvalidInput(*faults)
    return sorted(found, key=lambda each: each.shard.index)


def _opened(folder: Path) -> ShardFolder:
    if not folder.is_dir():
        raise InvalidInput(Fault("no such folder", file=str(folder)))
    kind = kinds.of(folder)
    if kind not in kinds.SHARDS:
        what = "is not a run folder" if kind is None else f"is {kind.what}, not a shard of one"
        raise InvalidInput(Fault(what, file=str(folder)))
    recorded = kinds.recorded(folder)
    try:
        shard = Shard.parsed(recorded["shard"])
        assert isinstance(recorded["asked"]["entries"], list)
    except (InvalidInput, KeyError, TypeError, AssertionError):
        message = "is damaged: it lacks the shard"
        raise InvalidInput(Fault(message, file=str(folder / kinds.ENVIRONMENT))) from None
    places = [folder]
    if kind.parts:
        places += [path for path in sorted(folder.iterdir()) if kinds.guessed(path) == kinds.SHARD]
    for place in places:
        if not seals.is_sealed(place) or not (place / results.SUMMARY).is_file():
            message = f"is unfinished: shard {shard}{_runs(places)}; continue it"
            if recorded.get("command"):
                message += f" with its command and --out {quoted(str(folder))}"
            raise InvalidInput(Fault(message, file=str(folder)))
        seals.check_seal(place)
    return ShardFolder(folder, shard, kind, recorded)


def _runs(places: Sequence[Path]) -> str:
    """How many runs are there."""
    tables = [place / "runs.csv" for place in places if (place / "runs.csv").is_file()]
    count = sum(max(0, table.read_bytes().count(b"\n") - 1) for table in tables)
    return f" has {counted(count, 'finished run')}" if count else ""


def _unlike(found: Sequence[ShardFolder], *, mixed: bool) -> list[Fault]:
    """What does not fit the first of them."""
    faults = []
    for first, each in ((found[0], each) for each in found[1:]):
        unlike = ""
        if each.shard.of != first.shard.of or each.kind != first.kind:
            unlike = f"is shard {each.shard} of {_of(each)}, but {first.folder} is {first.shard}"
            unlike += "" if each.kind == first.kind else f" of {_of(first)}"
        elif each.recorded.get("data_sha256") != first.recorded.get("data_sha256"):
            unlike = f"is a shard on other data than {first.folder}"
        elif each.recorded.get("plugins") != first.recorded.get("plugins"):
            unlike = f"is a shard with other plug-ins than {first.folder}, or other versions"
        elif different := asked.differences(first.asked, each.asked):
            whole = "search" if first.kind == kinds.TUNE_SHARD else "comparison"
            unlike = f"is a shard of another {whole} than {first.folder}: {different}"
        elif other := differences(dict(first.recorded), dict(each.recorded)):
            words = "; ".join(other).replace(", here ", f", in {first.folder} ")
            if any(word.startswith("optcli ") for word in other):
                unlike = f"is a shard by another version than {first.folder}: {words}"
            elif not mixed:
                unlike = f"is a shard by a machine of other bits than {first.folder}: {words}; "
                unlike += f"to merge them all the same, add {setting('mixed')}"
        if unlike:
            faults.append(Fault(unlike, file=str(each.folder)))
    return faults


def _of(shard: ShardFolder) -> str:
    return shard.kind.what.removeprefix("a shard of ")


def _gaps(found: Sequence[ShardFolder], *, complete: bool) -> list[Fault]:
    """What is there twice, and what is missing. complete: whether all that were named are there."""
    faults = []
    by_index = sorted(found, key=lambda each: each.shard.index)
    for _, own in itertools.groupby(by_index, key=lambda each: each.shard.index):
        first, *others = own
        for each in others:
            message = f"is shard {each.shard}, as {first.folder} is; name one of them"
            faults.append(Fault(message, file=str(each.folder)))
    of = found[0].shard.of if found else 0
    there = {each.shard.index for each in found}
    missing = [index for index in range(1, of + 1) if index not in there]
    if missing and complete:
        which = _listed(missing)
        word = "shard" if len(missing) == 1 else "shards"
        message = f"{word} {which} of {of} {'is' if len(missing) == 1 else 'are'} missing"
        faults.append(Fault(message, parameter="shards"))
    return faults


def _listed(numbers: Sequence[int]) -> str:
    """1, 2, 3 and 7 as `1-3, 7`."""
    groups = []
    for _, own in itertools.groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        run = [number for _, number in own]
        groups.append(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}")
    return ", ".join(groups)


# ---- runs ----------------------------------------------------------------------------


def take(store: Store, folders: Sequence[Path]) -> None:
    """Take the runs of shards into a store.

    Raises InvalidInput where two of them have trained the same run to other bits, or some are
    damaged.
    """
    origin: dict[Any, Path] = {}
    for folder in folders:
        own = Store(folder, store.columns, store.labels)
        if own.damaged:
            message = f"{counted(own.damaged, 'run')} in it are damaged; continue the shard"
            raise InvalidInput(Fault(message, file=str(folder / "runs.csv")))
        for trial, result in own.results.items():
            known = store.results.get(trial)
            if known is not None and not _same(known, result):
                message = (
                    f"disagrees with {origin[trial]} on the run of {trial.label} with lr "
                    f"{trial.optimizer.lr:g} and seed {trial.seed}, which both have trained: their "
                    "machines give other bits"
                )
                raise InvalidInput(Fault(message, file=str(folder)))
            origin.setdefault(trial, folder)
        store.add_from(own)


def _same(a: TrialResult, b: TrialResult) -> bool:
    """Whether two results are the same, to the bit."""
    return repr((a.outcome, a.steps, a.history, a.crossfit, a.test)) == repr(
        (b.outcome, b.steps, b.history, b.crossfit, b.test)
    )
