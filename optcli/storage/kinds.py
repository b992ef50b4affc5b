"""Kinds: what a folder holds, as its environment.json says.

Two files come first in every folder: config.yaml, from which it was made, and environment.json,
which has its kind and the versions, data and plug-ins it was made with. They are written and read
here. Folders of version 0.1 do not say their kind; `_recognized` knows it by their config.yaml.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optcli.core.errors import Fault, InvalidInput
from optcli.core.version import __version__
from optcli.storage import files

CONFIG, ENVIRONMENT = "config.yaml", "environment.json"
OWN = (CONFIG, ENVIRONMENT)  # they tell a folder of optcli's own making from any other
PICTURE = "gradcheck.png"
REPORT = "report.html"  # a page on a folder: made at any time, and covered by no seal
EVENTS, MLFLOW = "tensorboard", "mlflow.json"  # of a run: what trackers keep in it
BEST, MODELS = "best", "models"  # in a comparison: the configs that it chose, the runs it kept


@dataclass(frozen=True)
class Kind:
    """What a command leaves.

    name: as environment.json has it. what: the same in a sentence. repeat: what to do with
    one that is not whole. resumable: whether a part of it is worth keeping, as it can be
    continued. parts: whether folders of other kinds lie in it. holds: the files of one that is
    finished.
    """

    name: str
    what: str
    repeat: str
    resumable: bool = False
    parts: bool = False
    holds: tuple[str, ...] = OWN


TRAIN = Kind(
    "train",
    "a training run",
    "resume it with optcli train --resume",
    resumable=True,
    holds=(*OWN, "summary.json", "history.csv", "model.npz", "checkpoint.npz"),
)
_CONTINUE = "continue it with optcli compare"
COMPARE = Kind(
    "compare",
    "a comparison",
    _CONTINUE,
    resumable=True,
    holds=(*OWN, "summary.json", "history.csv", "runs.csv"),
)
BENCHMARK = Kind(
    "benchmark",
    "a comparison on several configs",
    _CONTINUE,
    resumable=True,
    parts=True,
    holds=(*OWN, "summary.json", "runs.csv"),
)
TUNE = Kind(
    "tune",
    "a search",
    "continue it with optcli tune",
    resumable=True,
    parts=True,
    holds=(*OWN, "summary.json", "history.csv", "runs.csv", "trials.csv", "best.yaml"),
)
_CONTINUE_SHARD = "continue it with its command, optcli compare --shard"
SHARD = Kind(
    "shard",
    "a shard of a comparison",
    _CONTINUE_SHARD,
    resumable=True,
    holds=(*OWN, "summary.json"),
)
BENCHMARK_SHARD = Kind(
    "benchmark-shard",
    "a shard of a comparison on several configs",
    _CONTINUE_SHARD,
    resumable=True,
    parts=True,
    holds=(*OWN, "summary.json"),
)
TUNE_SHARD = Kind(
    "tune-shard",
    "a shard of a search",
    "continue it with its command, optcli tune --shard",
    resumable=True,
    holds=(*OWN, "summary.json"),
)
SHARDS = (SHARD, BENCHMARK_SHARD, TUNE_SHARD)
TRACE = Kind(
    "trace",
    "a trace",
    "repeat it with optcli trace",
    holds=(*OWN, "summary.json", "paths.csv"),
)
GRADCHECK = Kind(
    "gradcheck",
    "a gradient check",
    "repeat it with optcli gradcheck",
    holds=(*OWN, "summary.json", PICTURE),
)
LANDSCAPE = Kind(
    "landscape",
    "a landscape",
    "repeat it with optcli landscape",
    holds=(*OWN, "summary.json", "grid.csv", "cuts.csv"),
)
EVALUATION = "evaluation.json"
EVALUATE = Kind(
    "evaluate",
    "an evaluation",
    "repeat it with optcli evaluate",
    holds=(*OWN, EVALUATION, "measures.csv"),
)
SEARCHES = (COMPARE, BENCHMARK, TUNE)  # of many runs, each of which is kept as soon as it ends
KINDS = {
    kind.name: kind
    for kind in (
        *(TRAIN, COMPARE, BENCHMARK, SHARD, BENCHMARK_SHARD),
        *(TUNE, TUNE_SHARD, TRACE, LANDSCAPE, GRADCHECK, EVALUATE),
    )
}


def first_files(kind: Kind, config: str, environment: Mapping[str, Any]) -> dict[str, bytes]:
    """environment.json and config.yaml, by name, in the order in which they are written."""
    recorded = {**environment, "kind": kind.name}
    return {ENVIRONMENT: files.json_bytes(recorded), CONFIG: config.encode()}


def rewrite(folder: Path, kind: Kind, config: str, environment: Mapping[str, Any]) -> None:
    """Write environment.json and config.yaml of a claimed folder again, where that changes them."""
    for name, content in first_files(kind, config, environment).items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != content:
            files.write(path, content)


def recorded(folder: Path) -> dict[str, Any]:
    """What environment.json says; raises InvalidInput where it is missing or damaged."""
    return files.read_json(folder / ENVIRONMENT)


def of(folder: Path) -> Kind | None:
    """The kind of a folder; None for one that optcli did not make.

    One that this version does not know has the name that its folder gives. Raises InvalidInput
    where environment.json is damaged.
    """
    path = folder / ENVIRONMENT
    name = recorded(folder).get("kind") if path.is_file() else None
    if name is None:
        return _recognized(folder)
    if not isinstance(name, str):
        raise InvalidInput(Fault("is damaged: 'kind' is not text", file=str(path)))
    unknown = f"optcli {__version__} does not know it; update optcli"
    return KINDS.get(name) or Kind(name, f"a folder of kind '{name}'", unknown)


def guessed(folder: Path) -> Kind | None:
    """The kind of a folder, be it damaged."""
    try:
        return of(folder)
    except InvalidInput:
        return _recognized(folder)


def require(folder: Path, wanted: Kind, remedy: str) -> None:
    """Raise InvalidInput where a folder is of another kind: what it is, and what to do."""
    kind = of(folder)
    if kind is None:
        raise InvalidInput(Fault("is not a run folder", file=str(folder)))
    if kind.name not in KINDS:
        remedy = kind.repeat
    if kind != wanted:
        message = f"is {kind.what}, not {wanted.what}; {remedy}"
        raise InvalidInput(Fault(message, file=str(folder)))


def is_part(folder: Path) -> bool:
    """Whether a folder holds a comparison or a training run that was made as a part of another.

    A comparison that was asked for by itself has the command that did so; a training run that a
    comparison or a search kept says so.
    """
    with contextlib.suppress(InvalidInput):
        kind = of(folder)
        if kind == TRAIN:
            return recorded(folder).get("part_of") in (COMPARE.name, TUNE.name)
        return kind in (COMPARE, SHARD) and not recorded(folder).get("command")
    return guessed(folder) in (COMPARE, SHARD)


def is_picture(folder: Path) -> bool:
    """Whether a folder holds the picture of a gradient check alone, as version 0.1 left it."""
    if not (folder / PICTURE).is_file():
        return False
    names = {path.name for path in folder.iterdir()} - {PICTURE, REPORT}
    return all(name.startswith(".") for name in names)


def _recognized(folder: Path) -> Kind | None:
    """The kind of a folder that does not say it, by what version 0.1 wrote; None for no kind.

    Its config.yaml begins with the name of the kind, lists the optimizers of a trace, or is
    that of a training.
    """
    path = folder / CONFIG
    if (folder / EVALUATION).is_file():
        return EVALUATE
    if not path.is_file():
        return GRADCHECK if is_picture(folder) else None
    try:
        with path.open("rb") as file:
            text = file.read(1 << 16)
    except OSError:
        text = b""  # whoever reads it says why not
    firsts = {kind.name: kind for kind in (COMPARE, BENCHMARK, LANDSCAPE, *SHARDS)} | {
        "search": TUNE
    }
    for first, kind in firsts.items():
        if text.startswith(f"{first}:".encode()):
            return kind
    return TRACE if re.search(rb"^optimizers:", text, re.MULTILINE) else TRAIN
