"""Shards: several tasks that do a search together, a round at a time.

Who goes on into the next round takes the scores of all. So each shard trains every N-th run of a
round, and goes on where the folders of the others, which lie beside its own, have the rest; else
it ends, and the same command continues it. `merge` trains what the shards have not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optcli.comparison import asked as asking
from optcli.comparison.result import FinishedShard
from optcli.comparison.shards import Shard
from optcli.comparison.store import Store
from optcli.comparison.trials import Trial, TrialResult
from optcli.core.environment import differences
from optcli.core.errors import InvalidInput
from optcli.storage import files, kinds, results, seals
from optcli.tuning.settings import TuneSettings

if TYPE_CHECKING:
    from optcli.config import Config

SETTINGS = ("budget", "repeats", "metric")  # those that are asked for


def asked(config: Config, settings: TuneSettings) -> dict[str, Any]:
    """What environment.json of a shard keeps, so that it can be merged without its files."""
    values = {name: getattr(settings, name) for name in SETTINGS}
    return asking.kept([], [config], values, title=config.title)


@dataclass(frozen=True)
class Part:
    """A shard's part of a search. recorded: what environment.json of its folder says."""

    shard: Shard
    recorded: Mapping[str, Any]

    def own(self, runs: Sequence[Trial]) -> list[Trial]:
        """Those of the runs of a round that it trains."""
        return list(runs[self.shard.index - 1 :: self.shard.of])

    def lacking(self, runs: Sequence[Trial], there: Mapping[Trial, TrialResult]) -> list[int]:
        """The shards whose runs of a round are not there."""
        return sorted({n % self.shard.of + 1 for n, run in enumerate(runs) if run not in there})

    def others(self, folder: Path) -> tuple[list[Path], list[str]]:
        """The folders of other shards of the search beside its own; notes on those of other bits.

        What is not whole, as others write meanwhile, is left for the next time.
        """
        found, notes = [], []
        for each in sorted(folder.absolute().parent.iterdir()):
            try:
                there = kinds.recorded(each)
                if each.name == folder.name or there.get("kind") != kinds.TUNE_SHARD.name:
                    continue
                alike = not asking.differences(self.recorded["asked"], there["asked"])
                shard = Shard.parsed(there["shard"])
            except (InvalidInput, KeyError, TypeError, AttributeError):
                continue
            if not alike or shard.of != self.shard.of or shard.index == self.shard.index:
                continue
            names = ("data_sha256", "plugins")
            unlike = [name for name in names if there.get(name) != self.recorded.get(name)]
            unlike += differences(dict(self.recorded), there)
            if unlike:
                words = "; ".join(unlike).replace("data_sha256", "other data")
                notes.append(
                    f"the runs of {each} are not used, as they may have other bits: {words}"
                )
            else:
                found.append(each)
        return found, notes

    def finished(
        self,
        folder: Path,
        *,
        runs: int,
        number: int,
        rounds: int,
        lacking: Sequence[int],
        notes: Sequence[str],
    ) -> FinishedShard:
        """Say in the folder that all is done that can be.

        number: of the last round that it has trained its part of. lacking: shards whose runs of
        it are missing, so that the next cannot begin. notes: on shards that are not used.
        """
        said: dict[str, Any] = {
            "shard": str(self.shard),
            "outcome": "waiting" if lacking else "done",
            "entries": [],
            "runs": runs,
            "round": number,
            "rounds": rounds,
            "waits_for": list(lacking),
            "notes": list(notes),
        }
        files.write_json(folder / results.SUMMARY, said)
        seals.seal(folder, kinds.TUNE_SHARD)
        return FinishedShard(folder, said)


def runs_of(folders: Sequence[Path], columns: Sequence[str]) -> dict[Trial, TrialResult]:
    """All whole runs that these folders hold now."""
    found: dict[Trial, TrialResult] = {}
    for folder in folders:
        if (folder / "history.csv").is_file():
            found |= Store(folder, columns).results
    return found
