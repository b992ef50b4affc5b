"""Runs: what lies in a folder of runs: listed, shown, told apart, trained again, removed."""

from __future__ import annotations

import csv
import os
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optcli.core.errors import Fault, InvalidInput
from optcli.core.specs import CacheFolder, with_texts
from optcli.storage import files, run_folder


@dataclass(frozen=True)
class Entry:
    """A run folder at a glance.

    kind: `train`, `compare`, `trace`. damage: what is wrong, if so. resume: the command that
    goes on with one that was interrupted, where it is known.
    """

    folder: Path
    kind: str
    outcome: str
    summary: Mapping[str, Any]
    damage: str | None = None
    resume: str | None = None


def entries(parent: Path) -> Iterator[Entry]:
    """The runs in a folder, by name; damaged ones among them say what is wrong.

    Sizes are held against checksums.json, the files themselves are not read.
    """
    if not parent.is_dir():
        raise InvalidInput(Fault("no such folder", file=str(parent)))
    for folder in sorted(parent.iterdir()):
        if folder.is_dir() and not folder.name.startswith(".") and _is_ours(folder):
            yield entry(folder)


def _is_ours(folder: Path) -> bool:
    """Whether there is anything by which to know a run, be it damaged."""
    return any(
        (folder / name).exists() for name in (*run_folder.OWN, "summary.json", run_folder.SUMS)
    )


def entry(folder: Path) -> Entry:
    """One of them."""
    try:
        damage = _missing(folder)
        summary = _summary(folder / "summary.json") if _has(folder, "summary.json") else {}
    except InvalidInput as error:
        fault = error.faults[0]
        damage, summary = f"{Path(fault.file or '').name} {fault.message}", {}
    kind = _kind(folder, summary)
    open_ = "interrupted" if kind == "compare" else "unfinished"
    outcome = str(summary.get("outcome") or ("done" if summary else open_))
    resume = None if damage or outcome not in (open_, "interrupted") else _resume(folder, kind)
    return Entry(folder, kind, "damaged" if damage else outcome, summary, damage, resume)


def _resume(folder: Path, kind: str) -> str | None:
    """The command that goes on with a run or a comparison; of a trace there is none."""
    if kind == "train":
        return f"optcli train --resume {shlex.quote(str(folder))}"
    told = files.read_json(folder / "environment.json")
    command, directory = told.get("command"), told.get("directory")
    if kind != "compare" or not isinstance(command, str):
        return None
    return going_on(command, folder, directory if isinstance(directory, str) else None)


def going_on(command: str, folder: Path, directory: str | None = None) -> str:
    """The command line of a comparison, with its folder as --out.

    directory: where it was given, from which its paths are seen; None for here.
    """
    words, kept = iter(shlex.split(command)), []
    for word in words:
        if word == "--out":
            next(words, None)
        elif word != "--overwrite" and not word.startswith("--out="):
            kept.append(word)
    if directory is None or Path(directory) == Path.cwd():
        return shlex.join([*kept, "--out", str(folder)])
    there = shlex.join([*kept, "--out", str(folder.absolute())])
    return f"cd {shlex.quote(directory)} && {there}"


def whole(folder: Path) -> Path:
    """The folder of several configs that a comparison is a part of, or its own."""
    path = folder.parent / "config.yaml"
    if path.is_file() and path.read_bytes().startswith(b"benchmark:"):
        return folder.parent
    return folder


def _summary(path: Path) -> dict[str, Any]:
    """What summary.json says, where the parts that are shown are what they must be."""
    found = files.read_json(path)
    for name in ("best", "final", "test"):
        row = found.get(name)
        if row is not None and not (
            isinstance(row, dict) and all(isinstance(v, int | float | None) for v in row.values())
        ):
            raise InvalidInput(Fault(f"is damaged: '{name}' is no row of numbers", file=str(path)))
    for name in ("epochs", "steps", "parameters", "seconds"):
        if not isinstance(found.get(name), int | float | None):
            raise InvalidInput(Fault(f"is damaged: '{name}' is no number", file=str(path)))
    return found


