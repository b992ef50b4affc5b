"""`runs`: list, show, compare and remove what lies in a folder of runs."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optcli.core.errors import Fault, InvalidInput, path_suggestion
from optcli.core.shell import joined, quoted, within
from optcli.core.specs import CacheFolder, with_texts
from optcli.storage import kinds, results, run_folder, seals
from optcli.storage.paths import relative


@dataclass(frozen=True)
class RunEntry:
    """A run folder at a glance.

    kind: as environment.json says it; `unknown` where that is lost. damage: what is wrong, if
    so. resume: the command that continues one that was interrupted, where it is known.
    """

    folder: Path
    kind: str
    outcome: str
    summary: Mapping[str, Any]
    damage: str | None = None
    resume: str | None = None


def entries(parent: Path) -> Iterator[RunEntry]:
    """The runs in a folder, by name; those among them that cannot be read say what is wrong.

    Sizes are held against checksums.json, the files themselves are not read.
    """
    if not parent.is_dir():
        raise InvalidInput(Fault("no such folder", file=str(parent)))
    for folder in sorted(parent.iterdir()):
        if folder.name.startswith("."):
            continue
        try:
            found = entry(folder) if folder.is_dir() and run_folder.is_left(folder) else None
        except OSError as error:
            damage = f"cannot be read: {error.strerror or error}"
            found = RunEntry(folder, "unknown", "damaged", {}, damage)
        if found is not None:
            yield found


def entry(folder: Path) -> RunEntry:
    """One of them."""
    kind, summary = kinds.guessed(folder), {}
    try:
        damage = seals.first_damage(folder)
        kinds.of(folder)
        if (folder / results.SUMMARY).is_file():
            summary = results.summary(folder)
        elif kind == kinds.EVALUATE and (folder / kinds.EVALUATION).is_file():
            summary = {"evaluation": results.evaluation(folder)}
        if run_folder.is_rest(folder):
            damage = "its removal was interrupted; remove it again"
    except InvalidInput as error:
        fault = error.faults[0]
        damage = f"{Path(fault.file or '').name} {fault.message}"
    if kind is None:
        return RunEntry(folder, "unknown", "damaged", summary, damage)
    missing = "interrupted" if kind in (*kinds.SEARCHES, *kinds.SHARDS) else "unfinished"
    if kind == kinds.GRADCHECK and kinds.is_picture(folder):
        missing = "done"
    outcome = str(summary.get("outcome") or ("done" if summary else missing))
    if summary and not seals.is_sealed(folder):
        outcome = missing
    open_ = not damage and outcome in (missing, "interrupted")
    name = "damaged" if damage else outcome
    return RunEntry(
        folder, kind.name, name, summary, damage, continuation(folder) if open_ else None
    )


def continuation(folder: Path) -> str | None:
    """The command that continues a training or a comparison, where it is known."""
    kind = kinds.of(folder)
    if kind == kinds.TRAIN:
        return f"optcli train --resume {quoted(str(folder))}"
    if kind is None or not kind.resumable:
        return None
    recorded = kinds.recorded(folder)
    command, directory = recorded.get("command"), recorded.get("directory")
    if not isinstance(command, str):
        return None
    return going_on(command, folder, directory if isinstance(directory, str) else None)


def going_on(command: str, folder: Path, directory: str | None = None) -> str:
    """The command line of a comparison, with its folder as --out.

    command: quoted for POSIX, as environment.json has it. directory: where it was given, from
    which its paths are seen; None for here.
    """
    words, kept = iter(shlex.split(command)), []
    for word in words:
        if word == "--out":
            next(words, None)
        elif word != "--overwrite" and not word.startswith("--out="):
            kept.append(word)
    if directory is None or Path(directory) == Path.cwd():
        return joined([*kept, "--out", str(folder)])
    return within(directory, joined([*kept, "--out", str(folder.absolute())]))


def opened(folder: Path) -> RunEntry:
    """A run that is whole, finished or not; raises InvalidInput with all that is damaged."""
    if not folder.is_dir() or not run_folder.is_left(folder):
        message = "is not a run folder" if folder.exists() else f"no such folder{_near(folder)}"
        raise InvalidInput(Fault(message, file=str(folder)))
    if run_folder.is_rest(folder):
        message = "its removal was interrupted; remove it again"
        raise InvalidInput(Fault(message, file=str(folder)))
    for name in kinds.OWN:
        if not (folder / name).is_file() and not kinds.is_picture(folder):
            raise InvalidInput(Fault("is missing", file=str(folder / name)))
    seals.check_seal(folder)
    kinds.of(folder)
    found = entry(folder)
    if found.damage:
        raise InvalidInput(Fault(found.damage, file=str(folder)))
    if found.summary and not seals.is_sealed(folder):
        remedy = f"complete it with {found.resume}" if found.resume else "repeat it"
        message = f"is missing, though the run has ended: nothing verifies it; {remedy}"
        raise InvalidInput(Fault(message, file=str(folder / seals.SUMS)))
    return found


def _near(folder: Path) -> str:
    """A run of nearly that name, beside it or in the folder `runs`."""
    homes = [home for home in (Path("runs"), folder.parent) if home.is_dir()]
    there: list[Path] = []
    with contextlib.suppress(OSError):  # of a folder that cannot be read
        there += (each for home in homes for each in home.iterdir() if run_folder.is_left(each))
    return path_suggestion(folder, there)


def trained_run(folder: Path) -> RunEntry:
    """A training run that is whole; raises InvalidInput for any other folder."""
    found = opened(folder)
    kinds.require(folder, kinds.TRAIN, "name a run of optcli train")
    return found


def settings(folder: Path) -> dict[str, Any]:
    """The config of a run, by dotted keys; paths as seen from here."""
    from optcli.config import places
    from optcli.config.yaml_text import read_written as read

    if kinds.is_picture(folder):
        return {}
    values = read(folder / kinds.CONFIG)
    flat = dict(_flat(values))
    if kinds.of(folder) == kinds.EVALUATE:
        named = {key: flat[key] for key in ("run", "data") if isinstance(flat.get(key), str)}
        return flat | {key: relative(folder / path, Path()) for key, path in named.items()}
    for key in map(".".join, places(values)):
        if key in flat:
            flat[key] = with_texts(flat[key], lambda path: relative(folder / path, Path()))
    return flat


def _flat(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _flat(inner, f"{key}.{name}" if key else str(name))
    else:
        yield key, value


def measures(entry: RunEntry) -> dict[str, Any]:
    """What a run came to: outcome, lengths, the best and the last epoch, the test."""
    measured: dict[str, Any] = {"outcome": entry.outcome}
    if entry.resume:
        measured["continue with"] = entry.resume
    for name in ("shard", "runs", "epochs", "steps", "parameters", "seconds"):
        if name in entry.summary:
            measured[name] = entry.summary[name]
    for name in ("first_loss", "constant_loss", "failed_to_train"):
        if entry.summary.get(name) is not None:
            measured[name.replace("_", " ")] = entry.summary[name]
    measured |= _outcomes(entry)
    if isinstance(own := entry.summary.get("evaluation", {}).get("measures"), Mapping):
        measured |= {
            name: each["value"]
            for name, each in own.items()
            if isinstance(each, Mapping) and isinstance(each.get("value"), int | float)
        }
    for part in ("best", "final", "test"):
        row = entry.summary.get(part)
        for name, value in row.items() if isinstance(row, Mapping) else ():
            if name not in ("seconds", "step", "gradient_norm", "update_norm", "sharpness", "lr"):
                measured[f"{part} {name}"] = value
    return measured


def _outcomes(entry: RunEntry) -> dict[str, str]:
    """Of a comparison the ranking and the verdict, of a trace what became of each path."""
    rows, said = entry.summary.get("optimizers"), entry.summary.get("verdict")
    if not isinstance(rows, list) or not isinstance(said, str):
        return {}
    if entry.kind == kinds.BENCHMARK.name:
        return {**entry.summary["configs"], "verdict": said}
    if entry.kind != kinds.COMPARE.name:
        return {}
    ranking = [
        f"{row['rank']}{'=' if row['tied_with'] else ''} {row['label']} ({row['median']:.5g})"
        for row in rows
    ]
    found = {f"median {entry.summary['quantity']}": ", ".join(ranking)}
    if entry.summary.get("version", 1) == 1:  # of optcli 0.1
        found["measured on"] = "the validation rows that chose the epoch, as in optcli 0.1"
    return {**found, "verdict": said}


@dataclass(frozen=True)
class Difference:
    """Two runs side by side: what differs in the config, and all measures."""

    a: Path
    b: Path
    config: Mapping[str, tuple[Any, Any]]
    measures: Mapping[str, tuple[Any, Any]]


def diff(a: Path, b: Path) -> Difference:
    """Compare two runs; raises InvalidInput where one is none or is damaged."""
    first, second = opened(a), opened(b)
    from optcli.config import places

    config = _paired(settings(a), settings(b))
    for name in config.get("dataset.name", ()):
        # where a copy of the data lies makes no difference
        for key in places({"dataset": {"name": name}}, CacheFolder):
            config.pop(".".join(key), None)
    differing = {key: both for key, both in config.items() if both[0] != both[1]}
    return Difference(a, b, differing, _paired(measures(first), measures(second)))


def _paired(one: Mapping[str, Any], two: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {key: (one.get(key), two.get(key)) for key in {**one, **two}}


def remove(folder: Path) -> None:
    """Delete a run folder and all in it; raises InvalidInput where it is none of ours."""
    if not folder.is_dir():
        run_folder.sweep(folder.parent)
        raise InvalidInput(Fault("is not a run folder", file=str(folder)))
    run_folder.remove(folder)