def _has(folder: Path, name: str) -> bool:
    return (folder / name).is_file()


def _missing(folder: Path) -> str | None:
    """What is missing, or of another size than it was."""
    for name in run_folder.OWN:
        if not _has(folder, name):
            return f"{name} is missing"
    if not _has(folder, run_folder.SUMS):
        return None  # not finished, or in use
    for name, told in files.read_json(folder / run_folder.SUMS).items():
        path = folder / name
        if not run_folder.tells(name, told):
            return f"{run_folder.SUMS} is damaged"
        if not path.is_file() or path.stat().st_size != told.get("bytes"):
            return f"{name} is missing or damaged"
    return None


def _kind(folder: Path, summary: Mapping[str, Any]) -> str:
    if "optimizers" in summary or "performances" in summary or _has(folder, "runs.csv"):
        return "compare"
    if not summary and _has(folder, "config.yaml"):
        start = (folder / "config.yaml").read_bytes()[:10]
        if start.startswith((b"compare:", b"benchmark:")):
            return "compare"
    return "trace" if "paths" in summary else "train"


def opened(folder: Path) -> Entry:
    """A run that is whole; raises InvalidInput with all that is missing or damaged."""
    if not folder.is_dir() or not _is_ours(folder):
        raise InvalidInput(Fault("is no run folder", file=str(folder)))
    for name in run_folder.OWN:
        if not _has(folder, name):
            raise InvalidInput(Fault("is missing", file=str(folder / name)))
    run_folder.check_seal(folder)
    found = entry(folder)
    if found.damage:
        raise InvalidInput(Fault(found.damage, file=str(folder)))
    return found


def trained_run(folder: Path) -> Entry:
    """A run of `train` that is whole; raises InvalidInput for any other."""
    found = opened(folder)
    if found.kind != "train":
        message = f"is a {found.kind} folder; must be one of train"
        raise InvalidInput(Fault(message, file=str(folder)))
    return found


def settings(folder: Path) -> dict[str, Any]:
    """The config of a run, by dotted keys; paths as seen from here."""
    from optcli.config import places
    from optcli.config.reading import read_written as read

    values = read(folder / "config.yaml")
    found = dict(_flat(values))
    for key in map(".".join, places(values)):
        if key in found:
            found[key] = with_texts(found[key], lambda path: os.path.relpath(folder / path))
    return found


def _flat(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _flat(inner, f"{key}.{name}" if key else str(name))
    else:
        yield key, value


def measures(entry: Entry) -> dict[str, Any]:
    """What a run came to: outcome, lengths, the best and the last epoch, the test."""
    found: dict[str, Any] = {"outcome": entry.outcome}
    if entry.resume:
        found["continue with"] = entry.resume
    for name in ("epochs", "steps", "parameters", "seconds"):
        if name in entry.summary:
            found[name] = entry.summary[name]
    for name in ("first_loss", "constant_loss", "failed_to_train"):
        if entry.summary.get(name) is not None:
            found[name.replace("_", " ")] = entry.summary[name]
    for part in ("best", "final", "test"):
        row = entry.summary.get(part)
        for name, value in row.items() if isinstance(row, Mapping) else ():
            if name not in ("seconds", "step", "gradient_norm", "update_norm", "lr"):
                found[f"{part} {name}"] = value
    return found


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


def history(path: Path) -> list[dict[str, float]]:
    """The rows of history.csv; raises InvalidInput where it is damaged."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [
                {name: float(value) for name, value in row.items()} for row in csv.DictReader(file)
            ]
    except (OSError, ValueError, TypeError, AttributeError, MemoryError, csv.Error) as error:
        message = f"is damaged and cannot be read ({error})"
        raise InvalidInput(Fault(message, file=str(path))) from error


def remove(folder: Path) -> None:
    """Delete a run folder and all in it; raises InvalidInput where it is none of ours."""
    if not folder.is_dir():
        raise InvalidInput(Fault("is no run folder", file=str(folder)))
    run_folder.remove(folder)
